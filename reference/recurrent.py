"""`RNN`: the public face of the recurrent stack. Configuration, layouts, and every check of what comes in.

The class is frozen and holds no arrays: `forward` returns a trace, `backward` takes it. All checks stand here, before
any arithmetic; below, every array is time-major, batched, of one dtype, and of the right shape. SPEC 1.8, 1.9.
"""

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from reference import checkpoint, parameters, stack
from reference.activations import NONLINEARITIES, ScalarActivation
from reference.arrays import Array
from reference.bidirectional import LayerGradients, LayerTrace
from reference.checkpoint import Checkpoints
from reference.layout import time_major, user_layout
from reference.parameters import native_array
from reference.stack import StackTrace

INFERENCE_CHUNK = 128  # steps that `infer` has in memory at a time


@dataclass(frozen=True)
class RecurrentInputs:
    """What `forward` takes, checked: params by name, x (T, B, I), h0 (L·D, B, H), lengths, masks. SPEC 1.2."""

    params: dict[str, Array]
    x: Array
    h0: Array
    lengths: Array | None
    dropout_masks: Array | None
    batched: bool


@dataclass(frozen=True)
class RecurrentTrace:
    """What `forward` returns: output and h_n in the caller's layout, and every intermediate. SPEC 4.5.

    output: (T, B, D·H), (B, T, D·H) with batch_first, (T, D·H) unbatched. h_n: (L·D, B, H), (L·D, H) unbatched.
    layers[l].directions[d] has x, a, h of every step, (T, B, ·), in the order in which that direction read them.
    config, lengths, dropout_masks: what it was made with. With `checkpoint_every`, layers is empty and checkpoints has
    what they can be computed from again (SPEC 7.4); else it is None.
    """

    output: Array
    h_n: Array
    layers: tuple[LayerTrace, ...]
    config: "RNN"
    lengths: Array | None
    dropout_masks: Array | None
    checkpoints: Checkpoints | None = None


@dataclass(frozen=True)
class RecurrentGradients:
    """What `backward` returns: x and h0 in the caller's layout, params by name, and every intermediate. SPEC 5.1.

    layers[l].directions[d] has x, a, h: dDIV/dx, dDIV/da, dDIV/dh of every step, (T, B, ·), ordered as the trace is;
    layers is empty if that of the trace is.
    """

    x: Array
    h0: Array
    params: dict[str, Array]
    layers: tuple[LayerGradients, ...]


@dataclass(frozen=True)
class RNN:
    """A stack of simple recurrent layers, with the arguments and the meaning of `torch.nn.RNN`.

        a(t) = W_ih x(t) + b_ih + W_hh h(t-1) + b_hh        h(t) = f(a(t))

    nonlinearity: "tanh", "relu" or, beyond torch, "identity" (a linear state-space model). SPEC 1.1, 1.3, 3.1.

    >>> import numpy as np, reference
    >>> rng = np.random.default_rng(0)
    >>> rnn = reference.RNN(input_size=3, hidden_size=5, num_layers=2, bidirectional=True)
    >>> params = rnn.init(rng)
    >>> trace = rnn.forward(params, rng.standard_normal((7, 2, 3)), lengths=[4, 7])
    >>> trace.output.shape, trace.h_n.shape
    ((7, 2, 10), (4, 2, 5))
    >>> grads = rnn.backward(params, trace, d_output=np.cos(trace.output))
    >>> grads.x.shape, grads.params["weight_hh_l1_reverse"].shape
    ((7, 2, 3), (5, 5))

    Raises TypeError or ValueError, in torch's words, on a configuration that torch would not take either.
    """

    input_size: int
    hidden_size: int
    num_layers: int = 1
    nonlinearity: str = "tanh"
    bias: bool = True
    batch_first: bool = False
    dropout: float = 0.0
    bidirectional: bool = False

    def __post_init__(self) -> None:
        if isinstance(self.dropout, bool) or not isinstance(self.dropout, Real) or not 0 <= self.dropout <= 1:
            raise ValueError(
                "dropout should be a number in range [0, 1] representing the probability of an element being zeroed"
            )
        for name in ("bias", "batch_first", "bidirectional"):
            _require_type(name, getattr(self, name), bool)
        for name in ("input_size", "hidden_size", "num_layers"):
            require_size(name, getattr(self, name))
        if not isinstance(self.nonlinearity, str) or self.nonlinearity not in NONLINEARITIES:
            raise ValueError(
                f"Unknown nonlinearity '{self.nonlinearity}'. Select from 'tanh' or 'relu'. "
                "('identity', which torch lacks, is there too.)"
            )
        if self.dropout > 0 and self.num_layers == 1:
            warnings.warn(
                "dropout option adds dropout after all but last recurrent layer, so non-zero dropout expects "
                f"num_layers greater than 1, but got dropout={self.dropout} and num_layers={self.num_layers}",
                UserWarning,
                stacklevel=3,
            )

    @property
    def num_directions(self) -> int:
        """D: 2 if bidirectional, else 1. SPEC 1.1."""
        return 2 if self.bidirectional else 1

    @property
    def output_features(self) -> int:
        """D·H: the size of one step of the output. SPEC 1.1."""
        return self.num_directions * self.hidden_size

    @property
    def shapes(self) -> parameters.Shapes:
        """Name to shape of every parameter, in the order of torch's state_dict. SPEC 1.4."""
        return parameters.recurrent_shapes(
            self.input_size, self.hidden_size, self.num_layers, self.num_directions, self.bias
        )

    def init(self, rng: np.random.Generator, dtype: DTypeLike = np.float64) -> dict[str, Array]:
        """Fresh parameters, every element from U(-1/sqrt(H), 1/sqrt(H)). SPEC 1.6."""
        return parameters.initialise(self.shapes, self.hidden_size, rng, dtype)

    def forward(
        self,
        params: Mapping[str, Array],
        x: Array,
        h0: Array | None = None,
        lengths: Sequence[int] | Array | None = None,
        dropout_masks: Array | None = None,
        checkpoint_every: int | None = None,
    ) -> RecurrentTrace:
        """Run the whole series through the stack and keep every intermediate. SPEC 1.11, 3.1, 4.5.

        x (T, B, I), (B, T, I) with batch_first, or (T, I) unbatched. h0 (L·D, B, H) or (L·D, H); omitted: zeros.
        lengths (B,) integers in 1..T, in any order. dropout_masks (L-1, T, B, D·H) bool, time-major whatever the layout
        (unbatched: (L-1, T, D·H)), True where an element is kept; omitted: no dropout, as in torch's eval().
        checkpoint_every = k keeps only the output and every k-th state; backward computes the rest again, k steps at a
        time: beside input, output and their gradients, memory in proportion to T/k + k (one direction only). SPEC 7.4.
        Raises TypeError or ValueError, before any arithmetic, on a wrong type, dtype, shape, name or length.
        """
        inputs = self.checked_inputs(params, x, h0, lengths, dropout_masks, checkpoint_every)
        return self.forward_checked(inputs, checkpoint_every)

    def infer(
        self,
        params: Mapping[str, Array],
        x: Array,
        h0: Array | None = None,
        lengths: Sequence[int] | Array | None = None,
    ) -> tuple[Array, Array]:
        """Output and h_n alone: those of `forward`, in memory that beside them does not grow with T. SPEC 7.4.

        x, h0, lengths as in `forward`; no dropout, as in torch's eval(). Raises ValueError if bidirectional, and as
        `forward` does.
        """
        if self.bidirectional:
            raise ValueError("infer needs one direction: the reverse direction is not an online process")
        inputs = self.checked_inputs(params, x, h0, lengths, None)
        output, states = self._chunk_by_chunk(inputs, INFERENCE_CHUNK)
        for state in states:
            h_n = state
        return user_layout(output, inputs.batched, self.batch_first), h_n if inputs.batched else h_n[:, 0]

    def checked_inputs(
        self,
        params: Mapping[str, Array],
        x: Array,
        h0: Array | None,
        lengths: Sequence[int] | Array | None,
        dropout_masks: Array | None,
        checkpoint_every: int | None = None,
    ) -> RecurrentInputs:
        """Everything that `forward` takes, checked and brought to the inner layout; no arithmetic. SPEC 1.2, 1.8."""
        checked = parameters.checked(params, self.shapes)
        x = self._checked_input(x, checked)
        batched = x.ndim == 3
        series = time_major(x, self.batch_first)
        T, B, _ = series.shape
        inputs = RecurrentInputs(
            params=checked,
            x=series,
            h0=self._checked_state(h0, series, batched),
            lengths=_checked_lengths(lengths, T, B, batched),
            dropout_masks=self._checked_masks(dropout_masks, T, B, batched),
            batched=batched,
        )
        if checkpoint_every is not None:
            require_size("checkpoint_every", checkpoint_every)
            if self.bidirectional:
                raise ValueError("checkpoint_every needs one direction: the reverse direction is not an online process")
        return inputs

    def forward_checked(self, inputs: RecurrentInputs, checkpoint_every: int | None = None) -> RecurrentTrace:
        """`forward`, on what `checked_inputs` returned. SPEC 3.1, 4.5, 7.4."""
        layers: tuple[LayerTrace, ...] = ()
        checkpoints = None
        if checkpoint_every is None:
            trace = self._forward(inputs.params)(inputs.x, inputs.h0, inputs.lengths, inputs.dropout_masks)
            output, h_n, layers = trace.output, trace.h_n, trace.layers
        else:
            output, states = self._chunk_by_chunk(inputs, checkpoint_every)
            *kept, h_n = states
            checkpoints = Checkpoints(inputs.x, tuple(kept), checkpoint_every)
        return RecurrentTrace(
            output=user_layout(output, inputs.batched, self.batch_first),
            h_n=h_n if inputs.batched else h_n[:, 0],
            layers=layers,
            config=self,
            lengths=inputs.lengths,
            dropout_masks=inputs.dropout_masks,
            checkpoints=checkpoints,
        )

    def _chunk_by_chunk(self, inputs: RecurrentInputs, every: int) -> tuple[Array, Iterator[Array]]:
        """The output, (T, B, H), which is written while one iterates over the states. SPEC 7.4."""
        output = np.zeros_like(inputs.x, shape=(*inputs.x.shape[:2], self.hidden_size))
        return output, checkpoint.forward(
            self._forward(inputs.params),
            inputs.x,
            inputs.h0,
            inputs.lengths,
            inputs.dropout_masks,
            every,
            output,
        )

    def backward(
        self,
        params: Mapping[str, Array],
        trace: RecurrentTrace,
        d_output: Array | None = None,
        d_h_n: Array | None = None,
        truncate: int | None = None,
    ) -> RecurrentGradients:
        """Back-propagation through time, for gradients that arrive at every output step and at h_n. SPEC 5.1, 5.7.

        d_output and d_h_n have the layout of trace.output and trace.h_n; either may be omitted (zeros), not both.
        d_output past the length of a sequence has no effect. truncate = k: no gradient crosses from step mk to mk-1, as
        with chunks of k steps and a detached state between them (one direction only). SPEC 7.2, 7.3.
        Raises TypeError or ValueError, before any arithmetic, on a wrong type, dtype, shape or name.
        """
        checked, d_h_n_checked = self.checked_backward(params, trace, d_h_n, truncate)
        batched = trace.h_n.ndim == 3
        if d_output is None and d_h_n is None:
            raise ValueError("backward needs d_output, d_h_n, or both")
        d_series = (
            np.zeros_like(trace.output) if d_output is None else checked_gradient(d_output, trace.output, "d_output")
        )
        arguments = (
            time_major(d_series, self.batch_first),
            d_h_n_checked if batched else d_h_n_checked[:, None],
            trace.lengths,
            trace.dropout_masks,
        )
        back = partial(stack.backward, self._f, self._grouped(checked), p=float(self.dropout), truncate=truncate)
        if trace.checkpoints is None:
            grads = back(trace.layers, *arguments)
        else:
            grads = checkpoint.backward(self._forward(checked), back, trace.checkpoints, *arguments)
        return RecurrentGradients(
            x=user_layout(grads.x, batched, self.batch_first),
            h0=grads.h0 if batched else grads.h0[:, 0],
            params=parameters.flat(grads.weights),
            layers=grads.layers,
        )

    def checked_backward(
        self, params: Mapping[str, Array], trace: RecurrentTrace, d_h_n: Array | None, truncate: int | None
    ) -> tuple[dict[str, Array], Array]:
        """What `backward` takes, all but d_output, checked; no arithmetic. The params, and d_h_n or zeros. SPEC 1.8."""
        checked = parameters.checked(params, self.shapes)
        self._check_trace(trace, checked)
        if truncate is not None:
            require_size("truncate", truncate)
            if trace.checkpoints is not None:
                raise ValueError("truncate needs the whole trace: give forward no checkpoint_every")
            if self.bidirectional:
                raise ValueError("truncate needs one direction: the reverse direction is not an online process")
        return checked, np.zeros_like(trace.h_n) if d_h_n is None else checked_gradient(d_h_n, trace.h_n, "d_h_n")

    def step(self, params: Mapping[str, Array], x_t: Array, state: Array | None = None) -> tuple[Array, Array]:
        """One step of the online process: `(output(t), state(t)) = step(x(t), state(t-1))`. SPEC 7.1.

        x_t (B, I) or (I,) unbatched; state (L, B, H) or (L, H), omitted: zeros. Returns output (B, H) or (H,), and the
        new state. No dropout, as in torch's eval(). Raises ValueError if bidirectional, and as `forward` does.
        """
        if self.bidirectional:
            raise ValueError("step needs one direction: a bidirectional network is not an online process")
        x_t = native_array(x_t, "x_t")
        if x_t.ndim not in (1, 2):
            raise ValueError(f"RNN: Expected input of one step to be 1D or 2D, got {x_t.ndim}D array instead")
        time_axis = 1 if self.batch_first and x_t.ndim == 2 else 0
        trace = self.forward(params, np.expand_dims(x_t, time_axis), state)
        output = trace.output[:, 0] if time_axis else trace.output[0]
        return output, trace.h_n

    @property
    def _f(self) -> ScalarActivation:
        return NONLINEARITIES[self.nonlinearity]

    def _forward(self, params: Mapping[str, Array]) -> Callable[..., StackTrace]:
        """The stack with its parameters: a function of x, h0, lengths and dropout masks."""
        return partial(stack.forward, self._f, self._grouped(params), p=float(self.dropout))

    def _grouped(self, params: Mapping[str, Array]) -> list[list[Any]]:
        return parameters.grouped(params, self.num_layers, self.num_directions)

    def _checked_input(self, x: Array, params: Mapping[str, Array]) -> Array:
        x = native_array(x, "input")
        if x.ndim not in (2, 3):
            raise ValueError(f"RNN: Expected input to be 2D or 3D, got {x.ndim}D tensor instead")
        if x.shape[-1] != self.input_size:
            raise ValueError(
                f"input.size(-1) must be equal to input_size. Expected {self.input_size}, got {x.shape[-1]}"
            )
        if time_major(x, self.batch_first).shape[0] == 0:
            raise ValueError("Expected sequence length to be larger than 0 in RNN")
        weight = next(iter(params.values()))
        if x.dtype != weight.dtype:
            raise TypeError(f"RNN input dtype ({x.dtype}) does not match weight dtype ({weight.dtype})")
        return x

    def _checked_state(self, state: Array | None, series: Array, batched: bool) -> Array:
        """The state as (L·D, B, H); zeros where none is given. SPEC 3.4."""
        _, B, _ = series.shape
        shape = (self.num_layers * self.num_directions, B, self.hidden_size)
        if state is None:
            return np.zeros_like(series, shape=shape)
        state = native_array(state, "hx")
        if batched and state.ndim != 3:
            raise ValueError(f"For batched 3-D input, hx should also be 3-D but got {state.ndim}-D tensor")
        if not batched and state.ndim != 2:
            raise ValueError(f"For unbatched 2-D input, hx should also be 2-D but got {state.ndim}-D tensor")
        state = state if batched else state[:, None]
        if state.shape != shape:
            raise ValueError(f"Expected hidden size {shape}, got {list(state.shape)}")
        if state.dtype != series.dtype:
            raise TypeError(f"RNN hx dtype ({state.dtype}) does not match input dtype ({series.dtype})")
        return state

    def _checked_masks(self, masks: Array | None, T: int, B: int, batched: bool) -> Array | None:
        """The dropout masks as (L-1, T, B, D·H) bool. SPEC 4.6."""
        if masks is None:
            return None
        if not isinstance(masks, np.ndarray) or masks.dtype != np.bool_:
            got = masks.dtype if isinstance(masks, np.ndarray) else type(masks).__name__
            raise TypeError(f"dropout_masks should be a bool array (True = kept), got: {got}")
        shape: tuple[int, ...] = (self.num_layers - 1, T, B, self.output_features)
        shape = shape if batched else (*shape[:2], shape[3])
        if masks.shape != shape:
            raise ValueError(f"Expected dropout_masks of size {shape}, got {masks.shape}")
        if self.dropout == 0 and not masks.all():
            raise ValueError("dropout_masks drop elements, but dropout is 0")
        if self.dropout == 1 and masks.any():
            raise ValueError("dropout_masks keep elements, but dropout is 1")
        return masks if batched else masks[:, :, None]

    def _check_trace(self, trace: RecurrentTrace, params: Mapping[str, Array]) -> None:
        """Raises unless the trace is one that this configuration made with parameters of this dtype. SPEC 1.8."""
        if not isinstance(trace, RecurrentTrace):
            raise TypeError(f"trace should be what forward returned, got: {type(trace).__name__}")
        if trace.config != self:
            raise ValueError(f"trace is of another network: expected {self}, got {trace.config}")
        weight = next(iter(params.values()))
        if trace.output.dtype != weight.dtype:
            raise TypeError(f"trace dtype ({trace.output.dtype}) does not match weight dtype ({weight.dtype})")


def checked_gradient(gradient: Array, value: Array, what: str) -> Array:
    """An upstream gradient, of the shape and dtype of what it belongs to; TypeError or ValueError if not. SPEC 1.8."""
    gradient = native_array(gradient, what)
    if gradient.shape != value.shape:
        raise ValueError(f"Expected {what} of size {value.shape}, got {gradient.shape}")
    if gradient.dtype != value.dtype:
        raise TypeError(f"{what} dtype ({gradient.dtype}) does not match output dtype ({value.dtype})")
    return gradient


def _require_type(name: str, value: object, kind: type) -> None:
    if not isinstance(value, kind):
        raise TypeError(f"{name} should be of type {kind.__name__}, got: {type(value).__name__}")


def require_size(name: str, value: object) -> None:
    """Raises TypeError unless value is an int, ValueError unless it is above 0. SPEC 1.3."""
    if isinstance(value, bool):
        raise TypeError(f"{name} should be of type int, got: bool")
    _require_type(name, value, int)
    if value <= 0:  # type: ignore[operator]
        raise ValueError(f"{name} must be greater than zero")


def _checked_lengths(lengths: Sequence[int] | Array | None, T: int, B: int, batched: bool) -> Array | None:
    """The lengths as an integer array (B,). SPEC 6.1."""
    if lengths is None:
        return None
    if not batched:
        raise ValueError("lengths need batched 3-D input, got unbatched 2-D input")
    array = np.asarray(lengths)
    if array.size and not np.issubdtype(array.dtype, np.integer):
        raise TypeError(f"lengths should be integers, got: {array.dtype}")
    if array.shape != (B,):
        raise ValueError(f"Expected lengths of size {(B,)}, one a sequence of the batch, got {array.shape}")
    if (array <= 0).any():
        raise ValueError(f"Expected every length to be larger than 0, got {array.min()}")
    if (array > T).any():
        raise ValueError(f"Expected no length above the {T} steps of the input, got {array.max()}")
    return array.astype(np.intp)
