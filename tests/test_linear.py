"""Without an activation the network is a linear state-space model, with a known closed form."""

import numpy as np
import pytest

import reference
from reference.arrays import Array

T, B, I, H, O = 9, 2, 3, 4, 5
RNG = np.random.default_rng(11)
X = RNG.uniform(-1, 1, (T, B, I))
H0 = RNG.uniform(-1, 1, (1, B, H))


def network(bias: bool) -> tuple[reference.Network, dict[str, Array]]:
    net = reference.Network(reference.RNN(I, H, nonlinearity="identity", bias=bias), O)
    return net, net.init(np.random.default_rng(1))


def response(params: dict[str, Array], x: Array, h0: Array | None) -> Array:
    """`y(t) = W2 (W11^(t+1) h(-1) + sum over k of W11^k (W1 x(t-k) + b)) + b2`, every t by itself."""
    W1, W11, W2 = params["rnn.weight_ih_l0"], params["rnn.weight_hh_l0"], params["output.weight"]
    b = params.get("rnn.bias_ih_l0", np.zeros(H)) + params.get("rnn.bias_hh_l0", np.zeros(H))
    power = [np.linalg.matrix_power(W11, k) for k in range(T + 1)]
    y = np.empty((T, B, O))
    for t in range(T):
        h = np.zeros((B, H)) if h0 is None else h0[0] @ power[t + 1].T
        for k in range(t + 1):
            h = h + (x[t - k] @ W1.T + b) @ power[k].T
        y[t] = h @ W2.T + params["output.bias"]
    return y


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("h0", [H0, None], ids=["h0", "rest"])
def test_the_output_is_the_infinite_impulse_response(bias: bool, h0: Array | None) -> None:
    net, params = network(bias)
    np.testing.assert_allclose(net.forward(params, X, h0=h0).y, response(params, X, h0), rtol=1e-12, atol=1e-14)


def test_an_impulse_is_felt_at_every_later_step() -> None:
    net, params = network(bias=False)
    impulse = np.zeros_like(X)
    impulse[0] = X[0]
    echo = net.rnn.forward({n[4:]: p for n, p in params.items() if n.startswith("rnn.")}, impulse).output
    W1, W11 = params["rnn.weight_ih_l0"], params["rnn.weight_hh_l0"]
    for t in range(T):
        np.testing.assert_allclose(echo[t], X[0] @ W1.T @ np.linalg.matrix_power(W11, t).T, rtol=1e-11, atol=1e-16)
        assert np.abs(echo[t]).max() > 0


def test_responses_superpose() -> None:
    rnn = reference.RNN(I, H, nonlinearity="identity", bias=False)
    params = rnn.init(np.random.default_rng(2))
    other = RNG.uniform(-1, 1, X.shape)
    both = rnn.forward(params, 2 * X - 3 * other).output
    apart = 2 * rnn.forward(params, X).output - 3 * rnn.forward(params, other).output
    np.testing.assert_allclose(both, apart, rtol=1e-12, atol=1e-14)
