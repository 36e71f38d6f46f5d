"""One direction is an online process: one step at a time, in chunks, and back-propagation cut at every k steps."""

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import reference
from reference.arrays import Array
from tests.helpers import (
    CELLS,
    Example,
    assert_close,
    assert_same_bits,
    each,
    every_cell,
    example,
    results,
    take,
    torch_forward,
    torch_results,
)


def chunks(e: Example, starts: list[int]) -> list[Example]:
    """The example cut before each of the given steps; h0 and d_h_n are still those of the whole."""
    return [
        replace(e, x=e.x[start:stop], d_output=e.d_output[start:stop])
        for start, stop in pairwise([0, *starts, len(e.x)])
    ]


def forward_in_chunks(e: Example, starts: list[int]) -> list[reference.RecurrentTrace]:
    traces, state = [], e.h0
    for chunk in chunks(e, starts):
        traces.append(replace(chunk, h0=state).forward())
        state = traces[-1].h_n
    return traces


@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("B", [3, None])
@every_cell
def test_one_step_at_a_time_gives_the_whole_series(cell: str, B: int | None, batch_first: bool) -> None:
    e = example(CELLS[cell](4, 5, num_layers=2, batch_first=batch_first), B=B)
    time = 1 if batch_first and B is not None else 0
    outputs, state = [], e.h0
    for x_t in np.moveaxis(e.x, time, 0):
        output_t, state = e.rnn.step(e.params, x_t, state)
        outputs.append(output_t)
    whole = e.forward()
    assert_close(np.stack(outputs, axis=time), whole.output)
    assert_close(state, whole.h_n)


@pytest.mark.parametrize("shape", [(4,), (3, 4)])
@every_cell
def test_the_first_step_without_a_state_starts_from_zeros(cell: str, shape: tuple[int, ...]) -> None:
    e = example(CELLS[cell](4, 5, num_layers=2), B=shape[0] if len(shape) == 2 else None)
    x_0, zeros = e.x[0], each(np.zeros_like, e.h0)
    assert x_0.shape == shape
    assert_same_bits(e.rnn.step(e.params, x_0), e.rnn.step(e.params, x_0, zeros))


@every_cell
def test_a_step_drops_nothing_out(cell: str) -> None:
    e = example(CELLS[cell](4, 5, num_layers=2, dropout=0.5))
    without = replace(e.rnn, dropout=0.0)
    assert_same_bits(e.rnn.step(e.params, e.x[0], e.h0), without.step(e.params, e.x[0], e.h0))


@every_cell
def test_forward_in_chunks_with_the_state_carried_gives_the_whole(cell: str) -> None:
    e = example(CELLS[cell](4, 5, num_layers=2), T=7)
    traces = forward_in_chunks(e, [2, 3])
    whole = e.forward()
    assert_close(np.concatenate([trace.output for trace in traces]), whole.output)
    assert_close(traces[-1].h_n, whole.h_n)


@every_cell
def test_backward_in_chunks_with_the_gradient_of_the_state_carried_gives_the_whole(cell: str) -> None:
    e = example(CELLS[cell](4, 5, num_layers=2), T=7)
    d_state = e.d_h_n
    dx: list[Array] = []
    pooled = {name: np.zeros_like(p) for name, p in e.params.items()}
    for chunk, trace in reversed(list(zip(chunks(e, [2, 3]), forward_in_chunks(e, [2, 3]), strict=True))):
        grads = e.rnn.backward(e.params, trace, chunk.d_output, d_state)
        dx.insert(0, grads.x)
        pooled = {name: total + grads.params[name] for name, total in pooled.items()}
        d_state = grads.h0
    _, whole = e.run()
    assert_close(np.concatenate(dx), whole.x)
    assert_close(d_state, whole.h0)
    assert_close(pooled, whole.params)


@pytest.mark.parametrize("truncate", [1, 2, 3, 4, 6])
@every_cell
def test_truncation_is_torch_with_the_state_detached_between_chunks(cell: str, truncate: int) -> None:
    e = example(CELLS[cell](4, 5, num_layers=3), T=7)

    def detached(twin: torch.nn.RNNBase, x: Tensor, h0: Any) -> tuple[Tensor, Any]:
        outputs, state = [], h0
        for i, chunk in enumerate(torch.split(x, truncate)):
            output, state = torch_forward(twin, chunk, state if i == 0 else each(torch.detach, state))
            outputs.append(output)
        return torch.cat(outputs), state

    assert_close(results(*e.run(truncate)), torch_results(e, detached))


@pytest.mark.parametrize("options", [{}, {"lengths": [4, 2, 6]}], ids=["full", "ragged"])
@every_cell
def test_truncation_at_or_beyond_the_last_step_is_none(cell: str, options: dict[str, Any]) -> None:
    e = example(CELLS[cell](4, 5, num_layers=2), T=6)
    _, whole = e.run(**options)
    for truncate in (6, 7, 1000):
        assert_same_bits(e.run(truncate, **options)[1], whole)


@every_cell
def test_truncation_of_a_ragged_batch_counts_chunks_from_the_first_step(cell: str) -> None:
    """Each sequence is truncated as it would be alone, wherever it ends."""
    e = example(CELLS[cell](4, 5, num_layers=2), T=7)
    _, grads = e.run(truncate=3, lengths=[5, 2, 7])
    for b, length in enumerate([5, 2, 7]):
        _, wanted = e.alone(b, length).run(truncate=3)
        assert_close(grads.x[:length, b], wanted.x)
        assert_close(take(grads.h0, np.s_[:, b]), wanted.h0)


@every_cell
def test_truncation_lets_no_gradient_cross(cell: str) -> None:
    e = example(CELLS[cell](4, 5, num_layers=2), T=7)
    d_output = np.zeros_like(e.d_output)
    d_output[3] = e.d_output[3]  # the first step of the second chunk
    trace = e.forward()
    dx = e.rnn.backward(e.params, trace, d_output, truncate=3).x
    assert np.all(dx[3] != 0)
    assert_close(dx[:3], np.zeros((3, 3, 4)))
