"""How the cost of the reference grows: `python -m benchmarks.growth`, which `python -m benchmarks` starts. JSON.

Time per step by T, memory by SPEC 23.4, ragged batches, layers and directions, a loss on the last step alone, a million
steps. One process, one thread; what is compared takes turns, and the figure is the median over turns of their ratio.
"""

import argparse
import json
import sys
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from threadpoolctl import threadpool_limits
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

import reference
from benchmarks.memory import keep_freed_memory
from reference.arrays import Array

LONG = {(1, 64): (100, 1_000, 10_000, 100_000), (16, 128): (100, 1_000, 10_000, 100_000)}  # T by (B, H); I = 8
EVERY = 100  # steps from one checkpoint to the next
RAGGED = ((100, 8, 64, 64), (100, 32, 64, 64), (100, 32, 128, 128), (128, 64, 256, 256))  # T, B, I, H
MILLION = 1_000_000
Do = Callable[[], object]


@dataclass(frozen=True)
class Work:
    """A network of random values in float32, and upstream gradients on every step of its output."""

    rnn: reference.RNN
    params: dict[str, Array]
    x: Array
    d_output: Array

    @classmethod
    def of(cls, T: int, B: int, I: int, H: int, **options: Any) -> "Work":
        rng = np.random.default_rng(0)
        rnn = reference.RNN(I, H, **options)
        return cls(
            rnn,
            rnn.init(rng, np.float32),
            rng.standard_normal((T, B, I), dtype=np.float32),
            rng.standard_normal((T, B, rnn.output_features), dtype=np.float32),
        )

    def forward(self, **options: Any) -> reference.RecurrentTrace:
        return self.rnn.forward(self.params, self.x, **options)

    def both(self, **options: Any) -> reference.RecurrentGradients:
        """Forward and backward."""
        return self.rnn.backward(self.params, self.forward(**options), self.d_output)

    def torch(self, lengths: Array | None = None) -> Do:
        """The same in torch, packed where there are lengths."""
        twin = torch.nn.RNN(self.rnn.input_size, self.rnn.hidden_size)
        twin.load_state_dict({name: torch.from_numpy(p) for name, p in self.params.items()})
        x, upstream = torch.from_numpy(self.x).requires_grad_(), torch.from_numpy(self.d_output)
        leaves = [x, *twin.parameters()]

        def both() -> object:
            if lengths is None:
                output, _ = twin(x)
            else:
                packed, _ = twin(pack_padded_sequence(x, torch.from_numpy(lengths), enforce_sorted=False))
                output, _ = pad_packed_sequence(packed, total_length=len(x))
            return torch.autograd.grad(output, leaves, upstream)

        return both


def seconds(turns: int, **contenders: Do) -> dict[str, list[float]]:
    """Of each, in turns whose order alternates, after one to warm up."""
    found: dict[str, list[float]] = {name: [] for name in contenders}
    for do in contenders.values():
        do()
    for turn in range(turns):
        for name, do in list(contenders.items())[:: -1 if turn % 2 else 1]:
            start = time.perf_counter()
            do()
            found[name].append(time.perf_counter() - start)
    return found


def ratio(found: dict[str, list[float]], one: str, other: str) -> float:
    """The median over turns of one / other."""
    return float(np.median(np.array(found[one]) / np.array(found[other])))


def peak(do: Do) -> int:
    """The most bytes that were allocated at one time while it ran, above those before."""
    tracemalloc.start()
    do()
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return most


def time_per_step(turns: int) -> list[dict[str, Any]]:
    """Microseconds a step, forward + backward, with the whole trace and with checkpoints."""
    found = []
    for (B, H), lengths in LONG.items():
        for T in lengths:
            work = Work.of(T, B, 8, H)
            many = max(1, 10_000 // T)  # calls in a sample
            whole, checkpoints = work.both, partial(work.both, checkpoint_every=EVERY)
            took = seconds(turns, whole=partial(_repeat, whole, many), checkpoints=partial(_repeat, checkpoints, many))
            found += [
                {"T": T, "B": B, "H": H, "what": what, "microseconds": 1e6 * float(np.median(s)) / T / many}
                for what, s in took.items()
            ]
            _done(f"time per step {T} {B} {H}")
    return found


def _done(stage: str) -> None:
    print(f"done: {stage}", file=sys.stderr, flush=True)


def _repeat(do: Do, times: int) -> None:
    for _ in range(times):
        do()


def memory() -> list[dict[str, Any]]:
    """Bytes at the peak against the formula of SPEC 23.4."""
    T, B, I, H, k = 10_000, 4, 24, 32, 100
    work = Work.of(T, B, I, H)
    traces = work.forward(), work.forward(checkpoint_every=k)

    def back(trace: reference.RecurrentTrace) -> Do:
        return lambda: work.rnn.backward(work.params, trace, work.d_output)

    chunk = k * B * (4 * H + I)
    rows: list[tuple[str, Do, int]] = [
        ("forward", work.forward, 2 * T * B * H),
        ("backward", back(traces[0]), T * B * (2 * H + I)),
        (
            f"forward, checkpoint_every={k}",
            lambda: work.forward(checkpoint_every=k),
            T * B * H * (k + 1) // k + 2 * k * B * H,
        ),
        (f"backward, checkpoint_every={k}", back(traces[1]), T * B * I + chunk),
        ("infer", lambda: work.rnn.infer(work.params, work.x), T * B * H),
    ]
    found = [{"what": what, "bytes": peak(do), "formula": 4 * numbers} for what, do, numbers in rows]
    _done("memory")
    return found


def ragged(turns: int) -> list[dict[str, Any]]:
    """Lengths drawn from 1..T: the share of real steps, and the time against a full batch and against torch, packed."""
    found = []
    for T, B, I, H in RAGGED:
        work = Work.of(T, B, I, H)
        lengths = np.random.default_rng(1).integers(1, T + 1, B)
        took = seconds(turns, ragged=partial(work.both, lengths=lengths), full=work.both, torch=work.torch(lengths))
        found.append(
            {
                "sizes": [T, B, I, H],
                "real": float(lengths.mean() / T),
                "ragged / full": ratio(took, "ragged", "full"),
                "ragged / torch": ratio(took, "ragged", "torch"),
            }
        )
        _done(f"ragged {T} {B} {I} {H}")
    return found


def stacks(turns: int) -> list[dict[str, Any]]:
    """Three layers in two directions against six calls of one: input sizes as in the stack."""
    found = []
    for T, B, H in ((100, 1, 64), (100, 32, 128)):
        whole = Work.of(T, B, H, H, num_layers=3, bidirectional=True)
        lowest, upper = Work.of(T, B, H, H), Work.of(T, B, 2 * H, H)

        def parts(lowest: Work = lowest, upper: Work = upper) -> None:
            for part in (lowest, lowest, upper, upper, upper, upper):
                part.both()

        took = seconds(turns, whole=whole.both, parts=parts)
        found.append({"sizes": [T, B, H, H], "whole / parts": ratio(took, "whole", "parts")})
        _done(f"stacks {T} {B} {H}")
    return found


def last_step(turns: int) -> dict[str, float]:
    """A loss on the last step of 1000 alone, whose gradient fades on the way back, against one on every step.

    flushed: with denormal numbers taken for 0, which SPEC 9.2 admits.
    """
    every = Work.of(1_000, 32, 128, 128)
    gradient = np.zeros_like(every.d_output)
    gradient[-1] = every.d_output[-1]
    last = Work(every.rnn, every.params, every.x, gradient)

    def flushed() -> None:
        torch.set_flush_denormal(True)
        last.both()
        torch.set_flush_denormal(False)

    took = seconds(
        turns, last=last.both, every=every.both, flushed=flushed, torch=last.torch(), torch_every=every.torch()
    )
    _done("last step")
    return {
        "last / every": ratio(took, "last", "every"),
        "flushed / last": ratio(took, "flushed", "last"),
        "torch, last / every": ratio(took, "torch", "torch_every"),
        "last / torch": ratio(took, "last", "torch"),
    }


def million(T: int) -> dict[str, float]:
    """Forward + backward with checkpoints through a million steps, B = 1, I = 8, H = 64."""
    work = Work.of(T, 1, 8, 64)
    trace = []
    start = time.perf_counter()
    work.both(checkpoint_every=EVERY)
    took = time.perf_counter() - start
    most = peak(lambda: trace.append(work.forward(checkpoint_every=EVERY)))
    most_back = peak(lambda: work.rnn.backward(work.params, trace[0], work.d_output))
    _done("a million steps")
    results = work.d_output.nbytes + work.x.nbytes  # as large as output and dx
    return {"T": T, "seconds": took, "bytes beside output and dx": most + most_back - results}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--turns", type=int, required=True)
    options = parser.parse_args()
    torch.set_num_threads(1)
    keep_freed_memory()
    turns = options.turns
    with threadpool_limits(limits=1, user_api="blas"):
        found = {
            "time per step": time_per_step(max(3, turns // 3)),
            "memory": memory(),
            "ragged": ragged(turns),
            "stacks": stacks(turns),
            "last step": last_step(turns),
            "million": million(MILLION),
        }
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
