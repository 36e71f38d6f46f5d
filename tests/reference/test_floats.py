"""Python's floats give what IEEE 754 has where Python raises: SPEC 1.7."""

import math
from math import inf, nan

import numpy as np
import pytest

from reference.floats import Floats

EDGES = [-inf, -1e308, -710.0, -1.0, -0.5, -1e-320, -0.0, 0.0, 1e-320, 0.5, 1.0, 709.0, 710.0, 1e308, inf, nan]


@pytest.mark.parametrize("name", ["exp", "expm1", "log", "log1p", "tanh"])
@pytest.mark.parametrize("a", EDGES)
def test_a_function_at_its_edges_is_that_of_numpy(name: str, a: float) -> None:
    with np.errstate(all="ignore"):
        expected = float(getattr(np, name)(np.float64(a)))
    np.testing.assert_array_max_ulp(getattr(Floats, name)(a), expected, maxulp=2)


@pytest.mark.parametrize("a", EDGES)
@pytest.mark.parametrize("b", EDGES)
def test_a_quotient_is_that_of_numpy(a: float, b: float) -> None:
    with np.errstate(all="ignore"):
        expected = float(np.float64(a) / np.float64(b))
    np.testing.assert_array_equal(Floats.divide(a, b), expected)
    assert math.isnan(expected) or math.copysign(1, Floats.divide(a, b)) == math.copysign(1, expected)


def test_what_is_asked_of_a_number() -> None:
    assert [Floats.positive(a) for a in (-1.0, 0.0, 1.0)] == [False, False, True]
    assert Floats.positive(nan)  # it passes relu: SPEC 2.5
    assert [Floats.zero(a) for a in (-0.0, 0.0, 1e-320, nan)] == [True, True, False, False]
    assert [Floats.minus_infinity(a) for a in (-inf, -1e308, nan)] == [True, False, False]
    assert Floats.larger(2.0, 1.0)
    assert not Floats.larger(1.0, 1.0)
    assert Floats.number(2) == 2.0
