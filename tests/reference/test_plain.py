"""`reference/plain.py`: every gradient is, symbolically, the derivative of its forward pass.

What is proved. Each network below has a symbol for every number in it: parameters, x, h0 (and c0), target vectors,
weights of steps, and the gradients that are sent into output, h_n and c_n. `plain` runs on SymPy's polynomials over the
rationals (with an output layer, rational functions) in these symbols and in one more for every value tanh(a), log(a)
and σ(a) = 1/(1 + exp(-a)), with exp(a) = σ/(1 - σ). Differentiated is DIV, or without an output layer the sum of
d_output · output, plus the sum of d_h_n · h_n (and d_c_n · c_n), by every symbol of which `plain.backward` gives the
gradient. The partial derivatives are SymPy's; the chain rule takes them through tanh' = 1 - tanh², σ' = σ (1 - σ),
log' = 1/a. Derivative and gradient are equal only if they are the same polynomial, or the same reduced fraction:
nothing is evaluated or rounded. So each identity holds for all real values of the symbols for which DIV is defined, of
a network of that size. That this derivative is that of `sympy.diff`, of an expression in which every value is a
function of its argument again, nested as deep as the network, is proved in the same way for the smallest network of
each cell.

What is not. Sizes are small (T to 3, H to 2); relu is not smooth, truncation is no derivative; softplus is there with
the squared error alone. The gradients of traced tensors (SPEC 9.1) are seen through those of x, states and parameters.
Real numbers are not floats.
"""

import ast
from collections.abc import Callable
from fractions import Fraction
from functools import partial
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


class Tanh(sympy.Function):  # type: ignore[misc]  # SymPy has no types
    def fdiff(self, argindex: int = 1) -> Any:
        return 1 - self**2


class Sigma(sympy.Function):  # type: ignore[misc]  # SymPy has no types
    def fdiff(self, argindex: int = 1) -> Any:
        return self * (1 - self)


class Log(sympy.Function):  # type: ignore[misc]  # SymPy has no types
    def fdiff(self, argindex: int = 1) -> Any:
        return 1 / self.args[0]


class Odds:
    """exp(a) = s / (1 - s), s = σ(a), of which `plain.sigmoid` makes exp(a) / (1 + exp(a)) = s, no fraction."""

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
                assert n.numer.is_ground
                assert n.denom == 1  # another power of u is no rational function
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
    batch_first = case["layout"] == "batch_first"
    outer = (B, T) if batch_first else (T, B)
    given: Tensors = {"x": filled("x", *outer, I)}
    for state, size in {"h": F, "c": H}.items() if cell == "lstm" else {"h": F}.items():
        given[f"{state}0"] = filled(f"{state}0", L * D, B, size)
        given[f"d_{state}_n"] = filled(f"d_{state}_n", L * D, B, size)
    for layer in range(L):
        for suffix in ["", "_reverse"][:D]:
            shapes: dict[str, tuple[int, ...]] = {
                **{"weight_ih": (gates * H, D * F if layer else I), "weight_hh": (gates * H, F)},
                **{"bias_ih": (gates * H,), "bias_hh": (gates * H,), "weight_hr": (P, H)},
            }
            for name, shape in list(shapes.items())[: 5 if P else 4]:
                full = f"{'rnn.' if O else ''}{name}_l{layer}{suffix}"
                given[full] = filled(full.replace(".", "_"), *shape)
    if O:
        given |= {"output.weight": filled("W2", O, D * F), "output.bias": filled("b2", O)}
        if case["target"] == "vectors":
            given["target"] = filled("d", *outer, O)
        else:
            given["target"] = {"classes": [[1] * B] * T, "sequence": [1] * B, "labels": [[1]] * B}[case["target"]]
    else:
        given["d_output"] = filled("d_output", *outer, D * F)
    if weights:
        given["weights"] = filled("w", *outer)
    if masks:
        given["dropout_masks"] = masks
    if lengths:
        given["lengths"] = lengths
        vectors = {"target"} if case["target"] == "vectors" else set()
        for name in given.keys() & {"x", "d_output", "weights", *vectors}:
            for b, n in enumerate(lengths):
                for t in range(n, T):
                    steps, k = (given[name][b], t) if batch_first else (given[name][t], b)
                    steps[k] = mapped(lambda _: float("nan"), steps[k])
    return case, given


CELLS: dict[str, dict[str, Any]] = {
    "rnn": {"cell": "rnn"},
    "rnn-identity": {"cell": "rnn", "nonlinearity": "identity"},
    "gru-after": {"cell": "gru", "reset": "after"},
    "gru-before": {"cell": "gru", "reset": "before"},
    "lstm": {"cell": "lstm"},
    "lstm-projected": {"cell": "lstm", "H": 2, "P": 1},
}
RAGGED = {"B": 2, "lengths": [1, 2]}
STACKS: dict[str, dict[str, Any]] = {  # a projection is 1 by 1 where H is 1
    "two-steps": {},
    "three-steps": {"T": 3, "H": 1},
    "two-units": {"H": 2},
    "two-layers": {"L": 2, "H": 1, "dropout_masks": [[[[True]], [[False]]]]},
    "two-directions-ragged": {"bidirectional": True, "H": 1, **RAGGED},
    "two-layers-two-directions": {"L": 2, "H": 1, "bidirectional": True, "T": 1},
}
LARGER: dict[str, dict[str, Any]] = {  # of the RNN: polynomials of gates grow faster
    "two-inputs": {"T": 3, "H": 2, "I": 2},
    "two-units-two-layers": {"T": 3, "H": 2, "L": 2},
    "all": {"T": 3, "L": 2, "bidirectional": True, "B": 2, "lengths": [3, 2], "layout": "batch_first"},
}
HEADS = [
    *((f, "squared_error", "vectors") for f in ("identity", "sigmoid", "tanh", "softplus", "softmax", "log_softmax")),
    *((f, "cross_entropy", "vectors") for f in ("sigmoid", "softmax")),
    *((f, "kl", "vectors") for f in ("sigmoid", "softmax")),
    *((f, "binary_cross_entropy", "vectors") for f in ("sigmoid", "softmax")),
    ("softmax", "cross_entropy", "classes"),
    *(("log_softmax", "negative_log_likelihood", target) for target in ("vectors", "classes")),
    *((f, "softmax_cross_entropy", "vectors") for f in ("identity", "sigmoid", "tanh")),
    ("identity", "softmax_cross_entropy", "classes"),
    *((f, "mean_pooled_cross_entropy", "sequence") for f in ("identity", "sigmoid", "tanh")),
    ("tanh", "ctc", "labels"),
]


def head(activation: str, divergence: str, target: str, **options: Any) -> tuple[Case, Tensors]:
    return network("rnn", O=2, activation=activation, divergence=divergence, target=target, **options)


NETWORKS: dict[str, Callable[[], tuple[Case, Tensors]]] = {
    **{f"{cell}-{k}": partial(network, **CELLS[cell] | STACKS[k]) for cell in CELLS for k in STACKS},
    **{f"{cell}-{k}": partial(network, **CELLS[cell] | LARGER[k]) for cell in ("rnn", "rnn-identity") for k in LARGER},
    **{"-".join(names): partial(head, *names) for names in HEADS},
    "mean-weighted-ragged": partial(
        head, "identity", "squared_error", "vectors", reduction="mean", weights=True, **RAGGED
    ),
    "pooled-mean-ragged": partial(
        head, "identity", "mean_pooled_cross_entropy", "sequence", reduction="mean", **RAGGED
    ),
}
SMALLEST = {**{name: partial(network, **CELLS[name]) for name in CELLS}, "log": partial(head, *HEADS[5])}


Found = list[tuple[Polynomials, Any, Any, Any]]


def gradients(code: ModuleType, case: Case, given: Tensors) -> Found:
    """For each symbol of which there is a gradient: the numbers, what is differentiated, the symbol, the gradient."""
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


@pytest.mark.parametrize("name", NETWORKS)
def test_every_gradient_is_the_derivative(name: str) -> None:
    found = gradients(plain, *NETWORKS[name]())
    print(f"{name}: {len(found)} identities")  # to be seen with -s
    assert found
    assert wrong(found) == []


@pytest.mark.parametrize("name", SMALLEST)
def test_the_derivative_is_that_of_sympy(name: str) -> None:
    for numbers, value, symbol, gradient in gradients(plain, *SMALLEST[name]()):
        assert gradient == numbers.derivative(value, symbol) == numbers.diff(value, symbol)


BROKEN = {  # of which network, what in `plain`, what in its place
    "transposed W_hh": ("rnn-two-inputs", "row_matrix(d_a[t], W_hh)", "matrix_vector(W_hh, d_a[t])"),
    "h(t) for h(t-1)": (
        "rnn-three-steps",
        "pooling(W_ih, x, before(h0, h), d_a, d_a)",
        "pooling(W_ih, x, h, d_a, d_a)",
    ),
    "first step lost": ("rnn-three-steps", "pooled(d_product, h_before)", "pooled(d_product[1:], h_before[1:])"),
    "slope taken at a": ("rnn-three-steps", "d_h[t], h[t], numbers)", 'd_h[t], trace["a"][t], numbers)'),
    "d_h_n lost": ("rnn-three-steps", "carry = d_h_n", "carry = zeros_like(d_h_n)"),
    "one factor of a gate": ("gru-after-two-steps", "dh[j] * (1 - z[j])", "dh[j] * z[j]"),
    "da for dq": ("gru-after-two-steps", "dq[j] = da_n[j] * r[j]", "dq[j] = da_n[j]"),
    "one gradient for both biases": ("gru-after-two-steps", '"d_bias_hh": add(*d_product)', '"d_bias_hh": add(*d_a)'),
    "the blend forgotten": ("gru-after-two-steps", "[dh[j] * z[j] for j in range(H)]", "[0] * H"),
    "ds without r": ("gru-before-two-steps", "ds[j] * r[j]", "ds[j]"),
    "h(t-1) for s(t)": (
        "gru-before-two-steps",
        'pooled([da[2 * H :] for da in d_a], trace["s"])',
        "pooled([da[2 * H :] for da in d_a], past)",
    ),
    "c keeps all": ("lstm-two-steps", "dc[j] * f[j] for", "dc[j] for"),
    "i for g": ("lstm-two-steps", "di = dc[j] * g[j]", "di = dc[j] * i[j]"),
    "c(t) for c(t-1)": ("lstm-two-steps", "c_before = c_past[t]", 'c_before = trace["c"][t]'),
    "no slope of tanh(c)": ("lstm-two-steps", " * (1 - tanh_c[j] * tanh_c[j])", ""),
    "W_hr at its last steps": (
        "lstm-projected-two-steps",
        'pooled(d_h, trace["m"])',
        'pooled(d_h[1:], trace["m"][1:])',
    ),
    "back without dropout": (
        "rnn-two-layers",
        "above = dropped_out(case, one, layer - 1, d_x, numbers)",
        "above = d_x",
    ),
    "x read in one direction": (
        "rnn-two-directions-ragged",
        "d_x = add(d_x, in_reading_order(",
        "d_x = add(in_reading_order(",
    ),
    "Jacobian's diagonal": ("softmax-squared_error-vectors", "(dy[i] - inner)", "(dy[i] - dy[i] * y[i])"),
}


@pytest.mark.parametrize("mistake", BROKEN)
def test_a_wrong_gradient_is_not_the_derivative(mistake: str) -> None:
    name, right, wrong_text = BROKEN[mistake]
    assert right in SOURCE
    broken = ModuleType("broken")
    exec(SOURCE.replace(right, wrong_text), broken.__dict__)
    assert wrong(gradients(broken, *NETWORKS[name]()))


class Fractions:
    """The numbers of an RNN with relu or identity."""

    number = Fraction

    @staticmethod
    def positive(a: Fraction) -> bool:
        return not a <= 0


@pytest.mark.parametrize(
    ("nonlinearity", "h", "d_x", "d_W_hh"),
    [
        # a(0) = 1/2·1 + 1/3·1 = 5/6, a(1) = 1/2·(-2) + 1/3·5/6 = -13/18; dh(1) = 1, dh(0) = 1 + da(1)/3
        ("identity", ["5/6", "-13/18"], ["2/3", "1/2"], "13/6"),  # dW_hh = 4/3·1 + 1·5/6
        ("relu", ["5/6", "0"], ["1/2", "0"], "1"),  # da(1) = 0, so dW_hh = 1·1
    ],
)
def test_two_steps_by_hand(nonlinearity: str, h: list[str], d_x: list[str], d_W_hh: str) -> None:
    params = {"weight_ih": [[Fraction(1, 2)]], "weight_hh": [[Fraction(1, 3)]]}
    x, h0, above = [[Fraction(1)], [Fraction(-2)]], [Fraction(1)], [[Fraction(1)], [Fraction(1)]]
    trace = plain.rnn_forward(params, x, h0, nonlinearity, Fractions)
    assert flat(trace["h"]) == [Fraction(value) for value in h]
    d = plain.rnn_backward(params, x, h0, trace, above, [0], nonlinearity, 0, Fractions)
    assert flat(d["d_x"]) == [Fraction(value) for value in d_x]
    assert d["d_weight_hh"] == [[Fraction(d_W_hh)]]


def test_one_bias_stands_for_the_sum_of_two() -> None:
    params = {"weight_ih": [[Fraction(1, 2)]], "weight_hh": [[Fraction(1, 3)]]}
    x, h0 = [[Fraction(1)], [Fraction(-2)]], [Fraction(1)]
    two = params | {"bias_ih": [Fraction(2)], "bias_hh": [Fraction(3)]}
    one = params | {"bias_ih": [Fraction(5)]}
    assert plain.rnn_forward(two, x, h0, "relu", Fractions) == plain.rnn_forward(one, x, h0, "relu", Fractions)


def test_it_imports_nothing() -> None:
    assert not [node for node in ast.walk(ast.parse(SOURCE)) if isinstance(node, ast.Import | ast.ImportFrom)]
    assert "__import__" not in SOURCE
