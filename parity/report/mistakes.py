"""How the planted mistakes and what catches them are shown: lines, a table, a matrix, the totals; and JSON."""

import json
from collections import Counter
from collections.abc import Sequence

import numpy as np
from rich.table import Table

from parity import vectors
from parity.cases import Case
from parity.mistakes.measure import Verdict, idle
from parity.mistakes.mistake import DTYPES
from parity.mistakes.naming import PLACES, Named

FEW = 25  # mistakes, or cases, that have a line each


def survivors(verdicts: Sequence[Verdict]) -> list[str]:
    """The mistakes that no case catches in some dtype, a line each."""
    return [f"SURVIVES {v.mistake.name}: {v.mistake.says}" for v in verdicts if v.survives]


def caught(verdicts: Sequence[Verdict]) -> list[str]:
    """The others, where they are few: how many cases catch each, which reports first, where, and by how much."""
    lines = []
    for v in verdicts if len(verdicts) <= FEW else ():
        if v.first and not v.survives:
            first = v.catches[v.first]
            lines.append(
                f"{v.mistake.name}: {len(v.catches)} case{'s' * (len(v.catches) > 1)}, first {v.first}: {first.where}, "
                f"{first.factor:.2g} times the tolerance"
            )
    return lines


def table(verdicts: Sequence[Verdict]) -> Table:
    """One row a module of the reference: how many mistakes are planted in it, and how many of them are caught."""
    found = Table(title="Planted mistakes, and how many of them are caught")
    found.add_column("planted in", no_wrap=True)
    for name in ("mistakes", "by the\ntable", "by the\nfrozen set", "assert_\nclose", "all-\nclose", "tuto-\nrial"):
        found.add_column(name, justify="right", no_wrap=True)
    modules: dict[str, list[Verdict]] = {}
    for v in verdicts:
        modules.setdefault(v.mistake.where.partition(":")[0], []).append(v)
    for module, members in modules.items():
        found.add_row(module, *_counts(members))
    if len(modules) > 1:
        found.add_section()
        found.add_row("all", *_counts(verdicts))
    return found


def _counts(verdicts: Sequence[Verdict]) -> list[str]:
    caught = (
        [not v.survives for v in verdicts],
        [v.frozen.issuperset(v.mistake.dtypes) for v in verdicts],
        [bool(v.assert_close) for v in verdicts],
        [bool(v.allclose) for v in verdicts],
        [v.tutorial for v in verdicts],
    )
    return [str(len(verdicts)), *(str(sum(each)) for each in caught)]


def matrix(verdicts: Sequence[Verdict], cases: Sequence[Case], width: int) -> str:
    """A line a case, a column a mistake: # where the case catches it. Of many, or wider than that, where to find it."""
    lines = ["".join("#" if case.id in v.catches else "." for v in verdicts) + f"  {case.id}" for case in cases]
    if len(lines) > FEW or max(map(len, lines)) > width:
        return "which case catches which mistake: --json FILE has it"
    return "\n".join(lines)


def closing(verdicts: Sequence[Verdict], cases: Sequence[Case]) -> str:
    """How many mistakes were caught: by the table, and by other ways of looking at the same."""
    without = idle(verdicts, cases)
    n = len(verdicts)
    lines = [
        *(_of_dtype(verdicts, cases, dtype) for dtype in DTYPES),
        f"{sum(bool(v.assert_close) for v in verdicts)} of {n} by the same cases under torch.testing.assert_close, "
        f"{sum(bool(v.allclose) for v in verdicts)} under numpy.allclose; "
        f"{sum(v.tutorial for v in verdicts)} by the usual tutorial case under assert_close",
        f"{len(without)} of {len(cases)} cases catch none" + (f": {', '.join(without)}" if without else ""),
    ]
    return "\n".join(lines)


def _of_dtype(verdicts: Sequence[Verdict], cases: Sequence[Case], dtype: str) -> str:
    """How many of the mistakes that show in a dtype the table catches, and the frozen set alone."""
    shown = [v for v in verdicts if dtype in v.mistake.dtypes]
    missed = [v.mistake.name for v in shown if dtype not in v.table]
    alone = [v.mistake.name for v in shown if dtype in v.table - v.frozen]
    frozen = sum(case.id in vectors.IDS for case in cases)
    return (
        f"{dtype}: {len(shown) - len(missed)} of {len(shown)} mistakes are caught by {len(cases)} cases within 8 σ"
        + (f" ({', '.join(missed)} survive)" if missed else "")
        + f", {len(shown) - len(missed) - len(alone)} by {frozen} of the frozen set alone"
        + (f" (not {', '.join(alone)})" if alone else "")
        + f"; {len(verdicts) - len(shown)} do not show in it"
    )


def table_of_names(named: Sequence[Named]) -> Table:
    """A row for each dtype and way to differentiate: how often a port was said to look like its mistake."""
    found = Table(title="Mistakes as ports: is the right one named?")
    for name in ("differentiates", "dtype"):
        found.add_column(name)
    for name in ("ports", *PLACES):
        found.add_column(name, justify="right")
    rows = {(n.differentiates, n.dtype): Counter[str]() for n in named}
    for n in named:
        rows[n.differentiates, n.dtype][n.place] += 1
    for (way, dtype), places in sorted(rows.items()):
        found.add_row(way, dtype, str(places.total()), *(str(places[place]) for place in PLACES))
    return found


WAYS = (
    "by hand: with the reference's own backward pass and every intermediate.\n"
    "by machine: without intermediates; the gradients are the derivative of the\n"
    "mistaken forward pass."
)


def misnamed(named: Sequence[Named]) -> str:
    """A line for each port that was not said to look like its mistake first, and what was said."""
    return "\n".join(
        f"{n.mistake.name} {n.dtype} {n.differentiates} ({n.wrong} wrong): {', '.join(n.names) or 'nothing'}"
        for n in named
        if n.place != PLACES[0]
    )


def as_json(verdicts: Sequence[Verdict], cases: Sequence[Case]) -> str:
    """Every mistake: what it is, and each case that catches it with where and by what factor."""
    document = {
        "cases": [case.id for case in cases],
        "mistakes": [
            {
                "name": v.mistake.name,
                "where": f"reference.{v.mistake.where}",
                "right": v.mistake.right,
                "wrong": v.mistake.wrong,
                "says": v.mistake.says,
                "met": v.mistake.met,
                "dtypes": v.mistake.dtypes,
                "not_shown": {dtype: why for dtype in DTYPES if (why := getattr(v.mistake, dtype))},
                "frozen": sorted(v.frozen),
                "caught_by": {
                    case: {"where": c.where, "factor": c.factor if np.isfinite(c.factor) else str(c.factor)}
                    for case, c in v.catches.items()
                },
                "assert_close": sorted(v.assert_close),
                "allclose": sorted(v.allclose),
                "tutorial": v.tutorial,
            }
            for v in verdicts
        ],
    }
    return json.dumps(document, indent=1, allow_nan=False) + "\n"
