"""The points that a set of cases must cover, and which of them a set does."""

import itertools
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from parity.cases import Case
from parity.cells import CELLS, VARIANTS, called
from parity.coverage.options import missing
from parity.coverage.seen import Seen
from parity.vectors.description import clauses
from reference.activations import ACTIVATIONS

LANES = (8, 16, 32)
FLOAT32, FLOAT64 = -88, -746  # the logarithm of the least number of either, denormal ones included in float64
ENDS = (-710, -88, -20, -1, 1, 20, 88, 710)  # of exp: small, beyond the digits, beyond float32, beyond float64
HALF = (0.4, 0.6)

# Of SPEC.md, the sections that a port must follow with their last clauses; and those that ask for nothing themselves.
SECTIONS = {2: 9, 3: 5, 4: 6, 5: 8, 6: 5, 7: 1, 8: 10, 12: 5, 13: 5, 14: 5, 15: 6}
ASK_NOTHING = {
    "3.2": "how 3.1 may be computed",
    "3.3": "how 3.1 may be computed",
    "5.1": "what the gradients of section 5 are",
    "5.3": "how 5.2 may be computed",
    "6.3": "what may be left out",
    "12.1": "which cells there are",
    "12.4": "how 13.3, 14.3 and 15.3 may be computed",
    "13.2": "how 13.1 may be computed",
    "14.2": "how 14.1 may be computed",
    "15.2": "how 15.1 may be computed",
}
CLAUSES = [f"{s}.{n}" for s, last in SECTIONS.items() for n in range(1, last + 1) if f"{s}.{n}" not in ASK_NOTHING]


def clauses_of(variant: str) -> list[str]:
    """Those that a port of one cell must follow: of those that say what a cell is, its own."""
    own = {name: set(CELLS[cell].clauses(options)) for name, (cell, options) in VARIANTS.items()}
    others = set().union(*own.values()) - own[variant]
    return [clause for clause in CLAUSES if clause not in others]


@dataclass(frozen=True)
class Line:
    """One thing to be covered: how much of it is, and what is not."""

    point: str
    what: str
    found: str
    missing: Sequence[str] = field(default_factory=tuple)

    @property
    def holds(self) -> bool:
        return not self.missing


Test = Callable[[Seen], object]


def largest_array(case: Case) -> int:
    """The elements of the largest of x, a and W_hh."""
    return max(case.T * case.B * case.I, case.T * case.B * case.H, case.H * case.H)


def _sizes(variant: str) -> dict[str, Test]:
    """A cell that is projected has P units to show, and two inside at least."""
    units = "proj_size" if variant == "lstm-proj" else "H"

    def past(name: str, lanes: int) -> Test:
        return lambda s: (n := getattr(s.case, name) or 0) > lanes and n % lanes

    def one(name: str) -> Test:
        return lambda s: getattr(s.case, name) == 1

    found = {
        f"{name} past {lanes} lanes": past(name, lanes) for name in dict.fromkeys((*"HIOB", units)) for lanes in LANES
    }
    found |= {f"{name} = 1": one(name) for name in ("T", "B", "I", units, "O", "num_layers")}
    return found | {
        "T past 256": lambda s: s.case.T > 256,
        "an array past 2^15 elements": lambda s: largest_array(s.case) > 2**15,
        "four layers": lambda s: s.case.num_layers == 4,
        "a length of 1 below T": lambda s: s.case.T > 1 and s.case.lengths and 1 in s.case.lengths,
        "a length of T": lambda s: s.case.lengths and s.case.T in s.case.lengths,
        "two equal lengths": lambda s: len(set(s.case.lengths or ())) < len(s.case.lengths or ()),
        "no length of T": lambda s: s.case.lengths and s.case.T not in s.case.lengths,
    }


def _ranges(cell: str) -> dict[str, Test]:
    """Every activation in every part of its range; the vector ones in rows far from 0."""

    def within(argument: Callable[[Seen], Iterable[float]], low: float, high: float) -> Test:
        return lambda s: any(low <= value < high for value in argument(s))

    def of_head(name: str) -> Callable[[Seen], Iterable[float]]:
        return lambda s: s.rows("z").ravel() if s.case.O and s.case.activation == name else ()

    def of_stack(name: str) -> Callable[[Seen], Iterable[float]]:
        return lambda s: s.arguments(0, 1) if s.case.nonlinearity == name else ()

    def of_gate(gate: int, gates: int) -> Callable[[Seen], Iterable[float]]:
        return lambda s: s.arguments(gate, gates)

    def far(name: str, sign: int) -> Test:
        return lambda s: (
            s.case.O
            and name in (s.case.activation, s.case.divergence)
            and (sign * s.rows("z") > ENDS[-1]).all(axis=-1).any()
        )

    found: dict[str, Test] = {}
    vector = ("softmax", "log_softmax")
    for name in ACTIVATIONS.keys() - set(vector):
        for low, high in itertools.pairwise((-np.inf, *ENDS, np.inf)):
            found[f"{name} from {low:g} to {high:g}"] = within(of_head(name), low, high)
    gates = CELLS[cell].gates
    for k, gate in enumerate(gates):
        for low, high in itertools.pairwise((-np.inf, *ENDS, np.inf)):
            found[f"gate {gate} from {low:g} to {high:g}"] = within(of_gate(k, len(gates)), low, high)
    for name in () if gates else ("tanh", "relu", "identity"):
        ends = ENDS if name == "tanh" else (-88, 88) if name == "relu" else (0,)
        for low, high in itertools.pairwise((-np.inf, *ends, np.inf)):
            found[f"the stack's {name} from {low:g} to {high:g}"] = within(of_stack(name), low, high)
    for name in (*vector, "softmax_cross_entropy"):
        found[f"{name} of a row far below 0"] = far(name, -1)
        found[f"{name} of a row far above 0"] = far(name, 1)
    return dict(sorted(found.items()))


def _targets() -> dict[str, Test]:
    def of(divergence: str, test: Callable[[Seen], object]) -> Test:
        return lambda s: s.case.O and s.case.divergence == divergence and test(s)

    found: dict[str, Test] = {}
    for name in ("cross_entropy", "kl", "binary_cross_entropy", "negative_log_likelihood", "softmax_cross_entropy"):
        found |= {
            f"{name}: a target of 0": of(name, lambda s: (s.desired == 0).any()),
            f"{name}: a target of no sum in particular": of(name, lambda s: (abs(s.desired.sum(-1) - 1) > 0.1).any()),
        }
    for name in ("cross_entropy", "kl", "binary_cross_entropy"):
        found[f"{name}: a target of 1"] = of(name, lambda s: (s.desired == 1).any())
        found[f"{name}: a y below 1e-20 is asked for"] = of(
            name, lambda s: s.desired.size and ((s.rows("y") < 1e-20) & (s.desired > 0.1)).any()
        )
    return found


def _weights() -> dict[str, Test]:
    def given(s: Seen) -> bool:
        return s.case.weights is not None

    return {
        "a negative weight": lambda s: given(s) and (s.weights < 0).any(),
        "weights of sum below 1": lambda s: given(s) and s.case.reduction == "mean" and 0 < s.weights.sum() < 1,
        "weight 0 where the target is NaN": lambda s: np.isnan(s.unasked.astype(float)).any(),
        "weight 0 where the target is -100": lambda s: (s.unasked == -100).any(),
        "d_y where a slope is 0": lambda s: (
            s.case.O
            and s.case.activation not in ("softmax", "log_softmax")
            and ((s.rows("d_z") == 0) & (s.rows("d_y") != 0)).any()
        ),
        "NaN at a real step": lambda s: np.isnan(s.case.time_major(s.values.x)[s.real]).any(),
        "an infinity at a real step": lambda s: np.isinf(s.case.time_major(s.values.x)[s.real]).any(),
    }


def _options_in_numbers() -> dict[str, Test]:
    def masked(test: Callable[[float], bool]) -> Test:
        return lambda s: s.case.masks and test(s.case.dropout)

    return {
        "masks, p not exact in binary": masked(lambda p: p * 2**20 % 1 != 0),
        "masks, p above 1/2": masked(lambda p: 0.5 < p < 1),
        "masks, p = 0": masked(lambda p: p == 0),
        "masks, p = 1": masked(lambda p: p == 1),
        "no masks, p > 0": lambda s: s.case.dropout > 0 and not s.case.masks,
        "truncate 1": lambda s: s.case.truncate == 1 < s.case.T,
        "truncate above T": lambda s: (s.case.truncate or 0) > s.case.T,
    }


def _ctc() -> dict[str, Test]:
    def of(test: Callable[[Seen], object]) -> Test:
        return lambda s: s.case.divergence == "ctc" and s.case.O and test(s)

    def lacking(s: Seen) -> bool:
        return any(steps > n for steps, n in zip(s.needed, s.lengths, strict=True))

    def log_p(s: Seen) -> float:
        """Of all paths together; of one sequence it is less negative, so per sequence it is at most this."""
        share = sum(max(len(row), 1) for row in s.case.labels or ()) if s.case.reduction == "mean" else 1
        return -float(s.tensors["div"]) * share / s.case.B

    return {
        "ctc: a label repeated": of(
            lambda s: any(n > len(r) for n, r in zip(s.needed, s.case.labels or (), strict=True))
        ),
        "ctc: one path": of(lambda s: any(k == n > 1 for k, n in zip(s.needed, s.lengths, strict=True))),
        "ctc: no label": of(lambda s: () in (s.case.labels or ())),
        "ctc: one step": of(lambda s: 1 in s.lengths),
        "ctc: too few steps": of(lambda s: lacking(s) and not s.case.zero_infinity),
        "ctc: too few steps, zero_infinity": of(lambda s: lacking(s) and s.case.zero_infinity),
        "ctc: log p below what float32 holds": of(lambda s: FLOAT64 < log_p(s) < FLOAT32),
        "ctc: log p below what float64 holds": of(lambda s: -np.inf < log_p(s) < FLOAT64),
    }


def points(variant: str, cases: Sequence[Case], frozen: bool = False) -> list[Line]:
    """Everything that a set of cases must cover with one cell.

    frozen: what must not be read holds NaN in one half of the cases and garbage in the other; what is younger than the
    set is not asked of it.
    """
    cell, options = VARIANTS[variant]
    cases = [case for case in cases if case.cell == cell and options.items() <= called(cell, case).items()]
    seen = [Seen(case) for case in cases]
    absent, legal = missing(cases, {"cell": [cell]} | {name: [value] for name, value in options.items()}, frozen)
    lines = [Line("options", "legal pairs", f"{legal - len(absent)} of {legal}", [_in_words(pair) for pair in absent])]
    groups = {
        "sizes": {"sizes and lengths": _sizes(variant)},
        "values": {
            "ranges of activations": _ranges(cell),
            "targets": _targets(),
            "weights, slopes, NaN": _weights(),
            "dropout and truncation": _options_in_numbers(),
            "corners of CTC": _ctc(),
        },
    }
    for point, tests_by_name in groups.items():
        for what, tests in tests_by_name.items():
            lacking = [name for name, test in tests.items() if not any(test(s) for s in seen)]
            lines.append(Line(point, what, f"{len(tests) - len(lacking)} of {len(tests)}", lacking))
    lines.append(_unread(seen, frozen))
    lines.append(_clauses(variant, cases))
    return lines


def _in_words(pair: Iterable[tuple[str, str]]) -> str:
    return " with ".join(f"{name} {value}" for name, value in sorted(pair))


def _unread(seen: Sequence[Seen], frozen: bool) -> Line:
    there = [s.unread for s in seen]
    nan = sum(bool(np.isnan(u).any() or (u == -100).any()) for u in there if u.size)
    total = sum(u.size > 0 for u in there)
    share = nan / max(total, 1)
    wanted = HALF[0] <= share <= HALF[1] if frozen else 0 < nan < total
    problem = [] if wanted else [f"NaN in {share:.0%} of the cases, garbage in the others"]
    return Line("not read", "NaN, and garbage", f"{nan} and {total - nan}", problem)


def _clauses(variant: str, cases: Sequence[Case]) -> Line:
    said = {clause for case in cases for clause in clauses(case)}
    wanted = clauses_of(variant)
    lacking = [clause for clause in wanted if clause not in said]
    return Line("clauses", "that a port follows", f"{len(wanted) - len(lacking)} of {len(wanted)}", lacking)


def of_mistakes(kills: Mapping[str, Sequence[str]], planted: Collection[str]) -> list[Line]:
    """What is killed, and what kills: for each case those of the planted mistakes that it catches."""
    killed = set().union(*kills.values()) if kills else set()
    survivors = [name for name in planted if name not in killed]
    idle = [case_id for case_id, names in kills.items() if not names]
    total, cases = len(planted), len(kills)
    return [
        Line("mistakes", "killed", f"{total - len(survivors)} of {total}", survivors),
        Line("mistakes", "cases that kill one", f"{cases - len(idle)} of {cases}", idle),
    ]
