"""What every module shares: the array type, and the two products of a layer with many rows. SPEC 3.2, 5.5."""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]


def affine(x: Array, weight: Array, bias: Array | None) -> Array:
    """`y = x Wᵀ + b` for every row at once. SPEC 3.2.

    x (N, F), weight (G, F), bias (G,) or None; returns (N, G), same dtype.
    """
    y = x.dot(weight.T)
    return y if bias is None else np.add(y, bias, out=y)


def pool(dy: Array, x: Array) -> Array:
    """`dW = sum over rows of dyᵀ x`: the gradient of one weight, pooled over time and batch. SPEC 0.3, 5.5.

    dy (N, G), x (N, F); returns (G, F).
    """
    return dy.T.dot(x)


def blocks(rows: Array, count: int) -> list[Array]:
    """The blocks of columns side by side: (N, count·H) to so many (N, H); views. SPEC 12.2."""
    H = rows.shape[1] // count
    return [rows[:, k * H : (k + 1) * H] for k in range(count)]
