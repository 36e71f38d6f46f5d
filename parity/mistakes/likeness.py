"""Which planted mistake a wrong answer looks like: found by making every mistake on the same inputs. SPEC 10.7."""

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from parity import subject
from parity.cases import Arrays, Case, strided
from parity.compare import compare_tensor
from parity.mistakes import MISTAKES, Mistake, planted
from parity.ports.verdict import Outcome
from reference.arrays import Array

CASES_READ = 8  # so many wrong answers, and as many right ones, are held against every mistake
SLACK = 64.0  # a mistake may amplify rounding more than the correct case does


def mistaken(mistake: Mistake, case: Case, values: Arrays) -> dict[str, Array] | None:
    """What the reference gives with the mistake in it; None if it raises.

    It is called twice on the same arrays, and the second answer counts: some mistakes show only then. For the same
    reason x is in an unusual memory order and write-protected, and the other arrays are not.
    """
    values = values.map(lambda array: np.array(array, order="C"))  # as they come from a file
    values = replace(values, x=strided(values.x))
    values.x.flags.writeable = False
    with planted(mistake), np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            subject.run(case, values)
            return subject.run(case, values)
        except Exception:
            return None


def likeness(outcomes: Sequence[Outcome]) -> list[str]:
    """The names of the planted mistakes that would give all of these answers, wrong and right ones; most often one."""
    judged = [o for o in outcomes if o.verdict in ("pass", "fail") and (o.got or o.detail.startswith("error"))]
    wrong = [o for o in judged if o.verdict == "fail"][:CASES_READ]
    right = [o for o in judged if o.verdict == "pass"][-CASES_READ:]
    left = [m for m in MISTAKES.values() if any(o.dtype in m.dtypes for o in wrong)] if wrong else []
    for outcome in (*wrong, *right):
        if len(left) > (0 if outcome.verdict == "fail" else 1):
            left = [mistake for mistake in left if _explains(mistake, outcome)]
    return [mistake.name for mistake in left]


def _explains(mistake: Mistake, outcome: Outcome) -> bool:
    vector = outcome.vector
    would_give = mistaken(mistake, vector.case, vector.values.astype(outcome.dtype))
    if would_give is None or not outcome.got:
        return would_give is None and not outcome.got
    return all(_alike(outcome, name, array, would_give[name]) for name, array in outcome.got.items())


def _alike(outcome: Outcome, name: str, got: Array, would_be: Array) -> bool:
    limits = SLACK * outcome.vector.allowed[outcome.dtype][name]
    largest = np.full_like(limits, limits.max(initial=0))
    return compare_tensor(outcome.vector.case, name, outcome.dtype, got, would_be, largest).passed


def described(names: Iterable[str], mistakes: Mapping[str, Mistake] = MISTAKES) -> str:
    """The mistakes in words: name and what it is."""
    return " or ".join(f'"{name}" ({mistakes[name].says})' for name in names)
