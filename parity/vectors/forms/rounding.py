"""What a form says that holds its numbers in the dtype under test: expectations rounded, limits widened by as much."""

import numpy as np

from parity.vectors.vector import Vector
from parity.vectors.writing import by_step
from reference.arrays import Array


def rounded(vector: Vector, name: str, dtype: str) -> Array:
    """What is expected of a tensor, in a dtype. What would be denormal there is the smallest normal number.

    So no expectation becomes 0 that is not: where 0 is expected, 0 must come (SPEC 10.4).
    """
    expect, tiny = vector.expect[name], np.finfo(dtype).tiny
    lifted = np.where((expect != 0) & (np.abs(expect) < tiny), np.copysign(tiny, expect), expect)
    with np.errstate(over="ignore"):
        return lifted.astype(dtype)


def limits(vector: Vector, name: str, dtype: str) -> Array:
    """The largest admissible error of each step, or of all, of the expectation as rounded: what the rounding moved is
    added, so that nobody fails who passes without it. SPEC 10.4.
    """
    expect, allowed = vector.expect[name], vector.allowed[dtype][name]
    there = rounded(vector, name, dtype).astype(np.float64)
    moved = np.abs(np.subtract(there, expect, where=np.isfinite(there), out=np.zeros_like(expect)))
    return by_step(vector.case, name, allowed + moved)


def zero_may_round(vector: Vector, name: str, dtype: str) -> bool:
    """Whether an element that is expected to be 0 may be off like any other. SPEC 10.4."""
    return bool((vector.allowed[dtype][name][vector.expect[name] == 0] > 0).any())
