"""What a parity run prints and writes: a table in the terminal, JSON with every tensor, an HTML page."""

import io
import json
import platform
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

import reference
from parity.compare import CaseResult, message
from parity.tolerance import SIGMAS

FAILURES_SHOWN = 10


def totals(results: Sequence[CaseResult]) -> dict[str, Any]:
    """How much was compared, how much of it failed, and the largest share of the tolerance that was used."""
    return {
        "cases": len({r.case.id for r in results}),
        "comparisons": len(results),
        "tensors": sum(len(r.tensors) for r in results),
        "failed": sum(not r.passed for r in results),
        "worst_share": max((r.share for r in results), default=0.0),
    }


def versions() -> dict[str, str]:
    """What computed: Python, NumPy and its BLAS, torch, the processor."""
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return {
        "reference": reference.__version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "blas": f"{blas['name']} {blas['version']}",
        "torch": version("torch"),
        "machine": f"{platform.system()} {platform.machine()}",
    }


def summary(results: Sequence[CaseResult]) -> Table:
    """One row for each case group, oracle and dtype. The share is the largest error in units of what is allowed."""
    table = Table(title="The reference against its oracles", caption=f"share: error / allowed; allowed: {SIGMAS} σ")
    for name in ("case group", "oracle", "dtype"):
        table.add_column(name, no_wrap=True)
    for name in ("cases", "tensors", "worst\nshare"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    rows: dict[tuple[str, str, str], list[CaseResult]] = {}
    for r in results:
        rows.setdefault((r.case.group, r.oracle, r.dtype), []).append(r)
    for (group, oracle, dtype), members in rows.items():
        t = totals(members)
        worst = max(members, key=lambda r: r.share)
        table.add_row(
            group,
            oracle,
            dtype,
            str(t["cases"]),
            str(t["tensors"]),
            _share(t["worst_share"], worst),
            _verdict(t["failed"]),
        )
    return table


def _share(share: float, worst: CaseResult) -> str:
    if worst.case.exact and share == 0:
        return "exact"
    return f"{share:.3f}" if share <= 1 else f"{share:.2g}"


def _verdict(failed: int) -> Text:
    return Text("pass", style="green") if failed == 0 else Text(f"{failed} FAIL", style="bold red")


def every_case(results: Sequence[CaseResult]) -> Table:
    """One row for each comparison: the case, and the tensor that came nearest to its tolerance."""
    table = Table(title="Every case", caption="worst: the tensor that used the largest share of its tolerance")
    for name in ("case", "oracle", "dtype", "tensors", "worst", "share", "verdict"):
        table.add_column(name, no_wrap=True)
    table.add_column("what it is")
    for r in results:
        row = (r.case.id, r.oracle, r.dtype, str(len(r.tensors)), r.worst.tensor, _share(r.share, r))
        table.add_row(*row, _verdict(not r.passed), r.case.comment)
    return table


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


def write_json(path: Path, results: Sequence[CaseResult]) -> None:
    """Every case, every tensor: the share of its tolerance, and what is wrong with it."""
    document = {
        "versions": versions(),
        "total": _finite(totals(results)),
        "results": [
            {
                "case": r.case.id,
                "group": r.case.group,
                "oracle": r.oracle,
                "dtype": r.dtype,
                "passed": r.passed,
                "tensors": [_finite(asdict(t)) | {"passed": t.passed} for t in r.tensors],
            }
            for r in results
        ],
    }
    path.write_text(json.dumps(document, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def _finite(value: Any) -> Any:
    """The same, with what JSON has no number for (inf, nan) as text."""
    if isinstance(value, dict):
        return {k: _finite(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(v) for v in value]
    return str(value) if isinstance(value, float) and not np.isfinite(value) else value


def write_html(path: Path, results: Sequence[CaseResult], seconds: float) -> None:
    """The summary, the failures and every case on one page that needs nothing else."""
    page = Console(record=True, width=200, file=io.StringIO())
    page.print(Group(summary(results), failures(results), closing(results, seconds), every_case(results)))
    path.write_text(page.export_html(), encoding="utf-8")
