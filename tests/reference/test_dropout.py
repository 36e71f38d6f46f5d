"""Dropout between layers: torch's own masks reproduced, the two extremes, and that what is dropped is not read."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

import reference
from reference.arrays import Array
from reference.recurrent import Recurrent
from tests.helpers import (
    CELLS,
    Example,
    arrays_in,
    assert_close,
    assert_same_bits,
    each,
    every_cell,
    example,
    leaf,
    parts,
    results,
    torch_module,
    torch_results,
    torch_twin,
)

T, B, I, H, O = 6, 3, 4, 5, 2
SEED = 3
every_cell_without_zeros = pytest.mark.parametrize("cell", [cell for cell in CELLS if cell != "rnn-relu"])


def stack(cell: str, dropout: float, **options: Any) -> Recurrent:
    """Two layers of two directions, unless told otherwise."""
    made: Recurrent = CELLS[cell](I, H, dropout=dropout, **{"num_layers": 2, "bidirectional": True} | options)
    return made


def masks_of_torch(rnn: Recurrent) -> Array:
    """What torch draws from the seed: time-major whatever the layout, one layer after another."""
    torch.manual_seed(SEED)
    ones = torch.ones(T, B, rnn.output_features, dtype=torch.float64)
    return np.stack([(F.dropout(ones, rnn.dropout) != 0).numpy() for _ in range(rnn.num_layers - 1)])


def in_training(twin: torch.nn.RNNBase, x: Tensor, h0: Any) -> tuple[Tensor, Any]:
    twin.train()
    torch.manual_seed(SEED)
    output, h_n = twin(x, h0)
    return output, h_n


def some_masks(e: Example, seed: int = 0) -> Array:
    return np.random.default_rng(seed).random((1, T, B, e.rnn.output_features)) < 0.5


def all_alike(e: Example, kept: bool) -> Array:
    return np.full((1, T, B, e.rnn.output_features), kept)


@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize("num_layers", [2, 3])
@every_cell
def test_outputs_and_gradients_are_those_of_torch_in_training(
    cell: str, num_layers: int, bidirectional: bool, batch_first: bool
) -> None:
    options = {"num_layers": num_layers, "bidirectional": bidirectional, "batch_first": batch_first}
    e = example(stack(cell, 0.4, **options), T, B)
    masks = masks_of_torch(e.rnn)
    assert 0.2 < 1 - masks.mean() < 0.6
    assert_close(results(*e.run(dropout_masks=masks)), torch_results(e, in_training))


@pytest.mark.parametrize("dropout", [0.0, 1.0])
@every_cell
def test_the_extremes_are_those_of_torch_in_training(cell: str, dropout: float) -> None:
    e = example(stack(cell, dropout), T, B)
    masks = all_alike(e, dropout == 0)
    assert_close(results(*e.run(dropout_masks=masks)), torch_results(e, in_training))


@every_cell
def test_no_masks_mean_no_dropout_as_in_eval(cell: str) -> None:
    e = example(stack(cell, 0.4), T, B)
    assert_close(results(*e.run()), torch_results(e))
    without = replace(e, rnn=replace(e.rnn, dropout=0.0))
    assert_same_bits(results(*e.run()), results(*without.run()))


@every_cell
def test_with_a_probability_of_zero_masks_change_nothing(cell: str) -> None:
    e = example(stack(cell, 0.0), T, B)
    assert_same_bits(results(*e.run(dropout_masks=all_alike(e, True))), results(*e.run()))


@every_cell_without_zeros
def test_with_a_probability_of_one_the_layers_below_are_cut_off(cell: str) -> None:
    e = example(stack(cell, 1.0), T, B)
    trace, grads = e.run(dropout_masks=all_alike(e, False))
    top = trace.layers[1].directions[0]
    np.testing.assert_array_equal(top.x, np.zeros((T, B, e.rnn.output_features)))
    only_h_n = e.rnn.backward(e.params, trace, d_h_n=e.d_h_n).x  # of the lower layer's own last state
    assert_close(grads.x, only_h_n)
    assert all((d != 0).all() for d in parts(grads.h0))


@every_cell
def test_a_kept_element_is_scaled_and_a_dropped_one_is_zero(cell: str) -> None:
    e = example(stack(cell, 0.4), T, B)
    masks = some_masks(e)
    trace = e.forward(dropout_masks=masks)
    below, above = trace.layers[0].output, trace.layers[1].directions[0].x
    assert_close(above, np.where(masks[0], below / 0.6, 0))


@every_cell_without_zeros
def test_the_output_of_the_last_layer_is_not_dropped(cell: str) -> None:
    e = example(stack(cell, 0.4), T, B)
    trace = e.forward(dropout_masks=some_masks(e))
    assert_same_bits(trace.output, trace.layers[1].output)
    assert np.all(trace.output != 0)


@every_cell
def test_a_dropped_element_is_not_read(cell: str) -> None:
    e = example(stack(cell, 0.4, bidirectional=False), T, B)
    masks = some_masks(e)
    masks[0, 2:, 1] = False
    poisoned = e.x.copy()
    poisoned[2:, 1] = np.nan  # what it makes of layer 0 is dropped
    clean, trace = e.forward(dropout_masks=masks), replace(e, x=poisoned).forward(dropout_masks=masks)
    assert np.isnan(trace.layers[0].output[2:, 1]).all()
    assert_same_bits(trace.output, clean.output)


@every_cell
def test_backward_uses_the_masks_of_its_own_forward(cell: str) -> None:
    e = example(stack(cell, 0.4), T, B)
    trace, grads = e.run(dropout_masks=some_masks(e))
    e.forward(dropout_masks=some_masks(e, seed=1))
    assert_same_bits(e.rnn.backward(e.params, trace, e.d_output, e.d_h_n), grads)


@every_cell
def test_masks_of_a_ragged_batch_stand_in_the_order_of_time(cell: str) -> None:
    """Each sequence gives what it gives alone with its own part of the masks."""
    lengths = [5, 2, 6]
    e = example(stack(cell, 0.4), T, B)
    masks = some_masks(e)
    trace, grads = e.run(lengths=lengths, dropout_masks=masks)
    for b, n in enumerate(lengths):
        trace_b, grads_b = e.alone(b, n).run(dropout_masks=masks[:, :n, b])
        assert_close(trace.output[:n, b], trace_b.output)
        assert_close(grads.x[:n, b], grads_b.x)


@every_cell
def test_the_mask_at_padding_changes_nothing(cell: str) -> None:
    e = example(stack(cell, 0.4), T, B)
    masks = some_masks(e)
    inverted = masks.copy()
    inverted[:, 4:, 1] = ~masks[:, 4:, 1]
    given = results(*e.run(lengths=[5, 4, 6], dropout_masks=masks))
    assert_close(results(*e.run(lengths=[5, 4, 6], dropout_masks=inverted)), given)


@every_cell
def test_dropout_without_a_layer_to_drop_warns_as_torch_does(cell: str) -> None:
    with pytest.warns(UserWarning, match="^dropout option") as ours:
        stack = CELLS[cell](I, H, dropout=0.4)
    with pytest.warns(UserWarning, match="^dropout option") as of_torch:
        torch_module(stack)
    assert str(ours[0].message) == str(of_torch[0].message)


@pytest.mark.parametrize("make", [reference.RNN, reference.GRU, reference.LSTM])
def test_the_warning_points_at_the_caller(make: Any) -> None:
    with pytest.warns(UserWarning, match="^dropout option") as ours:
        make(I, H, dropout=0.4)
    assert ours[0].filename == __file__


@pytest.mark.parametrize("dropout", [np.float64(0.4), np.float32(0.4)], ids=["float64", "float32"])
@every_cell
def test_a_probability_that_is_a_numpy_number_does_not_widen_float32(cell: str, dropout: float) -> None:
    e = example(stack(cell, dropout), T, B, np.float32)
    trace, grads = e.run(dropout_masks=some_masks(e))
    computed = results(trace, grads), trace.layers, grads.layers  # the configuration keeps the number as it was given
    found = {path: a.dtype for path, a in arrays_in(computed).items() if a.dtype.kind == "f"}
    assert len(found) > 30
    assert set(found.values()) == {np.dtype(np.float32)}, found


@pytest.mark.parametrize(("batch", "batch_first"), [(B, False), (B, True), (None, False)])
@every_cell
def test_a_network_under_dropout_is_that_of_torch_in_training(cell: str, batch: int | None, batch_first: bool) -> None:
    net = reference.Network(stack(cell, 0.4, batch_first=batch_first), O)
    params, e = net.init(np.random.default_rng(4)), example(net.rnn, T, batch)
    target = np.random.default_rng(5).standard_normal((*e.x.shape[:-1], O))
    torch.manual_seed(SEED)
    steps = (T,) if batch is None else (T, batch)
    masks = (F.dropout(torch.ones(*steps, net.rnn.output_features), 0.4) != 0).numpy()[None]
    run = net.forward(params, e.x, target, e.h0, dropout_masks=masks)
    grads = net.backward(params, run)

    twin = torch_twin(e.rnn, {name: params[f"rnn.{name}"] for name in net.rnn.shapes})
    weight, bias, x = (leaf(a) for a in (params["output.weight"], params["output.bias"], e.x))
    h0 = each(leaf, e.h0)
    output, _ = in_training(twin, x, h0)
    div = F.mse_loss(F.linear(output, weight, bias), torch.tensor(target), reduction="sum") / 2
    div.backward()  # type: ignore[no-untyped-call]
    wanted = {f"rnn.{name}": p.grad for name, p in twin.named_parameters()}
    assert_close(run.div, div)
    assert_close([grads.x, grads.h0], [x.grad, each(lambda h: h.grad, h0)])
    assert_close(grads.params, wanted | {"output.weight": weight.grad, "output.bias": bias.grad})


@every_cell
def test_one_layer_takes_masks_for_no_gap_at_all(cell: str) -> None:
    e = example(CELLS[cell](I, H), T, B)
    no_gap = np.ones((0, T, B, e.rnn.output_features), bool)
    assert_same_bits(results(*e.run(dropout_masks=no_gap)), results(*e.run()))
