"""The columns of one layer and direction: every value of them, or the gradient of every value. SPEC 4.3, 21.1, 21.3."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from reference import shown
from reference.arrays import Array
from reference.packing import ByStep, Packing

States: TypeAlias = Mapping[str, Array]  # what a column hands to the next, by name: h; of an LSTM h and c


@dataclass(frozen=True)
class Columns:
    """x, what the cell keeps and its states, at every step s in the order in which the series is read. SPEC 4.3.

    By name, with padding 0: `x` (T, B, I), `a` (T, B, ·) and what else the cell keeps, `h` (T, B, H) and what other
    states it has; `h0` (B, H), the state before the first step. The same names for gradients: there `h0` is dh(-1).
    Stored packed: x_rows (N, I), kept_rows[name] (N, ·), state_rows[name] (B + N, ·), the initial state first, sorted.
    """

    packing: Packing
    x_rows: Array
    kept_rows: Mapping[str, Array]
    state_rows: Mapping[str, Array]

    def __getattr__(self, name: str) -> Array:
        """a, h, ...: the series of that name; h0, ...: the initial state."""
        if not name.endswith("_rows"):  # a field, where an instance is still without them
            if name == "x" or name in self.kept_rows or name in self.state_rows:
                return self.series(name)
            if name[:-1] in self.state_rows and name.endswith("0"):
                return self.initial(name[:-1])
            raise AttributeError(f"these columns have {', '.join(self.names)}, not {name!r}")
        raise AttributeError(name)

    def __repr__(self) -> str:
        return shown.arrays(self, **{name: getattr(self, name) for name in self.names})

    @property
    def names(self) -> list[str]:
        """Of every quantity: the series, then the initial states."""
        return ["x", *self.kept_rows, *self.state_rows, *(f"{state}0" for state in self.state_rows)]

    def rows(self, name: str) -> Array:
        """The real steps of a quantity, (N, ·)."""
        if name == "x":
            return self.x_rows
        return self.kept_rows[name] if name in self.kept_rows else self.state_rows[name][self.packing.B :]

    def series(self, name: str) -> Array:
        """A quantity at every step, (T, B, ·); padding is 0."""
        return self.packing.unpack(self.rows(name))

    def previous(self, state: str) -> Array:
        """The same of the step before, of the first step the initial state: (N, ·). SPEC 0.4, 0.5."""
        return self.packing.previous(self.state_rows[state])

    def initial(self, state: str) -> Array:
        """The state before the first step, in the order of the batch: (B, ·)."""
        return self.packing.unsort(self.state_rows[state][: self.packing.B])

    def last(self, state: str) -> Array:
        """The state after each sequence's own last step: (B, ·). SPEC 6.4."""
        return self.rows(state)[self.packing.last()]

    def from_start(self, state: str) -> Array:
        """The initial state, then the state after every step: (T + 1, B, ·)."""
        return np.concatenate([self.initial(state)[None], self.series(state)])

    @property
    def states(self) -> Array:
        """h0, then h(s) for s = 0..T-1: (T + 1, B, H)."""
        return self.from_start("h")

    def by_step(self, name: str) -> ByStep:
        """A quantity step by step, the first step first; views."""
        return self.packing.by_step(self.rows(name))

    def by_step_backward(self, name: str) -> ByStep:
        """A quantity step by step, the last step first; views."""
        return self.by_step(name)[::-1]

    def by_step_with_previous(self, state: str) -> Iterable[tuple[Array, Array]]:
        """A state before and after every step, the first step first; views."""
        return self.packing.pairs(self.state_rows[state])


def as_given(states: States) -> Array | tuple[Array, ...]:
    """States as a user has them: of one state the array, of several a tuple, in the order of the cell. SPEC 20.5."""
    first, *others = states.values()
    return (first, *others) if others else first
