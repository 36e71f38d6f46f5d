"""The whole: the recurrent stack, the output layer on it, and the divergence of the series of outputs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import numpy as np
from numpy.typing import DTypeLike

from reference import checks, output, parameters, shown
from reference.activations import ACTIVATIONS, Activation
from reference.arrays import Array
from reference.cells import Shapes
from reference.divergences import DIVERGENCES, CheckedDivergence, Divergence, require_reduction
from reference.layout import Layout
from reference.packing import Packing
from reference.recurrent import Recurrent, RecurrentGradients, RecurrentTrace

Value = TypeVar("Value")

RECURRENT, OUTPUT = "rnn.", "output."  # the prefixes of the names of the parameters. SPEC 1.5


@dataclass(frozen=True)
class NetworkRun:
    """What `Network.forward` returns. SPEC 21.2.

    config: the network that made it. div: the divergence, a scalar (None where no target was given). y and z in the
    caller's layout, rnn the trace of the recurrent stack. target and weights are kept time-major for `backward`.
    """

    config: "Network"
    div: Any
    y: Array
    z: Array
    rnn: RecurrentTrace
    target: Array | None
    weights: Array

    def __repr__(self) -> str:
        of_stack = f"rnn of output, h_n, {shown.columns(self.rnn.layers)}"
        return shown.arrays(self, of_stack, div=self.div, y=self.y, z=self.z)

    if not TYPE_CHECKING:  # pragma: no branch

        def __getattr__(self, name: str) -> NoReturn:
            """Called for what is not there: says where it is."""
            raise AttributeError(shown.no_attribute(self, name, "run", "rnn.layers", "rnn.output"))


@dataclass(frozen=True)
class NetworkGradients:
    """What `Network.backward` returns: x, h0, params by name; y, z and output as dDIV/dy, /dz, /doutput. SPEC 21.3."""

    x: Array
    h0: Any
    params: dict[str, Array]
    y: Array
    z: Array
    output: Array
    rnn: RecurrentGradients

    def __repr__(self) -> str:
        others = f"params of {len(self.params)} names", f"rnn of {shown.columns(self.rnn.layers)}"
        return shown.arrays(self, *others, x=self.x, h0=self.h0, y=self.y, z=self.z, output=self.output)

    if not TYPE_CHECKING:  # pragma: no branch

        def __getattr__(self, name: str) -> NoReturn:
            """Called for what is not there: says where it is."""
            raise AttributeError(shown.no_attribute(self, name, "grads", "rnn.layers"))


@dataclass(frozen=True)
class Network:
    """A recurrent stack, an output layer at every step, and a divergence of the series.

        z(t) = W2 h(t) + b2        y(t) = f2(z(t))        DIV = a scalar function of the series y(0..T-1)

    activation: identity, sigmoid, tanh, relu, softplus; softmax, log_softmax. divergence: squared_error, cross_entropy,
    kl, binary_cross_entropy, negative_log_likelihood, softmax_cross_entropy (fused: on logits), or an object of your
    own with the two methods of `reference.Divergence`. reduction: "sum", or "mean": the weights are divided by their
    sum before the divergence reads them. SPEC 3.5, 8.1, 8.4, 8.6, 20.1, 20.2.

    >>> import numpy as np, reference
    >>> rng = np.random.default_rng(0)
    >>> net = reference.Network(reference.RNN(3, 5), output_size=2, activation="softmax", divergence="cross_entropy")
    >>> params = net.init(rng)
    >>> list(params)[-2:]
    ['output.weight', 'output.bias']
    >>> run = net.forward(params, rng.standard_normal((7, 4, 3)), target=rng.integers(0, 2, (7, 4)))
    >>> grads = net.backward(params, run)
    >>> grads.params["rnn.weight_hh_l0"].shape
    (5, 5)

    Raises TypeError or ValueError on an unknown name, or a divergence that cannot take what the activation gives.
    """

    rnn: Recurrent
    output_size: int
    activation: str = "identity"
    divergence: str | Divergence = "squared_error"
    reduction: str = "sum"

    def __post_init__(self) -> None:
        if not isinstance(self.rnn, Recurrent):
            raise TypeError(f"rnn should be a recurrent stack such as RNN, GRU or LSTM, got: {type(self.rnn).__name__}")
        checks.require_size("output_size", self.output_size)
        if not isinstance(self.activation, str) or self.activation not in ACTIVATIONS:
            raise ValueError(f"Unknown activation '{self.activation}'. Select from {_quoted(ACTIVATIONS)}.")
        require_reduction(self.reduction)
        if isinstance(self.divergence, str):
            if self.divergence not in DIVERGENCES:
                raise ValueError(f"Unknown divergence '{self.divergence}'. Select from {_quoted(DIVERGENCES)}.")
        elif not (hasattr(self.divergence, "value") and hasattr(self.divergence, "gradient")):
            raise TypeError(
                "divergence should be a name, or an object with `value` and `gradient`, "
                f"got: {type(self.divergence).__name__}"
            )
        if isinstance(self._div, CheckedDivergence):
            if self.activation not in self._div.activations:
                raise ValueError(
                    f"{self._div.name} cannot take the output of '{self.activation}'. "
                    f"Select from {_quoted(sorted(self._div.activations))}."
                )
            if self._div.per_sequence and self.reduction == "mean":
                raise ValueError(f"reduction 'mean' is one over steps: give {self._div.name} a reduction of its own")

    def __repr__(self) -> str:
        return shown.configuration(self)

    @property
    def shapes(self) -> Shapes:
        """Name to shape of every parameter, as in a torch Module with children `rnn` and `output`. SPEC 1.5."""
        return _named(RECURRENT, self.rnn.shapes) | _named(OUTPUT, self._output_shapes)

    @property
    def _output_shapes(self) -> Shapes:
        return parameters.output_shapes(self.rnn.output_features, self.output_size)

    def init(self, rng: np.random.Generator, dtype: DTypeLike = np.float64) -> dict[str, Array]:
        """Fresh parameters: `rnn.*` as in `RNN.init`, `output.*` from U(-1/sqrt(D·H), 1/sqrt(D·H)). SPEC 20.3."""
        recurrent = self.rnn.init(rng, dtype)
        out = parameters.initialise(self._output_shapes, self.rnn.output_features, rng, dtype)
        return shown.Named(_named(RECURRENT, recurrent) | _named(OUTPUT, out))

    def forward(
        self,
        params: Mapping[str, Array],
        x: Array,
        target: Array | None = None,
        h0: Any = None,
        lengths: Sequence[int] | Array | None = None,
        dropout_masks: Array | None = None,
        weights: Array | None = None,
        checkpoint_every: int | None = None,
    ) -> NetworkRun:
        """Run the series through the network; with a target, also its divergence. SPEC 1.2, 3.5, 6.5, 8.2, 21.2.

        x, h0, lengths, dropout_masks, checkpoint_every as in `RNN.forward`. target: class indices, x's layout without
        its last axis, or vectors, x's layout with O as the last. weights (T, B), (B, T) or (T,): what each step counts
        for, of x's dtype or bool; omitted: 1. Steps past a length never count; what target and weights hold there is
        not looked at.
        Raises TypeError or ValueError, before any arithmetic, on what does not fit.
        """
        checked = parameters.checked(params, self.shapes)
        inputs = self.rnn.checked_inputs(checked, x, h0, lengths, dropout_masks, checkpoint_every, RECURRENT)
        layout = inputs.layout
        step_weights = self._checked_weights(weights, inputs.x, layout, inputs.batch.packing)
        desired = self._checked_target(target, layout, step_weights)
        trace = self.rnn.forward_checked(inputs)
        z = output.forward(checked[f"{OUTPUT}weight"], checked[f"{OUTPUT}bias"], trace.stack.output)
        y = self._f.value(z)
        div = None if desired is None else self._div.value(y, desired, step_weights)
        size = getattr(div, "shape", ())
        if size != ():
            raise ValueError(f"the divergence should be a single number, got an array of size {size}")
        return NetworkRun(
            config=self,
            div=div,
            y=layout.of_caller(y),
            z=layout.of_caller(z),
            rnn=trace,
            target=desired,
            weights=step_weights,
        )

    def backward(
        self,
        params: Mapping[str, Array],
        run: NetworkRun,
        d_h_n: Any = None,
        truncate: int | None = None,
    ) -> NetworkGradients:
        """dDIV/d(everything): dy for every t, dz = dy J_f2, dh = dz W2, then back through time. SPEC 5.1, 5.8.

        d_h_n, truncate as in `RNN.backward`. Raises ValueError where the run had no target, and as `RNN.backward` does.
        """
        checked = parameters.checked(params, self.shapes)
        if not isinstance(run, NetworkRun):
            raise TypeError(f"run should be what forward returned, got: {type(run).__name__}")
        if run.config != self:
            raise ValueError(f"run is of another network: expected {self}, got {run.config}")
        if run.target is None:
            raise ValueError("backward needs a divergence: give forward a target")
        d_last = self.rnn.checked_upstream(checked, run.rnn, d_h_n, truncate)
        layout = run.rnn.layout
        y = layout.time_major(run.y)
        dy = self._div.gradient(y, run.target, run.weights)
        dy = checks.checked_gradient(dy, y, "the gradient of the divergence")
        dz = self._f.vjp(dy, y)
        out = output.backward(checked[f"{OUTPUT}weight"], run.rnn.stack.output, dz)
        grads = self.rnn.backward_checked(checked, run.rnn, out.h, d_last, truncate, RECURRENT)
        return NetworkGradients(
            x=grads.x,
            h0=grads.h0,
            params=shown.Named(
                _named(RECURRENT, grads.params) | _named(OUTPUT, {"weight": out.weight, "bias": out.bias})
            ),
            y=layout.of_caller(dy),
            z=layout.of_caller(dz),
            output=layout.of_caller(out.h),
            rnn=grads,
        )

    @property
    def _f(self) -> Activation:
        return ACTIVATIONS[self.activation]

    @property
    def _div(self) -> Divergence:
        return DIVERGENCES[self.divergence] if isinstance(self.divergence, str) else self.divergence

    def _checked_weights(self, weights: Array | None, x: Array, layout: Layout, packing: Packing) -> Array:
        """What each step counts for: (T, B), of x's dtype, 0 past the end of a sequence. SPEC 8.2, 8.4."""
        T, B, _ = x.shape
        if weights is None:
            step_weights = np.ones_like(x, shape=(T, B))
        else:
            weights = checks.require_plain(weights, "weights")
            if weights.dtype == np.bool_:
                weights = np.where(weights, np.ones_like(x, shape=()), 0)
            weights = checks.native_array(weights, "weights")
            if weights.shape != layout.shape(T, B):
                raise ValueError(f"Expected weights of size {layout.shape(T, B)}, got {weights.shape}")
            if weights.dtype != x.dtype:
                raise TypeError(f"weights dtype ({weights.dtype}) does not match input dtype ({x.dtype})")
            step_weights = layout.time_major(weights)
        step_weights = step_weights if packing.lengths is None else np.where(packing.real, step_weights, 0)
        if self.reduction == "sum":
            return step_weights
        total = step_weights.sum()
        if total == 0:
            raise ValueError("the mean divergence needs weights that do not sum to 0")
        return step_weights / total

    def _checked_target(self, target: Array | None, layout: Layout, weights: Array) -> Any:
        """The target, time-major; for the divergences that have a name, checked and as (T, B, O) floats. SPEC 8.3."""
        if target is None:
            return None
        named = self._div if isinstance(self._div, CheckedDivergence) else None
        target = checks.require_plain(target, "target")
        if target.ndim == 0 and not (named and named.per_sequence):
            raise ValueError("Expected a target for every step, got a single number")
        if named and named.per_sequence:
            target = target if layout.batched else target[None]
        elif target.ndim > 1 or not layout.batched:  # (T,) for a batch is left to the divergence, which refuses it
            target = layout.time_major(target)
        return named.desired(target, self.output_size, weights) if named else target


def _quoted(names: Any) -> str:
    return ", ".join(f"'{name}'" for name in names)


def _named(prefix: str, values: Mapping[str, Value]) -> dict[str, Value]:
    return {f"{prefix}{name}": value for name, value in values.items()}
