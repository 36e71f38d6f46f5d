"""One layer, one direction: the time loop, and back-propagation through it.

"All columns are identical": the loop calls one `step` at every t. It carries the recursion and nothing else. What the
two passes keep is in SPEC 7.5.
"""

import numpy as np

from reference.activations import ScalarActivation
from reference.arrays import Array, aligned
from reference.cells import rnn
from reference.cells.rnn import Gradients, Trace, Weights
from reference.rows import Rows


def forward(f: ScalarActivation, weights: Weights, x: Array, h0: Array, lengths: Array | None) -> Trace:
    """`a(t) = W_ih x(t) + b_ih + W_hh h(t-1) + b_hh`, `h(t) = f(a(t))`, t = 0..T-1. SPEC 3.1.

    x (T, B, I), h0 (B, H), lengths (B,) or None; same dtype. Nothing that the caller owns is written to.
    """
    T, B, _ = x.shape
    rows = Rows(T, B, lengths)
    x_rows = rows.pack(x)
    a = rnn.project(weights, x_rows)
    states = np.empty_like(a, shape=(B + len(a), a.shape[1]))
    states[:B] = rows.sort(h0)
    w_hh_T = aligned(weights.w_hh.T)  # contiguous once, not strided at every step
    for h_prev, a_t, h_t in zip(rows.before(states), rows.steps(a), rows.steps(states[B:]), strict=True):
        rnn.step(f, w_hh_T, h_prev, a_t, h_t)
    return Trace(rows, x_rows, a, states)


def last_state(trace: Trace) -> Array:
    """`h_n`: the state at each sequence's own end, (B, H). SPEC 6.4."""
    return trace.h_rows[trace.rows.last()]


def backward(
    f: ScalarActivation, weights: Weights, trace: Trace, d_h: Array, d_h_n: Array, truncate: int | None
) -> Gradients:
    """From t = T-1 down to 0: `dh(t) = d_h(t) + da(t+1) W_hh`, `da(t) = dh(t) f'(a(t))`; then the pooling. SPEC 5.2.

    d_h (T, B, H): what arrives from above at every h(t). d_h_n (B, H): what arrives at each sequence's last state, in
    place of what a later step would contribute. SPEC 0.7.
    truncate = k cuts the recursion between steps mk-1 and mk: no gradient crosses. SPEC 7.3.
    """
    rows = trace.rows
    above = rows.pack(d_h)
    da = rnn.slopes(f, trace)
    dh = np.empty_like(da)
    carry = rows.sort(d_h_n).copy()
    carries = rows.shared(carry)
    w_hh = aligned(weights.w_hh)
    steps = rows.steps(above), rows.steps(dh), rows.steps(da), carries
    for start, stop in reversed(pieces(rows.T, truncate)):
        if stop < rows.T:
            carries[stop][:] = 0  # of the sequences that go on; where one ends is its d_h_n
        for above_t, dh_t, da_t, carry_t in zip(*(each[start:stop][::-1] for each in steps), strict=True):
            rnn.step_backward(f, w_hh, above_t, dh_t, da_t, carry_t)
    dx, pooled = rnn.pool_gradients(weights, trace, da)
    return Gradients(rows, x_rows=dx, a_rows=da, h_rows=dh, h0=rows.unsort(carry), weights=pooled)


def pieces(T: int, truncate: int | None) -> list[tuple[int, int]]:
    """(start, stop) of the pieces through which the gradient flows whole: one of T steps, or k steps each. SPEC 7.3."""
    k = truncate or T
    return [(start, min(start + k, T)) for start in range(0, T, k)]
