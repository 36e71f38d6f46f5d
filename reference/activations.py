"""Activations, scalar and vector: the value, and the product of an upstream gradient with the Jacobian.

Every derivative here is a function of the value y alone, so a trace keeps y and never needs a second look at z.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, cast

import numpy as np

from reference.arrays import Array


class Activation(Protocol):
    """What the output layer asks of an activation: y = f(z), and dz = dy J_f. SPEC 2.1, 22.1."""

    @property
    def name(self) -> str: ...

    def value(self, z: Array) -> Array: ...

    def vjp(self, dy: Array, y: Array) -> Array: ...


class Value(Protocol):
    """f, elementwise. SPEC 2.2."""

    def __call__(self, z: Array, /, out: Array | None = None) -> Array: ...


class Chain(Protocol):
    """The product of an upstream gradient with a slope, elementwise. SPEC 2.2."""

    def __call__(self, dy: Array, slope: Array, /, out: Array | None = None) -> Array: ...


def _gate(dy: Array, slope: Array, out: Array | None = None) -> Array:
    """`dz = dy where f'(z) = 1, else 0`: the product with a slope of 0 or 1, but inf · 0 is 0. SPEC 2.5."""
    closed = slope.real <= 0
    out = np.positive(dy, out=out)
    out[closed] = 0
    return out


MULTIPLY = cast(Chain, np.multiply)


@dataclass(frozen=True)
class ScalarActivation:
    """`y_i = f(z_i)`, `dz_i = dy_i f'(z_i)`. SPEC 2.2, 2.3, 2.4, 2.5.

    value(z, out): f, elementwise. slope(y): f'(z) written with y = f(z). chain(dy, slope, out): their product.
    All shapes alike; the dtype is kept. What is computed goes to out, where one is given, and is returned.
    """

    name: str
    value: Value
    slope: Callable[[Array], Array]
    chain: Chain = MULTIPLY

    def vjp(self, dy: Array, y: Array) -> Array:
        """`dz = dy · f'(z)`, from y. SPEC 2.2."""
        return self.chain(dy, self.slope(y))


def _relu(z: Array, out: Array | None = None) -> Array:
    closed = z.real <= 0  # not "z > 0": NaN must pass through
    out = np.positive(z, out=out)
    out[closed] = 0
    return out


def _minus_magnitude(z: Array) -> Array:
    """-|z|, written so that it stays analytic: `abs` would take the modulus of a complex z. SPEC 2.4."""
    return np.where(z.real <= 0, z, -z)


def _sigmoid(z: Array, out: Array | None = None) -> Array:
    e = np.exp(_minus_magnitude(z))  # in (0, 1]: never overflows
    return np.divide(np.where(z.real <= 0, e, np.ones_like(e)), 1 + e, out=out)


def _softplus(z: Array, out: Array | None = None) -> Array:
    return np.add(_relu(z), np.log1p(np.exp(_minus_magnitude(z))), out=out)


def _tanh_slope(y: Array) -> Array:
    squared = y * y
    return np.subtract(1, squared, out=squared)


IDENTITY = ScalarActivation("identity", cast(Value, np.positive), np.ones_like)
TANH = ScalarActivation("tanh", cast(Value, np.tanh), _tanh_slope)
RELU = ScalarActivation("relu", _relu, lambda y: np.where(y.real <= 0, 0, np.ones_like(y)), _gate)
SIGMOID = ScalarActivation("sigmoid", _sigmoid, lambda y: y * (1 - y))
SOFTPLUS = ScalarActivation("softplus", _softplus, lambda y: -np.expm1(-y))


@dataclass(frozen=True)
class Softmax:
    """`y_i = exp(z_i) / sum_j exp(z_j)`, `dz_i = y_i (dy_i - sum_j dy_j y_j)`, over the last axis. SPEC 2.7."""

    name: str = "softmax"

    def value(self, z: Array) -> Array:
        """y, from logits shifted by their maximum, so that exp never overflows. SPEC 2.9."""
        e = np.exp(z - z.real.max(axis=-1, keepdims=True))
        return e / e.sum(axis=-1, keepdims=True)

    def vjp(self, dy: Array, y: Array) -> Array:
        """The full Jacobian product: dY_j/dz_i = y_j (1[i=j] - y_i), summed over j. SPEC 2.6."""
        return y * (dy - (dy * y).sum(axis=-1, keepdims=True))


@dataclass(frozen=True)
class LogSoftmax:
    """`y_i = z_i - log sum_j exp(z_j)`, `dz_i = dy_i - exp(y_i) sum_j dy_j`, over the last axis. SPEC 2.8."""

    name: str = "log_softmax"

    def value(self, z: Array) -> Array:
        """y, from logits shifted by their maximum, so that exp never overflows. SPEC 2.9."""
        shifted = z - z.real.max(axis=-1, keepdims=True)
        return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))

    def vjp(self, dy: Array, y: Array) -> Array:
        """The full Jacobian product: dY_j/dz_i = 1[i=j] - exp(y_i), summed over j. SPEC 2.6."""
        return dy - np.exp(y) * dy.sum(axis=-1, keepdims=True)


SOFTMAX = Softmax()
LOG_SOFTMAX = LogSoftmax()

NONLINEARITIES: dict[str, ScalarActivation] = {f.name: f for f in (TANH, RELU, IDENTITY)}
ACTIVATIONS: dict[str, Activation] = {
    f.name: f for f in (IDENTITY, SIGMOID, TANH, RELU, SOFTPLUS, SOFTMAX, LOG_SOFTMAX)
}
