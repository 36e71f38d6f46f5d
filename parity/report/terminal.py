"""What a parity run prints."""

import argparse
import sys
import textwrap
from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from parity.compare import CaseResult, message
from parity.oracles import ORACLES
from parity.packages import install
from parity.progress import Told
from parity.report.results import nearer, totals, versions
from parity.tolerance import SIGMAS

COPIED = "  repeat: "  # begins a line that is there to be copied
FAILURES_SHOWN = 10
WIDTH = 80  # columns that every table fits


def require_page_packages(
    parser: argparse.ArgumentParser, what: str = "--html", packages: Sequence[str] = ("jinja2", "matplotlib")
) -> None:
    """Ends with wrong usage where what makes the pages, or a picture, is not installed."""
    missing = [package for package in packages if find_spec(package) is None]
    if missing:
        parser.error(f"{what} needs {' and '.join(missing)}: {install('report')}")


class _Console(Console):
    """One that leaves it to the command how it ends when nobody reads on, and makes no pictures of a port's words."""

    def __init__(self, **options: Any) -> None:
        super().__init__(emoji=False, **options)

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def console() -> Console:
    """The terminal, or what stands for it; never so narrow that a table is cut."""
    found = _Console()
    found.width = max(found.width, WIDTH)
    return found


def say(console: Console, text: str, style: str = "") -> None:
    """Prints lines as they are: on a terminal wrapped between words, else whole, so that they can be searched for.

    No word is cut, nor a line that is there to be copied.
    """
    for line in text.split("\n"):
        if console.is_terminal and not line.startswith(COPIED):
            indent = line[: len(line) - len(line.lstrip())] + "    "
            line = textwrap.fill(
                line, console.width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
            )
        console.print(line, style=style, soft_wrap=True, markup=False, highlight=False)


def progress() -> Progress:
    """A progress bar on the error output, gone when it is done; none where nobody sees it."""
    columns = (TextColumn("{task.description:<44}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=_Console(stderr=True), transient=True, disable=not sys.stderr.isatty())


def teller(progress: Progress) -> Told:
    """Shows in one row the last thing that it is told."""
    row: dict[str, TaskID] = {}

    def tell(what: str, done: int, total: int | None) -> None:
        if what not in row:
            for task in row.values():
                progress.remove_task(task)
            row.clear()
            row[what] = progress.add_task(what, total=total)
        progress.update(row[what], completed=done)

    return tell


def summary(results: Sequence[CaseResult]) -> Table:
    """The worst share of the tolerance against each oracle, and who is right: a row for each cell and dtype.

    A group of cases in which something fails has a row of its own, above.
    """
    table = Table(title="The reference against its oracles", box=SIMPLE_HEAD, padding=0, show_edge=False)
    against = [name for name in ORACLES if name != "enclosure" and any(r.oracle == name for r in results)]
    table.add_column("cases", no_wrap=True)
    judged = ["truth", "torch\ntruth", "nearer"] if _judged(results) else []
    for name in ("bit", *(name.replace("-", "\n") for name in against), *judged):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for (name, dtype), members in _rows(results):
        columns = [_worst(members, oracle) for oracle in against]
        if judged:
            columns += [_worst(members, "enclosure"), _worst(members, "enclosure", "torch"), nearer(members)]
        table.add_row(name, dtype.removeprefix("float"), *columns, _verdict(totals(members)["failed"]))
    return table


def _rows(results: Sequence[CaseResult]) -> list[tuple[tuple[str, str], list[CaseResult]]]:
    """The groups in which something fails, then the others by their cell; each with its dtype and results."""
    failing = {(r.case.group, r.dtype) for r in results if not r.passed}
    failed: dict[tuple[str, str], list[CaseResult]] = {}
    passed: dict[tuple[str, str], list[CaseResult]] = {}
    for r in results:
        if (r.case.group, r.dtype) in failing:
            failed.setdefault((r.case.group, r.dtype), []).append(r)
        else:
            passed.setdefault((r.case.cell, r.dtype), []).append(r)
    cells = list(dict.fromkeys(cell for cell, _ in passed))
    return [*failed.items(), *sorted(passed.items(), key=lambda row: cells.index(row[0][0]))]


def _judged(results: Sequence[CaseResult]) -> bool:
    return any(r.oracle == "enclosure" for r in results)


def legend(results: Sequence[CaseResult]) -> str:
    """What the columns of the summary are."""
    lines = [f"Columns: the worst share of the tolerance (error / allowed; allowed: {SIGMAS} σ)."]
    if _judged(results):
        lines += [
            "truth: against the enclosure, of the reference; torch truth: of torch. nearer:",
            "where their errors differ, how often the reference is nearer to the truth.",
        ]
    return "\n".join(lines)


def _worst(results: Sequence[CaseResult], oracle: str, who: str = "reference") -> str:
    """The largest share against one oracle; empty where it does not speak."""
    found = [r for r in results if (r.oracle, r.who) == (oracle, who)]
    return _share(max(found, key=lambda r: r.share)) if found else ""


def _share(worst: CaseResult) -> str:
    if worst.case.exact and worst.share == 0:
        return "exact"
    return f"{worst.share:.3f}" if worst.share <= 1 else f"{worst.share:.{'2g' if worst.share < 99 else '0e'}}"


def _verdict(failed: int) -> Text:
    return Text("pass", style="green") if failed == 0 else Text(f"{failed} FAIL", style="bold red")


def show(results: Sequence[CaseResult], seconds: float) -> None:
    """Prints what fails, the summary, the total and the versions."""
    out = console()
    if any(not r.passed for r in results):
        say(out, failures(results))
    out.print(summary(results))
    say(out, legend(results))
    total, style = closing(results, seconds)
    say(out, total, style)
    say(out, ", ".join(f"{name} {value}" for name, value in versions().items()))


def closing(results: Sequence[CaseResult], seconds: float) -> tuple[str, str]:
    """The total, and the style of its verdict."""
    t = totals(results)
    verdict = "all pass" if t["failed"] == 0 else f"{t['failed']} of {t['comparisons']} comparisons FAIL"
    line = (
        f"{t['cases']} cases, {t['comparisons']} comparisons, {t['tensors']} tensors in {seconds:.0f} s: {verdict}; "
        f"worst share of the tolerance {t['worst_share']:.3g}"
    )
    return line, "bold green" if t["failed"] == 0 else "bold red"


def failures(results: Iterable[CaseResult]) -> str:
    """The messages of the first failures, and how many more there are."""
    return "\n".join(first_of([message(r) for r in results if not r.passed]))


def first_of(messages: Sequence[str]) -> list[str]:
    """The first messages, and how many more there are."""
    more = len(messages) - FAILURES_SHOWN
    return [*messages[:FAILURES_SHOWN], *([f"… and {more} more: --json FILE has them all"] if more > 0 else [])]
