"""The simple recurrent cell: one column of the unrolled network, forward and backward.

What needs no recursion stands outside `steps`: `project` before it, `slopes` and `pool_gradients` after it.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from reference.activations import ScalarActivation
from reference.arrays import Array, Product, affine, pool
from reference.rows import Rows, Steps


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
    b = None if weights.b_ih is None or weights.b_hh is None else weights.b_ih + weights.b_hh
    return affine(x_rows, weights.w_ih, b)


def steps(f: ScalarActivation, times_w_hh_T: Product, a: Steps, h: Iterable[tuple[Array, Array]]) -> None:
    """The columns of the network, t = 0..T-1: `a(t) = p(t) + W_hh h(t-1)`, `h(t) = f(a(t))`. SPEC 3.3.

    a has an array for each step, h two, h(t-1) and h(t); all (n, H), a row for each sequence that reaches t. On entry
    a(t) holds the projection p(t). a(t) and h(t) are overwritten. times_w_hh_T(rows, out): the product with W_hhᵀ.
    """
    add, value = np.add, f.value  # looked up once; the last argument of each call is where its result goes
    for a_t, (h_prev, h_t) in zip(a, h, strict=True):
        times_w_hh_T(h_prev, h_t)
        add(a_t, h_t, a_t)
        value(a_t, h_t)


def slopes(f: ScalarActivation, trace: Trace) -> Array:
    """`f'(a(t))` for every t at once: (N, H). SPEC 0.6, 5.3."""
    return f.slope(trace.h_rows)


def steps_backward(f: ScalarActivation, times_w_hh: Product, dh: Steps, da: Steps, carry: Steps) -> None:
    """The adjoint of `steps`, line by line in reverse, the last step first. SPEC 5.4.

    All have an array (n, H) for each step. On entry dh(t) holds what arrives from above at h(t), da(t) the slope
    f'(a(t)), carry the da(t+1) W_hh that arrives from the right. dh(t), da(t) and carry are overwritten, carry with
    da(t) W_hh. times_w_hh(rows, out): the product with W_hh.
    """
    add, chain = np.add, f.chain
    for dh_t, da_t, carry_t in zip(dh, da, carry, strict=True):
        add(dh_t, carry_t, dh_t)  # h(t) is read above and by step t+1: dh(t) = from above + da(t+1) W_hh
        chain(dh_t, da_t, da_t)  # h(t) = f(a(t)):                      da(t) = dh(t) · f'(a(t))
        times_w_hh(da_t, carry_t)  # a(t) = p(t) + W_hh h(t-1):           da(t) W_hh goes to h(t-1)


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
