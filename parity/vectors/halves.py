"""The reverse direction of a layer that has two, as a case of its own. SPEC 10.13, 4.2."""

from collections.abc import Mapping
from dataclasses import replace

from parity import tensors
from parity.cases import Case
from parity.tensors import SERIES, STATE, Tensor
from parity.vectors.vector import Vector
from reference.arrays import Array

REVERSE = "_reverse"  # ends the names of that direction's parameters and traces


def has_half(case: Case) -> bool:
    """Whether the reverse direction of a case stands alone: one layer, and no output layer above both directions."""
    return case.bidirectional and case.num_layers == 1 and case.O is None


def reverse_half(vector: Vector) -> Vector:
    """The reverse direction of a vector that has such a half, all but d_x, to which both directions add."""
    case = replace(vector.case, bidirectional=False)
    P, given = case.rnn().cell.sizes["h"], vector.values

    def of_states(states: dict[str, Array] | None) -> dict[str, Array] | None:
        return states and {name: rows[1:] for name, rows in states.items()}

    def half(values: Mapping[str, Array]) -> dict[str, Array]:
        there = (t for t in tensors.table(case).values() if t.name != "d_x")
        return {t.name: _of(t, values, P) for t in there if t.name in values}

    values = replace(
        given,
        params={name.removesuffix(REVERSE): p for name, p in given.params.items() if name.endswith(REVERSE)},
        initial=of_states(given.initial),
        d_output=None if given.d_output is None else given.d_output[..., P:],
        d_last=of_states(given.d_last),
    )
    allowed = {dtype: half(limits) for dtype, limits in vector.allowed.items()}
    return replace(vector, case=case, values=values, expect=half(vector.expect), allowed=allowed, reverse=True)


def _of(tensor: Tensor, values: Mapping[str, Array], P: int) -> Array:
    if tensor.kind == STATE:
        return values[tensor.name][1:]
    if tensor.kind == SERIES:
        return values[tensor.name][..., P:]
    return values[f"{tensor.name}{REVERSE}"]
