"""The LSTM cell. SPEC 15.1, 15.3, 15.6.

a(t) = W_ih x(t) + b_ih + b_hh + W_hh h(t-1)        i, f, o = σ(a_i), σ(a_f), σ(a_o)    g = tanh(a_g)
c(t) = f c(t-1) + i g        m(t) = o tanh(c(t))        h(t) = m(t), with a projection h(t) = W_hr m(t)
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from reference.activations import SIGMOID, TANH
from reference.arrays import Array, affine, blocks, pool
from reference.cells import Parameters, Shapes
from reference.columns import Columns
from reference.products import product_with


@dataclass(frozen=True)
class Lstm:
    """The cell with H units, and a projection of them on P numbers where P is not 0. SPEC 15.1, 15.6.

    A column has a (the blocks i f g o), c, with a projection m, and h.
    """

    hidden_size: int
    proj_size: int = 0

    name: ClassVar[str] = "LSTM"
    states: ClassVar[tuple[str, ...]] = ("h", "c")

    def project(self, params: Parameters, x: Array) -> Array:
        """`p(t) = W_ih x(t) + b_ih + b_hh` for every t in one contraction: (N, I) to (N, 4H). SPEC 15.2."""
        b = params["bias_ih"] + params["bias_hh"] if "bias_ih" in params else None
        return affine(x, params["weight_ih"], b)

    def steps(self, params: Parameters, columns: Columns) -> None:
        """The columns, t = 0..T-1. SPEC 12.3, 15.2.

            for t in 0 .. T-1:
                a(t) = p(t) + W_hh h(t-1)
                i, f, o = σ(a_i(t)), σ(a_f(t)), σ(a_o(t))        g = tanh(a_g(t))
                c(t) = f c(t-1) + i g
                m(t) = o tanh(c(t))
                h(t) = W_hr m(t)                                 (without a projection m(t))

        At each step (n, ·), a row for each sequence that reaches it.
        """
        packing = columns.packing
        times_w_hh_T = product_with(params["weight_hh"].T, packing.B, packing.T)
        times_w_hr_T = product_with(params["weight_hr"].T, packing.B, packing.T) if self.proj_size else None
        sigmoid, tanh, add, multiply = SIGMOID.value, np.tanh, np.add, np.multiply
        gates = columns.rows("gates")
        every = zip(
            columns.by_step("a"),
            packing.by_step(gates),
            zip(*(packing.by_step(gate) for gate in blocks(gates, 4)), strict=True),
            packing.by_step(blocks(columns.rows("a"), 4)[2]),
            columns.by_step_with_previous("c"),
            columns.by_step("tanh_c"),
            columns.by_step("m" if self.proj_size else "h"),
            columns.by_step_with_previous("h"),
            strict=True,
        )
        for p_t, gates_t, (i, f, g, o), a_g, (c_before, c_t), tanh_c, m_t, (h_before, h_t) in every:
            a_t, recurrent_t, i_g = p_t, gates_t, m_t  # the same memory: each is read before the other is written
            times_w_hh_T(h_before, recurrent_t)
            add(p_t, recurrent_t, a_t)
            sigmoid(a_t, gates_t)  # of all four: one call on rows that lie together
            tanh(a_g, g)
            multiply(f, c_before, c_t)
            multiply(i, g, i_g)
            add(c_t, i_g, c_t)
            tanh(c_t, tanh_c)
            multiply(o, tanh_c, m_t)
            if times_w_hr_T:
                times_w_hr_T(m_t, h_t)

    def factors(self, columns: Columns) -> Mapping[str, Array]:
        """What dm(t) and dc(t) are multiplied by: of a (N, 4H), from dm to dc, and f (N, H). SPEC 12.4, 15.3.

        a: g i(1-i), c(t-1) f(1-f), i (1-g²), to be multiplied by dc; tanh(c) o(1-o), by dm.
        """
        i, f, g, o = blocks(columns.rows("gates"), 4)
        tanh_c = columns.rows("tanh_c")
        of_a = np.empty_like(columns.rows("a"))
        of_i, of_f, of_g, of_o = blocks(of_a, 4)
        np.multiply(g, SIGMOID.slope(i), of_i)
        np.multiply(columns.previous("c"), SIGMOID.slope(f), of_f)
        np.multiply(i, TANH.slope(g), of_g)
        np.multiply(tanh_c, SIGMOID.slope(o), of_o)
        return {"a": of_a, "dm to dc": o * TANH.slope(tanh_c), "f": f}

    def steps_backward(
        self, params: Parameters, factors: Mapping[str, Array], d: Columns, carries: Mapping[str, Iterator[Array]]
    ) -> None:
        """The adjoint of `steps`, line by line in reverse, the last step first. SPEC 15.4.

        for t in T-1 .. 0:
            dh(t) = above(t) + carry_h                   h(t) is read above and by step t+1
            dm(t) = dh(t) W_hr                           h(t) = W_hr m(t)        (without a projection dm = dh)
            da_o(t) = dm(t) tanh(c(t)) o(1-o)            m(t) = o tanh(c(t))
            dc(t) = dm(t) o (1-tanh²(c(t))) + carry_c    c(t) is read there and by step t+1
            da_i(t) = dc(t) g i(1-i)                     c(t) = f c(t-1) + i g
            da_f(t) = dc(t) c(t-1) f(1-f)
            da_g(t) = dc(t) i (1-g²)
            carry_c = dc(t) f
            carry_h = da(t) W_hh                         a(t) = p(t) + W_hh h(t-1)
        """
        H, packing = self.hidden_size, d.packing
        times_w_hh = product_with(params["weight_hh"], packing.B, packing.T)
        times_w_hr = product_with(params["weight_hr"], packing.B, packing.T) if self.proj_size else None
        add, multiply = np.add, np.multiply
        by_gate = d.rows("a").reshape(len(d.x_rows), 4, H)
        every = zip(
            d.by_step_backward("h"),
            d.by_step_backward("m" if self.proj_size else "h"),
            d.by_step_backward("c"),
            d.by_step_backward("a"),
            packing.by_step(by_gate[:, :3])[::-1],
            packing.by_step(by_gate[:, 3])[::-1],
            packing.by_step(factors["dm to dc"])[::-1],
            packing.by_step(factors["f"])[::-1],
            carries["h"],
            carries["c"],
            strict=True,
        )
        for above_t, dm_t, dc_t, da_t, da_ifg, da_o, to_dc, f, carry_h, carry_c in every:
            dh_t, of_ifg, of_o = above_t, da_ifg, da_o  # the same memory: gradients replace what they are made of
            add(above_t, carry_h, dh_t)
            if times_w_hr:
                times_w_hr(dh_t, dm_t)
            multiply(dm_t, of_o, da_o)
            multiply(dm_t, to_dc, dc_t)
            add(dc_t, carry_c, dc_t)
            multiply(dc_t[:, None], of_ifg, da_ifg)
            multiply(dc_t, f, carry_c)
            times_w_hh(da_t, carry_h)

    def pool(self, params: Parameters, columns: Columns, d: Columns) -> Parameters:
        """The parameter gradients, pooled over time and batch; and dx for every t, into d. SPEC 15.5.

        db_ih = db_hh = sum over t of da(t)
        dW_ih = sum over t of da(t)ᵀ x(t)           dW_hh = sum over t of da(t)ᵀ h(t-1)
        dx(t) = da(t) W_ih                          dW_hr = sum over t of dh(t)ᵀ m(t)
        """
        da = d.rows("a")
        pooled = {"weight_ih": pool(da, columns.x_rows), "weight_hh": pool(da, columns.previous("h"))}
        if "bias_ih" in params:
            db = da.sum(axis=0)
            pooled |= {"bias_ih": db, "bias_hh": db.copy()}
        if self.proj_size:
            pooled["weight_hr"] = pool(d.rows("h"), columns.rows("m"))
        da.dot(params["weight_ih"], d.x_rows)
        return pooled

    @cached_property
    def sizes(self) -> Mapping[str, int]:
        """a (4H), c (H) and h (H); with a projection m (H) before it, and h (P)."""
        H, P = self.hidden_size, self.proj_size
        return {"a": 4 * H, "c": H, "m": H, "h": P} if P else {"a": 4 * H, "c": H, "h": H}

    @cached_property
    def inner(self) -> Mapping[str, int]:
        """The values of the gates, i f g o (4H), and tanh(c) (H)."""
        return {"gates": 4 * self.hidden_size, "tanh_c": self.hidden_size}

    def shapes(self, input_size: int, bias: bool) -> Shapes:
        """weight_ih (4H, I), weight_hh (4H, H or P); bias_ih and bias_hh (4H,); weight_hr (P, H). SPEC 12.2."""
        H, P = self.hidden_size, self.proj_size
        biases = {"bias_ih": (4 * H,), "bias_hh": (4 * H,)} if bias else {}
        projection = {"weight_hr": (P, H)} if P else {}
        return {"weight_ih": (4 * H, input_size), "weight_hh": (4 * H, P or H)} | biases | projection
