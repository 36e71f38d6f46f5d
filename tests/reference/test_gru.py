"""The two GRU cells by hand: one unit, three steps, gates that are quarters, numbers to follow on paper.

x(t) picks column t of W_ih, which is set so that σ and tanh give

    t       r     z     n       h(t) = n + z (h(t-1) - n)
    0       1/2   1/4    3/5    0.7       from h(-1) = 1
    1       3/4   1/2   -3/5    0.05
    2       1/4   3/4    4/5    0.2375

and the gradients that arrive from above are set so that dh is 2, 4, 2. With the weights 1, -1, 2 of h(t-1) then follows
what stands below, the same for both places of the reset gate but for what differs.
"""

from dataclasses import dataclass
from math import log

import numpy as np
import pytest

import reference
from reference.arrays import Array
from tests.helpers import assert_close

A = np.array(  # the arguments of σ, σ, tanh: (3, T)
    [
        [0, log(3), -log(3)],
        [-log(3), 0, log(3)],
        [log(2), -log(2), log(3)],
    ]
)
R, Z, N = np.array([1 / 2, 3 / 4, 1 / 4]), np.array([1 / 4, 1 / 2, 3 / 4]), np.array([3 / 5, -3 / 5, 4 / 5])
BEFORE, OUTPUT = np.array([1, 0.7, 0.05]), np.array([0.7, 0.05, 0.2375])
W_HH = np.array([1.0, -1.0, 2.0])
B_IH, B_HH = np.array([0.3, -0.2, 0.1]), np.array([-0.6, 0.7, 0.5])

DH, D_H_N = np.array([2.0, 4.0, 2.0]), 0.5
DA_N = np.array([0.96, 1.28, 0.18])  # dh (1-z) (1-n²) = 2·(3/4)·(16/25), 4·(1/2)·(16/25), 2·(1/4)·(9/25)
DA_Z = np.array([0.15, 1.3, -0.28125])  # dh (h'-n) z(1-z) = 2·0.4·(3/16), 4·1.3·(1/4), -2·0.75·(3/16)


@dataclass(frozen=True)
class ByHand:
    """What depends on the place of the reset gate; series of three steps. of_h: what of a_n comes from h(t-1)."""

    of_h: Array
    kept: Array  # q or s
    d_kept: Array
    da_r: Array
    carry: Array  # what leaves step t to the left; the first is dh(-1)
    dw_hn: float
    db_hn: float


PLACES = {
    "after": ByHand(
        of_h=R * np.array([2.5, 1.9, 0.6]),
        kept=np.array([2.5, 1.9, 0.6]),  # q = 2 h' + 0.5
        d_kept=np.array([0.48, 0.96, 0.045]),  # dq = da_n r
        da_r=np.array([0.6, 0.456, 0.02025]),  # da_n q r(1-r) = 0.96·2.5/4, 1.28·1.9·(3/16), 0.18·0.6·(3/16)
        carry=np.array(  # dh z + da_r - da_z + 2 dq
            [0.5 + 0.6 - 0.15 + 0.96, 2 + 0.456 - 1.3 + 1.92, 1.5 + 0.02025 + 0.28125 + 0.09]
        ),
        dw_hn=0.48 * 1 + 0.96 * 0.7 + 0.045 * 0.05,  # sum of dq h'
        db_hn=0.48 + 0.96 + 0.045,
    ),
    "before": ByHand(
        of_h=np.array([1.5, 1.55, 0.525]),  # 2 s + 0.5
        kept=np.array([0.5, 0.525, 0.0125]),  # s = r h'
        d_kept=np.array([1.92, 2.56, 0.36]),  # ds = 2 da_n
        da_r=np.array([0.48, 0.336, 0.003375]),  # ds h' r(1-r) = 1.92·1/4, 2.56·0.7·(3/16), 0.36·0.05·(3/16)
        carry=np.array(  # dh z + ds r + da_r - da_z
            [0.5 + 0.96 + 0.48 - 0.15, 2 + 1.92 + 0.336 - 1.3, 1.5 + 0.09 + 0.003375 + 0.28125]
        ),
        dw_hn=0.96 * 0.5 + 1.28 * 0.525 + 0.18 * 0.0125,  # sum of da_n s
        db_hn=0.96 + 1.28 + 0.18,
    ),
}
each_place = pytest.mark.parametrize("reset", PLACES)


def series(*steps: Array) -> Array:
    """Quantities of three steps side by side, (T, 1, ·)."""
    return np.stack(steps, axis=-1)[:, None]


def params(place: ByHand) -> dict[str, Array]:
    rest = np.stack([BEFORE + B_HH[0], -BEFORE + B_HH[1], place.of_h]) + B_IH[:, None]
    return {"weight_ih_l0": A - rest, "weight_hh_l0": W_HH[:, None], "bias_ih_l0": B_IH, "bias_hh_l0": B_HH}


def run(reset: str) -> tuple[reference.RecurrentTrace, reference.RecurrentGradients]:
    place, gru = PLACES[reset], reference.GRU(3, 1, reset=reset)
    from_above = DH - np.array([*place.carry[1:], D_H_N])
    trace = gru.forward(params(place), np.eye(3)[:, None], np.ones((1, 1, 1)))
    return trace, gru.backward(params(place), trace, series(from_above), np.full((1, 1, 1), D_H_N))


@each_place
def test_forward_by_hand(reset: str) -> None:
    trace, _ = run(reset)
    columns = trace.layers[0].directions[0]
    assert_close(columns.a, series(*A))
    assert_close(getattr(columns, {"after": "q", "before": "s"}[reset]), series(PLACES[reset].kept))
    assert_close(columns.h, series(OUTPUT))
    assert_close([trace.output, trace.h_n], [series(OUTPUT), np.full((1, 1, 1), 0.2375)])
    assert_close(columns.packing.unpack(columns.previous("h")), series(BEFORE))


@each_place
def test_gradients_of_the_columns_by_hand(reset: str) -> None:
    place, (_, grads) = PLACES[reset], run(reset)
    columns = grads.layers[0].directions[0]
    assert_close(columns.h, series(DH))
    assert_close(columns.a, series(place.da_r, DA_Z, DA_N))
    assert_close(getattr(columns, {"after": "q", "before": "s"}[reset]), series(place.d_kept))
    assert_close(grads.h0, np.full((1, 1, 1), place.carry[0]))


@each_place
def test_gradients_of_parameters_and_input_by_hand(reset: str) -> None:
    """x(t) is a unit vector, so that the gradient of column t of W_ih is da(t)."""
    place, (_, grads) = PLACES[reset], run(reset)
    da = np.stack([place.da_r, DA_Z, DA_N])
    dw_hr, dw_hz = da[:2, 0] * 1 + da[:2, 1] * 0.7 + da[:2, 2] * 0.05
    assert_close(grads.params["weight_ih_l0"], da)
    assert_close(grads.params["weight_hh_l0"], np.array([[dw_hr], [dw_hz], [place.dw_hn]]))
    assert_close(grads.params["bias_ih_l0"], np.array([place.da_r.sum(), 0.15 + 1.3 - 0.28125, 0.96 + 1.28 + 0.18]))
    assert_close(grads.params["bias_hh_l0"], np.array([place.da_r.sum(), 0.15 + 1.3 - 0.28125, place.db_hn]))
    assert_close(grads.x[:, 0], np.stack([da[:, t] @ params(place)["weight_ih_l0"] for t in range(3)]))


def test_a_gate_at_its_ends_keeps_or_forgets() -> None:
    """z = 1 hands h(t-1) on, and its gradient, bit for bit; z = 0 forgets it."""
    for reset in PLACES:
        gru = reference.GRU(1, 1, reset=reset)
        weights = {"weight_ih_l0": np.array([[0.5], [0.0], [0.7]]), "weight_hh_l0": np.array([[0.1], [0.0], [0.2]])}
        for a_z, kept in ((1e3, 1.0), (-1e3, 0.0)):
            b = {"bias_ih_l0": np.array([0.1, a_z, 0.3]), "bias_hh_l0": np.zeros(3)}
            trace = gru.forward(weights | b, np.ones((4, 1, 1)), np.full((1, 1, 1), 0.625))
            grads = gru.backward(weights | b, trace, d_h_n=np.full((1, 1, 1), 3.0))
            if kept:
                assert (trace.h_n.item(), grads.h0.item()) == (0.625, 3.0)
            else:
                assert abs(trace.h_n.item() - np.tanh(trace.layers[0].directions[0].a[-1, 0, 2])) < 1e-15
