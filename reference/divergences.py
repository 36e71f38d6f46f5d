"""The divergence: a scalar function of the SERIES of outputs y(0..T-1) and the desired series, and its gradient.

Those that have a name are local, `DIV = sum over t and b of w(t, b) · d(y(t, b), target(t, b))`, but nothing in the
network relies on it: a divergence is anything with a `value` and a `gradient` over the whole series. SPEC 0.8.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np

from reference.activations import LOG_SOFTMAX, SOFTMAX
from reference.arrays import Array


class Divergence(Protocol):
    """What the network asks of a divergence; write your own with these two methods. SPEC 8.1, 22.2.

    y (T, B, O); weights (T, B), 0 at every step that must not count (the padding among them), of sum 1 if the reduction
    is "mean"; target: an array of your own definition, its first two axes T and B. `value` returns a scalar, `gradient`
    dDIV/dy for every t, (T, B, O).
    For the complex step to check it, `value` must be analytic: no abs, conj or maximum.
    """

    def value(self, y: Array, target: Array, weights: Array) -> Any: ...

    def gradient(self, y: Array, target: Array, weights: Array) -> Array: ...


@runtime_checkable
class CheckedDivergence(Divergence, Protocol):
    """A divergence that knows which activations it can take, and checks its target before any arithmetic. SPEC 22.3.

    per_sequence: the target is (B, ...), one a sequence, instead of (T, B, ...). `desired` returns what `value` and
    `gradient` are given as the target, or raises.
    """

    @property
    def name(self) -> str: ...

    @property
    def activations(self) -> frozenset[str]: ...

    @property
    def per_sequence(self) -> bool: ...

    def desired(self, target: Array, classes: int, weights: Array) -> Array: ...


_ANY = frozenset({"identity", "sigmoid", "tanh", "relu", "softplus", "softmax", "log_softmax"})
_PROBABILITY = frozenset({"sigmoid", "softmax"})
LOGITS = _ANY - {"softmax", "log_softmax"}


def require_reduction(reduction: object) -> None:
    """Raises ValueError unless it is "sum" or "mean". SPEC 20.2."""
    if reduction not in ("sum", "mean"):
        raise ValueError(f"Unknown reduction '{reduction}'. Select from 'sum' or 'mean'.")


def _squared_error(y: Array, d: Array) -> Array:
    return ((y - d) * (y - d)).sum(axis=-1) / 2


def _where_desired(d: Array, y: Array) -> Array:
    """y, but 1 where nothing is desired: there 0 · log 0 and 0 / 0 are 0, not NaN. SPEC 8.5."""
    return np.where(d != 0, y, np.ones_like(y))


def _cross_entropy(y: Array, d: Array) -> Array:
    return -(d * np.log(_where_desired(d, y))).sum(axis=-1)


def _cross_entropy_gradient(y: Array, d: Array) -> Array:
    return -d / _where_desired(d, y)


def _kl(y: Array, d: Array) -> Array:
    return _cross_entropy(y, d) - _cross_entropy(d, d)


def _binary_cross_entropy(y: Array, d: Array) -> Array:
    return _cross_entropy(y, d) + _cross_entropy(1 - y, 1 - d)


def _binary_cross_entropy_gradient(y: Array, d: Array) -> Array:
    return _cross_entropy_gradient(y, d) - _cross_entropy_gradient(1 - y, 1 - d)


def _negative_log_likelihood(y: Array, d: Array) -> Array:
    return -(d * np.where(d != 0, y, np.zeros_like(y))).sum(axis=-1)


def _softmax_cross_entropy(y: Array, d: Array) -> Array:
    return _negative_log_likelihood(LOG_SOFTMAX.value(y), d)


def _softmax_cross_entropy_gradient(y: Array, d: Array) -> Array:
    return SOFTMAX.value(y) * d.sum(axis=-1, keepdims=True) - d


def _one_hot(index: Array, classes: int, weights: Array) -> Array:
    """`d_i = [i = index]`, of the dtype of the weights: one axis more than the indices. SPEC 8.3."""
    if index.size and (index.min() < 0 or index.max() >= classes):
        raise ValueError(f"Expected class indices in 0..{classes - 1}, got {index.min()}..{index.max()}")
    d = np.zeros_like(weights, shape=(*index.shape, classes))
    np.put_along_axis(d, index[..., None], 1, axis=-1)
    return d


def _harmless(y: Array, counted: Array) -> Array:
    """y, but 1/2 at the steps that do not count: whatever stands there, no divergence divides by 0 on it."""
    return np.where(counted[:, :, None], y, 0.5)


@dataclass(frozen=True)
class LocalDivergence:
    """`DIV = sum over t, b of w(t, b) d(y(t, b), target(t, b))`. SPEC 8.2, 8.5.

    local(y, d) -> (T, B) and local_gradient(y, d) -> (T, B, O), both with d (T, B, O) floats.
    takes_indices: whether the target may be class indices, (T, B) integers. activations: those whose y it accepts.
    """

    name: str
    local: Callable[[Array, Array], Array]
    local_gradient: Callable[[Array, Array], Array]
    takes_indices: bool
    activations: frozenset[str]

    per_sequence: ClassVar[bool] = False

    def value(self, y: Array, target: Array, weights: Array) -> Any:
        """The divergence of the whole series, a scalar. y, target (T, B, O), weights (T, B). SPEC 8.2."""
        counted = weights != 0
        return (weights * np.where(counted, self.local(_harmless(y, counted), target), 0)).sum()

    def gradient(self, y: Array, target: Array, weights: Array) -> Array:
        """dDIV/dy(t) for every t, (T, B, O). SPEC 8.2."""
        counted, w = weights != 0, weights[:, :, None]
        return w * np.where(counted[:, :, None], self.local_gradient(_harmless(y, counted), target), 0)

    def desired(self, target: Array, classes: int, weights: Array) -> Array:
        """The target as (T, B, O) floats, class indices as one-hot vectors; 0 at steps of weight 0. SPEC 8.3.

        Raises TypeError on a target of a wrong dtype, ValueError on a wrong shape or on an index out of range.
        """
        counted = weights != 0
        T, B = weights.shape
        if np.issubdtype(target.dtype, np.integer) and self.takes_indices:
            if target.shape != (T, B):
                raise ValueError(f"Expected class indices of size {(T, B)} (time, batch), got {target.shape}")
            target = _one_hot(np.where(counted, target, 0), classes, weights)
        if target.dtype.newbyteorder("=") != weights.dtype:
            raise TypeError(f"the target of {self.name} should be of dtype {weights.dtype}, got: {target.dtype}")
        if target.shape != (T, B, classes):
            raise ValueError(f"Expected target of size {(T, B, classes)} (time, batch, output), got {target.shape}")
        return np.where(counted[:, :, None], target, 0)


@dataclass(frozen=True)
class MeanPooledCrossEntropy:
    """`DIV = sum over b of v(b) · softmax cross-entropy of the mean over t of y(t, b)`: no sum over t. SPEC 8.7, 22.4.

    The mean over t is weighted by the step weights; v = 1, or 1/B with reduction "mean". y are logits; the target is
    one class index a sequence, (B,) integers.
    """

    reduction: str = "sum"

    name: ClassVar[str] = "mean_pooled_cross_entropy"
    activations: ClassVar[frozenset[str]] = LOGITS
    per_sequence: ClassVar[bool] = True

    def __post_init__(self) -> None:
        require_reduction(self.reduction)

    def value(self, y: Array, target: Array, weights: Array) -> Any:
        """The divergence, a scalar. y (T, B, O), target (B, O) one-hot, weights (T, B). SPEC 8.7."""
        return self._mean(_softmax_cross_entropy(self._pooled(y, weights), target)).sum()

    def gradient(self, y: Array, target: Array, weights: Array) -> Array:
        """dDIV/dy(t) = w(t) / sum w · (softmax(pooled) - d) for every t, (T, B, O). SPEC 8.7."""
        d_pooled = self._mean(_softmax_cross_entropy_gradient(self._pooled(y, weights), target))
        return self._shares(weights)[:, :, None] * d_pooled

    def desired(self, target: Array, classes: int, weights: Array) -> Array:
        """The target as one-hot vectors (B, O). SPEC 8.7.

        Raises TypeError on another dtype; ValueError on another shape, an index out of range, or a mean of nothing.
        """
        B = weights.shape[1]
        if not np.issubdtype(target.dtype, np.integer):
            raise TypeError(f"the target of {self.name} should be class indices, got: {target.dtype}")
        if target.shape != (B,):
            raise ValueError(f"Expected class indices of size {(B,)} (batch), got {target.shape}")
        if (weights.sum(axis=0) == 0).any():
            raise ValueError("the mean over the steps of a sequence needs weights that do not sum to 0")
        if self.reduction == "mean" and B == 0:
            raise ValueError("the mean over the sequences needs one at least")
        return _one_hot(target, classes, weights)

    def _shares(self, weights: Array) -> Array:
        """What each step counts for in the mean of its sequence: (T, B)."""
        return weights / weights.sum(axis=0)

    def _pooled(self, y: Array, weights: Array) -> Array:
        """The mean over the steps of each sequence: (B, O)."""
        return (self._shares(weights)[:, :, None] * _harmless(y, weights != 0)).sum(axis=0)

    def _mean(self, of_sequences: Array) -> Array:
        return of_sequences if self.reduction == "sum" else of_sequences / len(of_sequences)


DIVERGENCES: dict[str, LocalDivergence] = {
    divergence.name: divergence
    for divergence in (
        LocalDivergence("squared_error", _squared_error, lambda y, d: y - d, False, _ANY),
        LocalDivergence("cross_entropy", _cross_entropy, _cross_entropy_gradient, True, _PROBABILITY),
        LocalDivergence("kl", _kl, _cross_entropy_gradient, False, _PROBABILITY),
        LocalDivergence(
            "binary_cross_entropy", _binary_cross_entropy, _binary_cross_entropy_gradient, False, _PROBABILITY
        ),
        LocalDivergence(
            "negative_log_likelihood",
            _negative_log_likelihood,
            lambda y, d: -d,
            True,
            frozenset({"log_softmax"}),
        ),
        LocalDivergence("softmax_cross_entropy", _softmax_cross_entropy, _softmax_cross_entropy_gradient, True, LOGITS),
    )
}
