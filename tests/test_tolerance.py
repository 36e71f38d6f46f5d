"""The tolerance: noise of the right size on every operation, and a bound that small mistakes do not slip through."""

from collections.abc import Callable

import numpy as np
import pytest

from parity import subject, tolerance
from parity.cases import CASES, arrays
from parity.compare import compare
from parity.tolerance import INJECTED, Noise, Noisy
from reference.arrays import Array

RNG = np.random.default_rng(3)
A = RNG.uniform(-1, 1, (4, 6))
B = RNG.uniform(-1, 1, (4, 6))
W = RNG.uniform(-1, 1, (6, 5))
POSITIVE = RNG.uniform(0.5, 2, (4, 6))


def noisy(array: Array) -> Noisy:
    return Noisy.of(array, Noise(np.random.default_rng(0)))


@pytest.mark.parametrize(
    ("operation", "operands", "bound"),
    [
        (np.add, (A, B), np.maximum(np.maximum(abs(A), abs(B)), abs(A + B))),
        (np.subtract, (A, B), np.maximum(np.maximum(abs(A), abs(B)), abs(A - B))),
        (np.multiply, (A, B), abs(A * B)),
        (np.divide, (A, POSITIVE), abs(A / POSITIVE)),
        (np.sqrt, (POSITIVE,), np.sqrt(POSITIVE)),
        (np.tanh, (A,), 4 * abs(np.tanh(A))),
        (np.exp, (A,), 4 * np.exp(A)),
        (np.log, (POSITIVE,), 4 * abs(np.log(POSITIVE))),
        (lambda a: a.sum(axis=0), (A,), np.sqrt(4) * abs(A).sum(axis=0)),
        (lambda a: a.sum(), (A,), np.sqrt(24) * abs(A).sum()),
        (lambda a, w: a.dot(w), (A, W), np.sqrt(6) * abs(A).dot(abs(W))),
        (np.negative, (A,), np.zeros_like(A)),
        (np.positive, (A,), np.zeros_like(A)),
        (lambda a: a.max(axis=1), (A,), np.zeros(4)),
        (lambda a: np.where(a.real <= 0, 0, a), (A,), np.zeros_like(A)),
        (lambda a: np.concatenate([a, a]), (A,), np.zeros((8, 6))),
        (lambda a: a[::-1], (A,), np.zeros_like(A)),
    ],
)
def test_every_operation_errs_by_its_bound_with_a_random_sign(
    operation: Callable[..., Array], operands: tuple[Array, ...], bound: Array
) -> None:
    clean = np.asarray(operation(*operands))
    result = operation(*map(noisy, operands))
    assert isinstance(result, Noisy)
    error = np.asarray(result.view(np.ndarray)) - clean
    np.testing.assert_allclose(abs(error), INJECTED * bound, rtol=1e-3, atol=0)
    if clean.size > 10 and np.any(bound):
        assert (error > 0).any()
        assert (error < 0).any()


def test_results_are_written_into_out_and_into_views() -> None:
    buffer = noisy(np.zeros((2, 4, 5)))
    noisy(A).dot(noisy(W), out=buffer[1])
    assert np.allclose(buffer.view(np.ndarray)[1], A.dot(W), rtol=1e-9)
    assert not buffer.view(np.ndarray)[0].any()
    out = noisy(np.zeros_like(A))
    assert np.add(noisy(A), noisy(B), out=out) is out
    assert np.allclose(out.view(np.ndarray), A + B, rtol=1e-9)


@pytest.mark.parametrize(
    "operation", [np.sin, np.cumsum, np.linalg.inv, lambda a: np.multiply.outer(a, a), lambda a: np.einsum("ij->j", a)]
)
def test_an_operation_without_a_known_bound_raises_and_does_not_escape(operation: Callable[[Array], Array]) -> None:
    with pytest.raises(TypeError, match="no bound is known"):
        operation(noisy(A))


def test_what_is_not_finite_stays_as_it_is() -> None:
    result = noisy(np.array([np.inf, -np.inf, np.nan, 1.0])) * 2.0
    np.testing.assert_array_equal(result.view(np.ndarray)[:3], [np.inf, -np.inf, np.nan])


def test_sigma_is_the_same_every_time() -> None:
    case = CASES["rich"]
    first = tolerance.sigma(case)
    again = tolerance.spread(
        lambda disturb: subject.run(case, arrays(case).map(disturb)), Noise(np.random.default_rng(case.seed))
    )
    assert all(np.array_equal(first[name], again[name]) for name in first)


def test_sigma_of_a_known_computation() -> None:
    """Of one addition of 1 and 2 the error is ±3 u, so its rms is 3."""
    found = tolerance.spread(
        lambda disturb: {"sum": disturb(np.ones(1000)) + disturb(np.full(1000, 2.0))}, Noise(np.random.default_rng(1))
    )
    np.testing.assert_allclose(found["sum"], 3, rtol=1e-3)


def test_the_bound_of_float32_is_that_of_float64_at_another_rounding() -> None:
    case = CASES["rich"]
    for name in tolerance.sigma(case):
        wide, narrow = tolerance.allowed(case, name, np.float32), tolerance.allowed(case, name, np.float64)
        np.testing.assert_array_equal(wide, 2.0**29 * narrow)


def test_the_bound_holds_per_time_step() -> None:
    allowed = tolerance.allowed(CASES["exploding-linear-T40"], "h_l0", np.float64)
    np.testing.assert_array_equal(allowed, np.broadcast_to(allowed[:, :1, :1], allowed.shape))
    assert allowed[-1, 0, 0] > 1000 * allowed[0, 0, 0]


def test_what_no_rounding_can_reach_must_be_exact() -> None:
    """Padding of the short sequence, at a step at which another is still running."""
    allowed = tolerance.allowed(CASES["rich"], "h_l0", np.float64)
    assert not allowed[5, 1].any()
    assert allowed[5, 2].all()


def test_a_spread_too_small_to_be_squared_is_not_taken_for_none() -> None:
    found = tolerance.spread(
        lambda disturb: {"tiny": 2 * disturb(np.full(10, 1e-300))}, Noise(np.random.default_rng(1))
    )
    np.testing.assert_allclose(found["tiny"], 2e-300, rtol=1e-3)


def test_exact_cases_allow_nothing() -> None:
    case = CASES["exact-relu-l1"]
    assert not any(tolerance.allowed(case, name, np.float32).any() for name in tolerance.sigma(case))


def smallest_change_seen(case_id: str, dtype: str) -> float:
    """The smallest change, as a power of two, of the largest element of a tensor that is noticed in every tensor."""
    case = CASES[case_id]
    truth = subject.run(case, arrays(case).astype(dtype))
    for exponent in range(-52, 0):
        changed = {}
        for name, tensor in truth.items():
            t = tensor.copy()
            index = np.unravel_index(abs(t).argmax(), t.shape)
            t[index] *= 1 + 2.0**exponent
            changed[name] = t
        if not any(t.passed for t in compare(case, "torch", dtype, changed, truth).tensors):
            return 2.0**exponent
    return 1.0


@pytest.mark.parametrize(("dtype", "limit"), [("float64", 1e-13), ("float32", 6e-5)])
def test_a_small_change_of_one_element_is_seen_in_every_tensor(dtype: str, limit: float) -> None:
    found = smallest_change_seen("rich", dtype)
    print(f"smallest relative change of one element seen in every tensor, {dtype}: {found:.1e}")
    assert found < limit


def test_a_weight_that_is_wrong_by_one_part_in_ten_thousand_million_is_seen() -> None:
    case = CASES["rich"]
    values = arrays(case)
    w = values.params["rnn.weight_hh_l0"].copy()
    w[1, 2] *= 1 + 1e-10
    wrong = subject.run(case, type(values)(**(vars(values) | {"params": values.params | {"rnn.weight_hh_l0": w}})))
    assert not compare(case, "torch", "float64", wrong, subject.run(case, values)).passed
