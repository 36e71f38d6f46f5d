"""`python -m parity bugs`: what the case table is worth, as the mistakes that it catches. SPEC 30.6."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from parity import runner, vectors
from parity.cases import CASES, Case
from parity.mistakes import MISTAKES, Mistake, naming
from parity.mistakes.measure import Verdict, idle, measure, steps
from parity.report import files, terminal
from parity.report.files import UNWRITTEN, Files
from parity.report.mistakes import WAYS, as_json, caught, closing, matrix, misnamed, survivors, table, table_of_names


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `python -m parity bugs`."""
    parser.add_argument("-k", metavar="TEXT", help="only the mistakes whose name contains TEXT")
    parser.add_argument("--case", metavar="TEXT", help="only the cases whose id contains TEXT (or is TEXT)")
    parser.add_argument(
        "--likeness", action="store_true", help="instead: is a port with the mistake said to look like it?"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every mistake, and what catches it where")


def main(options: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    """Prints what survives, the table, the matrix and the totals; 0 if all is well, else 1.

    All is well if a case of the table catches every mistake, in each dtype in which it shows; and, where the whole
    table was run, if the frozen set alone does, and every case catches one.
    """
    mistakes = [m for m in MISTAKES.values() if options.k is None or options.k in m.name]
    if not mistakes:
        parser.error(f"no mistake has {options.k!r} in its name")
    if options.likeness:
        if options.case or options.json:
            parser.error("--likeness runs the frozen vectors and writes nothing: --case and --json do not go with it")
        return _likeness(mistakes)
    cases = runner.select(options.case, None)
    if not cases:
        parser.error(f"no case has {options.case!r} in its id")
    with files.opened(options, parser, "json") as written:
        return _bugs(mistakes, cases, written)


def _bugs(mistakes: list[Mistake], cases: list[Case], written: Files) -> int:
    with terminal.progress() as progress:
        task = progress.add_task("tolerances and oracles", total=steps(cases))
        verdicts = measure(mistakes, cases, lambda name: progress.update(task, description=name, advance=1))
    written.write("json", lambda: as_json(verdicts, cases))
    console = terminal.console()
    for text in [*terminal.first_of(survivors(verdicts)), *caught(verdicts)]:
        terminal.say(console, text)
    console.print(table(verdicts))
    for text in (matrix(verdicts, cases, console.width), closing(verdicts, cases)):
        terminal.say(console, text)
    return int(_falls_short(verdicts, mistakes, cases)) or (UNWRITTEN if written.failed else 0)


def _falls_short(verdicts: Sequence[Verdict], mistakes: Sequence[Mistake], cases: Sequence[Case]) -> bool:
    """Whether a mistake survives; of the whole table also: the frozen set alone, or a case that catches none."""
    if any(v.survives for v in verdicts):
        return True
    if len(mistakes) < len(MISTAKES) or len(cases) < len(CASES):
        return False
    return bool(idle(verdicts, cases)) or any(v.frozen < v.table for v in verdicts)


def _likeness(mistakes: Sequence[Mistake]) -> int:
    """Prints how often the runner names the mistake that a port makes. SPEC 10.7."""
    with terminal.progress() as progress:
        task = progress.add_task("mistakes as ports", total=len(mistakes))
        named = naming.measure(mistakes, vectors.frozen(), lambda done: progress.update(task, advance=done))
    console = terminal.console()
    console.print(table_of_names(named))
    for text in (WAYS, misnamed(named)):
        terminal.say(console, text)
    return 0
