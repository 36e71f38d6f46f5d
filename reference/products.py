"""The product of a time loop: one matrix, and many x after each other. Every form is the same sum. SPEC 1.6."""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from reference.arrays import Array

Product: TypeAlias = Callable[[Array, Array], None]

CACHE_LINE = 64  # bytes
MANY_ROWS = 64  # from which a copy of the matrix pays
FEW_ROWS = range(2, 9)  # in one product: too few for the copy that BLAS makes of a large matrix
SMALL_PRODUCT = 10**6  # multiplications, which BLAS does without that copy
PANEL = 32  # columns


def product_with(matrix: Array, n: int, times: int) -> Product:
    """`multiply(x, out)`, which sets out to `x · matrix`: for a loop over so many x, of n rows or fewer. SPEC 1.6.

    matrix (K, G), x (at most n, K), out (rows of x, G) in C order; same dtype. Where it pays, what BLAS would do to the
    matrix at every x is done once, here: it is made contiguous, and a large one for a few rows is cut into panels.
    """
    many = times > 1 and n * times >= MANY_ROWS
    if many and n in FEW_ROWS and n * matrix.size > SMALL_PRODUCT:
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


def aligned(matrix: Array) -> Array:
    """A copy in C order that begins at a cache line: BLAS reads it a third faster where it is large. SPEC 1.6."""
    spare = CACHE_LINE // matrix.itemsize
    buffer = np.empty_like(matrix, shape=(matrix.size + spare,))
    start = -buffer.ctypes.data % CACHE_LINE // matrix.itemsize
    copy = buffer[start : start + matrix.size].reshape(matrix.shape)
    copy[...] = matrix
    return copy
