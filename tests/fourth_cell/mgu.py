"""A minimal gated unit: one gate, one state. It has what a GRU has and the simple cell lacks.

    z(t) = σ(a_z(t))    n(t) = tanh(a_n(t))    h(t) = n(t) + z(t) (h(t-1) - n(t))

a(t) = W_ih x(t) + b_ih + W_hh h(t-1) + b_hh holds a_z, then a_n: 2H numbers.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from reference.activations import SIGMOID
from reference.arrays import Array, affine, pool
from reference.cells import Cell, Parameters, Shapes
from reference.columns import Columns
from reference.products import product_with
from reference.recurrent import Recurrent


@dataclass(frozen=True)
class Mgu:
    """The cell with H units."""

    hidden_size: int

    name: ClassVar[str] = "MGU"
    states: ClassVar[tuple[str, ...]] = ("h",)
    inner: ClassVar[Mapping[str, int]] = {}

    def project(self, params: Parameters, x: Array) -> Array:
        """`p(t) = W_ih x(t) + b_ih + b_hh`, (N, 2H)."""
        b = params["bias_ih"] + params["bias_hh"] if "bias_ih" in params else None
        return affine(x, params["weight_ih"], b)

    def steps(self, params: Parameters, columns: Columns) -> None:
        """The columns, t = 0..T-1.

        for t in 0 .. T-1:
            a(t) = p(t) + W_hh h(t-1)
            h(t) = n(t) + z(t) (h(t-1) - n(t))
        """
        H = self.hidden_size
        times_w_hh_T = product_with(params["weight_hh"].T, columns.packing.B, columns.packing.T)
        product = np.empty_like(columns.rows("a"), shape=(columns.packing.B, 2 * H))
        for p_t, (h_before, h_t) in zip(columns.by_step("a"), columns.by_step_with_previous("h"), strict=True):
            a_t, recurrent = p_t, product[: len(p_t)]
            times_w_hh_T(h_before, recurrent)
            np.add(p_t, recurrent, a_t)
            z, n = SIGMOID.value(a_t[:, :H]), np.tanh(a_t[:, H:])
            np.add(n, z * (h_before - n), h_t)

    def factors(self, columns: Columns) -> Mapping[str, Array]:
        """`da_z = dh (h' - n) z (1 - z)`, `da_n = dh (1 - z) (1 - n²)`; and z, by which dh goes on to the left."""
        H = self.hidden_size
        a = columns.rows("a")
        z, n = SIGMOID.value(a[:, :H]), np.tanh(a[:, H:])
        of_z = (columns.previous("h") - n) * SIGMOID.slope(z)
        return {"a": np.concatenate([of_z, (1 - z) * (1 - n * n)], axis=1), "z": z}

    def steps_backward(
        self, params: Parameters, factors: Mapping[str, Array], d: Columns, carries: Mapping[str, Iterator[Array]]
    ) -> None:
        """The adjoint of `steps`.

        for t in T-1 .. 0:
            dh(t) = above(t) + carry
            da(t) = [dh(t) dh(t)] * factor(t)
            carry = dh(t) z(t) + da(t) W_hh
        """
        H = self.hidden_size
        times_w_hh = product_with(params["weight_hh"], d.packing.B, d.packing.T)
        z = d.packing.by_step(factors["z"])[::-1]
        every = zip(d.by_step_backward("h"), d.by_step_backward("a"), z, carries["h"], strict=True)
        for above_t, factor_t, z_t, carry in every:
            dh_t, da_t = above_t, factor_t
            np.add(above_t, carry, dh_t)
            np.multiply(dh_t, factor_t[:, :H], da_t[:, :H])
            np.multiply(dh_t, factor_t[:, H:], da_t[:, H:])
            times_w_hh(da_t, carry)
            np.add(carry, dh_t * z_t, carry)

    def pool(self, params: Parameters, columns: Columns, d: Columns) -> Parameters:
        """As for the simple cell, da with 2H numbers."""
        da = d.rows("a")
        da.dot(params["weight_ih"], d.x_rows)
        pooled = {"weight_ih": pool(da, columns.x_rows), "weight_hh": pool(da, columns.previous("h"))}
        db = da.sum(axis=0)
        return pooled | ({"bias_ih": db, "bias_hh": db.copy()} if "bias_ih" in params else {})

    @property
    def sizes(self) -> Mapping[str, int]:
        """a (2H) and h (H)."""
        return {"a": 2 * self.hidden_size, "h": self.hidden_size}

    def shapes(self, input_size: int, bias: bool) -> Shapes:
        """weight_ih (2H, I), weight_hh (2H, H); with bias, bias_ih and bias_hh (2H,)."""
        H = self.hidden_size
        biases = {"bias_ih": (2 * H,), "bias_hh": (2 * H,)} if bias else {}
        return {"weight_ih": (2 * H, input_size), "weight_hh": (2 * H, H)} | biases


@dataclass(frozen=True)
class MGU(Recurrent):
    """A stack of minimal gated units."""

    input_size: int
    hidden_size: int
    num_layers: int = 1
    bias: bool = True
    batch_first: bool = False
    dropout: float = 0.0
    bidirectional: bool = False

    @cached_property
    def cell(self) -> Cell:
        """The minimal gated unit."""
        return Mgu(self.hidden_size)
