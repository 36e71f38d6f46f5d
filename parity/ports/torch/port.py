"""PyTorch as a port: torch.nn.RNN, GRU and LSTM, differentiated by autograd. SPEC 10.5."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from parity.adapter import Named, Problem, network, serve

ACTIVATIONS: dict[str, Callable[[Any], Any]] = {
    "identity": lambda z: z,
    "softplus": partial(F.softplus, threshold=40),  # from its default of 20 on it gives z. SPEC 30.1
    **{name: getattr(torch, name) for name in ("tanh", "relu", "sigmoid")},
    **{name: partial(getattr(torch, name), dim=-1) for name in ("softmax", "log_softmax")},
}


def recurrent(given: Named, problem: Problem, call: Callable[..., Any]) -> Named:
    """What the module of a case gives, in its own layout; ragged sequences are packed. SPEC 6.1."""
    case, ragged, states = problem.case, problem.case.lengths is not None, problem.case.rnn().cell.states
    options: Named = {name: getattr(case, name) for name in ("num_layers", "bias", "batch_first", "bidirectional")}
    options |= {"rnn": {"nonlinearity": case.nonlinearity}, "lstm": {"proj_size": case.proj_size}}.get(case.cell, {})
    module = getattr(torch.nn, case.cell.upper())(case.I, case.H, **options)
    x = given["x"].transpose(0, 1) if case.batch_first else given["x"] if case.batched else given["x"][:, 0]
    if ragged:
        x = pack_padded_sequence(x, torch.as_tensor(problem.lengths), case.batch_first, enforce_sorted=False)
    first = tuple(given[f"{name}0"] if case.batched else given[f"{name}0"][:, 0] for name in states)
    parameters = {name: given[name] for name in module.state_dict()}
    output, last = call(module, parameters, (x, first if case.cell == "lstm" else first[0]))
    if ragged:
        output, _ = pad_packed_sequence(output, case.batch_first, total_length=case.T)
    outputs = {"output": output.transpose(0, 1) if case.batch_first else output}
    outputs |= {f"{name}_n": state for name, state in zip(states, last if case.cell == "lstm" else [last], strict=True)}
    return outputs if case.batched else {name: array[:, None] for name, array in outputs.items()}


def judged(y: Any, problem: Problem) -> Any:
    """The divergence, by PyTorch's own loss functions. SPEC 8.5, 8.7, 8.8."""
    case, weights, target = problem.case, torch.as_tensor(problem.weights), torch.as_tensor(problem.target)
    y = torch.where(weights[:, :, None] != 0, y, 0)  # what does not count may be NaN
    if case.divergence == "ctc":
        labels, options = target.reshape(case.B, -1), (case.blank, case.reduction, case.zero_infinity)
        ends = torch.as_tensor(problem.lengths), (labels >= 0).sum(-1)
        return F.ctc_loss(y.log_softmax(-1), labels, *ends, *options)
    if case.divergence == "mean_pooled_cross_entropy":
        pooled = (weights[:, :, None] * y).sum(0) / weights.sum(0)[:, None]
        return F.cross_entropy(pooled, target.reshape(-1), reduction=case.reduction)
    terms: Callable[[], Any] = {
        "squared_error": lambda: F.mse_loss(y, target, reduction="none").sum(-1) / 2,
        "binary_cross_entropy": lambda: F.binary_cross_entropy(y, target, reduction="none").sum(-1),
        "negative_log_likelihood": lambda: -(target * y).sum(-1),
        "softmax_cross_entropy": lambda: F.cross_entropy(y.mT, target.mT, reduction="none"),
    }[case.divergence]
    return (weights * terms()).sum()


def forward(inputs: Named, problem: Problem, call: Callable[..., Any] = torch.func.functional_call) -> Named:
    """The stack, and of a network its output layer and its divergence. SPEC 3.5, 8.5."""
    given = {name: torch.as_tensor(array) for name, array in inputs.items()}
    outputs = recurrent(given, problem, call)
    if problem.case.O is None:
        return outputs
    outputs["z"] = F.linear(outputs["output"], given["output.weight"], given["output.bias"])
    outputs["y"] = ACTIVATIONS[problem.case.activation](outputs["z"])
    return outputs | ({"div": judged(outputs["y"], problem)} if "div" in problem.asked else {})


def vjp(f: Callable[[Named], Named], inputs: Named, upstream: Named) -> tuple[Named, Named]:
    """What f gives, and the gradients of its inputs."""
    given = {name: torch.tensor(array, requires_grad=True) for name, array in inputs.items()}
    outputs, above = f(given), [torch.as_tensor(array) for array in upstream.values()]
    found = torch.autograd.grad([outputs[name] for name in upstream], [*given.values()], above, materialize_grads=True)
    return {name: array.detach() for name, array in outputs.items()}, dict(zip(given, found, strict=True))


if __name__ == "__main__":
    serve(network(forward, vjp))
