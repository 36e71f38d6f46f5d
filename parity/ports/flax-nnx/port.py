"""Flax as a port: nnx.RNN and Bidirectional around its cells, differentiated by jax.vjp. SPEC 10.5, 11.1 to 11.4."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from parity.adapter import Named, Problem, network, serve
from parity.ports.jax.port import judged, vjp
from reference.parameters import suffixes

NONLINEARITIES = {"tanh": nnx.tanh, "relu": nnx.relu, "identity": nnx.identity}
ACTIVATIONS: dict[str, Callable[[Any], Any]] = NONLINEARITIES | {
    name: getattr(nnx, name) for name in ("sigmoid", "softplus", "softmax", "log_softmax")
}


def layer(problem: Problem, inputs: Named, suffix: str, features: int) -> nnx.RNN:
    """One direction of one layer, with the parameters of the case. SPEC 11.1, 11.3, 11.4."""
    case = problem.case
    options: Named = {"rngs": nnx.Rngs(0), "dtype": inputs["x"].dtype, "param_dtype": inputs["x"].dtype}
    if case.cell == "rnn":
        cell = nnx.SimpleCell(features, case.H, activation_fn=NONLINEARITIES[case.nonlinearity], **options)
    else:
        cell = {"gru": nnx.GRUCell, "lstm": nnx.OptimizedLSTMCell}[case.cell](features, case.H, **options)
    cell.dense_i.kernel.value = inputs[f"weight_ih{suffix}"].T
    cell.dense_h.kernel.value = inputs[f"weight_hh{suffix}"].T
    biased = cell.dense_h if case.cell == "lstm" else cell.dense_i
    biased.bias.value = inputs[f"bias_ih{suffix}"] + inputs[f"bias_hh{suffix}"]  # it has no other
    return nnx.RNN(cell, return_carry=True)


def recurrent(inputs: Named, problem: Problem) -> Named:
    """A layer at a time; past the end of a sequence its output means nothing, and is not read. SPEC 11.1."""
    case, states, last = problem.case, problem.case.rnn().cell.states, []
    batch_first = case.layout == "batch_first"
    options: Named = {"seq_lengths": jnp.asarray(problem.lengths) if case.lengths else None, "return_carry": True}
    options["time_major"] = not batch_first
    series = inputs["x"].swapaxes(0, 1) if batch_first else inputs["x"]
    for l, names in enumerate(suffixes(case.num_layers, case.num_directions)):
        layers = [layer(problem, inputs, suffix, series.shape[-1]) for suffix in names]
        rows = range(l * len(names), (l + 1) * len(names))
        carries = [tuple(inputs[f"{name}0"][row] for name in reversed(states)) for row in rows]  # c first
        carries = carries if case.cell == "lstm" else [carry[0] for carry in carries]
        if case.bidirectional:
            found, series = nnx.Bidirectional(*layers)(series, initial_carry=tuple(carries), **options)
        else:
            found, series = layers[0](series, initial_carry=carries[0], **options)
            found = [found]
        last += found
    ends = [carry if case.cell == "lstm" else (carry,) for carry in last]
    named = {f"{name}_n": jnp.stack([carry[-1 - at] for carry in ends]) for at, name in enumerate(states)}
    series = jnp.where(problem.real, series.swapaxes(0, 1) if batch_first else series, 0)
    return {"output": series} | named


def forward(inputs: Named, problem: Problem) -> Named:
    """The stack, and of a network its output layer and its divergence. SPEC 3.5, 8.5."""
    outputs = recurrent(inputs, problem)
    if problem.case.O is None:
        return outputs
    outputs["z"] = outputs["output"] @ inputs["output.weight"].T + inputs["output.bias"]
    outputs["y"] = ACTIVATIONS[problem.case.activation](outputs["z"])
    return outputs | ({"div": judged(outputs["y"], problem)} if "div" in problem.asked else {})


if __name__ == "__main__":
    jax.config.update("jax_enable_x64", True)
    serve(network(forward, vjp))
