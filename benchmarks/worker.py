"""One process that measures: `python -m benchmarks.worker`, which `python -m benchmarks` starts. Prints JSON.

Contenders take turns, sample by sample, so that a change in the machine's load meets all of them; what is compared are
samples of the same turn. Each contender is warmed up first, and what it returns has been compared with the reference.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import torch

from benchmarks import contenders
from benchmarks.contenders import by_name
from benchmarks.memory import keep_freed_memory
from parity.cases import BENCHMARKS, Case
from parity.compare import compare, message

KINDS = ("forward", "forward_backward")
CLASSES: dict[str, Any] = {
    "reference": contenders.Reference,
    "torch": contenders.Torch,
    "jax": contenders.Jax,
    "onnxruntime": contenders.OnnxRuntime,
    "floor": contenders.Floor,
}
ENOUGH = 0.004  # seconds of one sample: several calls, where one is shorter


def able(name: str, kind: str, dtype: str) -> bool:
    """Whether a contender can do it."""
    return name != "onnxruntime" or (kind, dtype) == ("forward", "float32")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--turns", type=int, required=True)
    for name in ("contenders", "kinds", "dtypes", "cases"):
        parser.add_argument(f"--{name}", nargs="+", required=True)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    keep_freed_memory()
    found = []
    from threadpoolctl import threadpool_limits  # of the extra `bench`: what does not time anything goes without

    with threadpool_limits(limits=options.threads, user_api="blas"):
        for case_id in options.cases:
            for dtype in options.dtypes:
                for kind in options.kinds:
                    names = [name for name in options.contenders if able(name, kind, dtype)]
                    samples = measure(BENCHMARKS[case_id], dtype, kind, names, options.turns)
                    print(f"done: {case_id} {dtype} {kind}", file=sys.stderr, flush=True)
                    found.append({"case": case_id, "dtype": dtype, "kind": kind, "seconds": samples})
    json.dump(found, sys.stdout)


def measure(case: Case, dtype: str, kind: str, names: list[str], turns: int) -> dict[str, list[float]]:
    """Seconds of a call, for each contender and turn."""
    calls = {name: partial(getattr(CLASSES[name](case, dtype), kind)) for name in names}
    wanted = by_name(getattr(contenders.Reference(case, dtype), kind)())
    for name, call in calls.items():
        if name not in ("reference", "floor"):
            _require_parity(case, dtype, name, call(), wanted)
    many = {name: _calls_in_a_sample(call) for name, call in calls.items()}
    samples: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(turns):
        for name in names if turn % 2 else reversed(names):
            samples[name].append(_sample(calls[name], many[name]))
    return samples


def _require_parity(case: Case, dtype: str, name: str, got: dict[str, Any], wanted: dict[str, Any]) -> None:
    result = compare(case, name, dtype, wanted, by_name(got))
    assert result.passed, message(result)


def _calls_in_a_sample(call: Callable[[], object]) -> int:
    """How many calls make a sample that is long enough to be timed; after some to warm up."""
    for _ in range(3):
        call()
    return max(1, round(ENOUGH / _sample(call, 3)))


def _sample(call: Callable[[], object], many: int) -> float:
    start = time.perf_counter()
    for _ in range(many):
        call()
    return (time.perf_counter() - start) / many


if __name__ == "__main__":
    main()
