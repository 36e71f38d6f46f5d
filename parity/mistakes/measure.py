"""What the case table is worth, as the mistakes that it catches. SPEC 30.6.

Every planted mistake runs on every case in float64. In float32 it runs until a case catches it: on the frozen set, and
on the rest of the table only where none of that does. A mistake is caught by a case if the reference then raises,
disagrees with torch, or gives other bits when it is called again. One that no case catches is a survivor; a case that
catches none has no place in the table.
"""

import os
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import cache, cached_property, partial
from multiprocessing import get_context

import numpy as np

from parity import oracles, subject, tolerance, vectors
from parity.cases import Arrays, Case, arrays
from parity.compare import CaseResult, compare, describe, errors
from parity.mistakes.mistake import Mistake, planted
from parity.vectors import Vector
from reference.arrays import Array

TUTORIAL = Case(
    "tutorial", "tutorial", "what tutorials test: one layer, one sequence, I = H, from rest, the last step asked for",
    T=5, B=1, I=4, H=4, h0=False, upstream="last",
)  # fmt: skip
TUTORIAL_LOOKS_AT = ("output", "d_weight_ih_l0", "d_weight_hh_l0", "d_bias_ih_l0", "d_bias_hh_l0")

PIECE = 32  # cases a process takes at a time
SECOND = "float32"  # the dtype in which a mistake runs until it is caught; in the other it runs on every case

Named = Mapping[str, Array]
Judge = Callable[[Named, Named], bool]


@dataclass(frozen=True)
class Catch:
    """How a case reports a mistake: where first, in words, and how many times the tolerance the error is there."""

    where: str
    factor: float


@dataclass(frozen=True)
class Verdict:
    """One mistake on every case: what catches it, and what other ways of comparing would catch of the same.

    catches: by case id, in the first dtype in which it shows. table, frozen: the dtypes in which a case of the
    table, and one of the frozen set, catches it.
    """

    mistake: Mistake
    catches: dict[str, Catch]
    table: frozenset[str]
    frozen: frozenset[str]
    assert_close: frozenset[str]
    allclose: frozenset[str]
    tutorial: bool

    @property
    def first(self) -> str | None:
        """The first case of the table that catches it."""
        return next(iter(self.catches), None)

    @property
    def survives(self) -> bool:
        """In some dtype no case of the table catches it."""
        return not self.table.issuperset(self.mistake.dtypes)


def within(rtol: float, atol: float) -> Judge:
    """Whether all of it agrees within `atol + rtol |wanted|`, NaN with NaN."""

    def judge(got: Named, wanted: Named) -> bool:
        return all(np.allclose(got[name], value, rtol, atol, equal_nan=True) for name, value in wanted.items())

    return judge


ASSERT_CLOSE = within(1e-7, 1e-7)  # `torch.testing.assert_close` in float64, but NaN is taken for NaN
NUMPY_ALLCLOSE = within(1e-5, 1e-8)


@dataclass(frozen=True)
class Bench:
    """One case in one dtype, its truth and its tolerance known before anything is planted."""

    case: Case
    dtype: str
    values: Arrays
    truth: dict[str, Array]
    allowed: dict[str, Array]

    @classmethod
    def of(cls, case: Case, dtype: str) -> "Bench":
        values = arrays(case).astype(dtype)
        with _quiet():
            truth = oracles.load("torch").run(case, values)
            allowed = {name: tolerance.allowed(case, name, dtype) for name in truth}  # a mistake must not widen its own
        return cls(case, dtype, values, truth, allowed)

    @classmethod
    def of_vector(cls, vector: Vector, dtype: str) -> "Bench":
        """The same of a frozen vector, with what stands in its files."""
        return cls(vector.case, dtype, vector.values.astype(dtype), dict(vector.expect), dict(vector.allowed[dtype]))

    @cached_property
    def _flat(self) -> tuple[Array, Array]:
        """Truth and allowed, all tensors after each other."""
        return _flat(self.truth, self.truth), _flat(self.allowed, self.truth)

    def run(self) -> dict[str, Array]:
        """The reference on the case, with whatever is planted in it."""
        with _quiet():
            return subject.run(self.case, self.values)

    def caught(self, twice: bool = True) -> tuple[Catch | None, dict[str, Array] | None]:
        """What reports a mistake, if anything does; and what was computed, unless it raised.

        twice: call it again, and want the same bits.
        """
        try:
            got = self.run()
            if not self._agrees(got):
                result = compare(self.case, "torch", self.dtype, got, self.truth, allowed=self.allowed)
                if not result.passed:
                    return _first(result), got
            again = self.run() if twice else got
        except Exception as error:
            return Catch(f"raises {type(error).__name__}: {str(error)[:60]}", np.inf), None
        for name, tensor in got.items():
            if tensor.tobytes() != again[name].tobytes():
                return Catch(f"{name} differs when it is computed again", np.inf), got
        return None, got

    def _agrees(self, got: Named) -> bool:
        """Whether all tensors are within their tolerance, seen at once: false says no more than to look closer."""
        alike = all(got[n].shape == t.shape and got[n].dtype == self.dtype for n, t in self.truth.items() if n in got)
        if not alike or not got.keys() >= self.truth.keys():
            return False
        truth, allowed = self._flat
        return bool((errors(_flat(got, self.truth), truth) <= allowed).all())


def _flat(tensors: Named, names: Mapping[str, Array]) -> Array:
    return np.concatenate([np.broadcast_to(tensors[name], names[name].shape).ravel() for name in names])


@contextmanager
def _quiet() -> Iterator[None]:
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _first(result: CaseResult) -> Catch:
    first = result.first
    assert first is not None
    if first.mismatch is None:
        return Catch(f"{first.tensor}: {first.problem}", np.inf)
    d = first.mismatch
    return Catch(describe(result.case, first.tensor, d.index), d.error / d.allowed if d.allowed else np.inf)


@dataclass(frozen=True)
class _Row:
    """One mistake on some cases in one dtype: what catches it, and where other ways of comparing would."""

    catches: dict[str, Catch]
    assert_close: set[str] = field(default_factory=set)
    allclose: set[str] = field(default_factory=set)


def measure(
    mistakes: Sequence[Mistake], cases: Sequence[Case], advance: Callable[[str], None] = lambda name: None
) -> list[Verdict]:
    """Every mistake on every case; on many cases in as many processes as there are cores.

    What the frozen set has of a cell stays together and in its order: what a mistake keeps from one case may show in
    the next.
    """
    frozen = sorted((case for case in cases if case.id in vectors.IDS), key=lambda case: vectors.IDS.index(case.id))
    rest = [case for case in cases if case.id not in vectors.IDS]
    pieces = [*_by_cell(frozen), *(rest[i : i + PIECE] for i in range(0, len(rest), PIECE))]
    with processes() if len(cases) > PIECE else nullcontext() as executor:
        spread: Callable[..., Iterator[list[_Row]]] = executor.map if executor else map
        found = spread(partial(_on_all, mistakes), pieces)
        second = executor.submit(_until_caught, mistakes, frozen, rest) if executor else None
        rows = []
        for piece in pieces:
            rows.append(next(found))
            advance(f"{len(piece)} cases")
        other = second.result() if second else _until_caught(mistakes, frozen, rest)
        advance("float32")
    return [_verdict(mistake, [row[i] for row in rows], other[i], frozen, cases) for i, mistake in enumerate(mistakes)]


def _by_cell(cases: Sequence[Case]) -> list[list[Case]]:
    return [[case for case in cases if case.cell == cell] for cell in dict.fromkeys(case.cell for case in cases)]


def steps(cases: Sequence[Case]) -> int:
    """How often `measure` reports that it has advanced."""
    frozen = [case for case in cases if case.id in vectors.IDS]
    return len(_by_cell(frozen)) + 1 + -(-(len(cases) - len(frozen)) // PIECE)


def processes() -> Executor:
    """Fresh processes: one that is forked shares the threads of torch, and hangs."""
    return ProcessPoolExecutor(os.cpu_count(), get_context("spawn"))


def _on_all(mistakes: Sequence[Mistake], cases: Sequence[Case]) -> list[_Row]:
    """Every mistake, in the first dtype in which it shows, on every case."""
    dtypes = {mistake.dtypes[0] for mistake in mistakes}
    benches = {dtype: [Bench.of(case, dtype) for case in cases] for dtype in dtypes}
    return [_on(mistake, benches[mistake.dtypes[0]]) for mistake in mistakes]


def concerned(mistake: Mistake, benches: Sequence[Bench]) -> Iterator[Bench]:
    """The cases in which it can show."""
    return (bench for bench in benches if mistake.concerns(bench.case.cell))


def _on(mistake: Mistake, benches: Sequence[Bench]) -> _Row:
    row = _Row({})
    with planted(mistake):
        for bench in concerned(mistake, benches):
            catch, got = bench.caught(mistake.keeps)
            if catch:
                row.catches[bench.case.id] = catch
            if got is None or not ASSERT_CLOSE(got, bench.truth):
                row.assert_close.add(bench.case.id)
            if got is None or not NUMPY_ALLCLOSE(got, bench.truth):
                row.allclose.add(bench.case.id)
    return row


def _until_caught(mistakes: Sequence[Mistake], frozen: Sequence[Case], rest: Sequence[Case]) -> list[str | None]:
    """In the second dtype the id of a case that catches each mistake: of the frozen set, if one of that does."""
    of_frozen = [Bench.of(case, SECOND) for case in frozen]  # before anything is planted
    found = [_first_to_catch(mistake, of_frozen) for mistake in mistakes]
    survivors = [m for m, by in zip(mistakes, found, strict=True) if by is None and SECOND in m.dtypes[1:]]
    of_rest = [Bench.of(case, SECOND) for case in rest] if survivors else []
    return [by or _first_to_catch(mistake, of_rest) for mistake, by in zip(mistakes, found, strict=True)]


def _first_to_catch(mistake: Mistake, benches: Sequence[Bench]) -> str | None:
    if SECOND not in mistake.dtypes[1:]:
        return None
    with planted(mistake):
        return next((bench.case.id for bench in concerned(mistake, benches) if bench.caught(mistake.keeps)[0]), None)


def _verdict(
    mistake: Mistake, rows: Sequence[_Row], other: str | None, frozen: Sequence[Case], cases: Sequence[Case]
) -> Verdict:
    catches = {case_id: catch for row in rows for case_id, catch in row.catches.items()}
    first, ids = mistake.dtypes[0], {case.id for case in frozen}
    second = {SECOND} if other else set()
    return Verdict(
        mistake,
        {case.id: catches[case.id] for case in cases if case.id in catches},
        table=frozenset(({first} if catches else set()) | second),
        frozen=frozenset(({first} if catches.keys() & ids else set()) | (second if other in ids else set())),
        assert_close=frozenset().union(*(row.assert_close for row in rows)),
        allclose=frozenset().union(*(row.allclose for row in rows)),
        tutorial=_seen_by_tutorials(mistake),
    )


def _seen_by_tutorials(mistake: Mistake) -> bool:
    bench = _tutorial(mistake.dtypes[0])
    with planted(mistake):
        _, got = bench.caught(mistake.keeps)
    return got is None or not ASSERT_CLOSE(got, {name: bench.truth[name] for name in TUTORIAL_LOOKS_AT})


@cache
def _tutorial(dtype: str) -> Bench:
    return Bench.of(TUTORIAL, dtype)


def idle(verdicts: Sequence[Verdict], cases: Sequence[Case]) -> list[str]:
    """The cases that catch no mistake."""
    return [case.id for case in cases if not any(case.id in v.catches for v in verdicts)]
