"""A wrong configuration raises; where torch raises too, in torch's own words."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import reference
from reference import CTC, GRU, LSTM, RNN, Network
from tests.reference.validation.calls import (
    RNG,
    RNN_1,
    H,
    I,
    O,
    Wrong,
)

# Configuration: with the torch call that is wrong in the same way, where torch raises.

IN_RANGE = "dropout should be a number in range [0, 1] representing the probability of an element being zeroed"

SAME_AS_TORCH: list[tuple[type[Exception], tuple[Any, ...], dict[str, Any]]] = [
    (ValueError, (0, H), {}),
    (ValueError, (I, -1), {}),
    (ValueError, (I, H), {"num_layers": 0}),
    (TypeError, (3.0, H), {}),
    (TypeError, (I, 5.0), {}),
    (TypeError, (I, H), {"bias": 1}),
    (TypeError, (I, H), {"batch_first": None}),
    (ValueError, (I, H), {"num_layers": 2, "dropout": 1.5}),
    (ValueError, (I, H), {"num_layers": 2, "dropout": -0.1}),
    (ValueError, (I, H), {"num_layers": 2, "dropout": True}),
    (ValueError, (I, H), {"num_layers": 2, "dropout": float("nan")}),
]


OF_ONE_CELL: list[tuple[type[Exception], str, dict[str, Any]]] = [
    (ValueError, "RNN", {"nonlinearity": "sigmoid"}),
    (ValueError, "LSTM", {"proj_size": -1}),
    (ValueError, "LSTM", {"proj_size": H}),
    (ValueError, "LSTM", {"proj_size": H + 1}),
]


@pytest.mark.parametrize(("kind", "arguments", "options"), SAME_AS_TORCH)
@pytest.mark.parametrize("name", ["RNN", "GRU", "LSTM"])
def test_a_wrong_configuration_raises_what_torch_raises(
    name: str, kind: type[Exception], arguments: tuple[Any, ...], options: dict[str, Any]
) -> None:
    with pytest.raises(kind) as of_torch:
        getattr(torch.nn, name)(*arguments, **options)
    with pytest.raises(kind) as ours:
        getattr(reference, name)(*arguments, **options)
    assert str(ours.value) == str(of_torch.value)


@pytest.mark.parametrize(("kind", "name", "options"), OF_ONE_CELL)
def test_a_wrong_option_of_one_cell_raises_what_torch_raises(
    kind: type[Exception], name: str, options: dict[str, Any]
) -> None:
    with pytest.raises(kind) as of_torch:
        getattr(torch.nn, name)(I, H, **options)
    with pytest.raises(kind) as ours:
        getattr(reference, name)(I, H, **options)
    assert str(ours.value).startswith(str(of_torch.value))  # of the nonlinearity there is one more here


CONFIGURATION: dict[str, Wrong] = {
    "bidirectional is an int": (
        lambda: RNN(I, H, bidirectional=1),  # type: ignore[arg-type]
        TypeError,
        "bidirectional should be of type bool, got: int",
    ),
    "dropout is a string": (lambda: RNN(I, H, dropout="0.5"), ValueError, IN_RANGE),  # type: ignore[arg-type]
    "num_layers is a float": (
        lambda: RNN(I, H, num_layers=2.0),  # type: ignore[arg-type]
        TypeError,
        "num_layers should be of type int, got: float",
    ),
    "input_size is a bool": (lambda: RNN(True, H), TypeError, "input_size should be of type int, got: bool"),
    "nonlinearity is no string": (
        lambda: RNN(I, H, nonlinearity=["tanh"]),  # type: ignore[arg-type]
        ValueError,
        "Unknown nonlinearity '['tanh']'. Select from 'tanh' or 'relu'. ('identity', which torch lacks, is there too.)",
    ),
    "reset is unknown": (
        lambda: GRU(I, H, reset="never"),
        ValueError,
        "Unknown reset 'never'. Select from 'after' or 'before'.",
    ),
    "reset is no string": (
        lambda: GRU(I, H, reset=["after"]),  # type: ignore[arg-type]
        ValueError,
        "Unknown reset '['after']'. Select from 'after' or 'before'.",
    ),
    "proj_size is a float": (
        lambda: LSTM(I, H, proj_size=2.0),  # type: ignore[arg-type]
        TypeError,
        "proj_size should be of type int, got: float",
    ),
    "proj_size is a bool": (
        lambda: LSTM(I, H, proj_size=True),
        TypeError,
        "proj_size should be of type int, got: bool",
    ),
    "a wrong size comes before a wrong proj_size": (
        lambda: LSTM(I, 0, proj_size=7),
        ValueError,
        "hidden_size must be greater than zero",
    ),
    "rnn is of torch": (
        lambda: Network(torch.nn.RNN(I, H), O),  # type: ignore[arg-type]
        TypeError,
        "rnn should be a recurrent stack such as RNN, GRU or LSTM, got: RNN",
    ),
    "rnn is a string": (
        lambda: Network("rnn", O),  # type: ignore[arg-type]
        TypeError,
        "rnn should be a recurrent stack such as RNN, GRU or LSTM, got: str",
    ),
    "output_size is zero": (lambda: Network(RNN_1, 0), ValueError, "output_size must be greater than zero"),
    "output_size is a float": (
        lambda: Network(RNN_1, 4.0),  # type: ignore[arg-type]
        TypeError,
        "output_size should be of type int, got: float",
    ),
    "activation is unknown": (
        lambda: Network(RNN_1, O, "gelu"),
        ValueError,
        "Unknown activation 'gelu'. Select from "
        "'identity', 'sigmoid', 'tanh', 'relu', 'softplus', 'softmax', 'log_softmax'.",
    ),
    "activation is no string": (
        lambda: Network(RNN_1, O, None),  # type: ignore[arg-type]
        ValueError,
        "Unknown activation 'None'. Select from "
        "'identity', 'sigmoid', 'tanh', 'relu', 'softplus', 'softmax', 'log_softmax'.",
    ),
    "reduction is unknown": (
        lambda: Network(RNN_1, O, reduction="none"),
        ValueError,
        "Unknown reduction 'none'. Select from 'sum' or 'mean'.",
    ),
    "divergence is unknown": (
        lambda: Network(RNN_1, O, divergence="hinge"),
        ValueError,
        "Unknown divergence 'hinge'. Select from 'squared_error', 'cross_entropy', 'kl', 'binary_cross_entropy', "
        "'negative_log_likelihood', 'softmax_cross_entropy'.",
    ),
    "a logarithm of logits": (
        lambda: Network(RNN_1, O, "identity", "cross_entropy"),
        ValueError,
        "cross_entropy cannot take the output of 'identity'. Select from 'sigmoid', 'softmax'.",
    ),
    "a softmax twice": (
        lambda: Network(RNN_1, O, "softmax", "softmax_cross_entropy"),
        ValueError,
        "softmax_cross_entropy cannot take the output of 'softmax'. Select from "
        "'identity', 'relu', 'sigmoid', 'softplus', 'tanh'.",
    ),
    "divergence has no methods": (
        lambda: Network(RNN_1, O, divergence=len),  # type: ignore[arg-type]
        TypeError,
        "divergence should be a name, or an object with `value` and `gradient`, got: builtin_function_or_method",
    ),
    "a mean over steps of a divergence of sequences": (
        lambda: Network(RNN_1, O, divergence=CTC(), reduction="mean"),
        ValueError,
        "reduction 'mean' is one over steps: give ctc a reduction of its own",
    ),
    "blank is a bool": (lambda: CTC(True), TypeError, "blank should be of type int, got: bool"),
    "blank is a float": (
        lambda: CTC(0.0),  # type: ignore[arg-type]
        TypeError,
        "blank should be of type int, got: float",
    ),
    "zero_infinity is an int": (
        lambda: CTC(zero_infinity=1),  # type: ignore[arg-type]
        TypeError,
        "zero_infinity should be of type bool, got: int",
    ),
    "dtype of initialisation": (
        lambda: RNN_1.init(RNG, np.float16),
        TypeError,
        "dtype should be of dtype float32 or float64, got: float16",
    ),
}


@pytest.mark.parametrize(("call", "kind", "message"), CONFIGURATION.values(), ids=CONFIGURATION)
def test_a_wrong_configuration_raises(call: Callable[[], object], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind) as caught:
        call()
    assert str(caught.value) == message


def test_a_seed_is_no_generator() -> None:
    with pytest.raises(TypeError, match=r"^rng should be a numpy.random.Generator, got: int$"):
        RNN_1.init(5)  # type: ignore[arg-type]
