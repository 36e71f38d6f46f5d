"""A leaky sum: two states, of two sizes. It has what an LSTM with a projection has and the simple cell lacks.

    a(t) = W_ih x(t) + W_hh h(t-1)    c(t) = c(t-1) / 2 + a(t)    m(t) = tanh(c(t))    h(t) = W_hr m(t)

a, c, m have H numbers, h has H - 1.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from reference.activations import TANH
from reference.arrays import Array, affine, pool
from reference.cells import Cell, Parameters, Shapes
from reference.columns import Columns
from reference.recurrent import Recurrent


@dataclass(frozen=True)
class LeakySum:
    """The cell with H units, of which H - 1 mixtures are shown."""

    hidden_size: int

    name: ClassVar[str] = "Leaky"
    states: ClassVar[tuple[str, ...]] = ("h", "c")
    inner: ClassVar[Mapping[str, int]] = {}

    def project(self, params: Parameters, x: Array) -> Array:
        """`p(t) = W_ih x(t)`, (N, H)."""
        return affine(x, params["weight_ih"], None)

    def steps(self, params: Parameters, columns: Columns) -> None:
        """The columns, t = 0..T-1, as above."""
        every = zip(
            columns.by_step("a"),
            columns.by_step_with_previous("c"),
            columns.by_step("m"),
            columns.by_step_with_previous("h"),
            strict=True,
        )
        for a_t, (c_before, c_t), m_t, (h_before, h_t) in every:
            np.add(a_t, h_before.dot(params["weight_hh"].T), a_t)
            np.add(c_before * 0.5, a_t, c_t)
            np.tanh(c_t, m_t)
            m_t.dot(params["weight_hr"].T, h_t)

    def factors(self, columns: Columns) -> Mapping[str, Array]:
        """The slope of m(t); da(t) and dm(t) are written over what stands here."""
        slope = TANH.slope(columns.rows("m"))
        return {"a": slope, "m": np.empty_like(slope)}

    def steps_backward(
        self, params: Parameters, factors: Mapping[str, Array], d: Columns, carries: Mapping[str, Iterator[Array]]
    ) -> None:
        """The adjoint of `steps`, line by line in reverse."""
        names = ("h", "m", "c", "a")
        every = zip(*(d.by_step_backward(name) for name in names), carries["h"], carries["c"], strict=True)
        for dh_t, dm_t, dc_t, slope_t, carry_h, carry_c in every:
            da_t = slope_t
            np.add(dh_t, carry_h, dh_t)
            dh_t.dot(params["weight_hr"], dm_t)
            np.add(dm_t * slope_t, carry_c, dc_t)
            da_t[...] = dc_t
            np.multiply(dc_t, 0.5, carry_c)
            da_t.dot(params["weight_hh"], carry_h)

    def pool(self, params: Parameters, columns: Columns, d: Columns) -> Parameters:
        """As for the simple cell; and `dW_hr = sum over t of dh(t)ᵀ m(t)`."""
        da = d.rows("a")
        da.dot(params["weight_ih"], d.x_rows)
        return {
            "weight_ih": pool(da, columns.x_rows),
            "weight_hh": pool(da, columns.previous("h")),
            "weight_hr": pool(d.rows("h"), columns.rows("m")),
        }

    @property
    def sizes(self) -> Mapping[str, int]:
        """a, c, m (H) and h (H - 1)."""
        H = self.hidden_size
        return {"a": H, "c": H, "m": H, "h": H - 1}

    def shapes(self, input_size: int, bias: bool) -> Shapes:
        """weight_ih (H, I), weight_hh (H, H - 1), weight_hr (H - 1, H); no bias."""
        H = self.hidden_size
        return {"weight_ih": (H, input_size), "weight_hh": (H, H - 1), "weight_hr": (H - 1, H)}


@dataclass(frozen=True)
class Leaky(Recurrent):
    """A stack of leaky sums."""

    input_size: int
    hidden_size: int
    num_layers: int = 1
    bias: bool = False
    batch_first: bool = False
    dropout: float = 0.0
    bidirectional: bool = False

    @cached_property
    def cell(self) -> Cell:
        """The leaky sum."""
        return LeakySum(self.hidden_size)
