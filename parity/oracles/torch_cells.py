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
Pieces = Mapping[str, Tensor | tuple[Tensor, ...]]


@dataclass(frozen=True)
class TorchCell:
    """column(case, params, x, before) gives what a column has, by name, from x (n, I) and the states before it.

    Of a quantity of which one block is computed from another, the blocks, each as it is read: so that the gradient of
    one counts the way through the other.
    module: torch's own, of so many layers on so many inputs; None where torch has none of that kind.
    """

    column: Callable[[Case, Parameters, Tensor, Named], Pieces]
    module: Callable[[Case, int, int], nn.RNNBase | None] = lambda case, inputs, layers: None


def shared(case: Case, layers: int) -> dict[str, Any]:
    """The arguments of every module of torch. Its dropout stays 0: the masks are given."""
    return {
        "num_layers": layers,
        "bias": case.bias,
        "batch_first": case.batch_first,
        "bidirectional": case.bidirectional,
    }


def _rnn(case: Case, params: Parameters, x: Tensor, before: Named) -> Pieces:
    f = {"tanh": torch.tanh, "relu": torch.relu, "identity": torch.clone}[case.nonlinearity]
    a = F.linear(x, params["weight_ih"], params.get("bias_ih"))
    a = a + F.linear(before["h"], params["weight_hh"], params.get("bias_hh"))
    return {"a": a, "h": f(a)}


def _rnn_module(case: Case, inputs: int, layers: int) -> nn.RNNBase | None:
    if case.nonlinearity == "identity":
        return None
    return nn.RNN(inputs, case.H, nonlinearity=case.nonlinearity, **shared(case, layers))


def _gru(case: Case, params: Parameters, x: Tensor, before: Named) -> Pieces:
    H, h = case.H, before["h"]
    weight, bias = params["weight_hh"], params.get("bias_hh")
    W_rz, W_n = weight[: 2 * H], weight[2 * H :]
    b_rz, b_n = (None, None) if bias is None else (bias[: 2 * H], bias[2 * H :])
    of_x = F.linear(x, params["weight_ih"], params.get("bias_ih"))
    a_rz = of_x[:, : 2 * H] + F.linear(h, W_rz, b_rz)
    r, z = torch.sigmoid(a_rz).chunk(2, dim=1)
    if case.reset == "after":
        q = F.linear(h, W_n, b_n)
        own, a_n = {"q": q}, of_x[:, 2 * H :] + r * q
    else:
        s = r * h
        own, a_n = {"s": s}, of_x[:, 2 * H :] + F.linear(s, W_n, b_n)
    n = torch.tanh(a_n)
    return {"a": (a_rz, a_n), **own, "h": n + z * (h - n)}


def _gru_module(case: Case, inputs: int, layers: int) -> nn.RNNBase | None:
    return nn.GRU(inputs, case.H, **shared(case, layers)) if case.reset == "after" else None


def _lstm(case: Case, params: Parameters, x: Tensor, before: Named) -> Pieces:
    a = F.linear(x, params["weight_ih"], params.get("bias_ih"))
    a = a + F.linear(before["h"], params["weight_hh"], params.get("bias_hh"))
    i, f, g, o = a.chunk(4, dim=1)
    c = torch.sigmoid(f) * before["c"] + torch.sigmoid(i) * torch.tanh(g)
    m = torch.sigmoid(o) * torch.tanh(c)
    if not case.proj_size:
        return {"a": a, "c": c, "h": m}
    return {"a": a, "c": c, "m": m, "h": F.linear(m, params["weight_hr"])}


def _lstm_module(case: Case, inputs: int, layers: int) -> nn.RNNBase | None:
    return nn.LSTM(inputs, case.H, proj_size=case.proj_size, **shared(case, layers))


TORCH_CELLS: dict[str, TorchCell] = {
    "rnn": TorchCell(_rnn, _rnn_module),
    "gru": TorchCell(_gru, _gru_module),
    "lstm": TorchCell(_lstm, _lstm_module),
}
