"""The recurrent network: by hand on single numbers, against torch, and what holds for every configuration."""

from dataclasses import FrozenInstanceError, replace
from math import tanh
from typing import Any

import numpy as np
import pytest

import reference
from reference.arrays import Array
from tests.helpers import assert_close, assert_same_bits, example, results, torch_results

# One unit, one input, one sequence, three steps.
W_IH, W_HH, B_IH, B_HH = 0.7, -0.4, 0.2, 0.1
X0, X1, X2 = 0.5, -0.3, 0.8
H_INITIAL = 0.6
D_OUT0, D_OUT1, D_OUT2 = 0.9, -0.5, 0.4
D_H_N = 0.3

A0 = W_IH * X0 + B_IH + W_HH * H_INITIAL + B_HH
H0 = tanh(A0)
A1 = W_IH * X1 + B_IH + W_HH * H0 + B_HH
H1 = tanh(A1)
A2 = W_IH * X2 + B_IH + W_HH * H1 + B_HH
H2 = tanh(A2)

DH2 = D_OUT2 + D_H_N
DA2 = DH2 * (1 - H2 * H2)
DH1 = D_OUT1 + DA2 * W_HH
DA1 = DH1 * (1 - H1 * H1)
DH0 = D_OUT0 + DA1 * W_HH
DA0 = DH0 * (1 - H0 * H0)


def series(*steps: float) -> Array:
    """Numbers as (T, 1, 1)."""
    return np.array(steps, dtype=np.float64).reshape(-1, 1, 1)


def one_unit() -> tuple[reference.RNN, dict[str, Array]]:
    params = {
        "weight_ih_l0": np.array([[W_IH]]),
        "weight_hh_l0": np.array([[W_HH]]),
        "bias_ih_l0": np.array([B_IH]),
        "bias_hh_l0": np.array([B_HH]),
    }
    return reference.RNN(1, 1), params


def by_hand() -> tuple[reference.RecurrentTrace, reference.RecurrentGradients]:
    rnn, params = one_unit()
    trace = rnn.forward(params, series(X0, X1, X2), series(H_INITIAL))
    return trace, rnn.backward(params, trace, series(D_OUT0, D_OUT1, D_OUT2), series(D_H_N))


def test_forward_by_hand() -> None:
    trace, _ = by_hand()
    assert_close(trace.output, series(H0, H1, H2))
    assert_close(trace.h_n, series(H2))


def test_the_trace_by_hand() -> None:
    trace, _ = by_hand()
    direction = trace.layers[0].directions[0]
    assert_close(direction.x, series(X0, X1, X2))
    assert_close(direction.a, series(A0, A1, A2))
    assert_close(direction.h, series(H0, H1, H2))
    assert_close(direction.states, series(H_INITIAL, H0, H1, H2))
    assert_close(direction.packing.unpack(direction.previous("h")), series(H_INITIAL, H0, H1))


def test_parameter_gradients_by_hand() -> None:
    _, grads = by_hand()
    assert_close(grads.params["weight_ih_l0"], np.array([[DA0 * X0 + DA1 * X1 + DA2 * X2]]))
    assert_close(grads.params["weight_hh_l0"], np.array([[DA0 * H_INITIAL + DA1 * H0 + DA2 * H1]]))
    assert_close(grads.params["bias_ih_l0"], np.array([DA0 + DA1 + DA2]))
    assert_close(grads.params["bias_hh_l0"], np.array([DA0 + DA1 + DA2]))


def test_input_and_initial_state_gradients_by_hand() -> None:
    _, grads = by_hand()
    assert_close(grads.x, series(DA0 * W_IH, DA1 * W_IH, DA2 * W_IH))
    assert_close(grads.h0, series(DA0 * W_HH))


def test_intermediate_gradients_by_hand() -> None:
    _, grads = by_hand()
    direction = grads.layers[0].directions[0]
    assert_close(direction.h, series(DH0, DH1, DH2))
    assert_close(direction.a, series(DA0, DA1, DA2))
    assert_close(direction.x, series(DA0 * W_IH, DA1 * W_IH, DA2 * W_IH))
    assert_close(direction.h0, np.array([[DA0 * W_HH]]))


def test_one_step_at_a_time_by_hand() -> None:
    rnn, params = one_unit()
    state = series(H_INITIAL)
    for x, h in ((X0, H0), (X1, H1), (X2, H2)):
        output, state = rnn.step(params, np.array([[x]]), state)
        assert_close([output, state], [np.array([[h]]), series(h)])


def test_truncation_at_every_step_by_hand() -> None:
    """With k = 1 nothing arrives from the right; a step still reads h(t-1), so dW_hh and dh0 are not zero."""
    trace, _ = by_hand()
    rnn, params = one_unit()
    grads = rnn.backward(params, trace, series(D_OUT0, D_OUT1, D_OUT2), series(D_H_N), truncate=1)
    da0, da1, da2 = D_OUT0 * (1 - H0 * H0), D_OUT1 * (1 - H1 * H1), DA2
    assert_close(grads.x, series(da0 * W_IH, da1 * W_IH, da2 * W_IH))
    assert_close(grads.params["weight_hh_l0"], np.array([[da0 * H_INITIAL + da1 * H0 + da2 * H1]]))
    assert_close(grads.h0, series(da0 * W_HH))


def test_relu_by_hand_on_integers_with_a_step_exactly_at_the_kink() -> None:
    rnn = reference.RNN(1, 1, nonlinearity="relu", bias=False)
    params = {"weight_ih_l0": np.array([[2.0]]), "weight_hh_l0": np.array([[3.0]])}
    trace = rnn.forward(params, series(1, -3, 4), series(0))  # a = 2, 0, 8
    assert_same_bits(trace.output, series(2, 0, 8))
    grads = rnn.backward(params, trace, series(5, 7, 11))  # da = 5, 0, 11: the kink lets nothing through
    assert_same_bits(grads.layers[0].directions[0].a, series(5, 0, 11))
    assert_same_bits(grads.layers[0].directions[0].h, series(5, 7 + 33, 11))
    assert_same_bits(grads.params, {"weight_ih_l0": np.array([[5.0 + 44.0]]), "weight_hh_l0": np.array([[0.0]])})
    assert_same_bits(grads.x, series(10, 0, 22))
    assert_same_bits(grads.h0, series(15))


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize("nonlinearity", ["tanh", "relu"])
def test_outputs_and_gradients_are_those_of_torch(
    nonlinearity: str, bidirectional: bool, batch_first: bool, bias: bool
) -> None:
    e = example(reference.RNN(4, 5, 3, nonlinearity, bias, batch_first, bidirectional=bidirectional))
    assert_close(results(*e.run()), torch_results(e))


def test_unbatched_outputs_and_gradients_are_those_of_torch() -> None:
    e = example(reference.RNN(4, 5, num_layers=2, bidirectional=True), B=None)
    assert_close(results(*e.run()), torch_results(e))


@pytest.mark.parametrize(("T", "B", "I", "H"), [(1, 3, 4, 5), (6, 1, 4, 5), (6, 3, 1, 5), (6, 3, 4, 1), (1, 1, 1, 1)])
def test_a_size_of_one_is_nothing_special(T: int, B: int, I: int, H: int) -> None:
    e = example(reference.RNN(I, H, num_layers=2, bidirectional=True), T, B)
    assert_close(results(*e.run()), torch_results(e))


def test_batch_first_is_time_major_with_two_axes_swapped() -> None:
    e = example(reference.RNN(4, 5, num_layers=2, bidirectional=True))
    trace, grads = e.run()
    swapped = replace(e, rnn=replace(e.rnn, batch_first=True), x=e.x.swapaxes(0, 1), d_output=e.d_output.swapaxes(0, 1))
    wanted = results(trace, grads)
    wanted |= {"output": trace.output.swapaxes(0, 1), "x": grads.x.swapaxes(0, 1)}
    assert_close(results(*swapped.run()), wanted)


@pytest.mark.parametrize("batch_first", [True, False])
def test_an_unbatched_series_is_a_batch_of_one(batch_first: bool) -> None:
    alone = example(reference.RNN(4, 5, num_layers=2, batch_first=batch_first, bidirectional=True), B=None)
    time_major = replace(alone.rnn, batch_first=False)
    batched = replace(
        alone,
        rnn=time_major,
        **{name: getattr(alone, name)[:, None] for name in ("x", "h0", "d_output", "d_h_n")},
    )
    wanted = results(*batched.run())
    wanted |= {name: wanted[name][:, 0] for name in ("output", "h_n", "x", "h0")}
    assert_close(results(*alone.run()), wanted)


@pytest.mark.parametrize("B", [3, None])
def test_no_initial_state_is_an_initial_state_of_zeros_bit_for_bit(B: int | None) -> None:
    e = example(reference.RNN(4, 5, num_layers=2, bidirectional=True), B=B)
    zeros = replace(e, h0=np.zeros_like(e.h0))
    omitted = e.rnn.forward(e.params, e.x)
    grads = e.rnn.backward(e.params, omitted, e.d_output, e.d_h_n)
    assert_same_bits(results(omitted, grads), results(*zeros.run()))


def test_the_zeros_of_an_initial_state_that_is_not_given_are_of_the_dtype_of_x() -> None:
    e = example(reference.RNN(4, 5), dtype=np.float32)
    inputs = e.rnn.checked_inputs(e.params, e.x, None, None, None)
    assert_same_bits(inputs.initial["h"], np.zeros_like(e.h0))


@pytest.mark.parametrize("given", ["d_output", "d_h_n"])
def test_an_upstream_gradient_that_is_not_given_is_zero(given: str) -> None:
    e = example(reference.RNN(4, 5, num_layers=2, bidirectional=True))
    upstream: dict[str, Any] = {"d_output": np.zeros_like(e.d_output), "d_h_n": np.zeros_like(e.d_h_n)}
    upstream[given] = getattr(e, given)
    trace = e.forward()
    got = e.rnn.backward(e.params, trace, **{given: upstream[given]})
    assert_same_bits(got, e.rnn.backward(e.params, trace, **upstream))


def test_gradients_add_up_over_the_upstream_gradients() -> None:
    """Backward is linear in what arrives: from the outputs and from the last state, each its own share."""
    e = example(reference.RNN(4, 5, num_layers=2, bidirectional=True))
    trace, grads = e.run()
    of_output = e.rnn.backward(e.params, trace, d_output=e.d_output)
    of_h_n = e.rnn.backward(e.params, trace, d_h_n=e.d_h_n)
    assert_close(grads.x, of_output.x + of_h_n.x)
    assert_close(grads.h0, of_output.h0 + of_h_n.h0)
    assert_close(grads.params, {name: g + of_h_n.params[name] for name, g in of_output.params.items()})


def test_only_the_sum_of_the_two_biases_acts() -> None:
    e = example(reference.RNN(4, 5))
    moved = e.params | {
        "bias_ih_l0": e.params["bias_ih_l0"] + e.params["bias_hh_l0"],
        "bias_hh_l0": np.zeros(5),
    }
    assert_close(results(*replace(e, params=moved).run()), results(*e.run()))


def test_parameter_gradients_have_the_names_and_the_order_of_the_parameters() -> None:
    e = example(reference.RNN(4, 5, num_layers=2, bidirectional=True))
    _, grads = e.run()
    assert list(grads.params) == list(e.params)


def test_a_batch_of_none_has_no_output_and_zero_gradients() -> None:
    e = example(reference.RNN(4, 5, num_layers=2, bidirectional=True), B=0)
    trace, grads = e.run()
    assert trace.output.shape == (6, 0, 10)
    assert_close(results(trace, grads), torch_results(e))
    assert_close(grads.params, {name: np.zeros_like(p) for name, p in e.params.items()})


def test_nan_in_the_input_reaches_its_own_sequence_from_that_step_on_and_nothing_else() -> None:
    e = example(reference.RNN(4, 5, num_layers=2))
    poisoned = e.x.copy()
    poisoned[2, 1, 3] = np.nan
    clean, output = e.forward().output, replace(e, x=poisoned).forward().output
    assert np.isnan(output[2:, 1]).all()
    clean[2:, 1] = output[2:, 1] = 0
    assert_close(output, clean)


def test_nan_passes_through_a_relu_network() -> None:
    e = example(reference.RNN(4, 5, nonlinearity="relu"))
    poisoned = e.x.copy()
    poisoned[2, 1, 3] = np.nan
    trace, grads = replace(e, x=poisoned).run()
    assert np.isnan(trace.output[2:, 1]).all()
    assert np.isnan(grads.params["weight_ih_l0"][:, 3]).all()


def test_an_infinite_upstream_gradient_does_not_pass_a_closed_relu() -> None:
    rnn = reference.RNN(1, 1, nonlinearity="relu", bias=False)
    params = {"weight_ih_l0": np.array([[2.0]]), "weight_hh_l0": np.array([[0.5]])}
    trace = rnn.forward(params, series(-1, -3))
    grads = rnn.backward(params, trace, series(np.inf, np.nan))
    assert_close([grads.x, grads.h0, grads.params["weight_ih_l0"]], [series(0, 0), series(0), np.zeros((1, 1))])


def test_a_configuration_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        reference.RNN(4, 5).hidden_size = 7  # type: ignore[misc]
