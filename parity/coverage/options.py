"""The options of a case: their values, which of them do not go together and why, and the pairs of those that do.

One table serves both sides: what a set of cases must have, and what a case that is made at the moment may have.
"""

import itertools
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from parity.cases import TARGETS, Case
from parity.cells import CELLS, called
from reference.activations import ACTIVATIONS
from reference.divergences import DIVERGENCES, LOGITS

Chosen = tuple[str, str | None]  # an option and its value; None: the case does not have this option
Choice = dict[str, str | None]
Values = Mapping[str, Sequence[str]]  # option to some of its values
Pair = frozenset[tuple[str, str]]  # two options with a value each


@dataclass(frozen=True)
class Option:
    """values: all that it can have. of: the value of a case. within: another option and its values, if only there."""

    values: tuple[str, ...]
    of: Callable[[Case], str]
    within: tuple[str, frozenset[str]] | None = None


@dataclass(frozen=True)
class Rule:
    """These values of one option do not go with those of another, and why."""

    option: str
    values: frozenset[str]
    other: str
    others: frozenset[str]
    why: str


_STACK, _HEAD = ("output", "h_n", "output and h_n"), ("DIV", "DIV and h_n")
_POOLED, _CTC = "mean_pooled_cross_entropy", "ctc"
_ACCEPTED = {name: d.activations for name, d in DIVERGENCES.items()} | dict.fromkeys((_POOLED, _CTC), LOGITS)
_TAKEN = {name: {"vectors", *(["classes"] * d.takes_indices)} for name, d in DIVERGENCES.items()}
_TAKEN |= {_POOLED: {"sequence"}, _CTC: {"labels"}}

RULES: tuple[Rule, ...] = (
    Rule("lengths", frozenset({"given"}), "layout", frozenset({"unbatched"}), "one series has no lengths (1.2)"),
    Rule("dropout", frozenset({"evaluation", "masks"}), "layers", frozenset({"1"}), "it acts between layers (4.6)"),
    Rule("truncation", frozenset({"k < T", "k >= T"}), "directions", frozenset({"2"}), "one direction only (7.1)"),
    Rule("weights", frozenset({"given", "some 0"}), "divergence", frozenset({_CTC}), "all its steps count 1 (8.8)"),
    *(
        Rule("activation", frozenset(ACTIVATIONS) - accepted, "divergence", frozenset({name}), "not accepted (8.5)")
        for name, accepted in _ACCEPTED.items()
        if accepted != frozenset(ACTIVATIONS)
    ),
    *(
        Rule("target", frozenset(TARGETS) - taken, "divergence", frozenset({name}), "not its target (8.3, 8.7, 8.8)")
        for name, taken in _TAKEN.items()
    ),
)
"""What does not go together, beside what an option is `within`. SPEC 1.2, 4.6, 7.1, 8.5."""


def _upstream(case: Case) -> str:
    last = "h_n" in case.upstream
    if case.O is not None:
        return "DIV and h_n" if last else "DIV"
    return "h_n" if case.upstream == "h_n" else "output and h_n" if last else "output"


def _weights(case: Case) -> str:
    return "none" if case.weights is None else "given" if case.weights == "random" else "some 0"


def _truncation(case: Case) -> str:
    return "none" if not case.truncate else "k < T" if case.truncate < case.T else "k >= T"


def _blank(case: Case) -> str:
    return "first" if case.blank == 0 else "last" if case.blank == (case.O or 0) - 1 else "middle"


def _dropout(case: Case) -> str:
    return "masks" if case.masks else "evaluation" if case.dropout else "none"


def _own(cell: str, name: str) -> Callable[[Case], str]:
    return lambda case: called(cell, case)[name]


def options() -> dict[str, Option]:
    """Every option by name, those of a cell alone among them."""
    head, ctc = ("upstream", frozenset(_HEAD)), ("divergence", frozenset({_CTC}))
    own = {
        name: Option(option.values, _own(cell, name), ("cell", frozenset({cell})))
        for cell, kind in CELLS.items()
        for name, option in kind.options.items()
    }
    return {
        "cell": Option(tuple(CELLS), lambda case: case.cell),
        **own,
        "bias": Option(("two", "none"), lambda case: "two" if case.bias else "none"),
        "layout": Option(("time_major", "batch_first", "unbatched"), lambda case: case.layout),
        "directions": Option(("1", "2"), lambda case: str(case.num_directions)),
        "layers": Option(("1", "2", "3 or 4"), lambda case: {1: "1", 2: "2"}.get(case.num_layers, "3 or 4")),
        "dropout": Option(("none", "evaluation", "masks"), _dropout),
        "h0": Option(("given", "zeros"), lambda case: "given" if case.h0 else "zeros"),
        "lengths": Option(("all T", "given"), lambda case: "given" if case.lengths else "all T"),
        "truncation": Option(("none", "k < T", "k >= T"), _truncation),
        "upstream": Option((*_STACK, *_HEAD), _upstream),
        "divergence": Option(tuple(_ACCEPTED), lambda case: case.divergence, head),
        "activation": Option(tuple(ACTIVATIONS), lambda case: case.activation, head),
        "target": Option(TARGETS, lambda case: case.kind_of_target, head),
        "weights": Option(("none", "given", "some 0"), _weights, head),
        "reduction": Option(("sum", "mean"), lambda case: case.reduction, head),
        "blank": Option(("first", "middle", "last"), _blank, ctc),
        "zero_infinity": Option(("no", "yes"), lambda case: "yes" if case.zero_infinity else "no", ctc),
    }


class Options:
    """The table of options, with what follows from it: which values agree, and which pairs there are.

    pairs: every pair of values that can be had at once, and a whole choice that has it. only: the values that are left
    to choose from, where those are not all.
    """

    def __init__(self, only: Values | None = None) -> None:
        self.table = options()
        self.values = {name: tuple((only or {}).get(name, o.values)) for name, o in self.table.items()}
        self._clashes = self._clashing()
        self.pairs: dict[Pair, Choice] = {}
        for one, other in itertools.combinations(self.table, 2):
            for value, another in itertools.product(self.values[one], self.values[other]):
                if found := self.completed({one: value, other: another}):
                    self.pairs[frozenset({(one, value), (other, another)})] = found

    def _clashing(self) -> dict[Chosen, set[Chosen]]:
        """What each value cannot be had with: by a rule, or because one of the two options is not there then."""
        found: dict[Chosen, set[Chosen]] = defaultdict(set)

        def clash(one: Chosen, other: Chosen) -> None:
            found[one].add(other)
            found[other].add(one)

        for rule in RULES:
            for value, other in itertools.product(rule.values, rule.others):
                clash((rule.option, value), (rule.other, other))
        for name, option in self.table.items():
            if option.within:
                outer, where = option.within
                for there in (*self.table[outer].values, None):
                    for mine in (None,) if there in where else option.values:
                        clash((name, mine), (outer, there))
        return found

    def of(self, case: Case) -> Choice:
        """What a case has chosen."""
        choice: Choice = {}
        for name, option in self.table.items():
            there = option.within is None or self._there(case, *option.within)
            choice[name] = option.of(case) if there else None
        return choice

    def _there(self, case: Case, other: str, where: frozenset[str]) -> bool:
        outer = self.table[other]
        return outer.of(case) in where and (outer.within is None or self._there(case, *outer.within))

    def pairs_of(self, choice: Choice) -> set[Pair]:
        """The pairs of values that a choice has."""
        given = [(name, value) for name, value in choice.items() if value is not None]
        return {frozenset(pair) for pair in itertools.combinations(given, 2)}

    def candidates(self, name: str) -> tuple[str | None, ...]:
        """All that an option can be: None, too, where it is not always there."""
        return (*self.values[name], None) if self.table[name].within else self.values[name]

    def completed(self, choice: Choice) -> Choice | None:
        """A whole choice that goes on from a part of one; None where there is none."""
        if not all(self._clashes[chosen].isdisjoint(choice.items()) for chosen in choice.items()):
            return None
        return self._completed(choice, [name for name in self.table if name not in choice])

    def _completed(self, choice: Choice, left: Sequence[str]) -> Choice | None:
        if not left:
            return choice
        for value in self.candidates(left[0]):
            if self._clashes[left[0], value].isdisjoint(choice.items()):
                found = self._completed(choice | {left[0]: value}, left[1:])
                if found is not None:
                    return found
        return None


def missing(cases: Sequence[Case], only: Values | None = None, frozen: bool = False) -> tuple[list[Pair], int]:
    """The legal pairs of option values, of these alone, that no case has, and how many legal pairs there are.

    frozen: a value that no case has at all is younger than these cases, and counts with the next set. SPEC 40.3.
    """
    table = Options(only)
    seen: set[Pair] = set().union(*(table.pairs_of(table.of(case)) for case in cases))
    had = frozenset().union(*seen)
    legal = {pair for pair in table.pairs if pair <= had} if frozen else set(table.pairs)
    return sorted(legal - seen, key=sorted), len(legal)
