"""The picture of a benchmark run: how the reference stands to its rivals, and to its floor, shape by shape."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from benchmarks.__main__ import KINDS, Cell, Samples, ratio, sizes

MARKS = {"torch": "o", "jax": "s", "onnxruntime": "^", "floor": "_"}


def write(path: Path, samples: Samples) -> None:
    """Writes path.png and path.svg."""
    figure = ratios(samples)
    for kind in ("png", "svg"):
        figure.savefig(path.with_suffix(f".{kind}"), dpi=110)


def ratios(samples: Samples) -> Figure:
    """One panel a kind and dtype; a mark a shape, rival and number of threads, with its quartiles."""
    cells = list(samples)
    dtypes = list(dict.fromkeys(cell.dtype for cell in cells))
    cases = list(dict.fromkeys(cell.case for cell in cells))
    threads = sorted({cell.threads for cell in cells})
    rivals = [name for name in MARKS if any(name in by_name for by_name in samples.values())]
    figure = Figure(figsize=(6.2 * len(dtypes), 8.4), layout="constrained")
    axes = figure.subplots(len(KINDS), len(dtypes), squeeze=False, sharey=True)
    for row, (kind, words) in enumerate(KINDS.items()):
        for column, dtype in enumerate(dtypes):
            ax = axes[row, column]
            for n, (rival, number) in enumerate((r, t) for r in rivals for t in threads):
                found = [ratio(samples.get(Cell(case, dtype, kind, number), {}), rival) for case in cases]
                at = [x for x, r in enumerate(found) if r]
                if not at:
                    continue
                low, middle, high = np.array([r for r in found if r]).T
                shift = 0.6 * (n / max(len(rivals) * len(threads) - 1, 1) - 0.5)
                ax.errorbar(
                    np.array(at) + shift,
                    middle,
                    yerr=[middle - low, high - middle],
                    fmt=MARKS[rival],
                    markersize=6,
                    color=f"C{rivals.index(rival)}",
                    markerfacecolor="none" if number > 1 else None,
                    label=f"{rival}, threads: {number}",
                )
            ax.axhline(1, color="black", linewidth=0.8)
            ax.set_yscale("log")
            ax.set_yticks([0.1, 0.2, 0.5, 1, 2], ["0.1", "0.2", "0.5", "1", "2"])
            ax.set_xticks(range(len(cases)), [sizes(case) for case in cases], rotation=35, ha="right", fontsize=8)
            ax.set_title(f"{words}, {dtype}")
            ax.grid(axis="y", alpha=0.3)
    axes[0, 0].set_ylabel("time of the reference / time of the other")
    axes[1, 0].set_ylabel("below 1 the reference is faster")
    handles, labels = axes[-1, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, fontsize=8)
    return figure
