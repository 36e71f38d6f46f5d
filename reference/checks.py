"""The door: what comes in is checked here, once, before any arithmetic. SPEC 20.5.

Below it every array is a NumPy array of one supported dtype in native byte order, time-major, of the right shape.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from reference.arrays import Array
from reference.layout import Layout

SUPPORTED = (np.dtype(np.float32), np.dtype(np.float64), np.dtype(np.longdouble), np.dtype(np.complex128))

NOT_PLAIN = (np.ma.MaskedArray, np.matrix)


def require_type(name: str, value: object, kind: type) -> None:
    """Raises TypeError unless value is of that kind. SPEC 20.2."""
    if not isinstance(value, kind):
        raise TypeError(f"{name} should be of type {kind.__name__}, got: {type(value).__name__}")


def require_size(name: str, value: object) -> None:
    """Raises TypeError unless value is an int, ValueError unless it is above 0. SPEC 20.2."""
    if isinstance(value, bool):
        raise TypeError(f"{name} should be of type int, got: bool")
    require_type(name, value, int)
    if value <= 0:  # type: ignore[operator]
        raise ValueError(f"{name} must be greater than zero")


def supported_dtype(dtype: np.dtype[Any], what: str) -> np.dtype[Any]:
    """The dtype in native byte order, if it is one the reference computes in. SPEC 1.3, 20.4.

    Raises TypeError on any but float32, float64, longdouble, and complex128 (which the complex step needs).
    """
    native = dtype if dtype.isnative else dtype.newbyteorder("=")
    if native not in SUPPORTED:
        raise TypeError(f"{what} should be of dtype float32 or float64, got: {dtype}")
    return native


def require_plain(array: object, what: str) -> Array:
    """The array itself. Raises TypeError unless it is a NumPy array.

    A masked array, whose mask would be ignored, and a matrix, whose axes would not be, are none.
    """
    if not isinstance(array, np.ndarray) or isinstance(array, NOT_PLAIN):
        raise TypeError(f"{what} should be a NumPy array, got: {type(array).__name__}")
    return array


def native_array(array: object, what: str) -> Array:
    """The array itself, in native byte order. SPEC 20.4.

    Raises TypeError unless it is a NumPy array of a supported dtype.
    """
    plain = require_plain(array, what)
    if plain.dtype in SUPPORTED:  # and so in native byte order
        return plain
    return plain.astype(supported_dtype(plain.dtype, what))


def checked_series(x: Array, input_size: int, batch_first: bool, dtype: np.dtype[Any], cell: str) -> Array:
    """The input, in the caller's layout. dtype: that of the parameters. cell: its name, for messages."""
    x = native_array(x, "input")
    if x.ndim not in (2, 3):
        raise ValueError(f"{cell}: Expected input to be 2D or 3D, got {x.ndim}D tensor instead")
    if x.shape[-1] != input_size:
        raise ValueError(f"input.size(-1) must be equal to input_size. Expected {input_size}, got {x.shape[-1]}")
    if x.shape[1 if batch_first and x.ndim == 3 else 0] == 0:
        raise ValueError(f"Expected sequence length to be larger than 0 in {cell}")
    if x.dtype != dtype:
        raise TypeError(f"{cell} input dtype ({x.dtype}) does not match weight dtype ({dtype})")
    return x


def checked_states(
    given: Mapping[str, Array | None], shapes: Mapping[str, tuple[int, ...]], x: Array, layout: Layout, cell: str
) -> dict[str, Array]:
    """The initial states as (L·D, B, ·), which is their shape; zeros where none are given. SPEC 3.4, 12.5."""
    states = {name: native_array(state, f"{name}x") for name, state in given.items() if state is not None}
    axes = 3 if layout.batched else 2
    if any(state.ndim != axes for state in states.values()):
        kind, names = "batched" if layout.batched else "unbatched", " and ".join(f"{name}x" for name in states)
        got = [f"{state.ndim}-D" for state in states.values()]
        tensors = f"{got[0]} tensor" if len(got) == 1 else f"({', '.join(got)}) tensors"
        raise ValueError(f"For {kind} {axes}-D input, {names} should also be {axes}-D but got {tensors}")
    laid_out = {name: state if layout.batched else state[:, None] for name, state in states.items()}
    for i, (name, state) in enumerate(laid_out.items()):
        if state.shape != shapes[name]:
            of_several = f"hidden[{i}]" if len(shapes) > 1 else "hidden"
            raise ValueError(f"Expected {of_several} size {shapes[name]}, got {list(state.shape)}")
    for name, state in laid_out.items():
        if state.dtype != x.dtype:
            raise TypeError(f"{cell} {name}x dtype ({state.dtype}) does not match input dtype ({x.dtype})")
    return laid_out or {name: np.zeros_like(x, shape=shape) for name, shape in shapes.items()}


def checked_lengths(lengths: Sequence[int] | Array | None, T: int, B: int, batched: bool) -> Array | None:
    """The lengths as an integer array (B,). SPEC 6.1."""
    if lengths is None:
        return None
    if not batched:
        raise ValueError("lengths need batched 3-D input, got unbatched 2-D input")
    array = np.asarray(require_plain(lengths, "lengths") if isinstance(lengths, np.ndarray) else lengths)
    if array.size and not np.issubdtype(array.dtype, np.integer):
        raise TypeError(f"lengths should be integers, got: {array.dtype}")
    if array.shape != (B,):
        raise ValueError(f"Expected lengths of size {(B,)}, one a sequence of the batch, got {array.shape}")
    if (array <= 0).any():
        raise ValueError(f"Expected every length to be larger than 0, got {array.min()}")
    if (array > T).any():
        raise ValueError(f"Expected no length above the {T} steps of the input, got {array.max()}")
    return array.astype(np.intp)


def checked_masks(masks: Array | None, shape: tuple[int, ...], p: float, batched: bool) -> Array | None:
    """The dropout masks as (L-1, T, B, D·H) bool, which is their shape. SPEC 4.6."""
    if masks is None:
        return None
    plain = isinstance(masks, np.ndarray) and not isinstance(masks, NOT_PLAIN)
    if not plain or masks.dtype != np.bool_:
        got = masks.dtype if plain else type(masks).__name__
        raise TypeError(f"dropout_masks should be a bool array (True = kept), got: {got}")
    expected = shape if batched else (*shape[:2], shape[3])
    if masks.shape != expected:
        raise ValueError(f"Expected dropout_masks of size {expected}, got {masks.shape}")
    if p == 0 and not masks.all():
        raise ValueError("dropout_masks drop elements, but dropout is 0")
    if p == 1 and masks.any():
        raise ValueError("dropout_masks keep elements, but dropout is 1")
    return masks if batched else masks[:, :, None]


def checked_gradient(gradient: Array, value: Array, what: str) -> Array:
    """An upstream gradient, of the shape and dtype of what it belongs to."""
    gradient = native_array(gradient, what)
    if gradient.shape != value.shape:
        raise ValueError(f"Expected {what} of size {value.shape}, got {gradient.shape}")
    if gradient.dtype != value.dtype:
        raise TypeError(f"{what} dtype ({gradient.dtype}) does not match output dtype ({value.dtype})")
    return gradient


def one_for_each(given: Any, names: Sequence[str], what: str) -> dict[str, Any]:
    """What is given for the states of a cell, by their names: of one state itself, of several a tuple. SPEC 20.5.

    None stands for all of them.
    """
    if len(names) == 1 or given is None:
        return dict.fromkeys(names, given)
    if not isinstance(given, tuple) or len(given) != len(names) or any(state is None for state in given):
        got = (
            f"{sum(state is not None for state in given)} of them" if isinstance(given, tuple) else type(given).__name__
        )
        raise TypeError(f"{what} should be a tuple of {len(names)} arrays ({', '.join(names)}), got: {got}")
    return dict(zip(names, given, strict=True))
