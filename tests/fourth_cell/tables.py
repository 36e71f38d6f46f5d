"""What a new cell needs beside its own file: a line in the table of cells, and one in that of the torch oracle."""

import sys

import torch
from torch import Tensor
from torch.nn import functional as F

from parity.cases import Case
from parity.cells import CELLS, CellKind
from parity.oracles.torch_cells import TORCH_CELLS, Named, Parameters, TorchCell
from tests.fourth_cell import leaky, mgu


def mgu_column(case: Case, params: Parameters, x: Tensor, before: Named) -> Named:
    """a, h of one step."""
    a = F.linear(x, params["weight_ih"], params.get("bias_ih"))
    a = a + F.linear(before["h"], params["weight_hh"], params.get("bias_hh"))
    a_z, a_n = a.chunk(2, dim=-1)
    z = torch.sigmoid(a_z)
    return {"a": a, "h": z * before["h"] + (1 - z) * torch.tanh(a_n)}


def leaky_column(case: Case, params: Parameters, x: Tensor, before: Named) -> Named:
    """a, c, m, h of one step."""
    a = F.linear(x, params["weight_ih"]) + F.linear(before["h"], params["weight_hh"])
    c = before["c"] / 2 + a
    m = torch.tanh(c)
    return {"a": a, "c": c, "m": m, "h": F.linear(m, params["weight_hr"])}


def add() -> None:
    """Adds both cells; and their files where mistakes are planted, among the modules of the reference."""
    CELLS["mgu"], TORCH_CELLS["mgu"] = CellKind(mgu.MGU, clauses=lambda options: ()), TorchCell(mgu_column)
    CELLS["leaky"], TORCH_CELLS["leaky"] = CellKind(leaky.Leaky, clauses=lambda options: ()), TorchCell(leaky_column)
    sys.modules["reference.cells.mgu"], sys.modules["reference.cells.leaky"] = mgu, leaky


def remove() -> None:
    """Undoes `add`."""
    for name in ("mgu", "leaky"):
        del CELLS[name], TORCH_CELLS[name], sys.modules[f"reference.cells.{name}"]
