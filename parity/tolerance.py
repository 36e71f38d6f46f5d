"""THE tolerance: how far a correct implementation may be from the truth, by stochastic arithmetic on the case itself.

The unmodified float64 reference runs on arrays that add noise to the result of every operation: the largest error that
a correct implementation may commit there, with a random sign. The spread of the results is what rounding can do to this
case, so nothing has to be guessed about depth, length or conditioning. SPEC 9.2, 9.3, 30.2.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from parity import subject, tensors
from parity.cases import Case, arrays
from parity.progress import Told, untold
from reference.arrays import Array

RUNS = 32  # where limits are computed at the moment: good to 8 to 15 %
STORED_RUNS = 1024  # where they are stored: good to 2 %
SIGMAS = 8
INJECTED = 2.0**-40  # far above float64's own rounding, far below where the response stops being linear

FLOAT64 = np.dtype(np.float64)
UNIT_ROUNDOFF = {FLOAT64: 2.0**-53, np.dtype(np.float32): 2.0**-24}
SMALLEST_NORMAL = {FLOAT64: 2.0**-1022, np.dtype(np.float32): 2.0**-126}

_EXACT = {
    np.negative, np.positive, np.maximum, np.minimum, np.isfinite,
    np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal,
}  # fmt: skip
_SUMS = {np.add, np.subtract}
_ELEMENTARY = {np.tanh, np.exp, np.expm1, np.log, np.log1p}
_ROUNDED = {np.multiply, np.divide, np.square, np.sqrt}
_MOVES = {
    np.where, np.copyto, np.concatenate, np.stack, np.split, np.expand_dims, np.put_along_axis, np.take_along_axis,
    np.empty_like, np.zeros_like, np.ones_like, np.full_like,
}  # fmt: skip


def _largest_error(
    ufunc: np.ufunc, method: str, inputs: Sequence[Array], result: Array, options: dict[str, Any]
) -> Array:
    """The largest error of one operation, in units of the rounding u. SPEC 9.2."""
    if ufunc in _EXACT:
        return np.zeros_like(result)
    if method == "reduce" and ufunc is np.add:
        magnitudes = np.add.reduce(np.abs(inputs[0]), **options)
        return np.sqrt(inputs[0].size / max(result.size, 1)) * magnitudes
    if method == "__call__":
        if ufunc in _SUMS:
            a, b = inputs
            return np.maximum(np.maximum(np.abs(a), np.abs(b)), np.abs(result))
        if ufunc in _ELEMENTARY:
            return 4 * np.abs(result)
        if ufunc in _ROUNDED:
            return np.abs(result)
        if ufunc is np.matmul:
            a, b = inputs
            return np.sqrt(a.shape[-1]) * np.abs(a) @ np.abs(b)
    raise TypeError(f"no bound is known for the rounding error of {ufunc.__name__}.{method}")


def _underflows(ufunc: np.ufunc, method: str, inputs: Sequence[Array], options: dict[str, Any]) -> Any:
    """How many results inside an operation may be denormal numbers; none where an operand makes them 0. SPEC 30.2.

    A logarithm is 0 or far from denormal.
    """
    if ufunc in _EXACT or ufunc is np.log:
        return 0
    if method == "reduce":
        return np.add.reduce(inputs[0] != 0, **options)
    if ufunc in _SUMS:
        return np.logical_or(*(a != 0 for a in map(np.asarray, inputs)))
    if ufunc in _ROUNDED:
        return np.logical_and.reduce(np.broadcast_arrays(*(a != 0 for a in map(np.asarray, inputs))))
    if ufunc in _ELEMENTARY:
        return (inputs[0] != 0) & np.isfinite(inputs[0])  # of an infinity they are exact
    if ufunc is np.matmul:
        return _products(*inputs)
    return 0


def _products(a: Array, b: Array) -> Array:
    """How many products in each element of a matrix product have no factor 0."""
    return (a != 0).astype(np.float64) @ (b != 0).astype(np.float64)


@dataclass
class Noise:
    """Where the signs come from, and the dtype whose underflow is injected. SPEC 30.2.

    underflowed: whether any error so far was that of a denormal number.
    """

    rng: np.random.Generator
    dtype: np.dtype[Any] = FLOAT64
    underflowed: bool = False

    def on(self, result: Array, largest_error: Array, underflows: Callable[[], Any]) -> Array:
        """The result ± the largest error; what is not finite stays as it is."""
        signs = np.copysign(INJECTED, 0.5 - self.rng.random(np.shape(result)))
        flushed = SMALLEST_NORMAL[self.dtype] / UNIT_ROUNDOFF[self.dtype]
        with np.errstate(invalid="ignore"):
            if not largest_error.min(initial=np.inf) > 2.0**32 * flushed:  # more than any sum can count
                least = underflows() * flushed
                self.underflowed = self.underflowed or bool((largest_error < least).any())
                largest_error = np.maximum(largest_error, least)
            return np.where(np.isfinite(result), result + signs * largest_error, result)


class Noisy(np.ndarray[Any, Any]):
    """A float64 array on which every operation errs by its largest error, with a random sign. SPEC 30.2.

    `Noisy.of(array, noise)` makes one; whatever is computed from it is one too, with the same noise.
    An operation whose error bound is not known raises TypeError: nothing escapes the noise silently.
    """

    noise: Noise | None

    @classmethod
    def of(cls, array: Array, noise: Noise) -> "Noisy":
        noisy = np.array(array, dtype=np.float64).view(cls)
        noisy.noise = noise
        return noisy

    def __array_finalize__(self, parent: Any) -> None:
        self.noise = getattr(parent, "noise", None)

    def _wrap(self, array: Any) -> Any:
        if isinstance(array, (list, tuple)):
            return type(array)(self._wrap(a) for a in array)
        if np.asarray(array).dtype.kind != "f":
            return array
        noisy = np.asarray(array).view(type(self))
        noisy.noise = self.noise
        return noisy

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, out: Any = (), **options: Any) -> Any:
        plain = [_plain(a) for a in inputs]
        result = np.asarray(getattr(ufunc, method)(*plain, **options))
        source = next(a for a in (*inputs, *out) if isinstance(a, Noisy))
        if result.dtype.kind == "f":
            assert source.noise is not None
            largest_error = _largest_error(ufunc, method, plain, result, options)
            result = source.noise.on(result, largest_error, lambda: _underflows(ufunc, method, plain, options))
        if out:
            _plain(out[0])[...] = result
            return out[0]
        return source._wrap(result)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if function not in _MOVES:
            raise TypeError(f"no bound is known for the rounding error of {function.__name__}")
        return self._wrap(function(*_plain(args), **_plain(kwargs)))

    def dot(self, b: Any, out: Any = None) -> Any:
        """The matrix product; NumPy shows a subclass ufuncs and array functions, but not this method."""
        x, y = _plain(self), _plain(b)
        assert self.noise is not None
        result = self.noise.on(x.dot(y), np.sqrt(x.shape[-1]) * np.abs(x).dot(np.abs(y)), lambda: _products(x, y))
        if out is not None:
            _plain(out)[...] = result
            return out
        return self._wrap(result)


def _plain(value: Any) -> Any:
    """The value without the subclass, inside tuples, lists and dicts too; the memory is shared."""
    if isinstance(value, Noisy):
        return value.view(np.ndarray)
    if isinstance(value, (list, tuple)):
        return type(value)(map(_plain, value))
    if isinstance(value, dict):
        return {name: _plain(v) for name, v in value.items()}
    return value


def spread(
    run: Callable[[Callable[[Array], Array]], dict[str, Array]], noise: Noise, runs: int = RUNS, told: Told = untold
) -> dict[str, Array]:
    """The rms deviation of every element over so many noisy runs from the clean one, in units of u. SPEC 9.3.

    run(disturb) computes named tensors from arrays that it has passed through `disturb`. told: before each run.
    """
    clean = run(lambda a: a)
    lengths = {name: np.zeros(np.shape(value)) for name, value in clean.items()}
    for done in range(runs):
        told("noisy runs", done, runs)
        noisy = run(lambda a: Noisy.of(a, noise))
        for name, value in clean.items():
            with np.errstate(invalid="ignore"):  # inf - inf where the clean run overflows: never compared as a number
                lengths[name] = np.hypot(lengths[name], _plain(noisy[name]) - value)  # squares would underflow
    return {name: length / np.sqrt(runs) / INJECTED for name, length in lengths.items()}


@cache
def _spread_of_case(case: Case, dtype: np.dtype[Any], runs: int, told: Told) -> tuple[dict[str, Array], bool]:
    """The spread of every tensor of a case, and whether any error was that of a denormal number."""
    values = arrays(case)

    def run(disturb: Callable[[Array], Array]) -> dict[str, Array]:
        found = subject.run(case, values.map(disturb))
        return found | subject.projections(case, found)

    noise = Noise(np.random.default_rng(case.seed), dtype)
    return spread(run, noise, runs, told), noise.underflowed


def seconds(case: Case) -> float:
    """How long a noisy run of a case takes: the quicker of two."""
    values, noise, found = arrays(case), Noise(np.random.default_rng(case.seed)), []
    for _ in range(2):
        start = time.perf_counter()
        subject.run(case, values.map(lambda a: Noisy.of(a, noise)))
        found.append(time.perf_counter() - start)
    return min(found)


def sigma(case: Case, dtype: Any = np.float64, runs: int | None = None, told: Told = untold) -> dict[str, Array]:
    """The spread of every tensor of a case, in units of u; of so many runs, if not of 32. SPEC 9.3.

    The dtypes differ only where something is a denormal number in float32: else the runs are the same, bit for bit.
    """
    runs = runs or RUNS
    found, underflowed = _spread_of_case(case, np.dtype(np.float32), runs, told)
    return _spread_of_case(case, np.dtype(dtype), runs, told)[0] if underflowed else found


def allowed(case: Case, name: str, dtype: Any, runs: int | None = None, told: Told = untold) -> Array:
    """The largest admissible error of every element of a tensor. SPEC 9.3.

    8 times the largest σ, of the time step for a series and of the whole tensor for others, at the rounding u of the
    dtype. 0 where no rounding can reach (σ = 0: padding, dropped elements), and in the exact integer cases (SPEC 9.5).
    """
    spread_of_elements = sigma(case, dtype, runs, told)[name]
    time = tensors.find(case, name).time_axis
    others = tuple(axis for axis in range(spread_of_elements.ndim) if axis != time)
    finite = np.where(np.isfinite(spread_of_elements), spread_of_elements, 0)
    largest = finite.max(axis=others, keepdims=True, initial=0)
    if case.exact:
        return np.zeros_like(finite)
    return np.where(spread_of_elements == 0, 0.0, SIGMAS * UNIT_ROUNDOFF[np.dtype(dtype)] * largest)
