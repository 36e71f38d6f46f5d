"""A wrong argument of forward or step raises before any arithmetic, the first wrong one of several."""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from reference.arrays import Array
from tests.reference.validation.calls import (
    ALONE,
    BACKWARD,
    E_1,
    E_2,
    E_GRU,
    E_LSTM,
    EVERY_CALL,
    FORWARD,
    FORWARD_2,
    FORWARD_GRU,
    FORWARD_LSTM,
    INDICES,
    MASKS,
    NET_PARAMS,
    NETWORK,
    RNG,
    RNN_1,
    RNN_2,
    STEP,
    STEP_LSTM,
    TRACE_2,
    B,
    Call,
    Computed,
    H,
    I,
    T,
    Wrong,
    at,
    raises,
    untouchable,
    without,
)


def _all_dropped() -> object:
    rnn = replace(RNN_2, dropout=1.0)
    return rnn.forward(E_2.params, E_2.x, dropout_masks=at(~MASKS, (0, 1, 1, 1), True))


def _none_dropped() -> object:
    rnn = replace(RNN_2, dropout=0.0)
    return rnn.forward(E_2.params, E_2.x, dropout_masks=at(MASKS, (0, 1, 1, 1), False))


ARGUMENTS: dict[str, Wrong] = {
    # params
    "params is no mapping": (
        lambda: FORWARD(params=list(E_1.params.values())),
        TypeError,
        "params should be a mapping from name to array, got: list",
    ),
    "a parameter is missing": (
        lambda: FORWARD(params=without(E_1.params, "bias_hh_l0")),
        ValueError,
        'Missing key(s) in params: "bias_hh_l0"',
    ),
    "parameters are missing and unexpected": (
        lambda: FORWARD(params=without(without(E_1.params, "bias_hh_l0"), "weight_ih_l0") | {"b": RNG.random(H)}),
        ValueError,
        'Missing key(s) in params: "weight_ih_l0", "bias_hh_l0"; Unexpected key(s) in params: "b"',
    ),
    "parameters are of wrong shapes": (
        lambda: FORWARD(params=E_1.params | {"weight_hh_l0": RNG.random((I, H)), "bias_ih_l0": RNG.random((1, H))}),
        ValueError,
        "size mismatch for weight_hh_l0: expected (5, 5), got (3, 5); "
        "size mismatch for bias_ih_l0: expected (5,), got (1, 5)",
    ),
    "a parameter is a list": (
        lambda: FORWARD(params=E_1.params | {"bias_ih_l0": [0.5] * H}),
        TypeError,
        "params['bias_ih_l0'] should be a NumPy array, got: list",
    ),
    "a parameter is of integers": (
        lambda: FORWARD(params=E_1.params | {"bias_ih_l0": np.arange(H)}),
        TypeError,
        "params['bias_ih_l0'] should be of dtype float32 or float64, got: int64",
    ),
    "parameters are of two dtypes": (
        lambda: FORWARD(params=E_1.params | {"bias_ih_l0": E_1.params["bias_ih_l0"].astype(np.float32)}),
        TypeError,
        "params should be of one dtype, got float64 (weight_ih_l0) and float32 (bias_ih_l0)",
    ),
    "a parameter of a network is missing": (
        lambda: NETWORK(params=without(NET_PARAMS, "output.bias")),
        ValueError,
        'Missing key(s) in params: "output.bias"',
    ),
    # x
    "x is a tensor": (
        lambda: FORWARD(x=torch.tensor(E_1.x)),
        TypeError,
        "input should be a NumPy array, got: Tensor",
    ),
    "x is of half precision": (
        lambda: FORWARD(x=E_1.x.astype(np.float16)),
        TypeError,
        "input should be of dtype float32 or float64, got: float16",
    ),
    "x of a step has a time axis": (
        lambda: STEP(x_t=E_1.x),
        ValueError,
        "RNN: Expected input of one step to be 1D or 2D, got 3D array instead",
    ),
    "x of a step is a list": (
        lambda: STEP(x_t=[0.1, 0.2, 0.3]),
        TypeError,
        "x_t should be a NumPy array, got: list",
    ),
    "x of a network has four axes": (
        lambda: NETWORK(x=E_1.x[None]),
        ValueError,
        "RNN: Expected input to be 2D or 3D, got 4D tensor instead",
    ),
    # h0
    "h0 is a list": (
        lambda: FORWARD(h0=E_1.h0.tolist()),
        TypeError,
        "hx should be a NumPy array, got: list",
    ),
    "h0 is of another dtype": (
        lambda: FORWARD(h0=E_1.h0.astype(np.float32)),
        TypeError,
        "RNN hx dtype (float32) does not match input dtype (float64)",
    ),
    "h0 would broadcast over the batch": (
        lambda: FORWARD(h0=E_1.h0[:, :1]),
        ValueError,
        "Expected hidden size (1, 2, 5), got [1, 1, 5]",
    ),
    # the states of an LSTM
    "states are one array": (
        lambda: FORWARD_LSTM(h0=E_LSTM.h0[0]),
        TypeError,
        "hx should be a tuple of 2 arrays (h, c), got: Untouchable",
    ),
    "states are a list": (
        lambda: FORWARD_LSTM(h0=list(E_LSTM.h0)),
        TypeError,
        "hx should be a tuple of 2 arrays (h, c), got: list",
    ),
    "states are one of two": (
        lambda: FORWARD_LSTM(h0=(E_LSTM.h0[0], None)),
        TypeError,
        "hx should be a tuple of 2 arrays (h, c), got: 1 of them",
    ),
    "states are three": (
        lambda: FORWARD_LSTM(h0=(*E_LSTM.h0, E_LSTM.h0[0])),
        TypeError,
        "hx should be a tuple of 2 arrays (h, c), got: 3 of them",
    ),
    "the state of a step is one array": (
        lambda: STEP_LSTM(state=E_LSTM.h0[0]),
        TypeError,
        "hx should be a tuple of 2 arrays (h, c), got: Untouchable",
    ),
    "a GRU is given two states": (
        lambda: FORWARD_GRU(h0=(E_GRU.h0, E_GRU.h0)),
        TypeError,
        "hx should be a NumPy array, got: tuple",
    ),
    "c0 is a list": (
        lambda: FORWARD_LSTM(h0=(E_LSTM.h0[0], E_LSTM.h0[1].tolist())),
        TypeError,
        "cx should be a NumPy array, got: list",
    ),
    "h0 of an LSTM is of another dtype": (
        lambda: FORWARD_LSTM(h0=(E_LSTM.h0[0].astype(np.float32), E_LSTM.h0[1])),
        TypeError,
        "LSTM hx dtype (float32) does not match input dtype (float64)",
    ),
    "c0 is of another dtype": (
        lambda: FORWARD_LSTM(h0=(E_LSTM.h0[0], E_LSTM.h0[1].astype(np.float32))),
        TypeError,
        "LSTM cx dtype (float32) does not match input dtype (float64)",
    ),
    "h0 of a GRU is of another dtype": (
        lambda: FORWARD_GRU(h0=E_GRU.h0.astype(np.float32)),
        TypeError,
        "GRU hx dtype (float32) does not match input dtype (float64)",
    ),
    "h0 and c0 change places": (
        lambda: FORWARD_LSTM(h0=E_LSTM.h0[::-1]),
        ValueError,
        "Expected hidden[0] size (1, 2, 2), got [1, 2, 5]",
    ),
    "c0 would broadcast over the batch": (
        lambda: FORWARD_LSTM(h0=(E_LSTM.h0[0], E_LSTM.h0[1][:, :1])),
        ValueError,
        "Expected hidden[1] size (1, 2, 5), got [1, 1, 5]",
    ),
    "the projection is missing": (
        lambda: FORWARD_LSTM(params=without(E_LSTM.params, "weight_hr_l0")),
        ValueError,
        'Missing key(s) in params: "weight_hr_l0"',
    ),
    "x of a step of an LSTM has a time axis": (
        lambda: STEP_LSTM(x_t=E_LSTM.x),
        ValueError,
        "LSTM: Expected input of one step to be 1D or 2D, got 3D array instead",
    ),
    # lengths
    "lengths of one sequence": (
        lambda: ALONE(lengths=[T]),
        ValueError,
        "lengths need batched 3-D input, got unbatched 2-D input",
    ),
    "lengths are floats": (
        lambda: FORWARD(lengths=[6.0, 2.0]),
        TypeError,
        "lengths should be integers, got: float64",
    ),
    "lengths are bools": (lambda: FORWARD(lengths=[True, True]), TypeError, "lengths should be integers, got: bool"),
    "lengths are too few": (
        lambda: FORWARD(lengths=[T]),
        ValueError,
        "Expected lengths of size (2,), one a sequence of the batch, got (1,)",
    ),
    "lengths are none": (
        lambda: FORWARD(lengths=[]),
        ValueError,
        "Expected lengths of size (2,), one a sequence of the batch, got (0,)",
    ),
    "lengths are a single number": (
        lambda: FORWARD(lengths=T),
        ValueError,
        "Expected lengths of size (2,), one a sequence of the batch, got ()",
    ),
    "a length is zero": (
        lambda: FORWARD(lengths=[T, 0]),
        ValueError,
        "Expected every length to be larger than 0, got 0",
    ),
    "a length is negative": (
        lambda: FORWARD(lengths=[T, -2]),
        ValueError,
        "Expected every length to be larger than 0, got -2",
    ),
    "a length is above T": (
        lambda: FORWARD(lengths=[7, 2]),
        ValueError,
        "Expected no length above the 6 steps of the input, got 7",
    ),
    # dropout_masks
    "masks are floats": (
        lambda: FORWARD_2(dropout_masks=MASKS.astype(np.float64)),
        TypeError,
        "dropout_masks should be a bool array (True = kept), got: float64",
    ),
    "masks are a list": (
        lambda: FORWARD_2(dropout_masks=MASKS.tolist()),
        TypeError,
        "dropout_masks should be a bool array (True = kept), got: list",
    ),
    "masks are one for all steps": (
        lambda: FORWARD_2(dropout_masks=MASKS[:, :1]),
        ValueError,
        "Expected dropout_masks of size (1, 6, 2, 10), got (1, 1, 2, 10)",
    ),
    "masks are one a layer": (
        lambda: FORWARD_2(dropout_masks=np.concatenate([MASKS, MASKS])),
        ValueError,
        "Expected dropout_masks of size (1, 6, 2, 10), got (2, 6, 2, 10)",
    ),
    "masks of one sequence are batched": (
        lambda: ALONE(dropout_masks=np.ones((0, T, 1, H), bool)),
        ValueError,
        "Expected dropout_masks of size (0, 6, 5), got (0, 6, 1, 5)",
    ),
    "masks drop with a probability of zero": (
        _none_dropped,
        ValueError,
        "dropout_masks drop elements, but dropout is 0",
    ),
    "masks keep with a probability of one": (
        _all_dropped,
        ValueError,
        "dropout_masks keep elements, but dropout is 1",
    ),
    # one direction
    "checkpoint_every is zero": (
        lambda: FORWARD(checkpoint_every=0),
        ValueError,
        "checkpoint_every must be greater than zero",
    ),
    "checkpoint_every is a float": (
        lambda: NETWORK(checkpoint_every=2.0),
        TypeError,
        "checkpoint_every should be of type int, got: float",
    ),
    "checkpoint_every in two directions": (
        lambda: FORWARD_2(checkpoint_every=2),
        ValueError,
        "checkpoint_every needs one direction: the reverse direction is not an online process",
    ),
    "inference in two directions": (
        lambda: RNN_2.infer(E_2.params, untouchable(E_2.x)),
        ValueError,
        "infer needs one direction: the reverse direction is not an online process",
    ),
    "a step in two directions": (
        lambda: RNN_2.step(E_2.params, untouchable(E_2.x[0])),
        ValueError,
        "step needs one direction: a bidirectional network is not an online process",
    ),
}


@pytest.mark.parametrize(("call", "kind", "message"), ARGUMENTS.values(), ids=ARGUMENTS)
def test_a_wrong_argument_raises_before_any_arithmetic(
    call: Callable[[], object], kind: type[Exception], message: str
) -> None:
    raises(call, kind, message)


@pytest.mark.parametrize("call", EVERY_CALL.values(), ids=EVERY_CALL)
def test_a_right_call_computes(call: Call) -> None:
    """What the test above leans on: with nothing wrong, these calls come to arithmetic and are caught at it."""
    with pytest.raises(Computed):
        call()


# The order of the checks.

FORWARD_ORDER: list[tuple[str, Any, str]] = [
    ("params", without(NET_PARAMS, "output.bias"), "Missing key"),
    ("x", E_1.x[:0], "Expected sequence length"),
    ("h0", E_1.h0[0], "For batched 3-D input"),
    ("lengths", [T], "Expected lengths"),
    ("dropout_masks", MASKS, "Expected dropout_masks"),
    ("checkpoint_every", 0, "checkpoint_every must be"),
    ("weights", RNG.random(T), "Expected weights"),
    ("target", INDICES[:1], "Expected class indices"),
]
BACKWARD_ORDER: list[tuple[str, Any, str]] = [
    ("params", without(E_1.params, "bias_hh_l0"), "Missing key"),
    ("trace", TRACE_2, "trace is of another network"),
    ("truncate", 0, "truncate must be"),
    ("d_h_n", E_1.d_h_n[0], "Expected d_h_n"),
    ("d_output", E_1.d_output[0], "Expected d_output"),
]


@pytest.mark.parametrize(("call", "order"), [(NETWORK, FORWARD_ORDER), (BACKWARD, BACKWARD_ORDER)])
def test_the_first_wrong_argument_is_the_one_reported(call: Call, order: list[tuple[str, Any, str]]) -> None:
    for first in range(len(order)):
        with pytest.raises(ValueError, match=f"^{order[first][2]}"):
            call(**{name: wrong for name, wrong, _ in order[first:]})


def test_a_masked_array_and_a_matrix_are_refused() -> None:
    """The mask would be ignored; a matrix never loses an axis."""
    for array in (np.ma.masked_array(E_1.x), E_1.x[:, 0].view(np.matrix)):
        with pytest.raises(TypeError, match=f"^input should be a NumPy array, got: {type(array).__name__}$"):
            RNN_1.forward(E_1.params, array)


@pytest.mark.parametrize(
    ("call", "name", "array", "what"),
    [
        (FORWARD, "lengths", np.full(B, T), "lengths should be a NumPy array"),
        (FORWARD_2, "dropout_masks", MASKS, "dropout_masks should be a bool array (True = kept)"),
        (NETWORK, "target", INDICES, "target should be a NumPy array"),
        (NETWORK, "weights", np.ones((T, B), dtype=bool), "weights should be a NumPy array"),
    ],
)
def test_a_mask_is_not_ignored_anywhere(call: Call, name: str, array: Array, what: str) -> None:
    with pytest.raises(TypeError, match=rf"^{re.escape(what)}, got: MaskedArray$"):
        call(**{name: np.ma.masked_array(array)})
