"""`reference/plain.py`: every gradient is, symbolically, the derivative of its forward pass.

What is proved. Each network below has a symbol for every number in it: parameters, x, h0 (and c0), targets, weights of steps,
and the gradients that are sent into output, h_n and c_n. `plain.forward` and `plain.backward` run on elements of a field of
rational functions (SymPy's, over the rationals), in which every tanh(a), σ(a) = 1/(1 + exp(-a)) and log(a) is a new generator,
and exp(a) is σ/(1 - σ). What is differentiated is DIV, plus the sum of d_h_n · h_n (and d_c_n · c_n), or the sum of
d_output · output in place of DIV where there is no output layer. For that, the generators become SymPy functions of their
arguments again, nested into each other, with tanh' = 1 - tanh², σ' = σ (1 - σ), log' = 1/a; `sympy.diff` differentiates by
every symbol of which `plain.backward` gives the gradient, and what comes out goes back into the field. There both are reduced
fractions of polynomials, and are equal only if they are the same: nothing is evaluated, nothing is rounded. So each identity
holds for all real values of the symbols at which DIV is defined, of a network of that size.

What is not. The sizes are small (T to 3, H to 2), relu is not smooth, truncation is no derivative; gradients of traced tensors
(SPEC 9.1) are seen only through those of x, states and parameters. Real numbers are not floats.
"""

import ast
from fractions import Fraction
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import sympy
from sympy import QQ
from sympy.polys.fields import field
from sympy.polys.rings import ring

from reference import plain

SOURCE = Path(plain.__file__).read_text(encoding="utf-8")

Case = dict[str, Any]
Tensors = dict[str, Any]


class Tanh(sympy.Function):
    def fdiff(self, argindex: int = 1) -> Any:
        return 1 - self**2


class Sigma(sympy.Function):
    def fdiff(self, argindex: int = 1) -> Any:
        return self * (1 - self)


class Log(sympy.Function):
    def fdiff(self, argindex: int = 1) -> Any:
        return 1 / self.args[0]


class Odds:
    """exp(a) = s / (1 - s), s = σ(a), of which `plain.sigmoid` makes exp(a) / (1 + exp(a)) = s: no fraction is needed."""

    def __init__(self, s: Any, one: int = 0) -> None:
        self.s, self.one = s, one

    def __radd__(self, one: int) -> "Odds":
        assert (one, self.one) == (1, 0)
        return Odds(self.s, 1)

    def __truediv__(self, other: "Odds") -> Any:
        assert (self.s, self.one, other.one) == (other.s, 0, 1)
        return self.s


class Polynomials:
    """The numbers of `plain`: polynomials in symbols, and in values of functions."""

    structure = staticmethod(ring)

    def __init__(self, symbols: list[str], values: int) -> None:
        self.all, *generators = self.structure([*symbols, *(f"value{k}" for k in range(values))], QQ)
        self.symbols = dict(zip(symbols, generators, strict=False))
        self.unused = generators[len(symbols) :]
        self.values: dict[tuple[Any, Any], Any] = {}  # function and argument to generator

    def value(self, function: Any, a: Any) -> Any:
        if (function, a) not in self.values:
            self.values[function, a] = self.unused.pop(0)
        return self.values[function, a]

    def number(self, x: float) -> Any:
        return self.all(QQ(*x.as_integer_ratio()))

    def tanh(self, a: Any) -> Any:
        return self.value(Tanh, a)

    def exp(self, a: Any) -> Any:
        return Odds(self.value(Sigma, a))

    def zero(self, a: Any) -> bool:
        return bool(a == 0)

    def minus_infinity(self, a: Any) -> bool:
        return False

    def larger(self, a: Any, b: Any) -> bool:
        return False

    def derivative(self, value: Any, symbol: Any) -> Any:
        """The total derivative by a symbol: the partial one, and the chain rule through every value of a function."""
        by_symbol: dict[Any, Any] = {}  # of each generator that is a value; its argument has none but earlier ones

        def total(f: Any) -> Any:
            partial = f.diff(symbol)
            return sum((f.diff(g) * d_g for g, d_g in by_symbol.items() if f.diff(g) != 0), partial)

        for (function, a), generator in self.values.items():
            by_symbol[generator] = self.slope(function, a, generator) * total(a)
        return total(value)

    def slope(self, function: Any, a: Any, value: Any) -> Any:
        """tanh' = 1 - tanh², σ' = σ (1 - σ), log' = 1/a"""
        if function is Tanh:
            return 1 - value * value
        return value * (1 - value) if function is Sigma else 1 / a

    def diff(self, value: Any, symbol: Any) -> Any:
        """The same by `sympy.diff`: of an expression in which every value is that function of its argument again."""
        functions: dict[Any, Any] = {}
        for (function, a), generator in self.values.items():
            functions[generator.as_expr()] = function(a.as_expr().xreplace(functions))
        generators = {function: generator for generator, function in functions.items()}
        derivative = sympy.diff(value.as_expr().xreplace(functions), symbol.as_expr())
        return self.all.from_expr(derivative.xreplace(generators))


class RationalFunctions(Polynomials):
    """The same with fractions, and more functions, for output layers and divergences."""

    structure = staticmethod(field)

    def exp(self, a: Any) -> Any:
        """exp(n log u + b) = uⁿ exp(b), and exp(-b) = 1/exp(b), so that no two generators depend on each other."""
        for (function, u), log_u in self.values.items():
            n = a.diff(log_u)
            if function is Log and n != 0:
                return u ** int(n.numer.LC) * self.exp(a - n * log_u)
        if a == 0:
            return self.all.one
        if a.numer.LC < 0:
            return 1 / self.exp(-a)
        s = self.value(Sigma, a)
        return s / (1 - s)

    def expm1(self, a: Any) -> Any:
        return self.exp(a) - 1

    def log(self, a: Any) -> Any:
        return self.all.zero if a == 1 else self.value(Log, a)

    def log1p(self, a: Any) -> Any:
        return self.log(1 + a)

    def divide(self, a: Any, b: Any) -> Any:
        return a / b


def flat(value: Any) -> list[Any]:
    return [element for part in value for element in flat(part)] if isinstance(value, list) else [value]


def mapped(function: Any, value: Any) -> Any:
    return [mapped(function, element) for element in value] if isinstance(value, list) else function(value)


def filled(name: str, *shape: int) -> Any:
    """A tensor of names of symbols."""
    return [filled(f"{name}_{k}", *shape[1:]) for k in range(shape[0])] if shape else name


def network(
    cell: str, *, T: int = 2, B: int = 1, I: int = 1, H: int = 1, P: int = 0, L: int = 1, O: int = 0, **options: Any
) -> tuple[Case, Tensors]:
    """A case (SPEC 10.2) and its tensors (SPEC 10.3), a symbol's name in the place of every number, NaN at padding."""
    lengths, masks, weights = (options.pop(name, None) for name in ("lengths", "dropout_masks", "weights"))
    case: Case = {
        **{"cell": cell, "T": T, "B": B, "I": I, "H": H, "O": O, "num_layers": L, "proj_size": P},
        **{"nonlinearity": "tanh", "reset": "after", "bidirectional": False, "layout": "time_major", "truncate": 0},
        **{"dropout": 0.5, "reduction": "sum", "blank": 0, "zero_infinity": False, "target": "vectors"},
        **options,
    }
    D, gates, F = 1 + case["bidirectional"], {"rnn": 1, "gru": 3, "lstm": 4}[cell], P or H
    given: Tensors = {"x": filled("x", T, B, I)}
    for state, size in {"h": F, "c": H}.items() if cell == "lstm" else {"h": F}.items():
        given[f"{state}0"] = filled(f"{state}0", L * D, B, size)
        given[f"d_{state}_n"] = filled(f"d_{state}_n", L * D, B, size)
    for layer in range(L):
        for suffix in ["", "_reverse"][:D]:
            shapes = {"weight_ih": (gates * H, D * F if layer else I), "weight_hh": (gates * H, F)}
            shapes |= {"bias_ih": (gates * H,), "bias_hh": (gates * H,)} | ({"weight_hr": (P, H)} if P else {})
            for name, shape in shapes.items():
                full = f"{'rnn.' if O else ''}{name}_l{layer}{suffix}"
                given[full] = filled(full.replace(".", "_"), *shape)
    if O:
        given |= {"output.weight": filled("W2", O, D * F), "output.bias": filled("b2", O)}
        if case["target"] == "vectors":
            given["target"] = filled("d", T, B, O)
        else:
            given["target"] = {"classes": [[1] * B] * T, "sequence": [1] * B, "labels": [[1]] * B}[case["target"]]
    else:
        given["d_output"] = filled("d_output", T, B, D * F)
    if weights:
        given["weights"] = filled("w", T, B)
    if masks:
        given["dropout_masks"] = masks
    if lengths:
        given["lengths"] = lengths
        for name in given.keys() & {"x", "d_output", "target", "weights"}:
            for b, n in enumerate(lengths):
                for t in range(n, T):
                    given[name][t][b] = mapped(lambda _: float("nan"), given[name][t][b])
    return case, given


RAGGED = {"B": 2, "lengths": [3, 2]}
SHORT_RAGGED = {"B": 2, "lengths": [1, 2]}
CELLS: dict[str, dict[str, Any]] = {
    "rnn": {"cell": "rnn"},
    "rnn-identity": {"cell": "rnn", "nonlinearity": "identity"},
    "gru-after": {"cell": "gru", "reset": "after"},
    "gru-before": {"cell": "gru", "reset": "before"},
    "lstm": {"cell": "lstm"},
    "lstm-projected": {"cell": "lstm", "H": 2, "P": 1},
}
STACKS: dict[str, dict[str, Any]] = {
    "three-steps": {"T": 3},
    "two-units": {"H": 2, "I": 2},
    "two-layers": {"L": 2, "dropout_masks": [[[[True]], [[False]]]]},
    "two-directions": {"bidirectional": True},
    "ragged": {"T": 2, **SHORT_RAGGED},
    "two-layers-two-directions-ragged": {"L": 2, "bidirectional": True, **SHORT_RAGGED},
}
SQUARED = ["identity", "sigmoid", "tanh", "softplus", "softmax", "log_softmax"]
LOGITS = ["identity", "sigmoid", "tanh", "softplus"]
HEADS: list[tuple[str, str, str]] = [
    *((activation, "squared_error", "vectors") for activation in SQUARED),
    *((activation, name, "vectors") for name in ("cross_entropy", "kl", "binary_cross_entropy") for activation in ("sigmoid", "softmax")),
    ("softmax", "cross_entropy", "classes"),
    ("log_softmax", "negative_log_likelihood", "vectors"),
    ("log_softmax", "negative_log_likelihood", "classes"),
    *((activation, "softmax_cross_entropy", "vectors") for activation in LOGITS),
    ("identity", "softmax_cross_entropy", "classes"),
    *((activation, "mean_pooled_cross_entropy", "sequence") for activation in LOGITS),
    *((activation, "ctc", "labels") for activation in LOGITS),
]


Found = list[tuple[Polynomials, Any, Any, Any]]


def gradients(code: ModuleType, case: Case, given: Tensors) -> Found:
    """For every symbol of which there is a gradient: the numbers, what is differentiated, the symbol, the gradient."""
    names = [name for value in given.values() for name in flat(value) if isinstance(name, str)]
    numbers = (RationalFunctions if case["O"] else Polynomials)(names, values=100)
    given = {name: mapped(lambda e: numbers.symbols.get(e, e), value) for name, value in given.items()}
    run = code.forward(case, given, numbers)
    d = code.backward(case, given, run, numbers)
    value = run.get("div", numbers.all.zero)
    for upstream, tensor in {"d_output": "output", "d_h_n": "h_n", "d_c_n": "c_n"}.items():
        for weight, element in zip(flat(given.get(upstream, [])), flat(run.get(tensor, [])), strict=False):
            if not isinstance(weight, float):  # padding
                value = value + weight * element
    found = []
    for name in [name for name in given if f"d_{name}" in d and name != "output"]:
        for symbol, gradient in zip(flat(given[name]), flat(d[f"d_{name}"]), strict=True):
            if isinstance(symbol, float):  # padding
                assert gradient == 0
            else:
                found.append((numbers, value, symbol, gradient))
    return found


def wrong(found: Found) -> list[str]:
    """The symbols by which the gradient is not the derivative."""
    return [str(s) for numbers, value, s, gradient in found if gradient != numbers.derivative(value, s)]
