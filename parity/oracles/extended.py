"""The truth against which rounding is measured: the reference's own lines, run in a wider arithmetic. SPEC 9.8.

It is no second opinion on the logic, since a mistake in the lines is a mistake here too; it says how far float64 and
float32 are off, and so who is nearer to the truth where the reference and torch differ. longdouble where that is wider
than float64 (x86: 64 bits of mantissa), else mpmath with 106 bits.
"""

from functools import cache
from unittest import mock

import mpmath
import numpy as np

from parity import subject
from parity.cases import Arrays, Case, arrays
from reference import parameters
from reference.arrays import Array

LONGDOUBLE_IS_WIDE = bool(np.finfo(np.longdouble).eps < 2e-19)
BITS = 106


def supports(case: Case) -> bool:
    """Every case."""
    return True


def run(case: Case, values: Arrays, device: str = "cpu") -> dict[str, Array]:
    """Every tensor of the case, of dtype longdouble or of mpmath numbers."""
    return truth(case, LONGDOUBLE_IS_WIDE)


@cache
def truth(case: Case, longdouble: bool) -> dict[str, Array]:
    """Every tensor of the case, in longdouble or in mpmath's numbers."""
    if longdouble:
        return subject.run(case, arrays(case).astype(np.longdouble))
    mpf = np.frompyfunc(_context().mpf, 1, 1)
    with mock.patch.object(parameters, "SUPPORTED", (np.dtype(object),)):
        return subject.run(case, arrays(case).map(lambda a: np.asarray(mpf(a), dtype=object)))


@cache
def _context() -> mpmath.MPContext:
    """Numbers of 106 bits that have the methods by which NumPy calls elementary functions on objects."""
    context = mpmath.MPContext()
    context.prec = BITS
    for name in ("tanh", "exp", "expm1", "log", "log1p"):
        setattr(context.mpf, name, getattr(context, name))
    return context
