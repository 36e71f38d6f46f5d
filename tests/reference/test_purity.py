"""Forward and backward are functions: nothing given is written to, nothing is remembered, memory order is free."""

from copy import deepcopy
from typing import Any

import numpy as np
import pytest

import reference
from reference.arrays import Array
from reference.checks import native_array
from tests.helpers import (
    CELLS,
    MEMORY,
    Example,
    arrays_in,
    assert_close,
    assert_equal,
    assert_same_bits,
    each,
    every_cell,
    example,
    parts,
    results,
)

T, B, I, H, O = 6, 3, 4, 5, 2


def options(e: Example) -> dict[str, Any]:
    return {
        "lengths": np.array([5, 2, 6]),
        "dropout_masks": np.random.default_rng(6).random((1, T, B, e.rnn.output_features)) < 0.5,
    }


def rich(cell: str, dtype: type[np.generic] = np.float64, seed: int = 0) -> Example:
    return example(CELLS[cell](I, H, num_layers=2, dropout=0.4, bidirectional=True), T, B, dtype, seed)


def network_and_arguments(cell: str, dtype: type[np.generic] = np.float64) -> tuple[reference.Network, dict[str, Any]]:
    rng = np.random.default_rng(7)
    e = rich(cell, dtype)
    net = reference.Network(e.rnn, O, "softmax", "cross_entropy", reduction="mean")
    arguments = {
        "params": net.init(rng, dtype),
        "x": e.x,
        "target": rng.random((T, B, O)).astype(dtype),
        "h0": e.h0,
        "weights": rng.random((T, B)).astype(dtype),
    }
    return net, arguments | options(e)


def integers(e: Example) -> Example:
    """The example with small integers for values: with relu every sum is exact in any order."""
    rng = np.random.default_rng(8)

    def like(array: Array) -> Array:
        return rng.integers(-2, 3, array.shape).astype(array.dtype)

    return e.map(like)


@every_cell
def test_a_stack_writes_to_nothing_that_it_was_given(cell: str) -> None:
    e = rich(cell)
    given = options(e)
    before = deepcopy((e, given))
    trace = e.forward(**given)
    trace_before = deepcopy(trace)
    e.rnn.backward(e.params, trace, e.d_output, e.d_h_n)
    assert_same_bits((e, given), before)
    assert_same_bits(trace, trace_before)


@every_cell
def test_a_network_writes_to_nothing_that_it_was_given(cell: str) -> None:
    net, arguments = network_and_arguments(cell)
    d_h_n = rich(cell).d_h_n
    before = deepcopy((arguments, d_h_n))
    run = net.forward(**arguments)
    run_before = deepcopy(run)
    net.backward(arguments["params"], run, d_h_n)
    assert_same_bits((arguments, d_h_n), before)
    assert_same_bits(run, run_before)


@every_cell
def test_a_step_writes_to_nothing_that_it_was_given(cell: str) -> None:
    e = example(CELLS[cell](I, H, num_layers=2), T, B)
    before = deepcopy(e)
    e.rnn.step(e.params, e.x[0], e.h0)
    assert_same_bits(e, before)


@every_cell
def test_a_second_call_gives_the_same_bits(cell: str) -> None:
    e = rich(cell)
    assert_same_bits(e.run(**options(e)), e.run(**options(e)))
    net, arguments = network_and_arguments(cell)
    first, second = net.forward(**arguments), net.forward(**arguments)
    assert_same_bits(first, second)
    assert_same_bits(net.backward(arguments["params"], first), net.backward(arguments["params"], first))


@every_cell
def test_a_trace_does_not_change_with_later_calls(cell: str) -> None:
    e, other = rich(cell), rich(cell, seed=1)
    trace, grads = e.run(**options(e))
    kept = deepcopy((trace, grads))
    other.run()
    assert_same_bits((trace, grads), kept)
    assert_same_bits(e.rnn.backward(e.params, trace, e.d_output, e.d_h_n), kept[1])


@every_cell
def test_changing_the_initial_state_or_the_upstream_gradient_afterwards_changes_no_result(cell: str) -> None:
    e = rich(cell)
    h0, d_output, d_h_n = each(np.copy, e.h0), e.d_output.copy(), each(np.copy, e.d_h_n)
    trace = e.rnn.forward(e.params, e.x, h0)
    grads = e.rnn.backward(e.params, trace, d_output, d_h_n)
    kept = deepcopy((trace, grads))
    for array in (d_output, *parts(h0), *parts(d_h_n)):
        array[:] = np.nan
    assert_same_bits((trace, grads), kept)


@pytest.mark.parametrize("dtype", [np.float32, np.longdouble, np.complex128])
@every_cell
def test_every_array_of_a_stack_has_the_dtype_of_its_input(cell: str, dtype: type[np.generic]) -> None:
    e = rich(cell, dtype)
    found = {path: a.dtype for path, a in arrays_in(e.run(**options(e))).items() if a.dtype.kind in "fc"}
    assert len(found) > 30
    assert set(found.values()) == {np.dtype(dtype)}, found


@pytest.mark.parametrize("dtype", [np.float32, np.longdouble, np.complex128])
@every_cell
def test_every_array_of_a_network_has_the_dtype_of_its_input(cell: str, dtype: type[np.generic]) -> None:
    net, arguments = network_and_arguments(cell, dtype)
    run = net.forward(**arguments)
    everything = arrays_in((run, net.backward(arguments["params"], run)))
    found = {path: a.dtype for path, a in everything.items() if a.dtype.kind in "fc"}
    assert "div" in {path.split(".")[-1] for path in found}
    assert set(found.values()) == {np.dtype(dtype)}, found


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("memory", MEMORY)
def test_memory_order_and_byte_order_change_no_value(memory: str, dtype: type[np.generic]) -> None:
    rnn = reference.RNN(I, H, num_layers=2, nonlinearity="relu", bidirectional=True)
    e = integers(example(rnn, 3, B, dtype))
    assert_equal(results(*e.map(MEMORY[memory]).run()), results(*e.run()))


@pytest.mark.parametrize("memory", MEMORY)
@every_cell
def test_memory_order_and_byte_order_change_the_rounding_at_most(cell: str, memory: str) -> None:
    e = example(CELLS[cell](I, H, num_layers=2, bidirectional=True), T, B)
    assert_close(results(*e.map(MEMORY[memory]).run()), results(*e.run()))


def test_an_array_that_fits_is_not_copied() -> None:
    x = example(reference.RNN(I, H), T, B).x
    assert native_array(x, "x") is x


@pytest.mark.parametrize("memory", MEMORY)
def test_memory_order_and_byte_order_change_no_value_of_a_network(memory: str) -> None:
    e = integers(example(reference.RNN(I, H, nonlinearity="relu"), 3, B))
    net = reference.Network(e.rnn, O)
    rng = np.random.default_rng(9)
    params = {f"rnn.{name}": p for name, p in e.params.items()} | {
        "output.weight": rng.integers(-2, 3, (O, H)).astype(np.float64),
        "output.bias": rng.integers(-2, 3, O).astype(np.float64),
    }
    target, weights = (rng.integers(-2, 3, shape).astype(np.float64) for shape in ((3, B, O), (3, B)))
    make = MEMORY[memory]
    made = {name: make(p) for name, p in params.items()}
    run = net.forward(params, e.x, target, e.h0, weights=weights)
    again = net.forward(made, make(e.x), make(target), make(e.h0), weights=make(weights))
    assert_equal([again.div, again.y], [run.div, run.y])
    assert_equal(net.backward(made, again).params, net.backward(params, run).params)


def test_the_integers_of_these_tests_pass_and_block_units_and_stay_exact_in_float32() -> None:
    rnn = reference.RNN(I, H, num_layers=2, nonlinearity="relu", bidirectional=True)
    trace, grads = integers(example(rnn, 3, B)).run()
    assert 0.2 < np.mean(trace.output == 0) < 0.8
    assert max(abs(a).max() for a in arrays_in((trace, grads)).values()) < 2**20  # 2**24, and sums may run higher


@every_cell
def test_arrays_in_native_byte_order_are_not_copied(cell: str) -> None:
    e = example(CELLS[cell](2, 3))
    assert np.shares_memory(e.forward().layers[0].directions[0].x, e.x)
