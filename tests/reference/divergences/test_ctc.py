"""CTC: numbers by hand, every path enumerated, torch at the logits, the complex step, and what it refuses. SPEC 8.8."""

import itertools
from dataclasses import FrozenInstanceError
from math import log
from typing import Any

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from torch.nn import functional as F

import reference
from reference import CTC, RNN, Network
from reference.activations import LOG_SOFTMAX, SOFTMAX
from reference.arrays import Array
from tests.helpers import assert_same_bits, complex_step_gradient

NAN = np.nan


def logits(*shape: int, seed: int = 0, scale: float = 2.0) -> Array:
    return scale * np.random.default_rng(seed).standard_normal(shape)


def ones(T: int, lengths: list[int]) -> Array:
    """The weights of sequences of these lengths."""
    return (np.arange(T)[:, None] < np.array(lengths)).astype(np.float64)


def padded(*labels: list[int]) -> Array:
    longest = max(map(len, labels))
    return np.array([[*row, *[-1] * (longest - len(row))] for row in labels], int).reshape(len(labels), longest)


def spelled(path: tuple[int, ...], blank: int) -> tuple[int, ...]:
    """What a path spells: repeats merged, then blanks dropped."""
    return tuple(k for k, _ in itertools.groupby(path) if k != blank)


def by_enumeration(y: Array, labels: list[int], blank: int) -> tuple[float, Array]:
    """-log p and its gradient at the logits (T, O), summed over all O^T paths."""
    T, O = y.shape
    probability = SOFTMAX.value(y)
    p, d_p = 0.0, np.zeros_like(y)
    for path in itertools.product(range(O), repeat=T):
        if spelled(path, blank) == tuple(labels):
            of_path = np.prod([probability[t, k] for t, k in enumerate(path)])
            p += of_path
            for t, k in enumerate(path):
                d_p[t] += of_path * ((np.arange(O) == k) - probability[t])
    return (-log(p), -d_p / p) if p else (np.inf, np.full_like(y, NAN))


# The value and the gradient.


def test_one_step_by_hand() -> None:
    """With one step, a label is one path: -log softmax; no label is the path of the blank."""
    y, weights = np.log(np.array([[[0.2, 0.3, 0.5]]])), ones(1, [1])
    assert_allclose(CTC().value(y, padded([2]), weights), -log(0.5))
    assert_allclose(CTC().value(y, padded([]), weights), -log(0.2))
    assert_allclose(CTC().gradient(y, padded([2]), weights), [[[0.2, 0.3, -0.5]]])


def test_two_steps_by_hand() -> None:
    """One label in two steps: blank-label, label-blank, label-label."""
    y = np.log(np.array([[[0.6, 0.4]], [[0.3, 0.7]]]))
    assert_allclose(CTC().value(y, padded([1]), ones(2, [2])), -log(0.6 * 0.7 + 0.4 * 0.3 + 0.4 * 0.7))


@pytest.mark.parametrize("blank", [0, 1, 2])
@pytest.mark.parametrize("T", [1, 2, 4, 5])
def test_every_path_enumerated(T: int, blank: int) -> None:
    """All targets of up to three labels, repeats among them, in tiny cases."""
    a, b = (k for k in range(3) if k != blank)
    for number, labels in enumerate([[], [a], [b], [a, a], [a, b], [b, a, b], [a, a, b], [b, b, b]]):
        y = logits(T, 1, 3, seed=number)
        value, gradient = by_enumeration(y[:, 0], labels, blank)
        ctc, target, weights = CTC(blank), padded(labels), ones(T, [T])
        assert_allclose(ctc.value(y, target, weights), value, rtol=1e-12)
        assert_allclose(ctc.gradient(y, target, weights)[:, 0], gradient, rtol=1e-11, atol=1e-13)


def random_example(seed: int) -> tuple[Array, Array, list[int], int]:
    """Logits, target, lengths, blank: of any sizes; some targets empty, some infeasible."""
    rng = np.random.default_rng(seed)
    T, B, O, S = (int(rng.integers(low, high)) for low, high in ((1, 12), (1, 5), (2, 6), (0, 5)))
    blank = int(rng.integers(O))
    labels = [k for k in range(O) if k != blank]
    target = padded(*([int(k) for k in rng.choice(labels, rng.integers(S + 1))] for _ in range(B)))
    return logits(T, B, O, seed=seed), target, [int(n) for n in rng.integers(1, T + 1, B)], blank


@pytest.mark.parametrize("reduction", ["sum", "mean"])
@pytest.mark.parametrize("zero_infinity", [False, True])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_torch_at_the_logits(reduction: str, zero_infinity: bool, dtype: Any) -> None:
    infinite = 0
    for seed in range(100):
        y, target, lengths, blank = random_example(seed)
        y, weights = y.astype(dtype), ones(len(y), lengths).astype(dtype)
        ctc = CTC(blank, reduction, zero_infinity)
        assert_array_equal(ctc.desired(target, y.shape[-1], weights), target)
        value, gradient = ctc.value(y, target, weights), ctc.gradient(y, target, weights)
        leaf = torch.tensor(y, requires_grad=True)
        loss = F.ctc_loss(
            F.log_softmax(leaf, dim=-1),
            torch.tensor(target).clamp(min=0),
            torch.tensor(lengths),
            torch.tensor((target >= 0).sum(axis=1)),
            blank=blank,
            reduction=reduction,
            zero_infinity=zero_infinity,
        )
        (d_leaf,) = torch.autograd.grad(loss, leaf)
        rtol, atol = (1e-11, 1e-12) if dtype is np.float64 else (1e-4, 1e-5)
        assert_allclose(value, loss.detach().numpy(), rtol=rtol, atol=atol)
        assert_allclose(gradient, d_leaf.numpy(), rtol=rtol, atol=atol)
        assert (value.dtype, gradient.dtype) == (dtype, dtype)
        infinite += not np.isfinite(value)
    assert (infinite == 0) == zero_infinity


@pytest.mark.parametrize("reduction", ["sum", "mean"])
def test_the_gradient_is_the_derivative_of_the_value(reduction: str) -> None:
    y, target, weights = logits(6, 3, 4), padded([1, 1], [3, 2, 1], []), ones(6, [5, 6, 2])
    ctc = CTC(0, reduction)
    wanted = complex_step_gradient(lambda at: ctc.value(at, target, weights), y)
    assert_allclose(ctc.gradient(y, target, weights), wanted, rtol=1e-11, atol=1e-14)


def test_the_gradient_sums_to_0_over_the_classes() -> None:
    d = CTC().gradient(logits(6, 2, 4), padded([1, 1], [3, 2, 1]), ones(6, [5, 6]))
    assert_allclose(d.sum(axis=-1), 0, atol=1e-14)


def test_the_mean_divides_by_labels_and_sequences() -> None:
    y, weights = logits(5, 2, 4), ones(5, [5, 5])
    alone = [CTC().value(y[:, b : b + 1], padded(t), weights[:, :1]) for b, t in enumerate([[1, 2, 1], []])]
    assert_allclose(CTC(reduction="mean").value(y, padded([1, 2, 1], []), weights), (alone[0] / 3 + alone[1] / 1) / 2)


def test_the_gradient_of_torch_at_log_probs_is_not_the_derivative() -> None:
    """SPEC 8.10: it is the derivative at the logits already, so a port compares behind the log-softmax."""
    y, target, weights = logits(4, 1, 3), padded([1, 2]), ones(4, [4])
    log_probs = torch.tensor(LOG_SOFTMAX.value(y), requires_grad=True)
    F.ctc_loss(log_probs, torch.tensor(target), torch.tensor([4]), torch.tensor([2]), reduction="sum").backward()  # type: ignore[no-untyped-call]
    assert log_probs.grad is not None
    assert_allclose(log_probs.grad.numpy(), CTC().gradient(y, target, weights), rtol=1e-11, atol=1e-13)


# Scale.


def test_logits_of_a_thousand_and_wide_gaps_stay_finite() -> None:
    y, target, weights = 500 * logits(7, 2, 4), padded([1, 1, 2], [3]), ones(7, [7, 6])
    leaf = torch.tensor(y, requires_grad=True)
    loss = F.ctc_loss(
        F.log_softmax(leaf, -1),
        torch.tensor(target).clamp(min=0),
        torch.tensor([7, 6]),
        torch.tensor([3, 1]),
        reduction="sum",
    )
    (d_leaf,) = torch.autograd.grad(loss, leaf)
    assert_allclose(CTC().value(y, target, weights), loss.item(), rtol=1e-12)
    assert_allclose(CTC().gradient(y, target, weights), d_leaf.numpy(), atol=1e-9)


def test_a_long_series_in_float32() -> None:
    """p is about exp(-600), which float32 cannot hold."""
    y, target = logits(400, 1, 5).astype(np.float32), padded([1, 2, 3, 4] * 20)
    weights = np.ones((400, 1), np.float32)
    value, gradient = CTC().value(y, target, weights), CTC().gradient(y, target, weights)
    assert_allclose(value, CTC().value(y.astype(np.float64), target, weights.astype(np.float64)), rtol=1e-5)
    assert value > 200
    assert np.isfinite(gradient).all()
    assert abs(gradient).max() > 0.1


def test_longdouble_stays_longdouble() -> None:
    y, target, weights = logits(4, 1, 3).astype(np.longdouble), padded([1]), np.ones((4, 1), np.longdouble)
    assert CTC(reduction="mean").value(y, target, weights).dtype == np.longdouble
    assert CTC(reduction="mean").gradient(y, target, weights).dtype == np.longdouble


# What does not count.


def test_nothing_is_read_past_the_end() -> None:
    y, target, weights = logits(6, 2, 4), padded([1, 2], [3]), ones(6, [4, 6])
    poisoned = y.copy()
    poisoned[4:, 0] = NAN
    assert CTC().value(poisoned, target, weights) == CTC().value(y, target, weights)
    assert_same_bits(CTC().gradient(poisoned, target, weights), CTC().gradient(y, target, weights))
    assert not CTC().gradient(poisoned, target, weights)[4:, 0].any()


def test_an_infeasible_target_is_inf_with_a_gradient_of_nan_and_leaves_the_others_alone() -> None:
    """Two labels that are alike need three steps."""
    y, target, weights = logits(5, 2, 4), padded([2, 2], [1, 3]), ones(5, [2, 5])
    assert CTC().value(y, target, weights) == np.inf
    gradient = CTC().gradient(y, target, weights)
    assert np.isnan(gradient[:2, 0]).all()
    assert_array_equal(gradient[2:, 0], 0)
    assert_allclose(gradient[:, 1:], CTC().gradient(y[:, 1:], target[1:], weights[:, 1:]))


def test_zero_infinity_counts_it_0() -> None:
    y, target, weights = logits(5, 2, 4), padded([2, 2], [1, 3]), ones(5, [2, 5])
    ctc = CTC(zero_infinity=True)
    assert_allclose(ctc.value(y, target, weights), ctc.value(y[:, 1:], target[1:], weights[:, 1:]))
    assert_array_equal(ctc.gradient(y, target, weights)[:, 0], 0)


def test_a_wider_padding_of_the_target_changes_nothing() -> None:
    y, weights = logits(5, 2, 4), ones(5, [5, 4])
    narrow, wide = padded([1], [2, 2]), padded([1], [2, 2], [1] * 6)[:2]
    assert_allclose(CTC().gradient(y, wide, weights), CTC().gradient(y, narrow, weights), rtol=1e-12)


# Under a network.


@pytest.mark.parametrize("layout", ["time_major", "batch_first", "unbatched"])
def test_under_a_network_the_target_belongs_to_the_sequence(layout: str) -> None:
    rnn = RNN(3, 5, bidirectional=True, batch_first=layout == "batch_first")
    net = Network(rnn, 4, divergence=CTC(blank=3))
    params = net.init(np.random.default_rng(0))
    x, target = logits(6, 1, 3), padded([0, 0, 2])
    plain = Network(RNN(3, 5, bidirectional=True), 4, divergence=CTC(blank=3))
    wanted = plain.backward(params, plain.forward(params, x, target))
    shaped = {"time_major": x, "batch_first": x.swapaxes(0, 1), "unbatched": x[:, 0]}[layout]
    run = net.forward(params, shaped, target[0] if layout == "unbatched" else target)
    assert_allclose(run.div, plain.forward(params, x, target).div)
    assert_array_equal(run.target, target)
    grads = net.backward(params, run)
    for name, gradient in grads.params.items():
        assert_allclose(gradient, wanted.params[name], rtol=1e-12, atol=1e-14, err_msg=name)


def test_nothing_is_written_to_and_a_second_call_gives_the_same_bits() -> None:
    y, target, weights = logits(6, 2, 4), padded([1, 2], [3]), ones(6, [4, 6])
    for array in (y, target, weights):
        array.flags.writeable = False
    assert_same_bits(CTC().gradient(y, target, weights), CTC().gradient(y, target, weights))


# What is refused.


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"blank": True}, TypeError, "blank should be of type int, got: bool"),
        ({"blank": 1.0}, TypeError, "blank should be of type int, got: float"),
        ({"zero_infinity": 1}, TypeError, "zero_infinity should be of type bool, got: int"),
        ({"reduction": "none"}, ValueError, "Unknown reduction 'none'. Select from 'sum' or 'mean'."),
    ],
)
def test_a_wrong_option_is_named(options: dict[str, Any], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind) as raised:
        CTC(**options)
    assert str(raised.value) == message


def test_it_is_a_configuration() -> None:
    assert CTC(1) == CTC(blank=1)
    assert (CTC().blank, CTC().reduction, CTC().zero_infinity) == (0, "sum", False)
    with pytest.raises(FrozenInstanceError):
        CTC().blank = 1  # type: ignore[misc]


LABELS = "Expected labels in 0..3 without the blank {}, -1 after the last, got {}"


@pytest.mark.parametrize(
    ("ctc", "target", "kind", "message"),
    [
        (CTC(4), padded([1], [2]), ValueError, "Expected a blank in 0..3, got 4"),
        (CTC(-1), padded([1], [2]), ValueError, "Expected a blank in 0..3, got -1"),
        (CTC(), np.ones((2, 1)), TypeError, "the target of ctc should be integers, got: float64"),
        (CTC(), np.ones((2, 1), bool), TypeError, "the target of ctc should be integers, got: bool"),
        (CTC(), np.array([1, 2]), ValueError, "Expected labels of 2 sequences, (batch, longest target), got (2,)"),
        (CTC(), padded([1]), ValueError, "Expected labels of 2 sequences, (batch, longest target), got (1, 1)"),
        (CTC(), padded([1, 4], [2]), ValueError, LABELS.format(0, 4)),
        (CTC(), padded([1, -2], [2]), ValueError, LABELS.format(0, -2)),
        (CTC(), padded([1, 0], [2]), ValueError, LABELS.format(0, 0)),
        (CTC(2), padded([1, 0], [3, 2]), ValueError, LABELS.format(2, 2)),
        (CTC(), padded([1, -1, 2], [2, 3, 1]), ValueError, LABELS.format(0, 2)),
    ],
)
def test_a_wrong_target_is_named(ctc: CTC, target: Array, kind: type[Exception], message: str) -> None:
    net = Network(RNN(3, 5), 4, divergence=ctc)
    with pytest.raises(kind) as raised:
        net.forward(net.init(np.random.default_rng(0)), logits(6, 2, 3), target)
    assert str(raised.value) == message


def test_the_classes_at_both_ends_are_legal() -> None:
    weights = ones(3, [3])
    assert_array_equal(CTC(0).desired(padded([3, 1]), 4, weights), [[3, 1]])
    assert_array_equal(CTC(3).desired(padded([0, 2]), 4, weights), [[0, 2]])


@pytest.mark.parametrize("weights", [[1.0, 0, 1], [0.0, 1, 1], [0.0, 0, 0], [0.5, 0.5, 0.5], [2.0, 2, 0]])
def test_weights_other_than_lengths_are_refused(weights: list[float]) -> None:
    net = Network(RNN(3, 5), 4, divergence=CTC())
    params = net.init(np.random.default_rng(0))
    with pytest.raises(ValueError, match=r"^ctc needs whole sequences: give it lengths, not weights$"):
        net.forward(params, logits(3, 1, 3), padded([1]), weights=np.array(weights)[:, None])


def test_no_sequences() -> None:
    net = Network(RNN(3, 5), 4, divergence=CTC())
    params = net.init(np.random.default_rng(0))
    run = net.forward(params, logits(3, 0, 3), np.zeros((0, 2), int))
    assert run.div == 0
    assert not net.backward(params, run).params["output.weight"].any()
    mean = Network(RNN(3, 5), 4, divergence=CTC(reduction="mean"))
    with pytest.raises(ValueError, match=r"^the mean over the sequences needs one at least$"):
        mean.forward(params, logits(3, 0, 3), np.zeros((0, 2), int))


@pytest.mark.parametrize("divergence", [CTC(), reference.MeanPooledCrossEntropy()])
def test_the_network_has_no_mean_and_no_probabilities_for_it(divergence: Any) -> None:
    with pytest.raises(ValueError) as raised:  # noqa: PT011
        Network(RNN(3, 5), 4, divergence=divergence, reduction="mean")
    message = f"reduction 'mean' is one over steps: give {divergence.name} a reduction of its own"
    assert str(raised.value) == message
    with pytest.raises(ValueError, match=f"^{divergence.name} cannot take the output of 'softmax'. Select from 'ident"):
        Network(RNN(3, 5), 4, "softmax", divergence)
