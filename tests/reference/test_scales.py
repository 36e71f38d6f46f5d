"""At the ends of the scale the reference does what torch does: 10,000 steps, denormal numbers, 0, infinity and NaN."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from parity import runner, subject, tolerance
from parity.cases import RECIPES, Arrays, Case, arrays
from parity.compare import compare, message
from parity.tolerance import SMALLEST_NORMAL
from reference.activations import NONLINEARITIES
from reference.arrays import Array


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """σ comes from 8 noisy runs in place of 32: good to a quarter, and enough here."""
    monkeypatch.setattr(tolerance, "RUNS", 8)


@pytest.fixture(autouse=True)
def overflow_is_no_warning_here() -> Iterator[None]:
    with np.errstate(over="ignore", invalid="ignore"):
        yield


KINDS: dict[str, dict[str, Any]] = {
    **{f: {"nonlinearity": f} for f in NONLINEARITIES},
    "gru-after": {"cell": "gru"},
    "gru-before": {"cell": "gru", "reset": "before"},
    "lstm": {"cell": "lstm"},
    "lstm-projected": {"cell": "lstm", "proj_size": 2},
}
every_kind = pytest.mark.parametrize("kind", KINDS)


def scaled(case_id: str, **options: Any) -> Case:
    return Case(case_id, "scales", "at the end of the scale", saturated=True, **options)


def assert_agrees(case: Case) -> None:
    """In both dtypes the reference and torch agree on every tensor of the case."""
    for dtype in runner.DTYPES:
        (result,) = runner.check(case, dtype, ["torch"])
        assert result.passed, message(result)


def changed(monkeypatch: pytest.MonkeyPatch, case: Case, change: Callable[[Arrays], Arrays]) -> Case:
    """The case with its values changed."""
    monkeypatch.setitem(RECIPES, case.id, lambda c, draw: change(RECIPES["uniform"](c, draw)))
    return replace(case, recipe=case.id)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("relu", "identity")])
def test_a_long_series(kind: str) -> None:
    """Ten thousand steps; of a gated cell, which costs more, a fifth of them."""
    assert_agrees(scaled(f"long-{kind}", T=10_000 if kind == "tanh" else 2_000, B=1, I=2, H=3, **KINDS[kind]))


def single(array: Array) -> Array:
    """Rounded to float32, as every value of a case is."""
    return array.astype(np.float32).astype(np.float64)


def denormal(tensor: Array) -> Array:
    return (tensor != 0) & (np.abs(tensor) < SMALLEST_NORMAL[tensor.dtype])


@every_kind
@pytest.mark.parametrize("scale", [1e-10, 1e-20, 1e-37, 1e-41, 0.0])
def test_weights_that_vanish(scale: float, kind: str) -> None:
    """Forty powers of them, through the denormal numbers of both dtypes to 0; 1e-41 is denormal in float32 itself.

    What a gate of 1/2 lets pass fades as 2^-t, and not with the weights.
    """
    case = scaled(
        f"vanishing-{scale}-{kind}",
        T=40,
        bias=False,
        upstream="last",
        num_layers=2,
        scale=scale,
        **KINDS[kind],
    )
    assert_agrees(case)
    for dtype, expected in (("float32", scale > 0), ("float64", scale == 1e-10)):
        found = subject.run(case, arrays(case).astype(dtype))
        assert any(denormal(tensor).any() for tensor in found.values()) or not (expected and kind in NONLINEARITIES)


@contextmanager
def flushing() -> Iterator[None]:
    """The processor takes denormal numbers for 0, in NumPy too."""
    assert torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)


@every_kind
@pytest.mark.parametrize("scale", [1e-10, 1e-20, 0.02])
def test_a_machine_that_flushes_denormal_numbers_to_0_stays_inside_the_tolerance(kind: str, scale: float) -> None:
    """A loss on the last of 60 steps: its gradient fades through the denormal numbers, of a gated cell in 200."""
    case = scaled(
        f"flushed-{scale}-{kind}",
        T=60 if kind in NONLINEARITIES else 200,
        upstream="last",
        num_layers=2,
        scale=scale,
        **KINDS[kind],
    )
    for dtype in runner.DTYPES:
        values = arrays(case).astype(dtype)
        with flushing():
            found = subject.run(case, values)
        exact = subject.run(case, values)
        assert not any(denormal(tensor).any() for tensor in found.values())
        assert any(denormal(tensor).any() for tensor in exact.values()) or dtype == "float64"
        result = compare(case, "exact", dtype, found, exact)
        assert result.passed, message(result)


POISONED = ["x", "h0", "d_output", "d_h_n", "weight_ih_l0", "weight_hh_l0", "bias_hh_l0", "weight_ih_l1"]
OF_AN_LSTM = ["c0", "d_c_n", "weight_hr_l0"]


def poison(name: str, value: float) -> Callable[[Arrays], Arrays]:
    """One element of an input (of a series: at t = 1 of the second sequence) is not finite."""

    def poisoned(array: Array) -> Array:
        array = array.copy()
        array[(1, 1, 1) if array.ndim == 3 else (1,) * array.ndim] = value
        return array

    def change(values: Arrays) -> Arrays:
        if name in values.params:
            return replace(values, params=values.params | {name: poisoned(values.params[name])})
        if name in ("x", "d_output"):
            series: dict[str, Any] = {name: poisoned(getattr(values, name))}
            return replace(values, **series)
        initial, d_last = values.initial or {}, values.d_last or {}
        if name in ("h0", "c0"):
            return replace(values, initial=initial | {name[0]: poisoned(initial[name[0]])})
        return replace(values, d_last=d_last | {name[2]: poisoned(d_last[name[2]])})

    return change


def not_finite() -> Iterator[tuple[str, str, float]]:
    """Cell, what is poisoned, and by what.

    Not an infinite gradient from above in a GRU: of h = n + z (h' - n) autograd takes dn as dh - z dh, which is
    inf - inf; here it is dh (1 - z).
    """
    for kind in KINDS:
        names = POISONED + OF_AN_LSTM[: {"lstm": 2, "lstm-projected": 3}.get(kind, 0)]
        for name in names:
            for value in (np.inf, -np.inf, np.nan):
                if not (kind.startswith("gru") and name in ("d_output", "d_h_n") and np.isinf(value)):
                    yield kind, name, value


@pytest.mark.parametrize(("kind", "name", "value"), list(not_finite()))
@pytest.mark.parametrize("lengths", [None, (5, 2, 7)], ids=["", "ragged"])
def test_one_value_that_is_not_finite(
    kind: str, name: str, value: float, lengths: tuple[int, ...] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """inf, -inf and NaN come out in the same places of every tensor, and all else is within the tolerance."""
    case = scaled(
        f"not-finite-{name}-{value}-{kind}-{lengths}",
        lengths=lengths,
        num_layers=2,
        bidirectional=True,
        **KINDS[kind],
    )
    case = changed(monkeypatch, case, poison(name, value))
    assert_agrees(case)
    found = subject.run(case, arrays(case).astype("float32"))
    assert any(not np.isfinite(tensor).all() for tensor in found.values())


@pytest.mark.parametrize("lengths", [None, (5, 2, 12)], ids=["", "ragged"])
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "lstm-projected"])
def test_weights_that_explode_to_infinity(
    kind: str, lengths: tuple[int, ...] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of one sign. Of both, fused multiplication decides whether inf is added to -inf or to a finite number.

    Not for a projection: infinite and finite gradients in one step leave no spread to measure a tolerance by.
    """

    def explode(values: Arrays) -> Arrays:
        return values.map(lambda a: (1e30 if a.ndim < 3 else 1) * np.abs(a)).map(single)

    case = scaled(f"infinite-{kind}-{lengths}", T=12, lengths=lengths, **KINDS[kind])
    case = changed(monkeypatch, case, explode)
    assert_agrees(case)
    for dtype in runner.DTYPES:
        h = subject.run(case, arrays(case).astype(dtype))["h_l0"]
        assert np.isinf(h).any() == (kind in ("relu", "identity"))
        assert np.isfinite(h).any()
