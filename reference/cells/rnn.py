"""The simple recurrent cell: one column of the unrolled network, forward and backward.

What needs no recursion stands outside `step`: `project` before the time loop, `slopes` and `pool_gradients` after it.
"""

from dataclasses import dataclass

import numpy as np

from reference.activations import ScalarActivation
from reference.arrays import Array, affine, from_real_rows, pool, real_rows


@dataclass(frozen=True)
class Weights:
    """The parameters of one layer, one direction: w_ih (H, I), w_hh (H, H), b_ih (H,), b_hh (H,). SPEC 1.4."""

    w_ih: Array
    w_hh: Array
    b_ih: Array | None
    b_hh: Array | None


@dataclass(frozen=True)
class Trace:
    """Every value of one layer, one direction, at every step s in the order in which it read the series. SPEC 4.3.

    x (T, B, I), a (T, B, H), states (T + 1, B, H): states[0] is h0 and states[s + 1] is h(s).
    real (T, B) bool marks the steps that belong to a sequence, None where all do; past them x, a and h are exactly 0.
    """

    x: Array
    a: Array
    states: Array
    real: Array | None

    @property
    def h(self) -> Array:
        """h(s) for s = 0..T-1: (T, B, H)."""
        return self.states[1:]

    @property
    def h_prev(self) -> Array:
        """h(s-1) for s = 0..T-1, h0 the first: (T, B, H). SPEC 0.4, 0.5."""
        return self.states[:-1]


@dataclass(frozen=True)
class Gradients:
    """The gradient of everything in the trace, named as there: x, a, h, h0, and the four parameters. SPEC 5.1."""

    x: Array
    a: Array
    h: Array
    h0: Array
    weights: Weights


def project(weights: Weights, x: Array, real: Array | None) -> Array:
    """`W_ih x(t) + b_ih + b_hh` for every t in one contraction: (T, B, I) to (T, B, H). SPEC 0.9, 3.2."""
    T, B, _ = x.shape
    p = affine(real_rows(x, real), weights.w_ih, weights.b_ih)
    if weights.b_hh is not None:
        np.add(p, weights.b_hh, out=p)
    return from_real_rows(p, T, B, real)


def step(f: ScalarActivation, w_hh_T: Array, h_prev: Array, a: Array, h: Array, recurrent: Array) -> None:
    """One column of the network: `a(t) = p(t) + W_hh h(t-1)`, `h(t) = f(a(t))`. SPEC 3.3.

    All (B, H), but w_hh_T (H, H), the transpose of W_hh. On entry `a` holds the projection p(t); `a` and `h` are
    overwritten with a(t) and h(t), `recurrent` with W_hh h(t-1).
    """
    h_prev.dot(w_hh_T, out=recurrent)
    np.add(a, recurrent, out=a)
    f.value(a, out=h)


def slopes(f: ScalarActivation, trace: Trace) -> Array:
    """`f'(a(t))` for every t at once: (T, B, H). SPEC 0.6, 5.3."""
    return f.slope(trace.h)


def step_backward(f: ScalarActivation, w_hh: Array, dh: Array, da: Array, carry: Array) -> None:
    """The adjoint of `step`, line by line in reverse. SPEC 5.4.

    All (B, H), but w_hh (H, H). On entry `dh` holds what arrives from above at h(t), `da` the slope f'(a(t)), `carry`
    the da(t+1) W_hh that arrives from the right. They are overwritten with dh(t), da(t) and da(t) W_hh.
    """
    np.add(dh, carry, out=dh)  # h(t) is read above and by step t+1: dh(t) = from above + da(t+1) W_hh
    f.chain(dh, da, out=da)  # h(t) = f(a(t)):                      da(t) = dh(t) · f'(a(t))
    da.dot(w_hh, out=carry)  # a(t) = p(t) + W_hh h(t-1):           da(t) W_hh goes to h(t-1)


def pool_gradients(weights: Weights, trace: Trace, da: Array) -> tuple[Array, Weights]:
    """dx for every t, and the parameter gradients pooled over time and batch. SPEC 0.5, 5.5.

    `dW_ih = sum da(t)ᵀ x(t)`, `dW_hh = sum da(t)ᵀ h(t-1)`, `db_ih = db_hh = sum da(t)`, `dx(t) = da(t) W_ih`.
    """
    T, B, _ = da.shape
    da_rows = real_rows(da, trace.real)
    db = None if weights.b_ih is None else da_rows.sum(axis=0)
    pooled = Weights(
        w_ih=pool(da_rows, real_rows(trace.x, trace.real)),
        w_hh=pool(da_rows, real_rows(trace.h_prev, trace.real)),
        b_ih=db,
        b_hh=None if db is None else db.copy(),
    )
    return from_real_rows(da_rows.dot(weights.w_ih), T, B, trace.real), pooled
