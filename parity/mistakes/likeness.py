"""Which planted mistake wrong answers look like: found by making every mistake on the same inputs. SPEC 10.7.

A mistake explains a wrong answer if it gives something wrong there itself, and the answer is clearly nearer to that
than to the truth, tensor by tensor, in units of what rounding may do. Where a wrong forward pass is differentiated by
machine, the gradients are none that a mistake in `reference/` gives: then the forward tensors decide, and the gradients
are held against the derivative of the mistaken forward pass.
"""

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np

from parity import subject, tensors
from parity.cases import Arrays, Case, strided
from parity.compare import errors
from parity.mistakes import MISTAKES, Mistake, planted
from parity.oracles import complex_step
from parity.ports.verdict import Outcome
from parity.tolerance import UNIT_ROUNDOFF
from reference.arrays import Array

OFFERED = 3
WRONG_READ, RIGHT_READ = 12, 24  # so many answers are held against every mistake that is left; the smallest cases first
EXPLAINED = 0.75  # of the wrong answers: a port may have a second fault
NEARER = 10.0  # so many times nearer to the mistake than to the truth
STEP = 2.0**-20  # of a central difference in longdouble

Make = Callable[[Mistake, Case, Arrays], dict[str, Array] | None]


@dataclass(frozen=True)
class Likeness:
    """A mistake that explains so many of the wrong answers that were held against it.

    derived: None where the gradients, too, are those of the mistake; else whether they are the derivative of the
    forward pass with the mistake in it.
    """

    mistake: Mistake
    explained: int
    held: int
    derived: bool | None = None

    def __str__(self) -> str:
        share = f"{self.explained} of {self.held} wrong answers tried are alike"
        gradients = {
            None: "",
            True: "; the gradients are those of the wrong forward pass",
            False: " forward; the gradients are wrong in another way",
        }[self.derived]
        return f'"{self.mistake.name}" ({self.mistake.says}): {share}{gradients}'


def mistaken(mistake: Mistake, case: Case, values: Arrays) -> dict[str, Array] | None:
    """What the reference gives with the mistake in it; None if it raises.

    It is called twice on the same arrays, and the second answer counts: some mistakes show only then. For the same
    reason x is in an unusual memory order and write-protected, and the other arrays are not.
    """
    values = values.map(lambda array: np.array(array, order="C"))  # as they come from a file
    values = replace(values, x=strided(values.x))
    values.x.flags.writeable = False
    with _silently(mistake):
        try:
            subject.run(case, values)
            return subject.run(case, values)
        except Exception:
            return None


@contextmanager
def _silently(mistake: Mistake) -> Iterator[None]:
    with planted(mistake), np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@dataclass(frozen=True)
class _Match:
    """Whether an answer is what a mistake gives: all of it, or what is forward of it; left: how much is unexplained.

    left: the distance from the mistake over that from the truth, in the first wrong tensor; rounding counts nothing.
    """

    whole: bool
    forward: bool
    left: float


@dataclass(frozen=True)
class _Answer:
    """What a port wrote for one vector, tensor by tensor: what can be compared, and how far it is from the truth."""

    outcome: Outcome
    got: dict[str, Array]
    distances: dict[str, float]
    first: str | None  # the first tensor that is wrong; None where all are right

    @classmethod
    def of(cls, outcome: Outcome) -> "_Answer | None":
        """None where nothing was compared, or what is wrong was not: a tensor that is missing looks like no mistake."""
        if outcome.result is None or outcome.vector.reverse:  # the mistakes are planted in what reads forward
            return None
        got = {t.tensor: outcome.got[t.tensor] for t in outcome.result.tensors if t.problem is None}
        vector, first = outcome.vector, outcome.result.first
        if not got or (first and first.problem):
            return None
        distances = {name: _distance(outcome, name, array, vector.expect[name]) for name, array in got.items()}
        return cls(outcome, got, distances, first.tensor if first else None)

    @property
    def size(self) -> int:
        return sum(tensor.size for tensor in self.got.values())

    @property
    def gradients(self) -> list[str]:
        """Those that are there, of what the case was given."""
        return [name for name in tensors.leaves(self.outcome.vector.case) if name in self.got]

    def is_backward(self, name: str | None) -> bool:
        return name is not None and tensors.find(self.outcome.vector.case, name).backward

    def match(self, mistake: Mistake, make: Make) -> _Match:
        """How the answer compares with what the mistake gives, which must be wrong itself where the answer first is."""
        vector, dtype, first = self.outcome.vector, self.outcome.dtype, self.first
        would_be = make(mistake, vector.case, vector.values.astype(dtype))
        if would_be is None or (first and not self._is_explained(first, would_be[first])):
            return _Match(False, False, 1.0)
        alike = {name: self._is_nearer(name, would_be[name]) for name in self.got}
        forward = all(same for name, same in alike.items() if not self.is_backward(name))
        left = _distance(self.outcome, first, self.got[first], would_be[first]) if first and forward else 0.0
        return _Match(all(alike.values()), forward, max(1.0, left) / max(1.0, self.distances[first] if first else 1.0))

    def _is_explained(self, name: str, would_be: Array) -> bool:
        """Whether a wrong tensor is nearer to the mistake, and that is outside the tolerance, too."""
        truth, allowed = self.outcome.vector.expect[name], self.outcome.vector.allowed[self.outcome.dtype][name]
        return self._is_nearer(name, would_be) and not (errors(would_be, truth) <= allowed).all()

    def _is_nearer(self, name: str, would_be: Array) -> bool:
        """Whether a wrong tensor is clearly nearer to the mistake than to the truth, and a right one near both."""
        got, distance = self.got[name], self.distances[name]
        if would_be.shape != got.shape or not np.isfinite(errors(got, would_be)).all():
            return False
        nearest = 1.0 if distance <= 1 else max(distance / NEARER, min(1.0, distance / 2))
        return _distance(self.outcome, name, got, would_be) <= nearest


def _distance(outcome: Outcome, name: str, got: Array, other: Array) -> float:
    """The largest difference of finite elements, in units of what rounding may do to the tensor."""
    allowed, truth = outcome.vector.allowed[outcome.dtype][name], outcome.vector.expect[name]
    magnitude = np.abs(truth[np.isfinite(truth)]).max(initial=0) or 1.0
    unit = allowed.max(initial=0) or UNIT_ROUNDOFF[np.dtype(outcome.dtype)] * magnitude
    error = errors(got, other)
    with np.errstate(over="ignore"):  # allowed may be a denormal number
        shares = (error / np.where(allowed > 0, allowed, unit))[np.isfinite(error)]
    return float(min(shares.max(initial=0), np.finfo(np.float64).max))


@dataclass
class _Candidate:
    """A mistake, and what it has explained so far."""

    mistake: Mistake
    explained: int = 0
    missed: int = 0
    logs: float = 0.0  # of what is left, summed up
    forward_seen: bool = False  # it has explained a forward pass
    forward_alone: bool = False  # and not the gradients with it

    @property
    def left(self) -> float:
        return float(np.exp(self.logs / max(self.explained, 1)))

    def hold_against_wrong(self, answer: _Answer, make: Make) -> None:
        match = answer.match(self.mistake, make)
        forward_is_wrong = not answer.is_backward(answer.first)
        if match.whole or (match.forward and forward_is_wrong):
            self.explained += 1
            self.logs += float(np.log(match.left))
            self.forward_seen |= forward_is_wrong
            self.forward_alone |= not match.whole
        else:
            self.missed += 1

    def allows(self, answer: _Answer, make: Make) -> bool:
        """Whether what is right of a port is right with the mistake; of a forward pass, what is forward."""
        match = answer.match(self.mistake, make)
        self.forward_alone |= not match.whole
        return match.whole or (match.forward and self.forward_seen)

    def likeness(self, wrong: Sequence[_Answer], make: Make) -> Likeness:
        """Of a forward pass: whether the gradients are its derivative, in the smallest case that can tell."""
        found = Likeness(self.mistake, self.explained, self.explained + self.missed)
        if not self.forward_alone:
            return found
        for answer in wrong:
            can_tell = answer.gradients and complex_step.supports(answer.outcome.vector.case)
            if can_tell and answer.match(self.mistake, make).forward:
                return replace(found, derived=_is_derivative(self.mistake, answer))
        return replace(found, derived=False)


def likeness(outcomes: Sequence[Outcome], make: Make = mistaken) -> list[Likeness]:
    """The planted mistakes that explain wrong answers and would leave the right ones right: best first, three at most.

    make: what a mistake gives on a case (`mistaken`, or the same from a store).
    """
    answers = sorted(filter(None, map(_Answer.of, outcomes)), key=lambda answer: answer.size)
    wrong = [answer for answer in answers if answer.first][:WRONG_READ]
    right = [answer for answer in answers if not answer.first][:RIGHT_READ]
    candidates = [_Candidate(mistake) for mistake in MISTAKES.values()] if wrong else []
    for answer in wrong:
        for candidate in candidates:
            candidate.hold_against_wrong(answer, make)
        candidates = [c for c in candidates if c.missed <= (1 - EXPLAINED) * len(wrong)]
    for answer in right:
        candidates = [c for c in candidates if c.allows(answer, make)]
    best = min((c.left for c in candidates), default=1.0)
    close = sorted((c for c in candidates if c.left <= np.sqrt(best)), key=lambda c: (-c.explained, c.left))
    found = [c.likeness(wrong, make) for c in close[: 2 * OFFERED]]
    return sorted(found, key=lambda like: (-like.explained, like.derived is False))[:OFFERED]


def _is_derivative(mistake: Mistake, answer: _Answer) -> bool:
    """Whether the gradients are those of the mistaken forward pass, along one direction each."""
    case, rng = answer.outcome.vector.case, np.random.default_rng(0)
    for name in answer.gradients:
        got = answer.got[name].astype(np.float64)
        direction = rng.choice([-1.0, 1.0], got.shape)
        slope = derivative(mistake, case, answer.outcome.vector.values, name, direction)
        if not abs((got * direction).sum() - slope) <= 1e-3 * np.abs(got).sum():
            return False
    return True


def derivative(mistake: Mistake, case: Case, values: Arrays, name: str, direction: Array) -> float:
    """The derivative of the mistaken forward pass along a direction of one leaf: by a central difference in longdouble.

    Not by a step into the imaginary: a mistake need not be analytic. NaN if it raises.
    """
    at = complex_step.started(case, values.astype(np.longdouble))
    leaf = tensors.find(case, name)
    with _silently(mistake):
        try:
            there, back = (
                complex_step.objective(case, complex_step.moved(at, leaf, sign * np.longdouble(STEP) * direction))
                for sign in (1, -1)
            )
            return float((there - back) / (2 * STEP))
        except Exception:
            return float("nan")
