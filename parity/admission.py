"""What a case must be to prove something: admission to the table, and of cases made at the moment. SPEC 30.3."""

import numpy as np

from parity import subject, tensors, tolerance
from parity.cases import Case, arrays
from parity.tolerance import SIGMAS, UNIT_ROUNDOFF
from reference.arrays import Array

SATURATED = 0.95  # of a tanh


def problems(case: Case) -> list[str]:
    """Why a case would prove little; nothing, if it is admissible. SPEC 30.3.

    For relu, min |a| / σ_a > 10; the tolerance of every tensor below `width` of it, in float32; no saturation that
    the case is not about; everything finite. An exact case stays within the integers (and halves) of float32 instead.
    """
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        return [
            f"{name}: {problem}"
            for name, tensor in subject.run(case, arrays(case)).items()
            if tensor.size and (problem := _problem(case, name, tensor))
        ]


def _problem(case: Case, name: str, tensor: Array) -> str | None:
    finite = np.isfinite(tensor)
    if not finite.all() and case.finite:
        return "not finite"
    if case.exact:
        integers = np.array_equal(2 * tensor, np.round(2 * tensor)) and np.abs(tensor).max() < 2**22
        return None if integers else "not exact"
    spread = UNIT_ROUNDOFF[np.dtype(np.float32)] * tolerance.sigma(case, np.float32)[name]
    if tensor[finite].any() and not SIGMAS * spread[finite].max() < case.width * np.abs(tensor[finite]).max():
        return "its tolerance is wide"
    quantity = tensors.find(case, name).quantity
    if quantity == "h" and not case.saturated and np.abs(tensor).max() >= SATURATED and case.nonlinearity == "tanh":
        return "saturated"
    if (quantity == "a" and case.nonlinearity == "relu") or (quantity == "z" and case.activation == "relu"):
        real = finite & (tensor != 0)
        if not (np.abs(tensor[real]) > 10 * spread[real]).all():
            return "near the kink of relu"
    return None
