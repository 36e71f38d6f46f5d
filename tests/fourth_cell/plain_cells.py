"""The two cells in scalar loops, in the form of `reference/plain.py`: what their truth is computed with."""

from collections.abc import Mapping
from typing import Any

from reference.plain import (
    activate,
    add,
    affine,
    before,
    bias,
    blend,
    blocks,
    crosses,
    matrix_vector,
    pooled,
    row_matrix,
    zeros_like,
)

List = list[Any]
Params = Mapping[str, List]


def mgu_forward(params: Params, x: List, start: Params, numbers: Any) -> Params:
    """`h(t) = n(t) + z(t) (h(t-1) - n(t))`, z and n from the blocks of a(t)."""
    b_ih, b_hh = bias(params, "bias_ih"), bias(params, "bias_hh")
    h, trace = start["h"], _series("a", "h")
    for x_t in x:
        a = add(affine(params["weight_ih"], x_t, b_ih), affine(params["weight_hh"], h, b_hh))
        a_z, a_n = blocks(a, len(h))
        h = blend(activate("tanh", a_n, numbers), activate("sigmoid", a_z, numbers), h)
        trace["a"].append(a)
        trace["h"].append(h)
    return trace


def mgu_backward(
    k: int, params: Params, x: List, start: Params, trace: Params, above: List, d_end: Params, numbers: Any
) -> dict[str, List]:
    """The adjoint of `mgu_forward`."""
    h_before, H = before(start["h"], trace["h"]), len(start["h"])
    d_h: List = [[]] * len(x)
    d_a: List = [[]] * len(x)
    carry = d_end["h"]
    for t in reversed(range(len(x))):
        h, dh = h_before[t], add(above[t], carry)
        a_z, a_n = blocks(trace["a"][t], H)
        z, n = activate("sigmoid", a_z, numbers), activate("tanh", a_n, numbers)
        da_z = [dh[j] * (h[j] - n[j]) * (z[j] * (1 - z[j])) for j in range(H)]
        da_n = [dh[j] * (1 - z[j]) * (1 - n[j] * n[j]) for j in range(H)]
        carry = add([dh[j] * z[j] for j in range(H)], row_matrix(da_z + da_n, params["weight_hh"]))
        if not crosses(t, k):
            carry = zeros_like(carry)
        d_h[t], d_a[t] = dh, da_z + da_n
    return {"d_h": d_h, "d_a": d_a, "d_h0": carry, **_shared(params, x, d_a, h_before)}


def leaky_forward(params: Params, x: List, start: Params, numbers: Any) -> Params:
    """`c(t) = c(t-1) / 2 + a(t)`, `m(t) = tanh(c(t))`, `h(t) = W_hr m(t)`."""
    h, c, trace = start["h"], start["c"], _series("a", "c", "m", "h")
    for x_t in x:
        a = add(matrix_vector(params["weight_ih"], x_t), matrix_vector(params["weight_hh"], h))
        c = [c[j] / 2 + a[j] for j in range(len(c))]
        m = activate("tanh", c, numbers)
        h = matrix_vector(params["weight_hr"], m)
        for name, value in zip(trace, (a, c, m, h), strict=True):
            trace[name].append(value)
    return trace


def leaky_backward(
    k: int, params: Params, x: List, start: Params, trace: Params, above: List, d_end: Params, numbers: Any
) -> dict[str, List]:
    """The adjoint of `leaky_forward`."""
    d: dict[str, List] = {name: [[]] * len(x) for name in ("d_h", "d_m", "d_c")}
    carry_h, carry_c = d_end["h"], d_end["c"]
    for t in reversed(range(len(x))):
        dh, m = add(above[t], carry_h), trace["m"][t]
        dm = row_matrix(dh, params["weight_hr"])
        dc = [dm[j] * (1 - m[j] * m[j]) + carry_c[j] for j in range(len(m))]
        carry_c, carry_h = [dc_j / 2 for dc_j in dc], row_matrix(dc, params["weight_hh"])
        if not crosses(t, k):
            carry_c, carry_h = zeros_like(carry_c), zeros_like(carry_h)
        d["d_h"][t], d["d_m"][t], d["d_c"][t] = dh, dm, dc
    d |= {"d_a": d["d_c"], "d_h0": carry_h, "d_c0": carry_c, "d_weight_hr": pooled(d["d_h"], trace["m"])}
    return d | _shared(params, x, d["d_a"], before(start["h"], trace["h"]))


def _series(*names: str) -> dict[str, List]:
    """An empty series for each name."""
    return {name: [] for name in names}


def _shared(params: Params, x: List, d_a: List, h_before: List) -> dict[str, List]:
    """What is pooled for both, and d_x."""
    return {
        "d_x": [row_matrix(da, params["weight_ih"]) for da in d_a],
        "d_weight_ih": pooled(d_a, x),
        "d_weight_hh": pooled(d_a, h_before),
        "d_bias_ih": add(*d_a),
        "d_bias_hh": add(*d_a),
    }
