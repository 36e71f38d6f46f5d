"""Activations and divergences of the output layer, by torch's own functions. SPEC 30.1."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from parity.cases import Case

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "identity": torch.clone,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": torch.relu,
    "softplus": lambda z: F.softplus(z, threshold=40),  # by default 20: y = z from there on, 2e-9 too small
    "softmax": lambda z: torch.softmax(z, dim=-1),
    "log_softmax": lambda z: torch.log_softmax(z, dim=-1),
}


def divergence(case: Case, y: Tensor, target: Tensor, weights: Tensor) -> Tensor:
    """The divergence of the series; all time-major and batched. weights (T, B): 0 past the end of a sequence."""
    if case.divergence == "ctc":
        return _ctc(case, y, target, weights)
    if case.divergence == "mean_pooled_cross_entropy":
        pooled = (weights[..., None] * y).sum(0) / weights.sum(0)[:, None]
        return F.cross_entropy(pooled, target, reduction=case.reduction)
    counted = weights != 0
    w, y, target = weights[counted], y[counted], target[counted]
    total = (w * _local(case.divergence, y, target)).sum()
    return total / w.sum() if case.reduction == "mean" else total


def _ctc(case: Case, y: Tensor, target: Tensor, weights: Tensor) -> Tensor:
    return F.ctc_loss(
        F.log_softmax(y, dim=-1),
        target.clamp(min=0),
        (weights != 0).sum(0),
        (target >= 0).sum(1),
        blank=case.blank,
        reduction=case.reduction,
        zero_infinity=case.zero_infinity,
    )


def _local(divergence: str, y: Tensor, target: Tensor) -> Tensor:
    """The divergence of each row of y (N, O), by torch's own functions."""
    classes = not target.is_floating_point()
    if divergence == "squared_error":
        return F.mse_loss(y, target, reduction="none").sum(-1) / 2
    if divergence == "softmax_cross_entropy":
        return F.cross_entropy(y, target, reduction="none")
    if divergence == "binary_cross_entropy":
        # not F.binary_cross_entropy: the gradient of that has an epsilon of 1e-12 under it
        return -(torch.xlogy(target, y) + torch.xlogy(1 - target, 1 - y)).sum(-1)
    if divergence == "kl":
        return F.kl_div(y.log(), target, reduction="none").sum(-1)
    if divergence == "cross_entropy" and classes:
        return -y.gather(-1, target[:, None])[:, 0].log()  # the logarithm of a 0 that nobody asked for would be NaN
    log_y = y.log() if divergence == "cross_entropy" else y
    return F.nll_loss(log_y, target, reduction="none") if classes else -(target * log_y).sum(-1)
