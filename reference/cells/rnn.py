"""The simple recurrent cell. SPEC 3.1, 5.2.

a(t) = W_ih x(t) + b_ih + b_hh + W_hh h(t-1)        h(t) = f(a(t))
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from reference.activations import ScalarActivation
from reference.arrays import Array, affine, pool
from reference.cells import Parameters, Shapes
from reference.columns import Columns
from reference.products import product_with


@dataclass(frozen=True)
class Rnn:
    """The cell with H units and the activation f. A column has a and h. SPEC 3.1."""

    hidden_size: int
    f: ScalarActivation

    name: ClassVar[str] = "RNN"
    states: ClassVar[tuple[str, ...]] = ("h",)
    inner: ClassVar[Mapping[str, int]] = {}

    def project(self, params: Parameters, x: Array) -> Array:
        """`p(t) = W_ih x(t) + b_ih + b_hh` for every t in one contraction: (N, I) to (N, H). SPEC 0.9, 3.2."""
        b = params["bias_ih"] + params["bias_hh"] if "bias_ih" in params else None
        return affine(x, params["weight_ih"], b)

    def steps(self, params: Parameters, columns: Columns) -> None:
        """The columns, t = 0..T-1. SPEC 3.3.

            for t in 0 .. T-1:
                a(t) = p(t) + W_hh h(t-1)
                h(t) = f(a(t))

        At each step (n, H), a row for each sequence that reaches it.
        """
        times_w_hh_T = product_with(params["weight_hh"].T, columns.packing.B, columns.packing.T)
        add, f = np.add, self.f.value  # looked up once; the last argument of each call is where its result goes
        for p_t, (h_before, h_t) in zip(columns.by_step("a"), columns.by_step_with_previous("h"), strict=True):
            a_t, recurrent_t = p_t, h_t  # the same memory: a(t) replaces p(t), and h(t) the product
            times_w_hh_T(h_before, recurrent_t)
            add(p_t, recurrent_t, a_t)
            f(a_t, h_t)

    def factors(self, columns: Columns) -> Mapping[str, Array]:
        """`f'(a(t))` for every t at once, from h(t): (N, H). SPEC 0.6, 5.3."""
        return {"a": self.f.slope(columns.rows("h"))}

    def steps_backward(
        self, params: Parameters, factors: Mapping[str, Array], d: Columns, carries: Mapping[str, Iterator[Array]]
    ) -> None:
        """The adjoint of `steps`, line by line in reverse, the last step first. SPEC 5.4.

        for t in T-1 .. 0:
            dh(t) = above(t) + carry            h(t) is read above and by step t+1
            da(t) = dh(t) · f'(a(t))            h(t) = f(a(t))
            carry = da(t) W_hh                  a(t) = p(t) + W_hh h(t-1)
        """
        times_w_hh = product_with(params["weight_hh"], d.packing.B, d.packing.T)
        add, chain = np.add, self.f.chain
        for above_t, slope_t, carry in zip(d.by_step_backward("h"), d.by_step_backward("a"), carries["h"], strict=True):
            dh_t, da_t = above_t, slope_t  # the same memory: the gradients replace what they are made of
            add(above_t, carry, dh_t)
            chain(dh_t, slope_t, da_t)
            times_w_hh(da_t, carry)

    def pool(self, params: Parameters, columns: Columns, d: Columns) -> Parameters:
        """The parameter gradients, pooled over time and batch; and dx for every t, into d. SPEC 0.5, 5.5.

        db_ih = db_hh = sum over t of da(t)
        dW_ih = sum over t of da(t)ᵀ x(t)           dW_hh = sum over t of da(t)ᵀ h(t-1)
        dx(t) = da(t) W_ih
        """
        da = d.rows("a")
        db = da.sum(axis=0) if "bias_ih" in params else None
        pooled = {"weight_ih": pool(da, columns.x_rows), "weight_hh": pool(da, columns.previous("h"))}
        da.dot(params["weight_ih"], d.x_rows)
        return pooled if db is None else pooled | {"bias_ih": db, "bias_hh": db.copy()}

    @cached_property
    def sizes(self) -> Mapping[str, int]:
        """a and h (H)."""
        return {"a": self.hidden_size, "h": self.hidden_size}

    def shapes(self, input_size: int, bias: bool) -> Shapes:
        """weight_ih (H, I), weight_hh (H, H); with bias, bias_ih (H,) and bias_hh (H,). SPEC 1.4."""
        H = self.hidden_size
        biases = {"bias_ih": (H,), "bias_hh": (H,)} if bias else {}
        return {"weight_ih": (H, input_size), "weight_hh": (H, H)} | biases
