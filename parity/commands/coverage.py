"""`python -m parity coverage`: what the frozen set, the table and a fresh run cover, and what not. SPEC 30.7."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from parity import vectors
from parity.cases import CASES, Case
from parity.cells import VARIANTS
from parity.commands.export import killed_by
from parity.coverage.points import Line, of_mistakes, points
from parity.mistakes import MISTAKES
from parity.ports import fresh
from parity.report import terminal
from parity.report.coverage import ALL, absent, document, illegal, of_all, table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `python -m parity coverage`."""
    parser.add_argument("--fresh", type=int, metavar="SEED", help="and what cases made at this moment cover")
    parser.add_argument("--fresh-cases", type=int, metavar="N", default=20, help="how many of them (20)")
    parser.add_argument("--mistakes", action="store_true", help="plant the mistakes again; else from the manifest")
    parser.add_argument("--illegal", action="store_true", help="print what does not go together, and why")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every point, and all that is missing")


def main(options: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    """0 if the frozen set and the table have all that they must, else 1. A fresh run is shown, and not judged."""
    if options.json and not options.json.parent.is_dir():
        parser.error(f"cannot write {options.json}: there is no folder {options.json.parent}")
    if (options.fresh is not None and options.fresh < 0) or options.fresh_cases < 1:
        parser.error("--fresh takes a seed from 0 on, --fresh-cases a number above 0")
    frozen = vectors.frozen_cases()
    kills = killed_by(frozen) if options.mistakes else vectors.known_kills()
    planted = MISTAKES if options.mistakes else set().union(*kills.values())  # the manifest knows no younger ones
    sets = {
        f"the frozen set: {len(frozen)} vectors": by_variant(frozen, frozen=True) | {ALL: of_mistakes(kills, planted)},
        f"the table: {len(CASES)} cases": by_variant(list(CASES.values())),
    }
    holds = all(line.holds for parts in sets.values() for lines in parts.values() for line in lines)
    if options.fresh is not None:
        made = fresh.cases(options.fresh, options.fresh_cases, lambda case: ())
        sets[f"--fresh {options.fresh}: {len(made)} cases"] = by_variant(made)
    console = terminal.console()
    for title, parts in sets.items():
        for text in absent(parts):
            terminal.say(console, text)
        console.print(table(title, parts))
        for text in of_all(parts.get(ALL, ())):
            terminal.say(console, text)
    if options.illegal:
        for text in illegal():
            terminal.say(console, text)
    if options.json:
        options.json.write_text(json.dumps(document(sets), indent=1) + "\n", encoding="utf-8", newline="\n")
    return 0 if holds else 1


def by_variant(cases: Sequence[Case], frozen: bool = False) -> dict[str, Sequence[Line]]:
    """What a set covers with each cell."""
    return {variant: points(variant, cases, frozen) for variant in VARIANTS}
