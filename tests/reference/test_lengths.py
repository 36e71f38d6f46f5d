"""Sequences of differing length: each as if it were alone, and nothing of the padding is seen."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from reference.arrays import Array
from reference.columns import as_given
from reference.packing import Packing
from reference.recurrent import Recurrent
from tests.helpers import (
    CELLS,
    Example,
    assert_close,
    assert_same_bits,
    every_cell,
    example,
    parts,
    results,
    take,
    torch_forward,
    torch_results,
)

T, B = 7, 3
STATES = {cell: make(4, 5).cell.states for cell, make in CELLS.items()}
LENGTHS = [5, 2, 6]  # unsorted, the shortest in the middle, none as long as the batch
PADDING = np.arange(T)[:, None] >= np.array(LENGTHS)


def stack(cell: str, **options: Any) -> Recurrent:
    """Two layers of two directions."""
    made: Recurrent = CELLS[cell](4, 5, num_layers=2, bidirectional=True, **options)
    return made


def with_padding(series: Array, values: Any) -> Array:
    """A copy of a time-major series with other values at the padding."""
    copy = series.copy()
    copy[PADDING] = values
    return copy


def padded(e: Example, values: Any) -> Example:
    return replace(e, x=with_padding(e.x, values), d_output=with_padding(e.d_output, values))


def assert_zero(array: Array) -> None:
    np.testing.assert_array_equal(array, np.zeros_like(array), strict=True)


@pytest.mark.parametrize("lengths", [LENGTHS, [5, 2, 7], [7, 7, 7], [1, 1, 1]])
@every_cell
def test_outputs_and_gradients_are_those_of_torch_on_a_packed_sequence(cell: str, lengths: list[int]) -> None:
    e = example(stack(cell), T, B)
    wanted = torch_results(e, lambda twin, x, h0: torch_forward(twin, x, h0, lengths))
    assert_close(results(*e.run(lengths=lengths)), wanted)


@every_cell
def test_each_sequence_gives_what_it_gives_alone(cell: str) -> None:
    e = example(stack(cell), T, B)
    trace, grads = e.run(lengths=LENGTHS)
    pooled = {name: np.zeros_like(p) for name, p in e.params.items()}
    for b, n in enumerate(LENGTHS):
        trace_b, grads_b = e.alone(b, n).run()
        assert_close(trace.output[:n, b], trace_b.output)
        assert_close(take(trace.h_n, np.s_[:, b]), trace_b.h_n)
        assert_close(grads.x[:n, b], grads_b.x)
        assert_close(take(grads.h0, np.s_[:, b]), grads_b.h0)
        pooled = {name: total + grads_b.params[name] for name, total in pooled.items()}
    assert_close(grads.params, pooled)


@every_cell
def test_full_lengths_are_no_lengths(cell: str) -> None:
    e = example(stack(cell), T, B)
    assert_close(results(*e.run(lengths=[T] * B)), results(*e.run()))


@pytest.mark.parametrize("kind", [list, tuple, np.array, torch.tensor, lambda n: np.array(n, dtype=np.uint8)])
@every_cell
def test_lengths_may_be_any_sequence_of_integers(cell: str, kind: Any) -> None:
    e = example(stack(cell), T, B)
    assert_same_bits(results(*e.run(lengths=kind(LENGTHS))), results(*e.run(lengths=LENGTHS)))


@every_cell
def test_lengths_count_steps_in_either_layout(cell: str) -> None:
    e = example(stack(cell), T, B)
    trace, grads = e.run(lengths=LENGTHS)
    batch_first = replace(
        e, rnn=replace(e.rnn, batch_first=True), x=e.x.swapaxes(0, 1), d_output=e.d_output.swapaxes(0, 1)
    )
    wanted = results(trace, grads) | {"output": trace.output.swapaxes(0, 1), "x": grads.x.swapaxes(0, 1)}
    assert_close(results(*batch_first.run(lengths=LENGTHS)), wanted)


@pytest.mark.parametrize("poison", [np.nan, np.inf, -np.inf])
@every_cell
def test_poison_in_the_padding_changes_no_bit(cell: str, poison: float) -> None:
    e = example(stack(cell), T, B)
    assert_same_bits(padded(e, poison).run(lengths=LENGTHS), padded(e, 0.0).run(lengths=LENGTHS))


@every_cell
def test_padded_outputs_and_input_gradients_are_exactly_zero(cell: str) -> None:
    e = padded(example(stack(cell), T, B), np.nan)
    trace, grads = e.run(lengths=LENGTHS)
    assert_zero(trace.output[PADDING])
    assert_zero(grads.x[PADDING])


@every_cell
def test_every_intermediate_is_exactly_zero_at_the_padding(cell: str) -> None:
    trace, grads = padded(example(stack(cell), T, B), np.nan).run(lengths=LENGTHS)
    for layer, d_layer in zip(trace.layers, grads.layers, strict=True):
        for direction, d_direction in zip(layer.directions, d_layer.directions, strict=True):
            for columns in (direction, d_direction):
                for name in ("x", *columns.kept_rows, *columns.state_rows):
                    assert_zero(getattr(columns, name)[PADDING])


@every_cell
def test_the_trace_marks_the_real_steps(cell: str) -> None:
    trace = example(stack(cell), T, B).forward(lengths=LENGTHS)
    for direction in trace.layers[0].directions:
        assert_same_bits(direction.packing.real, ~PADDING)


@every_cell
def test_an_upstream_gradient_past_the_end_of_a_sequence_has_no_effect(cell: str) -> None:
    e = example(stack(cell), T, B)
    trace, grads = e.run(lengths=LENGTHS)
    other = with_padding(e.d_output, example(stack(cell), T, B, seed=1).d_output[PADDING])
    assert_same_bits(e.rnn.backward(e.params, trace, other, e.d_h_n), grads)


@every_cell
def test_the_last_state_is_that_of_each_sequence_at_its_own_end(cell: str) -> None:
    e = example(CELLS[cell](4, 5), T, B)
    trace = e.forward(lengths=LENGTHS)
    columns = trace.layers[0].directions[0]
    own_end = np.array(LENGTHS) - 1, np.arange(B)
    assert_same_bits(take(trace.h_n, 0), as_given({s: columns.series(s)[own_end] for s in STATES[cell]}))
    assert_same_bits(parts(trace.h_n)[0][0], trace.output[own_end])


@every_cell
def test_the_gradient_of_the_last_state_enters_at_each_sequences_own_end(cell: str) -> None:
    e = example(CELLS[cell](4, 5), T, B)
    trace = e.forward(lengths=LENGTHS)
    dh = e.rnn.backward(e.params, trace, d_h_n=e.d_h_n).layers[0].directions[0].h
    assert_same_bits(dh[np.array(LENGTHS) - 1, np.arange(B)], parts(e.d_h_n)[0][0])


def test_a_sequence_is_reversed_from_its_own_end_and_padding_stays_where_it_is() -> None:
    t = np.array([[0, 0], [1, 1], [2, 2], [3, 3]])[:, :, None]
    assert_same_bits(Packing(4, 2, np.array([4, 2])).reverse(t)[:, :, 0], np.array([[3, 1], [2, 0], [1, 2], [0, 3]]))


@every_cell
def test_the_reverse_direction_starts_at_each_sequences_own_end(cell: str) -> None:
    e = example(CELLS[cell](4, 5, bidirectional=True), T, B)
    reverse = e.forward(lengths=LENGTHS).layers[0].directions[1]
    for b, n in enumerate(LENGTHS):
        assert_same_bits(reverse.x[:n, b], e.x[:n, b][::-1])


@every_cell
def test_an_infinite_recurrent_weight_reaches_no_step_from_past_the_end(cell: str) -> None:
    """0 · inf is NaN: padding carries nothing to the left. Each sequence is as if it were alone."""
    e = example(CELLS[cell](4, 5), T, B)
    w = e.params["weight_hh_l0"].copy()
    w[0, 1] = np.inf
    e = replace(e, params=e.params | {"weight_hh_l0": w})
    with np.errstate(invalid="ignore"):
        _, grads = e.run(lengths=LENGTHS)
        for b, n in enumerate(LENGTHS):
            dh = e.alone(b, n).run()[1].layers[0].directions[0].h
            assert_close(grads.layers[0].directions[0].h[:n, [b]], dh)
            assert np.isfinite(dh[-1]).all()
