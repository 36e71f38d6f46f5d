"""The three layouts of a series: (T, B, F), (B, T, F) with batch_first, (T, F) unbatched. Inside, all are the first."""

from dataclasses import dataclass

from reference.arrays import Array
from reference.columns import States


@dataclass(frozen=True)
class Layout:
    """How the caller lays out series and states. SPEC 1.2."""

    batched: bool
    batch_first: bool

    def shape(self, T: int, B: int, *features: int) -> tuple[int, ...]:
        """The shape of a series in the caller's layout."""
        if not self.batched:
            return (T, *features)
        return (B, T, *features) if self.batch_first else (T, B, *features)

    def time_major(self, series: Array) -> Array:
        """The caller's layout to (T, B, F); a view."""
        if not self.batched:
            return series[:, None]
        return series.swapaxes(0, 1) if self.batch_first else series

    def of_caller(self, series: Array) -> Array:
        """(T, B, F) to the caller's layout; a view."""
        if not self.batched:
            return series[:, 0]
        return series.swapaxes(0, 1) if self.batch_first else series

    def states_of_caller(self, states: States) -> States:
        """(L·D, B, ·) to the caller's layout: unbatched (L·D, ·); views."""
        return states if self.batched else {name: state[:, 0] for name, state in states.items()}
