"""How well `likeness` names mistakes: every planted mistake as a port of its own, in both dtypes. SPEC 10.7, 30.6.

Each is a port twice: with the reference's own backward pass and all intermediates, and as an adapter would be that
differentiates by machine: the forward tensors without intermediates, and the derivative of the mistaken forward pass.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from math import prod

import numpy as np

from parity import tensors
from parity.cases import Arrays, Case
from parity.compare import compare
from parity.mistakes import Mistake
from parity.mistakes.likeness import derivative, likeness, mistaken
from parity.mistakes.measure import processes
from parity.oracles import complex_step
from parity.ports.verdict import Outcome
from parity.vectors import Vector
from reference.arrays import Array

PLACES = ("first", "among three", "not named")
BY_HAND, BY_MACHINE = "by hand", "by machine"  # how a port differentiates
DIFFERENTIATED = 6  # the wrong answers, smallest cases first, for which a port by machine computes gradients
ALONE = 16  # mistakes for which one process is enough
STORED = 2_000  # numbers that a mistake may give in a case to be kept
LARGEST = 400  # numbers in a case by which it differentiates


@dataclass(frozen=True)
class Named:
    """Which mistakes a port was said to look like, best first; wrong: how many of its answers were wrong."""

    mistake: Mistake
    dtype: str
    differentiates: str
    wrong: int
    names: tuple[str, ...]

    @property
    def place(self) -> str:
        """Where in the names the right one stands."""
        if self.mistake.name not in self.names:
            return PLACES[2]
        return PLACES[min(self.names.index(self.mistake.name), 1)]


class Store:
    """What every mistake gives on the small cases, computed once: those are held against every mistake, and again."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str, str], dict[str, Array] | None] = {}

    def __call__(self, mistake: Mistake, case: Case, values: Arrays) -> dict[str, Array] | None:
        key = (mistake.name, case.id, values.x.dtype.name)
        if key in self._kept:
            return self._kept[key]
        found = mistaken(mistake, case, values)
        if found is None or sum(tensor.size for tensor in found.values()) <= STORED:
            self._kept[key] = found
        return found


def measure(
    mistakes: Sequence[Mistake], vectors: Sequence[Vector], advance: Callable[[int], None] = lambda done: None
) -> list[Named]:
    """Every mistake as a port in both dtypes, both ways; one that differentiates by machine only if it is wrong.

    The port has one cell: the first with which it is wrong. Of many mistakes each core takes its share.
    """
    shares = max(1, min(os.cpu_count() or 1, len(mistakes) // ALONE))
    parts = [mistakes[share::shares] for share in range(shares)]
    found: list[Named] = []
    with processes() if shares > 1 else nullcontext() as executor:
        spread: Callable[..., Iterator[list[Named]]] = executor.map if executor else map
        for part, named in zip(parts, spread(partial(_named, vectors), parts), strict=True):
            found += named
            advance(len(part))
    order = {mistake.name: place for place, mistake in enumerate(mistakes)}
    return sorted(found, key=lambda named: order[named.mistake.name])


def _named(vectors: Sequence[Vector], mistakes: Sequence[Mistake]) -> list[Named]:
    make = Store()
    cells = dict.fromkeys(vector.case.cell for vector in vectors)
    of_cell = {cell: [vector for vector in vectors if vector.case.cell == cell] for cell in cells}
    found = []
    for mistake in mistakes:
        for dtype in mistake.dtypes:
            by_hand: list[Outcome] = []
            for cell in filter(mistake.concerns, cells):
                own = of_cell[cell]
                by_hand = [_outcome(v, dtype, make(mistake, v.case, v.values.astype(dtype))) for v in own]
                if any(outcome.verdict == "fail" for outcome in by_hand):
                    break
            by_machine = _by_machine(mistake, by_hand)
            for way, outcomes in ((BY_HAND, by_hand), (BY_MACHINE, by_machine)):
                if wrong := sum(o.verdict == "fail" for o in outcomes):
                    names = tuple(like.mistake.name for like in likeness(outcomes, make))
                    found.append(Named(mistake, dtype, way, wrong, names))
    return found


def _outcome(vector: Vector, dtype: str, got: dict[str, Array] | None) -> Outcome:
    """What the runner says of these tensors; None: that the port answered `error`."""
    if got is None:
        return Outcome(vector, dtype, "fail", "error: the mistake raises")
    asked = {name: vector.expect[name] for name in got}
    result = compare(vector.case, "the truth", dtype, got, asked, "port", vector.allowed[dtype])
    return Outcome(vector, dtype, "pass" if result.passed else "fail", result=result, got=got)


def _by_machine(mistake: Mistake, by_hand: Sequence[Outcome]) -> list[Outcome]:
    """The same port as an adapter: its gradients are wrong where its forward pass is."""
    found = []
    left = DIFFERENTIATED
    for outcome in sorted((o for o in by_hand if o.got), key=lambda o: _numbers(o.vector.case)):
        vector, dtype = outcome.vector, outcome.dtype
        forward = _outcome(vector, dtype, {name: t for name, t in outcome.got.items() if _shown(vector.case, name)})
        if forward.verdict == "pass":
            leaves = {name: vector.expect[name].astype(dtype) for name in tensors.leaves(vector.case)}
            found.append(_outcome(vector, dtype, dict(forward.got) | leaves))
        elif left and _numbers(vector.case) <= LARGEST and complex_step.supports(vector.case):
            leaves = {name: _gradient(mistake, vector, name).astype(dtype) for name in tensors.leaves(vector.case)}
            found.append(_outcome(vector, dtype, dict(forward.got) | leaves))
            left -= 1
    return found


def _shown(case: Case, name: str) -> bool:
    """Whether an adapter shows the tensor: what is forward, and no intermediate."""
    return tensors.find(case, name).provides == ("forward",)


def _numbers(case: Case) -> int:
    states = (case.state_shape(state) for state in case.rnn().cell.states)
    return sum(map(prod, [(case.T, case.B, case.I), *states, *case.shapes().values()]))


def _gradient(mistake: Mistake, vector: Vector, name: str) -> Array:
    shape = vector.expect[name].shape
    slopes = [derivative(mistake, vector.case, vector.values, name, e) for e in complex_step.elements(np.empty(shape))]
    return np.array(slopes).reshape(shape)
