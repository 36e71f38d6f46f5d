"""Activations: the value, and the product of an upstream gradient with the whole Jacobian."""

import numpy as np
import pytest
import torch

from reference.activations import (
    ACTIVATIONS,
    LOG_SOFTMAX,
    RELU,
    SIGMOID,
    SOFTMAX,
    SOFTPLUS,
    Activation,
    ScalarActivation,
)
from reference.arrays import Array
from tests.helpers import assert_close, assert_same_bits, complex_step

RNG = np.random.default_rng(5)
Z = RNG.uniform(-3, 3, (4, 3, 6))
DY = RNG.uniform(-1, 1, (4, 3, 6))

IN_TORCH = {
    "identity": lambda z: z * 1,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": torch.relu,
    "softplus": torch.nn.functional.softplus,
    "softmax": lambda z: torch.softmax(z, dim=-1),
    "log_softmax": lambda z: torch.log_softmax(z, dim=-1),
}
SCALAR = [f for f in ACTIVATIONS.values() if isinstance(f, ScalarActivation)]

every_activation = pytest.mark.parametrize("name", ACTIVATIONS)


@every_activation
def test_value_and_gradient_are_those_of_torch(name: str) -> None:
    z = torch.from_numpy(Z.copy()).requires_grad_()
    y = IN_TORCH[name](z)  # type: ignore[no-untyped-call]
    (dz,) = torch.autograd.grad(y, z, torch.from_numpy(DY))
    ours = ACTIVATIONS[name].value(Z)
    np.testing.assert_allclose(ours, y.detach().numpy(), rtol=1e-14, atol=1e-15)
    np.testing.assert_allclose(ACTIVATIONS[name].vjp(DY, ours), dz.numpy(), rtol=1e-12, atol=1e-14)


def jacobian(name: str, z: Array) -> Array:
    """dy_j/dz_i at [..., j, i], by the complex step: Im f(z + ih) / h, exact to rounding."""
    h = 1e-30
    columns = [ACTIVATIONS[name].value(z + 1j * h * (np.arange(z.shape[-1]) == i)).imag / h for i in range(z.shape[-1])]
    return np.stack(columns, axis=-1)


@every_activation
def test_the_product_is_with_the_full_jacobian(name: str) -> None:
    expected = np.einsum("tbj,tbji->tbi", DY, jacobian(name, Z))
    np.testing.assert_allclose(ACTIVATIONS[name].vjp(DY, ACTIVATIONS[name].value(Z)), expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("f", [SOFTMAX, LOG_SOFTMAX], ids=lambda f: f.name)
def test_a_vector_activation_has_a_jacobian_that_is_not_diagonal(f: object) -> None:
    """So a test that would pass with the diagonal alone proves nothing: its other part is as large."""
    J = jacobian(f.name, Z)  # type: ignore[attr-defined]
    off_diagonal = J * (1 - np.eye(6))
    assert np.abs(off_diagonal).max() > 0.1


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.longdouble, np.complex128])
@every_activation
def test_the_dtype_is_kept(name: str, dtype: type) -> None:
    y = ACTIVATIONS[name].value(Z.astype(dtype))
    assert y.dtype == dtype
    assert ACTIVATIONS[name].vjp(DY.astype(dtype), y).dtype == dtype


def test_relu_has_slope_0_at_0() -> None:
    y = RELU.value(np.array([-1.0, -0.0, 0.0, 1e-300]))
    np.testing.assert_array_equal(y, [0, 0, 0, 1e-300])
    np.testing.assert_array_equal(RELU.vjp(np.full(4, 7.0), y), [0, 0, 0, 7])


@pytest.mark.parametrize(("f", "slope"), [(RELU, 0.0), (SIGMOID, 0.25), (SOFTPLUS, 0.5)])
def test_the_complex_step_at_0_agrees_with_the_slope(f: ScalarActivation, slope: float) -> None:
    zero = np.zeros(1)
    assert_same_bits(complex_step(f.value, zero, np.ones(1)), np.array([slope]))
    assert_same_bits(f.slope(f.value(zero)), np.array([slope]))


def test_nan_passes_through_relu_and_its_gradient_as_in_torch() -> None:
    z = torch.tensor([float("nan"), 1.0], requires_grad=True)
    (dz,) = torch.autograd.grad(torch.relu(z), z, torch.tensor([5.0, 6.0]))
    y = RELU.value(np.array([np.nan, 1.0]))
    np.testing.assert_array_equal(y, [np.nan, 1])
    np.testing.assert_array_equal(RELU.vjp(np.array([5.0, 6.0]), y), dz.numpy())


def test_a_closed_relu_passes_nothing_not_even_infinity() -> None:
    y = RELU.value(np.array([-np.inf, -2.0, np.inf]))
    np.testing.assert_array_equal(y, [0, 0, np.inf])
    np.testing.assert_array_equal(RELU.vjp(np.full(3, np.inf), y), [0, 0, np.inf])


def test_sigmoid_and_softplus_neither_overflow_nor_warn() -> None:
    z = np.array([-np.inf, -1000.0, 0.0, 1000.0, np.inf])
    np.testing.assert_array_equal(SIGMOID.value(z), [0, 0, 0.5, 1, 1])
    np.testing.assert_array_equal(SOFTPLUS.value(z), [0, 0, np.log(2), 1000, np.inf])
    np.testing.assert_array_equal(SOFTPLUS.slope(SOFTPLUS.value(z)), [0, 0, 0.5, 1, 1])


def test_softmax_of_large_logits_is_that_of_shifted_ones() -> None:
    z = 1000 * Z
    shifted = np.exp(z - z.max(axis=-1, keepdims=True))
    np.testing.assert_allclose(SOFTMAX.value(z), shifted / shifted.sum(axis=-1, keepdims=True), rtol=1e-12)
    np.testing.assert_allclose(LOG_SOFTMAX.value(z + 1e6), LOG_SOFTMAX.value(z), rtol=0, atol=1e-9)
    assert np.isfinite(LOG_SOFTMAX.value(z)).all()


def test_softmax_sums_to_one_over_the_last_axis() -> None:
    np.testing.assert_allclose(SOFTMAX.value(Z).sum(axis=-1), 1, rtol=1e-15)
    np.testing.assert_allclose(np.exp(LOG_SOFTMAX.value(Z)).sum(axis=-1), 1, rtol=1e-14)


@pytest.mark.parametrize("f", SCALAR, ids=lambda f: f.name)
def test_a_scalar_activation_writes_into_the_buffer_it_is_given(f: ScalarActivation) -> None:
    out = np.empty_like(Z)
    assert f.value(Z, out=out) is out
    np.testing.assert_array_equal(out, f.value(Z))
    slope = f.slope(out)
    expected = f.chain(DY, slope)
    assert f.chain(DY, slope, out=slope) is slope  # the slope's own memory, as in the time loop
    np.testing.assert_array_equal(slope, expected)


@pytest.mark.parametrize("f", SCALAR, ids=lambda f: f.name)
def test_the_slope_written_with_y_is_the_derivative_at_z(f: ScalarActivation) -> None:
    assert_close(f.slope(f.value(Z)), complex_step(f.value, Z, np.ones_like(Z)))


def test_softplus_keeps_its_relative_accuracy_where_it_is_small() -> None:
    z = np.array([-40.0, -300.0])  # there log(1 + e) is 0
    np.testing.assert_allclose(SOFTPLUS.value(z), np.exp(z), rtol=1e-15)
    np.testing.assert_allclose(SOFTPLUS.slope(SOFTPLUS.value(z)), np.exp(z), rtol=1e-15)


@pytest.mark.parametrize(("f", "value"), [(SIGMOID, [0.0, 1.0, np.nan]), (SOFTPLUS, [0.0, np.inf, np.nan])])
def test_sigmoid_and_softplus_of_what_is_not_finite(f: ScalarActivation, value: list[float]) -> None:
    assert_close(f.value(np.array([-np.inf, np.inf, np.nan])), np.array(value))


def test_log_softmax_at_logits_of_1000_is_exact() -> None:
    y = LOG_SOFTMAX.value(np.array([1000.0, -1000.0]))
    assert_same_bits(y, np.array([0.0, -2000.0]))
    assert_same_bits(LOG_SOFTMAX.vjp(np.array([0.75, -0.5]), y), np.array([0.5, -0.5]))


@pytest.mark.parametrize("f", [SOFTMAX, LOG_SOFTMAX], ids=lambda f: f.name)
def test_a_constant_added_to_all_logits_of_a_step_changes_no_bit(f: Activation) -> None:
    logits = np.round(Z)  # integers, so that the shift itself is exact
    shifts = np.arange(-1000.0, 1000.0, 2000 / 12).round().reshape(4, 3, 1)
    assert_same_bits(f.value(logits + shifts), f.value(logits))
