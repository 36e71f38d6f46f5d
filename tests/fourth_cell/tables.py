"""What a new cell needs beside its own file: a line in two tables, and its scalar loops."""

import sys
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from parity.cases import Case
from parity.cells import CELLS, CellKind
from parity.oracles.torch_cells import TORCH_CELLS, Named, Parameters, TorchCell
from reference import plain
from tests.fourth_cell import leaky, mgu, plain_cells


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


# What `reference/plain.py` asks of a cell, by the name of its function there.
PLAIN: dict[str, dict[str, Callable[..., Any]]] = {
    "cell_forward": {
        "mgu": lambda case, *given: plain_cells.mgu_forward(*given),
        "leaky": lambda case, *given: plain_cells.leaky_forward(*given),
    },
    "cell_backward": {
        "mgu": lambda case, *given: plain_cells.mgu_backward(case["truncate"], *given),
        "leaky": lambda case, *given: plain_cells.leaky_backward(case["truncate"], *given),
    },
    "traced_names": {"mgu": lambda case: ["a", "h"], "leaky": lambda case: ["a", "c", "m", "h"]},
    "state_sizes": {"mgu": lambda case: {"h": case["H"]}, "leaky": lambda case: {"h": case["H"] - 1, "c": case["H"]}},
}
OF_THE_OTHERS = {name: getattr(plain, name) for name in PLAIN}


def of_every_cell(name: str) -> Callable[..., Any]:
    """A function of plain.py that knows these cells too."""
    return lambda case, *given: PLAIN[name].get(case["cell"], OF_THE_OTHERS[name])(case, *given)


def add() -> None:
    """Adds both cells; and their files where mistakes are planted, among the modules of the reference."""
    CELLS["mgu"], TORCH_CELLS["mgu"] = CellKind(mgu.MGU, clauses=lambda options: ()), TorchCell(mgu_column)
    CELLS["leaky"], TORCH_CELLS["leaky"] = CellKind(leaky.Leaky, clauses=lambda options: ()), TorchCell(leaky_column)
    sys.modules["reference.cells.mgu"], sys.modules["reference.cells.leaky"] = mgu, leaky
    for name in PLAIN:
        setattr(plain, name, of_every_cell(name))


def remove() -> None:
    """Undoes `add`."""
    for name in ("mgu", "leaky"):
        del CELLS[name], TORCH_CELLS[name], sys.modules[f"reference.cells.{name}"]
    for name, function in OF_THE_OTHERS.items():
        setattr(plain, name, function)
