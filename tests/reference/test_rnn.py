"""The simple recurrent cell: by hand on single numbers, and its relu."""

from dataclasses import replace
from math import tanh

import numpy as np

import reference
from reference.arrays import Array
from tests.helpers import assert_close, assert_same_bits, example

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
