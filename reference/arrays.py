"""What every module shares: the array type, and the one contraction over all time steps. SPEC 1.10."""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]


CACHE_LINE = 64  # bytes


def aligned(matrix: Array) -> Array:
    """A copy in C order that begins at a cache line: BLAS reads it a third faster where it is large. SPEC 1.10."""
    spare = CACHE_LINE // matrix.itemsize
    buffer = np.empty_like(matrix, shape=(matrix.size + spare,))
    start = -buffer.ctypes.data % CACHE_LINE // matrix.itemsize
    copy = buffer[start : start + matrix.size].reshape(matrix.shape)
    copy[...] = matrix
    return copy


def affine(rows: Array, weight: Array, bias: Array | None) -> Array:
    """`y = x Wᵀ + b` for every row at once. SPEC 3.2.

    rows (N, F), weight (G, F), bias (G,) or None; returns (N, G), same dtype.
    """
    y = rows.dot(weight.T)
    return y if bias is None else np.add(y, bias, out=y)


def pool(d_rows: Array, rows: Array) -> Array:
    """`dW = sum over rows of dyᵀ x`: the gradient of one weight, pooled over time and batch. SPEC 0.3, 5.5.

    d_rows (N, G), rows (N, F); returns (G, F).
    """
    return d_rows.T.dot(rows)


def real_steps(T: int, lengths: Array | None) -> Array | None:
    """Which (t, b) belong to a sequence: bool (T, B), or None where every step does. SPEC 6.1."""
    return None if lengths is None else np.arange(T)[:, None] < lengths


def clear_padding(series: Array, real: Array | None) -> Array:
    """The series with every step past the end of its sequence set to exactly 0. SPEC 6.2.

    series (T, B, F), real (T, B) bool or None. Padding is never multiplied by 0: it may hold NaN.
    """
    return series if real is None else np.where(real[:, :, None], series, 0)


def real_rows(series: Array, real: Array | None) -> Array:
    """The real steps of a series, one a row: (T, B, F) to (N, F), t-major. SPEC 6.3."""
    T, B, F = series.shape
    return series.reshape(T * B, F) if real is None else series[real]


def from_real_rows(rows: Array, T: int, B: int, real: Array | None) -> Array:
    """The inverse of `real_rows`: (N, F) to (T, B, F), padding exactly 0. SPEC 6.3."""
    if real is None:
        return rows.reshape(T, B, rows.shape[1])
    series = np.zeros_like(rows, shape=(T, B, rows.shape[1]))
    series[real] = rows
    return series
