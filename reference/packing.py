"""The real steps of a batch, one a row: what every product runs over, and the time loop step by step. SPEC 6.3, 21.4.

The rows are t-major. At one t the longest sequence comes first, so the sequences that reach a step are the first ones
of those that reached the step before: a step of a ragged batch is a shorter step, and its padding costs nothing.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise, repeat
from typing import TypeAlias

import numpy as np

from reference.arrays import Array

ByStep: TypeAlias = Array | list[Array]  # an array gives its steps when it is iterated over, without a list of them


@dataclass(frozen=True)
class Packing:
    """A batch of B sequences of T steps, of which sequence b has lengths[b] (None: all T). SPEC 6.1.

    N is the number of real steps. A series is (T, B, F), its rows (N, F); a state is (B, F), sorted the longest first.
    """

    T: int
    B: int
    lengths: Array | None

    @cached_property
    def real(self) -> Array:
        """Which steps belong to a sequence: bool (T, B). SPEC 6.1."""
        return np.arange(self.T)[:, None] < (self.T if self.lengths is None else self.lengths) * np.ones(self.B, int)

    @cached_property
    def order(self) -> Array:
        """The sequences, the longest first, equals in the order of the batch: (B,)."""
        return np.arange(self.B) if self.lengths is None else np.argsort(-self.lengths, kind="stable")

    @cached_property
    def _at(self) -> tuple[Array, Array]:
        """The (t, b) of every row."""
        t, place = np.nonzero(self.real[:, self.order])
        return t, self.order[place]

    @cached_property
    def _reaching(self) -> list[int]:
        """How many sequences reach each step."""
        reaching: list[int] = self.real.sum(axis=1).tolist()
        return reaching

    @cached_property
    def _slices(self) -> list[slice]:
        """The rows of each step."""
        return [slice(end - n, end) for n, end in zip(self._reaching, accumulate(self._reaching), strict=True)]

    def pack(self, series: Array) -> Array:
        """The rows of a series, (T, B, F) to (N, F): a view where every step is real. Padding is not read. SPEC 6.2."""
        return series.reshape(self.T * self.B, series.shape[2]) if self.lengths is None else series[self._at]

    def unpack(self, rows: Array) -> Array:
        """The series of some rows, (N, F) to (T, B, F): a view where every step is real. Padding is 0. SPEC 6.5."""
        shape = (self.T, self.B, rows.shape[1])
        if self.lengths is None:
            return rows.reshape(shape)
        series = np.zeros_like(rows, shape=shape)
        series[self._at] = rows
        return series

    def reverse(self, series: Array) -> Array:
        """Each sequence back to front, from its own end; padding stays where it is. Its own inverse. SPEC 4.2.

        series (T, B, F). Step s of the result is step `lengths[b] - 1 - s` of sequence b.
        """
        if self.lengths is None:
            return series[::-1]
        t = np.arange(self.T)[:, None]
        return series[np.where(t < self.lengths, self.lengths - 1 - t, t), np.arange(self.B)]

    def sort(self, state: Array) -> Array:
        """A state in the order of the batch, (B, F), with the longest sequence first."""
        return state if self.lengths is None else state[self.order]

    def unsort(self, state: Array) -> Array:
        """The inverse of `sort`."""
        if self.lengths is None:
            return state
        unsorted = np.empty_like(state)
        unsorted[self.order] = state
        return unsorted

    def last(self) -> Array | slice:
        """The row of the last step of every sequence, B of them, in the order of the batch. SPEC 6.4."""
        if self.lengths is None:
            return slice((self.T - 1) * self.B, None)
        t, b = self._at
        last = t == self.lengths[b] - 1
        rows = np.empty(self.B, dtype=int)
        rows[b[last]] = np.flatnonzero(last)
        return rows

    def by_step(self, rows: Array) -> ByStep:
        """The rows of every step, (n, F) each, n the sequences that reach it; views."""
        if self.lengths is None:
            return rows.reshape(self.T, self.B, *rows.shape[1:])
        return [rows[step] for step in self._slices]

    def pairs(self, states: Array) -> Iterable[tuple[Array, Array]]:
        """h(t-1) and h(t) of every step, (n, F) both, from h0 sorted and the rows of h, (B + N, F); views."""
        if self.lengths is None:
            return pairwise(states.reshape(self.T + 1, self.B, states.shape[1]))
        every = [states[: self.B], *self.by_step(states[self.B :])]
        return [(before[: len(h)], h) for before, h in pairwise(every)]

    def previous(self, states: Array) -> Array:
        """The same h(t-1), as rows (N, F): a view where every step is real."""
        if self.lengths is None:
            return states[: self.T * self.B]
        return np.concatenate([before for before, _ in self.pairs(states)])

    def carries(self, carry: Array, truncate: int | None) -> Iterator[Array]:
        """The one buffer carry (B, F), cut to the sequences that reach step t, for t = T-1 down to 0; views. SPEC 21.4.

        truncate = k sets to 0 what has arrived from step mk before it hands out step mk-1. SPEC 7.1.
        """
        if truncate is not None and truncate < self.T:
            return self._cut_carries(carry, truncate)
        return repeat(carry, self.T) if self.lengths is None else (carry[:n] for n in reversed(self._reaching))

    def _cut_carries(self, carry: Array, truncate: int) -> Iterator[Array]:
        for t in reversed(range(self.T)):
            if (t + 1) % truncate == 0 and t + 1 < self.T:
                carry[: self._reaching[t + 1]] = 0  # of the sequences that go on; where one ends is its d_h_n
            yield carry[: self._reaching[t]]
