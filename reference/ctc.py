"""Connectionist temporal classification: a divergence of the series as a whole, on logits.

A path names one label or the blank at every step; it spells what remains once repeats are merged and blanks dropped.
The probability of a target is the sum over all paths that spell it, summed here by forward and backward recursions in
the log domain over the target with blanks around every label, `blank l_1 blank l_2 ... l_S blank`. SPEC 8.8.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from reference.activations import LOG_SOFTMAX
from reference.arrays import Array
from reference.divergences import LOGITS, require_reduction

END = -1  # stands after the last label of a target that is shorter than the longest


@dataclass(frozen=True)
class _Paths:
    """The states that a path goes through, for each sequence: s = 0..2S, blanks at even s, labels at odd s. SPEC 8.8.

    labels (B, 2S+1): the class of each state. skip (B, 2S+1) bool: a path may come from s-2. final (B, 2S+1): 0 where a
    path may end, else -inf. lengths (B,): how many steps a path has. log_y (T, B, 2S+1): log softmax of each state.
    """

    labels: Array
    skip: Array
    final: Array
    lengths: Array
    log_y: Array


def _paths(y: Array, target: Array, lengths: Array, blank: int) -> _Paths:
    B, S = target.shape
    labels = np.full((B, 2 * S + 1), blank)
    labels[:, 1::2] = np.where(target == END, blank, target)
    skip = np.zeros(labels.shape, dtype=bool)
    skip[:, 2:] = (labels[:, 2:] != blank) & (labels[:, 2:] != labels[:, :-2])
    state, last = np.arange(2 * S + 1), 2 * (target != END).sum(axis=1)[:, None]
    final = np.where((state == last) | (state == last - 1), 0, np.full_like(y, -np.inf, shape=labels.shape))
    log_y = np.take_along_axis(LOG_SOFTMAX.value(y), labels[None], axis=-1)
    return _Paths(labels, skip, final, lengths, log_y)


def _log_sum(terms: Array, axis: int) -> Array:
    """`log sum exp`, shifted by the maximum; the sum of nothing but zeros is -inf. SPEC 2.9."""
    largest = terms.real.max(axis=axis, keepdims=True)
    shift = np.where(largest == -np.inf, 0, largest)
    with np.errstate(divide="ignore"):  # log 0 is -inf
        return np.log(np.exp(terms - shift).sum(axis=axis)) + shift.squeeze(axis)


def _from(states: Array, offset: int) -> Array:
    """What stands `offset` states to the left (to the right if negative), -inf beyond the ends: (B, 2S+1)."""
    moved = np.full_like(states, -np.inf)
    if offset > 0:
        moved[:, offset:] = states[:, :-offset]
    else:
        moved[:, :offset] = states[:, -offset:]
    return moved


def _alpha(paths: _Paths) -> Array:
    """`log alpha(t, s)`: of all paths to state s at step t, the step itself included; (T, B, 2S+1). SPEC 8.9."""
    alpha = np.full_like(paths.log_y, -np.inf)
    alpha[0, :, :2] = paths.log_y[0, :, :2]
    for t in range(1, len(alpha)):
        stay, advance = alpha[t - 1], _from(alpha[t - 1], 1)
        skip = np.where(paths.skip, _from(alpha[t - 1], 2), -np.inf)
        alpha[t] = paths.log_y[t] + _log_sum(np.stack([stay, advance, skip]), axis=0)
    return alpha


def _beta(paths: _Paths) -> Array:
    """`log beta(t, s)`: of all paths from state s at step t on, the step itself included; (T, B, 2S+1). SPEC 8.9."""
    beta = np.full_like(paths.log_y, -np.inf)
    for t in reversed(range(len(beta))):
        if t + 1 < len(beta):
            stay, advance = beta[t + 1], _from(beta[t + 1], -1)
            skip = _from(np.where(paths.skip, beta[t + 1], -np.inf), -2)
            beta[t] = paths.log_y[t] + _log_sum(np.stack([stay, advance, skip]), axis=0)
        beta[t] = np.where((paths.lengths - 1 == t)[:, None], paths.log_y[t] + paths.final, beta[t])
    return beta


def _log_probability(paths: _Paths, alpha: Array) -> Array:
    """`log p(target)`, from alpha at each sequence's own last step; -inf where no path spells it: (B,). SPEC 8.9."""
    B = len(paths.lengths)
    return _log_sum(alpha[paths.lengths - 1, np.arange(B)] + paths.final, axis=-1)


@dataclass(frozen=True)
class CTC:
    """`DIV = sum over b of v(b) · -log p(target(b) | y(:, b))`, y the logits. SPEC 8.8, 8.9, 8.10, 22.4.

    blank: the class that stands for no label. reduction: "sum", v = 1; "mean", v = 1 / (B · max(length of target, 1)),
    as torch has it. zero_infinity: a target that no path spells (too few steps) counts 0 with gradient 0, not inf with
    gradient NaN. The target is (B, S) integers, -1 after the last label of the shorter ones; unbatched (S,).

    >>> import numpy as np, reference
    >>> net = reference.Network(reference.RNN(3, 5), output_size=4, divergence=reference.CTC(blank=0))
    >>> params = net.init(np.random.default_rng(0))
    >>> x = np.random.default_rng(1).standard_normal((7, 2, 3))
    >>> run = net.forward(params, x, target=np.array([[1, 1, 3], [2, -1, -1]]), lengths=[7, 4])
    >>> run.div.shape, net.backward(params, run).z.shape
    ((), (7, 2, 4))

    Raises TypeError or ValueError on another reduction, a blank that is no class, or flags of another type.
    """

    blank: int = 0
    reduction: str = "sum"
    zero_infinity: bool = False

    name: ClassVar[str] = "ctc"
    activations: ClassVar[frozenset[str]] = LOGITS
    per_sequence: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if isinstance(self.blank, bool) or not isinstance(self.blank, int):
            raise TypeError(f"blank should be of type int, got: {type(self.blank).__name__}")
        if not isinstance(self.zero_infinity, bool):
            raise TypeError(f"zero_infinity should be of type bool, got: {type(self.zero_infinity).__name__}")
        require_reduction(self.reduction)

    def value(self, y: Array, target: Array, weights: Array) -> Any:
        """The divergence, a scalar. y (T, B, O) logits, target (B, S), weights (T, B): 1, 0 past the end. SPEC 8.9."""
        paths = self._paths(y, target, weights)
        losses = -_log_probability(paths, _alpha(paths))
        if self.zero_infinity:
            losses = np.where(losses == np.inf, 0, losses)
        return (self._shares(target, weights) * losses).sum()

    def gradient(self, y: Array, target: Array, weights: Array) -> Array:
        """dDIV/dy, (T, B, O): minus the share of the paths at each class, through the log-softmax. SPEC 8.10."""
        paths = self._paths(y, target, weights)
        alpha = _alpha(paths)
        log_p = _log_probability(paths, alpha)
        with np.errstate(invalid="ignore"):  # no path at all: -inf + inf is NaN, the gradient of an infinite loss
            at_state = np.exp(alpha + _beta(paths) - paths.log_y - log_p[:, None])  # (T, B, 2S+1)
        class_of_state = np.where(paths.labels[:, :, None] == np.arange(y.shape[-1]), np.ones_like(y, shape=()), 0)
        at_class = np.matmul(at_state.swapaxes(0, 1), class_of_state).swapaxes(0, 1)
        at_logits = LOG_SOFTMAX.vjp(-at_class, LOG_SOFTMAX.value(_read(y, weights)))
        d = self._shares(target, weights)[:, None] * at_logits
        counted = weights != 0
        if self.zero_infinity:
            counted = counted & (log_p != -np.inf)
        return np.where(counted[:, :, None], d, 0)

    def desired(self, target: Array, classes: int, weights: Array) -> Array:
        """The target, checked: (B, S) integers. SPEC 8.8.

        Raises TypeError on another dtype; ValueError on another shape, on a label that is no class, or the blank, or
        stands after the end, on a blank that is no class, on weights that are not 1 up to a length, or on a mean of
        nothing.
        """
        B = weights.shape[1]
        if not 0 <= self.blank < classes:
            raise ValueError(f"Expected a blank in 0..{classes - 1}, got {self.blank}")
        if not np.issubdtype(target.dtype, np.integer):
            raise TypeError(f"the target of ctc should be integers, got: {target.dtype}")
        if target.ndim != 2 or target.shape[0] != B:
            raise ValueError(f"Expected labels of {B} sequences, (batch, longest target), got {target.shape}")
        ended = np.maximum.accumulate(target == END, axis=1)
        wrong = target[np.where(ended, target != END, (target < 0) | (target >= classes) | (target == self.blank))]
        if wrong.size:
            raise ValueError(
                f"Expected labels in 0..{classes - 1} without the blank {self.blank}, "
                f"{END} after the last, got {wrong[0]}"
            )
        lengths = (weights != 0).sum(axis=0)
        if (weights != (np.arange(len(weights))[:, None] < np.maximum(lengths, 1))).any():
            raise ValueError("ctc needs whole sequences: give it lengths, not weights")
        if self.reduction == "mean" and B == 0:
            raise ValueError("the mean over the sequences needs one at least")
        return target

    def _paths(self, y: Array, target: Array, weights: Array) -> _Paths:
        return _paths(_read(y, weights), target, (weights != 0).sum(axis=0), self.blank)

    def _shares(self, target: Array, weights: Array) -> Array:
        """v(b), what each sequence counts for: (B,). SPEC 8.8."""
        v = np.ones_like(weights, shape=(len(target),))
        if self.reduction == "sum":
            return v
        return v / (len(target) * np.maximum((target != END).sum(axis=1), 1)).astype(v.dtype)


def _read(y: Array, weights: Array) -> Array:
    """The logits, but 0 past the end: whatever stands there is not looked at. SPEC 8.1."""
    return np.where((weights != 0)[:, :, None], y, 0)
