"""`python -m benchmarks`: the reference beside PyTorch, JAX, ONNX Runtime and its own floor, in ratios with spread.

One thread: one process, in which the contenders take turns. More: a process for each contender and round, since two
pools of threads in one process stall each other; the ratio is that of the same round.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from parity import report
from parity.cases import BENCHMARKS

DTYPES = ("float32", "float64")
KINDS = {"forward_backward": "forward + backward", "forward": "forward"}
AGAINST = {"torch": "torch", "jax": "jax", "onnxruntime": "onnxruntime", "floor": "torch"}  # and what it needs


@dataclass(frozen=True)
class Cell:
    """One shape, dtype, kind and number of threads."""

    case: str
    dtype: str
    kind: str
    threads: int


Samples = dict[Cell, dict[str, list[float]]]  # seconds of a call, by contender and turn


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.splitlines()[0])
    parser.add_argument("-k", metavar="TEXT", default="", help="only the shapes whose id contains TEXT, such as B16")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2], help="numbers of threads (1 2)")
    parser.add_argument("--dtype", choices=DTYPES, nargs="+", default=list(DTYPES))
    parser.add_argument("--turns", type=int, default=25, help="samples of each contender at 1 thread (25)")
    parser.add_argument("--rounds", type=int, default=5, help="processes of each contender at more threads (5)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every sample")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="write the picture, as FILE.png and FILE.svg")
    options = parser.parse_args()
    cases = [case_id for case_id in BENCHMARKS if options.k in case_id]
    if not cases:
        parser.error(f"no shape has {options.k!r} in its id: {', '.join(BENCHMARKS)}")
    if min(*options.threads, options.turns, options.rounds, 1) < 1:
        parser.error("--threads, --turns and --rounds should be above 0")
    if options.plot and find_spec("matplotlib") is None:
        parser.error('--plot needs matplotlib: python -m pip install -e ".[report]"')
    names = ["reference", *(name for name, package in AGAINST.items() if find_spec(package))]
    samples: Samples = {}
    for threads in options.threads:
        for found in _measured(threads, names, options.dtype, cases, options.turns, options.rounds):
            cell = Cell(found["case"], found["dtype"], found["kind"], threads)
            for name, seconds in found["seconds"].items():
                samples.setdefault(cell, {}).setdefault(name, []).extend(seconds)
    console = report.console(width=140)
    for rival in names[1:]:
        for kind in KINDS:
            if any(rival in by_name and cell.kind == kind for cell, by_name in samples.items()):
                console.print(table(samples, rival, kind))
    console.print(", ".join(f"{name} {value}" for name, value in about().items()), soft_wrap=True)
    if options.json:
        options.json.write_text(json.dumps(document(samples), indent=1) + "\n", encoding="utf-8")
    if options.plot:
        from benchmarks import plot

        plot.write(options.plot, samples)
    return 0


def _measured(
    threads: int, names: Sequence[str], dtypes: Sequence[str], cases: Sequence[str], turns: int, rounds: int
) -> Iterable[dict[str, Any]]:
    """What the workers found, cell by cell."""
    if threads == 1:
        yield from _worker(threads, turns, names, dtypes, cases)
        return
    for _ in range(rounds):
        for name in names:
            for found in _worker(threads, 5, [name], dtypes, cases):
                found["seconds"] = {n: [float(np.median(s))] for n, s in found["seconds"].items()}
                yield found


def _worker(
    threads: int, turns: int, names: Sequence[str], dtypes: Sequence[str], cases: Sequence[str]
) -> list[dict[str, Any]]:
    """What one process found: benchmarks/worker.py."""
    command = [sys.executable, "-m", "benchmarks.worker", "--threads", str(threads), "--turns", str(turns)]
    lists = {"contenders": names, "kinds": list(KINDS), "dtypes": dtypes, "cases": cases}
    for name, values in lists.items():
        command += [f"--{name}", *values]
    number = str(threads)
    environment = os.environ | {
        **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), number),
        "XLA_FLAGS": f"--xla_cpu_multi_thread_eigen={'true' if threads > 1 else 'false'}",
    }
    with report.progress() as progress:
        task = progress.add_task(f"{', '.join(names)}; threads: {threads}", total=len(cases) * len(dtypes) * len(KINDS))
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert process.stderr is not None
        complaints = []
        for line in process.stderr:
            complaints.append(line)
            if line.startswith("bench-"):
                progress.advance(task)
        output = process.stdout.read() if process.stdout else ""
    if process.wait():
        raise RuntimeError(f"{' '.join(command)} failed:\n{''.join(complaints[-20:])}")
    return list(json.loads(output))


def ratio(by_name: dict[str, list[float]], rival: str) -> tuple[float, float, float] | None:
    """The median over turns of reference / rival, and its quartiles; None where one of them was not timed."""
    if rival not in by_name:
        return None
    pairs = np.array(by_name["reference"]) / np.array(by_name[rival])
    low, middle, high = np.quantile(pairs, [0.25, 0.5, 0.75])
    return float(low), float(middle), float(high)


def sizes(case_id: str) -> str:
    """T, B, I, H."""
    case = BENCHMARKS[case_id]
    return f"{case.T}, {case.B}, {case.I}, {case.H}"


def table(samples: Samples, rival: str, kind: str) -> Table:
    """One row a shape, one column a dtype and number of threads; the geometric mean below."""
    what = f"its floor of BLAS and NumPy calls ({KINDS[kind]})" if rival == "floor" else f"{rival} ({KINDS[kind]})"
    found = Table(title=f"time of the reference / {what}", caption="median of paired ratios [quartiles]")
    found.add_column("T, B, I, H", no_wrap=True)
    columns = list(dict.fromkeys((c.dtype, c.threads) for c in samples if c.kind == kind and rival in samples[c]))
    for dtype, threads in columns:
        found.add_column(f"{dtype}\nthreads: {threads}", justify="right", no_wrap=True)
    every: dict[tuple[str, int], list[float]] = {}
    for case_id in dict.fromkeys(cell.case for cell in samples):
        row = []
        for dtype, threads in columns:
            r = ratio(samples[Cell(case_id, dtype, kind, threads)], rival)
            row.append(f"{r[1]:.2f} [{r[0]:.2f}-{r[2]:.2f}]".replace("[", "\\[") if r else "")
            every.setdefault((dtype, threads), []).extend([r[1]] if r else [])
        found.add_row(sizes(case_id), *row)
    found.add_section()
    found.add_row("geometric mean", *(f"{np.exp(np.mean(np.log(every[column]))):.2f}" for column in columns))
    return found


def about() -> dict[str, str]:
    """The machine, and the versions of what was timed."""
    from cpuinfo import get_cpu_info  # type: ignore[import-untyped]

    packages = [name for name in ("jax", "onnxruntime") if find_spec(name)]
    cpu = f"{get_cpu_info().get('brand_raw', 'unknown')}, {os.cpu_count()} cores"
    return {"date": date.today().isoformat(), "cpu": cpu} | report.versions() | {n: version(n) for n in packages}


def document(samples: Samples) -> dict[str, Any]:
    """Every sample, for JSON."""
    return {
        "about": about(),
        "cells": [vars(cell) | {"seconds": by_name} for cell, by_name in samples.items()],
    }


if __name__ == "__main__":
    sys.exit(main())
