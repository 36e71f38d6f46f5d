"""The truth against which rounding is measured: the reference's own lines, run in a wider arithmetic. SPEC 30.5.

It is no second opinion on the logic, since a mistake in the lines is a mistake here too; it says how far float64 and
float32 are off, and so who is nearer to the truth where the reference and torch differ. longdouble where that is wider
than float64 (x86: 64 bits of mantissa), else mpmath with 106 bits.
"""

from collections.abc import Callable
from functools import cache
from typing import Any
from unittest import mock

import mpmath
import numpy as np

from parity import subject
from parity.cases import Arrays, Case, arrays
from reference import checks
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
    values = arrays(case)
    if longdouble:
        return subject.run(case, values.astype(np.longdouble))
    with mock.patch.object(checks, "SUPPORTED", (np.dtype(object),)), np.errstate(invalid="ignore"):
        tensors = subject.run(case, values.map(lambda a: _wrap(_numbers(a))))
    return {name: _numbers(t) for name, t in tensors.items()}  # a 0 that was filled in is such a number, too


_CONTEXT = mpmath.MPContext()
_CONTEXT.prec = BITS


def _on_elements(function: Callable[[Any], Any]) -> Callable[[Any], Array]:
    """The function on every element of an array, taken as one of mpmath's numbers."""
    ufunc = np.frompyfunc(lambda v: function(_CONTEXT.mpf(v)), 1, 1)
    return lambda array: np.asarray(ufunc(_plain(array)), dtype=object)


_numbers = _on_elements(lambda v: v)
_ELEMENTARY: dict[Any, Callable[[Any], Array]] = {
    ufunc: _on_elements(getattr(_CONTEXT, ufunc.__name__)) for ufunc in (np.tanh, np.exp, np.expm1, np.log, np.log1p)
}


class _Multiprecision(np.ndarray[Any, Any]):
    """An array of mpmath's numbers. NumPy does the arithmetic of objects by itself, all but elementary functions."""

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, out: Any = (), **options: Any) -> Any:
        if ufunc in _ELEMENTARY:
            result = _ELEMENTARY[ufunc](*inputs)
        else:
            result = getattr(ufunc, method)(*_plain(inputs), **options)
        if out:
            _plain(out[0])[...] = result
            return out[0]
        return _wrap(result)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        result = function(*_plain(args), **_plain(kwargs))
        if function is np.ones_like:
            result = _numbers(result)  # 1 / 3 of integers would be a float
        return _wrap(result)

    def dot(self, b: Any, out: Any = None) -> Any:
        result = _plain(self).dot(_plain(b))
        if out is not None:
            _plain(out)[...] = result
            return out
        return _wrap(result)


def _wrap(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return type(value)(map(_wrap, value))
    array = np.asarray(value)
    return array.view(_Multiprecision) if array.dtype == object else value


def _plain(value: Any) -> Any:
    if isinstance(value, _Multiprecision):
        return value.view(np.ndarray)
    if isinstance(value, (list, tuple)):
        return type(value)(map(_plain, value))
    if isinstance(value, dict):
        return {name: _plain(v) for name, v in value.items()}
    return value
