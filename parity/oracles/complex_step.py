"""The derivative of the forward pass itself, by a step into the imaginary: dDIV/dv = Im DIV(v + ihe) / h. SPEC 30.4.

Nothing is subtracted, so h = 2⁻⁶⁰⁰ is as good as 0 and the derivative is exact to rounding, also where tanh saturates
and 1 - h² cancels. It knows nothing of backward: it proves that backward is the derivative of forward. It speaks for
the gradients of x, h0 and the parameters: element by element where they are few, else along random directions.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np

from parity import subject, tensors
from parity.cases import Arrays, Case, arrays
from parity.tensors import Tensor
from reference.arrays import Array
from reference.checks import one_for_each

STEP = 2.0**-600  # a power of 2, so integers stay exact; its square is 0, so no real part moves, not even off a kink


def supports(case: Case) -> bool:
    """Every case with a finite divergence whose gradient is that of the whole series: no truncation."""
    return case.finite and (case.truncate is None or case.truncate >= case.T)


def run(case: Case, values: Arrays, device: str = "cpu") -> dict[str, Array]:
    """The gradients `d_x`, `d_h0`, `d_<parameter>`; of a large case, their products with random directions."""
    return _gradients(case)


@cache
def _gradients(case: Case) -> dict[str, Array]:
    at = started(case, arrays(case).astype(np.complex128))
    leaves = {name: leaf(at, tensors.find(case, name)) for name in tensors.leaves(case)}
    if not tensors.is_large(case):
        return {
            name: np.array([_derivative(case, at, name, e) for e in elements(array)]).reshape(array.shape)
            for name, array in leaves.items()
        }
    return {
        tensors.projected(name): np.array(
            [_derivative(case, at, name, v) for v in subject.directions(case, name, array.shape)]
        )
        for name, array in leaves.items()
    }


def started(case: Case, at: Arrays) -> Arrays:
    """The values, with initial states of zeros where they have none."""
    if at.initial is not None:
        return at
    return replace(at, initial={s: np.zeros_like(at.x, shape=case.state_shape(s)) for s in case.rnn().cell.states})


def leaf(at: Arrays, gradient: Tensor) -> Array:
    """What a gradient belongs to: x, an initial state, a parameter."""
    if gradient.kind == tensors.SERIES:
        return at.x
    return (at.params if gradient.kind == tensors.PARAMETER else at.initial or {})[gradient.of]


def moved(at: Arrays, gradient: Tensor, step: Array) -> Arrays:
    """The values, with a step added to that."""
    there = leaf(at, gradient) + step
    if gradient.kind == tensors.SERIES:
        return replace(at, x=there)
    if gradient.kind == tensors.PARAMETER:
        return replace(at, params=at.params | {gradient.of: there})
    return replace(at, initial=(at.initial or {}) | {gradient.of: there})


def elements(leaf: Array) -> Iterator[Array]:
    """The directions of the single elements."""
    for index in np.ndindex(leaf.shape):
        direction = np.zeros(leaf.shape)
        direction[index] = 1
        yield direction


def _derivative(case: Case, at: Arrays, name: str, direction: Array) -> float:
    """The derivative of the objective along a direction of one leaf."""
    there = moved(at, tensors.find(case, name), 1j * STEP * direction)
    return float(np.imag(objective(case, there)) / STEP)


def objective(case: Case, values: Arrays) -> Any:
    """What backward differentiates: the divergence, or the outputs times d_output; and last states times theirs."""
    total: Any = 0
    if case.O is None:
        trace = case.rnn().forward(values.params, values.x, values.h0, values.lengths, values.masks)
        if values.d_output is not None:
            total += (np.where(np.isnan(values.d_output), 0, values.d_output) * trace.output).sum()  # NaN: padding
    else:
        passed = case.network().forward(
            values.params, values.x, values.target, values.h0, values.lengths, values.masks, values.weights
        )
        trace = passed.rnn
        total += passed.div
    last = one_for_each(trace.h_n, case.rnn().cell.states, "h_n")
    for state, d in (values.d_last or {}).items():
        total += (d * last[state]).sum()
    return total
