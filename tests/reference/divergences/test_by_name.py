"""Each divergence: a number by hand, torch's word, the gradient, targets, weights. SPEC 8."""

from collections.abc import Callable
from math import log

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from torch import Tensor
from torch.nn import functional as F

import reference
from reference.arrays import Array
from reference.divergences import DIVERGENCES
from reference.network import Network
from tests.reference.divergences.examples import (
    NAMES,
    NAN,
    WITH_INDICES,
    WITHOUT_INDICES,
    B,
    H,
    I,
    O,
    T,
    class_indices,
    close,
    network,
    normal,
    one_hot,
    outputs,
    soft_targets,
    some_weights,
    there_and_back,
)

TORCH: dict[str, Callable[[Tensor, Tensor], Tensor]] = {  # each gives (T, B)
    "squared_error": lambda y, d: F.mse_loss(y, d, reduction="none").sum(-1) / 2,
    "cross_entropy": lambda y, d: F.nll_loss(y.log().movedim(-1, 1), d.argmax(-1), reduction="none"),
    "kl": lambda y, d: F.kl_div(y.log(), d, reduction="none").sum(-1),
    "binary_cross_entropy": lambda y, d: F.binary_cross_entropy(y, d, reduction="none").sum(-1),
    "negative_log_likelihood": lambda y, d: F.nll_loss(y.movedim(-1, 1), d.argmax(-1), reduction="none"),
    "softmax_cross_entropy": lambda y, d: F.cross_entropy(y.movedim(-1, 1), d.movedim(-1, 1), reduction="none"),
}
ONE_HOT_IN_TORCH = ("cross_entropy", "negative_log_likelihood")

each_name = pytest.mark.parametrize("name", NAMES)
each_with_indices = pytest.mark.parametrize("name", WITH_INDICES)


# The value.


@pytest.mark.parametrize(
    ("name", "y", "d", "by_hand"),
    [
        ("squared_error", [1.0, 3.0], [0.0, 1.0], 2.5),
        ("cross_entropy", [0.25, 0.75], [0.0, 1.0], log(4 / 3)),
        ("cross_entropy", [0.25, 0.75], [0.5, 0.5], log(16 / 3) / 2),
        ("kl", [0.25, 0.75], [0.5, 0.5], log(4 / 3) / 2),
        ("kl", [0.25, 0.75], [0.0, 1.0], log(4 / 3)),
        ("binary_cross_entropy", [0.25, 0.75], [0.0, 1.0], 2 * log(4 / 3)),
        ("binary_cross_entropy", [0.25, 0.75], [0.5, 0.5], log(16 / 3)),
        ("negative_log_likelihood", [-3.0, -0.25], [0.0, 1.0], 0.25),
        ("negative_log_likelihood", [-3.0, -0.25], [0.5, 2.0], 2.0),
        ("softmax_cross_entropy", [0.0, log(3)], [0.0, 1.0], log(4 / 3)),
        ("softmax_cross_entropy", [0.0, log(3)], [0.5, 2.0], log(4) / 2 + 2 * log(4 / 3)),
    ],
)
def test_the_value_of_one_step_by_hand(name: str, y: list[float], d: list[float], by_hand: float) -> None:
    close(DIVERGENCES[name].value(np.array([[y]]), np.array([[d]]), np.array([[1.0]])), by_hand)


def test_the_value_sums_over_steps_and_sequences_with_their_weights_by_hand() -> None:
    y, d = np.array([[[1.0], [2.0]], [[4.0], [0.0]]]), np.zeros((2, 2, 1))
    weights = np.array([[2.0, 1.0], [0.5, 3.0]])
    assert DIVERGENCES["squared_error"].value(y, d, weights) == (2 * 1 + 1 * 4 + 0.5 * 16 + 3 * 0) / 2


@each_name
def test_value_and_gradient_are_those_of_torch(name: str) -> None:
    y, weights = outputs(name), some_weights()
    d = one_hot() if name in ONE_HOT_IN_TORCH else soft_targets()
    leaf = torch.from_numpy(y).requires_grad_()
    wanted = (torch.from_numpy(weights) * TORCH[name](leaf, torch.from_numpy(d))).sum()
    (wanted_gradient,) = torch.autograd.grad(wanted, leaf)
    close(DIVERGENCES[name].value(y, d, weights), wanted.item())
    close(DIVERGENCES[name].gradient(y, d, weights), wanted_gradient.numpy())


# The gradient.


@each_name
def test_the_gradient_is_that_of_a_complex_step_of_the_value(name: str) -> None:
    y, d, weights = outputs(name), soft_targets(), some_weights()
    by_step = np.empty_like(y)
    for index in np.ndindex(y.shape):
        stepped = y.astype(complex)
        stepped[index] += 1e-30j
        by_step[index] = DIVERGENCES[name].value(stepped, d, weights).imag / 1e-30
    close(DIVERGENCES[name].gradient(y, d, weights), by_step)


@each_name
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.longdouble])
def test_value_and_gradient_keep_the_dtype(name: str, dtype: type) -> None:
    arrays: list[Array] = [array.astype(dtype) for array in (outputs(name), soft_targets(), some_weights())]
    assert DIVERGENCES[name].value(*arrays).dtype == dtype
    assert DIVERGENCES[name].gradient(*arrays).dtype == dtype


@pytest.mark.parametrize("name", ["cross_entropy", "kl", "binary_cross_entropy"])
def test_zero_times_log_zero_is_zero(name: str) -> None:
    y = d = np.array([[[0.0, 1.0]]])
    assert DIVERGENCES[name].value(y, d, np.array([[1.0]])) == 0


@pytest.mark.parametrize(
    ("name", "wanted"), [("cross_entropy", [0, -1]), ("kl", [0, -1]), ("binary_cross_entropy", [1, -1])]
)
def test_zero_over_zero_is_zero_in_the_gradient(name: str, wanted: list[float]) -> None:
    y = d = np.array([[[0.0, 1.0]]])
    assert_array_equal(DIVERGENCES[name].gradient(y, d, np.array([[1.0]])), [[wanted]])


def test_an_undesired_log_probability_of_minus_infinity_counts_nothing() -> None:
    y, d = np.array([[[-np.inf, 0.0]]]), np.array([[[0.0, 1.0]]])
    assert DIVERGENCES["negative_log_likelihood"].value(y, d, np.array([[1.0]])) == 0


# Softmax and cross-entropy in one.


def test_the_fused_divergence_is_exact_at_logits_of_1000() -> None:
    y, d, one = np.array([[[1000.0, -1000.0]]]), np.array([[[0.0, 1.0]]]), np.array([[1.0]])
    assert DIVERGENCES["softmax_cross_entropy"].value(y, d, one) == 2000
    assert_array_equal(DIVERGENCES["softmax_cross_entropy"].gradient(y, d, one), [[[1, -1]]])


def test_the_fused_divergence_of_a_sure_and_right_answer_is_zero() -> None:
    y, d, one = np.array([[[1000.0, -1000.0]]]), np.array([[[1.0, 0.0]]]), np.array([[1.0]])
    assert DIVERGENCES["softmax_cross_entropy"].value(y, d, one) == 0
    assert_array_equal(DIVERGENCES["softmax_cross_entropy"].gradient(y, d, one), [[[0, 0]]])


def test_the_fused_gradient_by_hand_for_a_target_that_does_not_sum_to_1() -> None:
    y, d = np.log([[[1.0, 3.0]]]), np.array([[[0.5, 2.0]]])
    close(DIVERGENCES["softmax_cross_entropy"].gradient(y, d, np.array([[1.0]])), [[[0.125, -0.125]]])


@pytest.mark.parametrize("apart", ["cross_entropy", "negative_log_likelihood"])
def test_the_fused_divergence_is_the_two_apart(apart: str) -> None:
    """Also where the soft targets do not sum to 1: div and dDIV/dz."""
    target = soft_targets() * 1.7
    (fused, fused_grads), (run, grads) = (
        there_and_back(network(name), target, some_weights()) for name in ("softmax_cross_entropy", apart)
    )
    close(run.div, fused.div)
    close(grads.z, fused_grads.z)


# The target.


@each_with_indices
def test_class_indices_stand_for_one_hot_targets(name: str) -> None:
    (run, grads), (wanted, wanted_grads) = (
        there_and_back(network(name), target, some_weights()) for target in (class_indices(), one_hot())
    )
    assert run.div == wanted.div
    assert_array_equal(grads.y, wanted_grads.y)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int64])
def test_class_indices_may_be_of_any_integer_type(dtype: type) -> None:
    desired = DIVERGENCES["cross_entropy"].desired(class_indices().astype(dtype), O, np.full((T, B), 0.5))
    assert_array_equal(desired, one_hot())


def test_a_desired_vector_has_the_dtype_of_the_weights() -> None:
    desired = DIVERGENCES["cross_entropy"].desired(class_indices(), O, np.full((T, B), 0.5, dtype=np.float32))
    assert desired.dtype == np.float32


@pytest.mark.parametrize("index", [-1, O])
@each_with_indices
def test_a_class_index_out_of_range_raises(name: str, index: int) -> None:
    target = class_indices()
    target[2, 1] = index
    with pytest.raises(ValueError, match=rf"class indices in 0\.\.{O - 1}"):
        there_and_back(network(name), target)


@each_with_indices
def test_class_indices_of_a_wrong_shape_raise(name: str) -> None:
    with pytest.raises(ValueError, match=r"Expected class indices of size \(4, 3\)"):
        there_and_back(network(name), class_indices().T)


@each_name
def test_a_target_of_a_wrong_shape_raises(name: str) -> None:
    with pytest.raises(ValueError, match=r"Expected target of size \(4, 3, 5\)"):
        there_and_back(network(name), soft_targets()[..., :1])


@each_name
def test_a_target_of_a_wrong_dtype_raises(name: str) -> None:
    with pytest.raises(TypeError, match=f"the target of {name} should be of dtype float64, got: float32"):
        there_and_back(network(name), soft_targets().astype(np.float32))


@pytest.mark.parametrize("name", WITHOUT_INDICES)
def test_class_indices_raise_where_there_are_no_classes(name: str) -> None:
    with pytest.raises(TypeError, match=f"the target of {name} should be of dtype float64, got: int64"):
        there_and_back(network(name), class_indices())


@each_name
def test_the_divergence_of_an_empty_batch_is_zero(name: str) -> None:
    net = network(name)
    target = class_indices()[:, :0] if name in WITH_INDICES else soft_targets()[:, :0]
    assert net.forward(net.init(np.random.default_rng(4)), normal(T, 0, I), target).div == 0


def test_with_one_class_a_step_that_does_not_count_may_have_any_index() -> None:
    net = Network(reference.RNN(I, H), 1, "identity", "softmax_cross_entropy")
    target = np.array([[0, -100, 0], [7, 0, 0], [0, 0, 0], [0, 0, 0]])
    run, _ = there_and_back(net, target, (target == 0).astype(float))
    assert run.div == 0


def test_a_target_of_one_axis_is_named_under_batch_first() -> None:
    net = Network(reference.RNN(I, H, batch_first=True), O, "identity", "softmax_cross_entropy")
    with pytest.raises(ValueError, match=r"Expected class indices of size \(3, 4\) \(time, batch\), got \(4,\)"):
        net.forward(net.init(np.random.default_rng(0)), normal(4, 3, I), np.zeros(4, int))


# The weights.


@each_name
def test_a_step_of_weight_zero_is_not_looked_at(name: str) -> None:
    y, d, weights = outputs(name), soft_targets(), some_weights()
    value, gradient = DIVERGENCES[name].value(y, d, weights), DIVERGENCES[name].gradient(y, d, weights)
    y[1, 0] = d[1, 0] = NAN  # some_weights has a 0 there
    assert DIVERGENCES[name].value(y, d, weights) == value
    assert_array_equal(DIVERGENCES[name].gradient(y, d, weights), gradient)
    assert_array_equal(gradient[1, 0], 0)


@each_name
def test_a_target_of_nan_is_legal_where_the_weight_is_zero(name: str) -> None:
    target = soft_targets()
    (wanted, wanted_grads) = there_and_back(network(name), target, some_weights())
    target[1, 0] = NAN
    run, grads = there_and_back(network(name), target, some_weights())
    assert run.div == wanted.div
    assert_array_equal(grads.x, wanted_grads.x)


@each_with_indices
def test_a_class_index_of_minus_100_is_legal_where_the_weight_is_zero(name: str) -> None:
    target = class_indices()
    wanted, _ = there_and_back(network(name), target, some_weights())
    target[1, 0] = -100
    assert there_and_back(network(name), target, some_weights())[0].div == wanted.div


def test_the_index_where_the_weight_is_zero_is_no_other_class_even_where_there_is_only_one() -> None:
    net = Network(reference.RNN(I, H), 1, "sigmoid", "cross_entropy")
    run, _ = there_and_back(net, np.where(some_weights() == 0, -100, 0), some_weights())
    wanted, _ = there_and_back(net, np.zeros((T, B), int), some_weights())
    assert run.div == wanted.div


def test_a_saturated_output_warns_of_nothing_where_the_weight_is_zero() -> None:
    y, weights = np.array([[[0.25, 0.5]], [[1.0, 0.0]]]), np.array([[1.0], [0.0]])
    bce = DIVERGENCES["binary_cross_entropy"]
    close(bce.value(y, np.zeros_like(y), weights), -log(0.75) - log(0.5))
    close(bce.gradient(y, np.zeros_like(y), weights), [[[1 / 0.75, 2]], [[0, 0]]])


@each_name
def test_the_gradient_is_linear_in_the_weights(name: str) -> None:
    y, d = outputs(name), soft_targets()
    alone = DIVERGENCES[name].gradient(y, d, np.full((T, B), 1.0))
    close(DIVERGENCES[name].gradient(y, d, some_weights()), some_weights()[:, :, None] * alone)


def test_weights_of_bool_are_zeros_and_ones() -> None:
    kept = some_weights() > 0.9
    (run, grads), (wanted, wanted_grads) = (
        there_and_back(network("squared_error"), soft_targets(), w) for w in (kept, kept.astype(np.float64))
    )
    assert run.div == wanted.div
    assert_array_equal(grads.x, wanted_grads.x)


@each_name
def test_the_mean_is_the_weighted_sum_over_the_sum_of_weights(name: str) -> None:
    (mean, mean_grads), (total, total_grads) = (
        there_and_back(network(name, reduction), soft_targets(), some_weights()) for reduction in ("mean", "sum")
    )
    close(mean.div, total.div / some_weights().sum())
    for param, gradient in mean_grads.params.items():
        close(gradient, total_grads.params[param] / some_weights().sum())


def test_the_mean_without_weights_is_over_the_real_steps() -> None:
    lengths = [2, 4, 1]
    (mean, _), (total, _) = (
        there_and_back(network("squared_error", reduction), soft_targets(), lengths=lengths)
        for reduction in ("mean", "sum")
    )
    close(mean.div, total.div / sum(lengths))


def test_weights_past_the_end_of_a_sequence_never_count() -> None:
    """Not even in the sum that the mean divides by."""
    lengths, at_padding, weights = [2, 4, 4], some_weights(), some_weights()
    at_padding[2:, 0], weights[2:, 0] = NAN, 0
    run, _ = there_and_back(network("kl", "mean"), soft_targets(), at_padding, lengths)
    wanted, _ = there_and_back(network("kl", "mean"), soft_targets(), weights)
    close(run.div, wanted.div)


def test_a_mean_over_weights_of_sum_zero_raises() -> None:
    with pytest.raises(ValueError, match="weights that do not sum to 0"):
        there_and_back(network("kl", "mean"), soft_targets(), np.zeros((T, B)))
