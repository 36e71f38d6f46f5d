"""`python -m parity trace CASE`: a small case step by step, with its numbers, as one would do it on paper."""

import argparse
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from parity import subject, tensors
from parity.cases import CASES, Arrays, Case, arrays
from parity.cells import CELLS
from parity.report.wrapping import wrapped
from reference.activations import SIGMOID
from reference.arrays import Array
from reference.cells import Parameters
from reference.cells.gru import GruAfter, GruBefore
from reference.cells.lstm import Lstm
from reference.cells.rnn import Rnn
from reference.parameters import grouped

LARGEST = 1000  # pre-activations
TERMS = 12  # of a sum that is written out
WIDTH = 80  # where there is no terminal

Term = tuple[float, ...]  # the factors of a product


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("case", metavar="CASE", help="the id of a case, such as hand-3-steps")
    parser.add_argument("--sequence", type=int, metavar="B", help="this sequence of the batch alone")


def main(options: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    """0 if printed. Wrong usage exits with 2."""
    case = CASES.get(options.case)
    if case is None:
        parser.error(f"no case is {options.case!r}")
    cell = case.rnn().cell
    if type(cell) not in WRITTEN:
        parser.error(f"{case.id} is of the cell {case.cell}, which is not written out")
    size = case.T * case.B * cell.sizes["a"] * case.num_layers * case.num_directions
    if size > LARGEST:
        parser.error(f"{case.id} has {size} pre-activations: too many to read, {LARGEST} at most")
    if options.sequence is not None and not 0 <= options.sequence < case.B:
        parser.error(f"--sequence should be in 0..{case.B - 1}, got {options.sequence}")
    width = shutil.get_terminal_size((WIDTH, 0)).columns if sys.stdout.isatty() else WIDTH
    for text in lines(case, range(case.B) if options.sequence is None else [options.sequence], width):
        print(text)
    return 0


@dataclass(frozen=True)
class Step:
    """One step of a column, with the arrays of one sequence, (·,) each.

    values and d: what the cell has and its gradients, by name; a of a gated cell by gate as well, `a[i]`, and in values
    the gate itself, `i`. before: the states that the step reads. carry: of each unit of a state, the terms of what
    arrives from the right.
    """

    case: Case
    t: int
    params: Parameters
    x: Array
    values: Mapping[str, Array]
    before: Mapping[str, Array]
    d: Mapping[str, Array]
    carry: Mapping[str, Sequence[Sequence[Term]]]

    @property
    def above(self) -> Array:
        """What arrives at h from above: what is left of its gradient."""
        arrived = _arriving(self, "h")
        left = self.d["h"] - arrived
        return np.where(np.abs(left) < 1e-14 * np.abs([self.d["h"], arrived]).max(), 0, left)  # what it rounded

    def value(self, name: str, i: int, right: str) -> str:
        """The line of an element: what it is computed from, and what it is."""
        return f"  {name}[{i}] = {right} = {_number(self.values[name][i])}"

    def gradient(self, name: str, i: int, right: str) -> str:
        """The line of the gradient of an element."""
        return f"  d{name}[{i}] = {right} = {_number(self.d[name][i])}"

    def affine(self, row: int, *names: str) -> list[str]:
        """The terms of `W_ih x` and of the biases of these names, in one row."""
        biases = [_number(self.params[name][row]) for name in names if name in self.params]
        return [*_products(self.params["weight_ih"][row], self.x), *biases]

    def times(self, name: str, row: int, vector: Array) -> list[str]:
        """The terms of a product with a weight, in one row."""
        return list(_products(self.params[name][row], vector))

    def projection(self, row: int) -> str:
        """`W_ih x + b_ih + b_hh + W_hh h'`, in one row. SPEC 3.1."""
        terms = self.affine(row, "bias_ih", "bias_hh") + self.times("weight_hh", row, self.before["h"])
        return _sum(terms, "W_ih x + b_ih + b_hh + W_hh h")

    def arriving(self, state: str, i: int, first: str) -> str:
        """The gradient of a state: what it has of this step, and what arrives from the right."""
        in_short = WRITTEN[type(self.case.rnn().cell)].carries[state].in_short
        terms = [_product(*term) for term in self.carry[state][i]]
        return self.gradient(state, i, _sum([first, *terms], f"{first} + {in_short}"))


@dataclass(frozen=True)
class Carry:
    """What a step hands to each unit of a state on its left: the terms of a sum, and the sum in short."""

    terms: Callable[[Step, int], list[Term]]
    in_short: str


@dataclass(frozen=True)
class Written:
    """How a step of a cell is written out: its lines forward and backward, and what it hands on backward, by state."""

    forward: Callable[[Step], Iterator[str]]
    backward: Callable[[Step], Iterator[str]]
    carries: Mapping[str, Carry]


def _rnn_forward(now: Step) -> Iterator[str]:
    """SPEC 3.1, the terms of each sum in its order."""
    for i, a in enumerate(now.values["a"]):
        yield now.value("a", i, now.projection(i))
        yield now.value("h", i, _applied(now.case.nonlinearity, a))


def _rnn_backward(now: Step) -> Iterator[str]:
    """SPEC 5.4."""
    for i, h in enumerate(now.values["h"]):
        yield now.arriving("h", i, _number(now.above[i]))
        yield now.gradient("a", i, f"{_number(now.d['h'][i])} · {_slope(now.case.nonlinearity, h)}")


def _gates(now: Step, i: int, *names: str) -> Iterator[str]:
    """The values of gates, each from its block of a."""
    for name in names:
        a = _number(now.values[f"a[{name}]"][i])
        yield now.value(name, i, f"{'tanh' if name in TANH_GATES else 'σ'}({a})")


def _mixed(now: Step, i: int) -> str:
    """`h = n + z (h' - n)`: how a GRU mixes. SPEC 13.1, 14.1."""
    n, z, h = (_number(v[i]) for v in (now.values["n"], now.values["z"], now.before["h"]))
    return now.value("h", i, f"{n} + {z}·{_difference(h, n)}")


def _mixed_backward(now: Step, i: int) -> Iterator[str]:
    """dh, and what of it arrives at the candidate and at the update gate. SPEC 13.4, 14.4."""
    yield now.arriving("h", i, _number(now.above[i]))
    d_h, n, z, h = (_number(v[i]) for v in (now.d["h"], now.values["n"], now.values["z"], now.before["h"]))
    yield now.gradient("a[n]", i, f"{d_h} · (1 - {z}) · {_tanh_slope(n)}")
    yield now.gradient("a[z]", i, f"{d_h} · {_difference(h, n)} · {_sigmoid_slope(z)}")


def _gru_after_forward(now: Step) -> Iterator[str]:
    """SPEC 13.1."""
    H = now.case.H
    for i in range(H):
        yield now.value("a[r]", i, now.projection(i))
        yield now.value("a[z]", i, now.projection(H + i))
        yield from _gates(now, i, "r", "z")
        bias = [_number(now.params["bias_hh"][2 * H + i])] if "bias_hh" in now.params else []
        yield now.value("q", i, _sum([*now.times("weight_hh", 2 * H + i, now.before["h"]), *bias], "W_hn h + b_hn"))
        r_q = _product(now.values["r"][i], now.values["q"][i])
        yield now.value("a[n]", i, _sum([*now.affine(2 * H + i, "bias_ih"), r_q], f"W_in x + b_in + {r_q}"))
        yield from _gates(now, i, "n")
        yield _mixed(now, i)


def _gru_after_backward(now: Step) -> Iterator[str]:
    """SPEC 13.4."""
    for i in range(now.case.H):
        yield from _mixed_backward(now, i)
        d_a, r, q = (v[i] for v in (now.d["a[n]"], now.values["r"], now.values["q"]))
        yield now.gradient("q", i, f"{_number(d_a)} · {_number(r)}")
        yield now.gradient("a[r]", i, f"{_number(d_a)} · {_factor(q)} · {_sigmoid_slope(_number(r))}")


def _gru_after_carry(then: Step, i: int) -> list[Term]:
    d_u = np.concatenate([then.d["a[r]"], then.d["a[z]"], then.d["q"]])
    return [(then.d["h"][i], then.values["z"][i]), *zip(d_u, then.params["weight_hh"][:, i], strict=True)]


def _gru_before_forward(now: Step) -> Iterator[str]:
    """SPEC 14.1. Every s is there before the first a[n] is."""
    H = now.case.H
    for i in range(H):
        yield now.value("a[r]", i, now.projection(i))
        yield now.value("a[z]", i, now.projection(H + i))
        yield from _gates(now, i, "r", "z")
        yield now.value("s", i, _product(now.values["r"][i], now.before["h"][i]))
    for i in range(H):
        terms = now.affine(2 * H + i, "bias_ih", "bias_hh") + now.times("weight_hh", 2 * H + i, now.values["s"])
        yield now.value("a[n]", i, _sum(terms, "W_in x + b_in + b_hn + W_hn s"))
        yield from _gates(now, i, "n")
        yield _mixed(now, i)


def _gru_before_backward(now: Step) -> Iterator[str]:
    """SPEC 14.4. Every da[n] is there before the first ds is."""
    H = now.case.H
    for i in range(H):
        yield from _mixed_backward(now, i)
    for i in range(H):
        terms = list(_products(now.d["a[n]"], now.params["weight_hh"][2 * H :, i]))
        yield now.gradient("s", i, _sum(terms, "da[n] W_hn"))
        d_s, h, r = (v[i] for v in (now.d["s"], now.before["h"], now.values["r"]))
        yield now.gradient("a[r]", i, f"{_number(d_s)} · {_factor(h)} · {_sigmoid_slope(_number(r))}")


def _gru_before_carry(then: Step, i: int) -> list[Term]:
    H = then.case.H
    of_r_z = zip(then.d["a"][: 2 * H], then.params["weight_hh"][: 2 * H, i], strict=True)
    return [(then.d["h"][i], then.values["z"][i]), (then.d["s"][i], then.values["r"][i]), *of_r_z]


def _lstm_forward(now: Step) -> Iterator[str]:
    """SPEC 15.1, 15.6."""
    H, gates = now.case.H, CELLS[now.case.cell].gates
    for unit in range(H):
        for block, gate in enumerate(gates):
            yield now.value(f"a[{gate}]", unit, now.projection(block * H + unit))
        yield from _gates(now, unit, *gates)
        i, f, g, o = (now.values[gate][unit] for gate in gates)
        yield now.value("c", unit, f"{_product(f, now.before['c'][unit])} + {_product(i, g)}")
        yield now.value(_shown(now), unit, f"{_number(o)}·tanh({_number(now.values['c'][unit])})")
    if now.case.proj_size:
        for p in range(now.case.proj_size):
            yield now.value("h", p, _sum(now.times("weight_hr", p, now.values["m"]), "W_hr m"))


def _lstm_backward(now: Step) -> Iterator[str]:
    """SPEC 15.4, 15.6."""
    for p, above in enumerate(now.above):
        yield now.arriving("h", p, _number(above))
    for unit in range(now.case.H):
        if now.case.proj_size:
            terms = list(_products(now.d["h"], now.params["weight_hr"][:, unit]))
            yield now.gradient("m", unit, _sum(terms, "dh W_hr"))
        i, f, o = (_number(now.values[gate][unit]) for gate in "ifo")
        d_m, c = (_number(v[unit]) for v in (now.d[_shown(now)], now.values["c"]))
        g, before = now.values["g"][unit], now.before["c"][unit]
        yield now.gradient("a[o]", unit, f"{d_m} · tanh({c}) · {_sigmoid_slope(o)}")
        yield now.arriving("c", unit, f"{d_m}·{o}·(1 - tanh({c})²)")
        d_c = _number(now.d["c"][unit])
        yield now.gradient("a[i]", unit, f"{d_c} · {_factor(g)} · {_sigmoid_slope(i)}")
        yield now.gradient("a[f]", unit, f"{d_c} · {_factor(before)} · {_sigmoid_slope(f)}")
        yield now.gradient("a[g]", unit, f"{d_c} · {i} · {_tanh_slope(_number(g))}")


def _shown(now: Step) -> str:
    """What an LSTM computes from c: m, of which h is a projection, or h itself."""
    return "m" if now.case.proj_size else "h"


def _through_w_hh(then: Step, i: int) -> list[Term]:
    return list(zip(then.d["a"], then.params["weight_hh"][:, i], strict=True))


def _through_f(then: Step, i: int) -> list[Term]:
    return [(then.d["c"][i], then.values["f"][i])]


TANH_GATES = ("n", "g")  # of the others it is σ

WRITTEN: dict[type, Written] = {
    Rnn: Written(_rnn_forward, _rnn_backward, {"h": Carry(_through_w_hh, "da(t+1) W_hh")}),
    GruAfter: Written(
        _gru_after_forward,
        _gru_after_backward,
        {"h": Carry(_gru_after_carry, "dh(t+1) z(t+1) + [da_r da_z dq](t+1) W_hh")},
    ),
    GruBefore: Written(
        _gru_before_forward,
        _gru_before_backward,
        {"h": Carry(_gru_before_carry, "dh(t+1) z(t+1) + ds(t+1) r(t+1) + da_r(t+1) W_hr + da_z(t+1) W_hz")},
    ),
    Lstm: Written(
        _lstm_forward,
        _lstm_backward,
        {"h": Carry(_through_w_hh, "da(t+1) W_hh"), "c": Carry(_through_f, "dc(t+1) f(t+1)")},
    ),
}


@dataclass(frozen=True)
class Column:
    """One layer, one direction, one sequence: its name, and its steps in reading order."""

    name: str
    written: Written
    steps: Sequence[Step]

    def forward(self) -> Iterator[str]:
        """From the first step read to the last."""
        yield f"\nforward, {self.name}"
        before = "before it"
        for s, now in enumerate(self.steps):
            read = "".join(f"   {state}({before}) = {_row(value)}" for state, value in now.before.items())
            yield f" step {s} (t = {now.t})   x = {_row(now.x)}{read}"
            yield from self.written.forward(now)
            before = str(now.t)

    def backward(self) -> Iterator[str]:
        """From the last step read to the first."""
        yield f"\nbackward, {self.name}"
        last = len(self.steps) - 1
        for s, now in reversed(list(enumerate(self.steps))):
            given = "".join(f"   d_{state}_n = {_row(_arriving(now, state))}" for state in now.carry if s == last)
            yield f" step {s} (t = {now.t})   from above {_row(now.above)}{given}"
            yield from self.written.backward(now)


def _arriving(now: Step, state: str) -> Array:
    """What arrives at a state from the right."""
    return np.array([sum(map(prod, terms)) for terms in now.carry[state]])


def columns(case: Case, values: Arrays, passed: subject.Passes, b: int) -> list[Column]:
    """Every layer and direction of one sequence, in the order of computation."""
    names = tuple(case.rnn().cell.shapes(case.I, case.bias))
    params = grouped(values.params, names, case.num_layers, case.num_directions, case.prefix)
    return [
        Column(
            f"layer {l}" + (f" {('forward', 'reverse')[d]} direction" if case.bidirectional else ""),
            WRITTEN[type(case.rnn().cell)],
            _steps(case, values, passed, b, params[l][d], l, d),
        )
        for l in range(case.num_layers)
        for d in range(case.num_directions)
    ]


def _steps(
    case: Case, values: Arrays, passed: subject.Passes, b: int, params: Parameters, layer: int, direction: int
) -> list[Step]:
    """Each step with what arrives at it from the one after it, so the last is made first."""
    cell, carries = case.rnn().cell, WRITTEN[type(case.rnn().cell)].carries
    trace, grads = (p.layers[layer].directions[direction] for p in (passed.trace, passed.grads))
    length = case.lengths[b] if case.lengths else case.T
    found: list[Step] = []
    for s in reversed(range(length)):
        carry: dict[str, list[list[Term]]]
        if not found:
            at = layer * case.num_directions + direction
            carry = {state: [[(float(d),)] for d in _last(case, values, state, at, b)] for state in cell.states}
        elif case.truncate is not None and (s + 1) % case.truncate == 0:
            carry = {state: [[(0.0,)]] * cell.sizes[state] for state in cell.states}
        else:
            carry = {
                state: [carries[state].terms(found[-1], i) for i in range(cell.sizes[state])] for state in cell.states
            }
        step = Step(
            case,
            length - 1 - s if direction else s,
            params,
            trace.x[s, b],
            _by_gate(case, {name: trace.series(name)[s, b] for name in cell.sizes}, with_values=True),
            {state: trace.from_start(state)[s, b] for state in cell.states},
            _by_gate(case, {name: grads.series(name)[s, b] for name in cell.sizes}),
            carry,
        )
        found.append(step)
    return found[::-1]


def _last(case: Case, values: Arrays, state: str, at: int, b: int) -> Array:
    """The gradient that is given for the last state of a layer and direction: zeros where none is."""
    if values.d_last is None:
        return np.zeros(case.rnn().cell.sizes[state])
    d = values.d_last[state][at]
    return d[b] if case.batched else d


def _by_gate(case: Case, found: dict[str, Array], with_values: bool = False) -> dict[str, Array]:
    """With the blocks of a, each by its gate; and the values of the gates."""
    gates = CELLS[case.cell].gates
    for gate, a in zip(gates, np.split(found["a"], len(gates)) if gates else (), strict=True):
        found[f"a[{gate}]"] = a
        if with_values:
            found[gate] = np.tanh(a) if gate in TANH_GATES else SIGMOID.value(a)
    return found


def lines(case: Case, sequences: Sequence[int], width: int) -> Iterator[str]:
    """The whole calculation, forward and backward, line by line, each broken where it is wider than this."""
    return (wrapped(line, width) for line in whole_lines(case, sequences, width))


def whole_lines(case: Case, sequences: Sequence[int], width: int = WIDTH) -> Iterator[str]:
    """The same; of a step and of an element a line each, however long. The rows of arrays are broken."""
    values = arrays(case)
    passed = subject.passes(case, values)
    found = subject.run(case, values)
    yield f"{case.id}: {case.comment}"
    options = "".join(f", {name} {getattr(case, name)}" for name in CELLS[case.cell].options)
    yield f"{case.rnn().cell.name}{options}: T = {case.T}, B = {case.B}, I = {case.I}, H = {case.H}"
    for name, parameter in values.params.items():
        yield _rows(name, parameter, width)
    for b in sequences:
        yield f"\nSequence {b}"
        chain = columns(case, values, passed, b)
        for column in chain:
            yield from column.forward()
        if case.O is not None:
            yield from _output_layer(case, found, b, len(chain[0].steps))
        for l in reversed(range(case.num_layers)):
            for column in chain[l * case.num_directions : (l + 1) * case.num_directions]:
                yield from column.backward()
    if case.O is not None:
        yield f"\nDIV of the whole series, all sequences = {_number(found['div'])}"
    yield "\nGradients, pooled over steps and sequences"
    for name in tensors.leaves(case):
        yield _rows(name, found[name], width)


def _output_layer(case: Case, found: dict[str, Array], b: int, length: int) -> Iterator[str]:
    """SPEC 3.5 and 5.8, the vectors of each step."""
    yield f"\noutput layer: z = W2 h + b2, y = {case.activation}(z); {case.divergence}"
    for t in range(length):
        at = {name: _at(case, found[name], t, b) for name in ("output", "z", "y", "d_y", "d_z", "d_output")}
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


def _rows(name: str, values: Array, width: int) -> str:
    """An array of any shape; one that takes several lines begins on a line of its own."""
    text = np.array2string(values, precision=6, separator=" ", prefix="    ", threshold=10**6, max_line_width=width)
    in_a_line = f"{name} = {text}"
    return in_a_line if "\n" not in text and len(in_a_line) <= width else f"{name} =\n    {text}"


def _factor(value: Array | float) -> str:
    """A number after a multiplication sign."""
    return f"({_number(value)})" if value < 0 else _number(value)


def _product(first: Array | float, *others: Array | float) -> str:
    return "·".join([_number(first), *map(_factor, others)])


def _products(a: Array, b: Array) -> Iterator[str]:
    return (_product(p, q) for p, q in zip(a, b, strict=True))


def _sum(terms: list[str], in_short: str) -> str:
    """The sum written out, if it is short enough to be read."""
    return (" + ".join(terms) if len(terms) <= TERMS else in_short).replace("+ -", "- ")


def _applied(nonlinearity: str, a: float) -> str:
    return {"tanh": f"tanh({_number(a)})", "relu": f"max({_number(a)}, 0)", "identity": _number(a)}[nonlinearity]


def _slope(nonlinearity: str, h: float) -> str:
    return {"tanh": _tanh_slope(_number(h)), "relu": "0" if h <= 0 else "1", "identity": "1"}[nonlinearity]


def _tanh_slope(y: str) -> str:
    return f"(1 - ({y})²)" if y.startswith("-") else f"(1 - {y}²)"


def _sigmoid_slope(y: str) -> str:
    return f"{y}·(1 - {y})"


def _difference(a: str, b: str) -> str:
    return f"({a} - {b})".replace("- -", "+ ")
