"""Layers and directions: a stack is its layers one after another, a bidirectional layer two networks side by side."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from reference.arrays import Array
from tests.helpers import CELLS, Example, assert_close, assert_same_bits, each, every_cell, example, parts, take

LENGTHS = [5, 2, 6]
H = 5


def renamed(params: dict[str, Array], suffix: str, new: str) -> dict[str, Array]:
    """The parameters whose names end in one suffix, under another."""
    return {name.removesuffix(suffix) + new: p for name, p in params.items() if name.endswith(suffix)}


def of_layer(e: Example, layer: int) -> dict[str, Array]:
    """The parameters of one layer under the names of a network of one layer."""
    params = renamed(e.params, f"_l{layer}", "_l0")
    return params | renamed(e.params, f"_l{layer}_reverse", "_l0_reverse")


def together(states: list[Any]) -> Any:
    return each(lambda *rows: np.concatenate(rows), *states)


def reversed_in_time(series: Array, lengths: list[int]) -> Array:
    """Each sequence back to front, from its own end."""
    copy = series.copy()
    for b, n in enumerate(lengths):
        copy[:n, b] = series[:n, b][::-1]
    return copy


@pytest.mark.parametrize("lengths", [LENGTHS, [7, 7, 7]])
@every_cell
def test_a_bidirectional_layer_is_two_networks_by_hand(cell: str, lengths: list[int]) -> None:
    e = example(CELLS[cell](4, H, bidirectional=True), T=7)
    trace, grads = e.run(lengths=lengths)
    single = CELLS[cell](4, H)
    d_forward, d_reverse = np.split(e.d_output, 2, axis=-1)
    forward = Example(
        single, renamed(e.params, "_l0", "_l0"), e.x, take(e.h0, slice(0, 1)), d_forward, take(e.d_h_n, slice(0, 1))
    )
    reverse = Example(
        single,
        renamed(e.params, "_l0_reverse", "_l0"),
        reversed_in_time(e.x, lengths),
        take(e.h0, slice(1, 2)),
        reversed_in_time(d_reverse, lengths),
        take(e.d_h_n, slice(1, 2)),
    )
    (trace_f, grads_f), (trace_r, grads_r) = forward.run(lengths=lengths), reverse.run(lengths=lengths)
    assert_close(trace.output, np.concatenate([trace_f.output, reversed_in_time(trace_r.output, lengths)], axis=-1))
    assert_close(trace.h_n, together([trace_f.h_n, trace_r.h_n]))
    assert_close(grads.x, grads_f.x + reversed_in_time(grads_r.x, lengths))
    assert_close(grads.h0, together([grads_f.h0, grads_r.h0]))
    assert_close(grads.params, grads_f.params | renamed(grads_r.params, "_l0", "_l0_reverse"))


@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize("lengths", [LENGTHS, None])
@every_cell
def test_a_stack_is_its_layers_one_after_another(cell: str, lengths: list[int] | None, bidirectional: bool) -> None:
    e = example(CELLS[cell](4, H, num_layers=3, bidirectional=bidirectional), T=7)
    trace, grads = e.run(lengths=lengths)
    D = e.rnn.num_directions
    x, traces = e.x, []
    for layer in range(3):
        single = CELLS[cell](x.shape[-1], H, bidirectional=bidirectional)
        traces.append(single.forward(of_layer(e, layer), x, take(e.h0, slice(D * layer, D * (layer + 1))), lengths))
        x = traces[-1].output
    d_output = e.d_output
    params: dict[str, Array] = {}
    dh0: list[Any] = []
    for layer in (2, 1, 0):
        d_h_n = take(e.d_h_n, slice(D * layer, D * (layer + 1)))
        g = traces[layer].config.backward(of_layer(e, layer), traces[layer], d_output, d_h_n)
        params |= renamed(g.params, "_l0", f"_l{layer}") | renamed(g.params, "_l0_reverse", f"_l{layer}_reverse")
        dh0.insert(0, g.h0)
        d_output = g.x
    assert_close(trace.output, traces[-1].output)
    assert_close(trace.h_n, together([t.h_n for t in traces]))
    assert_close(grads.x, d_output)
    assert_close(grads.h0, together(dh0))
    assert_close(grads.params, params)


@pytest.mark.parametrize("options", [{}, {"lengths": LENGTHS}], ids=["full", "ragged"])
@every_cell
def test_the_last_reverse_state_is_the_reverse_output_at_the_first_step(cell: str, options: dict[str, Any]) -> None:
    trace = example(CELLS[cell](4, H, num_layers=2, bidirectional=True), T=7).forward(**options)
    h_n = parts(trace.h_n)[0]
    assert_same_bits(h_n[3], trace.output[0, :, h_n.shape[-1] :])
    assert_same_bits(h_n[1], trace.layers[0].output[0, :, h_n.shape[-1] :])


@every_cell
def test_the_trace_of_a_reverse_direction_stands_in_the_order_in_which_it_read(cell: str) -> None:
    e = example(CELLS[cell](4, H, bidirectional=True))
    trace, grads = e.run()
    reverse = trace.layers[0].directions[1]
    assert_same_bits(reverse.x, e.x[::-1])
    assert_same_bits(reverse.h, trace.output[::-1, :, reverse.h.shape[-1] :])
    assert_close(grads.layers[0].directions[0].x + grads.layers[0].directions[1].x[::-1], grads.x)


@every_cell
def test_the_input_of_a_layer_is_the_output_of_the_layer_below(cell: str) -> None:
    trace = example(CELLS[cell](4, H, num_layers=3, bidirectional=True)).forward()
    for below, above in zip(trace.layers[:-1], trace.layers[1:], strict=True):
        assert_same_bits(above.directions[0].x, below.output)


@every_cell
def test_the_gradients_of_a_layer_are_those_of_the_whole(cell: str) -> None:
    _, grads = example(CELLS[cell](4, H, num_layers=2, bidirectional=True)).run()
    assert_same_bits(grads.layers[0].x, grads.x)
    assert_same_bits(together([layer.h0 for layer in grads.layers]), grads.h0)
    assert_same_bits(grads.layers[1].params[1]["weight_hh"], grads.params["weight_hh_l1_reverse"])


@every_cell
def test_the_directions_do_not_know_of_each_other(cell: str) -> None:
    e = example(CELLS[cell](4, H, bidirectional=True))
    other = example(e.rnn, seed=1).params
    changed = replace(e, params=e.params | renamed(other, "_l0_reverse", "_l0_reverse"))
    assert_same_bits(changed.forward().layers[0].directions[0], e.forward().layers[0].directions[0])


@every_cell
def test_a_trace_has_what_it_was_made_with_and_the_last_states_of_every_layer(cell: str) -> None:
    e = example(CELLS[cell](4, 5, num_layers=2, bidirectional=True, dropout=0.5), T=6, B=2)
    masks = np.random.default_rng(0).random((1, 6, 2, e.rnn.output_features)) < 0.5
    trace = e.forward(lengths=[4, 6], dropout_masks=masks)
    assert_same_bits([trace.lengths, trace.dropout_masks], [np.array([4, 6]), masks])
    assert_same_bits(together([layer.h_n for layer in trace.layers]), trace.h_n)
    assert e.forward().lengths is None
    assert e.forward().dropout_masks is None
