"""Answers of a port made in memory: what the reference gives on a vector, changed by hand."""

from collections.abc import Callable, Iterable

import numpy as np

from parity import subject, vectors
from parity.compare import CaseResult, TensorResult, compare_tensor
from parity.ports.verdict import Outcome
from reference.arrays import Array

VECTORS = {vector.case.id: vector for vector in vectors.frozen()}

Change = Callable[[dict[str, Array]], object]


def answer(case_id: str, change: Change = lambda got: None, dtype: str = "float64") -> Outcome:
    """The right answer, changed in place; judged as the runner does."""
    vector = VECTORS[case_id]
    with np.errstate(all="ignore"):
        run = subject.run(vector.case, vector.values.astype(dtype))
    got = {name: np.array(tensor) for name, tensor in run.items()}
    change(got)
    return judged(case_id, got, dtype)


def judged(case_id: str, got: dict[str, Array], dtype: str = "float64", asked: Iterable[str] | None = None) -> Outcome:
    """The verdict on these tensors. asked: all, if not said otherwise."""
    vector = VECTORS[case_id]
    results: list[TensorResult] = [
        compare_tensor(vector.case, name, dtype, got.get(name), vector.expect[name], vector.allowed[dtype][name])
        for name in asked or vector.expect
    ]
    result = CaseResult(vector.case, "the truth", dtype, tuple(results), "port")
    return Outcome(vector, dtype, "pass" if result.passed else "fail", result=result, got=got)
