"""A layer: the one-direction routine called once, or twice for a bidirectional layer, and a concatenation.

The two directions are independent networks. The second reads the series reversed, and its output is reversed back, so
neither knows that the other is there. A bidirectional network needs the whole series: it is not an online process.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from reference import shown, unroll
from reference.arrays import Array
from reference.cells import Cell, Parameters
from reference.columns import Columns, States, as_given
from reference.packing import Packing


@dataclass(frozen=True)
class LayerTrace:
    """One layer: the columns of each direction, forward first; output (T, B, D·H); last[state] (D, B, ·).

    SPEC 4.4, 21.1.
    """

    directions: tuple[Columns, ...]
    output: Array
    last: States

    @property
    def h_n(self) -> Array | tuple[Array, ...]:
        """The last state: (D, B, H)."""
        return as_given(self.last)

    def __repr__(self) -> str:
        return shown.arrays(self, shown.directions(self.directions), output=self.output, h_n=self.h_n)


@dataclass(frozen=True)
class LayerGradients:
    """The gradients of each direction, forward first: of its columns, of its parameters. SPEC 5.6.

    x (T, B, I); initial[state] (D, B, ·).
    """

    directions: tuple[Columns, ...]
    params: tuple[Parameters, ...]
    x: Array
    initial: States

    @property
    def h0(self) -> Array | tuple[Array, ...]:
        """Of the initial state: (D, B, H)."""
        return as_given(self.initial)

    def __repr__(self) -> str:
        return shown.arrays(self, shown.directions(self.directions), x=self.x, h0=self.h0)


def _as_read(direction: int, series: Array, packing: Packing) -> Array:
    """The series in the order in which a direction reads it (and from that order back again)."""
    return series if direction == 0 else packing.reverse(series)


def _of_direction(states: States, direction: int) -> States:
    return {name: state[direction] for name, state in states.items()}


def forward(cell: Cell, params: Sequence[Parameters], x: Array, initial: States, packing: Packing) -> LayerTrace:
    """`output(t) = [h_forward(t), h_reverse(t)]`. SPEC 4.1.

    params: one entry a direction; x (T, B, I); initial[state] (D, B, ·).
    """
    directions = tuple(
        unroll.forward(cell, own, _as_read(direction, x, packing), _of_direction(initial, direction), packing)
        for direction, own in enumerate(params)
    )
    outputs = [_as_read(direction, columns.series("h"), packing) for direction, columns in enumerate(directions)]
    output = outputs[0] if len(outputs) == 1 else np.concatenate(outputs, axis=-1)
    last = {s: np.concatenate([columns.last(s)[None] for columns in directions]) for s in cell.states}
    return LayerTrace(directions, output, last)


def backward(
    cell: Cell,
    params: Sequence[Parameters],
    trace: LayerTrace,
    d_output: Array,
    d_last: States,
    packing: Packing,
    truncate: int | None,
) -> LayerGradients:
    """Each direction's half of `d_output`, read in its own order; `dx = dx_forward + dx_reverse`. SPEC 5.6."""
    halves = [d_output] if len(params) == 1 else np.split(d_output, len(params), axis=-1)
    found = [
        unroll.backward(
            cell, own, columns, _as_read(direction, half, packing), _of_direction(d_last, direction), truncate
        )
        for direction, (own, columns, half) in enumerate(zip(params, trace.directions, halves, strict=True))
    ]
    gradients = tuple(columns for columns, _ in found)
    dx = gradients[0].series("x")
    for reverse in gradients[1:]:
        dx = dx + packing.reverse(reverse.series("x"))
    initial = {s: np.concatenate([columns.initial(s)[None] for columns in gradients]) for s in cell.states}
    return LayerGradients(gradients, tuple(pooled for _, pooled in found), dx, initial)
