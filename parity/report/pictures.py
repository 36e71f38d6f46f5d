"""The pictures of the pages, one scale each: SVG that reads on a light and on a dark page."""

import base64
import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.ticker import MaxNLocator

from parity import oracles, subject, tensors, tolerance
from parity.cases import CASES, Case, arrays
from parity.compare import CaseResult, TensorResult, errors
from parity.ports.verdict import Outcome
from parity.report.results import against_truth
from reference.arrays import Array

INK = "#123456"  # stands in a figure for the colour of the text around it
DAY, NIGHT = "color:#222;background:#fff", "color:#ddd;background:#17191c"  # as on the pages
STYLE: dict[Any, Any] = {
    **dict.fromkeys(("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"), INK),
    "svg.hashsalt": "parity",  # the same figure, the same bytes
    "axes.spines.top": False,
    "axes.spines.right": False,
    "font.size": 8,
}
BLUE, ORANGE = "#3f7fbf", "#d9731a"  # told apart by every kind of eye, on black and on white

# The classes of a share, each from above the one before: an upper end, how it is called, its colour.
SHARES = (
    (0.0, "exact", "#dbe7f2"),
    (0.03, "0.03", "#b7d0e8"),
    (0.1, "0.1", "#8fb8dc"),
    (0.3, "0.3", "#659dcf"),
    (1.0, "allowed", "#3a78b8"),
    (1e4, "10⁴", "#f6c15c"),
    (1e8, "10⁸", "#ee9330"),
    (1e12, "10¹²", "#cf4a1c"),
    (np.inf, "more,\nor NaN", "#7d1111"),
)
LABELLED = 64  # rows of a heat map, at most

REGIMES = {"vanishing": "vanishing-T40", "steady": "critical-T64", "exploding": "exploding-linear-T40"}


def svg(draw: Callable[[], Figure]) -> str:
    """A picture as SVG, dark on light or light on dark as its reader has it."""
    file = io.StringIO()
    with mpl.rc_context(STYLE):
        draw().savefig(file, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    _, start, rest = file.getvalue().partition("<svg ")
    style = f"svg{{{DAY}}}@media(prefers-color-scheme:dark){{svg{{{NIGHT}}}}}"
    root, _, body = rest.replace(INK, "currentColor").partition(">")
    return f"{start}{root}><style>{style}</style>{body}"


def uri(draw: Callable[[], Figure]) -> str:
    """The same as a data URI: a picture in a page has names and a style of its own."""
    return "data:image/svg+xml;base64," + base64.b64encode(svg(draw).encode()).decode("ascii")


def _axes(width: float, height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots()


def who_is_right(results: Sequence[CaseResult], dtype: str) -> Figure:
    """The error of torch over that of the reference, both against the truth: a point for each tensor."""
    figure, ax = _axes(5, 4.4)
    smallest = 1e-5
    pairs = [(mine, theirs) for r, _, mine, theirs in against_truth(results) if r.dtype == dtype]
    mine, theirs = np.clip(np.array(pairs or np.empty((0, 2))).T, smallest, None)
    ax.loglog(mine, theirs, ".", markersize=3, alpha=0.4, color=BLUE, rasterized=True)
    ax.plot([smallest, 1], [smallest, 1], color=INK, linewidth=0.8)
    ax.axvline(1, color=ORANGE, linewidth=1)
    ax.axhline(1, color=ORANGE, linewidth=1)
    limits = (smallest / 1.5, 2)
    labels = {"xlabel": "error of the reference / allowed", "ylabel": "error of torch / allowed"}
    ax.set(title=f"{dtype}: {len(pairs)} tensors", xlim=limits, ylim=limits, **labels)
    ax.text(0.04, 0.86, "the reference is nearer", transform=ax.transAxes)
    ax.text(0.9, 0.05, "torch is nearer", transform=ax.transAxes, ha="right")
    return figure


def gradient_norms() -> Figure:
    """The norm of dDIV/dh(t) through time in three regimes, by the reference and by torch."""
    figure, ax = _axes(5.5, 3.8)
    for regime, case_id in REGIMES.items():
        case = CASES[case_id]
        values = arrays(case)
        mine, theirs = subject.run(case, values)["d_h_l0"], oracles.load("torch").run(case, values)["d_h_l0"]
        back, norm = np.arange(case.T)[::-1], _norm(mine)
        (line,) = ax.semilogy(back, norm)
        ax.semilogy(back, _norm(theirs), "o", markersize=4, fillstyle="none", color=line.get_color())
        ax.annotate(f"{regime}:\n{case_id}", (back[0], norm[0]), (6, 0), textcoords="offset points", va="center")
    ax.set_xlim(right=1.35 * ax.get_xlim()[1])  # room for the words
    ax.set(xlabel="steps before the last", ylabel="norm of dDIV/dh(t)", title="lines: the reference, rings: torch")
    ax.grid(alpha=0.3)
    return figure


def _norm(series: Array) -> Array:
    norm: Array = np.sqrt((series**2).sum(axis=(1, 2)))
    return norm


def error_by_step(case: Case) -> Figure:
    """The error of the reference against the truth, in shares of the tolerance."""
    values = arrays(case)
    got, truth = subject.run(case, values), oracles.load("enclosure").run(case, values)
    allowed = {name: tolerance.allowed(case, name, np.float64) for name in truth}
    return _one_heat_map(case, shares(case, got, truth, allowed), None)


def of_port(outcome: Outcome) -> Figure:
    """The error of a port on one vector, in shares of the tolerance, and where it first leaves it."""
    assert outcome.result is not None
    vector = outcome.vector
    wanted = {t.tensor: vector.expect[t.tensor] for t in outcome.result.tensors if t.tensor in vector.expect}
    found = shares(vector.case, outcome.got, wanted, vector.allowed[outcome.dtype])
    return _one_heat_map(vector.case, found, outcome.result.first)


def shares(
    case: Case, got: Mapping[str, Array], wanted: Mapping[str, Array], allowed: Mapping[str, Array]
) -> dict[str, Array]:
    """Of every tensor, in the order of computation, the largest share of the tolerance that each step uses: (T,).

    One number for a tensor without steps. NaN where it is missing, or of another shape.
    """
    found = {}
    for name in sorted(wanted, key=list(tensors.table(case)).index):
        axis = tensors.find(case, name).time_axis
        if name not in got or got[name].shape != wanted[name].shape:
            found[name] = np.full(1, np.nan)
            continue
        error = errors(got[name], wanted[name])
        with np.errstate(over="ignore"):  # allowed may be a denormal number
            share = np.divide(error, allowed[name], out=np.where(error > 0, np.inf, 0.0), where=allowed[name] > 0)
        found[name] = share.max(axis=tuple(a for a in range(share.ndim) if a != axis), initial=0, keepdims=True).ravel()
    return found


def _one_heat_map(case: Case, found: Mapping[str, Array], first: TensorResult | None) -> Figure:
    rows = min(len(found), LABELLED)
    figure, ax = _axes(5.5, 1.3 + 0.15 * rows)
    image = heat_map(ax, case, found, first)
    scale(figure, image, [ax])
    return figure


def heat_map(ax: Axes, case: Case, found: Mapping[str, Array], first: TensorResult | None) -> AxesImage:
    """A row a tensor, a column a step; a ring around the first failure. found: as `shares` gives it."""
    names = list(found)
    classes = np.array([np.broadcast_to(_class_of(found[name]), case.T) for name in names])
    colours = ListedColormap([colour for _, _, colour in SHARES])
    image = ax.imshow(
        np.ma.masked_less(classes, 0),
        colours,
        aspect="auto",
        interpolation="nearest",
        vmin=-0.5,
        vmax=len(SHARES) - 0.5,
    )
    every = -(-len(names) // LABELLED)
    ax.set_yticks(range(0, len(names), every), names[::every], fontsize=7)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.hlines(np.arange(1, len(names)) - 0.5, -0.5, case.T - 0.5, color="white", linewidth=0.4)
    ax.set_xlabel("step, in reading order")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    _directions(ax, [tensors.find(case, name).backward for name in names])
    if first and first.tensor in names:
        _mark(ax, case, first, names.index(first.tensor))
    return image


def _class_of(share: Array) -> Array:
    """The place in SHARES; -1 for NaN."""
    found: Array = np.searchsorted([end for end, _, _ in SHARES], share)
    return np.where(np.isnan(share), -1, found)


def _directions(ax: Axes, backward: Sequence[bool]) -> None:
    """Says beside the rows in which direction they are computed, and draws a line between the two."""
    split = backward.index(True) if True in backward else len(backward)
    if 0 < split < len(backward):
        ax.axhline(split - 0.5, color=INK, linewidth=1)
    for words, start, end in (("forward →", 0, split), ("← gradients", split, len(backward))):
        if end - start > 3:
            place = 1 - (start + end) / 2 / len(backward)
            ax.text(1.01, place, words, transform=ax.transAxes, rotation=90, va="center")


def _mark(ax: Axes, case: Case, first: TensorResult, row: int) -> None:
    """A ring around a failure."""
    axis = tensors.find(case, first.tensor).time_axis
    step = (case.T - 1) / 2 if axis is None or first.mismatch is None else first.mismatch.index[axis]
    for colour, width in (("white", 4.5), ("black", 2.0)):
        ax.plot(step, row, "o", markersize=11, fillstyle="none", color=colour, markeredgewidth=width, clip_on=False)


def scale(figure: Figure, image: AxesImage, axes: Sequence[Axes]) -> None:
    """What the colours of a heat map mean: the upper end of each class."""
    bar = figure.colorbar(image, ax=list(axes), location="bottom", aspect=40, pad=0.02)
    bar.set_ticks(range(len(SHARES)), labels=[name for _, name, _ in SHARES])
    bar.ax.tick_params(length=0, labelsize=7)
    bar.outline.set_visible(False)
    bar.set_label("error / allowed, up to")
