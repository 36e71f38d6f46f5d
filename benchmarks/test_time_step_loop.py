"""The time-step loop, forward and forward + backward: the reference beside PyTorch, shape by shape, dtype by dtype.

    pytest benchmarks                                                       everything, in some minutes
    pytest benchmarks -k "T1000 and float64"                                some of it
    pytest benchmarks -k "gru and forward_backward"                         one cell (the rnn: "not gru and not lstm")
    pytest benchmarks -k "T32-B1 or T100-B1-" --benchmark-disable           a smoke test: parity alone, nothing is timed
    pytest benchmarks --benchmark-json out.json                             the figures, for later comparison

(-k does not tell capitals from small letters: a bare "T32" is in "float32".)

Before a function is timed, what it returns is compared with what the other contender's returns, tensor by tensor,
within the tolerance of `python -m parity`. That comparison can fail; a time cannot. What is timed, and what is not, is
written at the contenders. Where both are timed, a table of their ratios ends the run.

Both contenders use the same number of threads, `--threads`, 1 unless told. More is a trap: NumPy's BLAS and torch keep
a pool of threads each, and in one process the two pools stall each other, so that a figure with more than one thread
says which pool lost, not which code is slower. With `--threads 2` let a process time one contender alone:

    pytest benchmarks --threads 2 -k reference --benchmark-json reference.json
    pytest benchmarks --threads 2 -k torch --benchmark-json torch.json

The other one then still runs once, for the comparison, but is idle while the clock runs.
"""

from collections.abc import Callable
from typing import Any

import pytest

from benchmarks.contenders import CONTENDERS, Contender, by_name
from parity.cases import BENCHMARKS, Case
from parity.compare import compare, message

pytestmark = [
    pytest.mark.parametrize("case_id", BENCHMARKS),
    pytest.mark.parametrize("dtype", ["float32", "float64"]),
    pytest.mark.parametrize("contender", CONTENDERS),  # last, so that the two of a pair are timed in succession
    pytest.mark.benchmark(warmup=True, warmup_iterations=20, min_rounds=9),
    pytest.mark.filterwarnings("ignore:Benchmark fixture was not used"),  # where parity fails, nothing is timed
]


def test_forward(benchmark: Any, case_id: str, dtype: str, contender: str, threads: int) -> None:
    """Output and last states. The reference also keeps what a backward pass needs; torch, under no_grad, does not."""
    _time(benchmark, "forward", BENCHMARKS[case_id], dtype, contender, threads)


def test_forward_backward(benchmark: Any, case_id: str, dtype: str, contender: str, threads: int) -> None:
    """The same; then the gradients of x, initial states and parameters, from upstream gradients on all of both."""
    _time(benchmark, "forward+backward", BENCHMARKS[case_id], dtype, contender, threads)


def _time(benchmark: Any, kind: str, case: Case, dtype: str, contender: str, threads: int) -> None:
    """Compare what the function returns with what the other contender's returns, then time it."""
    functions = {name: _method(make(case, dtype), kind) for name, make in CONTENDERS.items()}
    got, wanted = (by_name(functions[name]()) for name in ("reference", "torch"))
    parity = compare(case, "torch", dtype, got, wanted)
    if not parity.passed:
        pytest.fail(message(parity), pytrace=False)
    assert {t.dtype.name for t in wanted.values()} == {dtype}
    sizes = {"T": case.T, "B": case.B, "I": case.I, "H": case.H}
    pool = f"{threads} thread{'s' * (threads > 1)}"
    benchmark.group = " ".join([kind, case.cell, *(f"{name}{size}" for name, size in sizes.items()), dtype, pool])
    benchmark.extra_info |= sizes | {
        "cell": case.cell,
        "kind": kind,
        "dtype": dtype,
        "threads": threads,
        "contender": contender,
        "parity_share": parity.share,
    }
    benchmark.name = contender  # the group says the rest
    benchmark(functions[contender])


def _method(contender: Contender, kind: str) -> Callable[[], dict[str, Any]]:
    return contender.forward if kind == "forward" else contender.forward_backward
