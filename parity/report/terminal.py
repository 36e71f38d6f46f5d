"""What a parity run prints."""

import argparse
import sys
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

FAILURES_SHOWN = 10


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


def console(width: int = 120) -> Console:
    """The terminal; where there is none, one that is wide enough for the tables."""
    return _Console() if sys.stdout.isatty() else _Console(width=width)


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
    """One row for each case group and dtype: the worst share of the tolerance against each oracle, and who is right."""
    table = Table(
        title="The reference against its oracles",
        caption=f"worst share of the tolerance (error / allowed; allowed: {SIGMAS} σ) by oracle\n"
        "truth: the enclosure; then torch against it. nearer: where their errors\n"
        "differ, how often the reference is nearer to the truth than torch",
        box=SIMPLE_HEAD,
        padding=0,
        show_edge=False,
    )
    against = [name for name in ORACLES if name != "enclosure" and any(r.oracle == name for r in results)]
    table.add_column("case group", no_wrap=True)
    judged = ["truth", "torch\ntruth", "nearer"] if any(r.oracle == "enclosure" for r in results) else []
    for name in ("float", *(name.replace("-", "\n") for name in against), *judged):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    rows: dict[tuple[str, str], list[CaseResult]] = {}
    for r in results:
        rows.setdefault((r.case.group, r.dtype), []).append(r)
    for (group, dtype), members in rows.items():
        columns = [_worst(members, name) for name in against]
        if judged:
            columns += [_worst(members, "enclosure"), _worst(members, "enclosure", "torch"), nearer(members)]
        table.add_row(group, dtype.removeprefix("float"), *columns, _verdict(totals(members)["failed"]))
    return table


def _worst(results: Sequence[CaseResult], oracle: str, who: str = "reference") -> str:
    """The largest share against one oracle; empty where it does not speak."""
    found = [r for r in results if (r.oracle, r.who) == (oracle, who)]
    return _share(max(found, key=lambda r: r.share)) if found else ""


def _share(worst: CaseResult) -> str:
    if worst.case.exact and worst.share == 0:
        return "exact"
    return f"{worst.share:.3f}" if worst.share <= 1 else f"{worst.share:.2g}"


def _verdict(failed: int) -> Text:
    return Text("pass", style="green") if failed == 0 else Text(f"{failed} FAIL", style="bold red")


def closing(results: Sequence[CaseResult], seconds: float) -> Text:
    """The total and the versions, in two lines."""
    t = totals(results)
    verdict = "all pass" if t["failed"] == 0 else f"{t['failed']} of {t['comparisons']} comparisons FAIL"
    line = (
        f"{t['cases']} cases, {t['comparisons']} comparisons, {t['tensors']} tensors in {seconds:.0f} s: {verdict}; "
        f"worst share of the tolerance {t['worst_share']:.3g}"
    )
    style = "bold green" if t["failed"] == 0 else "bold red"
    return Text(line, style=style).append("\n" + ", ".join(f"{k} {v}" for k, v in versions().items()), style="not bold")


def failures(results: Iterable[CaseResult]) -> Text:
    """The messages of the first failures, and how many more there are."""
    failed = [r for r in results if not r.passed]
    messages = [message(r) for r in failed[:FAILURES_SHOWN]]
    if len(failed) > FAILURES_SHOWN:
        messages.append(f"… and {len(failed) - FAILURES_SHOWN} more: --json FILE has them all")
    return Text("\n".join(messages))
