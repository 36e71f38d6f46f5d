"""`python -m parity`: the reference before every oracle, case by case."""

import argparse
import time
from pathlib import Path

from parity import oracles, runner
from parity.cases import BENCHMARKS, CASES, Case
from parity.compare import CaseResult
from parity.mistakes import MISTAKES
from parity.mistakes.measure import measure, steps
from parity.report import files, terminal
from parity.report.files import UNWRITTEN, Files
from parity.report.results import as_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    cells = sorted({case.cell for case in CASES.values()})
    parser.add_argument("-k", metavar="TEXT", help="only the cases whose id contains TEXT (or is TEXT)")
    parser.add_argument("--cell", choices=cells, help="only the cases of this cell")
    parser.add_argument("--dtype", choices=runner.DTYPES, help="only this dtype")
    parser.add_argument("--oracle", choices=list(oracles.ORACLES), help="only this oracle")
    parser.add_argument("--device", help="where torch computes: cpu (the default), cuda, cuda:1, ...")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every tensor of every case")
    parser.add_argument(
        "--html", type=Path, metavar="FILE", help="write a page with tables and pictures; plants the mistakes, too"
    )
    parser.add_argument("--show", metavar="CASE", help="the case whose error the page shows by time step")


def main(options: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    """0 if all agree, else 1. Wrong usage exits with 2."""
    cases = runner.select(options.k, options.cell)
    if not cases:
        parser.error(f"no case has {options.k!r} in its id")
    if options.show and not options.html:
        parser.error("--show chooses a case of the page: it needs --html FILE")
    if options.show and options.show not in CASES:
        parser.error(f"no case is {options.show!r}")
    if options.html:
        terminal.require_page_packages(parser)
    names = [options.oracle] if options.oracle else list(oracles.ORACLES)
    if options.device and "torch" not in names:
        parser.error(f"--device chooses where torch computes: it does not go with --oracle {options.oracle}")
    if options.device:
        from parity.oracles import torch_autograd

        try:
            torch_autograd.check_device(options.device)
        except RuntimeError as error:
            parser.error(str(error))
    with files.opened(options, parser, "json", "html") as written:
        return _run(options, parser, cases, names, written)


def _run(
    options: argparse.Namespace, parser: argparse.ArgumentParser, cases: list[Case], names: list[str], written: Files
) -> int:
    dtypes = [options.dtype] if options.dtype else list(runner.DTYPES)
    start = time.perf_counter()
    results: list[CaseResult] = []
    with terminal.progress() as progress:
        task = progress.add_task("", total=len(cases))
        for case in cases:
            progress.update(task, description=case.id[-44:])
            for dtype in dtypes:
                results.extend(runner.check(case, dtype, names, options.device or "cpu"))
            progress.advance(task)
    seconds = time.perf_counter() - start
    if not results:
        parser.error(f"the oracle {options.oracle} speaks for none of the cases chosen")
    results.sort(key=lambda r: (_group_order(r), runner.DTYPES.index(r.dtype)))
    written.write("json", lambda: as_json(results))
    terminal.show(results, seconds)
    written.write("html", lambda: _page(results, seconds, CASES.get(options.show)))
    return int(any(not r.passed for r in results)) or (UNWRITTEN if written.failed else 0)


def _page(results: list[CaseResult], seconds: float, shown: Case | None) -> str:
    from parity.report import page  # matplotlib takes a second, and is not always there

    cases = list({r.case.id: r.case for r in results}.values())
    with terminal.progress() as progress:
        task = progress.add_task("mistakes", total=steps(cases))
        verdicts = measure(
            list(MISTAKES.values()), cases, lambda name: progress.update(task, description=name, advance=1)
        )
    return page.whole(results, seconds, verdicts, shown or CASES[page.SHOWN])


def _group_order(result: CaseResult) -> int:
    groups = list(dict.fromkeys(case.group for case in (CASES | BENCHMARKS).values()))
    return groups.index(result.case.group)
