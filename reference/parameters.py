"""Parameters: names, shapes and order of torch's `state_dict()`; initialisation; validation. SPEC 0.2."""

from collections.abc import Mapping, Sequence
from functools import cache
from types import MappingProxyType
from typing import TypeAlias

import numpy as np
from numpy.typing import DTypeLike

from reference.arrays import Array
from reference.cells import Cell, Parameters, Shapes
from reference.checks import native_array, supported_dtype
from reference.shown import Named

StackParameters: TypeAlias = Sequence[Sequence[Parameters]]  # params[layer][direction]


@cache
def suffixes(num_layers: int, num_directions: int) -> tuple[tuple[str, ...], ...]:
    """The name suffix of each layer and direction: `_l0`, `_l0_reverse`, `_l1`, ... SPEC 1.4."""
    return tuple(tuple(f"_l{layer}{'_reverse' * d}" for d in range(num_directions)) for layer in range(num_layers))


def stack_shapes(cell: Cell, input_size: int, num_layers: int, num_directions: int, bias: bool) -> Shapes:
    """Name to shape, in torch's order: by layer, by direction, and there as the cell has them. SPEC 1.4."""
    shapes: dict[str, tuple[int, ...]] = {}
    for layer, directions in enumerate(suffixes(num_layers, num_directions)):
        layer_input = input_size if layer == 0 else num_directions * cell.sizes["h"]
        for suffix in directions:
            shapes |= {f"{name}{suffix}": shape for name, shape in cell.shapes(layer_input, bias).items()}
    return MappingProxyType(shapes)  # kept for the next call: read-only


def output_shapes(features: int, output_size: int) -> Shapes:
    """weight (O, D·H) and bias (O,), as in `torch.nn.Linear`. SPEC 1.5."""
    return {"weight": (output_size, features), "bias": (output_size,)}


def initialise(shapes: Shapes, fan: int, rng: np.random.Generator, dtype: DTypeLike) -> dict[str, Array]:
    """Every element from U(-1/sqrt(fan), 1/sqrt(fan)), as torch does. SPEC 20.3."""
    if not isinstance(rng, np.random.Generator):
        raise TypeError(f"rng should be a numpy.random.Generator, got: {type(rng).__name__}")
    bound = 1 / np.sqrt(fan)
    kind = supported_dtype(np.dtype(dtype), "dtype")
    return Named({name: rng.uniform(-bound, bound, shape).astype(kind) for name, shape in shapes.items()})


def checked(params: Mapping[str, Array], shapes: Shapes) -> dict[str, Array]:
    """The parameters in native byte order, every one of them there, of its shape, and of one dtype. SPEC 20.5.

    Raises ValueError naming each missing, unexpected or misshapen parameter; TypeError on dtypes that differ.
    """
    if not isinstance(params, Mapping):
        raise TypeError(f"params should be a mapping from name to array, got: {type(params).__name__}")
    if params.keys() != shapes.keys():
        problems = [
            f"{kind} key(s) in params: " + ", ".join(f'"{name}"' for name in names)
            for kind, names in (
                ("Missing", [name for name in shapes if name not in params]),
                ("Unexpected", [name for name in params if name not in shapes]),
            )
            if names
        ]
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


def grouped(
    params: Mapping[str, Array], names: tuple[str, ...], num_layers: int, num_directions: int, prefix: str = ""
) -> StackParameters:
    """Flat parameters, those with the prefix, as params[layer][direction]. names: those of one direction. SPEC 1.4."""
    return [
        [{name: params[full] for name, full in of_direction} for of_direction in of_layer]
        for of_layer in _full_names(names, num_layers, num_directions, prefix)
    ]


def flat(params: StackParameters, names: tuple[str, ...]) -> dict[str, Array]:
    """params[layer][direction] under torch's names and in torch's order. names: those of one direction. SPEC 1.4."""
    every = _full_names(names, len(params), len(params[0]), "")
    return {
        full: of_direction[name]
        for of_layer, names in zip(params, every, strict=True)
        for of_direction, full_names in zip(of_layer, names, strict=True)
        for name, full in full_names
    }


@cache
def _full_names(names: tuple[str, ...], L: int, D: int, prefix: str) -> list[list[list[tuple[str, str]]]]:
    """[layer][direction]: each name of the cell, and the flat name that it has there."""
    return [[[(n, f"{prefix}{n}{suffix}") for n in names] for suffix in of_layer] for of_layer in suffixes(L, D)]
