"""The derivative of the forward pass itself, by a step into the imaginary: dDIV/dv = Im DIV(v + ihe) / h. SPEC 30.4.

Nothing is subtracted, so h = 2⁻⁶⁰⁰ is as good as 0 and the derivative is exact to rounding, also where tanh saturates
and 1 - h² cancels. It knows nothing of backward: it proves that backward is the derivative of forward. It speaks for
the gradients of x, h0 and the parameters: element by element where they are few, else along random directions.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache

import numpy as np

from parity import subject
from parity.cases import Arrays, Case, arrays
from reference.arrays import Array

STEP = 2.0**-600  # a power of 2, so integers stay exact; its square is 0, so no real part moves, not even off a kink


def supports(case: Case) -> bool:
    """Every case with a finite divergence whose gradient is that of the whole series: no truncation."""
    return case.finite and (case.truncate is None or case.truncate >= case.T)


def run(case: Case, values: Arrays, device: str = "cpu") -> dict[str, Array]:
    """The gradients `d_x`, `d_h0`, `d_<parameter>`; of a large case, their products with random directions."""
    return _gradients(case)


@cache
def _gradients(case: Case) -> dict[str, Array]:
    at = arrays(case).astype(np.complex128)
    if at.h0 is None:
        at = replace(at, h0=np.zeros(case.state_shape, np.complex128))
    assert at.h0 is not None
    leaves: dict[str, Array] = {"d_x": at.x, "d_h0": at.h0} | {f"d_{name}": p for name, p in at.params.items()}
    if not subject.is_large(case):
        return {
            name: np.array([_derivative(case, at, name, e) for e in _elements(leaf)]).reshape(leaf.shape)
            for name, leaf in leaves.items()
        }
    return {
        subject.projected(name): np.array(
            [_derivative(case, at, name, v) for v in subject.directions(case, name, leaf.shape)]
        )
        for name, leaf in leaves.items()
    }


def _elements(leaf: Array) -> Iterator[Array]:
    """The directions of the single elements."""
    for index in np.ndindex(leaf.shape):
        direction = np.zeros(leaf.shape)
        direction[index] = 1
        yield direction


def _derivative(case: Case, at: Arrays, name: str, direction: Array) -> float:
    """The derivative of the objective along a direction of one leaf."""
    step = 1j * STEP * direction
    if name == "d_x":
        moved = replace(at, x=at.x + step)
    elif name == "d_h0":
        assert at.h0 is not None
        moved = replace(at, h0=at.h0 + step)
    else:
        parameter = name.removeprefix("d_")
        moved = replace(at, params=at.params | {parameter: at.params[parameter] + step})
    return float(np.imag(_objective(case, moved)) / STEP)


def _objective(case: Case, values: Arrays) -> complex:
    """What backward differentiates: the divergence, or the outputs times d_output; and h_n times d_h_n."""
    total = 0j
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
    if values.d_h_n is not None:
        total += (values.d_h_n * trace.h_n).sum()
    return total
