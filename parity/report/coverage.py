"""What `python -m parity coverage` prints: the points of a set, what is missing, and what cannot be had at once."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

from parity.coverage.options import RULES
from parity.coverage.points import ASK_NOTHING, Line

SHOWN = 8  # of what is missing
WIDTH = 80


def table(title: str, lines: Sequence[Line]) -> Table:
    """One row for each thing to be covered."""
    found = Table(title=title, width=WIDTH)
    for name, justify in (("point", "left"), ("what", "left"), ("found", "right"), ("verdict", "left")):
        found.add_column(name, justify=justify, no_wrap=True)  # type: ignore[arg-type]
    for line in lines:
        found.add_row(line.point, line.what, line.found, "holds" if line.holds else "MISSES")
    return found


def absent(lines: Sequence[Line]) -> list[str]:
    """What is missing, a line each; of many the first."""
    found = []
    for line in lines:
        found += [f"missing: {line.what}: {name}" for name in line.missing[:SHOWN]]
        if len(line.missing) > SHOWN:
            found.append(f"missing: {line.what}: and {len(line.missing) - SHOWN} more")
    return found


def illegal() -> list[str]:
    """What does not go together, and why, a line each."""
    return [
        f"{rule.option} {', '.join(sorted(rule.values))} with {rule.other} {', '.join(sorted(rule.others))}: {rule.why}"
        for rule in RULES
    ] + [f"clause {clause} asks for nothing: it says {why}" for clause, why in ASK_NOTHING.items()]


def document(sets: Mapping[str, Sequence[Line]]) -> dict[str, Any]:
    """The same for a program."""
    return {
        name: [
            {"point": line.point, "what": line.what, "found": line.found, "missing": list(line.missing)}
            for line in lines
        ]
        for name, lines in sets.items()
    }
