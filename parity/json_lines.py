"""A framework of another language as a port: `python -m parity.json_lines PROGRAM ...` asks it in lines of JSON.

The program reads a line a case, and answers each with one. What it gets is what `parity.adapter` makes of a case:

    {"c": {"T": 7, "cell": "rnn", "bias": true, ..., "asked": ["output", ...]},
     "inputs": {"x": A, "h0": A, "weight_ih_l0": A, ...}, "fixed": {"real": A, "target": A, "weights": A},
     "above": {"output": A, ...}}                                   above: empty where no gradient is asked for

and what it gives, `gradients` being of the inputs, {"outputs": {"output": A, ...}, "gradients": {"x": A, ...}}, or
{"error": TEXT}. An array A is {"shape": [7, 3, 4], "data": base64 of its numbers}, little-endian, in C order, of the
dtype of x, which stands in c. SPEC 10.5.
"""

import json
import subprocess
import sys
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import IO, Any

import numpy as np

from parity.adapter import Forward, Named, Problem, Product, network, serve
from reference.arrays import Array


@contextmanager
def functions(command: Sequence[str]) -> Iterator[tuple[Forward, Product]]:
    """Forward and vector-Jacobian product, by a program that runs until the end of the block."""
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8") as program:
        assert program.stdin is not None
        assert program.stdout is not None
        try:
            yield _functions(" ".join(command), program.stdin, program.stdout)
        finally:
            with suppress(BrokenPipeError):  # it has ended by itself
                program.stdin.close()


def _functions(name: str, writes: IO[str], reads: IO[str]) -> tuple[Forward, Product]:
    def forward(inputs: Named, problem: Problem) -> Named:
        """The outputs, and, `d_` before their names, the gradients of the inputs."""
        given = {name: array for name, array in inputs.items() if name != "above"}
        dtype = np.asarray(given["x"]).dtype
        fixed = {name: getattr(problem, name) for name in ("real", "target", "weights")}
        arrays = {"inputs": given, "fixed": fixed, "above": inputs.get("above", {})}
        question: Named = {"c": vars(problem.case) | {"asked": problem.asked, "dtype": dtype.name}}
        question |= {name: _packed(each, dtype) for name, each in arrays.items()}
        with suppress(BrokenPipeError):
            print(json.dumps(question, default=str), file=writes, flush=True)
        if not (line := reads.readline()):
            raise RuntimeError(f"{name} has ended")
        answer = json.loads(line)
        if "error" in answer:
            raise RuntimeError(answer["error"])
        found = answer["outputs"] | {f"d_{name}": d for name, d in answer["gradients"].items()}
        return {name: _unpacked(array, dtype) for name, array in found.items()}

    def vjp(f: Callable[[Named], Named], inputs: Named, upstream: Named) -> tuple[Named, Named]:
        found = f(inputs | {"above": upstream})
        return found, {name: found.pop(f"d_{name}") for name in inputs if f"d_{name}" in found}

    return forward, vjp


def _packed(arrays: Named, dtype: Any) -> Named:
    there = {name: np.asarray(array, dtype) for name, array in arrays.items() if array is not None}
    return {name: {"shape": a.shape, "data": b64encode(a.tobytes()).decode()} for name, a in there.items()}


def _unpacked(array: dict[str, Any], dtype: Any) -> Array:
    return np.frombuffer(b64decode(array["data"]), dtype).reshape(array["shape"])


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("usage: python -m parity.json_lines PROGRAM [ARGUMENT ...]")
    with functions(sys.argv[1:]) as both:
        serve(network(*both))
