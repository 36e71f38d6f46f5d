"""A layer: the one-direction routine called once, or twice for a bidirectional layer, and a concatenation.

The two directions are independent networks. The second reads the series reversed, and its output is reversed back, so
neither knows that the other is there. A bidirectional network needs the whole series: it is not an online process.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from reference import unroll
from reference.activations import ScalarActivation
from reference.arrays import Array
from reference.cells.rnn import Gradients, Trace, Weights


@dataclass(frozen=True)
class LayerTrace:
    """One layer: the trace of each direction, forward first; output (T, B, D·H); h_n (D, B, H). SPEC 4.4."""

    directions: tuple[Trace, ...]
    output: Array
    h_n: Array


@dataclass(frozen=True)
class LayerGradients:
    """The gradients of each direction, forward first; x (T, B, I); h0 (D, B, H). SPEC 5.6."""

    directions: tuple[Gradients, ...]
    x: Array
    h0: Array


def reverse_series(series: Array, lengths: Array | None) -> Array:
    """Each sequence back to front, from its own end; padding stays where it is. Its own inverse. SPEC 4.2.

    series (T, B, F); lengths (B,) or None. Step s of the result is step `lengths[b] - 1 - s` of the series.
    """
    if lengths is None:
        return series[::-1]
    T, B, _ = series.shape
    t = np.arange(T)[:, None]
    return series[np.where(t < lengths, lengths - 1 - t, t), np.arange(B)]


def _as_read(direction: int, series: Array, lengths: Array | None) -> Array:
    """The series in the order in which a direction reads it (and from that order back again)."""
    return series if direction == 0 else reverse_series(series, lengths)


def forward(f: ScalarActivation, weights: Sequence[Weights], x: Array, h0: Array, lengths: Array | None) -> LayerTrace:
    """`output(t) = [h_forward(t), h_reverse(t)]`. SPEC 4.1.

    weights: one entry a direction; x (T, B, I); h0 (D, B, H); lengths (B,) or None.
    """
    traces = tuple(unroll.forward(f, w, _as_read(d, x, lengths), h0[d], lengths) for d, w in enumerate(weights))
    outputs = [_as_read(d, trace.h, lengths) for d, trace in enumerate(traces)]
    h_n = np.concatenate([unroll.last_state(trace)[None] for trace in traces])
    output = outputs[0] if len(outputs) == 1 else np.concatenate(outputs, axis=-1)
    return LayerTrace(traces, output, h_n)


def backward(
    f: ScalarActivation,
    weights: Sequence[Weights],
    trace: LayerTrace,
    d_output: Array,
    d_h_n: Array,
    lengths: Array | None,
    truncate: int | None,
) -> LayerGradients:
    """Each direction's half of `d_output`, read in its own order; `dx = dx_forward + dx_reverse`. SPEC 5.6."""
    halves = [d_output] if len(weights) == 1 else np.split(d_output, len(weights), axis=-1)
    gradients = tuple(
        unroll.backward(f, w, direction, _as_read(d, half, lengths), d_h_n[d], truncate)
        for d, (w, direction, half) in enumerate(zip(weights, trace.directions, halves, strict=True))
    )
    dx = gradients[0].x
    for reverse in gradients[1:]:
        dx = dx + reverse_series(reverse.x, lengths)
    return LayerGradients(gradients, dx, np.concatenate([g.h0[None] for g in gradients]))
