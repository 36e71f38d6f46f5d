"""The effective roundoff of a port: the u at which its errors would be those of a correct one. SPEC 9.7."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from parity import tensors
from parity.cases import Case
from parity.cells import CELLS
from parity.compare import errors
from parity.ports import roundoff
from parity.ports.claims import Port
from parity.ports.verdict import Outcome
from parity.tensors import Tensor
from reference.arrays import Array

# The rms error of a correct implementation, in shares of its limit, where it is largest: calibrated on ports that round
# every operation to 8, 11 and 16 bits.
TYPICAL = 2.0**-5.4
FEWEST = 3  # tensors of a kind, for their median to mean something
PROJECTION = "the projection"
PRODUCTS = ("a", "q")  # quantities that are a product with weights
EXACT = ("identity", "relu")  # functions that add no error of their own
ALIKE = 0.5  # bits by which what inherits an error may show more of it


@dataclass(frozen=True)
class Effective:
    """The effective roundoff in one dtype: that of the worst kind of tensor. SPEC 9.7.

    claimed: the u that the port claims, if it does. levels: log2 u of each kind, in the order of computation.
    """

    dtype: str
    claimed: float | None
    levels: dict[str, float]

    @property
    def level(self) -> float:
        """log2 of the effective roundoff."""
        return max(self.levels.values())

    @property
    def set_by(self) -> str:
        """The first kind that is about as bad as the worst: the others inherit from it."""
        return next(kind for kind, level in self.levels.items() if level >= self.level - ALIKE)


def effective(port: Port, outcomes: Sequence[Outcome]) -> list[Effective]:
    """The effective roundoff of a port in each dtype in which it wrote anything. SPEC 9.7."""
    dtypes = dict.fromkeys(o.dtype for o in outcomes if o.got)
    return [
        Effective(
            dtype,
            port.roundoff.get(dtype),
            _levels([o for o in outcomes if o.dtype == dtype], roundoff.claimed(port, dtype)),
        )
        for dtype in dtypes
    ]


def _levels(outcomes: Sequence[Outcome], u: float) -> dict[str, float]:
    """For each kind, log2 of the u that the median of its tensors shows. u: that of the limits."""
    shares: dict[str, list[float]] = {}
    places: dict[str, int] = {}  # the latest in the order of computation that a kind has in any vector
    for outcome in outcomes:
        kinds: list[str] = []
        for name, got in outcome.got.items():
            tensor = tensors.find(outcome.vector.case, name)
            kind, share = _kind(outcome.vector.case, tensor), _share(outcome, tensor, got)
            if kind and share is not None:
                kinds.append(kind)
                shares.setdefault(kind, []).append(share)
        for place, kind in enumerate(dict.fromkeys(kinds)):
            places[kind] = max(place, places.get(kind, 0))
    ordered = sorted(places, key=places.__getitem__)
    medians = {kind: float(np.median(shares[kind])) for kind in ordered if len(shares[kind]) >= FEWEST}
    return {kind: float(np.log2(u * median / TYPICAL)) for kind, median in medians.items() if median > 0}


def _kind(case: Case, tensor: Tensor) -> str:
    """What a tensor says something about, in words; nothing of a forward trace above the first layer.

    At the first step of that layer the inputs are exact, so the errors are those of one operation: what inherits them,
    from later steps on, does not hide where they come from.
    """
    if tensor.kind == tensors.TRACE and not tensor.backward:
        if tensor.layer:
            return ""
        function = case.nonlinearity if "nonlinearity" in CELLS[case.cell].options else tensor.of
        return PROJECTION if tensor.of in PRODUCTS or function in EXACT else function
    if tensor.name == "y":
        return "z" if case.activation in EXACT else f"y ({case.activation})"
    return f"d_{tensor.parameter or tensor.of}" if tensor.kind == tensors.PARAMETER else tensor.quantity


def _share(outcome: Outcome, tensor: Tensor, got: Array) -> float | None:
    """The rms of error / allowed, of a forward trace at the first step alone; None where nothing is measured."""
    expect, allowed = outcome.vector.expect[tensor.name], outcome.vector.allowed[outcome.dtype][tensor.name]
    if got.shape != expect.shape:
        return None
    if tensor.kind == tensors.TRACE and not tensor.backward:
        part = (slice(1), slice(None), _plain(outcome.vector.case, tensor))
        expect, allowed, got = expect[part], allowed[part], got[part]
    error = errors(got, expect)
    measured = (allowed > 0) & np.isfinite(error) & np.isfinite(expect)
    with np.errstate(over="ignore", under="ignore"):  # allowed may be a denormal number
        shares = error[measured] / allowed[measured]
        return float(np.sqrt(np.mean(shares**2))) if shares.size else None


def _plain(case: Case, tensor: Tensor) -> slice:
    """What of a step is one operation: of a not the gates that come late, which inherit what others err by."""
    kind = CELLS[case.cell]
    return slice(case.H * (len(kind.gates) - len(kind.late)) if tensor.of == "a" and kind.late else None)


def lines(found: Sequence[Effective]) -> list[str]:
    """What a report says of it, a line for each dtype."""
    return [_line(one) for one in found]


def _line(one: Effective) -> str:
    if not one.levels:
        return f"effective roundoff ({one.dtype}): too few tensors to say"
    claimed = f", judged at the 2^{np.log2(one.claimed):.4g} that it claims" if one.claimed else ""
    others = one.set_by != PROJECTION and PROJECTION in one.levels
    projection = f"{PROJECTION} is at 2^{one.levels[PROJECTION]:.1f}, " if others else ""
    return f"effective roundoff 2^{one.level:.1f} ({one.dtype}{claimed}); {projection}{one.set_by} sets it"


def document(found: Sequence[Effective]) -> dict[str, Any]:
    """The same for JSON: log2 of u, overall and for each kind of tensor."""
    return {
        one.dtype: {
            "claimed": one.claimed,
            "log2": one.level if one.levels else None,
            "set_by": one.set_by if one.levels else None,
            "kinds": one.levels,
            "in_words": said,
        }
        for one, said in zip(found, lines(found), strict=True)
    }
