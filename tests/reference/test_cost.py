"""What a time step costs, counted and not timed: calls of NumPy, and bytes. A slower loop shows here first."""

import tracemalloc
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pytest

import reference
from reference.products import aligned
from tests.helpers import Example, example

STEP = {"dot": 1, "add": 1, "tanh": 1}
STEP_BACKWARD = {"dot": 1, "add": 1, "multiply": 1}


class Counting(np.ndarray[Any, Any]):
    """An array that counts the operations on it, and on all that is computed from it."""

    calls: ClassVar[Counter[str]] = Counter()

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, out: Any = (), **options: Any) -> Any:
        Counting.calls[ufunc.__name__] += 1
        plain = [np.asarray(a) for a in inputs]
        found = getattr(ufunc, method)(*plain, **options, **({"out": np.asarray(out[0])} if out else {}))
        return out[0] if out else np.asarray(found).view(Counting)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        Counting.calls[function.__name__] += 1
        found = super().__array_function__(function, types, args, kwargs)
        return found.view(Counting) if isinstance(found, np.ndarray) else found

    def dot(self, b: Any, out: Any = None) -> Any:
        Counting.calls["dot"] += 1
        found = np.asarray(self).dot(np.asarray(b), out=None if out is None else np.asarray(out))
        return found.view(Counting) if out is None else out


def counted(e: Example) -> Example:
    """The example in arrays that count."""
    arrays: dict[str, Any] = {name: a.view(Counting) for name, a in vars(e).items() if isinstance(a, np.ndarray)}
    return replace(e, params={name: p.view(Counting) for name, p in e.params.items()}, **arrays)


def calls(do: Callable[[], object]) -> Counter[str]:
    Counting.calls = Counter()
    do()
    return Counting.calls


def cut(e: Example, T: int) -> Example:
    return replace(e, x=e.x[:T], d_output=e.d_output[:T])


@pytest.mark.parametrize("lengths", [None, [80, 70]])
def test_a_step_is_three_calls_forward_and_three_backward(lengths: list[int] | None) -> None:
    """Ten steps more are ten times three calls more; all else is outside the loop."""
    long = counted(example(reference.RNN(4, 5), T=80, B=2))
    short = cut(long, 70)
    fewer = None if lengths is None else [n - 10 for n in lengths]
    forward = calls(lambda: long.forward(lengths=lengths)) - calls(lambda: short.forward(lengths=fewer))
    assert forward == Counter({name: 10 * n for name, n in STEP.items()})
    traces = long.forward(lengths=lengths), short.forward(lengths=fewer)
    backward = calls(lambda: back(long, traces[0])) - calls(lambda: back(short, traces[1]))
    assert backward == Counter({name: 10 * n for name, n in STEP_BACKWARD.items()})


def back(e: Example, trace: reference.RecurrentTrace) -> reference.RecurrentGradients:
    return e.rnn.backward(e.params, trace, e.d_output, e.d_h_n)


def test_layers_and_directions_cost_the_sum_of_their_parts() -> None:
    one = counted(example(reference.RNN(5, 5), T=80, B=2))
    six = counted(example(reference.RNN(5, 5, num_layers=3, bidirectional=True), T=80, B=2))

    def per_step(e: Example) -> Counter[str]:
        short = cut(e, 70)
        return calls(lambda: back(e, e.forward())) - calls(lambda: back(short, short.forward()))

    assert per_step(six) == Counter({name: 6 * n for name, n in per_step(one).items()})


@pytest.mark.parametrize("dtype", ["float32", "float64", "longdouble", "complex128"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_recurrent_weights_are_read_from_the_beginning_of_a_cache_line(order: Any, dtype: str) -> None:
    for size in range(1, 40):
        matrix = np.arange(size * size).reshape(size, size).astype(dtype, order=order)
        copy = aligned(matrix)
        assert copy.ctypes.data % 64 == 0
        assert copy.flags.c_contiguous
        assert not np.shares_memory(copy, matrix)
        np.testing.assert_array_equal(copy, matrix, strict=True)


def peak(do: Callable[[], object]) -> int:
    """The most bytes that were allocated at one time while it ran, above those before."""
    do()  # what is allocated once
    tracemalloc.start()
    do()
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return most


def grows(long: Callable[[], object], short: Callable[[], object], steps: int) -> float:
    """Bytes at the peak per step more."""
    return (peak(long) - peak(short)) / steps


B, I, H = 8, 24, 32
T = 2000
NOISE = 40  # bytes a step for anything that is no number: objects, and what a test runner itself allocates


def whole(T: int) -> Example:
    return example(reference.RNN(I, H), T, B)


def test_forward_keeps_two_numbers_for_each_unit_and_step() -> None:
    long = whole(2 * T)
    found = grows(long.forward, cut(long, T).forward, T)
    assert abs(found - 8 * 2 * B * H) < NOISE


def test_backward_adds_two_and_the_gradient_of_the_input() -> None:
    long = whole(2 * T)
    short = cut(long, T)
    traces = long.forward(), short.forward()
    found = grows(lambda: back(long, traces[0]), lambda: back(short, traces[1]), T)
    assert abs(found - 8 * B * (2 * H + I)) < NOISE


def test_a_ragged_batch_allocates_for_its_real_steps() -> None:
    """Half of the steps are padding: a, h and the packed x take the half; the output is put back in place."""
    long = whole(2 * T)
    lengths = np.array([2 * T, 1] * (B // 2))
    padded = B * H  # output
    found = grows(
        lambda: long.forward(lengths=lengths),
        lambda: cut(long, T).forward(lengths=np.minimum(lengths, T)),
        T,
    )
    rows = B / 2 * (2 * H + I)
    bookkeeping = 40 * B  # which (t, b) a row is: two int64, and which are real
    assert 0 <= found - 8 * (rows + padded) < 8 * bookkeeping


def test_inference_needs_no_more_for_a_longer_series() -> None:
    long = whole(2 * T)
    short = cut(long, T)
    found = grows(lambda: long.rnn.infer(long.params, long.x), lambda: short.rnn.infer(short.params, short.x), T)
    assert abs(found - 8 * B * H) < NOISE  # the output


def test_checkpoints_need_a_state_every_k_steps() -> None:
    k = 50
    long = whole(2 * T)
    short = cut(long, T)
    found = grows(lambda: long.forward(checkpoint_every=k), lambda: short.forward(checkpoint_every=k), T)
    assert abs(found - 8 * B * H * (1 + 1 / k)) < NOISE
    traces = long.forward(checkpoint_every=k), short.forward(checkpoint_every=k)
    found = grows(lambda: back(long, traces[0]), lambda: back(short, traces[1]), T)
    assert abs(found - 8 * B * I) < NOISE


def test_a_chunk_that_is_done_is_not_kept_while_the_next_one_is_computed() -> None:
    """SPEC 23.4: beside what grows with T, forward has 2 k B H numbers, backward 4 k B H + k B I."""
    k = 200
    e = whole(T)
    traces = [e.forward(checkpoint_every=k)]
    output, states, dx = T * B * H, (T // k + 1) * B * H, T * B * I
    forward = peak(lambda: e.forward(checkpoint_every=k)) / 8 - output - states
    backward = peak(lambda: back(e, traces[0])) / 8 - dx
    infer = peak(lambda: e.rnn.infer(e.params, e.x, e.h0)) / 8 - output
    assert forward < 1.1 * 2 * k * B * H
    assert infer < 1.1 * 2 * 128 * B * H
    assert backward < 1.1 * (4 * k * B * H + k * B * I)
