"""A recurrent stack of any cell: its configuration, and the door between a caller's arrays and ours.

The classes are frozen and hold no arrays: `forward` returns a trace, `backward` takes it. What comes in is checked and
laid out once; below, every array is time-major, batched, of one dtype, and of the right shape. SPEC 20.5, 20.6.
"""

import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from numbers import Real
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
from numpy.typing import DTypeLike

from reference import checkpoint, checks, parameters, shown, stack
from reference.arrays import Array
from reference.bidirectional import LayerGradients, LayerTrace
from reference.cells import Cell, Shapes
from reference.checkpoint import Checkpoints
from reference.columns import States, as_given
from reference.layout import Layout
from reference.packing import Packing
from reference.parameters import StackParameters
from reference.stack import Batch, StackTrace

INFERENCE_CHUNK = 128  # steps that `infer` has in memory at a time


@dataclass(frozen=True)
class RecurrentInputs:
    """What `forward` takes, checked and laid out. SPEC 1.2.

    x (T, B, I), initial[state] (L·D, B, ·).
    """

    params: StackParameters
    x: Array
    initial: States
    batch: Batch
    layout: Layout
    checkpoint_every: int | None


@dataclass(frozen=True)
class RecurrentTrace:
    """What `forward` returns: output and h_n in the caller's layout, and every intermediate. SPEC 4.5, 21.1.

    config, layout, batch: what it was made with. stack: what was computed, time-major. With `checkpoint_every`, layers
    is empty and checkpoints has what they can be computed from again (SPEC 23.3); else it is None.
    """

    config: "Recurrent"
    layout: Layout
    batch: Batch
    stack: StackTrace
    checkpoints: Checkpoints | None = None

    @property
    def output(self) -> Array:
        """(T, B, D·H), (B, T, D·H) with batch_first, (T, D·H) unbatched."""
        return self.layout.of_caller(self.stack.output)

    @property
    def h_n(self) -> Any:
        """(L·D, B, H), (L·D, H) unbatched."""
        return as_given(self.layout.states_of_caller(self.stack.last))

    @property
    def layers(self) -> tuple[LayerTrace, ...]:
        """layers[l].directions[d] has x, a, h of every step, (T, B, ·), in the order in which that direction read."""
        return self.stack.layers

    @property
    def lengths(self) -> Array | None:
        """The lengths that were given."""
        return self.batch.packing.lengths

    @property
    def dropout_masks(self) -> Array | None:
        """The masks that were given, as (L-1, T, B, D·H)."""
        return self.batch.masks

    def __repr__(self) -> str:
        return shown.arrays(self, shown.columns(self.layers), output=self.output, h_n=self.h_n)

    if not TYPE_CHECKING:  # pragma: no branch

        def __getattr__(self, name: str) -> NoReturn:
            """Called for what is not there: says where it is."""
            raise AttributeError(shown.no_attribute(self, name, "trace", "layers", "output"))


@dataclass(frozen=True)
class RecurrentGradients:
    """What `backward` returns: x and h0 in the caller's layout, params by name, and every intermediate. SPEC 21.3.

    layers[l].directions[d] has x, a, h: dDIV/dx, dDIV/da, dDIV/dh of every step, (T, B, ·), ordered as the trace is;
    layers is empty if that of the trace is.
    """

    x: Array
    h0: Any
    params: dict[str, Array]
    layers: tuple[LayerGradients, ...]

    def __repr__(self) -> str:
        parameters = f"params of {len(self.params)} names"
        return shown.arrays(self, parameters, shown.columns(self.layers), x=self.x, h0=self.h0)

    if not TYPE_CHECKING:  # pragma: no branch

        def __getattr__(self, name: str) -> NoReturn:
            """Called for what is not there: says where it is."""
            raise AttributeError(shown.no_attribute(self, name, "grads", "layers"))


class Recurrent(ABC):
    """What every recurrent stack has, whatever its cell: configuration, checks, forward, backward. SPEC 1.1."""

    input_size: int
    hidden_size: int
    num_layers: int
    bias: bool
    batch_first: bool
    dropout: float
    bidirectional: bool

    @property
    @abstractmethod
    def cell(self) -> Cell:
        """The cell of every layer and direction. Raises on options that it does not know."""

    def __post_init__(self) -> None:
        if isinstance(self.dropout, bool) or not isinstance(self.dropout, Real) or not 0 <= self.dropout <= 1:
            raise ValueError(
                "dropout should be a number in range [0, 1] representing the probability of an element being zeroed"
            )
        for name in ("bias", "batch_first", "bidirectional"):
            checks.require_type(name, getattr(self, name), bool)
        for name in ("input_size", "hidden_size", "num_layers"):
            checks.require_size(name, getattr(self, name))
        _ = self.cell  # which checks its own options
        if self.dropout > 0 and self.num_layers == 1:
            warnings.warn(
                "dropout option adds dropout after all but last recurrent layer, so non-zero dropout expects "
                f"num_layers greater than 1, but got dropout={self.dropout} and num_layers={self.num_layers}",
                UserWarning,
                stacklevel=3,
            )

    def __repr__(self) -> str:
        return shown.configuration(self)

    def __getstate__(self) -> dict[str, Any]:
        """The options alone: what is cached is made again."""
        return {f.name: getattr(self, f.name) for f in fields(self)}  # type: ignore[arg-type]

    @property
    def num_directions(self) -> int:
        """D: 2 if bidirectional, else 1. SPEC 1.1."""
        return 2 if self.bidirectional else 1

    @property
    def output_features(self) -> int:
        """D·H: the size of one step of the output. SPEC 1.1."""
        return self.num_directions * self.cell.sizes["h"]

    @cached_property
    def shapes(self) -> Shapes:
        """Name to shape of every parameter, in the order of torch's state_dict. SPEC 1.4."""
        return parameters.stack_shapes(self.cell, self.input_size, self.num_layers, self.num_directions, self.bias)

    def init(self, rng: np.random.Generator, dtype: DTypeLike = np.float64) -> dict[str, Array]:
        """Fresh parameters, every element from U(-1/sqrt(H), 1/sqrt(H)). SPEC 20.3."""
        return parameters.initialise(self.shapes, self.hidden_size, rng, dtype)

    def forward(
        self,
        params: Mapping[str, Array],
        x: Array,
        h0: Any = None,
        lengths: Sequence[int] | Array | None = None,
        dropout_masks: Array | None = None,
        checkpoint_every: int | None = None,
    ) -> RecurrentTrace:
        """Run the whole series through the stack and keep every intermediate. SPEC 1.7, 3.1, 4.5.

        x (T, B, I), (B, T, I) with batch_first, or (T, I) unbatched. h0 (L·D, B, H) or (L·D, H); omitted: zeros.
        lengths (B,) integers in 1..T, in any order. dropout_masks (L-1, T, B, D·H) bool, time-major whatever the layout
        (unbatched: (L-1, T, D·H)), True where an element is kept; omitted: no dropout, as in torch's eval().
        checkpoint_every = k keeps only the output and every k-th state; backward computes the rest again, k steps at a
        time: beside input, output and their gradients, memory in proportion to T/k + k (one direction only). SPEC 23.3.
        Raises TypeError or ValueError, before any arithmetic, on a wrong type, dtype, shape, name or length.
        """
        checked = parameters.checked(params, self.shapes)
        return self.forward_checked(self.checked_inputs(checked, x, h0, lengths, dropout_masks, checkpoint_every))

    def infer(
        self,
        params: Mapping[str, Array],
        x: Array,
        h0: Any = None,
        lengths: Sequence[int] | Array | None = None,
    ) -> tuple[Array, Any]:
        """Output and h_n alone: those of `forward`, in memory that beside them does not grow with T. SPEC 23.3.

        x, h0, lengths as in `forward`; no dropout, as in torch's eval(). Raises ValueError if bidirectional, and as
        `forward` does.
        """
        self._require_online("infer needs one direction: the reverse direction is not an online process")
        inputs = self.checked_inputs(parameters.checked(params, self.shapes), x, h0, lengths, None)
        output, states = self._filled_by_chunks(inputs, INFERENCE_CHUNK)
        for last in states:
            h_n = as_given(inputs.layout.states_of_caller(last))
        return inputs.layout.of_caller(output), h_n

    def backward(
        self,
        params: Mapping[str, Array],
        trace: RecurrentTrace,
        d_output: Array | None = None,
        d_h_n: Any = None,
        truncate: int | None = None,
    ) -> RecurrentGradients:
        """Back-propagation through time, for gradients that arrive at every output step and at h_n. SPEC 5.1, 5.7.

        d_output and d_h_n have the layout of trace.output and trace.h_n; either may be omitted (zeros), not both.
        d_output past the length of a sequence has no effect. truncate = k: no gradient crosses from step mk to mk-1, as
        with chunks of k steps and a detached state between them (one direction only). SPEC 7.1, 23.2.
        Raises TypeError or ValueError, before any arithmetic, on a wrong type, dtype, shape or name.
        """
        checked = parameters.checked(params, self.shapes)
        d_last = self.checked_upstream(checked, trace, d_h_n, truncate)
        if d_output is None and d_h_n is None:
            raise ValueError("backward needs d_output, d_h_n, or both")
        if d_output is None:
            d_series = np.zeros_like(trace.stack.output)
        else:
            d_series = trace.layout.time_major(checks.checked_gradient(d_output, trace.output, "d_output"))
        return self.backward_checked(checked, trace, d_series, d_last, truncate)

    def step(self, params: Mapping[str, Array], x_t: Array, state: Any = None) -> tuple[Array, Any]:
        """One step of the online process: `(output(t), state(t)) = step(x(t), state(t-1))`. SPEC 23.1.

        x_t (B, I) or (I,) unbatched; state (L, B, H) or (L, H), omitted: zeros. Returns output (B, H) or (H,), and the
        new state. No dropout, as in torch's eval(). Raises ValueError if bidirectional, and as `forward` does.
        """
        self._require_online("step needs one direction: a bidirectional network is not an online process")
        x_t = checks.native_array(x_t, "x_t")
        if x_t.ndim not in (1, 2):
            raise ValueError(
                f"{self.cell.name}: Expected input of one step to be 1D or 2D, got {x_t.ndim}D array instead"
            )
        time_axis = 1 if self.batch_first and x_t.ndim == 2 else 0
        trace = self.forward(params, np.expand_dims(x_t, time_axis), state)
        output = trace.stack.output[0]
        return output if trace.layout.batched else output[0], trace.h_n

    # Behind the door: what `Network` calls too, with parameters that are checked already.

    def checked_inputs(
        self,
        params: Mapping[str, Array],
        x: Array,
        h0: Any,
        lengths: Sequence[int] | Array | None,
        dropout_masks: Array | None,
        checkpoint_every: int | None = None,
        prefix: str = "",
    ) -> RecurrentInputs:
        """Everything that `forward` takes, checked and laid out; no arithmetic. SPEC 1.2, 20.5.

        params are checked already. prefix: that of the names of this stack's.
        """
        cell = self.cell
        grouped = self._grouped(params, prefix)
        x = checks.checked_series(x, self.input_size, self.batch_first, _dtype(params), cell.name)
        layout = Layout(batched=x.ndim == 3, batch_first=self.batch_first)
        series = layout.time_major(x)
        T, B, _ = series.shape
        LD = self.num_layers * self.num_directions
        states = {name: (LD, B, cell.sizes[name]) for name in cell.states}
        given = checks.one_for_each(h0, cell.states, "hx")
        initial = checks.checked_states(given, states, series, layout, cell.name)
        packing = Packing(T, B, checks.checked_lengths(lengths, T, B, layout.batched))
        shape = (self.num_layers - 1, T, B, self.output_features)
        masks = checks.checked_masks(dropout_masks, shape, self.dropout, layout.batched)
        if checkpoint_every is not None:
            checks.require_size("checkpoint_every", checkpoint_every)
            self._require_online("checkpoint_every needs one direction: the reverse direction is not an online process")
        batch = Batch(packing, masks, float(self.dropout))
        return RecurrentInputs(grouped, series, initial, batch, layout, checkpoint_every)

    def forward_checked(self, inputs: RecurrentInputs) -> RecurrentTrace:
        """`forward`, on what `checked_inputs` returned. SPEC 3.1, 4.5, 23.3."""
        every, checkpoints = inputs.checkpoint_every, None
        if every is None:
            run = stack.forward(self.cell, inputs.params, inputs.x, inputs.initial, inputs.batch)
        else:
            output, states = self._filled_by_chunks(inputs, every)
            *kept, last = states
            run, checkpoints = StackTrace((), output, last), Checkpoints(inputs.x, tuple(kept), every)
        return RecurrentTrace(self, inputs.layout, inputs.batch, run, checkpoints)

    def _filled_by_chunks(self, inputs: RecurrentInputs, every: int) -> tuple[Array, Iterator[States]]:
        """The output, (T, B, H), which is written while one iterates over the states. SPEC 23.3."""
        T, B, _ = inputs.x.shape
        output = np.zeros_like(inputs.x, shape=(T, B, self.output_features))
        states = checkpoint.fill_output(output, self.cell, inputs.params, inputs.x, inputs.initial, inputs.batch, every)
        return output, states

    def checked_upstream(
        self, params: Mapping[str, Array], trace: RecurrentTrace, d_h_n: Any, truncate: int | None
    ) -> States:
        """The trace, truncate and d_h_n checked; d_h_n, or zeros, as (L·D, B, ·) by state. SPEC 20.5."""
        if not isinstance(trace, RecurrentTrace):
            raise TypeError(f"trace should be what forward returned, got: {type(trace).__name__}")
        if trace.config != self:
            raise ValueError(f"trace is of another network: expected {self}, got {trace.config}")
        if trace.stack.output.dtype != _dtype(params):
            raise TypeError(f"trace dtype ({trace.stack.output.dtype}) does not match weight dtype ({_dtype(params)})")
        if truncate is not None:
            checks.require_size("truncate", truncate)
            if trace.checkpoints is not None:
                raise ValueError("truncate needs the whole trace: give forward no checkpoint_every")
            self._require_online("truncate needs one direction: the reverse direction is not an online process")
        last = trace.layout.states_of_caller(trace.stack.last)
        given = {
            name: np.zeros_like(last[name]) if d is None else checks.checked_gradient(d, last[name], f"d_{name}_n")
            for name, d in checks.one_for_each(d_h_n, self.cell.states, "d_h_n").items()
        }
        return given if trace.layout.batched else {name: d[:, None] for name, d in given.items()}

    def backward_checked(
        self,
        params: Mapping[str, Array],
        trace: RecurrentTrace,
        d_output: Array,
        d_last: States,
        truncate: int | None,
        prefix: str = "",
    ) -> RecurrentGradients:
        """`backward`, on what is checked already; d_output (T, B, D·H), time-major. SPEC 5.7, 23.3."""
        grouped, batch = self._grouped(params, prefix), trace.batch
        if trace.checkpoints is None:
            grads = stack.backward(self.cell, grouped, trace.layers, d_output, d_last, batch, truncate)
        else:
            grads = checkpoint.backward(self.cell, grouped, trace.checkpoints, d_output, d_last, batch)
        return RecurrentGradients(
            x=trace.layout.of_caller(grads.x),
            h0=as_given(trace.layout.states_of_caller(grads.initial)),
            params=shown.Named(parameters.flat(grads.params, self._names)),
            layers=grads.layers,
        )

    def _grouped(self, params: Mapping[str, Array], prefix: str) -> StackParameters:
        return parameters.grouped(params, self._names, self.num_layers, self.num_directions, prefix)

    @cached_property
    def _names(self) -> tuple[str, ...]:
        """Of the parameters of one direction."""
        return tuple(self.cell.shapes(self.input_size, self.bias))

    def _require_online(self, message: str) -> None:
        if self.bidirectional:
            raise ValueError(message)


def _dtype(params: Mapping[str, Array]) -> np.dtype[Any]:
    """The one dtype of all parameters."""
    return next(iter(params.values())).dtype
