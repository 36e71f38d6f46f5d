"""A series too long to keep all of: every k-th state is kept, and the rest computed again where needed. SPEC 23.3.

The stack, forward and backward, called chunk by chunk as SPEC 23.2 has it; no mathematics of its own. One direction.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from reference import stack
from reference.arrays import Array
from reference.cells import Cell
from reference.columns import States
from reference.packing import Packing
from reference.parameters import StackParameters
from reference.stack import Batch, StackGradients


@dataclass(frozen=True)
class Checkpoints:
    """The states before every chunk of `every` steps, (L, B, ·) each, and the input x (T, B, I). SPEC 23.3."""

    x: Array
    states: tuple[States, ...]
    every: int


@dataclass(frozen=True)
class _Chunk:
    """Some steps in succession of the sequences that reach them; lengths are those of the parts. SPEC 23.2."""

    time: slice
    batch: Array | slice
    lengths: Array | None

    def of(self, series: Array) -> Array:
        """The chunk of a series, (T, B, F)."""
        return series[self.time][:, self.batch]

    def states(self, states: States) -> States:
        """The states, (L, B, ·), of the sequences that reach it."""
        return {name: state[:, self.batch] for name, state in states.items()}

    def part(self, batch: Batch) -> Batch:
        """The batch in this chunk."""
        packing, masks = batch.packing, batch.masks
        B = packing.B if self.lengths is None else len(self.lengths)
        kept = None if masks is None else masks[:, self.time][:, :, self.batch]
        return Batch(Packing(self.time.stop - self.time.start, B, self.lengths), kept, batch.p)


def _chunks(packing: Packing, every: int) -> Iterator[_Chunk]:
    """The chunks of `every` steps, the last of fewer."""
    T, lengths = packing.T, packing.lengths
    for start in range(0, T, every):
        time = slice(start, min(start + every, T))
        if lengths is None:
            yield _Chunk(time, slice(None), None)
        else:
            batch = np.flatnonzero(lengths > start)
            yield _Chunk(time, batch, np.minimum(lengths[batch], time.stop) - start)


def fill_output(
    output: Array, cell: Cell, params: StackParameters, x: Array, initial: States, batch: Batch, every: int
) -> Iterator[States]:
    """Writes output (T, B, H) chunk by chunk; yields the states before every chunk, then the last. SPEC 23.2, 23.3."""
    states: States = {name: state.copy() for name, state in initial.items()}  # the caller's may change
    for chunk in _chunks(batch.packing, every):
        yield states
        states = _fill_chunk(output, chunk, cell, params, x, states, batch)
    yield states


def _fill_chunk(
    output: Array, chunk: _Chunk, cell: Cell, params: StackParameters, x: Array, states: States, batch: Batch
) -> States:
    """Writes the output of one chunk, and returns the states after it. Of its trace nothing is left."""
    trace = stack.forward(cell, params, chunk.of(x), chunk.states(states), chunk.part(batch))
    output[chunk.time][:, chunk.batch] = trace.output
    after = {name: state.copy() for name, state in states.items()}
    for name, state in after.items():
        state[:, chunk.batch] = trace.last[name]
    return after


def backward(
    cell: Cell, params: StackParameters, checkpoints: Checkpoints, d_output: Array, d_last: States, batch: Batch
) -> StackGradients:
    """Every chunk forward again, then backward, the last chunk first. SPEC 23.2, 23.3.

    The layers of the result are empty.
    """
    dx = np.zeros_like(checkpoints.x)
    d_states = {name: d.copy() for name, d in d_last.items()}  # d_last still, of a sequence that ends before a chunk
    pooled: StackParameters | None = None
    for chunk, states in reversed(
        list(zip(_chunks(batch.packing, checkpoints.every), checkpoints.states, strict=True))
    ):
        of_chunk = _back_through_chunk(dx, d_states, chunk, cell, params, checkpoints.x, states, d_output, batch)
        pooled = of_chunk if pooled is None else _sum(pooled, of_chunk)
    assert pooled is not None  # there is a chunk: T > 0
    return StackGradients((), pooled, dx, d_states)


def _back_through_chunk(
    dx: Array,
    d_states: dict[str, Array],
    chunk: _Chunk,
    cell: Cell,
    params: StackParameters,
    x: Array,
    states: States,
    d_output: Array,
    batch: Batch,
) -> StackParameters:
    """Writes dx of one chunk, d_states from after it to before it; returns its part of the parameter gradients."""
    part = chunk.part(batch)
    layers = stack.forward(cell, params, chunk.of(x), chunk.states(states), part).layers
    grads = stack.backward(cell, params, layers, chunk.of(d_output), chunk.states(d_states), part, truncate=None)
    dx[chunk.time][:, chunk.batch] = grads.x
    for name, d in d_states.items():
        d[:, chunk.batch] = grads.initial[name]
    return grads.params


def _sum(a: StackParameters, b: StackParameters) -> StackParameters:
    """Layer by layer, direction by direction, parameter by parameter."""
    return [
        [{name: one[name] + other[name] for name in one} for one, other in zip(*layer, strict=True)]
        for layer in zip(a, b, strict=True)
    ]
