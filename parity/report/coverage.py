"""What `python -m parity coverage` prints: the points of a set, what is missing, and what cannot be had at once."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

from parity.coverage.options import RULES
from parity.coverage.points import ASK_NOTHING, Line

SHOWN = 8  # of what is missing
ALL = "all"  # the part of what is asked of a set as a whole, not of each cell

Parts = Mapping[str, Sequence[Line]]  # what is covered, by cell


def table(title: str, parts: Parts) -> Table:
    """A row for each thing to be covered, a column for each cell: how much is, and where it is not all, of how much."""
    found = Table(title=title, pad_edge=False)
    found.add_column("what", no_wrap=True)
    cells = [name for name in parts if name != ALL]
    for name in cells:
        found.add_column(name, justify="right", no_wrap=True)
    for row in zip(*(parts[name] for name in cells), strict=True):
        found.add_row(row[0].what, *map(_found, row))
    found.add_section()
    found.add_row("verdict", *(_verdict(parts[name]) for name in cells))
    return found


def _found(line: Line) -> str:
    """How many are found; where one is not, of how many."""
    found, _, of = line.found.replace(" and ", "+").partition(" of ")
    return found if line.holds or not of else f"{found}/{of}"


def of_all(lines: Sequence[Line]) -> list[str]:
    """What is asked of the set as a whole, a line each."""
    return [f"{line.point} {line.what}: {line.found}: {_verdict([line])}" for line in lines]


def _verdict(lines: Sequence[Line]) -> str:
    return "holds" if all(line.holds for line in lines) else "MISSES"


def absent(parts: Parts) -> list[str]:
    """What is missing, a line each; of many the first."""
    found = []
    for cell, lines in parts.items():
        for line in lines:
            found += [f"missing: {cell}: {line.what}: {name}" for name in line.missing[:SHOWN]]
            if len(line.missing) > SHOWN:
                found.append(f"missing: {cell}: {line.what}: and {len(line.missing) - SHOWN} more")
    return found


def illegal() -> list[str]:
    """What does not go together, and why, a line each."""
    return [
        f"{rule.option} {', '.join(sorted(rule.values))} with {rule.other} {', '.join(sorted(rule.others))}: {rule.why}"
        for rule in RULES
    ] + [f"clause {clause} asks for nothing: it says {why}" for clause, why in ASK_NOTHING.items()]


def document(sets: Mapping[str, Parts]) -> dict[str, Any]:
    """The same for a program."""
    return {
        title: {
            cell: [
                {"point": line.point, "what": line.what, "found": line.found, "missing": list(line.missing)}
                for line in lines
            ]
            for cell, lines in parts.items()
        }
        for title, parts in sets.items()
    }
