"""`python -m parity check PORT`: is a port right, and if not, where does it first go wrong? SPEC 10.7."""

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from parity import tolerance, vectors
from parity.cases import Case
from parity.mistakes.likeness import likeness
from parity.ports import claims, failed, folders, fresh, process, verdict
from parity.ports.claims import Port
from parity.ports.process import printable
from parity.ports.verdict import Outcome
from parity.report import files, terminal
from parity.report.check import CORRUPT, WORDS, document, exit_code, junit, show
from parity.report.files import UNWRITTEN, Files
from parity.vectors import Vector, reading, writing

FRESH_CASES = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("port", type=Path, metavar="PORT", help="a folder with a port.toml")
    parser.add_argument("--vectors", type=Path, metavar="DIR", help="other vectors than the frozen ones")
    parser.add_argument("--fresh", type=int, metavar="SEED", help="and cases made at this moment")
    parser.add_argument("--fresh-cases", type=int, metavar="N", help=f"how many of them ({FRESH_CASES})")
    parser.add_argument(
        "-k", metavar="TEXT", default="", help="only the vectors whose id contains TEXT, fresh ones among them"
    )
    parser.add_argument("--failed", action="store_true", help="only the vectors that failed when last asked for")
    parser.add_argument("--dtype", choices=vectors.DTYPES, help="only this dtype")
    parser.add_argument(
        "--repeat",
        type=int,
        metavar="N",
        default=1,
        help="ask for each vector N times, from the second in shuffled order (round n: seed n), and want the same bits",
    )
    parser.add_argument("--timeout", type=float, metavar="S", help="seconds an answer may take (port.toml's, or 10)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every tensor of every vector")
    parser.add_argument("--junit", type=Path, metavar="FILE", help="write what CI servers read")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write a page to look at")


def main(options: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    """0 conforms, 1 diverges, 2 wrong usage, 3 crash, silence, protocol, 4 vectors corrupt, 5 nothing checked.

    What "conforms" means is SPEC 40.4, and what it does not, SPEC 40.5.
    """
    if options.html:
        terminal.require_page_packages(parser)
    _require(parser, options)
    with files.opened(options, parser, "json", "junit", "html") as written:
        return _check(options, parser, written)


def _require(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """Ends with wrong usage on numbers that are none, or would be ignored."""
    if options.fresh is not None and options.fresh < 0:
        parser.error(f"--fresh takes a seed from 0 on, got {options.fresh}")
    if options.fresh is None and options.fresh_cases is not None:
        parser.error("--fresh-cases says how many: it needs --fresh SEED")
    for name in ("fresh_cases", "repeat"):
        number = getattr(options, name)
        if number is not None and number < 1:
            parser.error(f"--{name.replace('_', '-')} should be at least 1, got {number}")
    if options.timeout is not None and not 0 < options.timeout <= claims.LONGEST_ANSWER:
        parser.error(
            f"--timeout should be above 0 and at most {claims.LONGEST_ANSWER:g} seconds, got {options.timeout:g}"
        )


def _check(options: argparse.Namespace, parser: argparse.ArgumentParser, written: Files) -> int:
    """All vectors are in memory before a program of the port runs: whatever it does to files changes no verdict."""
    dtypes = [options.dtype] if options.dtype else list(vectors.DTYPES)
    try:
        port = claims.load(options.port)
        stored = reading.read_set(options.vectors) if options.vectors else vectors.frozen()
    except claims.BadPort as error:
        parser.error(str(error))
    except vectors.Corrupt as error:
        print(f"vectors corrupt: {printable(str(error))}", file=sys.stderr)
        return CORRUPT
    chosen = [vector for vector in stored if options.k in vector.case.id]
    if options.fresh is not None:
        chosen += _fresh(port, options.fresh, options.fresh_cases or FRESH_CASES, dtypes, options.k)
    if not chosen:
        parser.error(f"no vector has {options.k!r} in its id")
    if options.failed:
        wrong = failed.remembered(port)
        chosen = [vector for vector in chosen if vector.case.id in wrong]
        if not chosen:
            parser.error("--failed: none of these vectors failed when it was last asked for")
    try:
        for dtype in dtypes:
            process.build(port, dtype)
    except claims.BadPort as error:
        parser.error(str(error))
    outcomes = _run(port, chosen, dtypes, options)
    failed.remember(port, outcomes)
    looks_like = likeness(outcomes)
    found = document(port, outcomes, looks_like) | {"repeat": options.repeat}
    code = exit_code(outcomes)
    written.write("json", lambda: json.dumps(found, indent=1, allow_nan=False) + "\n")
    written.write("junit", lambda: junit(port, outcomes, looks_like))
    written.write("html", lambda: _page(found, WORDS[code], outcomes))
    show(port, outcomes, looks_like)
    if options.repeat > 1:
        print(f"each asked for {options.repeat} times, from the second in shuffled order (round n: seed n)")
    return code or (UNWRITTEN if written.failed else 0)


def _fresh(port: Port, seed: int, count: int, dtypes: Sequence[str], keyword: str) -> list[Vector]:
    """Vectors of cases made at this moment, written and read like the frozen ones, and gone from the disk."""

    def lacks(case: Case) -> set[str]:
        return set.intersection(*(set(port.lacks(case, dtype)) for dtype in dtypes))

    made = [case for case in fresh.cases(seed, count, lacks) if keyword in case.id]
    with folders.private(Path(tempfile.gettempdir())) as folder:
        writing.write_set(folder / "set", made, runs=tolerance.RUNS)
        return reading.read_set(folder / "set")


def _run(port: Port, chosen: Sequence[Vector], dtypes: Sequence[str], options: argparse.Namespace) -> list[Outcome]:
    work = Path(tempfile.gettempdir())
    outcomes = []
    with (
        terminal.progress() as progress,
        closing(verdict.check(port, chosen, dtypes, work, options.timeout or port.seconds, options.repeat)) as found,
    ):
        task = progress.add_task("", total=len(chosen) * len(dtypes))
        for outcome in found:
            progress.update(task, description=outcome.vector.case.id[-44:], advance=1)
            outcomes.append(outcome)
    return outcomes


def _page(found: dict[str, object], word: str, outcomes: Sequence[Outcome]) -> str:
    from parity.report import page  # matplotlib takes a second, and is not always there

    return page.of_check(found, word, outcomes)
