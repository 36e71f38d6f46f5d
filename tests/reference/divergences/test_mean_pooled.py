"""Mean-pooled cross-entropy: a divergence of the series that is no sum over t. SPEC 8.7."""

from math import log
from typing import Any

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from torch.nn import functional as F

from reference import RNN, MeanPooledCrossEntropy, Network
from reference.arrays import Array
from tests.helpers import complex_step_gradient

T, B, O = 5, 3, 4


def logits(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).standard_normal(shape or (T, B, O))


def some_weights() -> Array:
    w = np.random.default_rng(3).uniform(0.2, 2, (T, B))
    w[1, 0] = 0
    w[3:, 2] = 0
    return w


def one_hot(*classes: int) -> Array:
    return np.eye(O)[list(classes)]


def test_by_hand() -> None:
    """The mean of 0 and 2 log 3 is log 3, of 0 and 0 it is 0: softmax (3/4, 1/4)."""
    y, weights = np.array([[[0.0, 0.0]], [[2 * log(3), 0.0]]]), np.ones((2, 1))
    assert_allclose(MeanPooledCrossEntropy().value(y, np.array([[1.0, 0.0]]), weights), log(4 / 3))
    assert_allclose(MeanPooledCrossEntropy().gradient(y, np.array([[1.0, 0.0]]), weights), [[[-0.125, 0.125]]] * 2)


@pytest.mark.parametrize("reduction", ["sum", "mean"])
def test_torch(reduction: str) -> None:
    y, w, classes = logits(), some_weights(), [2, 0, 3]
    leaf = torch.tensor(y, requires_grad=True)
    share = torch.tensor(w / w.sum(axis=0))[..., None]
    loss = F.cross_entropy((share * leaf).sum(0), torch.tensor(classes), reduction=reduction)
    (d_leaf,) = torch.autograd.grad(loss, leaf)
    pooled = MeanPooledCrossEntropy(reduction)
    assert_allclose(pooled.value(y, one_hot(*classes), w), loss.item(), rtol=1e-13)
    assert_allclose(pooled.gradient(y, one_hot(*classes), w), d_leaf.numpy(), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("reduction", ["sum", "mean"])
def test_the_gradient_is_the_derivative_of_the_value(reduction: str) -> None:
    pooled, d, w = MeanPooledCrossEntropy(reduction), one_hot(2, 0, 3), some_weights()
    wanted = complex_step_gradient(lambda at: pooled.value(at, d, w), logits())
    assert_allclose(pooled.gradient(logits(), d, w), wanted, rtol=1e-12, atol=1e-15)


def test_it_is_no_sum_over_t() -> None:
    """What one step contributes depends on every other: the gradient at t = 0 moves with y(T-1)."""
    pooled, d, w = MeanPooledCrossEntropy(), one_hot(2, 0, 3), np.ones((T, B))
    moved = logits().copy()
    moved[-1] += np.arange(O)
    assert not np.allclose(pooled.gradient(logits(), d, w)[0], pooled.gradient(moved, d, w)[0], rtol=1e-2)


def test_steps_of_weight_0_are_not_read() -> None:
    pooled, d, w = MeanPooledCrossEntropy(), one_hot(2, 0, 3), some_weights()
    poisoned = logits().copy()
    poisoned[w == 0] = np.nan
    assert pooled.value(poisoned, d, w) == pooled.value(logits(), d, w)
    assert_array_equal(pooled.gradient(poisoned, d, w)[w == 0], 0)


@pytest.mark.parametrize("layout", ["time_major", "batch_first", "unbatched"])
def test_under_a_network_the_target_belongs_to_the_sequence(layout: str) -> None:
    net = Network(RNN(3, 6, batch_first=layout == "batch_first"), O, divergence=MeanPooledCrossEntropy())
    params = net.init(np.random.default_rng(0))
    x = logits(T, 1, 3)
    plain = Network(RNN(3, 6), O, divergence=MeanPooledCrossEntropy())
    run = plain.forward(params, x, np.array([2]))
    shaped = {"time_major": x, "batch_first": x.swapaxes(0, 1), "unbatched": x[:, 0]}[layout]
    got = net.forward(params, shaped, np.array(2) if layout == "unbatched" else np.array([2]))
    assert_allclose(got.div, run.div)
    assert_array_equal(got.target, one_hot(2))
    for name, gradient in net.backward(params, got).params.items():
        assert_allclose(gradient, plain.backward(params, run).params[name], rtol=1e-12, atol=1e-15, err_msg=name)


def test_float32_stays_float32() -> None:
    y, d, w = logits().astype(np.float32), one_hot(2, 0, 3).astype(np.float32), some_weights().astype(np.float32)
    assert MeanPooledCrossEntropy("mean").value(y, d, w).dtype == np.float32
    assert MeanPooledCrossEntropy("mean").gradient(y, d, w).dtype == np.float32


@pytest.mark.parametrize(
    ("target", "kind", "message"),
    [
        (np.ones(B), TypeError, "the target of mean_pooled_cross_entropy should be class indices, got: float64"),
        (np.ones((T, B), int), ValueError, "Expected class indices of size (3,) (batch), got (5, 3)"),
        (np.array(1), ValueError, "Expected class indices of size (3,) (batch), got ()"),
        (np.array([0, 1, O]), ValueError, "Expected class indices in 0..3, got 0..4"),
        (np.array([0, 1, -1]), ValueError, "Expected class indices in 0..3, got -1..1"),
    ],
)
def test_a_wrong_target_is_named(target: Array, kind: type[Exception], message: str) -> None:
    net = Network(RNN(3, 6), O, divergence=MeanPooledCrossEntropy())
    with pytest.raises(kind) as raised:
        net.forward(net.init(np.random.default_rng(0)), logits(T, B, 3), target)
    assert str(raised.value) == message


@pytest.mark.parametrize(
    ("divergence", "batch", "weights", "message"),
    [
        (
            MeanPooledCrossEntropy(),
            2,
            [[1.0, 0.0], [2.0, 0.0]],
            "steps of a sequence needs weights that do not sum to 0",
        ),
        (
            MeanPooledCrossEntropy(),
            2,
            [[1.0, 1.0], [2.0, -1.0]],
            "steps of a sequence needs weights that do not sum to 0",
        ),
        (MeanPooledCrossEntropy("mean"), 0, [[], []], "sequences needs one at least"),
    ],
)
def test_a_mean_of_nothing_is_refused(divergence: Any, batch: int, weights: Any, message: str) -> None:
    net = Network(RNN(3, 6), O, divergence=divergence)
    params, target = net.init(np.random.default_rng(0)), np.zeros(batch, int)
    with pytest.raises(ValueError, match=f"^the mean over the {message}$"):
        net.forward(params, logits(2, batch, 3), target, weights=np.array(weights))


def test_no_sequences_sum_to_0() -> None:
    net = Network(RNN(3, 6), O, divergence=MeanPooledCrossEntropy())
    params = net.init(np.random.default_rng(0))
    run = net.forward(params, logits(2, 0, 3), np.zeros(0, int))
    assert run.div == 0
    assert not net.backward(params, run).params["output.bias"].any()


def test_another_reduction_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^Unknown reduction 'none'. Select from 'sum' or 'mean'.$"):
        MeanPooledCrossEntropy("none")
