"""What a benchmark run found: its samples, their paired ratios, and the tables that are printed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.table import Table

from parity.cases import BENCHMARKS

DTYPES = ("float32", "float64")
COLUMNS = 4  # of ratios in a table of 80 columns
KINDS = {"forward_backward": "forward + backward", "forward": "forward"}


@dataclass(frozen=True)
class Setting:
    """One shape, dtype, kind and number of threads."""

    case: str
    dtype: str
    kind: str
    threads: int


Samples = dict[Setting, dict[str, list[float]]]  # seconds of a call, by contender and turn


def cells(samples: Samples) -> str:
    """The cell that was timed, as the classes are called."""
    return ", ".join(dict.fromkeys(BENCHMARKS[setting.case].cell.upper() for setting in samples))


def ratio(by_name: dict[str, list[float]], rival: str) -> tuple[float, float, float] | None:
    """The median over turns of reference / rival, and its quartiles; None where one of them was not timed."""
    if rival not in by_name:
        return None
    pairs = np.array(by_name["reference"]) / np.array(by_name[rival])
    low, middle, high = np.quantile(pairs, [0.25, 0.5, 0.75])
    return float(low), float(middle), float(high)


def geometric_mean(samples: Samples, rival: str, kind: str) -> float | None:
    """Of the ratios to a rival, over all shapes, dtypes and numbers of threads; None where it was not timed."""
    found = [ratio(by_name, rival) for setting, by_name in samples.items() if setting.kind == kind]
    middles = [r[1] for r in found if r]
    return float(np.exp(np.mean(np.log(middles)))) if middles else None


def sizes(case_id: str) -> str:
    """T, B, I, H."""
    case = BENCHMARKS[case_id]
    return f"{case.T}, {case.B}, {case.I}, {case.H}"


def tables(samples: Samples, rival: str, kind: str) -> Iterable[Table]:
    """One row a shape, one column a dtype and number of threads, as many in a table as fit; none of nothing."""
    columns = list(dict.fromkeys((s.dtype, s.threads) for s in samples if s.kind == kind and rival in samples[s]))
    for start in range(0, len(columns), COLUMNS):
        yield _table(samples, rival, kind, columns[start : start + COLUMNS])


def _table(samples: Samples, rival: str, kind: str, columns: Sequence[tuple[str, int]]) -> Table:
    """The median of the paired ratios, their quartiles below; the geometric mean of the medians at the end."""
    found = Table(
        title=f"{cells(samples)}, {KINDS[kind]}: time of the reference / {'its floor' if rival == 'floor' else rival}",
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        show_edge=False,
    )
    found.add_column("T, B, I, H\n\\[quartiles]", no_wrap=True)
    for dtype, threads in columns:
        found.add_column(f"{dtype}\nthreads: {threads}", justify="right", no_wrap=True)
    every: dict[tuple[str, int], list[float]] = {}
    for case_id in dict.fromkeys(setting.case for setting in samples):
        row = []
        for dtype, threads in columns:
            r = ratio(samples.get(Setting(case_id, dtype, kind, threads), {}), rival)
            row.append(f"{_short(r[1])}\n\\[{_short(r[0])}-{_short(r[2])}]" if r else "")
            every.setdefault((dtype, threads), []).extend([r[1]] if r else [])
        found.add_row(sizes(case_id), *row)
    found.add_row("geometric mean", *(f"{np.exp(np.mean(np.log(every[column]))):.2f}" for column in columns))
    return found


def _short(ratio: float) -> str:
    return f"{ratio:.2f}" if ratio < 100 else f"{ratio:.0f}"


def growth_tables(growth: dict[str, Any]) -> Iterable[Table]:
    """How the cost grows, in tables; none of nothing."""
    if not growth:
        return
    steps = Table(title="time per step, microseconds: forward + backward, float32, 1 thread")
    for heading in ("B, H", "what is kept"):
        steps.add_column(heading)
    lengths = list(dict.fromkeys(row["T"] for row in growth["time per step"]))
    for T in lengths:
        steps.add_column(f"T = {T:,}", justify="right")
    for B, H, what in dict.fromkeys((row["B"], row["H"], row["what"]) for row in growth["time per step"]):
        took = {
            r["T"]: r["microseconds"] for r in growth["time per step"] if (r["B"], r["H"], r["what"]) == (B, H, what)
        }
        steps.add_row(f"{B}, {H}", what, *(f"{took[T]:.1f}" if T in took else "" for T in lengths))
    yield steps
    memory = Table(title="bytes at the peak beside what is given: T, B, I, H = 10000, 4, 24, 32; float32")
    for heading in ("", "bytes", "SPEC 23.4", "bytes / SPEC 23.4"):
        memory.add_column(heading, justify="right" if heading else "left")
    for row in growth["memory"]:
        memory.add_row(
            row["what"].replace("[", "\\["),
            f"{row['bytes']:,}",
            f"{row['formula']:,}",
            f"{row['bytes'] / row['formula']:.3f}",
        )
    yield memory
    ragged = Table(title="lengths from 1 to T: forward + backward, float32, 1 thread")
    for heading in ("T, B, I, H", "real steps", "ragged / full", "ragged / torch, packed"):
        ragged.add_column(heading, justify="right")
    for row in growth["ragged"]:
        ragged.add_row(
            ", ".join(map(str, row["sizes"])),
            f"{row['real']:.2f}",
            f"{row['ragged / full']:.2f}",
            f"{row['ragged / torch']:.2f}",
        )
    yield ragged
    rest = Table(title="more ratios of forward + backward, float32, 1 thread", show_header=False)
    for row in growth["stacks"]:
        sizes = ", ".join(map(str, row["sizes"]))
        rest.add_row(f"3 layers, 2 directions / its six parts ({sizes})", f"{row['whole / parts']:.2f}")
    for name, value in growth["last step"].items():
        rest.add_row(f"a loss on the last of 1000 steps (32, 128, 128): {name}", f"{value:.2f}")
    million = growth["million"]
    rest.add_row(f"T = {million['T']:,}, checkpoints: seconds", f"{million['seconds']:.1f}")
    rest.add_row(
        f"T = {million['T']:,}, checkpoints: MB beside output and dx",
        f"{million['bytes beside output and dx'] / 1e6:.1f}",
    )
    yield rest
