"""Keras as a port, on the backend of its argument: SimpleRNN, GRU, LSTM, Bidirectional. SPEC 10.5, 11.1 to 11.4."""

import os
import sys
from importlib import import_module
from typing import Any

os.environ["KERAS_BACKEND"] = sys.argv[1]

import keras
from keras import ops

from parity.adapter import Named, Problem, network, serve
from reference.parameters import suffixes

KINDS = {"rnn": keras.layers.SimpleRNN, "gru": keras.layers.GRU, "lstm": keras.layers.LSTM}


def activation(name: str) -> Any:
    return keras.activations.get("linear" if name == "identity" else name)


def layer(problem: Problem) -> Any:
    """One layer, in both directions where the case has two."""
    case, own = problem.case, {"rnn": {"activation": activation(problem.case.nonlinearity)}}
    own["gru"] = {"reset_after": case.reset == "after"}
    options = {"use_bias": case.bias, "return_sequences": True, "return_state": True, **own.get(case.cell, {})}
    found = KINDS[case.cell](case.H, **options)
    return keras.layers.Bidirectional(found) if case.bidirectional else found


def variables(problem: Problem, given: Named, suffix: str) -> list[Any]:
    """The arrays of a direction as Keras has them: transposed, the gates of a GRU as z, r, n. SPEC 11.1 to 11.4."""
    case, H = problem.case, problem.case.H
    arrays = [given[f"{name}{suffix}"] for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
    if case.cell == "gru":
        arrays = [ops.concatenate([array[H : 2 * H], array[:H], array[2 * H :]]) for array in arrays]
    W, U, b_ih, b_hh = arrays
    two = case.cell == "gru" and case.reset == "after"
    return [W.T, U.T, *([ops.stack([b_ih, b_hh]) if two else b_ih + b_hh] if case.bias else [])]


def judged(y: Any, problem: Problem) -> Any:
    """The divergence. SPEC 8.5."""
    weights, target = ops.convert_to_tensor(problem.weights), ops.convert_to_tensor(problem.target)
    y = ops.where(weights[:, :, None] != 0, y, 0)  # what does not count may be NaN
    if problem.case.divergence == "squared_error":
        terms = ops.sum((y - target) ** 2, -1) / 2
    elif problem.case.divergence == "softmax_cross_entropy":
        terms = keras.losses.categorical_crossentropy(target, y, from_logits=True)
    else:
        terms = -ops.sum(target * y, -1)
    return ops.sum(weights * terms)


def forward(inputs: Named, problem: Problem) -> Named:
    """The stack, and of a network its output layer and its divergence. SPEC 3.5, 8.5."""
    case, states, last = problem.case, problem.case.rnn().cell.states, []
    given = {name: ops.convert_to_tensor(array) for name, array in inputs.items()}
    series = ops.swapaxes(given["x"], 0, 1)
    mask = ops.convert_to_tensor(problem.real[:, :, 0].T) if case.lengths else None
    for l, names in enumerate(suffixes(case.num_layers, case.num_directions)):
        first = [given[f"{state}0"][l * len(names) + d] for d in range(len(names)) for state in states]
        own, module = [array for suffix in names for array in variables(problem, given, suffix)], layer(problem)
        module.build(tuple(series.shape))
        rest = [variable.value for variable in module.non_trainable_variables]
        (series, *found), _ = module.stateless_call(own, rest, series, initial_state=first, mask=mask)
        last += found
    outputs = {f"{state}_n": ops.stack(last[at :: len(states)]) for at, state in enumerate(states)}
    outputs["output"] = ops.where(problem.real, ops.swapaxes(series, 0, 1), 0)  # past the end Keras repeats the last
    if case.O is None:
        return outputs
    outputs["z"] = ops.matmul(outputs["output"], given["output.weight"].T) + given["output.bias"]
    outputs["y"] = activation(case.activation)(outputs["z"])
    return outputs | ({"div": judged(outputs["y"], problem)} if "div" in problem.asked else {})


if __name__ == "__main__":
    serve(network(forward, import_module(f"parity.ports.{sys.argv[1]}.port").vjp))
