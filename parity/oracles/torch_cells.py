"""The cells in torch: a column written out in torch operations, and torch's own module, where it has one. SPEC 30.1."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from parity.cases import Case

Named = dict[str, Tensor]
Parameters = Mapping[str, Tensor]  # of one layer and direction, without the suffix


@dataclass(frozen=True)
class TorchCell:
    """column(case, params, x, before) gives what a column has, by name, from x (n, I) and the states before it.

    module: torch's own, of so many layers on so many inputs; None where torch has none of that kind.
    """

    column: Callable[[Case, Parameters, Tensor, Named], Named]
    module: Callable[[Case, int, int], nn.RNNBase | None] = lambda case, inputs, layers: None


def shared(case: Case, layers: int) -> dict[str, Any]:
    """The arguments of every module of torch. Its dropout stays 0: the masks are given."""
    return {
        "num_layers": layers,
        "bias": case.bias,
        "batch_first": case.batch_first,
        "bidirectional": case.bidirectional,
    }


def _rnn(case: Case, params: Parameters, x: Tensor, before: Named) -> Named:
    f = {"tanh": torch.tanh, "relu": torch.relu, "identity": torch.clone}[case.nonlinearity]
    a = F.linear(x, params["weight_ih"], params.get("bias_ih"))
    a = a + F.linear(before["h"], params["weight_hh"], params.get("bias_hh"))
    return {"a": a, "h": f(a)}


def _rnn_module(case: Case, inputs: int, layers: int) -> nn.RNNBase | None:
    if case.nonlinearity == "identity":
        return None
    return nn.RNN(inputs, case.H, nonlinearity=case.nonlinearity, **shared(case, layers))


TORCH_CELLS: dict[str, TorchCell] = {
    "rnn": TorchCell(_rnn, _rnn_module),
}
