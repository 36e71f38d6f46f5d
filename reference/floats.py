"""Python's floats, as `reference/plain.py` asks for its numbers: IEEE 754 also where Python raises (SPEC 1.7)."""

import math


class Floats:
    """float64, rounded after every operation."""

    number = float
    tanh = math.tanh

    @staticmethod
    def exp(a: float) -> float:
        try:
            return math.exp(a)
        except OverflowError:
            return math.inf

    @staticmethod
    def expm1(a: float) -> float:
        try:
            return math.expm1(a)
        except OverflowError:
            return math.inf

    @staticmethod
    def log(a: float) -> float:
        if a > 0:
            return math.log(a)
        return -math.inf if a == 0 else math.nan

    @staticmethod
    def log1p(a: float) -> float:
        if a > -1:
            return math.log1p(a)
        return -math.inf if a == -1 else math.nan

    @staticmethod
    def divide(a: float, b: float) -> float:
        if b != 0:
            return a / b
        return math.nan if a == 0 or math.isnan(a) else math.copysign(math.inf, a) * math.copysign(1, b)

    @staticmethod
    def positive(a: float) -> bool:
        return not a <= 0

    @staticmethod
    def zero(a: float) -> bool:
        return a == 0

    @staticmethod
    def minus_infinity(a: float) -> bool:
        return a == -math.inf

    @staticmethod
    def larger(a: float, b: float) -> bool:
        return a > b
