"""MLX as a port: nn.RNN, GRU and LSTM, layer upon layer, differentiated by mlx.core.vjp. SPEC 10.5."""

from collections.abc import Callable
from typing import Any

import mlx.core as mx
import numpy as np
from mlx import nn

from parity.adapter import Named, Problem, network, serve

mx.set_default_device(mx.cpu)  # float64 is there alone

KINDS = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}
ACTIVATIONS: dict[str, Callable[[Any], Any]] = {
    "identity": lambda z: z,
    **{name: getattr(nn, name) for name in ("tanh", "relu", "sigmoid", "softplus", "softmax", "log_softmax")},
}


def tensor(array: Any) -> Any:
    """mx.array makes a float32 of float64, unless it is told not to."""
    return mx.array(array, dtype=getattr(mx, array.dtype.name)) if isinstance(array, np.ndarray) else array


def layer(problem: Problem, given: Named, l: int) -> Any:
    """A layer with the parameters of the case: one bias, and of a GRU a second of the block n. SPEC 0.9."""
    case, rz = problem.case, 2 * problem.case.H
    W, U, b, b_hh = (given[f"{name}_l{l}"] for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
    options: Named = {"nonlinearity": ACTIVATIONS[case.nonlinearity]} if case.cell == "rnn" else {}
    own: Named = {"Wxh": W, "Whh": U} if case.cell == "rnn" else {"Wx": W, "Wh": U}
    if case.bias and case.cell == "gru":
        own |= {"b": mx.concatenate([b[:rz] + b_hh[:rz], b[rz:]]), "bhn": b_hh[rz:]}
    elif case.bias:
        own["bias"] = b + b_hh
    return KINDS[case.cell](W.shape[1], case.H, case.bias, **options).update(own)


def judged(y: Any, problem: Problem) -> Any:
    """The divergence, by MLX's own loss functions. SPEC 8.5."""
    weights, target = tensor(problem.weights), tensor(problem.target)
    y = mx.where(weights[:, :, None] != 0, y, 0)  # what does not count may be NaN
    if problem.case.divergence == "squared_error":
        terms = nn.losses.mse_loss(y, target, reduction="none").sum(-1) / 2
    elif problem.case.divergence == "softmax_cross_entropy":
        terms = nn.losses.cross_entropy(y, target, reduction="none")
    else:
        terms = -(target * y).sum(-1)
    return (weights * terms).sum()


def forward(inputs: Named, problem: Problem) -> Named:
    """The stack, batch first, and of a network its output layer and its divergence. SPEC 3.5, 8.5."""
    case, states, last = problem.case, problem.case.rnn().cell.states, []
    given = {name: tensor(array) for name, array in inputs.items()}
    series = given["x"].swapaxes(0, 1)
    for l in range(case.num_layers):
        found = layer(problem, given, l)(series, *(given[f"{name}0"][l] for name in states))
        found = found if case.cell == "lstm" else (found,)
        series, last = found[0], [*last, [each[:, -1] for each in found]]
    outputs = {f"{name}_n": mx.stack(each) for name, each in zip(states, zip(*last, strict=True), strict=True)}
    outputs["output"] = series.swapaxes(0, 1)
    if case.O is None:
        return outputs
    outputs["z"] = outputs["output"] @ given["output.weight"].T + given["output.bias"]
    outputs["y"] = ACTIVATIONS[case.activation](outputs["z"])
    return outputs | ({"div": judged(outputs["y"], problem)} if "div" in problem.asked else {})


def vjp(f: Callable[[Named], Named], inputs: Named, upstream: Named) -> tuple[Named, Named]:
    """What f gives, and the gradients of its inputs."""
    given, above = ([tensor(array) for array in arrays.values()] for arrays in (inputs, upstream))
    _, found = mx.vjp(lambda *at: [f(dict(zip(inputs, at, strict=True)))[name] for name in upstream], given, above)
    return f(inputs), dict(zip(inputs, found, strict=True))


if __name__ == "__main__":
    serve(network(forward, vjp))
