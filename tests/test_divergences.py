"""Divergences: by hand, against torch, by the complex step; weights, reductions, and one of the user's own."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F

import reference
from reference.activations import SOFTMAX
from reference.arrays import Array
from reference.divergences import DIVERGENCES

T, B, I, H, O = 5, 3, 4, 6, 2
RNG = np.random.default_rng(7)
LOGITS = RNG.uniform(-2, 2, (T, B, O))
PROBABILITIES = SOFTMAX.value(LOGITS)
CLASSES = RNG.integers(0, O, (T, B))
SOFT = SOFTMAX.value(RNG.uniform(-1, 1, (T, B, O)))
WEIGHTS = RNG.uniform(0.5, 2, (T, B))

Y = {
    "squared_error": LOGITS,
    "softmax_cross_entropy": LOGITS,
    "negative_log_likelihood": np.log(PROBABILITIES),
}
IN_TORCH: dict[str, Callable[[Any, Any], Any]] = {
    "squared_error": lambda y, d: F.mse_loss(y, d, reduction="none").sum(-1) / 2,
    "cross_entropy": lambda y, d: -(d * y.log()).sum(-1),
    "kl": lambda y, d: F.kl_div(y.log(), d, reduction="none").sum(-1),
    "binary_cross_entropy": lambda y, d: F.binary_cross_entropy(y, d, reduction="none").sum(-1),
    "negative_log_likelihood": lambda y, d: -(d * y).sum(-1),
    "softmax_cross_entropy": lambda y, d: F.cross_entropy(y.movedim(-1, 1), d.movedim(-1, 1), reduction="none"),
}

every_divergence = pytest.mark.parametrize("name", DIVERGENCES)


@every_divergence
def test_value_and_gradient_are_those_of_torch(name: str) -> None:
    y = torch.from_numpy(Y.get(name, PROBABILITIES).copy()).requires_grad_()
    div = (torch.from_numpy(WEIGHTS) * IN_TORCH[name](y, torch.from_numpy(SOFT))).sum()
    (dy,) = torch.autograd.grad(div, y)
    ours = DIVERGENCES[name]
    np.testing.assert_allclose(ours.value(y.detach().numpy(), SOFT, WEIGHTS), div.item(), rtol=1e-13)
    np.testing.assert_allclose(ours.gradient(y.detach().numpy(), SOFT, WEIGHTS), dy.numpy(), rtol=1e-12, atol=1e-14)


@every_divergence
def test_the_gradient_is_the_derivative_of_the_value(name: str) -> None:
    """By the complex step, element by element: Im DIV(y + ih) / h."""
    y, ours = Y.get(name, PROBABILITIES), DIVERGENCES[name]
    gradient = ours.gradient(y, SOFT, WEIGHTS)
    for index in np.ndindex(y.shape):
        stepped = y.astype(complex)
        stepped[index] += 1e-30j
        derivative = ours.value(stepped, SOFT.astype(complex), WEIGHTS.astype(complex)).imag / 1e-30
        assert gradient[index] == pytest.approx(derivative, rel=1e-12, abs=1e-14)


@pytest.mark.parametrize(
    ("name", "y", "d", "value"),
    [
        ("squared_error", [1.0, -2.0], [0.5, 1.0], 0.5 * (0.25 + 9)),
        ("cross_entropy", [0.25, 0.75], [0.0, 1.0], -np.log(0.75)),
        ("cross_entropy", [0.0, 1.0], [0.0, 1.0], 0.0),
        ("kl", [0.25, 0.75], [0.5, 0.5], 0.5 * np.log(0.5 / 0.25) + 0.5 * np.log(0.5 / 0.75)),
        ("kl", [0.25, 0.75], [0.0, 1.0], -np.log(0.75)),
        ("binary_cross_entropy", [0.25, 1.0], [1.0, 1.0], -np.log(0.25)),
        ("binary_cross_entropy", [0.25, 0.0], [0.0, 0.0], -np.log(0.75)),
        ("negative_log_likelihood", [-1.5, -np.inf], [1.0, 0.0], 1.5),
        ("softmax_cross_entropy", [1000.0, -1000.0], [0.0, 1.0], 2000.0),
        ("softmax_cross_entropy", [1000.0, -1000.0], [1.0, 0.0], 0.0),
        ("softmax_cross_entropy", [0.0, 0.0], [0.5, 0.5], np.log(2)),
    ],
)
def test_numbers_by_hand(name: str, y: list[float], d: list[float], value: float) -> None:
    series = (np.array([[y]]), np.array([[d]]), np.ones((1, 1)))
    assert DIVERGENCES[name].value(*series) == pytest.approx(value, rel=1e-14)
    assert np.isfinite(DIVERGENCES[name].gradient(*series)).all()


def test_the_fused_gradient_is_exact_at_large_logits() -> None:
    gradient = DIVERGENCES["softmax_cross_entropy"].gradient(
        np.array([[[1000.0, -1000.0]]]), np.array([[[0.0, 1.0]]]), np.ones((1, 1))
    )
    np.testing.assert_array_equal(gradient, [[[1, -1]]])


def net(divergence: Any, activation: str = "identity", reduction: str = "sum") -> reference.Network:
    return reference.Network(reference.RNN(I, H), O, activation, divergence, reduction)


PARAMS = net("squared_error").init(np.random.default_rng(0))
X = RNG.uniform(-1, 1, (T, B, I))


@pytest.mark.parametrize(
    ("name", "activation"),
    [("cross_entropy", "softmax"), ("negative_log_likelihood", "log_softmax"), ("softmax_cross_entropy", "identity")],
)
def test_class_indices_are_one_hot_targets(name: str, activation: str) -> None:
    n = net(name, activation)
    by_index, by_vector = (n.forward(PARAMS, X, target) for target in (CLASSES, np.eye(O)[CLASSES]))
    assert by_index.div == by_vector.div
    gradients = [n.backward(PARAMS, run).params for run in (by_index, by_vector)]
    for p in PARAMS:
        np.testing.assert_array_equal(gradients[0][p], gradients[1][p])


def test_softmax_under_cross_entropy_is_the_fused_divergence() -> None:
    apart, fused = net("cross_entropy", "softmax"), net("softmax_cross_entropy")
    runs = apart.forward(PARAMS, X, SOFT), fused.forward(PARAMS, X, SOFT)
    assert runs[0].div == pytest.approx(runs[1].div, rel=1e-13)
    np.testing.assert_allclose(apart.backward(PARAMS, runs[0]).z, fused.backward(PARAMS, runs[1]).z, atol=1e-15)


def test_mean_divides_by_the_sum_of_the_weights() -> None:
    total = net("squared_error").forward(PARAMS, X, LOGITS, weights=WEIGHTS)
    mean = net("squared_error", reduction="mean").forward(PARAMS, X, LOGITS, weights=WEIGHTS)
    assert mean.div == pytest.approx(total.div / WEIGHTS.sum(), rel=1e-14)
    halved = net("squared_error", reduction="mean").forward(PARAMS, X, LOGITS, weights=WEIGHTS / 2)
    assert halved.div == pytest.approx(mean.div, rel=1e-14)


def test_a_mask_is_weights_of_0_and_1() -> None:
    mask = RNG.random((T, B)) < 0.5
    n = net("squared_error")
    assert n.forward(PARAMS, X, LOGITS, weights=mask).div == n.forward(PARAMS, X, LOGITS, weights=1.0 * mask).div


def test_what_stands_at_a_step_of_weight_0_is_not_looked_at() -> None:
    mask = np.ones((T, B), bool)
    mask[2, 1] = mask[4, 0] = False
    clean = net("squared_error").forward(PARAMS, X, LOGITS, weights=mask)
    poisoned = LOGITS.copy()
    poisoned[~mask] = np.nan
    run = net("squared_error").forward(PARAMS, X, poisoned, weights=mask)
    assert run.div == clean.div
    assert not net("squared_error").backward(PARAMS, run).y[~mask].any()
    indices = CLASSES.copy()
    indices[~mask] = -100
    assert np.isfinite(net("softmax_cross_entropy").forward(PARAMS, X, indices, weights=mask).div)


class ErrorOfTheMean:
    """A function of the whole series that is no sum over t: `1/2 |mean over t of y(t) - target|²`, summed over b."""

    def value(self, y: Array, target: Array, weights: Array) -> Any:
        e = y.mean(axis=0) - target[0]
        return (e * e).sum() / 2

    def gradient(self, y: Array, target: Array, weights: Array) -> Array:
        return np.broadcast_to((y.mean(axis=0) - target[0]) / len(y), y.shape).copy()


def test_a_divergence_of_ones_own_may_be_any_function_of_the_series() -> None:
    n = net(ErrorOfTheMean(), activation="tanh")
    run = n.forward(PARAMS, X, SOFT)
    grads = n.backward(PARAMS, run)

    rnn, out = torch.nn.RNN(I, H).double(), torch.nn.Linear(H, O).double()
    module = torch.nn.ModuleDict({"rnn": rnn, "output": out})
    module.load_state_dict({name: torch.from_numpy(p) for name, p in PARAMS.items()})
    x = torch.from_numpy(X.copy()).requires_grad_()
    y = torch.tanh(out(rnn(x)[0]))
    div = 0.5 * (y.mean(dim=0) - torch.from_numpy(SOFT[0])).square().sum()
    div.backward()  # type: ignore[no-untyped-call]

    assert run.div == pytest.approx(div.item(), rel=1e-13)
    assert x.grad is not None
    np.testing.assert_allclose(grads.x, x.grad.numpy(), rtol=1e-12, atol=1e-15)
    for name, p in module.named_parameters():
        assert p.grad is not None
        np.testing.assert_allclose(grads.params[name], p.grad.numpy(), rtol=1e-12, atol=1e-15)


def test_a_gradient_of_ones_own_must_have_the_shape_of_y() -> None:
    class Broadcast(ErrorOfTheMean):
        def gradient(self, y: Array, target: Array, weights: Array) -> Array:
            return y[:1]

    n = net(Broadcast())
    with pytest.raises(ValueError, match=r"gradient of the divergence of size \(5, 3, 2\), got \(1, 3, 2\)"):
        n.backward(PARAMS, n.forward(PARAMS, X, SOFT))


def test_a_divergence_of_ones_own_must_be_one_number() -> None:
    class PerStep(ErrorOfTheMean):
        def value(self, y: Array, target: Array, weights: Array) -> Any:
            return y.sum(axis=(1, 2))

    with pytest.raises(ValueError, match=r"should be a single number, got an array of size \(5,\)"):
        net(PerStep()).forward(PARAMS, X, SOFT)
