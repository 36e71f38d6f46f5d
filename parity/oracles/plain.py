"""The specification, executable, on Python's floats: `reference/plain.py`, scalar loops over lists. SPEC 30.1."""

from collections.abc import Callable
from functools import cache
from math import prod
from typing import Any

import numpy as np

from parity import tensors
from parity.cases import Arrays, Case, arrays
from parity.vectors.description import description, named_inputs
from reference import plain
from reference.arrays import Array
from reference.floats import Floats

MOST = 10_000_000  # products of numbers, about: some seconds


def supports(case: Case) -> bool:
    """Every case but the largest, which would take minutes, and B = 0: lists cannot say how wide nothing is."""
    return 0 < 3 * case.T * case.B * sum(map(prod, case.shapes().values())) <= MOST


def run(case: Case, values: Arrays, device: str = "cpu") -> dict[str, Array]:
    """Every tensor of the case, computed in float64 whatever the dtype."""
    return _run(case)


@cache
def _run(case: Case) -> dict[str, Array]:
    return computed(case, Floats, float)


def computed(case: Case, numbers: Any, rounded: Callable[[Any], float]) -> dict[str, Array]:
    """Every tensor of the case: plain.py on these numbers, each result rounded to float64."""
    values = arrays(case)
    about = description(case, values, "float64", ())
    given = {
        name: mapped(numbers.number, array.tolist()) if array.dtype == np.float64 else array.tolist()
        for name, array in named_inputs(values).items()
    }
    found = plain.forward(about, given, numbers)
    found |= plain.backward(about, given, found, numbers)
    return {name: np.array(mapped(rounded, found[name])) for name in tensors.table(case) if name in found}


def mapped(function: Callable[[Any], Any], nested: Any) -> Any:
    """The function on every element of a nested list."""
    return [mapped(function, element) for element in nested] if isinstance(nested, list) else function(nested)
