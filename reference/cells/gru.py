"""The GRU cell, which there is with two places of its reset gate. SPEC 13.1, 13.3, 14.1, 14.3.

r, z = σ(a_r), σ(a_z)        n = tanh(a_n)        h(t) = n + z (h(t-1) - n)

reset after     q(t) = W_hn h(t-1) + b_hn         a_n(t) = W_in x(t) + b_in + r q(t)
reset before    s(t) = r h(t-1)                   a_n(t) = W_in x(t) + b_in + b_hn + W_hn s(t)
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from reference.activations import SIGMOID, TANH
from reference.arrays import Array, affine, blocks, pool
from reference.cells import Cell, Parameters, Shapes
from reference.columns import Columns
from reference.products import product_with


@dataclass(frozen=True)
class _Gru:
    """What both have: H units, one state, the blocks r z n."""

    hidden_size: int

    name: ClassVar[str] = "GRU"
    states: ClassVar[tuple[str, ...]] = ("h",)

    @cached_property
    def inner(self) -> Mapping[str, int]:
        """The values of the gates, r z n (3H)."""
        return {"gates": 3 * self.hidden_size}

    def shapes(self, input_size: int, bias: bool) -> Shapes:
        """weight_ih (3H, I), weight_hh (3H, H); with bias, bias_ih and bias_hh (3H,). SPEC 12.2."""
        H = self.hidden_size
        biases = {"bias_ih": (3 * H,), "bias_hh": (3 * H,)} if bias else {}
        return {"weight_ih": (3 * H, input_size), "weight_hh": (3 * H, H)} | biases


@dataclass(frozen=True)
class GruAfter(_Gru):
    """The reset gate acts after the product with W_hn, as in torch. A column has a (3H), q and h (H). SPEC 13.1."""

    def project(self, params: Parameters, x: Array) -> Array:
        """`p(t) = W_ih x(t) + b_ih + [b_hr b_hz 0]` for every t in one contraction: (N, I) to (N, 3H). SPEC 13.2."""
        b = None
        if "bias_ih" in params:
            b = params["bias_ih"].copy()
            b[: 2 * self.hidden_size] += params["bias_hh"][: 2 * self.hidden_size]
        return affine(x, params["weight_ih"], b)

    def steps(self, params: Parameters, columns: Columns) -> None:
        """The columns, t = 0..T-1. SPEC 12.3, 13.2.

            for t in 0 .. T-1:
                u = W_hh h(t-1)                              the blocks u_r u_z u_n
                r, z = σ(a_r(t)), σ(a_z(t))                  a_r(t), a_z(t) = p_r(t) + u_r, p_z(t) + u_z
                q(t) = u_n + b_hn
                n = tanh(a_n(t))                             a_n(t) = p_n(t) + r q(t)
                h(t) = n + z (h(t-1) - n)

        At each step (n, ·), a row for each sequence that reaches it.
        """
        H, packing = self.hidden_size, columns.packing
        times_w_hh_T = product_with(params["weight_hh"].T, packing.B, packing.T)
        b_hn = params["bias_hh"][2 * H :] if "bias_hh" in params else None
        sigmoid, tanh, add, multiply, subtract = SIGMOID.value, np.tanh, np.add, np.multiply, np.subtract
        a, gates = columns.rows("a"), columns.rows("gates")
        every = zip(
            packing.by_step(gates),
            packing.by_step(a[:, : 2 * H]),
            packing.by_step(a[:, 2 * H :]),
            packing.by_step(gates[:, : 2 * H]),
            zip(*(packing.by_step(gate) for gate in blocks(gates, 3)), strict=True),
            columns.by_step("q"),
            columns.by_step_with_previous("h"),
            strict=True,
        )
        for u_t, p_rz, p_n, r_z, (r, z, n), q_t, (h_before, h_t) in every:
            u_rz, u_n, a_rz, a_n = r_z, n, p_rz, p_n  # the same memory: each is read before the other is written
            times_w_hh_T(h_before, u_t)
            add(p_rz, u_rz, a_rz)
            np.positive(u_n, q_t) if b_hn is None else add(u_n, b_hn, q_t)
            sigmoid(a_rz, r_z)
            r_q, from_n = h_t, h_t
            multiply(r, q_t, r_q)
            add(p_n, r_q, a_n)
            tanh(a_n, n)
            subtract(h_before, n, from_n)
            multiply(z, from_n, from_n)
            add(n, from_n, h_t)

    def factors(self, columns: Columns) -> Mapping[str, Array]:
        """What dh(t) is multiplied by: for [da_r da_z dq] (N, 3H), for da_n, and z for the left. SPEC 12.4, 13.3."""
        r, z, n = blocks(columns.rows("gates"), 3)
        of_r_z_q = np.empty_like(columns.rows("a"))
        of_r, of_z, of_q = blocks(of_r_z_q, 3)
        of_n = (1 - z) * TANH.slope(n)
        np.multiply(of_n * columns.rows("q"), SIGMOID.slope(r), of_r)
        np.multiply(columns.previous("h") - n, SIGMOID.slope(z), of_z)
        np.multiply(of_n, r, of_q)
        return {"r z q": of_r_z_q, "n": of_n, "z": z}

    def steps_backward(
        self, params: Parameters, factors: Mapping[str, Array], d: Columns, carries: Mapping[str, Iterator[Array]]
    ) -> None:
        """The adjoint of `steps`, line by line in reverse, the last step first. SPEC 13.4.

        for t in T-1 .. 0:
            dh(t) = above(t) + carry                         h(t) is read above and by step t+1
            da_n(t) = dh(t) (1-z) (1-n²)                     h(t) = n + z (h(t-1) - n)
            da_z(t) = dh(t) (h(t-1)-n) z(1-z)
            dq(t) = da_n(t) r                                a_n(t) = p_n(t) + r q(t)
            da_r(t) = da_n(t) q(t) r(1-r)
            carry = dh(t) z + [da_r da_z dq](t) W_hh         u = W_hh h(t-1), q(t) = u_n + b_hn

        da_n itself is not read on the way left, so it is made of dh for every t at once.
        """
        H, packing = self.hidden_size, d.packing
        times_w_hh = product_with(params["weight_hh"], packing.B, packing.T)
        add, multiply = np.add, np.multiply
        d_r_z_q = factors["r z q"]
        through_z = np.empty_like(d_r_z_q, shape=(packing.B, H))
        every = zip(
            d.by_step_backward("h"),
            packing.by_step(d_r_z_q)[::-1],
            packing.by_step(d_r_z_q.reshape(len(d_r_z_q), 3, H))[::-1],
            packing.by_step(factors["z"])[::-1],
            carries["h"],
            strict=True,
        )
        for above_t, du_t, du_by_gate, z, carry in every:
            dh_t, dh_z = above_t, through_z[: len(above_t)]
            add(above_t, carry, dh_t)
            multiply(dh_t[:, None], du_by_gate, du_by_gate)
            multiply(dh_t, z, dh_z)
            times_w_hh(du_t, carry)
            add(carry, dh_z, carry)
        da = d.rows("a")
        da[:, : 2 * H] = d_r_z_q[:, : 2 * H]
        multiply(d.rows("h"), factors["n"], da[:, 2 * H :])
        d.rows("q")[...] = d_r_z_q[:, 2 * H :]

    def pool(self, params: Parameters, columns: Columns, d: Columns) -> Parameters:
        """The parameter gradients, pooled over time and batch; and dx for every t, into d. SPEC 13.5.

        db_ih = sum over t of da(t)                 db_hh = sum over t of [da_r da_z dq](t)
        dW_ih = sum over t of da(t)ᵀ x(t)           dW_hh = sum over t of [da_r da_z dq](t)ᵀ h(t-1)
        dx(t) = da(t) W_ih
        """
        da = d.rows("a")
        du = np.concatenate([da[:, : 2 * self.hidden_size], d.rows("q")], axis=1)
        pooled = {"weight_ih": pool(da, columns.x_rows), "weight_hh": pool(du, columns.previous("h"))}
        if "bias_ih" in params:
            pooled |= {"bias_ih": da.sum(axis=0), "bias_hh": du.sum(axis=0)}
        da.dot(params["weight_ih"], d.x_rows)
        return pooled

    @cached_property
    def sizes(self) -> Mapping[str, int]:
        """a (3H), q and h (H)."""
        return {"a": 3 * self.hidden_size, "q": self.hidden_size, "h": self.hidden_size}


@dataclass(frozen=True)
class GruBefore(_Gru):
    """The reset gate acts before the product with W_hn, as in Cho's. A column has a (3H), s and h (H). SPEC 14.1."""

    def project(self, params: Parameters, x: Array) -> Array:
        """`p(t) = W_ih x(t) + b_ih + b_hh` for every t in one contraction: (N, I) to (N, 3H). SPEC 14.2."""
        b = params["bias_ih"] + params["bias_hh"] if "bias_ih" in params else None
        return affine(x, params["weight_ih"], b)

    def steps(self, params: Parameters, columns: Columns) -> None:
        """The columns, t = 0..T-1. SPEC 12.3, 14.2.

            for t in 0 .. T-1:
                r, z = σ(a_r(t)), σ(a_z(t))                  a_r(t), a_z(t) = p_r(t) + W_hr h(t-1), p_z(t) + W_hz h(t-1)
                s(t) = r h(t-1)
                n = tanh(a_n(t))                             a_n(t) = p_n(t) + W_hn s(t)
                h(t) = n + z (h(t-1) - n)

        At each step (n, ·), a row for each sequence that reaches it.
        """
        H, packing = self.hidden_size, columns.packing
        w_hh = params["weight_hh"]
        times_w_rz_T = product_with(w_hh[: 2 * H].T, packing.B, packing.T)
        times_w_n_T = product_with(w_hh[2 * H :].T, packing.B, packing.T)
        sigmoid, tanh, add, multiply, subtract = SIGMOID.value, np.tanh, np.add, np.multiply, np.subtract
        a, gates = columns.rows("a"), columns.rows("gates")
        u = np.empty_like(a, shape=(packing.B, 2 * H))
        every = zip(
            packing.by_step(a[:, : 2 * H]),
            packing.by_step(a[:, 2 * H :]),
            packing.by_step(gates[:, : 2 * H]),
            zip(*(packing.by_step(gate) for gate in blocks(gates, 3)), strict=True),
            columns.by_step("s"),
            columns.by_step_with_previous("h"),
            strict=True,
        )
        for p_rz, p_n, r_z, (r, z, n), s_t, (h_before, h_t) in every:
            u_rz, u_n, from_n, a_rz, a_n = u[: len(p_rz)], h_t, h_t, p_rz, p_n  # the same memory, one after the other
            times_w_rz_T(h_before, u_rz)
            add(p_rz, u_rz, a_rz)
            sigmoid(a_rz, r_z)
            multiply(r, h_before, s_t)
            times_w_n_T(s_t, u_n)
            add(p_n, u_n, a_n)
            tanh(a_n, n)
            subtract(h_before, n, from_n)
            multiply(z, from_n, from_n)
            add(n, from_n, h_t)

    def factors(self, columns: Columns) -> Mapping[str, Array]:
        """What dh(t) is multiplied by for da_z and da_n, ds(t) for da_r; r and z, on the way left. SPEC 12.4, 14.3."""
        r, z, n = blocks(columns.rows("gates"), 3)
        of_a = np.empty_like(columns.rows("a"))
        of_r, of_z, of_n = blocks(of_a, 3)
        h_before = columns.previous("h")
        np.multiply(h_before, SIGMOID.slope(r), of_r)
        np.multiply(h_before - n, SIGMOID.slope(z), of_z)
        np.multiply(1 - z, TANH.slope(n), of_n)
        return {"a": of_a, "r": r, "z": z}

    def steps_backward(
        self, params: Parameters, factors: Mapping[str, Array], d: Columns, carries: Mapping[str, Iterator[Array]]
    ) -> None:
        """The adjoint of `steps`, line by line in reverse, the last step first. SPEC 14.4.

        for t in T-1 .. 0:
            dh(t) = above(t) + carry                         h(t) is read above and by step t+1
            da_n(t) = dh(t) (1-z) (1-n²)                     h(t) = n + z (h(t-1) - n)
            da_z(t) = dh(t) (h(t-1)-n) z(1-z)
            ds(t) = da_n(t) W_hn                             a_n(t) = p_n(t) + W_hn s(t)
            da_r(t) = ds(t) h(t-1) r(1-r)                    s(t) = r h(t-1)
            carry = dh(t) z + ds(t) r + da_r(t) W_hr + da_z(t) W_hz
        """
        H, packing = self.hidden_size, d.packing
        w_hh = params["weight_hh"]
        times_w_rz = product_with(w_hh[: 2 * H], packing.B, packing.T)
        times_w_n = product_with(w_hh[2 * H :], packing.B, packing.T)
        add, multiply = np.add, np.multiply
        da = d.rows("a")
        by_gate = da.reshape(len(da), 3, H)
        through = np.empty_like(da, shape=(packing.B, H))
        every = zip(
            d.by_step_backward("h"),
            packing.by_step(by_gate[:, 1:])[::-1],
            packing.by_step(da[:, : 2 * H])[::-1],
            zip(*(packing.by_step(gate)[::-1] for gate in (by_gate[:, 0], by_gate[:, 2])), strict=True),
            d.by_step_backward("s"),
            packing.by_step(factors["r"])[::-1],
            packing.by_step(factors["z"])[::-1],
            carries["h"],
            strict=True,
        )
        for above_t, da_z_n, da_rz, (da_r, da_n), ds_t, r, z, carry in every:
            dh_t, term = above_t, through[: len(above_t)]
            add(above_t, carry, dh_t)
            multiply(dh_t[:, None], da_z_n, da_z_n)
            times_w_n(da_n, ds_t)
            multiply(ds_t, da_r, da_r)
            times_w_rz(da_rz, carry)
            multiply(dh_t, z, term)
            add(carry, term, carry)
            multiply(ds_t, r, term)
            add(carry, term, carry)

    def pool(self, params: Parameters, columns: Columns, d: Columns) -> Parameters:
        """The parameter gradients, pooled over time and batch; and dx for every t, into d. SPEC 14.5.

        db_ih = db_hh = sum over t of da(t)         dW_ih = sum over t of da(t)ᵀ x(t)
        dW_hr, dW_hz = sum over t of da_r(t)ᵀ h(t-1), of da_z(t)ᵀ h(t-1)
        dW_hn = sum over t of da_n(t)ᵀ s(t)         dx(t) = da(t) W_ih
        """
        H, da = self.hidden_size, d.rows("a")
        of_rz, of_n = pool(da[:, : 2 * H], columns.previous("h")), pool(da[:, 2 * H :], columns.rows("s"))
        pooled = {"weight_ih": pool(da, columns.x_rows), "weight_hh": np.concatenate([of_rz, of_n])}
        if "bias_ih" in params:
            db = da.sum(axis=0)
            pooled |= {"bias_ih": db, "bias_hh": db.copy()}
        da.dot(params["weight_ih"], d.x_rows)
        return pooled

    @cached_property
    def sizes(self) -> Mapping[str, int]:
        """a (3H), s and h (H)."""
        return {"a": 3 * self.hidden_size, "s": self.hidden_size, "h": self.hidden_size}


RESETS: Mapping[str, Callable[[int], Cell]] = {"after": GruAfter, "before": GruBefore}
