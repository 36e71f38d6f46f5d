"""One case as the measuring of coverage sees it: its values, and what the reference makes of them."""

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from parity import subject
from parity.cases import Arrays, Case, arrays
from reference.arrays import Array


@dataclass(frozen=True)
class Seen:
    """A case with its arrays and, once they are asked for, the tensors of a run in float64."""

    case: Case

    @cached_property
    def values(self) -> Arrays:
        return arrays(self.case)

    @cached_property
    def tensors(self) -> dict[str, Array]:
        with np.errstate(all="ignore"):
            return subject.run(self.case, self.values)

    @property
    def lengths(self) -> tuple[int, ...]:
        return self.case.lengths or (self.case.T,) * self.case.B

    @property
    def real(self) -> Array:
        """Which steps are real: (T, B)."""
        return np.arange(self.case.T)[:, None] < np.array(self.lengths)

    @property
    def weights(self) -> Array:
        """The weight of each step, 0 where it is padding: (T, B)."""
        given = self.values.weights
        whole = np.ones((self.case.T, self.case.B)) if given is None else self.case.time_major(given)
        return np.where(self.real, whole, 0)

    def rows(self, name: str) -> Array:
        """The rows of a series of the output layer at the steps that count: (N, O)."""
        return self.case.time_major(self.tensors[name])[self.weights != 0]

    @property
    def target(self) -> Array | None:
        """A target that belongs to each step, time-major."""
        given = self.values.target
        return None if given is None or self.case.per_sequence else self.case.time_major(given)

    @property
    def desired(self) -> Array:
        """The desired vectors of the steps that count, of what takes probabilities: (N, O); of other cases none."""
        target = self.target
        if target is None or target.ndim < 3 or self.case.divergence == "squared_error":
            return np.zeros((0, 1))
        return target[self.weights != 0]

    @property
    def unasked(self) -> Array:
        """The targets of real steps of weight 0."""
        return np.zeros(0) if self.target is None else self.target[self.real & (self.weights == 0)]

    def arguments(self, gate: int, gates: int) -> Array:
        """a of one of so many gates, of every layer and direction, at all steps, in one row."""
        every = [t for name, t in self.tensors.items() if name.startswith("a_l")]
        return np.concatenate([np.split(t, gates, axis=-1)[gate].ravel() for t in every])

    @property
    def unread(self) -> Array:
        """What must not be read of the series of real numbers: x and d_output at padding, targets of weight 0."""
        series = [self.case.time_major(s)[~self.real] for s in (self.values.x, self.values.d_output) if s is not None]
        return np.concatenate([s.ravel() for s in (*series, self.unasked)])

    @property
    def needed(self) -> list[int]:
        """With CTC, how many steps the labels of each sequence need."""
        return [len(row) + sum(a == b for a, b in pairwise(row)) for row in self.case.labels or ()]
