"""What a time step costs, counted and not timed: calls of NumPy, and bytes. A slower loop shows here first."""

import tracemalloc
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pytest

import reference
from reference.activations import SIGMOID
from reference.products import aligned
from tests.helpers import CELLS, Example, every_cell, example

# Calls of NumPy at one step, forward and backward; σ, SIGMOID.value, is several.
CALLS: dict[str, tuple[dict[str, int], dict[str, int]]] = {
    "rnn": (
        {"dot": 1, "add": 1, "tanh": 1},
        {"dot": 1, "add": 1, "multiply": 1},
    ),
    "rnn-relu": (
        {"dot": 1, "add": 1, "less_equal": 1, "positive": 1},
        {"dot": 1, "add": 1, "less_equal": 1, "positive": 1},
    ),
    "gru-after": (
        {"dot": 1, "add": 4, "multiply": 2, "subtract": 1, "tanh": 1, "σ": 1},
        {"dot": 1, "add": 2, "multiply": 2},
    ),
    "gru-before": (
        {"dot": 2, "add": 3, "multiply": 2, "subtract": 1, "tanh": 1, "σ": 1},
        {"dot": 2, "add": 3, "multiply": 4},
    ),
    "lstm": (
        {"dot": 1, "add": 2, "multiply": 3, "tanh": 2, "σ": 1},
        {"dot": 1, "add": 2, "multiply": 4},
    ),
    "lstm-projected": (
        {"dot": 2, "add": 2, "multiply": 3, "tanh": 2, "σ": 1},
        {"dot": 2, "add": 2, "multiply": 4},
    ),
}


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
    return e.map(lambda array: array.view(Counting))


def calls(do: Callable[[], object]) -> Counter[str]:
    Counting.calls = Counter()
    do()
    return Counting.calls


def cut(e: Example, T: int) -> Example:
    return replace(e, x=e.x[:T], d_output=e.d_output[:T])


def more(long: Callable[[], object], short: Callable[[], object]) -> Counter[str]:
    """Calls for what the long one has more."""
    return calls(long) - calls(short)


def written_out(of_a_step: dict[str, int], steps: int) -> Counter[str]:
    """A row of the table with the calls of σ in place of σ, for so many steps."""
    sigma = calls(lambda: SIGMOID.value(np.zeros((2, 5)).view(Counting), np.empty((2, 5)).view(Counting)))
    plain = Counter({name: n for name, n in of_a_step.items() if name != "σ"})
    each_step = sum((sigma for _ in range(of_a_step.get("σ", 0))), plain)
    return Counter({name: steps * n for name, n in each_step.items()})


@pytest.mark.parametrize("lengths", [None, [80, 70]])
@every_cell
def test_a_step_calls_numpy_as_often_as_the_table_says(cell: str, lengths: list[int] | None) -> None:
    """Ten steps more are ten times these calls more; all else is outside the loop."""
    long = counted(example(CELLS[cell](4, 5), T=80, B=2))
    short = cut(long, 70)
    fewer = None if lengths is None else [n - 10 for n in lengths]
    forward, backward = CALLS[cell]
    found = more(lambda: long.forward(lengths=lengths), lambda: short.forward(lengths=fewer))
    assert found == written_out(forward, 10)
    traces = long.forward(lengths=lengths), short.forward(lengths=fewer)
    assert more(lambda: back(long, traces[0]), lambda: back(short, traces[1])) == written_out(backward, 10)


def back(e: Example, trace: reference.RecurrentTrace) -> reference.RecurrentGradients:
    return e.rnn.backward(e.params, trace, e.d_output, e.d_h_n)


@every_cell
def test_layers_and_directions_cost_the_sum_of_their_parts(cell: str) -> None:
    one = counted(example(CELLS[cell](5, 5), T=80, B=2))
    six = counted(example(CELLS[cell](5, 5, num_layers=3, bidirectional=True), T=80, B=2))

    def per_step(e: Example) -> Counter[str]:
        short = cut(e, 70)
        return more(lambda: back(e, e.forward()), lambda: back(short, short.forward()))

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


B, I, H, P = 8, 24, 32, 16
T = 1000
NOISE = 40  # bytes a step for anything that is no number: objects, and what a test runner itself allocates


# Numbers that forward keeps, and that backward adds beside dx, for a step of a sequence; P: the size of a projected h.
# SPEC 23.4. A GRU of reset before: with the copy of da_r, da_z that their product with h(t-1) makes.
NUMBERS: dict[str, tuple[int, int]] = {
    "rnn": (2 * H, 2 * H),
    "rnn-relu": (2 * H, 2 * H),
    "gru-after": (8 * H, 9 * H),
    "gru-before": (8 * H, 7 * H),
    "lstm": (11 * H, 7 * H),
    "lstm-projected": (11 * H + P, 7 * H + P),
}


def whole(cell: str, T: int) -> Example:
    return example(CELLS[cell](I, H), T, B)


def of_states(cell: str) -> int:
    """Numbers of all states of a sequence."""
    sizes = CELLS[cell](I, H).cell.sizes
    return sum(sizes[state] for state in CELLS[cell](I, H).cell.states)


def output_size(cell: str) -> int:
    size: int = CELLS[cell](I, H).output_features
    return size


@every_cell
def test_forward_keeps_the_numbers_of_the_table_for_each_step(cell: str) -> None:
    long = whole(cell, 2 * T)
    found = grows(long.forward, cut(long, T).forward, T)
    assert abs(found - 8 * B * NUMBERS[cell][0]) < NOISE


@every_cell
def test_backward_adds_those_of_the_table_and_the_gradient_of_the_input(cell: str) -> None:
    long = whole(cell, 2 * T)
    short = cut(long, T)
    traces = long.forward(), short.forward()
    found = grows(lambda: back(long, traces[0]), lambda: back(short, traces[1]), T)
    assert abs(found - 8 * B * (NUMBERS[cell][1] + I)) < NOISE


@every_cell
def test_a_ragged_batch_allocates_for_its_real_steps(cell: str) -> None:
    """Half of the steps are padding: what is kept and the packed x take the half; the output is put back in place."""
    long = whole(cell, 2 * T)
    lengths = np.array([2 * T, 1] * (B // 2))
    padded = B * output_size(cell)
    found = grows(
        lambda: long.forward(lengths=lengths),
        lambda: cut(long, T).forward(lengths=np.minimum(lengths, T)),
        T,
    )
    rows = B / 2 * (NUMBERS[cell][0] + I)
    bookkeeping = 40 * B  # which (t, b) a row is: two int64, and which are real
    assert 0 <= found - 8 * (rows + padded) < 8 * bookkeeping


@every_cell
def test_inference_needs_no_more_for_a_longer_series(cell: str) -> None:
    long = whole(cell, 2 * T)
    short = cut(long, T)
    found = grows(lambda: long.rnn.infer(long.params, long.x), lambda: short.rnn.infer(short.params, short.x), T)
    assert abs(found - 8 * B * output_size(cell)) < NOISE


@every_cell
def test_checkpoints_need_the_states_every_k_steps(cell: str) -> None:
    k = 50
    long = whole(cell, 2 * T)
    short = cut(long, T)
    found = grows(lambda: long.forward(checkpoint_every=k), lambda: short.forward(checkpoint_every=k), T)
    assert abs(found - 8 * B * (output_size(cell) + of_states(cell) / k)) < NOISE
    traces = long.forward(checkpoint_every=k), short.forward(checkpoint_every=k)
    found = grows(lambda: back(long, traces[0]), lambda: back(short, traces[1]), T)
    assert abs(found - 8 * B * I) < NOISE


@every_cell
def test_a_chunk_that_is_done_is_not_kept_while_the_next_one_is_computed(cell: str) -> None:
    """SPEC 23.4: beside what grows with T, the numbers of one chunk."""
    k = 200
    e = whole(cell, T)
    traces = [e.forward(checkpoint_every=k)]
    output, states, dx = T * B * output_size(cell), (T // k + 1) * B * of_states(cell), T * B * I
    forward = peak(lambda: e.forward(checkpoint_every=k)) / 8 - output - states
    backward = peak(lambda: back(e, traces[0])) / 8 - dx
    infer = peak(lambda: e.rnn.infer(e.params, e.x, e.h0)) / 8 - output
    kept, added = NUMBERS[cell]
    assert forward < 1.1 * kept * k * B
    assert infer < 1.1 * kept * 128 * B
    assert backward < 1.1 * (kept + added + I) * k * B
