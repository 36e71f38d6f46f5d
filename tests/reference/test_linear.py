"""With f = identity the network is a linear state-space model: a closed form, superposition, an endless response."""

import numpy as np
import pytest
from numpy.linalg import matrix_power
from numpy.testing import assert_allclose, assert_array_equal

import reference
from reference.arrays import Array
from reference.network import Network

T, B, I, H, O = 8, 3, 2, 5, 4
RNG = np.random.default_rng(0)
X, H0 = RNG.standard_normal((T, B, I)), RNG.standard_normal((1, B, H))


def model(bias: bool = True) -> tuple[Network, dict[str, Array]]:
    net = Network(reference.RNN(I, H, nonlinearity="identity", bias=bias), O)
    return net, net.init(np.random.default_rng(1))


def close(got: Array, wanted: Array) -> None:
    assert_allclose(got, wanted, rtol=1e-12, atol=1e-13)


def test_the_output_is_the_convolution_of_the_input_with_the_impulse_response() -> None:
    """y(t) = sum over k of W2 W11^k W1 x(t-k), and the bias of the output layer."""
    net, params = model(bias=False)
    w1, w11, w2 = params["rnn.weight_ih_l0"], params["rnn.weight_hh_l0"], params["output.weight"]
    y = net.forward(params, X).y
    for t in range(T):
        wanted = sum(X[t - k] @ (w2 @ matrix_power(w11, k) @ w1).T for k in range(t + 1))
        close(y[t], wanted + params["output.bias"])


def test_with_biases_each_step_adds_both_to_the_driving_input() -> None:
    """h(t) = W11^(t+1) h(-1) + sum over k of W11^k (W1 x(t-k) + b_ih + b_hh)."""
    net, params = model()
    w1, w11 = params["rnn.weight_ih_l0"], params["rnn.weight_hh_l0"]
    drive = X @ w1.T + params["rnn.bias_ih_l0"] + params["rnn.bias_hh_l0"]
    output = net.forward(params, X, h0=H0).rnn.output
    for t in range(T):
        from_the_start = H0[0] @ matrix_power(w11, t + 1).T
        close(output[t], from_the_start + sum(drive[t - k] @ matrix_power(w11, k).T for k in range(t + 1)))


@pytest.mark.parametrize("t", [0, 3, T - 1])
def test_the_gradient_of_one_output_reaches_back_by_the_transposed_impulse_response(t: int) -> None:
    """dx(s) = W1ᵀ (W11ᵀ)^(t-s) dh(t) for s <= t, and nothing after it; dh(-1) = (W11ᵀ)^(t+1) dh(t)."""
    net, params = model()
    recurrent = {name.removeprefix("rnn."): p for name, p in params.items() if name.startswith("rnn.")}
    w1, w11 = recurrent["weight_ih_l0"], recurrent["weight_hh_l0"]
    d_output = np.zeros((T, B, H))
    d_output[t] = np.random.default_rng(2).standard_normal((B, H))
    grads = net.rnn.backward(recurrent, net.rnn.forward(recurrent, X, H0), d_output)
    for s in range(t + 1):
        close(grads.x[s], d_output[t] @ matrix_power(w11, t - s) @ w1)
    assert_array_equal(grads.x[t + 1 :], 0)
    close(grads.h0[0], d_output[t] @ matrix_power(w11, t + 1))


def test_responses_superpose() -> None:
    """The response to 2 x - 3 x' is twice the one less three times the other, initial states and all."""
    net, params = model(bias=False)
    params["output.bias"][:] = 0
    rng = np.random.default_rng(3)
    other_x, other_h0 = rng.standard_normal(X.shape), rng.standard_normal(H0.shape)
    both = net.forward(params, 2 * X - 3 * other_x, h0=2 * H0 - 3 * other_h0).y
    close(both, 2 * net.forward(params, X, h0=H0).y - 3 * net.forward(params, other_x, h0=other_h0).y)


@pytest.mark.parametrize("nonlinearity", ["tanh", "relu"])
def test_responses_do_not_superpose_through_a_nonlinearity(nonlinearity: str) -> None:
    net = reference.RNN(I, H, nonlinearity=nonlinearity, bias=False)
    params = net.init(np.random.default_rng(1))
    positive, negative = net.forward(params, X).output, net.forward(params, -2 * X).output
    assert np.abs(positive + negative / 2).max() > 0.01


def test_a_delayed_input_gives_a_delayed_response() -> None:
    net, params = model(bias=False)
    delayed = np.concatenate([np.zeros((3, B, I)), X[:-3]])
    close(net.forward(params, delayed).rnn.output[3:], net.forward(params, X).rnn.output[:-3])


def test_the_response_to_an_impulse_goes_on_for_ever() -> None:
    """An input at t = 0 alone is in every later output."""
    net, params = model(bias=False)
    params["output.bias"][:] = 0
    impulse = np.zeros((200, B, I))
    impulse[0] = X[0]
    y = net.forward(params, impulse).y
    assert (np.abs(y).max(axis=2) > 0).all()
    at_the_end = params["output.weight"] @ matrix_power(params["rnn.weight_hh_l0"], 199) @ params["rnn.weight_ih_l0"]
    assert_allclose(y[-1], X[0] @ at_the_end.T, rtol=1e-9)


def test_the_response_to_an_impulse_by_hand() -> None:
    """W1 = 3, W11 = 1/2, W2 = 8: y(t) = 24 / 2^t."""
    net = Network(reference.RNN(1, 1, nonlinearity="identity", bias=False), 1)
    values = {"rnn.weight_ih_l0": 3.0, "rnn.weight_hh_l0": 0.5, "output.weight": 8.0, "output.bias": 0.0}
    params = {name: np.full(shape, values[name]) for name, shape in net.shapes.items()}
    y = net.forward(params, np.array([[1.0], [0.0], [0.0], [0.0], [0.0]])).y
    assert_array_equal(y, [[24], [12], [6], [3], [1.5]])
