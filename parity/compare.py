"""THE one comparison, and the one failure message."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np

from parity import tensors, tolerance
from parity.cases import Case
from parity.cells import CELLS
from reference.arrays import Array


@dataclass(frozen=True)
class Mismatch:
    """The first element, in the order of computation, at which a tensor is outside its tolerance."""

    index: tuple[int, ...]
    got: float
    wanted: float
    error: float
    allowed: float


@dataclass(frozen=True)
class TensorResult:
    """One tensor against one oracle: the largest share of the tolerance used, and where it fails, if it does. SPEC 9.4.

    problem says what is wrong with the tensor as a whole (missing, misshapen, of a wrong dtype), and is None otherwise.
    """

    tensor: str
    share: float
    mismatch: Mismatch | None = None
    problem: str | None = None

    @property
    def passed(self) -> bool:
        return self.mismatch is None and self.problem is None


@dataclass(frozen=True)
class CaseResult:
    """Every tensor of one case against one oracle in one dtype, in the order of computation.

    who: was held against the oracle, the reference or, for the sake of comparison, torch (SPEC 30.5), or a port.
    """

    case: Case
    oracle: str
    dtype: str
    tensors: tuple[TensorResult, ...]
    who: str = "reference"

    @property
    def passed(self) -> bool:
        """Something was compared, and all of it agrees."""
        return bool(self.tensors) and all(t.passed for t in self.tensors)

    @property
    def share(self) -> float:
        """The largest share of the tolerance that any tensor used."""
        return max((t.share for t in self.tensors), default=0.0)

    @property
    def worst(self) -> TensorResult:
        return max(self.tensors, key=lambda t: t.share)

    @property
    def first(self) -> TensorResult | None:
        """The failure that comes first in the order of computation; None where none is. SPEC 9.4.

        What a column has takes turns, a(0), h(0), a(1), …, and so do d_h and d_a.
        """
        names = [tensors.find(self.case, t.tensor).recursion for t in self.tensors]
        failed = [
            (names.index(name), *_turn(self.case, tensor), place)
            for place, (name, tensor) in enumerate(zip(names, self.tensors, strict=True))
            if not tensor.passed
        ]
        return self.tensors[min(failed)[-1]] if failed else None


def _turn(case: Case, tensor: TensorResult) -> tuple[float, float]:
    """When, within its recursion, a tensor fails: at which step, counted from the first computed, and when in it."""
    about = tensors.find(case, tensor.tensor)
    if tensor.mismatch is None or about.kind != tensors.TRACE:
        return -case.T, 0
    step, *_, place = tensor.mismatch.index
    return -step if about.backward else step, _within_a_column(case, about)[place]


@cache
def _within_a_column(case: Case, about: tensors.Tensor) -> Array:
    """The places of the elements of a trace in the order of computation of a column: a GRU's a[n] comes after q."""
    kind, order = CELLS[case.cell], list(case.rnn().cell.sizes)
    places = np.full(case.rnn().cell.sizes[about.of], float(order.index(about.of)))
    if about.of == "a" and kind.late:
        places.reshape(len(kind.gates), -1)[[gate in kind.late for gate in kind.gates]] = len(order) - 1.5
    return -places if about.backward else places


def where(result: CaseResult, first: TensorResult) -> str:
    """The element at which a tensor first fails, or what is wrong with it as a whole."""
    if first.mismatch is None:
        return f"{first.tensor}: {first.problem}"
    d = first.mismatch
    return (
        f"{describe(result.case, first.tensor, d.index)}: got {d.got:.17g} want {d.wanted:.17g} "
        f"error {d.error:.2g}, allowed {d.allowed:.2g}"
    )


def compare(
    case: Case,
    oracle: str,
    dtype: str,
    got: Mapping[str, Array],
    wanted: Mapping[str, Array],
    who: str = "reference",
    allowed: Mapping[str, Array] | None = None,
) -> CaseResult:
    """Hold everything that an oracle says against what was computed, in the order of computation. SPEC 9.4.

    allowed: the largest admissible error of every element of each tensor, where it is known; else the case's own.
    """
    names = [name for name in got if name in wanted] + [name for name in wanted if name not in got]
    results = tuple(
        compare_tensor(case, name, dtype, got.get(name), wanted[name], allowed[name] if allowed else None)
        for name in names
    )
    return CaseResult(case, oracle, dtype, results, who)


def compare_tensor(
    case: Case, name: str, dtype: str, got: Array | None, wanted: Array, allowed: Array | None = None
) -> TensorResult:
    """`max |got - wanted| <= 8 max σ`, time step by time step; whatever is not finite must be the same. SPEC 9.4.

    Written so that NaN fails: what is not known to be inside the tolerance is outside it.
    """
    if got is None:
        return TensorResult(name, np.inf, problem="missing")
    if got.shape != wanted.shape:
        return TensorResult(name, np.inf, problem=f"shape {got.shape}, wanted {wanted.shape}")
    if got.dtype != np.dtype(dtype):
        return TensorResult(name, np.inf, problem=f"dtype {got.dtype}, wanted {dtype}")
    if allowed is None:
        allowed = tolerance.allowed(case, name, dtype)
    error = errors(got, wanted)
    inside = error <= allowed
    if inside.all():
        return TensorResult(name, _largest_share(error, allowed))
    index = _first_outside(case, name, inside, error)
    first = Mismatch(index, float(got[index]), float(wanted[index]), float(error[index]), float(allowed[index]))
    return TensorResult(name, _largest_share(error, allowed), first)


def errors(got: Array, wanted: Array) -> Array:
    """|got - wanted| of every element, float64; where either is not finite, 0 if they are the same and inf if not."""
    finite = np.isfinite(got) & np.isfinite(wanted)
    same = (got == wanted) | (np.isnan(got) & np.isnan(wanted))
    with np.errstate(invalid="ignore", over="ignore"):  # inf - inf, in elements that are not finite
        distance = np.abs(got.astype(np.float64) - wanted.astype(np.float64))
    return np.where(finite, distance, np.where(same, 0.0, np.inf))


def _largest_share(error: Array, allowed: Array) -> float:
    """The largest error in units of what is allowed; inf where an exact value was asked for and missed."""
    missed = np.where(error > 0, np.inf, 0.0)
    with np.errstate(over="ignore"):  # allowed may be a denormal number
        return float(np.divide(error, allowed, out=missed, where=allowed > 0).max(initial=0.0))


def _first_outside(case: Case, name: str, inside: Array, error: Array) -> tuple[int, ...]:
    """The largest error of what is, in the order of computation, the first that is not inside its tolerance."""
    about = tensors.find(case, name)
    time = about.time_axis
    outside = np.where(inside, -1.0, error)
    if time is not None:
        steps = np.flatnonzero((~inside).any(axis=tuple(axis for axis in range(inside.ndim) if axis != time)))
        step = steps[-1] if about.backward else steps[0]
        here = np.arange(inside.shape[time]) == step
        outside = np.where(here.reshape([-1 if axis == time else 1 for axis in range(inside.ndim)]), outside, -1.0)
    if about.kind == tensors.TRACE:
        places = _within_a_column(case, about)
        outside = np.where(places == places[(outside >= 0).any(axis=(0, 1))].min(), outside, -1.0)
    return tuple(int(i) for i in np.unravel_index(outside.argmax(), outside.shape))


def message(result: CaseResult) -> str:
    """What a failure says: case, tensor, layer, direction, step, index; got, wanted, error, allowed; how to repeat."""
    case = result.case
    failed = [t for t in result.tensors if not t.passed]
    who = "" if result.who == "reference" else f"{result.who} "
    lines = [f"FAIL {case.id}  {result.dtype}  {who}against {result.oracle}   ({case.comment})"]
    first = result.first
    if not result.tensors:
        lines.append("  nothing was compared")
    if first:
        if first.mismatch is None:
            lines.append(f"  first: {first.tensor}: {first.problem}")
        else:
            d = first.mismatch
            times = f", {d.error / d.allowed:.2g} times that" if d.allowed > 0 and np.isfinite(d.error) else ""
            lines += [
                f"  first: {describe(case, first.tensor, d.index)}",
                f"  got {d.got!r}, wanted {d.wanted!r}",
                f"  error {d.error:.3g}, allowed {d.allowed:.3g}{times}",
            ]
        names = [t.tensor for t in failed[:6]] + ["…"] * (len(failed) > 6)
        lines.append(f"  {len(failed)} of {len(result.tensors)} tensors fail: {', '.join(names)}")
    lines.append(f"  repeat: python -m parity -k {case.id} --dtype {result.dtype} --oracle {result.oracle}")
    return "\n".join(lines)


def describe(case: Case, name: str, index: tuple[int, ...]) -> str:
    """Where an element stands, in words: tensor, gate, layer, direction, step, and the index inside gate and step."""
    about = tensors.find(case, name)
    gate, index = _gate(case, about, index)
    axis = about.time_axis
    if axis is None:
        return f"{name}{gate} {list(index)}"
    step = index[axis]
    rest = [i for position, i in enumerate(index) if position != axis]
    if about.kind != tensors.TRACE:
        return f"{name} t = {step} {rest}"
    where = f"{about.quantity}{gate} layer {about.layer}"
    if about.direction == 0:
        return f"{where} forward step {step} (t = {step}) {rest}"
    length = case.lengths[rest[0]] if case.lengths else case.T
    t = f"t = {length - 1 - step}" if step < length else "padding"
    return f"{where} reverse step {step} ({t}) {rest}"


def _gate(case: Case, about: tensors.Tensor, index: tuple[int, ...]) -> tuple[str, tuple[int, ...]]:
    """Where an axis counts the blocks of a: the gate, as `[f]`, and the index with the unit of it; else as it is."""
    gates = CELLS[case.cell].gates
    if "a" not in about.axes or not gates:
        return "", index
    axis = about.axes.index("a")
    gate, unit = divmod(index[axis], case.H)
    return f"[{gates[gate]}]", (*index[:axis], unit, *index[axis + 1 :])
