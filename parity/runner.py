"""Puts the reference before the oracles, case by case."""

from collections.abc import Iterator, Sequence

from parity import oracles, subject
from parity.cases import BENCHMARKS, CASES, Case, arrays
from parity.compare import CaseResult, compare

DTYPES = ("float64", "float32")


def select(keyword: str | None, cell: str | None) -> list[Case]:
    """The cases of a cell whose id contains the keyword; where the keyword is an id, that case alone.

    The shapes of the benchmarks are chosen by their whole id only: their tolerances take seconds.
    """
    named = (CASES | BENCHMARKS).get(keyword or "")
    chosen = [named] if named else [case for case in CASES.values() if keyword is None or keyword in case.id]
    return [case for case in chosen if cell in (None, case.cell)]


def check(case: Case, dtype: str, oracle_names: Sequence[str], device: str = "cpu") -> Iterator[CaseResult]:
    """One result for each oracle that speaks for the case; and torch against the truth. SPEC 30.1, 30.5."""
    values = arrays(case).astype(dtype)
    found = subject.run(case, values)
    got = found | subject.projections(case, found)
    chosen = {name: oracles.load(name) for name in oracle_names}
    said = {name: oracle.run(case, values, device) for name, oracle in chosen.items() if oracle.supports(case)}
    for name, wanted in said.items():
        yield compare(case, name, dtype, got, wanted)
    if "torch" in said and "enclosure" in said:
        yield compare(case, "enclosure", dtype, said["torch"], said["enclosure"], who="torch")
