"""A port that rounds to any number of bits: the reference on arrays that round the result of every operation."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from parity import subject
from parity.cases import Arrays, Case
from parity.tolerance import Noise, Noisy
from reference.arrays import Array


def rounded(array: Array, bits: int) -> Array:
    """To the nearest number of so many significant bits, ties to even; of any exponent."""
    mantissa, exponent = np.frexp(array)
    return np.ldexp(np.rint(np.ldexp(mantissa, bits)), exponent - bits)


@dataclass
class Rounding(Noise):
    """Rounds in place of erring. tanh_bits: fewer, of a bad tanh; 0: it is as good as the rest."""

    bits: int = 0
    tanh_bits: int = 0

    def on(self, result: Array, *bound: Any) -> Array:
        return rounded(result, self.bits)

    def total(self, terms: Iterable[Array]) -> Array:
        """The sum, term by term."""
        found, *others = terms
        for term in others:
            found = rounded(found + term, self.bits)
        return found

    def product(self, a: Array, b: Array) -> Array:
        """The matrix product, term by term."""
        return self.total(rounded(a[..., :, n, None] * b[..., n, None, :], self.bits) for n in range(a.shape[-1]))


def _terms(array: Array, axis: int | tuple[int, ...] | None) -> Array:
    """What a sum over some axes adds, one after another along the first axis."""
    axes = tuple(range(array.ndim)) if axis is None else tuple(np.atleast_1d(axis))
    first = np.moveaxis(array, axes, range(len(axes)))
    return first.reshape(-1, *first.shape[len(axes) :])


class Rounded(Noisy):
    """A float64 array on which every operation rounds, inside sums and matrix products too."""

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, out: Any = (), **options: Any) -> Any:
        rounding = next(a.noise for a in (*inputs, *out) if isinstance(a, Rounded))
        assert isinstance(rounding, Rounding)
        a, *others = (np.asarray(i).view(np.ndarray) for i in inputs)
        if ufunc is np.add and method == "reduce":
            result = rounding.total(_terms(a, options["axis"]))
            result = result.reshape(np.add.reduce(a, **options).shape)
        elif ufunc is np.matmul:
            result = rounding.product(a, *others)
        elif ufunc is np.tanh and rounding.tanh_bits:
            result = rounded(np.tanh(a), rounding.tanh_bits)
        else:
            return super().__array_ufunc__(ufunc, method, *inputs, out=out, **options)
        if out:
            out[0].view(np.ndarray)[...] = result
            return out[0]
        return self._wrap(result)

    def dot(self, b: Any, out: Any = None) -> Any:
        return np.matmul(self, b, out=out)


def run(case: Case, values: Arrays, bits: int, tanh_bits: int = 0) -> dict[str, Array]:
    """Every tensor of a case as a port computes it that rounds to so many bits."""
    rounding = Rounding(np.random.default_rng(0), bits=bits, tanh_bits=tanh_bits)
    with np.errstate(invalid="ignore"):  # inf - inf, where an infinity is wanted
        found = subject.run(case, values.map(lambda a: Rounded.of(a, rounding)))
    return {name: np.asarray(tensor).view(np.ndarray) for name, tensor in found.items()}
