"""What every module shares: the array type, and the matrix products. SPEC 1.10."""

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]
Product: TypeAlias = Callable[[Array, Array], None]

CACHE_LINE = 64  # bytes
MANY_ROWS = 64  # from which a copy of the matrix pays
FEW_ROWS = range(2, 9)  # in one product: too few for the copy that BLAS makes of a large matrix
SMALL_PRODUCT = 10**6  # multiplications, which BLAS does without that copy
PANEL = 32  # columns


def aligned(matrix: Array) -> Array:
    """A copy in C order that begins at a cache line: BLAS reads it a third faster where it is large. SPEC 1.10."""
    spare = CACHE_LINE // matrix.itemsize
    buffer = np.empty_like(matrix, shape=(matrix.size + spare,))
    start = -buffer.ctypes.data % CACHE_LINE // matrix.itemsize
    copy = buffer[start : start + matrix.size].reshape(matrix.shape)
    copy[...] = matrix
    return copy


def product_with(matrix: Array, rows: int, times: int) -> Product:
    """`multiply(x, out)`, which sets out to `x · matrix`: for a loop over many x, of at most so many rows. SPEC 1.10.

    matrix (K, G), x (n, K), out (n, G) with n <= rows; same dtype. Where it pays, what BLAS would do to the matrix at
    every x is done once, here: it is made contiguous, and a large one for a few rows is cut into panels.
    """
    many = times > 1 and rows * times >= MANY_ROWS
    if many and rows in FEW_ROWS and rows * matrix.size > SMALL_PRODUCT:
        return _product_by_panels(matrix)
    whole = aligned(matrix) if many else matrix

    def multiply(x: Array, out: Array) -> None:
        x.dot(whole, out)

    return multiply


def _product_by_panels(matrix: Array) -> Product:
    """The same sums: each panel has whole columns of the matrix, the last is filled up with zeros."""
    K, G = matrix.shape
    starts = range(0, G, PANEL)
    panels = np.zeros_like(matrix, shape=(len(starts), K, PANEL))
    for panel, start in zip(panels, starts, strict=True):
        columns = matrix[:, start : start + PANEL]
        panel[:, : columns.shape[1]] = columns

    def multiply(x: Array, out: Array) -> None:
        by_panel = np.matmul(x, panels)  # (panels, n, PANEL)
        out[...] = by_panel.swapaxes(0, 1).reshape(len(x), len(panels) * PANEL)[:, :G]

    return multiply


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
