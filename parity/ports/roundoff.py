"""The roundoff that a port claims: the limits that follow from it, and what is too sensitive to be judged. SPEC 9.6."""

from dataclasses import replace

import numpy as np

from parity import tensors
from parity.ports.claims import Port
from parity.tolerance import UNIT_ROUNDOFF
from parity.vectors import Vector
from reference.arrays import Array

WIDEST = 0.1  # of a tensor's size: a limit that still says something
HEADROOM = 4.0  # from the largest number of an exact case to the largest integer: room for sums on the way


def claimed(port: Port, dtype: str) -> float:
    """The roundoff u that a port is judged at: its own, if it claims one, else that of the dtype."""
    return port.roundoff.get(dtype, UNIT_ROUNDOFF[np.dtype(dtype)])


def at(vector: Vector, dtype: str, u: float) -> Vector:
    """The vector with the limits of a roundoff: σ is linear in it. SPEC 9.6."""
    scale = u / UNIT_ROUNDOFF[np.dtype(dtype)]
    limits = {name: scale * limit for name, limit in vector.allowed[dtype].items()}
    return replace(vector, allowed={**vector.allowed, dtype: limits})


def too_sensitive(vector: Vector, dtype: str, u: float) -> str:
    """Why a vector, its limits being those of u, cannot judge a port that claims it; nothing if it can. SPEC 9.6."""
    limits = vector.allowed[dtype]
    if not any(limit.any() for limit in limits.values()):
        largest = max(_size(tensor) for tensor in vector.expect.values())
        return f"numbers up to {largest:g} must be exact" if largest > 1 / (HEADROOM * u) else ""
    for name, tensor in vector.expect.items():
        size = _size(tensor)
        if size > 0 and not limits[name].max() <= WIDEST * size:
            return f"{name} may be off by {limits[name].max() / size:.2g} of its size"
        if _opens(vector, name) and ((np.abs(tensor) <= limits[name]) & (tensor != 0)).any():
            return f"{name} is too near to the kink of relu"
    return ""


def _size(tensor: Array) -> float:
    """The largest absolute value that is finite."""
    return float(np.abs(tensor[np.isfinite(tensor)]).max(initial=0))


def _opens(vector: Vector, name: str) -> bool:
    """Whether the tensor is what a relu is applied to."""
    case, quantity = vector.case, tensors.find(vector.case, name).quantity
    return (quantity, "relu") in {("a", case.nonlinearity), ("z", case.activation)}
