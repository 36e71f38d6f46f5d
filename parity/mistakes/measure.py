"""`python -m parity bugs`: what the case table is worth, as the mistakes that it catches. SPEC 9.9.

Every planted mistake runs on every case. A mistake is caught by a case if the reference then raises, disagrees with
torch, or gives other bits when it is called again. One that no case catches is a survivor; a case that catches none has
no place in the table.
"""

import argparse
import json
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.markup import escape
from rich.table import Table

from parity import oracles, report, runner, subject, tolerance
from parity.cases import CASES, Case, arrays
from parity.compare import CaseResult, compare, describe
from parity.mistakes import MISTAKES, Mistake, planted
from reference.arrays import Array

TUTORIAL = Case(
    "tutorial", "tutorial", "what tutorials test: one layer, one sequence, I = H, from rest, the last step asked for",
    T=5, B=1, I=4, H=4, h0=False, upstream="last",
)  # fmt: skip
TUTORIAL_LOOKS_AT = ("output", "d_weight_ih_l0", "d_weight_hh_l0", "d_bias_ih_l0", "d_bias_hh_l0")

Named = Mapping[str, Array]
Judge = Callable[[Named, Named], bool]


@dataclass(frozen=True)
class Catch:
    """How a case reports a mistake: where first, in words, and how many times the tolerance the error is there."""

    where: str
    factor: float


@dataclass(frozen=True)
class Verdict:
    """One mistake on every case: what catches it, and what other ways of comparing would catch of the same."""

    mistake: Mistake
    catches: dict[str, Catch]  # by case id
    assert_close: frozenset[str]
    allclose: frozenset[str]
    tutorial: bool

    @property
    def first(self) -> str | None:
        """The first case of the table that catches it."""
        return next(iter(self.catches), None)


def within(rtol: float, atol: float) -> Judge:
    """Whether all of it agrees within `atol + rtol |wanted|`, NaN with NaN."""

    def judge(got: Named, wanted: Named) -> bool:
        return all(np.allclose(got[name], value, rtol, atol, equal_nan=True) for name, value in wanted.items())

    return judge


NUMPY_ALLCLOSE = within(1e-5, 1e-8)


@dataclass(frozen=True)
class Bench:
    """One case in one dtype, its truth and its tolerance known before anything is planted."""

    case: Case
    dtype: str
    truth: dict[str, Array]

    @classmethod
    def of(cls, case: Case, dtype: str) -> "Bench":
        torch = oracles.load("torch")
        truth = torch.run(case, arrays(case).astype(dtype))
        tolerance.sigma(case, dtype)  # kept by case: a mistake must not widen its own tolerance
        return cls(case, dtype, truth)

    def run(self) -> dict[str, Array]:
        """The reference on the case, with whatever is planted in it."""
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return subject.run(self.case, arrays(self.case).astype(self.dtype))

    def caught(self) -> tuple[Catch | None, dict[str, Array] | None]:
        """What reports a mistake, if anything does; and what was computed, unless it raised."""
        try:
            got = self.run()
            result = compare(self.case, "torch", self.dtype, got, self.truth)
            if not result.passed:
                return _first(result), got
            again = self.run()
        except Exception as error:
            return Catch(f"raises {type(error).__name__}: {str(error)[:60]}", np.inf), None
        for name, tensor in got.items():
            if tensor.tobytes() != again[name].tobytes():
                return Catch(f"{name} differs when it is computed again", np.inf), got
        return None, got


def _first(result: CaseResult) -> Catch:
    first = result.first
    assert first is not None
    if first.mismatch is None:
        return Catch(f"{first.tensor}: {first.problem}", np.inf)
    d = first.mismatch
    return Catch(describe(result.case, first.tensor, d.index), d.error / d.allowed if d.allowed else np.inf)


def measure(
    mistakes: Sequence[Mistake], cases: Sequence[Case], advance: Callable[[str], None] = lambda name: None
) -> list[Verdict]:
    """Every mistake on every case."""
    benches = {(case.id, dtype): Bench.of(case, dtype) for dtype in _dtypes(mistakes) for case in (*cases, TUTORIAL)}
    verdicts = []
    for mistake in mistakes:
        advance(mistake.name)
        catches, close, numpy = {}, set(), set()
        with planted(mistake):
            for case in cases:
                bench = benches[case.id, mistake.dtype]
                catch, got = bench.caught()
                if catch:
                    catches[case.id] = catch
                if got is None or not assert_close(got, bench.truth):
                    close.add(case.id)
                if got is None or not NUMPY_ALLCLOSE(got, bench.truth):
                    numpy.add(case.id)
            tutorial = benches[TUTORIAL.id, mistake.dtype]
            _, got = tutorial.caught()
            seen = {name: tutorial.truth[name] for name in TUTORIAL_LOOKS_AT}
            passes = got is not None and assert_close(got, seen)
        verdicts.append(Verdict(mistake, catches, frozenset(close), frozenset(numpy), not passes))
    return verdicts


def assert_close(got: Named, wanted: Named) -> bool:
    """`torch.testing.assert_close`, its defaults: NaN is taken for NaN, or the correct reference would fail too."""
    close: Judge = oracles.load("torch").assert_close  # type: ignore[attr-defined]
    return close(got, wanted)


def _dtypes(mistakes: Sequence[Mistake]) -> list[str]:
    return [dtype for dtype in runner.DTYPES if any(m.dtype == dtype for m in mistakes)]


def idle(verdicts: Sequence[Verdict], cases: Sequence[Case]) -> list[str]:
    """The cases that catch no mistake."""
    return [case.id for case in cases if not any(case.id in v.catches for v in verdicts)]


def table(verdicts: Sequence[Verdict]) -> Table:
    """One row a mistake: how many cases catch it, which report first, and by how much."""
    caption = "factor: error / allowed where it is reported first; inf where an exact value was missed"
    found = Table(title="Planted mistakes", caption=caption)
    found.add_column("#", justify="right")
    found.add_column("mistake", no_wrap=True)
    for name in ("cases", "assert_\nclose", "all-\nclose"):
        found.add_column(name, justify="right", no_wrap=True)
    found.add_column("tuto-\nrial", no_wrap=True)
    found.add_column("first reported by", no_wrap=True, max_width=32)
    found.add_column("where", no_wrap=True)
    found.add_column("factor", justify="right", no_wrap=True)
    for number, v in enumerate(verdicts, start=1):
        first = v.catches[v.first] if v.first else None
        found.add_row(
            str(number),
            v.mistake.name,
            str(len(v.catches)),
            str(len(v.assert_close)),
            str(len(v.allclose)),
            "caught" if v.tutorial else "-",
            v.first or "[bold red]SURVIVES[/]",
            escape(first.where) if first else "",
            f"{first.factor:.2g}" if first else "",
        )
    return found


def matrix(verdicts: Sequence[Verdict], cases: Sequence[Case]) -> str:
    """A line a case, a column a mistake in the order of the table: █ where the case catches it."""
    tens = "".join(str(n // 10 % 10) if n % 10 == 0 else " " for n in range(1, len(verdicts) + 1))
    lines = ["".join("█" if case.id in v.catches else "·" for v in verdicts) + f"  {case.id}" for case in cases]
    return "\n".join([tens, *lines])


def closing(verdicts: Sequence[Verdict], cases: Sequence[Case]) -> str:
    """How many mistakes were caught: by the table, and by other ways of looking at the same."""
    survivors = [v.mistake.name for v in verdicts if not v.catches]
    without = idle(verdicts, cases)
    n = len(verdicts)
    lines = [
        f"{n - len(survivors)} of {n} mistakes are caught by {len(cases)} cases within 8 σ: {len(survivors)} survive"
        + (f" ({', '.join(survivors)})" if survivors else ""),
        f"{sum(bool(v.assert_close) for v in verdicts)} of {n} by the same cases under torch.testing.assert_close, "
        f"{sum(bool(v.allclose) for v in verdicts)} under numpy.allclose; "
        f"{sum(v.tutorial for v in verdicts)} by the usual tutorial case under assert_close",
        f"{len(without)} of {len(cases)} cases catch none" + (f": {', '.join(without)}" if without else ""),
    ]
    return "\n".join(lines)


def write_json(path: Path, verdicts: Sequence[Verdict], cases: Sequence[Case]) -> None:
    """Every mistake: what it is, and each case that catches it with where and by what factor."""
    document = {
        "cases": [case.id for case in cases],
        "mistakes": [
            {
                "name": v.mistake.name,
                "where": f"reference.{v.mistake.where}",
                "right": v.mistake.right,
                "wrong": v.mistake.wrong,
                "says": v.mistake.says,
                "met": v.mistake.met,
                "dtype": v.mistake.dtype,
                "caught_by": {
                    case: {"where": c.where, "factor": c.factor if np.isfinite(c.factor) else str(c.factor)}
                    for case, c in v.catches.items()
                },
                "assert_close": sorted(v.assert_close),
                "allclose": sorted(v.allclose),
                "tutorial": v.tutorial,
            }
            for v in verdicts
        ],
    }
    path.write_text(json.dumps(document, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `python -m parity bugs`."""
    parser.add_argument("-k", metavar="TEXT", help="only the mistakes whose name contains TEXT")
    parser.add_argument("--case", metavar="TEXT", help="only the cases whose id contains TEXT (or is TEXT)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every mistake, and what catches it where")


def main(options: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    """Prints the table, the matrix and the totals; 0 if every mistake is caught and every case catches one, else 1.

    Of a part of the table, chosen by an option, only the mistakes are judged: the cases that catch none are not.
    """
    mistakes = [m for m in MISTAKES.values() if options.k is None or options.k in m.name]
    cases = runner.select(options.case, None)
    if not mistakes:
        parser.error(f"no mistake has {options.k!r} in its name")
    if not cases:
        parser.error(f"no case has {options.case!r} in its id")
    if options.json and not options.json.parent.is_dir():
        parser.error(f"cannot write {options.json}: there is no folder {options.json.parent}")
    with report.progress() as progress:
        task = progress.add_task("tolerances and oracles", total=len(mistakes))
        verdicts = measure(mistakes, cases, lambda name: progress.update(task, description=name, advance=1))
    console = report.console(width=180)
    console.print(table(verdicts))
    console.print(matrix(verdicts, cases), highlight=False, soft_wrap=True)
    console.print(closing(verdicts, cases), soft_wrap=True)
    if options.json:
        write_json(options.json, verdicts, cases)
    survived = any(not v.catches for v in verdicts)
    whole = len(mistakes) == len(MISTAKES) and len(cases) == len(CASES)
    return int(survived or (whole and bool(idle(verdicts, cases))))
