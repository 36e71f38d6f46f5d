"""`python -m benchmarks`: the reference beside PyTorch, JAX, ONNX Runtime and its own floor, in ratios with spread.

What makes such figures wrong, and what is done about it:

- NumPy's BLAS and torch keep a pool of threads each, and in one process the two stall each other for milliseconds a
  call. One thread: one process, in which the contenders take turns. More: a process for each contender and round; the
  ratio is that of the same round.
- Clocks and loads drift: only what was timed in the same turn is compared, and the median of such ratios is shown with
  its quartiles.
- First calls and fresh memory are slow: every contender is warmed up, and every process has freed a large block before
  (benchmarks/memory.py). To make its arrays in every call is part of a contender's time.
- Gradients that are added to those of the last call: torch's are taken by `autograd.grad`, which starts from nothing.
- A fast wrong answer: what a contender returns is compared with what the reference returns before it is timed.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from datetime import date
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import numpy as np

from benchmarks.tables import DTYPES, KINDS, Samples, Setting, growth_tables, tables
from parity import report
from parity.cases import BENCHMARKS
from parity.commands.ending import in_words

CELLS = tuple(dict.fromkeys(case.cell for case in BENCHMARKS.values()))
PARTS = ("shapes", "growth")
STAGES = 17  # of benchmarks/growth.py
AGAINST = {"torch": "torch", "jax": "jax", "onnxruntime": "onnxruntime", "floor": "torch"}  # and what it needs


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.splitlines()[0])
    parser.add_argument("--cell", choices=CELLS, default=CELLS[0], help=f"the cell that is timed ({CELLS[0]})")
    parser.add_argument("-k", metavar="TEXT", default="", help="only the shapes whose id contains TEXT, such as B16")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2], help="numbers of threads (1 2)")
    parser.add_argument("--dtype", choices=DTYPES, nargs="+", default=list(DTYPES))
    parser.add_argument("--turns", type=int, default=25, help="samples of each contender at 1 thread (25)")
    parser.add_argument("--rounds", type=int, default=3, help="processes of each contender at more threads (3)")
    parser.add_argument("--part", choices=PARTS, nargs="+", help="the shapes, or how the cost of an RNN grows")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every sample")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="write FILE.png and FILE.svg; of growth FILE-growth")
    options = parser.parse_args()
    shapes = [case_id for case_id, case in BENCHMARKS.items() if case.cell == options.cell]
    cases = [case_id for case_id in shapes if options.k in case_id]
    if not cases:
        parser.error(f"no shape has {options.k!r} in its id: {', '.join(shapes)}")
    parts = options.part or (PARTS if options.cell == "rnn" else ["shapes"])
    if "growth" in parts and options.cell != "rnn":
        parser.error("how the cost grows is measured of the rnn alone")
    if min(*options.threads, options.turns, options.rounds, 1) < 1:
        parser.error("--threads, --turns and --rounds should be above 0")
    names = ["reference", *(name for name, package in AGAINST.items() if find_spec(package))]
    samples: Samples = {}
    for threads in options.threads if "shapes" in parts else []:
        for found in _measured(threads, names, options.dtype, cases, options.turns, options.rounds):
            setting = Setting(found["case"], found["dtype"], found["kind"], threads)
            for name, seconds in found["seconds"].items():
                samples.setdefault(setting, {}).setdefault(name, []).extend(seconds)
    console = report.console()
    for rival in names[1:]:
        for kind in KINDS:
            for ratios in tables(samples, rival, kind):
                console.print(ratios)
    growth = _growth(options.turns) if "growth" in parts else {}
    for rows in growth_tables(growth):
        console.print(rows)
    report.say(console, ", ".join(f"{name} {value}" for name, value in about().items()))
    if options.json:
        options.json.write_text(json.dumps(document(samples, growth), indent=1) + "\n", encoding="utf-8", newline="\n")
    if options.plot:
        from benchmarks import plot

        plot.write(options.plot, samples, growth)
    return 0


def _measured(
    threads: int, names: Sequence[str], dtypes: Sequence[str], cases: Sequence[str], turns: int, rounds: int
) -> Iterable[dict[str, Any]]:
    """What the workers found, setting by setting."""
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
    arguments = ["--threads", str(threads), "--turns", str(turns)]
    lists = {"contenders": names, "kinds": list(KINDS), "dtypes": dtypes, "cases": cases}
    for name, values in lists.items():
        arguments += [f"--{name}", *values]
    settings = len(cases) * len(dtypes) * len(KINDS)
    return list(_process("worker", arguments, threads, f"{', '.join(names)}; threads: {threads}", settings))


def _growth(turns: int) -> dict[str, Any]:
    """How the cost grows: benchmarks/growth.py."""
    return dict(_process("growth", ["--turns", str(turns)], 1, "how the cost grows", STAGES))


def _process(module: str, arguments: Sequence[str], threads: int, title: str, steps: int) -> Any:
    """The JSON that a process of its own prints, with so many threads. A line on its standard error is a step done."""
    number = str(threads)
    environment = os.environ | {
        **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), number),
        "XLA_FLAGS": f"--xla_cpu_multi_thread_eigen={'true' if threads > 1 else 'false'}",
    }
    command = [sys.executable, "-m", f"benchmarks.{module}", *arguments]
    with (
        TemporaryFile("w+", encoding="utf-8") as output,  # a pipe that nobody empties yet would fill up
        report.progress() as progress,
        subprocess.Popen(command, env=environment, stdout=output, stderr=subprocess.PIPE, text=True) as process,
    ):
        task = progress.add_task(title, total=steps)
        assert process.stderr is not None
        complaints = []
        for line in process.stderr:
            complaints.append(line)
            if line.startswith("done: "):
                progress.advance(task)
        if process.wait():
            raise RuntimeError(f"{' '.join(command)} failed:\n{''.join(complaints[-20:])}")
        output.seek(0)
        return json.load(output)


def about() -> dict[str, str]:
    """The machine, and the versions of what was timed."""
    from cpuinfo import get_cpu_info

    packages = [name for name in ("jax", "onnxruntime") if find_spec(name)]
    cpu = f"{get_cpu_info().get('brand_raw', 'unknown')}, {os.cpu_count()} cores"
    return {"date": date.today().isoformat(), "cpu": cpu} | report.versions() | {n: version(n) for n in packages}


def document(samples: Samples, growth: dict[str, Any]) -> dict[str, Any]:
    """Every sample, and how the cost grows, for JSON."""
    settings = [vars(setting) | {"seconds": by_name} for setting, by_name in samples.items()]
    return {"about": about(), "settings": settings, "growth": growth}


if __name__ == "__main__":
    sys.exit(in_words(main))
