"""The reference put before the oracles: one run of a case, as named tensors in the order of computation."""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from math import prod
from typing import Any

import numpy as np

import reference
from parity.cases import Arrays, Case
from reference.arrays import Array
from reference.parameters import suffixes

LARGE = 600  # elements of x, h0 and the parameters
DIRECTIONS = 4

_BATCH_AXIS_SERIES = ("output", "z", "y", "d_y", "d_z", "d_output", "d_x")


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
    p = passes(case, values)
    if p.network is None or p.network_grads is None:
        return _forward(case, p.trace) | _backward(case, p.grads) | _results(p.grads)
    head = {"z": p.network.z, "y": p.network.y, "div": np.asanyarray(p.network.div)}
    d_head = {"d_y": p.network_grads.y, "d_z": p.network_grads.z, "d_output": p.network_grads.output}
    return _forward(case, p.trace) | head | d_head | _backward(case, p.grads) | _results(p.network_grads)


def _forward(case: Case, trace: reference.RecurrentTrace) -> dict[str, Array]:
    tensors = {}
    for layer, names in zip(trace.layers, suffixes(case.num_layers, case.num_directions), strict=True):
        for direction, suffix in zip(layer.directions, names, strict=True):
            tensors[f"a{suffix}"] = direction.a
            tensors[f"h{suffix}"] = direction.h
    return tensors | {"output": trace.output, "h_n": trace.h_n}


def _backward(case: Case, grads: reference.RecurrentGradients) -> dict[str, Array]:
    tensors = {}
    per_layer = zip(grads.layers, suffixes(case.num_layers, case.num_directions), strict=True)
    for layer, names in reversed(list(per_layer)):
        for direction, suffix in zip(layer.directions, names, strict=True):
            tensors[f"d_h{suffix}"] = direction.h
            tensors[f"d_a{suffix}"] = direction.a
    return tensors


def _results(grads: reference.RecurrentGradients | reference.NetworkGradients) -> dict[str, Array]:
    return {"d_x": grads.x, "d_h0": grads.h0} | {f"d_{name}": g for name, g in grads.params.items()}


def is_large(case: Case) -> bool:
    """Whether a case has too many leaves to take a derivative by each element of them. SPEC 30.4."""
    shapes = [(case.T, case.B, case.I), case.state_shape, *case.shapes().values()]
    return sum(map(prod, shapes)) > LARGE


def projections(case: Case, tensors: Mapping[str, Array]) -> dict[str, Array]:
    """Of a large case, the product of each leaf's gradient with each of its random directions: (4,). SPEC 30.4."""
    if not is_large(case):
        return {}
    leaves = ("d_x", "d_h0", *(f"d_{name}" for name in case.shapes()))
    return {projected(name): _project(tensors[name], directions(case, name, tensors[name].shape)) for name in leaves}


def _project(gradient: Array, along: Array) -> Array:
    signs = along.astype(gradient.dtype)
    return (signs * gradient).reshape(len(signs), gradient.size).sum(axis=1)


def projected(name: str) -> str:
    """The name of the products of a gradient with its directions."""
    return f"{name}·v"


@cache
def directions(case: Case, name: str, shape: tuple[int, ...]) -> Array:
    """Random signs, the same every time: (4, *shape)."""
    rng = np.random.default_rng([case.seed, zlib.crc32(name.encode())])
    return rng.choice([-1.0, 1.0], (DIRECTIONS, *shape))


def is_intermediate(name: str) -> bool:
    """Whether a name is that of a, h, d_a or d_h of one layer and direction: time-major, in reading order."""
    return name.removeprefix("d_").startswith(("a_l", "h_l"))


def recursion(name: str) -> str:
    """What a tensor is computed in turns with, step by step: a and h of a direction, d_h and d_a; else its own name."""
    if not is_intermediate(name):
        return name
    quantity, _, suffix = name.rpartition("_l")
    return f"{'d_' if quantity.startswith('d_') else ''}l{suffix}"


def time_axis(case: Case, name: str) -> int | None:
    """The axis of a tensor that counts time steps; None where there is none."""
    if is_intermediate(name):
        return 0
    if name in _BATCH_AXIS_SERIES:
        return 1 if case.batch_first else 0
    return None


def is_backward(name: str) -> bool:
    """Whether a tensor is computed from the last step to the first."""
    return name.startswith("d_")
