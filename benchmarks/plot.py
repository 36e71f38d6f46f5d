"""The pictures of a benchmark run: the reference beside the others and its own floor; the time of a step as T grows."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.tables import KINDS, Samples, cells, geometric_mean, ratio, sizes
from parity.report import pictures

# From the top of a row to its bottom, in colours that every kind of eye tells apart.
OTHERS = {
    "torch": ("PyTorch", "o", "#d55e00"),
    "jax": ("JAX", "s", "#2a85c7"),
    "onnxruntime": ("ONNX Runtime", "^", "#009e73"),
    "floor": ("its floor", "D", "#9467bd"),
}
LANE = 0.2  # of a row
MEAN = 1.6  # rows that the last one takes: it has words
SCALE = [0.1, 0.2, 0.5, 1, 2, 5]


def write(path: Path, samples: Samples, growth: dict[str, Any]) -> None:
    """Writes path.png and path.svg; of how the cost grows path-growth.png and path-growth.svg."""
    if samples:
        _write(path, lambda: picture(samples))
    if growth:
        _write(path.with_name(f"{path.stem}-growth"), lambda: growth_picture(growth["time per step"]))


def _write(path: Path, draw: Callable[[], Figure]) -> None:
    path.with_suffix(".svg").write_text(pictures.svg(draw), encoding="utf-8", newline="\n")
    with mpl.rc_context(pictures.STYLE):
        draw().savefig(path.with_suffix(".png"), dpi=192)


def picture(samples: Samples) -> Figure:
    """A panel a kind, a row a shape: the time of the reference over that of each other."""
    cases = list(dict.fromkeys(setting.case for setting in samples))
    figure = Figure(figsize=(8.3, 1.6 + 0.5 * len(cases)), layout="constrained")
    axes = figure.subplots(1, len(KINDS), sharey=True, squeeze=False)[0]
    for ax, (kind, words) in zip(axes, KINDS.items(), strict=True):
        _ratios(ax, samples, kind, cases)
        ax.set_title(f"{cells(samples)}, {words}", pad=16)
    axes[0].set_yticks([*range(len(cases)), len(cases) + 0.5 * (MEAN - 1)], [*map(sizes, cases), "geometric\nmean"])
    axes[0].set_ylabel("T, B, I, H")
    figure.supxlabel(f"time of the reference / time of the other\n{_marks(samples)}", fontsize=8)
    return figure


def _marks(samples: Samples) -> str:
    """What a mark is."""
    one, *more = sorted({setting.threads for setting in samples})
    threads = f", threads: {one}" if not more else " and number of threads (hollow: more than one)"
    return f"a mark a dtype{threads}; a bar from quartile to quartile of its turns"


def _ratios(ax: Axes, samples: Samples, kind: str, cases: list[str]) -> None:
    """Marks from quartile to quartile, one a dtype and number of threads: hollow on more than one."""
    for lane, (other, (name, mark, colour)) in enumerate(OTHERS.items()):
        shift = LANE * (lane - (len(OTHERS) - 1) / 2)
        for setting, by_name in samples.items():
            found = ratio(by_name, other) if setting.kind == kind else None
            if found:
                low, middle, high = found
                row = cases.index(setting.case) + shift
                ax.plot([low, high], [row, row], color=colour, alpha=0.5, linewidth=1)
                face = "none" if setting.threads > 1 else colour
                ax.plot(middle, row, mark, color=colour, markersize=3.5, markerfacecolor=face)
        mean = geometric_mean(samples, other, kind)
        if mean:
            row = len(cases) + 0.5 * (MEAN - 1) + MEAN * shift
            ax.plot(mean, row, mark, color=colour, markersize=5)
            ax.annotate(
                f"{name} {mean:.2f}", (mean, row), (6, 0), textcoords="offset points", va="center", color=colour
            )
    ax.axvline(1, color=pictures.INK, linewidth=1)
    ax.hlines(np.arange(1, len(cases)) - 0.5, SCALE[0], SCALE[-1], color=pictures.INK, alpha=0.15, linewidth=0.5)
    ax.axhline(len(cases) - 0.5, color=pictures.INK, linewidth=0.5)
    for x, words, side in ((0.97, "below 1: the reference is faster", "right"), (1.03, "above 1: slower", "left")):
        ax.text(x, -0.62, words, ha=side, va="bottom", fontsize=7)
    ax.set_xscale("log")
    ax.set_xlim(SCALE[0] / 1.5, 2 * SCALE[-1])
    ax.set_ylim(len(cases) + MEAN - 0.5, -0.6)
    ax.set_xticks(SCALE, [str(tick) for tick in SCALE])
    ax.set_xticks([], minor=True)
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="x", alpha=0.3)


def growth_picture(rows: list[dict[str, Any]]) -> Figure:
    """One line a size and a way to keep the trace: the time of a step by the number of steps."""
    figure = Figure(figsize=(6.5, 3.6), layout="constrained")
    ax = figure.subplots()
    for (B, H), colour in zip(
        dict.fromkeys((row["B"], row["H"]) for row in rows), ("#2a85c7", "#d55e00"), strict=False
    ):
        for what, style in (("whole", "-o"), ("checkpoints", "--s")):
            points = [(r["T"], r["microseconds"]) for r in rows if (r["B"], r["H"], r["what"]) == (B, H, what)]
            ax.plot(*zip(*points, strict=True), style, color=colour, markersize=4)
        ax.annotate(f"B = {B}, H = {H}", points[-1], (8, 0), textcoords="offset points", va="center", color=colour)
    ax.set_xscale("log")
    ax.set_xlim(right=6 * ax.get_xlim()[1])  # room for the words
    ax.set_ylim(bottom=0)
    ax.set_xlabel("T, the number of steps")
    ax.set_ylabel("microseconds a step")
    ax.set_title("RNN, forward + backward, float32, 1 thread\nsolid: the whole trace is kept; dashed: checkpoints")
    ax.grid(alpha=0.3)
    return figure
