"""The simple recurrent cell: one column of the unrolled network, forward and backward.

What needs no recursion stands outside `step`: `project` before the time loop, `slopes` and `pool_gradients` after it.
"""

from dataclasses import dataclass

import numpy as np

from reference.activations import ScalarActivation
from reference.arrays import Array, affine, pool
from reference.rows import Rows


@dataclass(frozen=True)
class Weights:
    """The parameters of one layer, one direction: w_ih (H, I), w_hh (H, H), b_ih (H,), b_hh (H,). SPEC 1.4."""

    w_ih: Array
    w_hh: Array
    b_ih: Array | None
    b_hh: Array | None

    def __add__(self, other: "Weights") -> "Weights":
        """The sum of the gradients of two parts of a series. SPEC 7.2."""
        return Weights(
            w_ih=self.w_ih + other.w_ih,
            w_hh=self.w_hh + other.w_hh,
            b_ih=None if self.b_ih is None or other.b_ih is None else self.b_ih + other.b_ih,
            b_hh=None if self.b_hh is None or other.b_hh is None else self.b_hh + other.b_hh,
        )


@dataclass(frozen=True)
class Trace:
    """Every value of one layer, one direction, at every step s in the order in which it read the series. SPEC 4.3.

    x (T, B, I), a (T, B, H), states (T + 1, B, H): states[0] is h0 and states[s + 1] is h(s). Kept as `rows` has them:
    x_rows (N, I), a_rows (N, H), and states_rows (B + N, H), h0 first. Past the end of a sequence x, a, h are 0.
    """

    rows: Rows
    x_rows: Array
    a_rows: Array
    states_rows: Array

    @property
    def h_rows(self) -> Array:
        """h(s), row by row: (N, H)."""
        return self.states_rows[self.rows.B :]

    @property
    def h_prev_rows(self) -> Array:
        """h(s-1), row by row, h0 the first: (N, H). SPEC 0.4, 0.5."""
        return self.rows.previous(self.states_rows)

    @property
    def x(self) -> Array:
        """x(s) for s = 0..T-1: (T, B, I)."""
        return self.rows.unpack(self.x_rows)

    @property
    def a(self) -> Array:
        """a(s) for s = 0..T-1: (T, B, H)."""
        return self.rows.unpack(self.a_rows)

    @property
    def h(self) -> Array:
        """h(s) for s = 0..T-1: (T, B, H)."""
        return self.rows.unpack(self.h_rows)

    @property
    def h0(self) -> Array:
        """h(-1): (B, H)."""
        return self.rows.unsort(self.states_rows[: self.rows.B])

    @property
    def states(self) -> Array:
        """h0, then h(s) for s = 0..T-1: (T + 1, B, H)."""
        return np.concatenate([self.h0[None], self.h])


@dataclass(frozen=True)
class Gradients:
    """The gradient of everything in the trace, named as there: x, a, h, h0, and the four parameters. SPEC 5.1."""

    rows: Rows
    x_rows: Array
    a_rows: Array
    h_rows: Array
    h0: Array
    weights: Weights

    @property
    def x(self) -> Array:
        """dx(s) for s = 0..T-1: (T, B, I)."""
        return self.rows.unpack(self.x_rows)

    @property
    def a(self) -> Array:
        """da(s) for s = 0..T-1: (T, B, H)."""
        return self.rows.unpack(self.a_rows)

    @property
    def h(self) -> Array:
        """dh(s) for s = 0..T-1: (T, B, H)."""
        return self.rows.unpack(self.h_rows)


def project(weights: Weights, x_rows: Array) -> Array:
    """`W_ih x(t) + b_ih + b_hh` for every t in one contraction: (N, I) to (N, H). SPEC 0.9, 3.2."""
    p = affine(x_rows, weights.w_ih, weights.b_ih)
    if weights.b_hh is not None:
        np.add(p, weights.b_hh, out=p)
    return p


def step(f: ScalarActivation, w_hh_T: Array, h_prev: Array, a: Array, h: Array) -> None:
    """One column of the network: `a(t) = p(t) + W_hh h(t-1)`, `h(t) = f(a(t))`. SPEC 3.3.

    All (n, H), one row a sequence that reaches t, but w_hh_T (H, H), the transpose of W_hh. On entry `a` holds the
    projection p(t). `a` and `h` are overwritten with a(t) and h(t).
    """
    h_prev.dot(w_hh_T, out=h)
    np.add(a, h, out=a)
    f.value(a, out=h)


def slopes(f: ScalarActivation, trace: Trace) -> Array:
    """`f'(a(t))` for every t at once: (N, H). SPEC 0.6, 5.3."""
    return f.slope(trace.h_rows)


def step_backward(f: ScalarActivation, w_hh: Array, above: Array, dh: Array, da: Array, carry: Array) -> None:
    """The adjoint of `step`, line by line in reverse. SPEC 5.4.

    All (n, H), but w_hh (H, H). `above` is what arrives from above at h(t). On entry `da` holds the slope f'(a(t)),
    `carry` the da(t+1) W_hh that arrives from the right. `dh`, `da` and `carry` are overwritten with dh(t), da(t) and
    da(t) W_hh.
    """
    np.add(above, carry, out=dh)  # h(t) is read above and by step t+1: dh(t) = from above + da(t+1) W_hh
    f.chain(dh, da, out=da)  # h(t) = f(a(t)):                         da(t) = dh(t) · f'(a(t))
    da.dot(w_hh, out=carry)  # a(t) = p(t) + W_hh h(t-1):              da(t) W_hh goes to h(t-1)


def pool_gradients(weights: Weights, trace: Trace, da: Array) -> tuple[Array, Weights]:
    """dx for every t, and the parameter gradients pooled over time and batch. SPEC 0.5, 5.5.

    `dW_ih = sum da(t)ᵀ x(t)`, `dW_hh = sum da(t)ᵀ h(t-1)`, `db_ih = db_hh = sum da(t)`, `dx(t) = da(t) W_ih`.
    da (N, H), dx (N, I).
    """
    db = None if weights.b_ih is None else da.sum(axis=0)
    pooled = Weights(
        w_ih=pool(da, trace.x_rows),
        w_hh=pool(da, trace.h_prev_rows),
        b_ih=db,
        b_hh=None if db is None else db.copy(),
    )
    return da.dot(weights.w_ih), pooled
