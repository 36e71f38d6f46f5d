"""`python -m parity trace CASE`: a small case step by step, with its numbers, as one would do it on paper."""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from parity import subject
from parity.cases import CASES, Arrays, Case, arrays
from reference.arrays import Array
from reference.cells import Parameters
from reference.parameters import grouped

LARGEST = 1000  # pre-activations
TERMS = 12  # of a sum that is written out


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("case", metavar="CASE", help="the id of a case, such as hand-1x1x1")
    parser.add_argument("--sequence", type=int, metavar="B", help="this sequence of the batch alone")


def main(options: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    """0 if printed. Wrong usage exits with 2."""
    case = CASES.get(options.case)
    if case is None:
        parser.error(f"no case is {options.case!r}")
    if case.cell not in COLUMNS:
        parser.error(f"{case.id} is of the cell {case.cell}, which is not written out yet: {', '.join(COLUMNS)} is")
    size = case.T * case.B * case.H * case.num_layers * case.num_directions
    if size > LARGEST:
        parser.error(f"{case.id} has {size} pre-activations: too many to read, {LARGEST} at most")
    if options.sequence is not None and not 0 <= options.sequence < case.B:
        parser.error(f"--sequence should be in 0..{case.B - 1}, got {options.sequence}")
    for text in lines(case, range(case.B) if options.sequence is None else [options.sequence]):
        print(text)
    return 0


@dataclass(frozen=True)
class RnnColumn:
    """One layer, one direction, one sequence: the weights, and what happened at each step in reading order."""

    case: Case
    name: str
    t: Sequence[int]  # of each step
    params: Parameters
    x: Array
    states: Array
    a: Array
    d_h: Array
    d_a: Array
    d_h_n: Array

    def forward(self) -> Iterator[str]:
        """SPEC 3.1, the terms of each sum in its order."""
        W_ih, W_hh = self.params["weight_ih"], self.params["weight_hh"]
        yield f"\nforward, {self.name}"
        for s, t in enumerate(self.t):
            yield f" step {s} (t = {t})   x = {_row(self.x[s])}   h({t_before(self.t, s)}) = {_row(self.states[s])}"
            for i, a in enumerate(self.a[s]):
                terms = [*_products(W_ih[i], self.x[s]), *_products(W_hh[i], self.states[s])]
                if "bias_ih" in self.params:
                    biases = [_number(self.params[name][i]) for name in ("bias_ih", "bias_hh")]
                    terms[len(self.x[s]) : len(self.x[s])] = biases
                yield f"  a[{i}] = {_sum(terms, 'W_ih x + b_ih + b_hh + W_hh h')} = {_number(a)}"
                yield f"  h[{i}] = {_applied(self.case.nonlinearity, a)} = {_number(self.states[s + 1][i])}"

    def backward(self) -> Iterator[str]:
        """SPEC 5.4, from the last step read to the first."""
        W_hh = self.params["weight_hh"]
        yield f"\nbackward, {self.name}"
        for s in reversed(range(len(self.t))):
            last = s == len(self.t) - 1
            cut = self.case.truncate is not None and (s + 1) % self.case.truncate == 0
            carry = np.zeros_like(self.d_h[s]) if last or cut else self.d_a[s + 1] @ W_hh
            above = self.d_h[s] - carry - (self.d_h_n if last else 0)
            above = np.where(np.abs(above) < 1e-14 * np.abs(self.d_h).max(), 0, above)  # what the difference rounded
            yield f" step {s} (t = {self.t[s]})   from above {_row(above)}"
            for i, d_h in enumerate(self.d_h[s]):
                if last:
                    terms = [_number(self.d_h_n[i])]
                else:
                    terms = ["0"] if cut else list(_products(self.d_a[s + 1], W_hh[:, i]))
                right = _sum([_number(above[i]), *terms], f"{_number(above[i])} + da(t+1) W_hh")
                yield f"  dh[{i}] = {right} = {_number(d_h)}"
                slope = _slope(self.case.nonlinearity, self.states[s + 1][i])
                yield f"  da[{i}] = {_number(d_h)} · {slope} = {_number(self.d_a[s][i])}"


COLUMNS = {"rnn": RnnColumn}  # by cell: how its columns are written out


def t_before(t: Sequence[int], s: int) -> str:
    """The name of the state that step s has read."""
    return str(t[s - 1]) if s else "before it"


def columns(case: Case, values: Arrays, passed: subject.Passes, b: int) -> list[RnnColumn]:
    """Every layer and direction of one sequence, in the order of computation."""
    length = case.lengths[b] if case.lengths else case.T
    names = tuple(case.rnn().cell.shapes(case.I, case.bias))
    params = grouped(values.params, names, case.num_layers, case.num_directions, case.prefix)
    found = []
    for l in range(case.num_layers):
        for d in range(case.num_directions):
            trace, grads = passed.trace.layers[l].directions[d], passed.grads.layers[l].directions[d]
            d_h_n = None if values.d_h_n is None else values.d_h_n[l * case.num_directions + d]
            found.append(
                COLUMNS[case.cell](
                    case,
                    f"layer {l}" + (f" {('forward', 'reverse')[d]} direction" if case.bidirectional else ""),
                    range(length)[:: -1 if d else 1],
                    params[l][d],
                    trace.x[:length, b],
                    trace.states[: length + 1, b],
                    trace.a[:length, b],
                    grads.h[:length, b],
                    grads.a[:length, b],
                    np.zeros(case.H) if d_h_n is None else (d_h_n[b] if case.batched else d_h_n),
                )
            )
    return found


def lines(case: Case, sequences: Sequence[int]) -> Iterator[str]:
    """The whole calculation, forward and backward, line by line."""
    values = arrays(case)
    passed = subject.passes(case, values)
    tensors = subject.run(case, values)
    yield f"{case.id}: {case.comment}"
    yield f"T = {case.T}, B = {case.B}, I = {case.I}, H = {case.H}"
    for name, parameter in values.params.items():
        yield f"{name} = {_rows(parameter)}"
    for b in sequences:
        yield f"\nSequence {b}"
        chain = columns(case, values, passed, b)
        for column in chain:
            yield from column.forward()
        if case.O is not None:
            yield from _output_layer(case, tensors, b, len(chain[0].t))
        for l in reversed(range(case.num_layers)):
            for column in chain[l * case.num_directions : (l + 1) * case.num_directions]:
                yield from column.backward()
    if case.O is not None:
        yield f"\nDIV of the whole series, all sequences = {_number(tensors['div'])}"
    yield "\nGradients, pooled over steps and sequences"
    for name in ("x", "h0", *values.params):
        yield f"d_{name} = {_rows(tensors[f'd_{name}'])}"


def _output_layer(case: Case, tensors: dict[str, Array], b: int, length: int) -> Iterator[str]:
    """SPEC 3.5 and 5.8, the vectors of each step."""
    yield f"\noutput layer: z = W2 h + b2, y = {case.activation}(z); {case.divergence}"
    for t in range(length):
        at = {name: _at(case, tensors[name], t, b) for name in ("output", "z", "y", "d_y", "d_z", "d_output")}
        yield f" t = {t}   h = {_row(at['output'])}"
        yield f"  z = {_row(at['z'])}   y = {_row(at['y'])}"
        yield f"  dy = {_row(at['d_y'])}   dz = {_row(at['d_z'])}   dz W2 = {_row(at['d_output'])}"


def _at(case: Case, series: Array, t: int, b: int) -> Array:
    if not case.batched:
        return series[t]
    return series[b, t] if case.batch_first else series[t, b]


def _number(value: Array | float) -> str:
    return f"{float(value):.6g}"


def _row(values: Array) -> str:
    return "[" + " ".join(map(_number, values)) + "]"


def _rows(values: Array) -> str:
    """An array of any shape; one that takes several lines begins on a line of its own."""
    text = np.array2string(values, precision=6, separator=" ", prefix="    ", threshold=10**6, max_line_width=120)
    return f"\n    {text}" if "\n" in text else text


def _products(a: Array, b: Array) -> Iterator[str]:
    return (f"{_number(p)}·{_number(q)}" for p, q in zip(a, b, strict=True))


def _sum(terms: list[str], in_short: str) -> str:
    """The sum written out, if it is short enough to be read."""
    return (" + ".join(terms) if len(terms) <= TERMS else in_short).replace("+ -", "- ")


def _applied(nonlinearity: str, a: float) -> str:
    return {"tanh": f"tanh({_number(a)})", "relu": f"max({_number(a)}, 0)", "identity": _number(a)}[nonlinearity]


def _slope(nonlinearity: str, h: float) -> str:
    return {"tanh": f"(1 - {_number(h)}²)", "relu": "0" if h <= 0 else "1", "identity": "1"}[nonlinearity]
