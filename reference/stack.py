"""Layers on top of each other, and the dropout between them. The masks are inputs: nothing here draws a number."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from reference import bidirectional
from reference.activations import ScalarActivation
from reference.arrays import Array
from reference.bidirectional import LayerGradients, LayerTrace
from reference.cells.rnn import Weights


@dataclass(frozen=True)
class StackTrace:
    """The trace of every layer, bottom first; output (T, B, D·H) of the last; h_n (L·D, B, H). SPEC 4.5."""

    layers: tuple[LayerTrace, ...]
    output: Array
    h_n: Array


@dataclass(frozen=True)
class StackGradients:
    """The gradients of every layer, bottom first; x (T, B, I); h0 (L·D, B, H); weights[layer][direction]. SPEC 5.7."""

    layers: tuple[LayerGradients, ...]
    x: Array
    h0: Array
    weights: list[list[Weights]]


def _drop(series: Array, mask: Array | None, p: float) -> Array:
    """`series · mask / (1 - p)`; its own adjoint. With p = 1 everything is dropped. SPEC 4.6, 5.7."""
    if mask is None:
        return series
    return np.where(mask, series / (1 - p) if p < 1 else series, 0)


def _per_layer(states: Array, L: int) -> Array:
    """(L·D, B, H), layer-major, to (L, D, B, H)."""
    LD, B, H = states.shape
    return states.reshape(L, LD // L, B, H)


def _mask_above(masks: Array | None, layer: int, L: int) -> Array | None:
    """The mask between this layer and the next; none above the last layer."""
    return masks[layer] if masks is not None and layer < L - 1 else None


def forward(
    f: ScalarActivation,
    weights: Sequence[Sequence[Weights]],
    x: Array,
    h0: Array,
    lengths: Array | None,
    masks: Array | None,
    p: float,
) -> StackTrace:
    """The input of layer k+1 is the output of layer k, dropped out. SPEC 4.5.

    weights[layer][direction]; x (T, B, I); h0 (L·D, B, H); masks (L-1, T, B, D·H) bool, True = kept, or None.
    """
    L = len(weights)
    layers = []
    series = x
    for layer, (w, h0_layer) in enumerate(zip(weights, _per_layer(h0, L), strict=True)):
        trace = bidirectional.forward(f, w, series, h0_layer, lengths)
        layers.append(trace)
        series = _drop(trace.output, _mask_above(masks, layer, L), p)
    return StackTrace(tuple(layers), series, np.concatenate([trace.h_n for trace in layers]))


def backward(
    f: ScalarActivation,
    weights: Sequence[Sequence[Weights]],
    layers: Sequence[LayerTrace],
    d_output: Array,
    d_h_n: Array,
    lengths: Array | None,
    masks: Array | None,
    p: float,
    truncate: int | None,
) -> StackGradients:
    """`dh_k(t) = da_{k+1}(t) W_ih_{k+1} + da_k(t+1) W_hh_k`: from the layer above, and from the right. SPEC 5.7."""
    L = len(weights)
    d_h_n_layers = _per_layer(d_h_n, L)
    gradients: list[LayerGradients] = []
    d_series = d_output
    for layer in reversed(range(L)):
        d_above = _drop(d_series, _mask_above(masks, layer, L), p)
        g = bidirectional.backward(f, weights[layer], layers[layer], d_above, d_h_n_layers[layer], lengths, truncate)
        gradients.insert(0, g)
        d_series = g.x
    weight_gradients = [[direction.weights for direction in g.directions] for g in gradients]
    return StackGradients(tuple(gradients), d_series, np.concatenate([g.h0 for g in gradients]), weight_gradients)
