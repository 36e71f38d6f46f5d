"""PaddlePaddle as a port: nn.SimpleRNN, GRU and LSTM, differentiated by paddle.grad. SPEC 10.5."""

from collections.abc import Callable
from typing import Any

import numpy as np
import paddle
from paddle.nn import functional as F

from parity.adapter import Named, Problem, network, serve
from reference.parameters import suffixes

KINDS = {"rnn": paddle.nn.SimpleRNN, "gru": paddle.nn.GRU, "lstm": paddle.nn.LSTM}
ACTIVATIONS: dict[str, Callable[[Any], Any]] = {
    "identity": lambda z: z,
    "softplus": lambda z: F.softplus(z, threshold=40),  # from its default of 20 on it gives z. SPEC 30.1
    **{name: getattr(F, name) for name in ("tanh", "relu", "sigmoid", "softmax", "log_softmax")},
}


def layer_of(given: Named, problem: Problem) -> Any:
    """The layer of a case; the parameters that it made give way to those of the case, which have gradients."""
    case, held = problem.case, {}
    options: Named = {"num_layers": case.num_layers, "time_major": not case.batch_first}
    options |= {"direction": "bidirect" if case.bidirectional else "forward"}
    options |= {"rnn": {"activation": case.nonlinearity}, "lstm": {"proj_size": case.proj_size}}.get(case.cell, {})
    layer = KINDS[case.cell](case.I, case.H, **options)
    for l, names in enumerate(suffixes(case.num_layers, case.num_directions)):
        for suffix, part in zip(names, ("cell_fw", "cell_bw") if case.bidirectional else ("cell",), strict=True):
            cell = getattr(layer[l], part)
            for name, parameter in cell._parameters.items():
                own = given[f"weight_hr{suffix}"].T if name == "weight_ho" else given[f"{name}{suffix}"]
                held[id(parameter)] = cell._parameters[name] = own
    if layer.could_use_cudnn:  # of the fused kernel, that of the CPU too
        layer._all_weights = [held[id(parameter)] for parameter in layer._all_weights]
    return layer


def forward(inputs: Named, problem: Problem) -> Named:
    """The stack, and of a network its output layer and its divergence. SPEC 3.5, 8.5."""
    case, states = problem.case, problem.case.rnn().cell.states
    given = {name: paddle.to_tensor(a) if isinstance(a, np.ndarray) else a for name, a in inputs.items()}
    ends = paddle.to_tensor(problem.lengths.astype(np.int32)) if case.lengths else None
    first = tuple(given[f"{name}0"] for name in states)
    x = given["x"].transpose([1, 0, 2]) if case.batch_first else given["x"]
    output, last = layer_of(given, problem)(x, first if case.cell == "lstm" else first[0], ends)
    output = output.transpose([1, 0, 2]) if case.batch_first else output
    outputs = {"output": paddle.where(paddle.to_tensor(problem.real), output, paddle.zeros_like(output))}
    outputs |= {f"{name}_n": state for name, state in zip(states, last if case.cell == "lstm" else [last], strict=True)}
    if case.O is None:
        return outputs
    outputs["z"] = F.linear(outputs["output"], given["output.weight"].T, given["output.bias"])
    y = outputs["y"] = ACTIVATIONS[case.activation](outputs["z"])
    if "div" not in problem.asked:
        return outputs
    weights, target = paddle.to_tensor(problem.weights), paddle.to_tensor(problem.target)
    y = paddle.where(weights[:, :, None] != 0, y, paddle.zeros_like(y))  # what does not count may be NaN
    if case.divergence == "squared_error":
        terms = F.mse_loss(y, target, reduction="none").sum(-1) / 2
    elif case.divergence == "softmax_cross_entropy":
        terms = F.cross_entropy(y, target, reduction="none", soft_label=True)[:, :, 0]
    else:
        terms = -(target * y).sum(-1)
    return outputs | {"div": (weights * terms).sum()}


def vjp(f: Callable[[Named], Named], inputs: Named, upstream: Named) -> tuple[Named, Named]:
    """What f gives, and the gradients of its inputs; None, where nothing depends on one, is 0."""
    given = {name: paddle.to_tensor(array, stop_gradient=False) for name, array in inputs.items()}
    outputs, above = f(given), [paddle.to_tensor(array) for array in upstream.values()]
    found = paddle.grad([outputs[name] for name in upstream], [*given.values()], above, allow_unused=True)
    zero = {name: 0 * array for name, array in inputs.items()}
    return outputs, {n: zero[n] if d is None else d.numpy() for n, d in zip(given, found, strict=True)}


if __name__ == "__main__":
    serve(network(forward, vjp))
