"""What a case is: one configuration and its sizes (Case), and its values (Arrays)."""

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

import reference
from parity.cells import CELLS
from reference import shown
from reference.arrays import Array
from reference.columns import as_given
from reference.network import RECURRENT
from reference.recurrent import Recurrent

TARGETS = ("vectors", "classes", "sequence", "labels")  # what a target may hold


@dataclass(frozen=True, eq=False)
class Own:
    """What a user gave of a case's values, float64; None where it is drawn. Equal to itself alone."""

    params: dict[str, Array] | None = None
    x: Array | None = None


@dataclass(frozen=True)
class Case:
    """One configuration, its sizes, and the recipe of its values. Sizes differ pairwise unless a case is about it."""

    id: str
    group: str
    comment: str
    cell: str = "rnn"
    T: int = 7
    B: int = 3
    I: int = 4
    H: int = 5
    num_layers: int = 1
    nonlinearity: str = "tanh"  # of an RNN
    reset: str = "after"  # of a GRU
    proj_size: int = 0  # of an LSTM
    bias: bool = True
    bidirectional: bool = False
    layout: str = "time_major"  # batch_first, unbatched
    dropout: float = 0.0
    masks: bool = False
    h0: bool = True
    lengths: tuple[int, ...] | None = None
    upstream: str = "output+h_n"  # output, h_n, last (the last step alone)
    truncate: int | None = None
    O: int | None = None  # None: the recurrent stack alone, without an output layer
    activation: str = "identity"
    divergence: str = "squared_error"
    target: str = "values"  # classes, soft, bits, edges; sequence: one class each; labels: those of `labels`
    labels: tuple[tuple[int, ...], ...] | None = None
    blank: int = 0
    zero_infinity: bool = False
    reduction: str = "sum"
    weights: str | None = None  # random, mask, last, but-last, delayed, idle, signed
    recipe: str = "uniform"
    scale: float = 0.75
    exact: bool = False
    saturated: bool = False  # |h| may come near 1
    finite: bool = True  # False: inf and NaN are wanted
    width: float = 1e-3  # of the widest tolerance over the largest element of a tensor. SPEC 30.3
    memory: str = "contiguous"  # strided
    unread: str = "padding"  # NaN there; nan, garbage: which of them stands there and at targets of weight 0
    own: Own | None = None  # with the recipe `own`

    def __repr__(self) -> str:
        return shown.configuration(self)

    @property
    def seed(self) -> int:
        """The seed of the case's values: a checksum of its id."""
        return zlib.crc32(self.id.encode())

    @property
    def batch_first(self) -> bool:
        return self.layout == "batch_first"

    @property
    def batched(self) -> bool:
        return self.layout != "unbatched"

    @property
    def num_directions(self) -> int:
        return 2 if self.bidirectional else 1

    def state_shape(self, state: str) -> tuple[int, ...]:
        """The shape of a state of the cell before the first and after the last step: of h, that of h0 and h_n."""
        batch = (self.B,) if self.batched else ()
        return (self.num_layers * self.num_directions, *batch, self.rnn().cell.sizes[state])

    @property
    def prefix(self) -> str:
        """What the names of the stack's parameters begin with. SPEC 1.5."""
        return "" if self.O is None else RECURRENT

    @property
    def kind_of_target(self) -> str:
        """What a target holds, in the words of case.toml. SPEC 10.2."""
        return self.target if self.target in TARGETS else "vectors"

    @property
    def per_sequence(self) -> bool:
        """Whether the target belongs to a sequence as a whole, not to each of its steps."""
        return self.target in ("labels", "sequence")

    def rnn(self) -> Recurrent:
        """The recurrent stack of this case, whatever its cell."""
        kind = CELLS[self.cell]
        return kind.stack(
            self.I,
            self.H,
            num_layers=self.num_layers,
            bias=self.bias,
            batch_first=self.batch_first,
            dropout=self.dropout,
            bidirectional=self.bidirectional,
            **{option: getattr(self, option) for option in kind.options},
        )

    def network(self) -> reference.Network:
        """The network of this case; only for a case with an output layer."""
        assert self.O is not None
        if self.divergence == "ctc":
            ctc = reference.CTC(self.blank, self.reduction, self.zero_infinity)
            return reference.Network(self.rnn(), self.O, self.activation, ctc)
        if self.divergence == "mean_pooled_cross_entropy":
            pooled = reference.MeanPooledCrossEntropy(self.reduction)
            return reference.Network(self.rnn(), self.O, self.activation, pooled)
        return reference.Network(self.rnn(), self.O, self.activation, self.divergence, self.reduction)

    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        """Name to shape of every parameter."""
        return (self.rnn() if self.O is None else self.network()).shapes

    def time_major(self, series: Array) -> Array:
        """A series in the layout of this case, as (T, B, ...)."""
        if not self.batched:
            return series[:, None]
        return series.swapaxes(0, 1) if self.batch_first else series

    def laid_out(self, series: Array) -> Array:
        """A time-major array (T, B, ...) in the layout of this case."""
        if not self.batched:
            return series[:, 0]
        return series.swapaxes(0, 1) if self.batch_first else series


@dataclass(frozen=True)
class Arrays:
    """The values of a case, in its layout; None where the case has none. Padding holds what `unread` of the case says.

    initial and d_last: by the name of the state, h.
    """

    params: dict[str, Array]
    x: Array
    initial: dict[str, Array] | None = None
    lengths: Array | None = None
    masks: Array | None = None
    d_output: Array | None = None
    d_last: dict[str, Array] | None = None
    target: Array | None = None
    weights: Array | None = None

    def __repr__(self) -> str:
        there = {f.name: getattr(self, f.name) for f in fields(self)}
        return shown.arrays(self, **{name: value for name, value in there.items() if value is not None})

    @property
    def h0(self) -> Any:
        """The initial state as `forward` takes it."""
        return None if self.initial is None else as_given(self.initial)

    @property
    def d_h_n(self) -> Any:
        """The gradient of the last state as `backward` takes it."""
        return None if self.d_last is None else as_given(self.d_last)

    def map(self, function: Callable[[Array], Array]) -> "Arrays":
        """The same, with the function applied to every floating-point array."""

        def convert(value: Any) -> Any:
            if isinstance(value, dict):
                return {name: function(array) for name, array in value.items()}
            return function(value) if value is not None and np.issubdtype(value.dtype, np.inexact) else value

        return Arrays(**{f.name: convert(getattr(self, f.name)) for f in fields(self)})

    def astype(self, dtype: Any) -> "Arrays":
        """The same values in another dtype, in the same memory order, read-only."""
        return self.map(lambda a: read_only(_strided_like(a.astype(dtype), a)))


def _strided_like(array: Array, pattern: Array) -> Array:
    """The array, walked backwards in memory along each axis along which the pattern is."""
    backwards = tuple(slice(None, None, -1 if stride < 0 else 1) for stride in pattern.strides)
    return np.asfortranarray(array[backwards])[backwards] if any(s.step == -1 for s in backwards) else array


def read_only(array: Array) -> Array:
    array.flags.writeable = False
    return array
