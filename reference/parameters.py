"""Parameters: names, shapes and order of `torch.nn.RNN.state_dict()`; initialisation; validation. SPEC 0.2."""

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from reference.arrays import Array
from reference.cells.rnn import Weights

Shapes = Mapping[str, tuple[int, ...]]

SUPPORTED = (np.dtype(np.float32), np.dtype(np.float64), np.dtype(np.longdouble), np.dtype(np.complex128))


NOT_PLAIN = (np.ma.MaskedArray, np.matrix)


@cache
def suffixes(num_layers: int, num_directions: int) -> tuple[tuple[str, ...], ...]:
    """The name suffix of each layer and direction: `_l0`, `_l0_reverse`, `_l1`, ... SPEC 1.4."""
    return tuple(tuple(f"_l{layer}{'_reverse' * d}" for d in range(num_directions)) for layer in range(num_layers))


@cache
def recurrent_shapes(input_size: int, hidden_size: int, num_layers: int, num_directions: int, bias: bool) -> Shapes:
    """Name to shape, in torch's order: weight_ih, weight_hh, bias_ih, bias_hh; by direction; by layer. SPEC 1.4."""
    shapes: dict[str, tuple[int, ...]] = {}
    for layer, directions in enumerate(suffixes(num_layers, num_directions)):
        layer_input = input_size if layer == 0 else hidden_size * num_directions
        for suffix in directions:
            shapes[f"weight_ih{suffix}"] = (hidden_size, layer_input)
            shapes[f"weight_hh{suffix}"] = (hidden_size, hidden_size)
            if bias:
                shapes[f"bias_ih{suffix}"] = (hidden_size,)
                shapes[f"bias_hh{suffix}"] = (hidden_size,)
    return MappingProxyType(shapes)  # kept for the next call: read-only


def output_shapes(features: int, output_size: int) -> Shapes:
    """weight (O, D·H) and bias (O,), as in `torch.nn.Linear`. SPEC 1.5."""
    return {"weight": (output_size, features), "bias": (output_size,)}


def initialise(shapes: Shapes, fan: int, rng: np.random.Generator, dtype: DTypeLike) -> dict[str, Array]:
    """Every element from U(-1/sqrt(fan), 1/sqrt(fan)), as torch does. SPEC 1.6."""
    if not isinstance(rng, np.random.Generator):
        raise TypeError(f"rng should be a numpy.random.Generator, got: {type(rng).__name__}")
    bound = 1 / np.sqrt(fan)
    kind = supported_dtype(np.dtype(dtype), "dtype")
    return {name: rng.uniform(-bound, bound, shape).astype(kind) for name, shape in shapes.items()}


def supported_dtype(dtype: np.dtype[Any], what: str) -> np.dtype[Any]:
    """The dtype in native byte order, if it is one the reference computes in. SPEC 1.7.

    Raises TypeError on any but float32, float64, longdouble, and complex128 (which the complex step needs).
    """
    native = dtype if dtype.isnative else dtype.newbyteorder("=")
    if native not in SUPPORTED:
        raise TypeError(f"{what} should be of dtype float32 or float64, got: {dtype}")
    return native


def native_array(array: object, what: str) -> Array:
    """The array itself, in native byte order. SPEC 1.7.

    Raises TypeError unless it is a NumPy array of a supported dtype. A masked array, whose mask would be ignored, and a
    matrix, whose axes would not be, are none.
    """
    if not isinstance(array, np.ndarray) or isinstance(array, NOT_PLAIN):
        raise TypeError(f"{what} should be a NumPy array, got: {type(array).__name__}")
    dtype = supported_dtype(array.dtype, what)
    return array if array.dtype == dtype else array.astype(dtype)


def checked(params: Mapping[str, Array], shapes: Shapes) -> dict[str, Array]:
    """The parameters in native byte order, every one of them there, of its shape, and of one dtype. SPEC 1.8.

    Raises ValueError naming each missing, unexpected or misshapen parameter; TypeError on dtypes that differ.
    """
    if not isinstance(params, Mapping):
        raise TypeError(f"params should be a mapping from name to array, got: {type(params).__name__}")
    problems = [
        f"{kind} key(s) in params: " + ", ".join(f'"{name}"' for name in names)
        for kind, names in (
            ("Missing", [name for name in shapes if name not in params]),
            ("Unexpected", [name for name in params if name not in shapes]),
        )
        if names
    ]
    if problems:
        raise ValueError("; ".join(problems))
    arrays = {name: native_array(params[name], f"params[{name!r}]") for name in shapes}
    misshapen = [
        f"size mismatch for {name}: expected {shape}, got {arrays[name].shape}"
        for name, shape in shapes.items()
        if arrays[name].shape != shape
    ]
    if misshapen:
        raise ValueError("; ".join(misshapen))
    first, *others = arrays
    for name in others:
        kinds = arrays[first].dtype, arrays[name].dtype
        if kinds[0] != kinds[1]:
            raise TypeError(f"params should be of one dtype, got {kinds[0]} ({first}) and {kinds[1]} ({name})")
    return arrays


def grouped(params: Mapping[str, Array], num_layers: int, num_directions: int) -> list[list[Weights]]:
    """The flat parameters as weights[layer][direction]. SPEC 1.4."""
    return [
        [
            Weights(
                w_ih=params[f"weight_ih{s}"],
                w_hh=params[f"weight_hh{s}"],
                b_ih=params.get(f"bias_ih{s}"),
                b_hh=params.get(f"bias_hh{s}"),
            )
            for s in directions
        ]
        for directions in suffixes(num_layers, num_directions)
    ]


def flat(weights: list[list[Weights]]) -> dict[str, Array]:
    """weights[layer][direction] as flat parameters under torch's names and in torch's order. SPEC 1.4."""
    result: dict[str, Array] = {}
    for directions, names in zip(weights, suffixes(len(weights), len(weights[0])), strict=True):
        for w, suffix in zip(directions, names, strict=True):
            result[f"weight_ih{suffix}"] = w.w_ih
            result[f"weight_hh{suffix}"] = w.w_hh
            if w.b_ih is not None and w.b_hh is not None:
                result[f"bias_ih{suffix}"] = w.b_ih
                result[f"bias_hh{suffix}"] = w.b_hh
    return result
