"""The oracles that need no torch: what they say, how independent they are, and what they speak for."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from parity import oracles, subject, tensors, tolerance
from parity.cases import CASES, arrays
from parity.compare import compare, errors
from parity.mistakes import MISTAKES, planted
from parity.oracles import complex_step, extended, impulse_response, torch_autograd
from reference.arrays import Array

SMALL, LARGE = CASES["linear-response"], CASES["rnn-tanh-l3-bi-bf-eval50-dout"]


def test_every_oracle_has_the_one_signature() -> None:
    for name in oracles.ORACLES:
        assert oracles.load(name).supports(SMALL)
        assert all(isinstance(t, np.ndarray) for t in oracles.load(name).run(SMALL, arrays(SMALL)).values())


# The complex step.


def test_the_complex_step_takes_every_element_of_a_small_case() -> None:
    said = complex_step.run(SMALL, arrays(SMALL))
    assert set(said) == {"d_x", "d_h0", *(f"d_{name}" for name in SMALL.shapes())}
    assert {name: t.shape for name, t in said.items()} == {n: subject.run(SMALL, arrays(SMALL))[n].shape for n in said}


def test_the_complex_step_takes_random_directions_in_a_large_case() -> None:
    said = complex_step.run(LARGE, arrays(LARGE))
    assert set(said) == set(subject.projections(LARGE, subject.run(LARGE, arrays(LARGE))))
    assert {t.shape for t in said.values()} == {(subject.DIRECTIONS,)}


def test_the_directions_are_signs_that_differ() -> None:
    v = subject.directions(LARGE, "d_x", (7, 3, 4))
    assert set(np.unique(v)) == {-1.0, 1.0}
    assert len({d.tobytes() for d in v}) == len(v)
    assert np.array_equal(v, subject.directions.__wrapped__(LARGE, "d_x", (7, 3, 4)))


@pytest.mark.parametrize("name", ["d_x", "d_weight_hh_l2_reverse"])
def test_one_wrong_element_shows_in_every_direction(name: str) -> None:
    found = subject.run(LARGE, arrays(LARGE))
    wrong = found[name].copy()
    wrong[(1,) * wrong.ndim] += 1e-9
    changed = subject.projections(LARGE, found | {name: wrong})
    result = compare(LARGE, "complex-step", "float64", changed, complex_step.run(LARGE, arrays(LARGE)))
    assert [t.tensor for t in result.tensors if not t.passed] == [tensors.projected(name)]


def test_the_complex_step_leaves_out_what_is_not_the_derivative_of_a_finite_forward() -> None:
    left_out = {case.id for case in CASES.values() if not complex_step.supports(case)}
    assert left_out == {c.id for c in CASES.values() if (c.truncate and c.truncate < c.T) or not c.finite}


@pytest.mark.parametrize("name", ["carry-missing", "slope-1-minus-h", "w-hh-transposed-backward", "db-hh-missing"])
def test_a_backward_that_is_not_the_derivative_of_forward_is_seen_without_torch(name: str) -> None:
    case = CASES["square-l1"]
    said = complex_step.run(case, arrays(case))
    tolerance.sigma(case)
    with planted(MISTAKES[name]):
        got = subject.run(case, arrays(case))
    assert not compare(case, "complex-step", "float64", got, said).passed


# Extended precision.


def test_the_truth_is_wider_than_float64() -> None:
    case = CASES["rich"]
    truth, got = extended.run(case, arrays(case)), subject.run(case, arrays(case))
    assert truth.keys() == got.keys()
    assert any((truth[name] != truth[name].astype(np.float64)).any() for name in truth)
    assert 0 < errors(got["y"], truth["y"]).max() < 1e-14


@pytest.mark.skipif(not extended.LONGDOUBLE_IS_WIDE, reason="longdouble is float64 here: mpmath is what is used")
@pytest.mark.parametrize(
    "case_id", ["rich", "exact-relu-l2-bi-ragged", "ctc-mean-ragged-l2", "head-sigmoid-kl-soft-mean-ragged-bi-l2"]
)
def test_longdouble_and_mpmath_tell_the_same_truth(case_id: str) -> None:
    """mpmath computes with 106 bits: the two differ by the rounding of longdouble, 2000 times below that of float64."""
    case = CASES[case_id]
    by_longdouble, by_mpmath = extended.truth(case, True), extended.truth(case, False)
    assert by_longdouble.keys() == by_mpmath.keys()
    for name, t in by_longdouble.items():
        assert by_mpmath[name].dtype == object
        upper = t.astype(np.float64)
        lower = (t - upper).astype(np.float64)
        distance = np.asarray(abs(by_mpmath[name] - upper.astype(object) - lower.astype(object))).astype(np.float64)
        assert (distance <= tolerance.allowed(case, name, np.float64) / 2**10).all(), name


def test_numbers_of_mpmath_are_refused_outside() -> None:
    case = CASES["hand-1x1x1"]
    extended.truth(case, False)
    with pytest.raises(TypeError, match="should be of dtype float32 or float64, got: object"):
        subject.run(case, arrays(case).map(lambda a: a.astype(object)))


def relative(got: Array, wanted: Array) -> float:
    return float((errors(got, wanted) / abs(wanted).astype(np.float64)).max())


def test_under_saturation_torch_and_the_reference_agree_and_are_off_together() -> None:
    """SPEC 30.5: 1 - h² of a rounded h has lost what h has lost; the complex step never forms it."""
    case = CASES["saturated-unit-T4"]
    values = arrays(case)
    mine, theirs, said = (oracle.run(case, values)["d_x"] for oracle in (subject, torch_autograd, complex_step))
    truth = extended.truth(case, False)
    h = truth["h_l0"].astype(np.float64)
    off = {"reference": mine, "torch": theirs, "longdouble": extended.truth(case, True)["d_x"], "complex step": said}
    found = {who: relative(d_x.astype(np.float64), truth["d_x"]) for who, d_x in off.items()}
    apart = relative(mine, theirs)
    print(f"saturated-unit-T4, 1 - h² down to {(1 - h * h).min():.1e}, d_x off by at most", end=" ")
    print(*(f"{who} {error:.1e}" for who, error in found.items()), f"reference from torch {apart:.1e}", sep=", ")
    assert found["reference"] > 1e-3
    assert found["torch"] > 1e-3
    assert apart < 1e-3 * found["torch"]
    assert found["complex step"] < 1e-13
    assert compare(case, "torch", "float64", {"d_x": mine}, {"d_x": theirs}).passed
    assert compare(case, "extended", "float64", {"d_x": mine}, {"d_x": truth["d_x"]}).passed


# The closed form.


@pytest.mark.parametrize(
    ("case_id", "speaks"),
    [("linear-response", True), ("linear-impulse", True), ("rich", False), ("rnn-linear-l1-bi-dout", False)],
)
def test_the_closed_form_speaks_for_one_linear_layer(case_id: str, speaks: bool) -> None:
    assert impulse_response.supports(CASES[case_id]) == speaks


@pytest.mark.parametrize("close", [np.allclose, lambda a, b: torch_autograd.assert_close({"t": a}, {"t": b})])
def test_what_the_mistakes_are_compared_with_is_what_its_name_says(close: Callable[[Array, Array], Any]) -> None:
    assert close(np.ones(3), np.ones(3) + 5e-8)
    assert not close(np.ones(3), np.ones(3) + 1e-4)
