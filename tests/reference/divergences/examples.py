"""What these tests share: outputs, targets, weights, and a network there and back."""

from typing import Any

import numpy as np
from numpy.testing import assert_allclose

import reference
from reference.activations import ACTIVATIONS
from reference.arrays import Array
from reference.divergences import DIVERGENCES
from reference.network import Network, NetworkGradients, NetworkRun

NAN = np.nan
T, B, I, H, O = 4, 3, 2, 6, 5
NAMES = list(DIVERGENCES)
WITH_INDICES = ["cross_entropy", "negative_log_likelihood", "softmax_cross_entropy"]
WITHOUT_INDICES = [name for name in NAMES if name not in WITH_INDICES]
ACTIVATION = {
    "squared_error": "tanh",
    "cross_entropy": "softmax",
    "kl": "softmax",
    "binary_cross_entropy": "sigmoid",
    "negative_log_likelihood": "log_softmax",
    "softmax_cross_entropy": "identity",
}


def close(got: Any, wanted: Any) -> None:
    assert_allclose(got, wanted, rtol=1e-12, atol=1e-13)


def normal(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).standard_normal(shape)


def outputs(name: str) -> Array:
    """A y (T, B, O) such as the activation gives."""
    return ACTIVATIONS[ACTIVATION[name]].value(normal(T, B, O))


def soft_targets() -> Array:
    """Of sum 1, with a 0 among them."""
    d = np.random.default_rng(1).uniform(0.1, 1, (T, B, O))
    d[1, 2, 3] = 0
    return d / d.sum(axis=-1, keepdims=True)


def class_indices() -> Array:
    return np.random.default_rng(2).integers(0, O, (T, B))


def one_hot() -> Array:
    return np.eye(O)[class_indices()]


def some_weights() -> Array:
    """One 0, one negative."""
    w = np.random.default_rng(3).uniform(0.2, 2, (T, B))
    w[1, 0], w[2, 2] = 0, -0.7
    return w


def network(name: str, reduction: str = "sum") -> Network:
    return Network(reference.RNN(I, H), O, ACTIVATION[name], name, reduction)


def there_and_back(
    net: Network, target: Array, weights: Array | None = None, lengths: list[int] | None = None
) -> tuple[NetworkRun, NetworkGradients]:
    params = net.init(np.random.default_rng(4))
    run = net.forward(params, normal(T, B, I), target, lengths=lengths, weights=weights)
    return run, net.backward(params, run)
