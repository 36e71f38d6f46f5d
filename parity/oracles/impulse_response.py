"""The closed form of a linear network: h(t) is the sum over the whole past of W11^k applied to what came in. SPEC 30.1.

    h(t) = W11^(t+1) h(-1) + sum over k = 0..t of W11^k (W1 x(t-k) + b)        y(t) = W2 h(t) + b2

No recursion: every h(t) is summed from matrix powers by itself. It speaks for one layer in one direction.
"""

import numpy as np

from parity.cases import Arrays, Case
from reference.arrays import Array


def supports(case: Case) -> bool:
    """One linear layer, one direction, every sequence of full length."""
    return (
        case.cell == "rnn"
        and case.nonlinearity == "identity"
        and case.num_layers == 1
        and not case.bidirectional
        and case.lengths is None
        and not case.exact
    )


def run(case: Case, values: Arrays, device: str = "cpu") -> dict[str, Array]:
    """h, output, h_n, and with an output layer z and y."""
    w1, w11 = (values.params[f"{case.prefix}weight_{part}_l0"] for part in ("ih", "hh"))
    x = values.x if case.batched else values.x[:, None]
    x = x.swapaxes(0, 1) if case.batch_first else x
    T, B, _ = x.shape
    u = np.einsum("hi,tbi->tbh", w1, x)
    if case.bias:
        u = u + values.params[f"{case.prefix}bias_ih_l0"] + values.params[f"{case.prefix}bias_hh_l0"]
    powers = [np.linalg.matrix_power(w11, k) for k in range(T + 1)]
    h = np.stack([sum(np.einsum("gh,bh->bg", powers[k], u[t - k]) for k in range(t + 1)) for t in range(T)])
    if values.initial is not None:
        h0 = values.initial["h"].reshape(B, case.H)
        h = h + np.stack([h0 @ powers[t + 1].T for t in range(T)])
    h_n = h[-1:]
    tensors = {"h_l0": h, "output": case.laid_out(h), "h_n": h_n if case.batched else h_n[:, 0]}
    if case.O is not None:
        tensors["z"] = case.laid_out(h @ values.params["output.weight"].T + values.params["output.bias"])
    return tensors
