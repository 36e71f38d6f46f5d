"""Right calls, into which a wrong argument is put: arithmetic on what they are given does not go unseen."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from reference import CTC, GRU, LSTM, RNN, MeanPooledCrossEntropy, Network
from reference.arrays import Array
from tests.helpers import example

T, B, I, H, O = 6, 2, 3, 5, 4
RNG = np.random.default_rng(14)


class Untouchable(np.ndarray[Any, np.dtype[Any]]):
    """An array that may be looked at, compared, viewed and copied; whoever computes with it gets a Computed."""

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        looks_only = ufunc in (np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal)
        # the weights of a mean must be summed and divided to be checked
        if looks_only or (ufunc, method) in ((np.add, "reduce"), (np.divide, "__call__")):
            plain = [a.view(np.ndarray) if isinstance(a, Untouchable) else a for a in inputs]
            return getattr(ufunc, method)(*plain, **options)
        raise Computed(ufunc.__name__)

    def dot(self, *_: Any, **__: Any) -> Any:
        raise Computed("dot")


class Computed(Exception):
    """Arithmetic took place."""


def untouchable(value: Any) -> Any:
    """The value with every float array in it untouchable."""
    if isinstance(value, np.ndarray) and value.dtype.kind == "f":
        return value.view(Untouchable)
    if isinstance(value, dict):
        return {name: untouchable(part) for name, part in value.items()}
    if isinstance(value, tuple):
        return tuple(untouchable(part) for part in value)
    return value


RNN_1 = RNN(I, H)
RNN_2 = RNN(I, H, num_layers=2, dropout=0.5, bidirectional=True)
E_1, E_2 = example(RNN_1, T, B), example(RNN_2, T, B)
E_GRU, E_LSTM = example(GRU(I, H), T, B), example(LSTM(I, H, proj_size=2), T, B)
UNBATCHED = example(RNN_1, T, None)
NET = Network(RNN_1, O, "softmax", "cross_entropy")
NET_PARAMS = NET.init(RNG)
INDICES = RNG.integers(0, O, (T, B))
LABELS = np.array([[1, 2], [3, -1]])
VECTORS = RNG.random((T, B, O))
MASKS = np.ones((1, T, B, 2 * H), dtype=bool)


def without(params: dict[str, Array], name: str) -> dict[str, Array]:
    return {key: p for key, p in params.items() if key != name}


def at(array: Array, index: tuple[Any, ...], value: Any) -> Array:
    copy = array.copy()
    copy[index] = value
    return copy


# A callable that raises, the kind, and the whole message.
Wrong = tuple[Callable[[], object], type[Exception], str]


def raises(call: Callable[[], object], kind: type[Exception], message: str) -> None:
    """Asserts that the call raises this kind with this message, the whole of it."""
    with pytest.raises(kind) as caught:
        call()
    assert str(caught.value) == message


@dataclass(frozen=True)
class Call:
    function: Callable[..., object]
    arguments: dict[str, Any]

    def __call__(self, **wrong: Any) -> object:
        return self.function(**{name: untouchable(value) for name, value in (self.arguments | wrong).items()})


TRACE_1, TRACE_2 = E_1.forward(), E_2.forward()
FORWARD = Call(RNN_1.forward, {"params": E_1.params, "x": E_1.x, "h0": E_1.h0})
FORWARD_2 = Call(RNN_2.forward, {"params": E_2.params, "x": E_2.x, "h0": E_2.h0})
ALONE = Call(RNN_1.forward, {"params": E_1.params, "x": UNBATCHED.x, "h0": UNBATCHED.h0})
BACKWARD = Call(RNN_1.backward, {"params": E_1.params, "trace": TRACE_1, "d_output": E_1.d_output, "d_h_n": E_1.d_h_n})
BACKWARD_2 = Call(RNN_2.backward, {"params": E_2.params, "trace": TRACE_2, "d_output": E_2.d_output})
STEP = Call(RNN_1.step, {"params": E_1.params, "x_t": E_1.x[0], "state": E_1.h0})
FORWARD_GRU = Call(E_GRU.rnn.forward, {"params": E_GRU.params, "x": E_GRU.x, "h0": E_GRU.h0})
FORWARD_LSTM = Call(E_LSTM.rnn.forward, {"params": E_LSTM.params, "x": E_LSTM.x, "h0": E_LSTM.h0})
BACKWARD_LSTM = Call(
    E_LSTM.rnn.backward,
    {"params": E_LSTM.params, "trace": E_LSTM.forward(), "d_output": E_LSTM.d_output, "d_h_n": E_LSTM.d_h_n},
)
STEP_LSTM = Call(E_LSTM.rnn.step, {"params": E_LSTM.params, "x_t": E_LSTM.x[0], "state": E_LSTM.h0})
NETWORK = Call(NET.forward, {"params": NET_PARAMS, "x": E_1.x, "target": INDICES})
MEAN = Call(replace(NET, reduction="mean").forward, NETWORK.arguments)
SQUARED = Call(Network(RNN_1, O).forward, NETWORK.arguments | {"target": VECTORS})
BATCH_FIRST = Call(Network(RNN(I, H, batch_first=True), O, "softmax", "cross_entropy").forward, NETWORK.arguments)


def per_sequence(divergence: Any, target: Array) -> Call:
    return Call(Network(RNN_1, O, divergence=divergence).forward, NETWORK.arguments | {"target": target})


LABELLED = per_sequence(CTC(), LABELS)
POOLED = per_sequence(MeanPooledCrossEntropy(), INDICES[0])
NETWORK_BACKWARD = Call(NET.backward, {"params": NET_PARAMS, "run": NET.forward(NET_PARAMS, E_1.x, INDICES)})
EVERY_CALL = {
    "forward": FORWARD,
    "forward of two layers": FORWARD_2,
    "forward of one sequence": ALONE,
    "backward": BACKWARD,
    "backward of two layers": BACKWARD_2,
    "step": STEP,
    "forward of a GRU": FORWARD_GRU,
    "forward of an LSTM": FORWARD_LSTM,
    "backward of an LSTM": BACKWARD_LSTM,
    "step of an LSTM": STEP_LSTM,
    "network": NETWORK,
    "network of reduction mean": MEAN,
    "network of squared error": SQUARED,
    "network of ctc": LABELLED,
    "network of mean-pooled cross-entropy": POOLED,
}
