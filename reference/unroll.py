"""One layer, one direction: the time loop, and back-propagation through it.

"All columns are identical": the loop calls one `step` at every t. It carries the recursion and nothing else.
"""

import numpy as np

from reference.activations import ScalarActivation
from reference.arrays import Array, aligned, clear_padding, real_steps
from reference.cells import rnn
from reference.cells.rnn import Gradients, Trace, Weights


def forward(f: ScalarActivation, weights: Weights, x: Array, h0: Array, lengths: Array | None) -> Trace:
    """`a(t) = W_ih x(t) + b_ih + W_hh h(t-1) + b_hh`, `h(t) = f(a(t))`, t = 0..T-1. SPEC 3.1.

    x (T, B, I), h0 (B, H), lengths (B,) or None; same dtype. Nothing that the caller owns is written to.
    """
    T = x.shape[0]
    real = real_steps(T, lengths)
    x = clear_padding(x, real)
    a = rnn.project(weights, x, real)
    states = np.empty_like(a, shape=(T + 1, *h0.shape))
    states[0] = h0
    w_hh_T = aligned(weights.w_hh.T)  # contiguous once, not strided at every step
    recurrent = np.empty_like(states[0])
    for h_prev, a_t, h_t in zip(states[:-1], a, states[1:], strict=True):
        rnn.step(f, w_hh_T, h_prev, a_t, h_t, recurrent)
    if real is not None:  # a state that ran on past the end of its sequence is no part of the result
        a[~real] = 0
        states[1:][~real] = 0
    return Trace(x, a, states, real)


def last_state(trace: Trace, lengths: Array | None) -> Array:
    """`h_n`: the state at each sequence's own end, (B, H). SPEC 6.4."""
    return trace.h[last_step(trace, lengths)]


def last_step(trace: Trace, lengths: Array | None) -> tuple[Array, Array]:
    """Index of each sequence's last step: (t, b). SPEC 6.4."""
    T, B, _ = trace.a.shape
    return (np.full(B, T) if lengths is None else lengths) - 1, np.arange(B)


def backward(
    f: ScalarActivation,
    weights: Weights,
    trace: Trace,
    d_h: Array,
    d_h_n: Array,
    lengths: Array | None,
    truncate: int | None,
) -> Gradients:
    """From t = T-1 down to 0: `dh(t) = d_h(t) + da(t+1) W_hh`, `da(t) = dh(t) f'(a(t))`; then the pooling. SPEC 5.2.

    d_h (T, B, H): what arrives from above at every h(t). d_h_n (B, H): what arrives at each sequence's last state,
    where no later step contributes. SPEC 0.7.
    truncate = k cuts the recursion between steps mk-1 and mk: no gradient crosses. SPEC 7.3.
    """
    T, B, H = trace.a.shape
    dh = clear_padding(d_h, trace.real).copy()
    dh[last_step(trace, lengths)] += d_h_n
    da = rnn.slopes(f, trace)
    carry = np.zeros_like(dh, shape=(B, H))
    w_hh = aligned(weights.w_hh)
    for start, stop in reversed(pieces(T, truncate)):
        carry[:] = 0
        for t, dh_t, da_t in zip(reversed(range(start, stop)), dh[start:stop][::-1], da[start:stop][::-1], strict=True):
            rnn.step_backward(f, w_hh, dh_t, da_t, carry)
            if trace.real is not None:
                carry[~trace.real[t]] = 0  # nothing comes from past the end, not even 0 · inf
    dx, pooled = rnn.pool_gradients(weights, trace, da)
    return Gradients(x=dx, a=da, h=dh, h0=carry, weights=pooled)


def pieces(T: int, truncate: int | None) -> list[tuple[int, int]]:
    """(start, stop) of the pieces through which the gradient flows whole: one of T steps, or k steps each. SPEC 7.3."""
    k = truncate or T
    return [(start, min(start + k, T)) for start in range(0, T, k)]
