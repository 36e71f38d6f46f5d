"""The oracles that need no torch: what they say, how independent they are, and what they speak for."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from flint import arb, ctx

from parity import oracles, subject, tensors, tolerance
from parity.cases import BENCHMARKS, CASES, arrays
from parity.compare import compare, errors
from parity.mistakes import MISTAKES, planted
from parity.oracles import Oracle, complex_step, enclosure, impulse_response, plain, torch_autograd
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


# The specification in scalar loops, and the truth.

OF_EACH_KIND = [
    "rich", "exact-relu-l2-bi-ragged", "ctc-mean-ragged-l2", "head-sigmoid-kl-soft-mean-ragged-bi-l2",
    "gru-truncate-3-ragged", "gru-before-rich", "lstm-rich", "lstm-proj-rich", "lstm-not-finite-minus-inf",
]  # fmt: skip


@pytest.mark.parametrize("case_id", OF_EACH_KIND)
@pytest.mark.parametrize("oracle", [plain, enclosure])
def test_plain_and_enclosure_have_every_tensor(case_id: str, oracle: Oracle) -> None:
    case = CASES[case_id]
    said, got = oracle.run(case, arrays(case)), subject.run(case, arrays(case))
    assert list(said) == list(got)
    assert compare(case, "plain", "float64", got, said).passed


def test_nearest_is_the_float64_of_every_number_of_a_ball() -> None:
    third = arb(1) / 3
    assert enclosure.nearest(arb(0.1)) == 0.1
    assert enclosure.nearest(0) == 0.0
    assert np.isnan(enclosure.nearest(arb("inf")))
    with pytest.raises(enclosure.Undecided):
        enclosure.nearest(third)  # 53 bits and an error: which neighbour is nearer stays open
    with ctx.workprec(100):
        assert enclosure.nearest(arb(1) / 3) == 1 / 3
        assert enclosure.nearest(arb(2) ** -1100) == 0.0
        assert enclosure.nearest(arb(3) * arb(2) ** -1075) == 2 * 2.0**-1074  # 1.5 · 2⁻¹⁰⁷⁴, a tie: to even
        assert enclosure.nearest(-(arb(2) ** 1024)) == -np.inf


def test_a_comparison_that_a_ball_cannot_decide_raises() -> None:
    with ctx.workprec(64):
        nothing = (arb(1) / 3) * 3 - 1
    assert enclosure.Balls.positive(arb(1))
    assert not enclosure.Balls.positive(arb(0))
    assert enclosure.Balls.zero(arb(0))
    assert not enclosure.Balls.zero(arb(-1))
    for question in (enclosure.Balls.positive, enclosure.Balls.zero):
        with pytest.raises(enclosure.Undecided):
            question(nothing)


def test_precision_is_doubled_until_every_value_is_decided() -> None:
    """1 - tanh² of a saturated unit has no digit left at 128 bits."""
    assert enclosure.truth(CASES["hand-1x1x1"])[1] == 128
    assert enclosure.truth(CASES["range-stack-tanh"])[1] > 128


def test_what_no_precision_decides_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(enclosure, "LAST", 128)
    case = replace(CASES["range-stack-tanh"], id="undecided")
    with pytest.raises(ArithmeticError, match=r"undecided: .* is not decided by 128 bits"):
        enclosure.truth(case)


def test_scalar_loops_leave_the_largest_cases_and_the_empty_batch_alone() -> None:
    assert [case.id for case in CASES.values() if not plain.supports(case)] == ["small-empty-batch"]
    assert not plain.supports(BENCHMARKS["bench-T64-B32-I512-H512"])


def relative(got: Array, wanted: Array) -> float:
    return float((errors(got, wanted) / abs(wanted)).max())


def test_under_saturation_torch_and_the_reference_agree_and_are_off_together() -> None:
    """SPEC 30.5: 1 - h² of a rounded h has lost what h has lost; the complex step never forms it."""
    case = CASES["saturated-unit-T4"]
    values = arrays(case)
    mine, theirs, said = (oracle.run(case, values)["d_x"] for oracle in (subject, torch_autograd, complex_step))
    truth = enclosure.run(case, values)
    h = truth["h_l0"]
    found = {
        who: relative(d_x, truth["d_x"])
        for who, d_x in {"reference": mine, "torch": theirs, "complex step": said}.items()
    }
    apart = relative(mine, theirs)
    print(f"saturated-unit-T4, 1 - h² down to {(1 - h * h).min():.1e}, d_x off by at most", end=" ")
    print(*(f"{who} {error:.1e}" for who, error in found.items()), f"reference from torch {apart:.1e}", sep=", ")
    assert found["reference"] > 1e-3
    assert found["torch"] > 1e-3
    assert apart < 1e-3 * found["torch"]
    assert found["complex step"] < 1e-13
    assert compare(case, "torch", "float64", {"d_x": mine}, {"d_x": theirs}).passed
    assert compare(case, "enclosure", "float64", {"d_x": mine}, {"d_x": truth["d_x"]}).passed


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
