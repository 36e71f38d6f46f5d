"""The picture of a benchmark run: the reference beside its rivals, beside its own floor, and as T grows."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.tables import DTYPES, KINDS, Samples, Setting, cells, ratio, sizes

MARKS = {"torch": "o", "jax": "s", "onnxruntime": "^"}
SCALE = [0.1, 0.2, 0.5, 1, 2, 5]


def write(path: Path, samples: Samples, growth: dict[str, Any]) -> None:
    """Writes path.png and path.svg."""
    figure = picture(samples, growth)
    for kind in ("png", "svg"):
        figure.savefig(path.with_suffix(f".{kind}"), dpi=110)


def picture(samples: Samples, growth: dict[str, Any]) -> Figure:
    """A row a kind, a panel a dtype: the ratios to the rivals. Below: those to the floor, and the time per step."""
    rows = len(KINDS) * bool(samples) + 1
    figure = Figure(figsize=(13, 4.2 * rows), layout="constrained")
    axes = figure.subplots(rows, len(DTYPES), squeeze=False)
    for row, (kind, words) in enumerate(KINDS.items() if samples else ()):
        for ax, dtype in zip(axes[row], DTYPES, strict=True):
            _ratios(ax, samples, [(rival, kind, dtype) for rival in MARKS])
            ax.set_title(f"{cells(samples)}, {words}, {dtype}: time of the reference / time of the other")
    if samples:
        _ratios(axes[-1, 0], samples, [("floor", kind, dtype) for kind in KINDS for dtype in DTYPES])
        axes[-1, 0].set_title("time of the reference / the BLAS and NumPy calls of its cell, in the cache")
    if growth:
        _time_per_step(axes[-1, 1], growth["time per step"])
    return figure


def _ratios(ax: Axes, samples: Samples, series: list[tuple[str, str, str]]) -> None:
    """A mark a shape, rival, kind, dtype and number of threads (hollow: more than one), from quartile to quartile."""
    cases = list(dict.fromkeys(setting.case for setting in samples))
    threads = sorted({setting.threads for setting in samples})
    drawn = [(s, t) for s in series for t in threads]
    for n, ((rival, kind, dtype), number) in enumerate(drawn):
        found = [ratio(samples.get(Setting(case, dtype, kind, number), {}), rival) for case in cases]
        at = [x for x, r in enumerate(found) if r]
        if not at:
            continue
        low, middle, high = np.array([r for r in found if r]).T
        ax.errorbar(
            np.array(at) + 0.6 * (n / max(len(drawn) - 1, 1) - 0.5),
            middle,
            yerr=[middle - low, high - middle],
            fmt=MARKS.get(rival, "o"),
            markersize=5,
            color=f"C{series.index((rival, kind, dtype))}",
            markerfacecolor="none" if number > 1 else None,
            label=f"{rival if rival in MARKS else f'{KINDS[kind]}, {dtype}'}, threads: {number}",
        )
    ax.axhline(1, color="black", linewidth=0.8)
    ax.set_yscale("log")
    ax.set_ylim(SCALE[0] / 1.25, 2.5 * SCALE[-1])  # room for the legend
    ax.set_yticks(SCALE, [str(tick) for tick in SCALE])
    ax.set_yticks([], minor=True)
    ax.set_xticks(range(len(cases)), [sizes(case) for case in cases], rotation=30, ha="right", fontsize=8)
    ax.grid(axis="y", alpha=0.3)
    ax.legend(fontsize=7, ncols=2)


def _time_per_step(ax: Axes, rows: list[dict[str, Any]]) -> None:
    """One line a size and a way to keep the trace."""
    for n, (B, H) in enumerate(dict.fromkeys((row["B"], row["H"]) for row in rows)):
        for what, style in (("whole", "-o"), ("checkpoints", "--s")):
            points = [(r["T"], r["microseconds"]) for r in rows if (r["B"], r["H"], r["what"]) == (B, H, what)]
            ax.plot(*zip(*points, strict=True), style, color=f"C{n}", label=f"B = {B}, H = {H}, {what}")
    ax.set_xscale("log")
    ax.set_ylim(bottom=0)
    ax.set_xlabel("T")
    ax.set_title("microseconds a step, forward + backward, float32, 1 thread")
    ax.grid(alpha=0.3)
    ax.legend(fontsize=8)
