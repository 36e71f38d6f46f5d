"""Layers on top of each other, and the dropout between them. The masks are inputs: nothing here draws a number."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from reference import bidirectional
from reference.arrays import Array
from reference.bidirectional import LayerGradients, LayerTrace
from reference.cells import Cell
from reference.columns import States
from reference.packing import Packing
from reference.parameters import StackParameters


@dataclass(frozen=True)
class Batch:
    """What is known of a batch beside its numbers: which steps are real, and which elements are dropped. SPEC 4.6, 6.1.

    masks (L-1, T, B, D·H) bool, True = kept, or None; p: the probability of being dropped.
    """

    packing: Packing
    masks: Array | None
    p: float


@dataclass(frozen=True)
class StackTrace:
    """The trace of every layer, bottom first; output (T, B, D·H) of the top; last[state] (L·D, B, ·). SPEC 4.5."""

    layers: tuple[LayerTrace, ...]
    output: Array
    last: States


@dataclass(frozen=True)
class StackGradients:
    """The gradients of every layer, bottom first; params[layer][direction]; x (T, B, I); initial[state] (L·D, B, ·).

    SPEC 5.7.
    """

    layers: tuple[LayerGradients, ...]
    params: StackParameters
    x: Array
    initial: States


def _drop(series: Array, mask: Array | None, p: float) -> Array:
    """`series · mask / (1 - p)`; its own adjoint. With p = 1 everything is dropped. SPEC 4.6, 5.7."""
    if mask is None:
        return series
    return np.where(mask, series / (1 - p) if p < 1 else series, 0)


def _of_layer(states: States, layer: int, L: int) -> States:
    """(D, B, ·), the rows of one layer of (L·D, B, ·), layer-major."""
    return {name: _layer_major(state, L)[layer] for name, state in states.items()}


def _layer_major(state: Array, L: int) -> Array:
    """(L·D, B, F) to (L, D, B, F)."""
    LD, B, F = state.shape
    return state.reshape(L, LD // L, B, F)


def _together(layers: Sequence[States]) -> States:
    """(D, B, ·) of each layer to (L·D, B, ·)."""
    if len(layers) == 1:
        return layers[0]
    return {name: np.concatenate([states[name] for states in layers]) for name in layers[0]}


def _mask_above(masks: Array | None, layer: int, L: int) -> Array | None:
    """The mask between this layer and the next; none above the last layer."""
    return masks[layer] if masks is not None and layer < L - 1 else None


def forward(cell: Cell, params: StackParameters, x: Array, initial: States, batch: Batch) -> StackTrace:
    """The input of layer k+1 is the output of layer k, dropped out. SPEC 4.5.

    x (T, B, I); initial[state] (L·D, B, ·).
    """
    L = len(params)
    layers = []
    series = x
    for layer, of_layer in enumerate(params):
        trace = bidirectional.forward(cell, of_layer, series, _of_layer(initial, layer, L), batch.packing)
        layers.append(trace)
        series = _drop(trace.output, _mask_above(batch.masks, layer, L), batch.p)
    return StackTrace(tuple(layers), series, _together([trace.last for trace in layers]))


def backward(
    cell: Cell,
    params: StackParameters,
    layers: Sequence[LayerTrace],
    d_output: Array,
    d_last: States,
    batch: Batch,
    truncate: int | None,
) -> StackGradients:
    """`dh_k(t) = da_{k+1}(t) W_ih_{k+1} + da_k(t+1) W_hh_k`: from the layer above, and from the right. SPEC 5.7."""
    L = len(params)
    gradients: list[LayerGradients] = []
    d_series = d_output
    for layer in reversed(range(L)):
        d_above = _drop(d_series, _mask_above(batch.masks, layer, L), batch.p)
        d_end = _of_layer(d_last, layer, L)
        g = bidirectional.backward(cell, params[layer], layers[layer], d_above, d_end, batch.packing, truncate)
        gradients.insert(0, g)
        d_series = g.x
    return StackGradients(
        layers=tuple(gradients),
        params=[g.params for g in gradients],
        x=d_series,
        initial=_together([g.initial for g in gradients]),
    )
