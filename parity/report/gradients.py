"""The picture of `python -m parity gradients`: the norm of dDIV/dh(t) through time. Needs matplotlib."""

import io
from collections.abc import Sequence
from typing import Protocol

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reference.arrays import Array

# Told apart by whoever sees no red or green (Okabe and Ito), and by the labels.
BLUE, GREEN, RED, PURPLE = "#0072B2", "#009E73", "#D55E00", "#9A4C80"
PANELS = {
    "Linear: the spectral radius ρ of W_hh decides": {"linear": (BLUE, GREEN, RED)},
    "tanh: ρ decides, less its slope, which is below 1": {"tanh": (BLUE, GREEN, RED)},
    "Gates: the gradient stays where they stay open": {"GRU": ("black",) * 3, "LSTM": (PURPLE,) * 3},
}
STYLES = {"LSTM": "--"}


class Curve(Protocol):
    """What is drawn: the norm at every step of a network."""

    @property
    def kind(self) -> str: ...
    @property
    def label(self) -> str: ...
    @property
    def norm(self) -> Array: ...


def drawn(curves: Sequence[Curve], kind: str) -> bytes:
    """The picture as a file of this kind, png or svg."""
    file = io.BytesIO()
    with mpl.rc_context({"svg.hashsalt": "gradients"}):
        picture(curves).savefig(file, format=kind, dpi=110, metadata={"Date": None} if kind == "svg" else None)
    return file.getvalue()


def picture(curves: Sequence[Curve]) -> Figure:
    """A panel a message, on one scale; the loss is at the right, and the gradient runs to the left."""
    figure = Figure(figsize=(14, 5), layout="constrained")
    axes = figure.subplots(1, len(PANELS), sharey=True)
    ends = np.log10([curve.norm[0] for curve in curves])
    height = 0.05 * (ends.max() - ends.min())  # of a line of text
    for ax, (title, kinds) in zip(axes, PANELS.items(), strict=True):
        ax.set_title(title, fontsize=11)
        of_kind = {kind: [curve for curve in curves if curve.kind == kind] for kind in kinds}
        shown = [pair for kind in kinds for pair in zip(of_kind[kind], kinds[kind], strict=True)]
        places = _apart([float(np.log10(curve.norm[0])) for curve, _ in shown], height)
        for (curve, colour), place in zip(shown, places, strict=True):
            ax.semilogy(curve.norm, STYLES.get(curve.kind, "-"), color=colour, linewidth=1.8)
            label = curve.label if len(kinds) == 1 else f"{curve.kind}, {curve.label}"
            ax.text(-0.02 * len(curve.norm), 10**place, label, color=colour, ha="right", va="center")
        _dress(ax, len(curves[0].norm))
    axes[0].set_ylabel("norm of dDIV/dh(t)")
    return figure


def _apart(places: Sequence[float], least: float) -> list[float]:
    """The places, the nearer ones moved away from each other until no two are nearer than this."""
    order = np.argsort(places, kind="stable")
    moved = np.array(places)[order]
    for _ in moved:
        for below in np.flatnonzero(np.diff(moved) < least):
            middle = moved[below : below + 2].mean()
            moved[below : below + 2] = middle - least / 2, middle + least / 2
    back = np.empty_like(moved)
    back[order] = moved
    return [float(place) for place in back]


def _dress(ax: Axes, T: int) -> None:
    ax.set_xlim(-0.56 * T, T)
    ax.set_xticks([0, T - 1])
    ax.set_xlabel("t; the loss is on the last step")
    ax.grid(axis="y", alpha=0.3)
    ax.spines[["top", "right"]].set_visible(False)
