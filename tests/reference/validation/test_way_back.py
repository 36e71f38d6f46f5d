"""The way back: a wrong argument, a wrong trace, and a divergence of one's own that is wrong."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from reference import GRU, Network
from reference.arrays import Array
from tests.helpers import example
from tests.reference.validation.calls import (
    BACKWARD,
    BACKWARD_2,
    BACKWARD_LSTM,
    E_1,
    E_GRU,
    E_LSTM,
    NET,
    NET_PARAMS,
    NETWORK_BACKWARD,
    RNG,
    RNN_1,
    RNN_2,
    TRACE_1,
    TRACE_2,
    VECTORS,
    B,
    Computed,
    H,
    I,
    O,
    T,
    Wrong,
    raises,
    without,
)

WAY_BACK: dict[str, Wrong] = {
    # trace
    "the trace is an output": (
        lambda: BACKWARD(trace=TRACE_1.output),
        TypeError,
        "trace should be what forward returned, got: Untouchable",
    ),
    "the trace is of another network": (
        lambda: BACKWARD(trace=TRACE_2),
        ValueError,
        f"trace is of another network: expected {RNN_1}, got {RNN_2}",
    ),
    "the trace is of another dtype": (
        lambda: BACKWARD(trace=example(RNN_1, T, B, np.float32).forward()),
        TypeError,
        "trace dtype (float32) does not match weight dtype (float64)",
    ),
    # upstream gradients
    "nothing to differentiate": (
        lambda: BACKWARD(d_output=None, d_h_n=None),
        ValueError,
        "backward needs d_output, d_h_n, or both",
    ),
    "nothing to differentiate in a network": (
        lambda: NETWORK_BACKWARD(run=NET.forward(NET_PARAMS, E_1.x)),
        ValueError,
        "backward needs a divergence: give forward a target",
    ),
    "d_output would broadcast": (
        lambda: BACKWARD(d_output=E_1.d_output[:1]),
        ValueError,
        "Expected d_output of size (6, 2, 5), got (1, 2, 5)",
    ),
    "d_output is of another dtype": (
        lambda: BACKWARD(d_output=E_1.d_output.astype(np.float32)),
        TypeError,
        "d_output dtype (float32) does not match output dtype (float64)",
    ),
    "d_output is a number": (lambda: BACKWARD(d_output=1.0), TypeError, "d_output should be a NumPy array, got: float"),
    "d_h_n is of another shape": (
        lambda: BACKWARD(d_h_n=E_1.d_h_n[0]),
        ValueError,
        "Expected d_h_n of size (1, 2, 5), got (2, 5)",
    ),
    "d_h_n is of another dtype": (
        lambda: BACKWARD(d_h_n=E_1.d_h_n.astype(np.float32)),
        TypeError,
        "d_h_n dtype (float32) does not match output dtype (float64)",
    ),
    # the states of an LSTM
    "d_h_n of an LSTM is one array": (
        lambda: BACKWARD_LSTM(d_h_n=E_LSTM.d_h_n[0]),
        TypeError,
        "d_h_n should be a tuple of 2 arrays (h, c), got: Untouchable",
    ),
    "d_h_n of an LSTM is one of two": (
        lambda: BACKWARD_LSTM(d_h_n=(None, E_LSTM.d_h_n[1])),
        TypeError,
        "d_h_n should be a tuple of 2 arrays (h, c), got: 1 of them",
    ),
    "d_h_n of an LSTM is of another shape": (
        lambda: BACKWARD_LSTM(d_h_n=E_LSTM.d_h_n[::-1]),
        ValueError,
        "Expected d_h_n of size (1, 2, 2), got (1, 2, 5)",
    ),
    "d_c_n is of another shape": (
        lambda: BACKWARD_LSTM(d_h_n=(E_LSTM.d_h_n[0], E_LSTM.d_h_n[1][0])),
        ValueError,
        "Expected d_c_n of size (1, 2, 5), got (2, 5)",
    ),
    "d_c_n is of another dtype": (
        lambda: BACKWARD_LSTM(d_h_n=(E_LSTM.d_h_n[0], E_LSTM.d_h_n[1].astype(np.float32))),
        TypeError,
        "d_c_n dtype (float32) does not match output dtype (float64)",
    ),
    "the trace is of the other reset": (
        lambda: GRU(I, H, reset="before").backward(E_GRU.params, E_GRU.forward(), E_GRU.d_output),
        ValueError,
        f"trace is of another network: expected {GRU(I, H, reset='before')}, got {GRU(I, H)}",
    ),
    "the trace is of another cell": (
        lambda: GRU(I, H).backward(E_GRU.params, TRACE_1, E_GRU.d_output),
        ValueError,
        f"trace is of another network: expected {GRU(I, H)}, got {RNN_1}",
    ),
    # one direction
    "truncate is zero": (lambda: BACKWARD(truncate=0), ValueError, "truncate must be greater than zero"),
    "truncate is a float": (lambda: BACKWARD(truncate=2.0), TypeError, "truncate should be of type int, got: float"),
    "truncate is a bool": (lambda: BACKWARD(truncate=True), TypeError, "truncate should be of type int, got: bool"),
    "truncate in two directions": (
        lambda: BACKWARD_2(truncate=2),
        ValueError,
        "truncate needs one direction: the reverse direction is not an online process",
    ),
    "truncate without the trace": (
        lambda: BACKWARD(trace=RNN_1.forward(E_1.params, E_1.x, checkpoint_every=2), truncate=2),
        ValueError,
        "truncate needs the whole trace: give forward no checkpoint_every",
    ),
}


@pytest.mark.parametrize(("call", "kind", "message"), WAY_BACK.values(), ids=WAY_BACK)
def test_a_wrong_argument_of_backward_raises_before_any_arithmetic(
    call: Callable[[], object], kind: type[Exception], message: str
) -> None:
    raises(call, kind, message)


# A divergence of one's own that is wrong is found at the first number it gives.


@dataclass(frozen=True)
class Given:
    """A divergence that answers what it was told to."""

    div: Any
    dy: Any

    def value(self, y: Array, target: Array, weights: Array) -> Any:
        return self.div

    def gradient(self, y: Array, target: Array, weights: Array) -> Array:
        return self.dy


def test_a_divergence_that_is_no_single_number_raises() -> None:
    net = Network(RNN_1, O, divergence=Given(RNG.random((T, B)), None))
    with pytest.raises(ValueError, match=r"^the divergence should be a single number, got an array of size \(6, 2\)$"):
        net.forward(NET_PARAMS, E_1.x, VECTORS)


@pytest.mark.parametrize(
    ("dy", "kind", "message"),
    [
        (VECTORS[0], ValueError, "Expected the gradient of the divergence of size (6, 2, 4), got (2, 4)"),
        (VECTORS.astype(np.float32), TypeError, "the gradient of the divergence dtype (float32) does not match output"),
        (0.0, TypeError, "the gradient of the divergence should be a NumPy array, got: float"),
    ],
)
def test_a_gradient_of_the_divergence_that_does_not_fit_raises(dy: Any, kind: type[Exception], message: str) -> None:
    net = Network(RNN_1, O, divergence=Given(0.5, dy))
    run = net.forward(NET_PARAMS, E_1.x, VECTORS)
    with pytest.raises(kind) as caught:
        net.backward(NET_PARAMS, run)
    assert str(caught.value).startswith(message)


# The way back through a network.


@dataclass(frozen=True)
class NoGradient(Given):
    """A divergence whose gradient must not be reached."""

    def gradient(self, y: Array, target: Array, weights: Array) -> Array:
        raise Computed("gradient")


UNREACHED = Network(RNN_1, O, divergence=NoGradient(0.5, None))


@pytest.mark.parametrize(
    ("wrong", "kind", "message"),
    [
        ({"params": without(NET_PARAMS, "output.bias")}, ValueError, 'Missing key(s) in params: "output.bias"'),
        (
            {"params": {name: p.astype(np.float32) for name, p in NET_PARAMS.items()}},
            TypeError,
            "trace dtype (float64) does not match weight dtype (float32)",
        ),
        ({"truncate": 0}, ValueError, "truncate must be greater than zero"),
        ({"truncate": 2.0}, TypeError, "truncate should be of type int, got: float"),
        ({"d_h_n": E_1.d_h_n[0]}, ValueError, "Expected d_h_n of size (1, 2, 5), got (2, 5)"),
        (
            {"d_h_n": E_1.d_h_n.astype(np.float32)},
            TypeError,
            "d_h_n dtype (float32) does not match output dtype (float64)",
        ),
    ],
    ids=["params", "dtype of params", "truncate", "type of truncate", "d_h_n", "dtype of d_h_n"],
)
def test_a_wrong_argument_of_a_networks_backward_raises_before_the_divergence_is_differentiated(
    wrong: dict[str, Any], kind: type[Exception], message: str
) -> None:
    run = UNREACHED.forward(NET_PARAMS, E_1.x, VECTORS)
    arguments: dict[str, Any] = {"params": NET_PARAMS, "run": run, "d_h_n": E_1.d_h_n}
    with pytest.raises(Computed):
        UNREACHED.backward(**arguments)
    with pytest.raises(kind) as caught:
        UNREACHED.backward(**(arguments | wrong))
    assert str(caught.value) == message


@pytest.mark.parametrize(
    "other",
    [
        replace(NET, divergence="kl"),
        replace(NET, activation="sigmoid"),
        replace(NET, reduction="mean"),
        replace(NET, output_size=O - 2),
        replace(NET, rnn=replace(RNN_1, nonlinearity="relu")),
    ],
    ids=["divergence", "activation", "reduction", "output_size", "rnn"],
)
def test_a_run_of_another_network_is_refused(other: Network) -> None:
    run = NET.forward(NET_PARAMS, E_1.x, VECTORS)
    with pytest.raises(ValueError, match="of another network"):
        other.backward(other.init(RNG), run)


def test_a_run_that_is_none_is_refused() -> None:
    with pytest.raises(TypeError, match="run should be what forward returned, got: RecurrentTrace"):
        NET.backward(NET_PARAMS, NET.forward(NET_PARAMS, E_1.x, VECTORS).rnn)  # type: ignore[arg-type]
