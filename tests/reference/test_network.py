"""The whole network: recurrent stack, output layer, divergence, and the way back through all of them."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

import reference
from reference.activations import ACTIVATIONS
from reference.arrays import Array
from reference.divergences import DIVERGENCES
from tests.helpers import (
    CELLS,
    Example,
    assert_close,
    assert_same_bits,
    complex_step,
    each,
    every_cell,
    example,
    leaf,
    parts,
    take,
    torch_forward,
    torch_twin,
)

T, B, I, H, O = 6, 3, 4, 5, 2
LENGTHS = [5, 2, 6]
PADDING = np.arange(T)[:, None] >= np.array(LENGTHS)
RNG = np.random.default_rng(10)
TARGET = RNG.dirichlet(np.ones(O), (T, B))
WEIGHTS = RNG.random((T, B))
SERIES = ("x", "y", "z", "output")

TORCH_ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "identity": lambda z: z,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": torch.relu,
    "softplus": F.softplus,
    "softmax": lambda z: torch.softmax(z, dim=-1),
    "log_softmax": lambda z: torch.log_softmax(z, dim=-1),
}
TORCH_DIVERGENCES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "squared_error": lambda y, d: F.mse_loss(y, d, reduction="none").sum(-1) / 2,
    "cross_entropy": lambda y, d: -(d * y.log()).sum(-1),
    "kl": lambda y, d: F.kl_div(y.log(), d, reduction="none").sum(-1),
    "binary_cross_entropy": lambda y, d: F.binary_cross_entropy(y, d, reduction="none").sum(-1),
    "negative_log_likelihood": lambda y, d: -(d * y).sum(-1),
    "softmax_cross_entropy": lambda y, d: F.cross_entropy(y.movedim(-1, 1), d.movedim(-1, 1), reduction="none"),
}
PAIRS = [(f, name) for name, divergence in DIVERGENCES.items() for f in ACTIVATIONS if f in divergence.activations]


def network(
    cell: str, activation: str = "identity", divergence: str = "squared_error", **options: Any
) -> reference.Network:
    """An output layer on two layers of two directions."""
    return reference.Network(CELLS[cell](I, H, num_layers=2, bidirectional=True, **options), O, activation, divergence)


def recurrent(params: dict[str, Array]) -> dict[str, Array]:
    """The parameters of the stack alone."""
    return {name.removeprefix("rnn."): p for name, p in params.items() if name.startswith("rnn.")}


def prepared(net: reference.Network, B: int | None = B) -> tuple[dict[str, Array], Example]:
    """Parameters for the network, and an example for its recurrent stack."""
    return net.init(np.random.default_rng(11)), example(net.rnn, T, B)


@pytest.mark.parametrize(("activation", "divergence"), PAIRS)
@every_cell
def test_divergence_and_gradients_are_those_of_torch(cell: str, activation: str, divergence: str) -> None:
    net = network(cell, activation, divergence)
    params, e = prepared(net)
    run = net.forward(params, e.x, TARGET, e.h0, LENGTHS, weights=WEIGHTS)
    grads = net.backward(params, run, e.d_h_n)

    twin = torch_twin(e.rnn, recurrent(params))
    weight, bias, x = (leaf(a) for a in (params["output.weight"], params["output.bias"], e.x))
    h0 = each(leaf, e.h0)
    output, h_n = torch_forward(twin, x, h0, LENGTHS)
    y = TORCH_ACTIVATIONS[activation](F.linear(output, weight, bias))
    counted = torch.tensor(np.where(PADDING, 0, WEIGHTS))
    div = (counted * TORCH_DIVERGENCES[divergence](y, torch.tensor(TARGET))).sum()
    one = torch.tensor(1.0, dtype=torch.float64)
    torch.autograd.backward([div, *parts(h_n)], [one, *map(torch.tensor, parts(e.d_h_n))])
    wanted = {f"rnn.{name}": p.grad for name, p in twin.named_parameters()}

    assert_close(run.div, div)
    assert_close(run.y, y)
    assert_close([grads.x, grads.h0], [x.grad, each(lambda h: h.grad, h0)])
    assert_close(grads.params, wanted | {"output.weight": weight.grad, "output.bias": bias.grad})


@pytest.mark.parametrize(("cell", "name"), [(cell, name) for cell in CELLS for name in network(cell).shapes])
def test_the_gradient_of_a_parameter_is_the_derivative_of_the_divergence(cell: str, name: str) -> None:
    """A complex step along a random direction, through the same forward: proves that backward is its derivative."""
    net = network(cell, "softmax", "cross_entropy", dropout=0.4)
    params, e = prepared(net)
    masks = np.random.default_rng(12).random((1, T, B, net.rnn.output_features)) < 0.5
    direction = np.random.default_rng(13).standard_normal(params[name].shape)

    def forward(params: dict[str, Array], dtype: type[np.generic]) -> reference.NetworkRun:
        x, target = e.x.astype(dtype), TARGET.astype(dtype)
        given = {key: p.astype(dtype) for key, p in params.items()}
        return net.forward(given, x, target, each(lambda h: h.astype(dtype), e.h0), LENGTHS, masks)

    gradient = net.backward(params, forward(params, np.float64)).params[name]
    derivative = complex_step(lambda p: forward(params | {name: p}, np.complex128).div, params[name], direction)
    assert_close((gradient * direction).sum(), derivative)


@every_cell
def test_the_output_layer_acts_on_every_step_alike(cell: str) -> None:
    net = network(cell, "sigmoid")
    params, e = prepared(net)
    run = net.forward(params, e.x)
    for t in range(T):
        for b in range(B):
            z = params["output.weight"] @ run.rnn.output[t, b] + params["output.bias"]
            assert_close(run.z[t, b], z)
            assert_close(run.y[t, b], 1 / (1 + np.exp(-z)))


@every_cell
def test_what_arrives_at_the_outputs_is_handed_down_to_the_stack(cell: str) -> None:
    net = network(cell, "softmax", "cross_entropy")
    params, e = prepared(net)
    run = net.forward(params, e.x, TARGET, e.h0)
    grads = net.backward(params, run, e.d_h_n)
    assert_close(grads.y, -TARGET / run.y)
    assert_close(grads.z, run.y - TARGET)  # a softmax under a cross-entropy, of targets that sum to 1
    assert_close(grads.output, grads.z @ params["output.weight"])
    assert_same_bits(net.rnn.backward(recurrent(params), run.rnn, grads.output, e.d_h_n), grads.rnn)


@every_cell
def test_the_recurrent_gradients_are_those_of_the_stack_under_other_names(cell: str) -> None:
    net = network(cell)
    params, e = prepared(net)
    grads = net.backward(params, net.forward(params, e.x, TARGET))
    assert list(grads.params) == list(params)
    assert_same_bits([grads.x, grads.h0], [grads.rnn.x, grads.rnn.h0])
    assert_same_bits(recurrent(grads.params), grads.rnn.params)


@every_cell
def test_without_a_target_there_are_outputs_and_no_divergence(cell: str) -> None:
    net = network(cell)
    params, e = prepared(net)
    run, with_target = net.forward(params, e.x), net.forward(params, e.x, TARGET)
    assert run.div is None
    assert_same_bits([run.y, run.z, run.rnn], [with_target.y, with_target.z, with_target.rnn])


@every_cell
def test_the_gradient_of_the_last_state_adds_the_gradient_of_its_product(cell: str) -> None:
    net = network(cell)
    params, e = prepared(net)
    run = net.forward(params, e.x, TARGET, e.h0)
    without, with_it = net.backward(params, run), net.backward(params, run, e.d_h_n)
    alone = net.rnn.backward(recurrent(params), run.rnn, d_h_n=e.d_h_n)
    assert_close(with_it.x, without.x + alone.x)
    assert_close(with_it.h0, each(np.add, without.h0, alone.h0))


@every_cell
def test_truncation_is_that_of_the_stack(cell: str) -> None:
    net = reference.Network(CELLS[cell](I, H, num_layers=2), O)
    params, e = prepared(net)
    run = net.forward(params, e.x, TARGET, e.h0)
    grads = net.backward(params, run, e.d_h_n, truncate=2)
    assert_same_bits(net.rnn.backward(recurrent(params), run.rnn, grads.output, e.d_h_n, truncate=2), grads.rnn)
    whole = net.backward(params, run, e.d_h_n)
    assert not any(map(np.allclose, parts(grads.h0), parts(whole.h0)))


@pytest.mark.parametrize(
    ("activation", "divergence", "target"),
    [("softmax", "cross_entropy", TARGET), ("softmax", "cross_entropy", TARGET.argmax(-1))],
    ids=["vectors", "class indices"],
)
@every_cell
def test_batch_first_is_time_major_with_two_axes_swapped(
    cell: str, activation: str, divergence: str, target: Array
) -> None:
    net = network(cell, activation, divergence)
    params, e = prepared(net)
    run = net.forward(params, e.x, target, e.h0, LENGTHS, weights=WEIGHTS)
    grads = net.backward(params, run)
    swapped = replace(net, rnn=replace(e.rnn, batch_first=True))
    x, d, w = (a.swapaxes(0, 1) for a in (e.x, target, WEIGHTS))
    other = swapped.forward(params, x, d, e.h0, LENGTHS, weights=w)
    other_grads = swapped.backward(params, other)
    assert_close(other.div, run.div)
    assert_close([other.y, other.z], [a.swapaxes(0, 1) for a in (run.y, run.z)])
    assert_close([getattr(other_grads, s) for s in SERIES], [getattr(grads, s).swapaxes(0, 1) for s in SERIES])
    assert_close(other_grads.params, grads.params)
    assert_close([other.target, other.weights], [run.target, run.weights])  # time-major in every layout


@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("target", [TARGET[:, 0], TARGET[:, 0].argmax(-1)], ids=["vectors", "class indices"])
@every_cell
def test_an_unbatched_series_is_a_batch_of_one(cell: str, target: Array, batch_first: bool) -> None:
    net = network(cell, "softmax", "cross_entropy", batch_first=batch_first)
    params, e = prepared(net, B=None)
    run = net.forward(params, e.x, target, e.h0, weights=WEIGHTS[:, 0])
    grads = net.backward(params, run, e.d_h_n)
    batched = replace(net, rnn=replace(e.rnn, batch_first=False))
    h0, d_h_n = take(e.h0, np.s_[:, None]), take(e.d_h_n, np.s_[:, None])
    other = batched.forward(params, e.x[:, None], target[:, None], h0, weights=WEIGHTS[:, :1])
    other_grads = batched.backward(params, other, d_h_n)
    assert_close(run.div, other.div)
    assert_close([run.y, run.z], [other.y[:, 0], other.z[:, 0]])
    assert_close([getattr(grads, s) for s in SERIES], [getattr(other_grads, s)[:, 0] for s in SERIES])
    assert_close([grads.h0, grads.params], [take(other_grads.h0, np.s_[:, 0]), other_grads.params])


def poisoned(series: Array, by: float) -> Array:
    return np.where(PADDING.reshape(T, B, *[1] * (series.ndim - 2)), by, series)


@pytest.mark.parametrize("reduction", ["sum", "mean"])
@every_cell
def test_poison_in_the_padding_changes_no_bit(cell: str, reduction: str) -> None:
    net = replace(network(cell, "softmax", "cross_entropy"), reduction=reduction)
    params, e = prepared(net)

    def run(by: float) -> tuple[reference.NetworkRun, reference.NetworkGradients]:
        x, target, weights = (poisoned(a, by) for a in (e.x, TARGET, WEIGHTS))
        forward = net.forward(params, x, target, e.h0, LENGTHS, weights=weights)
        return forward, net.backward(params, forward, e.d_h_n)

    assert_same_bits(run(np.nan), run(0.0))


@every_cell
def test_what_stands_at_the_padding(cell: str) -> None:
    net = network(cell, "sigmoid", "binary_cross_entropy")
    params, e = prepared(net)
    run = net.forward(params, e.x, poisoned(TARGET, np.nan), e.h0, LENGTHS, weights=poisoned(WEIGHTS, np.nan))
    grads = net.backward(params, run)
    bias = np.broadcast_to(params["output.bias"], (PADDING.sum(), O))
    np.testing.assert_array_equal(run.z[PADDING], bias, strict=True)
    assert_close(run.y[PADDING], 1 / (1 + np.exp(-bias)))
    assert run.target is not None
    for zero in (run.target, run.weights, grads.x, grads.y, grads.z, grads.output):
        np.testing.assert_array_equal(zero[PADDING], np.zeros_like(zero[PADDING]))


@every_cell
def test_a_class_index_at_the_padding_may_be_anything(cell: str) -> None:
    net = network(cell, "softmax", "cross_entropy")
    params, e = prepared(net)
    indices = TARGET.argmax(-1)
    wild = np.where(PADDING, -100, indices)
    assert_same_bits(
        net.forward(params, e.x, wild, lengths=LENGTHS), net.forward(params, e.x, indices, lengths=LENGTHS)
    )


@every_cell
def test_a_batch_of_none_has_a_divergence_of_zero_and_zero_gradients(cell: str) -> None:
    net = network(cell)
    params, e = prepared(net, B=0)
    run = net.forward(params, e.x, TARGET[:, :0])
    assert run.div == 0
    assert_close(net.backward(params, run).params, {name: np.zeros_like(p) for name, p in params.items()})
