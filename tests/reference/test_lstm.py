"""The LSTM cell by hand: one unit, three steps, gates that are quarters, numbers to follow on paper.

x(t) picks column t of W_ih, which is set so that with L = log 2 the gates and the cell are

    t       i     f     g       o       c(t) = f c(t-1) + i g      tanh(c)     m(t) = o tanh(c)
    0       3/4   1/2   2L/3    1/4     L/2 + L/2  = L  (c(-1) L)   3/5         0.15
    1       1/2   1/4   L/2     3/4     L/4 + L/4  = L/2            1/3         0.25
    2       3/4   1/2   -L      1/2     L/4 - 3L/4 = -L/2          -1/3        -1/6

and the gradients that arrive from above are set so that dh is 2, 3, 4, and with d_c_n = 2/9

    t       dc(t) = dm o (1 - tanh²(c)) + carry_c           carry_c = dc f
    2       4·(1/2)·(8/9)  + 2/9 = 2                        1
    1       3·(3/4)·(8/9)  + 1   = 3                        0.75
    0       2·(1/4)·(16/25) + 0.75 = 1.07                   0.535
"""

from math import atanh, log

import numpy as np

import reference
from reference.arrays import Array
from tests.helpers import assert_close

L = log(2)
G = np.array([2 * L / 3, L / 2, -L])
C, C_BEFORE = np.array([L, L / 2, -L / 2]), np.array([L, L, L / 2])
M = np.array([0.15, 0.25, -1 / 6])
A = np.array(  # the arguments of σ, σ, tanh, σ: (4, T)
    [
        [log(3), 0, log(3)],
        [0, -log(3), 0],
        [atanh(g) for g in G],
        [-log(3), log(3), 0],
    ]
)
W_HH = np.array([1.0, -1.0, 2.0, 0.5])
B_IH, B_HH = np.array([0.3, -0.2, 0.1, 0.4]), np.array([-0.6, 0.7, 0.5, -0.1])

DH, D_H_N = np.array([2.0, 3.0, 4.0]), 0.5
DC, D_C_N, D_C0 = np.array([1.07, 3.0, 2.0]), 2 / 9, 0.535
DA = np.array(
    [
        [1.07 * L / 8, 3 * L / 8, -3 * L / 8],  # dc g i(1-i)
        [1.07 * L / 4, 9 * L / 16, L / 4],  # dc c' f(1-f)
        [1.07 * 0.75 * (1 - 4 * L**2 / 9), 1.5 * (1 - L**2 / 4), 1.5 * (1 - L**2)],  # dc i (1-g²)
        [9 / 40, 3 / 16, -1 / 3],  # dm tanh(c) o(1-o) = 2·(3/5)·(3/16), 3·(1/3)·(3/16), -4·(1/3)·(1/4)
    ]
)


def series(*steps: Array) -> Array:
    """Quantities of three steps side by side, (T, 1, ·)."""
    return np.stack(steps, axis=-1)[:, None]


def state(*values: float) -> Array:
    return np.array([[values]], dtype=np.float64)


# One unit: h(t) = m(t), h(-1) = 2.

BEFORE = np.array([2, 0.15, 0.25])
CARRY_H = DA[0] - DA[1] + 2 * DA[2] + DA[3] / 2  # what leaves step t to the left; the first is dh(-1)
PARAMS = {
    "weight_ih_l0": A - np.outer(W_HH, BEFORE) - (B_IH + B_HH)[:, None],
    "weight_hh_l0": W_HH[:, None],
    "bias_ih_l0": B_IH,
    "bias_hh_l0": B_HH,
}


def run() -> tuple[reference.RecurrentTrace, reference.RecurrentGradients]:
    lstm = reference.LSTM(3, 1)
    from_above = DH - np.array([*CARRY_H[1:], D_H_N])
    trace = lstm.forward(PARAMS, np.eye(3)[:, None], (state(2), state(L)))
    return trace, lstm.backward(PARAMS, trace, series(from_above), (state(D_H_N), state(D_C_N)))


def test_forward_by_hand() -> None:
    trace, _ = run()
    columns = trace.layers[0].directions[0]
    assert_close([columns.a, columns.c, columns.h], [series(*A), series(C), series(M)])
    assert_close([trace.output, trace.h_n], [series(M), (state(-1 / 6), state(-L / 2))])
    assert_close([columns.h0, columns.c0], [np.array([[2.0]]), np.array([[L]])])
    assert_close([columns.previous("h")[:, 0], columns.previous("c")[:, 0]], [BEFORE, C_BEFORE])


def test_gradients_of_the_columns_by_hand() -> None:
    _, grads = run()
    columns = grads.layers[0].directions[0]
    assert_close([columns.h, columns.c, columns.a], [series(DH), series(DC), series(*DA)])
    assert_close(grads.h0, (state(CARRY_H[0]), state(D_C0)))


def test_gradients_of_parameters_and_input_by_hand() -> None:
    """x(t) is a unit vector, so that the gradient of column t of W_ih is da(t)."""
    _, grads = run()
    assert_close(grads.params["weight_ih_l0"], DA)
    assert_close(grads.params["weight_hh_l0"], (DA[:, 0] * 2 + DA[:, 1] * 0.15 + DA[:, 2] * 0.25)[:, None])
    for name in ("bias_ih_l0", "bias_hh_l0"):
        assert_close(grads.params[name], DA[:, 0] + DA[:, 1] + DA[:, 2])
    assert_close(grads.x[:, 0], DA.T @ PARAMS["weight_ih_l0"])


# Two such units, which a projection mixes: h(t) = m/2 - m/4 = m/4. What arrives at
# them is what arrives above, times 1/2 and -1/4, and so is all that follows from it.

MIXED = np.array([1 / 2, -1 / 4])
PROJECTED_BEFORE = np.array([2, 0.0375, 0.0625])
OF_H = np.array([[1.0, 3.0], [-1.0, 2.0], [2.0, 1.0], [0.5, -1.0]])  # of W_hh: gate, unit
PROJECTED_CARRY = np.einsum("gt,k,gk->t", DA, MIXED, OF_H)
B = np.repeat(B_IH, 2), np.repeat(B_HH, 2)
PROJECTED = {
    "weight_ih_l0": np.repeat(A, 2, axis=0) - np.outer(OF_H, PROJECTED_BEFORE) - (B[0] + B[1])[:, None],
    "weight_hh_l0": OF_H.reshape(8, 1),
    "bias_ih_l0": B[0],
    "bias_hh_l0": B[1],
    "weight_hr_l0": MIXED[None],
}


def test_a_projection_by_hand() -> None:
    lstm = reference.LSTM(3, 2, proj_size=1)
    trace = lstm.forward(PROJECTED, np.eye(3)[:, None], (state(2), state(L, L)))
    columns = trace.layers[0].directions[0]
    assert_close(columns.a, series(*np.repeat(A, 2, axis=0)))
    assert_close([columns.c, columns.m, columns.h], [series(C, C), series(M, M), series(M / 4)])
    assert_close(trace.h_n, (state(-1 / 24), state(-L / 2, -L / 2)))

    from_above = DH - np.array([*PROJECTED_CARRY[1:], D_H_N])
    grads = lstm.backward(PROJECTED, trace, series(from_above), (state(D_H_N), state(*(MIXED * D_C_N))))
    da = np.einsum("gt,k->gkt", DA, MIXED).reshape(8, 3)
    columns = grads.layers[0].directions[0]
    assert_close([columns.h, columns.m], [series(DH), series(DH / 2, -DH / 4)])
    assert_close([columns.c, columns.a], [series(DC / 2, -DC / 4), series(*da)])
    assert_close(grads.h0, (state(PROJECTED_CARRY[0]), state(D_C0 / 2, -D_C0 / 4)))
    assert_close(grads.params["weight_hr_l0"], np.full((1, 2), 2 * 0.15 + 3 * 0.25 - 4 / 6))  # sum of dh m
    assert_close(grads.params["weight_hh_l0"], (da @ PROJECTED_BEFORE)[:, None])
    assert_close(grads.params["weight_ih_l0"], da)
    for name in ("bias_ih_l0", "bias_hh_l0"):
        assert_close(grads.params[name], da.sum(axis=1))
    assert_close(grads.x[:, 0], da.T @ PROJECTED["weight_ih_l0"])


def test_a_gate_at_its_ends_keeps_or_forgets() -> None:
    """f = 1, i = 0 hand c(t-1) on, and its gradient, bit for bit; o = 0 shows nothing of it."""
    lstm = reference.LSTM(1, 1)
    weights = {"weight_ih_l0": np.zeros((4, 1)), "weight_hh_l0": np.zeros((4, 1)), "bias_hh_l0": np.zeros(4)}
    params = weights | {"bias_ih_l0": np.array([-1e3, 1e3, 0.3, -1e3])}
    trace = lstm.forward(params, np.ones((9, 1, 1)), (state(0.5), state(0.625)))
    grads = lstm.backward(params, trace, np.ones((9, 1, 1)), (state(3), state(7)))
    assert_close(trace.h_n, (state(0), state(0.625)))
    assert_close(grads.h0, (state(0), state(7)))
