"""One layer, one direction: the time loop, and back-propagation through it.

"All columns are identical": the loop, `steps` of the cell, carries the recursion and nothing else; all that needs none
stands here, for the whole series at once. What the two passes keep is in SPEC 7.5.
"""

import numpy as np

from reference.activations import ScalarActivation
from reference.arrays import Array, product_with
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
    times_w_hh_T = product_with(weights.w_hh.T, B, T)
    rnn.steps(f, times_w_hh_T, rows.steps(a), rows.pairs(states))
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
    dh = rows.pack(d_h).copy()
    da = rnn.slopes(f, trace)
    carry = rows.sort(d_h_n).copy()
    carries = rows.shared(carry)
    times_w_hh = product_with(weights.w_hh, rows.B, rows.T)
    steps = rows.steps(dh), rows.steps(da), carries
    for start, stop in reversed(pieces(rows.T, truncate)):
        if stop < rows.T:
            carries[stop][:] = 0  # of the sequences that go on; where one ends is its d_h_n
        rnn.steps_backward(f, times_w_hh, *(each[start:stop][::-1] for each in steps))
    dx, pooled = rnn.pool_gradients(weights, trace, da)
    return Gradients(rows, x_rows=dx, a_rows=da, h_rows=dh, h0=rows.unsort(carry), weights=pooled)


def pieces(T: int, truncate: int | None) -> list[tuple[int, int]]:
    """(start, stop) of the pieces through which the gradient flows whole: one of T steps, or k steps each. SPEC 7.3."""
    k = truncate or T
    return [(start, min(start + k, T)) for start in range(0, T, k)]
