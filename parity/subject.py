"""The reference put before the oracles: one run of a case, as named tensors in the order of computation."""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

import reference
from parity import tensors
from parity.cases import Arrays, Case
from parity.tensors import Tensor
from reference.arrays import Array
from reference.checks import one_for_each

DIRECTIONS = 4


@dataclass(frozen=True)
class Passes:
    """Forward and backward of the reference on a case; network and its gradients only with an output layer."""

    trace: reference.RecurrentTrace
    grads: reference.RecurrentGradients
    network: reference.NetworkRun | None = None
    network_grads: reference.NetworkGradients | None = None


def passes(case: Case, values: Arrays) -> Passes:
    """Forward and backward of the reference on a case."""
    options: dict[str, Any] = {"h0": values.h0, "lengths": values.lengths, "dropout_masks": values.masks}
    if case.O is None:
        rnn = case.rnn()
        trace = rnn.forward(values.params, values.x, **options)
        return Passes(trace, rnn.backward(values.params, trace, values.d_output, values.d_h_n, case.truncate))
    net = case.network()
    run = net.forward(values.params, values.x, values.target, weights=values.weights, **options)
    grads = net.backward(values.params, run, values.d_h_n, case.truncate)
    return Passes(run.rnn, grads.rnn, run, grads)


def run(case: Case, values: Arrays) -> dict[str, Array]:
    """Forward and backward of the reference on a case: every intermediate and every gradient, by name. SPEC 9.1."""
    with np.errstate(invalid=None if case.finite else "ignore"):
        p = passes(case, values)
    return {
        name: _of(case, p, tensor) for name, tensor in tensors.table(case).items() if tensor.kind != tensors.PROJECTION
    }


def _of(case: Case, p: Passes, tensor: Tensor) -> Array:
    """One tensor of a run, from where the reference keeps it."""
    if tensor.kind == tensors.TRACE:
        layers = p.grads.layers if tensor.backward else p.trace.layers
        series: Array = getattr(layers[tensor.layer].directions[tensor.direction], tensor.of)
        return series
    if tensor.kind == tensors.STATE:
        given = p.grads.h0 if tensor.backward else p.trace.h_n
        state: Array = one_for_each(given, case.rnn().cell.states, tensor.name)[tensor.of]
        return state
    if tensor.kind == tensors.PARAMETER:
        return (p.network_grads or p.grads).params[tensor.of]
    if tensor.name == "output":
        return p.trace.output
    source: Any = (p.network_grads or p.grads) if tensor.backward else p.network
    return np.asanyarray(getattr(source, tensor.of))


def projections(case: Case, found: Mapping[str, Array]) -> dict[str, Array]:
    """Of a large case, the product of each leaf's gradient with each of its random directions: (4,). SPEC 30.4."""
    if not tensors.is_large(case):
        return {}
    return {
        tensors.projected(name): _project(found[name], directions(case, name, found[name].shape))
        for name in tensors.leaves(case)
    }


def _project(gradient: Array, along: Array) -> Array:
    signs = along.astype(gradient.dtype)
    return (signs * gradient).reshape(len(signs), gradient.size).sum(axis=1)


@cache
def directions(case: Case, name: str, shape: tuple[int, ...]) -> Array:
    """Random signs, the same every time: (4, *shape)."""
    rng = np.random.default_rng([case.seed, zlib.crc32(name.encode())])
    return rng.choice([-1.0, 1.0], (DIRECTIONS, *shape))
