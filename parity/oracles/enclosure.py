"""The truth, proved: `reference/plain.py` on balls, of twice the precision until every value rounds to one float64.

A ball is an interval around a number of any precision, which holds the exact value whatever was rounded on the way to
it (Arb, by python-flint). Once both of its ends round to the same float64, that is the exact value, rounded to nearest:
it is proved, for the formulas of plain.py. That these are the right ones is not proved here: SPEC 30.8. SPEC 30.5.
"""

import time
from contextlib import suppress
from dataclasses import replace
from functools import cache
from math import inf, nan
from typing import Any

import numpy as np
from flint import arb, ctx

from parity.cases import Arrays, Case, arrays
from parity.oracles import plain
from parity.progress import Told, untold
from reference.arrays import Array

FIRST, LAST = 128, 2**16  # bits


class Undecided(ArithmeticError):
    """A comparison, or a rounding, that balls of this precision cannot decide."""


class Balls:
    """The numbers that plain.py asks for: real ones, each inside its ball."""

    number, exp, expm1, log1p, tanh = arb, arb.exp, arb.expm1, arb.log1p, arb.tanh

    @staticmethod
    def log(a: Any) -> Any:
        return a.log() if a != 0 else arb("-inf")

    @staticmethod
    def divide(a: Any, b: Any) -> Any:
        return a / b

    @staticmethod
    def positive(a: Any) -> bool:
        if a > 0 or a.is_nan():
            return True
        if a <= 0:
            return False
        raise Undecided("whether a number is positive")

    @staticmethod
    def zero(a: Any) -> bool:
        if a == 0:
            return True
        if a != 0 or a.is_nan():
            return False
        raise Undecided("whether a number is 0")

    @staticmethod
    def minus_infinity(a: Any) -> bool:
        return bool(a == arb("-inf"))

    @staticmethod
    def larger(a: Any, b: Any) -> bool:
        return bool(arb(a).mid() > arb(b).mid())


def supports(case: Case) -> bool:
    """What `plain` supports."""
    return plain.supports(case)


def run(case: Case, values: Arrays, device: str = "cpu") -> dict[str, Array]:
    """Every tensor of the case: its exact values, rounded to float64."""
    return truth(case)[0]


def truth(case: Case, told: Told = untold) -> tuple[dict[str, Array], int]:
    """The exact values of every tensor of the case, rounded to float64, and the bits of the balls that prove them.

    Where a value is not finite, there is no real number to enclose: there stands what plain.py gives on floats
    (SPEC 1.7). Raises ArithmeticError where 2¹⁶ bits do not decide a value.
    """
    return _truth(case, told)


@cache
def _truth(case: Case, told: Told) -> tuple[dict[str, Array], int]:
    floats, bits = plain.run(case, arrays(case)), FIRST
    while True:
        told(f"exact values, in balls of {bits} bits", 0, None)
        try:
            with ctx.workprec(bits):
                return _where_finite(floats, plain.computed(case, Balls, nearest)), bits
        except Undecided as undecided:
            if bits == LAST:
                raise ArithmeticError(f"{case.id}: {undecided} is not decided by {bits} bits") from undecided
        bits *= 2


def seconds(case: Case) -> float:
    """About how long balls of the first precision take: a second step of one sequence, times steps and sequences."""

    def taken(steps: int) -> float:
        short = replace(case, T=steps, B=1, lengths=None, recipe="uniform", own=None)
        start = time.perf_counter()
        with ctx.workprec(FIRST), suppress(Undecided):
            plain.computed(short, Balls, nearest)
        return time.perf_counter() - start

    return max(0.0, taken(2) - taken(1)) * sum(case.lengths or (case.T,) * case.B)


def _where_finite(floats: dict[str, Array], found: dict[str, Array]) -> dict[str, Array]:
    """What was found; infinity or NaN where floats and balls agree that there is no real number."""
    for name, tensor in found.items():
        if np.isfinite(floats[name][np.isnan(tensor)]).any():
            raise Undecided(f"a number of {name}")
    return {name: np.where(np.isnan(tensor), floats[name], tensor) for name, tensor in found.items()}


def nearest(ball: Any) -> float:
    """The float64 to which every number of a ball rounds; NaN where the ball is not finite."""
    if isinstance(ball, int):  # an exact 0, of what nothing flows through
        return float(ball)
    if not ball.is_finite():
        return nan
    low, high = _rounded(ball.lower()), _rounded(ball.upper())
    if low != high:
        raise Undecided("to which of two float64 a number rounds")
    return low + 0.0  # -0 and +0 are equal, and no ball knows which


def _rounded(exact: Any) -> float:
    """man · 2^exp, rounded to the nearest float64: Python divides integers so."""
    man, exp = (int(part) for part in exact.man_exp())
    try:
        return float(man << exp) if exp >= 0 else man / (1 << -exp)
    except OverflowError:
        return inf if man > 0 else -inf
