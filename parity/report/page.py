"""The page that `python -m parity --html FILE` writes: one file that needs nothing else, tables and pictures inside."""

import base64
import io
from collections.abc import Sequence
from datetime import date
from typing import Any

import jinja2
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

from parity import oracles, subject, tensors, tolerance
from parity.cases import CASES, Case, arrays
from parity.compare import CaseResult, errors, message
from parity.mistakes.measure import TUTORIAL_LOOKS_AT, Verdict, idle
from parity.report.mistakes import closing
from parity.report.results import against_truth, nearer, totals, versions
from parity.report.terminal import FAILURES_SHOWN
from reference.arrays import Array

SHOWN = "rnn-tanh-l3-bi-bf-eval50-dout"
REGIMES = {"vanishing": "vanishing-T40", "steady": "critical-T64", "exploding": "exploding-linear-T40"}


def whole(results: Sequence[CaseResult], seconds: float, verdicts: Sequence[Verdict], shown: Case) -> str:
    """The whole page. shown: the case whose error is shown by time step."""
    cases = list({r.case.id: r.case for r in results}.values())
    return _template("report.html").render(
        today=date.today().isoformat(),
        totals=totals(results),
        seconds=seconds,
        versions=versions(),
        failures=[message(r) for r in results if not r.passed][:FAILURES_SHOWN],
        groups=_groups(results),
        columns=_columns(results),
        matrix=_matrix(results, cases),
        nearer=nearer(results),
        who_is_right=_picture(who_is_right(results)) if against_truth(results) else None,
        shown=shown,
        by_step=_picture(error_by_step(shown)),
        gradient_norms=_picture(gradient_norms()),
        verdicts=verdicts,
        mistakes=_picture(mistakes_by_case(verdicts, cases)),
        mistakes_closing=closing(verdicts, cases).splitlines(),
        idle=idle(verdicts, cases),
        tutorial=", ".join(TUTORIAL_LOOKS_AT),
        sigmas=tolerance.SIGMAS,
    )


def of_check(document: dict[str, Any], verdict: str) -> str:
    """The page of a port on the test vectors. document: what parity/report/check.py gives as JSON."""
    return _template("check.html").render(today=date.today().isoformat(), verdict=verdict, **document)


def _template(name: str) -> jinja2.Template:
    loader = jinja2.PackageLoader("parity.report")
    return jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True).get_template(name)


def _groups(results: Sequence[CaseResult]) -> list[dict[str, Any]]:
    """The summary: a row for each case group."""
    names = list(dict.fromkeys(r.case.group for r in results))
    return [
        {"name": name} | totals(members) | {"nearer": nearer(members)}
        for name in names
        for members in [[r for r in results if r.case.group == name]]
    ]


def _columns(results: Sequence[CaseResult]) -> list[tuple[str, str, str]]:
    """(subject, oracle, dtype) of each column of the verdict matrix."""
    return sorted({(r.who, r.oracle, r.dtype) for r in results}, key=lambda c: (list(oracles.ORACLES).index(c[1]), c))


def _matrix(results: Sequence[CaseResult], cases: Sequence[Case]) -> list[tuple[Case, list[CaseResult | None]]]:
    """For each case, its result in each column; None where the oracle does not speak."""
    found = {(r.case.id, r.who, r.oracle, r.dtype): r for r in results}
    return [(case, [found.get((case.id, *column)) for column in _columns(results)]) for case in cases]


def _picture(figure: Figure) -> str:
    """A figure as a data URI."""
    png = io.BytesIO()
    figure.savefig(png, format="png", dpi=120)
    return "data:image/png;base64," + base64.b64encode(png.getvalue()).decode("ascii")


def _axes(rows: int, columns: int, width: float, height: float) -> tuple[Figure, Array]:
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False)


def who_is_right(results: Sequence[CaseResult]) -> Figure:
    """The error of torch over that of the reference, both against the truth: a point for each tensor."""
    figure, axes = _axes(1, 2, 10, 4.6)
    smallest = 1e-5
    for ax, dtype in zip(axes.flat, ("float64", "float32"), strict=True):
        pairs = [(mine, theirs) for r, _, mine, theirs in against_truth(results) if r.dtype == dtype]
        mine, theirs = np.clip(np.array(pairs or np.empty((0, 2))).T, smallest, None)
        ax.loglog(mine, theirs, ".", markersize=3, alpha=0.4)
        ax.plot([smallest, 1], [smallest, 1], color="black", linewidth=0.8)
        ax.axvline(1, color="tab:red", linewidth=0.8)
        ax.axhline(1, color="tab:red", linewidth=0.8)
        ax.set(
            title=f"{dtype}: {len(pairs)} tensors",
            xlabel="error of the reference / allowed",
            ylabel="error of torch / allowed",
            xlim=(smallest / 1.5, 2),
            ylim=(smallest / 1.5, 2),
        )
        ax.text(0.04, 0.86, "the reference is nearer", transform=ax.transAxes)
        ax.text(0.9, 0.05, "torch is nearer", transform=ax.transAxes, ha="right")
    return figure


def error_by_step(case: Case) -> Figure:
    """The error of the reference against the truth, in shares of the tolerance, by layer and step."""
    values = arrays(case)
    got, truth = subject.run(case, values), oracles.load("enclosure").run(case, values)
    traced = [tensor for tensor in tensors.table(case).values() if tensor.kind == tensors.TRACE]
    quantities = list(dict.fromkeys(tensor.quantity for tensor in traced))
    rows = case.num_layers * case.num_directions
    figure, axes = _axes(2, len(quantities) // 2, 11, 1.9 + 0.62 * rows)
    for ax, quantity in zip(axes.flat, quantities, strict=True):
        shown = sorted((t for t in traced if t.quantity == quantity), key=lambda t: (t.layer, t.direction))
        shares = np.array([_share_by_step(case, tensor.name, got, truth) for tensor in shown])
        image = ax.imshow(shares, aspect="auto", vmin=0, cmap="viridis", interpolation="nearest")
        ax.set_yticks(range(rows), [f"l{tensor.layer}{' reverse' * tensor.direction}" for tensor in shown])
        ax.set(title=f"{quantity}: error / allowed", xlabel="step, in reading order")
        figure.colorbar(image, ax=ax)
    return figure


def _share_by_step(case: Case, name: str, got: dict[str, Array], truth: dict[str, Array]) -> Array:
    """The largest share of the tolerance that each step of an intermediate uses: (T,)."""
    allowed = tolerance.allowed(case, name, np.float64)
    error = errors(got[name], truth[name])
    share: Array = np.divide(error, allowed, out=np.zeros_like(error), where=allowed > 0)
    return share.max(axis=(1, 2), initial=0)


def gradient_norms() -> Figure:
    """The norm of dDIV/dh(t) through time in three regimes, by the reference and by torch."""
    figure, axes = _axes(1, 1, 9, 4.2)
    ax: Axes = axes[0, 0]
    for regime, case_id in REGIMES.items():
        case = CASES[case_id]
        values = arrays(case)
        mine, theirs = subject.run(case, values)["d_h_l0"], oracles.load("torch").run(case, values)["d_h_l0"]
        steps_back = np.arange(case.T)[::-1]
        (line,) = ax.semilogy(steps_back, _norm(mine), label=f"{regime}: {case_id}")
        ax.semilogy(steps_back, _norm(theirs), "o", markersize=4, fillstyle="none", color=line.get_color())
    ax.set(xlabel="steps before the last", ylabel="norm of dDIV/dh(t)", title="lines: the reference, rings: torch")
    ax.legend(loc="center right")
    ax.grid(alpha=0.3)
    return figure


def _norm(series: Array) -> Array:
    norm: Array = np.sqrt((series**2).sum(axis=(1, 2)))
    return norm


def mistakes_by_case(verdicts: Sequence[Verdict], cases: Sequence[Case]) -> Figure:
    """Which case catches which mistake: a row a mistake, a column a case, groups of cases side by side."""
    caught = np.array([[case.id in v.catches for case in cases] for v in verdicts])
    figure, axes = _axes(1, 1, 4.5 + 0.06 * len(cases), 1.8 + 0.13 * len(verdicts))
    ax: Axes = axes[0, 0]
    ax.imshow(
        caught, aspect="auto", cmap=ListedColormap(["#f2f2f2", "#1f5f8b"]), interpolation="nearest", vmin=0, vmax=1
    )
    ax.set_yticks(range(len(verdicts)), [v.mistake.name for v in verdicts], fontsize=6.5)
    groups = [case.group for case in cases]
    starts = [i for i, group in enumerate(groups) if i == 0 or group != groups[i - 1]]
    ends = [*starts[1:], len(groups)]
    for start in starts[1:]:
        ax.axvline(start - 0.5, color="white", linewidth=2)
    middles = [(start + end - 1) / 2 for start, end in zip(starts, ends, strict=True)]
    ax.set_xticks(middles, [groups[start] for start in starts], rotation=60, ha="right", fontsize=8)
    ax.set_title(f"{len(verdicts)} mistakes, {len(cases)} cases: dark where the case catches the mistake")
    return figure
