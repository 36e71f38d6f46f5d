"""The tolerance: noise of the right size on every operation, and a bound that small mistakes do not slip through."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from parity import runner, subject, tolerance
from parity.cases import CASES, Arrays, Case, arrays
from parity.compare import compare
from parity.oracles import enclosure, torch_autograd
from parity.tolerance import INJECTED, SMALLEST_NORMAL, Noise, Noisy
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


X = np.array([[3.0, -5.0], [7.0, 11.0]])
Y = np.array([[2.0, 8.0], [-4.0, 0.5]])

GRAPH: list[tuple[Callable[[Any, Any], Any], list[float]]] = [
    (lambda x, y: x + y, [5.0, -8.0, 7.0, 11.5]),
    (lambda x, y: x - y, [3.0, 13.0, -11.0, 11.0]),
    (lambda x, y: x * y, [-6.0, -40.0, 28.0, -5.5]),
    (lambda x, y: x / y, [1.5, 0.625, 1.75, 22.0]),
    (lambda x, y: np.square(x), [9.0, -25.0, 49.0, 121.0]),
    (lambda x, y: np.sqrt(y * y), [1.0, -12.0, -6.0, -0.75]),
    (lambda x, y: x.dot(y), [36.77, 37.477, -82.023, -86.977]),
    (np.matmul, [-36.77, 37.477, 82.023, -86.977]),
    (lambda x, y: x.sum(axis=0), [14.143, -22.627]),
    (lambda x, y: np.tanh(y), [3.8561, -4.0, 3.9973, 1.8484]),
    (lambda x, y: np.exp(y), [29.557, -11924.0, -0.073261, -6.595]),
    (lambda x, y: np.expm1(y), [-25.557, -11920.0, -3.9268, -2.5948]),
    (lambda x, y: np.log(x * x), [-9.7891, 13.875, -14.567, -20.184]),
    (lambda x, y: np.log1p(x * x), [8.3101, -12.071, -16.628, 18.224]),
    (lambda x, y: -x, [0.0, 0.0, 0.0, 0.0]),
    (lambda x, y: x.max(axis=1), [0.0, 0.0]),
]


def test_the_noise_of_one_seed_is_known_to_the_number() -> None:
    """A changed bound, an operation without noise, another use of the generator: each gives other numbers from here."""
    noise = Noise(np.random.default_rng(12))
    x, y = Noisy.of(X, noise), Noisy.of(Y, noise)
    for place, (operation, errors) in enumerate(GRAPH):
        error = np.asarray(operation(x, y)).view(np.ndarray) - operation(X, Y)
        np.testing.assert_allclose(error.ravel() / INJECTED, errors, rtol=1e-3, err_msg=str(place))


@pytest.mark.parametrize(
    ("runs", "wanted"),
    [
        (32, {"h": [2.8681, 3.9488, 3.7056, 3.3369], "sum": [175.7], "exp": [0.023253, 8.7178, 0.066885, 4.1833]}),
        (128, {"h": [2.8724, 3.9357, 3.6445, 3.2203], "sum": [172.02], "exp": [0.022171, 8.544, 0.067402, 4.0927]}),
    ],
)
def test_the_spread_of_a_small_graph_is_known_to_the_number(runs: int, wanted: dict[str, list[float]]) -> None:
    def run(disturb: Callable[[Array], Array]) -> dict[str, Array]:
        x, y = disturb(X), disturb(Y)
        h = np.tanh(x.dot(y) / 64 + 0.25 * y)
        return {"h": h, "sum": (x * y).sum(), "exp": np.exp(y - y.max(axis=1, keepdims=True))}

    found = tolerance.spread(run, Noise(np.random.default_rng(12)), runs)
    for name, numbers in wanted.items():
        np.testing.assert_allclose(np.ravel(found[name]), numbers, rtol=1e-3, err_msg=name)


def test_a_spread_too_small_to_be_squared_is_not_taken_for_none() -> None:
    found = tolerance.spread(
        lambda disturb: {"tiny": 2 * disturb(np.full(10, 1e-270))}, Noise(np.random.default_rng(1))
    )
    np.testing.assert_allclose(found["tiny"], 2e-270, rtol=1e-3)


TINY = SMALLEST_NORMAL[np.dtype(np.float32)]
FLUSHED = TINY * 2**24  # in units of u


@pytest.mark.parametrize(
    ("operation", "operands", "results"),
    [
        (np.multiply, (A, TINY * B), np.ones_like(A)),
        (np.multiply, (A, 0 * B), np.zeros_like(A)),
        (np.divide, (TINY * A, 2 * POSITIVE), np.ones_like(A)),
        (np.tanh, (TINY * A,), np.ones_like(A)),
        (np.exp, (-1000 * POSITIVE,), np.ones_like(A)),
        (np.log, (np.ones_like(A),), np.zeros_like(A)),
        (lambda a, w: a.dot(w), (TINY * A, W), np.full((4, 5), 6)),
        (np.matmul, (TINY * A, W), np.full((4, 5), 6)),
        (np.matmul, (TINY * A * (np.arange(6) < 2), W), np.full((4, 5), 2)),
        (np.add, (TINY * A, TINY * B), np.ones_like(A)),
        (np.add, (TINY * A, 0 * B), np.ones_like(A)),
        (np.subtract, (0 * A, 0 * B), np.zeros_like(A)),
        (lambda a: a.sum(axis=1), (TINY * A * (np.arange(6) < 2),), np.full(4, 2)),
    ],
)
def test_a_result_that_may_be_denormal_may_be_flushed_to_0(
    operation: Callable[..., Array], operands: tuple[Array, ...], results: Array
) -> None:
    """results: how many such there are inside the operation."""
    noise = Noise(np.random.default_rng(0), np.dtype(np.float32))
    clean = np.asarray(operation(*operands))
    error = operation(*(Noisy.of(operand, noise) for operand in operands)).view(np.ndarray) - clean
    np.testing.assert_allclose(abs(error), INJECTED * FLUSHED * results, rtol=1e-3, atol=0)
    assert noise.underflowed == results.any()


def test_the_dtypes_have_a_spread_of_their_own_only_where_something_is_denormal() -> None:
    assert tolerance.sigma(CASES["rich"], np.float32) is tolerance.sigma(CASES["rich"], np.float64)
    case = replace(CASES["rnn-linear-l1-bi-dout"], id="denormal", scale=1e-41)
    wide, narrow = (tolerance.allowed(case, "a_l0", dtype) for dtype in (np.float32, np.float64))
    assert wide.min() > 2.0**-126
    assert narrow.max() < 2.0**-170


def test_exact_cases_allow_nothing() -> None:
    case = CASES["exact-relu-l1"]
    assert not any(tolerance.allowed(case, name, np.float32).any() for name in tolerance.sigma(case))


# One direction, so that units can be renumbered; with what has the longest sums, and what cancels most.
MARGIN_CASES = """
rnn-tanh-l2-uni-ragged-drop25
rnn-relu-l3-uni-nobias-noh0-eval50
square-l1
saturated-l1
exploding-linear-T40
critical-l2-T64
wide-H64
""".split()

LOOPS = ("square-l1", "saturated-l1")  # one layer of tanh

Implementation = Callable[[Case, Arrays], dict[str, Array]]


def torch_on_two_threads(case: Case, values: Arrays) -> dict[str, Array]:
    @contextmanager
    def two_threads() -> Iterator[None]:
        before = torch.get_num_threads()
        torch.set_num_threads(2)
        try:
            yield
        finally:
            torch.set_num_threads(before)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch_autograd, "one_thread", two_threads)
        return torch_autograd.run(case, values)


def renumbered(case: Case, values: Arrays) -> dict[str, Array]:
    """Inputs, units, outputs and sequences in reverse order: so is every sum over one of them."""

    def feature_axes(array: Array) -> Array:
        return np.flip(array).copy()

    def batch_and_features(array: Array) -> Array:
        return np.flip(array, (1, 2)).copy()

    target = values.target
    if target is not None and case.O is not None:  # classes
        target = case.O - 1 - target[:, ::-1]
    found = subject.run(
        case,
        Arrays(
            params={name: feature_axes(p) for name, p in values.params.items()},
            x=batch_and_features(values.x),
            initial=None if values.initial is None else {"h": batch_and_features(values.initial["h"])},
            lengths=None if values.lengths is None else values.lengths[::-1],
            masks=None if values.masks is None else np.flip(values.masks, (2, 3)),
            d_output=None if values.d_output is None else batch_and_features(values.d_output),
            d_last=None if values.d_last is None else {"h": batch_and_features(values.d_last["h"])},
            target=target,
            weights=None if values.weights is None else values.weights[:, ::-1],
        ),
    )
    return {name: batch_and_features(t) if t.ndim == 3 else feature_axes(t) for name, t in found.items()}


def by_loops(case: Case, values: Arrays) -> dict[str, Array]:
    """One layer of tanh, number by number, with every sum from its last term to its first."""
    w, u, b, c = (values.params[f"{name}_l0"] for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
    x, h0, d_output, d_h_n = values.x, values.h0, values.d_output, values.d_h_n
    assert h0 is not None
    assert d_output is not None
    assert d_h_n is not None
    (T, B, I), H, zero = x.shape, case.H, x.dtype.type(0)

    def dot(terms: list[tuple[Any, Any]]) -> Any:
        return sum((p * q for p, q in reversed(terms)), zero)

    a, h, d_h, d_a = (np.empty((T, B, H), x.dtype) for _ in range(4))
    for t in range(T):
        for n in range(B):
            before = h[t - 1, n] if t else h0[0, n]
            for i in range(H):
                a[t, n, i] = (dot([*zip(u[i], before, strict=True)]) + c[i]) + (
                    dot([*zip(w[i], x[t, n], strict=True)]) + b[i]
                )
                h[t, n, i] = np.tanh(a[t, n, i])
    for t in reversed(range(T)):
        for n in range(B):
            for i in range(H):
                later = dot([*zip(d_a[t + 1, n], u[:, i], strict=True)]) if t < T - 1 else d_h_n[0, n, i]
                d_h[t, n, i] = d_output[t, n, i] + later
            d_a[t, n] = (1 - h[t, n]) * (1 + h[t, n]) * d_h[t, n]
    steps = [(t, n) for t in range(T) for n in range(B)]
    before = np.concatenate([h0, h[:-1]])
    d_b = np.array([dot([(d_a[s][i], zero + 1) for s in steps]) for i in range(H)])
    return {
        "a_l0": a,
        "h_l0": h,
        "output": h,
        "h_n": h[-1:],
        "d_h_l0": d_h,
        "d_a_l0": d_a,
        "d_x": np.array([[[dot([*zip(row, w[:, j], strict=True)]) for j in range(I)] for row in rows] for rows in d_a]),
        "d_h0": np.array([[[dot([*zip(row, u[:, j], strict=True)]) for j in range(H)] for row in d_a[0]]]),
        "d_weight_ih_l0": np.array([[dot([(d_a[s][i], x[s][j]) for s in steps]) for j in range(I)] for i in range(H)]),
        "d_weight_hh_l0": np.array(
            [[dot([(d_a[s][i], before[s][j]) for s in steps]) for j in range(H)] for i in range(H)]
        ),
        "d_bias_ih_l0": d_b,
        "d_bias_hh_l0": d_b,
    }


IMPLEMENTATIONS: dict[str, Implementation] = {
    "the reference": subject.run,
    "the reference, everything in reverse order": renumbered,
    "torch, 1 thread": torch_autograd.run,
    "torch, 2 threads": torch_on_two_threads,
    "loops": by_loops,
}


@pytest.mark.parametrize("dtype", runner.DTYPES)
def test_correct_implementations_stay_below_half_of_the_tolerance(dtype: str) -> None:
    """The margin of false alarms: each is within 4 σ of the truth, so that two agree within 8."""
    largest = dict.fromkeys(IMPLEMENTATIONS, 0.0)
    others = set()
    for case in map(CASES.__getitem__, MARGIN_CASES):
        values = arrays(case).astype(dtype)
        ours, truth = subject.run(case, values), enclosure.run(case, values)
        for name, implementation in IMPLEMENTATIONS.items():
            if name == "loops" and case.id not in LOOPS:
                continue
            found = implementation(case, values)
            result = compare(case, name, dtype, found, truth)
            assert {t.tensor for t in result.tensors} == set(truth)
            largest[name] = max(largest[name], result.share)
            if any(found[tensor].tobytes() != ours[tensor].tobytes() for tensor in ours):
                others.add(name)
    for name, share in largest.items():
        print(f"largest share of the tolerance, {dtype}, {name}: {share:.3f}")
    assert min(largest.values()) > 0
    assert max(largest.values()) < 0.5
    assert others == set(IMPLEMENTATIONS) - {"the reference"}  # each rounds in its own way


def smallest_change_seen(case: Case, dtype: str) -> float:
    """The smallest change, as a power of two, of the largest element of a tensor that is noticed in every tensor."""
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
    found = smallest_change_seen(CASES["rich"], dtype)
    print(f"smallest relative change of one element seen in every tensor, {dtype}: {found:.1e}")
    assert found < limit


@pytest.mark.parametrize("case_id", MARGIN_CASES)
def test_a_small_change_is_seen_wherever_the_margin_is_measured(case_id: str) -> None:
    """The price of the margin, on what amplifies rounding too: 8 σ of any tensor is below these parts of it."""
    for dtype, limit in (("float64", 1e-12), ("float32", 5e-4)):
        found = smallest_change_seen(CASES[case_id], dtype)
        print(f"smallest relative change of one element seen in every tensor of {case_id}, {dtype}: {found:.1e}")
        assert found < limit


def test_a_weight_that_is_wrong_by_one_part_in_ten_thousand_million_is_seen() -> None:
    case = CASES["rich"]
    values = arrays(case)
    w = values.params["rnn.weight_hh_l0"].copy()
    w[1, 2] *= 1 + 1e-10
    wrong = subject.run(case, type(values)(**(vars(values) | {"params": values.params | {"rnn.weight_hh_l0": w}})))
    assert not compare(case, "torch", "float64", wrong, subject.run(case, values)).passed
