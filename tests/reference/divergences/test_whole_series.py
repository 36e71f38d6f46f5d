"""Divergences of the series as a whole: the two of sequences at their edges, and one of one's own. SPEC 8."""

from collections.abc import Callable
from dataclasses import dataclass
from math import log
from typing import Any

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from torch import nn

import reference
from reference.activations import ACTIVATIONS, SOFTMAX
from reference.arrays import Array
from reference.ctc import CTC
from reference.divergences import MeanPooledCrossEntropy
from reference.network import Network
from tests.reference.divergences.examples import (
    NAN,
    B,
    H,
    I,
    O,
    T,
    close,
    network,
    normal,
    outputs,
    soft_targets,
    some_weights,
    there_and_back,
)

# The divergences of sequences.


def likeliest(classes: list[int], margin: float) -> Array:
    """Logits (T, 1, O) that are 0 but for one class a step, greater by the margin."""
    return margin * np.eye(O)[classes][:, None]


def test_ctc_of_an_empty_target_is_the_probability_of_nothing_but_blanks() -> None:
    y, weights = normal(T, B, O), np.ones((T, B))
    wanted = -ACTIVATIONS["log_softmax"].value(y)[:, :, 2].sum()
    for S in (0, 2):
        close(CTC(blank=2).value(y, np.full((B, S), -1), weights), wanted)


def test_ctc_of_more_labels_than_steps_is_infinite_unless_zero_is_asked_for() -> None:
    y, target, weights = normal(1, 1, O), np.array([[1, 2]]), np.ones((1, 1))
    for own, value, gradient in ((CTC(), np.inf, NAN), (CTC(zero_infinity=True), 0, 0)):
        assert own.value(y, target, weights) == value
        assert_array_equal(own.gradient(y, target, weights), np.full((1, 1, O), gradient))


def test_ctc_is_as_exact_beside_a_sequence_that_is_far_likelier() -> None:
    """The second sequence says 3 at every step: 15 paths spell "1 2" in four steps, and all are wrong four times."""
    y = np.concatenate([likeliest([1, 0, 2, 0], 900), likeliest([3, 3, 3, 3], 900)], axis=1)
    close(CTC().value(y, np.array([[1, 2], [1, 2]]), np.ones((T, 2))), 4 * 900 - log(15))


@pytest.mark.parametrize(
    ("own", "target"),
    [(CTC(), np.zeros((0, 2), int)), (MeanPooledCrossEntropy(), np.zeros(0, int))],
    ids=["ctc", "pooled"],
)
def test_the_sum_over_no_sequences_is_0(own: reference.CTC | reference.MeanPooledCrossEntropy, target: Array) -> None:
    net = Network(reference.RNN(I, H), O, divergence=own)
    params = net.init(np.random.default_rng(4))
    run = net.forward(params, normal(T, 0, I), target)
    assert run.div == 0
    assert net.backward(params, run).z.shape == (T, 0, O)


@pytest.mark.parametrize("own", [CTC, MeanPooledCrossEntropy])
def test_the_mean_over_one_sequence_of_one_label_is_its_sum(own: Any) -> None:
    target = np.array([[3]]) if own is CTC else np.array([3])
    divs = [
        Network(reference.RNN(I, H), O, divergence=own(reduction=reduction))
        .forward(network("kl").init(np.random.default_rng(4)), normal(T, 1, I), target)
        .div
        for reduction in ("mean", "sum")
    ]
    assert divs[0] == divs[1] > 0


# A divergence of one's own: a function of the whole series.


@dataclass
class ErrorOfTheMean:
    """Half the squared error of the mean of y over time: not a sum of terms, one a step."""

    def value(self, y: Array, target: Array, weights: Array) -> Any:
        error = y.mean(axis=0) - target.mean(axis=0)
        return (error * error).sum() / 2

    def gradient(self, y: Array, target: Array, weights: Array) -> Array:
        error = y.mean(axis=0) - target.mean(axis=0)
        return np.broadcast_to(error / len(y), y.shape).copy()


@dataclass
class Recorder(ErrorOfTheMean):
    """Keeps what it was given."""

    def value(self, y: Array, target: Array, weights: Array) -> Any:
        self.y, self.target, self.weights = y, target, weights
        return super().value(y, target, weights)


def test_a_divergence_of_the_whole_series_goes_back_through_time_as_in_torch() -> None:
    net = Network(reference.RNN(I, H, num_layers=2, bidirectional=True), O, "sigmoid", ErrorOfTheMean())
    params = net.init(np.random.default_rng(4))
    x, h0, target = normal(T, B, I), normal(4, B, H, seed=5), normal(T, B, O, seed=6)
    run = net.forward(params, x, target, h0)
    grads = net.backward(params, run)

    module = nn.ModuleDict({"rnn": nn.RNN(I, H, 2, bidirectional=True), "output": nn.Linear(2 * H, O)}).double()
    module.load_state_dict({name: torch.from_numpy(p) for name, p in params.items()}, strict=True)
    x_t, h0_t = torch.from_numpy(x).requires_grad_(), torch.from_numpy(h0).requires_grad_()
    y = torch.sigmoid(module["output"](module["rnn"](x_t, h0_t)[0]))
    wanted = ((y.mean(dim=0) - torch.from_numpy(target).mean(dim=0)) ** 2).sum() / 2
    leaves = {"x": x_t, "h0": h0_t} | dict(module.named_parameters())
    gradients = torch.autograd.grad(wanted, list(leaves.values()))

    close(run.div, wanted.item())
    for name, gradient in zip(leaves, gradients, strict=True):
        close(({"x": grads.x, "h0": grads.h0} | grads.params)[name], gradient.numpy())


def test_the_divergence_of_a_whole_series_is_not_that_of_its_steps() -> None:
    """So the test above tells a gradient over the series from one a step."""
    y, target = outputs("squared_error"), soft_targets()
    own = ErrorOfTheMean().gradient(y, target, some_weights())
    assert np.abs(own - (y - target) / T).max() > 0.1


def test_a_divergence_of_ones_own_reads_time_major_series_in_every_layout() -> None:
    own, x, target = Recorder(), normal(T, B, I), normal(T, B, O, seed=6)
    net = Network(reference.RNN(I, H), O, "identity", own)
    batch_first = Network(reference.RNN(I, H, batch_first=True), O, "identity", own)
    params = net.init(np.random.default_rng(4))
    wanted = net.forward(params, x, target)
    run = batch_first.forward(params, x.swapaxes(0, 1), target.swapaxes(0, 1))
    assert_array_equal(own.y, wanted.y)
    assert_array_equal(own.target, target)
    assert run.div == wanted.div


def test_a_divergence_of_ones_own_reads_an_unbatched_series_as_a_batch_of_one() -> None:
    own, target = Recorder(), normal(T, O, seed=6)
    net = Network(reference.RNN(I, H), O, "identity", own)
    run = net.forward(net.init(np.random.default_rng(4)), normal(T, I), target)
    assert_array_equal(own.y[:, 0], run.y)
    assert_array_equal(own.target[:, 0], target)


def test_a_divergence_of_ones_own_is_given_weights_of_zero_at_padding_and_of_sum_one_for_the_mean() -> None:
    own = Recorder()
    there_and_back(Network(reference.RNN(I, H), O, divergence=own, reduction="mean"), soft_targets(), lengths=[2, 4, 1])
    close(own.weights, np.where(np.arange(T)[:, None] < [2, 4, 1], 1 / 7, 0))


def test_a_target_of_ones_own_may_be_of_any_shape_and_dtype_behind_time_and_batch() -> None:
    own, target = Recorder(), np.arange(T * B).reshape(T, B, 1)
    net = Network(reference.RNN(I, H), O, divergence=own)
    net.forward(net.init(np.random.default_rng(4)), normal(T, B, I), target)
    assert own.target.dtype == target.dtype
    assert_array_equal(own.target, target)


@dataclass
class Spoiled(ErrorOfTheMean):
    """A divergence whose value or gradient goes through a function that spoils it."""

    spoil_value: Callable[[Array], Any] = lambda value: value
    spoil_gradient: Callable[[Array], Any] = lambda gradient: gradient

    def value(self, y: Array, target: Array, weights: Array) -> Any:
        return self.spoil_value(super().value(y, target, weights))

    def gradient(self, y: Array, target: Array, weights: Array) -> Array:
        return self.spoil_gradient(super().gradient(y, target, weights))


@pytest.mark.parametrize(
    ("spoil", "error", "message"),
    [
        (lambda g: g[0], ValueError, r"Expected the gradient of the divergence of size \(4, 3, 5\), got \(3, 5\)"),
        (lambda g: g[:1], ValueError, r"got \(1, 3, 5\)"),
        (lambda g: g.sum(), TypeError, "should be a NumPy array"),
        (lambda g: g.astype(np.float32), TypeError, r"the gradient of the divergence dtype \(float32\)"),
        (lambda g: g.tolist(), TypeError, "should be a NumPy array, got: list"),
    ],
    ids=["one-step", "would-broadcast", "scalar", "float32", "list"],
)
def test_a_gradient_that_does_not_fit_the_outputs_raises(
    spoil: Callable[[Array], Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        there_and_back(Network(reference.RNN(I, H), O, divergence=Spoiled(spoil_gradient=spoil)), soft_targets())


@pytest.mark.parametrize("size", [(1,), (4, 3)])
def test_a_value_that_is_no_single_number_raises(size: tuple[int, ...]) -> None:
    own = Spoiled(spoil_value=lambda v: np.full(size, v))
    with pytest.raises(ValueError, match="the divergence should be a single number"):
        there_and_back(Network(reference.RNN(I, H), O, divergence=own), soft_targets())


def test_an_object_without_value_and_gradient_is_no_divergence() -> None:
    with pytest.raises(TypeError, match="an object with `value` and `gradient`, got: Softmax"):
        Network(reference.RNN(I, H), O, divergence=SOFTMAX)  # type: ignore[arg-type]
