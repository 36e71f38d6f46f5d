"""A long series: outputs without a trace, and gradients from every k-th state alone."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import reference
from parity import oracles, runner
from parity.cases import CASES, Arrays, Case, arrays
from parity.compare import compare, message
from reference.arrays import Array
from reference.columns import as_given
from tests.helpers import CELLS, assert_close, assert_same_bits, each, every_cell, example, parts, results

ONE_DIRECTION = [case.id for case in CASES.values() if not case.bidirectional and not case.truncate]
EVERY = [1, 3, 7, 100]  # of T = 7 steps: each, with a rest, all, more than there are


def checkpointed(case: Case, values: Arrays, every: int) -> dict[str, Array]:
    """What `subject.run` gives, but for what is inside the stack."""
    options: dict[str, Any] = {"h0": values.h0, "lengths": values.lengths, "dropout_masks": values.masks}
    grads: reference.RecurrentGradients | reference.NetworkGradients
    if case.O is None:
        rnn = case.rnn()
        trace = rnn.forward(values.params, values.x, **options, checkpoint_every=every)
        grads = rnn.backward(values.params, trace, values.d_output, values.d_h_n)
        found = {"output": trace.output}
    else:
        net = case.network()
        run = net.forward(
            values.params, values.x, values.target, weights=values.weights, **options, checkpoint_every=every
        )
        trace = run.rnn
        assert trace.layers == ()
        grads = net.backward(values.params, run, values.d_h_n)
        found = {"output": trace.output, "y": run.y, "div": np.asanyarray(run.div)}
    states = case.rnn().cell.states
    found |= {f"{state}_n": last for state, last in zip(states, parts(trace.h_n), strict=True)}
    found |= {f"d_{state}0": d for state, d in zip(states, parts(grads.h0), strict=True)}
    return found | {"d_x": grads.x} | {f"d_{name}": g for name, g in grads.params.items()}


@pytest.mark.parametrize("dtype", runner.DTYPES)
@pytest.mark.parametrize("case_id", ONE_DIRECTION)
def test_outputs_and_gradients_are_those_of_torch(case_id: str, dtype: str) -> None:
    case = CASES[case_id]
    values = arrays(case).astype(dtype)
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        found = checkpointed(case, values, every=3)
    wanted = oracles.load("torch").run(case, values)
    result = compare(case, "torch", dtype, found, {name: wanted[name] for name in found})
    assert result.passed, message(result)


OPTIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    "batch first": {"batch_first": True},
    "without biases": {"bias": False},
}


@pytest.mark.parametrize("every", EVERY)
@pytest.mark.parametrize("B", [3, None])
@pytest.mark.parametrize("options", OPTIONS)
@every_cell
def test_checkpoints_give_what_the_whole_trace_gives(cell: str, options: str, B: int | None, every: int) -> None:
    e = example(CELLS[cell](4, 5, num_layers=2, **OPTIONS[options]), T=7, B=B)
    assert_close(results(*e.run(checkpoint_every=every)), results(*e.run()))


@pytest.mark.parametrize("every", EVERY)
@pytest.mark.parametrize("lengths", [[7, 2, 5], [3, 1, 3], [6, 6, 6]])
@every_cell
def test_sequences_that_end_inside_a_chunk_or_with_it(cell: str, lengths: list[int], every: int) -> None:
    e = example(CELLS[cell](4, 5, num_layers=2), T=7, B=3)
    assert_close(results(*e.run(lengths=lengths, checkpoint_every=every)), results(*e.run(lengths=lengths)))


@pytest.mark.parametrize("lengths", [None, []])
@every_cell
def test_a_batch_of_no_sequences(cell: str, lengths: list[int] | None) -> None:
    e = example(CELLS[cell](4, 5, num_layers=2), T=7, B=0)
    assert_close(results(*e.run(lengths=lengths, checkpoint_every=3)), results(*e.run(lengths=lengths)))


@every_cell
def test_what_is_kept(cell: str) -> None:
    e = example(CELLS[cell](4, 5, num_layers=2), T=7, B=3)
    trace = e.forward(checkpoint_every=3)
    assert trace.layers == ()
    assert trace.checkpoints is not None
    states = [e.rnn.forward(e.params, e.x[:t], e.h0).h_n for t in (3, 6)]
    assert_close([as_given(states) for states in trace.checkpoints.states], [e.h0, *states])
    grads = e.rnn.backward(e.params, trace, e.d_output, e.d_h_n)
    assert grads.layers == ()
    assert e.forward().checkpoints is None


@every_cell
def test_nothing_that_is_given_or_kept_is_changed(cell: str) -> None:
    e = example(CELLS[cell](4, 5, num_layers=2), T=7, B=3)
    trace = e.forward(checkpoint_every=3)
    first = e.rnn.backward(e.params, trace, e.d_output, e.d_h_n)
    assert_same_bits(e.rnn.backward(e.params, trace, e.d_output, e.d_h_n), first)
    assert_same_bits(e, example(CELLS[cell](4, 5, num_layers=2), T=7, B=3))


@every_cell
def test_the_first_state_is_a_copy(cell: str) -> None:
    """One who carries a state in an array of his own may write the next one into it before the backward pass."""
    e = example(CELLS[cell](4, 5, num_layers=2), T=7, B=3)
    trace = e.forward(checkpoint_every=3)
    wanted = e.rnn.backward(e.params, trace, e.d_output, e.d_h_n)
    each(np.copyto, e.h0, trace.h_n)
    assert_same_bits(e.rnn.backward(e.params, trace, e.d_output, e.d_h_n), wanted)


@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("B", [3, None])
@pytest.mark.parametrize("T", [7, 128, 300])
@every_cell
def test_inference_gives_the_output_and_the_last_state_of_forward(
    cell: str, T: int, B: int | None, batch_first: bool
) -> None:
    e = example(CELLS[cell](4, 5, num_layers=2, batch_first=batch_first), T, B)
    trace = e.forward()
    assert_close(e.rnn.infer(e.params, e.x, e.h0), (trace.output, trace.h_n))
    assert_close(e.rnn.infer(e.params, e.x), (lambda t: (t.output, t.h_n))(e.rnn.forward(e.params, e.x)))


@every_cell
def test_inference_of_sequences_of_differing_length(cell: str) -> None:
    e = example(CELLS[cell](4, 5, num_layers=2), 300, 3)
    trace = e.forward(lengths=[128, 1, 290])
    assert_close(e.rnn.infer(e.params, e.x, e.h0, [128, 1, 290]), (trace.output, trace.h_n))


@every_cell
def test_inference_drops_nothing_out(cell: str) -> None:
    e = example(CELLS[cell](4, 5, num_layers=2, dropout=0.5))
    without = replace(e.rnn, dropout=0.0)
    assert_same_bits(e.rnn.infer(e.params, e.x, e.h0), without.infer(e.params, e.x, e.h0))
