"""What holds for every cell: torch's word on every layout and option, states, biases, batches of none, NaN."""

import pickle
from copy import deepcopy
from dataclasses import FrozenInstanceError, replace
from typing import Any

import numpy as np
import pytest

from reference.columns import as_given
from tests.helpers import CELLS, assert_close, assert_same_bits, each, every_cell, example, results, take, torch_results


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("bidirectional", [True, False])
@every_cell
def test_outputs_and_gradients_are_those_of_torch(
    cell: str, bidirectional: bool, batch_first: bool, bias: bool
) -> None:
    options = {"bias": bias, "batch_first": batch_first, "bidirectional": bidirectional}
    e = example(CELLS[cell](4, 5, num_layers=3, **options))
    assert_close(results(*e.run()), torch_results(e))


@every_cell
def test_unbatched_outputs_and_gradients_are_those_of_torch(cell: str) -> None:
    e = example(CELLS[cell](4, 5, num_layers=2, bidirectional=True), B=None)
    assert_close(results(*e.run()), torch_results(e))


@pytest.mark.parametrize(("T", "B", "I", "H"), [(1, 3, 4, 5), (6, 1, 4, 5), (6, 3, 1, 5), (6, 3, 4, 1), (1, 1, 1, 1)])
@every_cell
def test_a_size_of_one_is_nothing_special(cell: str, T: int, B: int, I: int, H: int) -> None:
    e = example(CELLS[cell](I, H, num_layers=2, bidirectional=True), T, B)
    assert_close(results(*e.run()), torch_results(e))


@every_cell
def test_batch_first_is_time_major_with_two_axes_swapped(cell: str) -> None:
    e = example(CELLS[cell](4, 5, num_layers=2, bidirectional=True))
    trace, grads = e.run()
    swapped = replace(e, rnn=replace(e.rnn, batch_first=True), x=e.x.swapaxes(0, 1), d_output=e.d_output.swapaxes(0, 1))
    wanted = results(trace, grads)
    wanted |= {"output": trace.output.swapaxes(0, 1), "x": grads.x.swapaxes(0, 1)}
    assert_close(results(*swapped.run()), wanted)


@pytest.mark.parametrize("batch_first", [True, False])
@every_cell
def test_an_unbatched_series_is_a_batch_of_one(cell: str, batch_first: bool) -> None:
    alone = example(CELLS[cell](4, 5, num_layers=2, batch_first=batch_first, bidirectional=True), B=None)
    time_major = replace(alone.rnn, batch_first=False)
    with_batch = {name: take(getattr(alone, name), np.s_[:, None]) for name in ("x", "h0", "d_output", "d_h_n")}
    batched = replace(alone, rnn=time_major, **with_batch)
    wanted = results(*batched.run())
    wanted |= {name: take(wanted[name], np.s_[:, 0]) for name in ("output", "h_n", "x", "h0")}
    assert_close(results(*alone.run()), wanted)


@pytest.mark.parametrize("B", [3, None])
@every_cell
def test_no_initial_state_is_an_initial_state_of_zeros_bit_for_bit(cell: str, B: int | None) -> None:
    e = example(CELLS[cell](4, 5, num_layers=2, bidirectional=True), B=B)
    zeros = replace(e, h0=each(np.zeros_like, e.h0))
    omitted = e.rnn.forward(e.params, e.x)
    grads = e.rnn.backward(e.params, omitted, e.d_output, e.d_h_n)
    assert_same_bits(results(omitted, grads), results(*zeros.run()))


@every_cell
def test_the_zeros_of_an_initial_state_that_is_not_given_are_of_the_dtype_of_x(cell: str) -> None:
    e = example(CELLS[cell](4, 5), dtype=np.float32)
    inputs = e.rnn.checked_inputs(e.params, e.x, None, None, None)
    assert_same_bits(as_given(inputs.initial), each(np.zeros_like, e.h0))


@pytest.mark.parametrize("given", ["d_output", "d_h_n"])
@every_cell
def test_an_upstream_gradient_that_is_not_given_is_zero(cell: str, given: str) -> None:
    e = example(CELLS[cell](4, 5, num_layers=2, bidirectional=True))
    upstream: dict[str, Any] = {"d_output": np.zeros_like(e.d_output), "d_h_n": each(np.zeros_like, e.d_h_n)}
    upstream[given] = getattr(e, given)
    trace = e.forward()
    got = e.rnn.backward(e.params, trace, **{given: upstream[given]})
    assert_same_bits(got, e.rnn.backward(e.params, trace, **upstream))


@every_cell
def test_gradients_add_up_over_the_upstream_gradients(cell: str) -> None:
    """Backward is linear in what arrives: from the outputs and from the last state, each its own share."""
    e = example(CELLS[cell](4, 5, num_layers=2, bidirectional=True))
    trace, grads = e.run()
    of_output = e.rnn.backward(e.params, trace, d_output=e.d_output)
    of_h_n = e.rnn.backward(e.params, trace, d_h_n=e.d_h_n)
    assert_close(grads.x, of_output.x + of_h_n.x)
    assert_close(grads.h0, each(np.add, of_output.h0, of_h_n.h0))
    assert_close(grads.params, {name: g + of_h_n.params[name] for name, g in of_output.params.items()})


@pytest.mark.parametrize("cell", [cell for cell in CELLS if cell != "gru-after"])
def test_only_the_sum_of_the_two_biases_acts(cell: str) -> None:
    e = example(CELLS[cell](4, 5))
    b_ih, b_hh = e.params["bias_ih_l0"], e.params["bias_hh_l0"]
    moved = replace(e, params=e.params | {"bias_ih_l0": b_ih + b_hh, "bias_hh_l0": np.zeros_like(b_hh)})
    assert_close(results(*moved.run()), results(*e.run()))
    _, grads = e.run()
    assert_same_bits(grads.params["bias_ih_l0"], grads.params["bias_hh_l0"])


def test_of_a_reset_gate_after_the_product_the_two_biases_of_n_act_apart() -> None:
    e = example(CELLS["gru-after"](4, 5))
    _, grads = e.run()
    db_ih, db_hh = grads.params["bias_ih_l0"], grads.params["bias_hh_l0"]
    assert_same_bits(db_ih[:10], db_hh[:10])  # of r and z
    assert (db_ih[10:] != db_hh[10:]).all()


@every_cell
def test_parameter_gradients_have_the_names_and_the_order_of_the_parameters(cell: str) -> None:
    e = example(CELLS[cell](4, 5, num_layers=2, bidirectional=True))
    _, grads = e.run()
    assert list(grads.params) == list(e.params)


@every_cell
def test_a_batch_of_none_has_no_output_and_zero_gradients(cell: str) -> None:
    e = example(CELLS[cell](4, 5, num_layers=2, bidirectional=True), B=0)
    trace, grads = e.run()
    assert trace.output.shape == (6, 0, e.rnn.output_features)
    assert_close(results(trace, grads), torch_results(e))
    assert_close(grads.params, {name: np.zeros_like(p) for name, p in e.params.items()})


@every_cell
def test_nan_in_the_input_reaches_its_own_sequence_from_that_step_on_and_nothing_else(cell: str) -> None:
    e = example(CELLS[cell](4, 5, num_layers=2))
    poisoned = e.x.copy()
    poisoned[2, 1, 3] = np.nan
    clean, output = e.forward().output, replace(e, x=poisoned).forward().output
    assert np.isnan(output[2:, 1]).all()
    clean[2:, 1] = output[2:, 1] = 0
    assert_close(output, clean)


@every_cell
def test_a_configuration_cannot_be_changed(cell: str) -> None:
    with pytest.raises(FrozenInstanceError):
        CELLS[cell](4, 5).hidden_size = 7


@every_cell
def test_two_stacks_of_the_same_options_are_equal_and_another_option_makes_another(cell: str) -> None:
    assert CELLS[cell](4, 5) == CELLS[cell](4, 5)
    assert len({CELLS[name](4, 5) for name in CELLS} | {CELLS[cell](4, 5, num_layers=2)}) == len(CELLS) + 1


@every_cell
def test_a_stack_that_was_used_can_be_pickled_and_copied(cell: str) -> None:
    """What it has cached is left behind."""
    e = example(CELLS[cell](4, 5, num_layers=2))
    wanted = results(*e.run())
    for again in (pickle.loads(pickle.dumps(e.rnn)), deepcopy(e.rnn)):
        assert again == e.rnn
        assert_same_bits(results(*replace(e, rnn=again).run()), wanted)
