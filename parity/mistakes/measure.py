"""What the case table is worth, as the mistakes that it catches. SPEC 30.6.

Every planted mistake runs on every case. A mistake is caught by a case if the reference then raises, disagrees with
torch, or gives other bits when it is called again. One that no case catches is a survivor; a case that catches none has
no place in the table.
"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from parity import oracles, runner, subject, tolerance
from parity.cases import Case, arrays
from parity.compare import CaseResult, compare, describe
from parity.mistakes import Mistake, planted
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
