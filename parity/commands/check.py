"""`python -m parity check PORT`: is a port right, and if not, where does it first go wrong? SPEC 10.7."""

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from parity import vectors
from parity.cases import Case
from parity.mistakes.likeness import likeness
from parity.ports import claims, fresh, process, verdict
from parity.ports.claims import Port
from parity.ports.verdict import Outcome
from parity.report import terminal
from parity.report.check import CORRUPT, WORDS, document, exit_code, junit, show
from parity.vectors import Vector, reading, writing


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("port", type=Path, metavar="PORT", help="a folder with a port.toml")
    parser.add_argument("--vectors", type=Path, metavar="DIR", help="other vectors than the frozen ones")
    parser.add_argument("--fresh", type=int, metavar="SEED", help="and cases made at this moment")
    parser.add_argument("--fresh-cases", type=int, metavar="N", default=20, help="how many of them (20)")
    parser.add_argument(
        "-k", metavar="TEXT", default="", help="only the vectors whose id contains TEXT, fresh ones among them"
    )
    parser.add_argument("--dtype", choices=vectors.DTYPES, help="only this dtype")
    parser.add_argument("--timeout", type=float, metavar="S", default=10.0, help="seconds an answer may take (10)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every tensor of every vector")
    parser.add_argument("--junit", type=Path, metavar="FILE", help="write what CI servers read")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write a page to look at")


def main(options: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    """0 conforms, 1 diverges, 2 wrong usage, 3 crash, silence, protocol, 4 vectors corrupt, 5 nothing checked."""
    for path in filter(None, (options.json, options.junit, options.html)):
        if not path.parent.is_dir():
            parser.error(f"cannot write {path}: there is no folder {path.parent}")
    if options.html:
        terminal.require_page_packages(parser)
    if (options.fresh is not None and options.fresh < 0) or options.fresh_cases < 1 or not options.timeout > 0:
        parser.error("--fresh takes a seed from 0 on, --fresh-cases and --timeout numbers above 0")
    dtypes = [options.dtype] if options.dtype else list(vectors.DTYPES)
    try:
        port = claims.load(options.port)
        for dtype in dtypes:
            process.build(port, dtype)
    except claims.BadPort as error:
        parser.error(str(error))
    with tempfile.TemporaryDirectory(prefix="parity-") as folder:
        try:
            stored = reading.read_set(options.vectors) if options.vectors else vectors.frozen()
        except vectors.Corrupt as error:
            print(f"vectors corrupt: {error}", file=sys.stderr)
            return CORRUPT
        chosen = [vector for vector in stored if options.k in vector.case.id]
        if options.fresh is not None:
            chosen += _fresh(port, options, dtypes, Path(folder) / "fresh")
        if not chosen:
            parser.error(f"no vector has {options.k!r} in its id")
        work = Path(folder) / "work"
        work.mkdir()
        outcomes = _run(port, chosen, dtypes, work, options.timeout)
    looks_like = likeness(outcomes)
    show(port, outcomes, looks_like)
    if options.json:
        text = json.dumps(document(port, outcomes, looks_like), indent=1, allow_nan=False)
        options.json.write_text(text + "\n", encoding="utf-8")
    if options.junit:
        options.junit.write_bytes(junit(port, outcomes))
    if options.html:
        from parity.report import page  # matplotlib takes a second, and is not always there

        page.write_check(options.html, document(port, outcomes, looks_like), WORDS[exit_code(outcomes)])
    return exit_code(outcomes)


def _fresh(port: Port, options: argparse.Namespace, dtypes: Sequence[str], folder: Path) -> list[Vector]:
    """Vectors of cases made at this moment, written and read like the frozen ones; of them those that -k chooses."""

    def lacks(case: Case) -> set[str]:
        return set.intersection(*(set(port.lacks(case, dtype)) for dtype in dtypes))

    made = fresh.cases(options.fresh, options.fresh_cases, lacks)
    writing.write_set(folder, [case for case in made if options.k in case.id])
    return reading.read_set(folder)


def _run(port: Port, chosen: Sequence[Vector], dtypes: Sequence[str], work: Path, seconds: float) -> list[Outcome]:
    outcomes = []
    with terminal.progress() as progress:
        task = progress.add_task("", total=len(chosen) * len(dtypes))
        for outcome in verdict.check(port, chosen, dtypes, work, seconds):
            progress.update(task, description=outcome.vector.case.id[-44:], advance=1)
            outcomes.append(outcome)
    return outcomes
