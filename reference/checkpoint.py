"""A series too long to keep all of: every k-th state is kept, and the rest computed again where it is needed. SPEC 7.4.

The stack, forward and backward, called chunk by chunk as SPEC 7.2 has it; no mathematics of its own. One direction.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from reference.arrays import Array
from reference.cells.rnn import Weights
from reference.stack import StackGradients, StackTrace

Forward: TypeAlias = Callable[..., StackTrace]
Backward: TypeAlias = Callable[..., StackGradients]


@dataclass(frozen=True)
class Checkpoints:
    """The state before every chunk of `every` steps, (L, B, H) each, and the input x (T, B, I). SPEC 7.4."""

    x: Array
    states: tuple[Array, ...]
    every: int


@dataclass(frozen=True)
class Chunk:
    """Some steps in succession of the sequences that reach them; lengths are those of the parts. SPEC 7.2."""

    time: slice
    batch: Array | slice
    lengths: Array | None

    def of(self, series: Array) -> Array:
        """The chunk of a series, (T, B, F)."""
        return series[self.time][:, self.batch]

    def of_masks(self, masks: Array | None) -> Array | None:
        """The chunk of the dropout masks, (L-1, T, B, F)."""
        return None if masks is None else masks[:, self.time][:, :, self.batch]


def chunks(T: int, lengths: Array | None, every: int) -> Iterator[Chunk]:
    """The chunks of `every` steps, the last of fewer."""
    for start in range(0, T, every):
        time = slice(start, min(start + every, T))
        if lengths is None:
            yield Chunk(time, slice(None), None)
        else:
            batch = np.flatnonzero(lengths > start)
            yield Chunk(time, batch, np.minimum(lengths[batch], time.stop) - start)


def forward(
    run: Forward,
    x: Array,
    h0: Array,
    lengths: Array | None,
    masks: Array | None,
    every: int,
    output: Array,
) -> Iterator[Array]:
    """Chunk by chunk into output (T, B, H): yields the state before every chunk, then h_n. SPEC 7.2, 7.4.

    run(x, h0, lengths, masks) is the stack, forward.
    """
    state = h0.copy()  # the caller's, who may go on with it
    for chunk in chunks(x.shape[0], lengths, every):
        yield state
        trace = run(chunk.of(x), state[:, chunk.batch], chunk.lengths, chunk.of_masks(masks))
        output[chunk.time][:, chunk.batch] = trace.output
        state = state.copy()
        state[:, chunk.batch] = trace.h_n
    yield state


def backward(
    run: Forward,
    back: Backward,
    checkpoints: Checkpoints,
    d_output: Array,
    d_h_n: Array,
    lengths: Array | None,
    masks: Array | None,
) -> StackGradients:
    """Every chunk forward again, then backward, the last chunk first. SPEC 7.2, 7.4.

    back(layers, d_output, d_h_n, lengths, masks) is the stack, backward. What it returns has no layers here.
    """
    x = checkpoints.x
    dx = np.zeros_like(x)
    d_state = d_h_n.copy()  # of a sequence that ends before a chunk it is still d_h_n there
    pooled: list[list[Weights]] = []
    parts = zip(chunks(x.shape[0], lengths, checkpoints.every), checkpoints.states, strict=True)
    for chunk, state in reversed(list(parts)):
        part_masks = chunk.of_masks(masks)
        trace = run(chunk.of(x), state[:, chunk.batch], chunk.lengths, part_masks)
        grads = back(trace.layers, chunk.of(d_output), d_state[:, chunk.batch], chunk.lengths, part_masks)
        dx[chunk.time][:, chunk.batch] = grads.x
        d_state[:, chunk.batch] = grads.h0
        pooled = _sum(pooled, grads.weights) if pooled else grads.weights
    return StackGradients((), dx, d_state, pooled)


def _sum(a: list[list[Weights]], b: list[list[Weights]]) -> list[list[Weights]]:
    """Layer by layer, direction by direction."""
    return [[one + other for one, other in zip(*layer, strict=True)] for layer in zip(a, b, strict=True)]
