"""`bptt matrix`: the frameworks that are installed, on the frozen vectors: one table, one page. SPEC 10.6, 10.10."""

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

from parity import vectors
from parity.commands.new import PORTS, TEMPLATES
from parity.ports import claims, matrix, process, verdict
from parity.ports.claims import BadPort, Port
from parity.ports.matrix import Row
from parity.ports.verdict import WRONG, Outcome
from parity.report import check, files, terminal
from parity.report import matrix as report
from parity.vectors import Vector


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `bptt matrix`."""
    parser.add_argument(
        "ports", nargs="*", type=Path, metavar="PORT",
        help="folders with a port.toml; none given: the frameworks of this project whose packages are installed",
    )  # fmt: skip
    parser.add_argument(
        "--join", action="append", type=Path, metavar="FILE", default=[],
        help="rows of another run or environment, which --json wrote; may be given again; without PORT nothing is run",
    )  # fmt: skip
    parser.add_argument("-k", metavar="TEXT", default="", help="only the vectors whose id contains TEXT")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows, to be joined with others")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write the page")
    parser.add_argument("--svg", type=Path, metavar="FILE", help="write the picture")


def main(options: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    """0 all conform but for what is known, 1 one diverges, 2 wrong usage, 3 one breaks, 5 nothing was checked."""
    if options.html:
        terminal.require_page_packages(parser)
    elif options.svg:
        terminal.require_page_packages(parser, "--svg", ["matplotlib"])
    try:
        before = [row for file in options.join for row in matrix.read(file)]
        ports = [claims.load(path) for path in options.ports] if options.ports or options.join else frameworks()
    except ValueError as error:
        parser.error(str(error))
    chosen = [vector for vector in vectors.frozen() if options.k in vector.case.id]
    if not chosen:
        parser.error(f"no vector has {options.k!r} in its id")
    with files.opened(options, parser, "json", "html", "svg") as written:
        rows = matrix.joined([*before, *_run(ports, chosen)])
        written.write("json", lambda: matrix.as_json(rows))
        written.write("html", lambda: report.page(rows))
        written.write("svg", lambda: report.svg(rows))
    terminal.console().print(report.table(rows))
    return _exit_code(rows) or (check.USAGE if written.failed else 0)


def frameworks() -> list[Port]:
    """The ports of this project that are of others: all but the templates."""
    folders = sorted(file.parent for file in PORTS.glob(f"*/{claims.MANIFEST}"))
    return [claims.load(folder) for folder in folders if folder.name not in TEMPLATES]


def _run(ports: Sequence[Port], chosen: Sequence[Vector]) -> list[Row]:
    """A row for each port that is here; of the others it is said what is not."""
    rows = []
    with terminal.progress() as progress:
        for port in ports:
            if missing := matrix.absent(port):
                print(f"{port.name}: not run, {', '.join(missing)} not installed")
                continue
            task = progress.add_task(port.name, total=len(chosen) * len(vectors.DTYPES))
            outcomes: list[Outcome] = []
            try:
                for dtype in port.dtypes:
                    process.build(port, dtype)
                for o in verdict.check(
                    port, chosen, vectors.DTYPES, Path(tempfile.gettempdir()), port.seconds, alone=0
                ):
                    outcomes.append(o)
                    progress.advance(task)
            except BadPort as error:
                print(f"{port.name}: not run, {error}")
                continue
            for o in [o for o in outcomes if o.verdict in WRONG][: check.FEW]:
                print(check.line(o))
            rows.append(matrix.row(port, outcomes))
    return rows


def _exit_code(rows: Sequence[Row]) -> int:
    if any(row.total("broken") for row in rows):
        return check.BROKEN
    if any(row.total("fail") for row in rows):
        return check.DIVERGES
    return check.CONFORMS if any(row.conforms for row in rows) else check.NOTHING
