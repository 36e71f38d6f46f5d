"""`python -m parity bugs`: what the case table is worth, as the mistakes that it catches. SPEC 30.6."""

import argparse
from pathlib import Path

from parity import runner
from parity.cases import CASES
from parity.mistakes import MISTAKES
from parity.mistakes.measure import idle, measure, steps
from parity.report import terminal
from parity.report.mistakes import closing, matrix, table, write_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `python -m parity bugs`."""
    parser.add_argument("-k", metavar="TEXT", help="only the mistakes whose name contains TEXT")
    parser.add_argument("--case", metavar="TEXT", help="only the cases whose id contains TEXT (or is TEXT)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every mistake, and what catches it where")


def main(options: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    """Prints the table, the matrix and the totals; 0 if all is well, else 1.

    All is well if a case of the table catches every mistake, in each dtype in which it shows; and, where the whole
    table was run, if the frozen set alone does, and every case catches one.
    """
    mistakes = [m for m in MISTAKES.values() if options.k is None or options.k in m.name]
    cases = runner.select(options.case, None)
    if not mistakes:
        parser.error(f"no mistake has {options.k!r} in its name")
    if not cases:
        parser.error(f"no case has {options.case!r} in its id")
    if options.json and not options.json.parent.is_dir():
        parser.error(f"cannot write {options.json}: there is no folder {options.json.parent}")
    with terminal.progress() as progress:
        task = progress.add_task("tolerances and oracles", total=steps(cases))
        verdicts = measure(mistakes, cases, lambda name: progress.update(task, description=name, advance=1))
    console = terminal.console(width=180)
    console.print(table(verdicts))
    console.print(matrix(verdicts, cases), highlight=False, soft_wrap=True)
    console.print(closing(verdicts, cases), soft_wrap=True)
    if options.json:
        write_json(options.json, verdicts, cases)
    if any(v.survives for v in verdicts):
        return 1
    if len(mistakes) < len(MISTAKES) or len(cases) < len(CASES):
        return 0
    return int(bool(idle(verdicts, cases)) or any(v.frozen < v.table for v in verdicts))
