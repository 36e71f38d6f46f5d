"""A series cut into pieces, each a case of its own that goes on where the one before has ended. SPEC 10.12, 23.2."""

from dataclasses import replace
from itertools import pairwise

import numpy as np

from parity import tensors
from parity.cases import Arrays, Case
from parity.tensors import NUMBER, STATE, Tensor
from parity.vectors.vector import Vector
from reference.arrays import Array

SIZES = (1, 3)  # steps of a piece; the last may be shorter
MOST = 16  # steps of a series that is cut


def can_be_cut(case: Case) -> bool:
    """Whether a case is fed in pieces: one direction, full lengths, and nothing that is of the series as a whole."""
    return not case.bidirectional and case.lengths is None and not case.per_sequence and 1 < case.T <= MOST


def cuts(vector: Vector) -> list[tuple[int, list[Vector]]]:
    """For each size below T the pieces, in their order; none of what cannot be cut, or does not say its states."""
    case = vector.case
    states = {f"{state}_l{l}" for state in case.rnn().cell.states for l in range(case.num_layers)}
    if vector.reverse or not can_be_cut(case) or not states <= vector.expect.keys():
        return []
    return [(size, _pieces(vector, size)) for size in SIZES if size < case.T]


def _pieces(vector: Vector, size: int) -> list[Vector]:
    stops = [*range(0, vector.case.T, size), vector.case.T]
    return [_piece(vector, start, stop) for start, stop in pairwise(stops)]


def _piece(vector: Vector, start: int, stop: int) -> Vector:
    """Steps start to stop - 1, forward; weights are not divided by a sum that is of the whole series. SPEC 8.4."""
    case = replace(vector.case, T=stop - start, h0=vector.case.h0 and not start, truncate=None, reduction="sum")
    there = (t for t in tensors.table(case).values() if t.name in vector.expect)
    forward = [t for t in there if not t.backward and t.kind != NUMBER]

    def cut(values: dict[str, Array]) -> dict[str, Array]:
        return {t.name: _of_steps(case, t, values, start, stop) for t in forward}

    allowed = {dtype: cut(dict(limits)) for dtype, limits in vector.allowed.items()}
    values = _inputs(vector, start, stop)
    return replace(vector, case=case, values=values, expect=cut(dict(vector.expect)), allowed=allowed)


def _of_steps(case: Case, tensor: Tensor, values: dict[str, Array], start: int, stop: int) -> Array:
    """What a tensor is of these steps: the last states stand in the traces of their layers."""
    if tensor.kind != STATE:
        return _cut(values[tensor.name], tensor.time_axis, start, stop)
    last = np.stack([values[f"{tensor.of}_l{l}"][stop - 1] for l in range(case.num_layers)])
    return last if case.batched else last[:, 0]


def _inputs(vector: Vector, start: int, stop: int) -> Arrays:
    given, time = vector.values, 1 if vector.case.batch_first else 0

    def cut(series: Array | None, axis: int = time) -> Array | None:
        return None if series is None else _cut(series, axis, start, stop)

    return replace(
        given,
        x=_cut(given.x, time, start, stop),
        initial=None if start else given.initial,
        masks=cut(given.masks, 1),
        d_output=cut(given.d_output),
        target=cut(given.target),
        weights=cut(given.weights),
    )


def _cut(array: Array, axis: int | None, start: int, stop: int) -> Array:
    return array[(slice(None),) * (axis or 0) + (slice(start, stop),)]
