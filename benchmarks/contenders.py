"""The two that are timed, doing the same work on the same values: the reference, and `torch.nn.RNN` with autograd.

Both take x and h0, and for the backward pass a gradient on every step of the output and on h_n; both give the output
and h_n, and with the backward pass the gradients of x, of h0 and of every parameter. Both return them by name, so that
what is timed is what is compared. Everything that a caller would do once stands in `__init__`, which is not timed.
"""

from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from parity.cases import Case, arrays
from parity.oracles import torch_autograd
from reference.arrays import Array


class Contender(Protocol):
    """One implementation on the values of one case in one dtype. Nothing is kept from one call to the next."""

    def __init__(self, case: Case, dtype: str) -> None: ...

    def forward(self) -> dict[str, Any]: ...

    def forward_backward(self) -> dict[str, Any]: ...


class Reference:
    """`reference.RNN`, as its users call it: every call checks what it is given, and forward keeps the whole trace."""

    def __init__(self, case: Case, dtype: str) -> None:
        self.rnn = case.rnn()
        self.values = arrays(case).astype(dtype)

    def forward(self) -> dict[str, Any]:
        v = self.values
        trace = self.rnn.forward(v.params, v.x, v.h0)
        return {"output": trace.output, "h_n": trace.h_n}

    def forward_backward(self) -> dict[str, Any]:
        v = self.values
        trace = self.rnn.forward(v.params, v.x, v.h0)
        grads = self.rnn.backward(v.params, trace, v.d_output, v.d_h_n)
        found = {f"d_{name}": g for name, g in grads.params.items()}
        return {"output": trace.output, "h_n": trace.h_n, "d_x": grads.x, "d_h0": grads.h0} | found


class Torch:
    """`torch.nn.RNN`: forward alone under `no_grad`, so without a graph; backward by `autograd.grad`, so from nothing.

    `autograd.grad` returns fresh gradients: none is left in `.grad` for the next round to be added to.
    """

    def __init__(self, case: Case, dtype: str) -> None:
        values = arrays(case).astype(dtype)
        self.x, self.h0 = _tensor(values.x).requires_grad_(), _tensor(values.h0).requires_grad_()
        self.upstream = _tensor(values.d_output), _tensor(values.d_h_n)
        self.rnn = torch_autograd.module(case).to(dtype=self.x.dtype)
        self.rnn.load_state_dict({name: _tensor(p) for name, p in values.params.items()})
        params = {f"d_{name}": p for name, p in self.rnn.named_parameters()}
        self.leaves = {"d_x": self.x, "d_h0": self.h0} | params

    def forward(self) -> dict[str, Any]:
        with torch.no_grad():
            output, h_n = self.rnn(self.x, self.h0)
        return {"output": output, "h_n": h_n}

    def forward_backward(self) -> dict[str, Any]:
        output, h_n = self.rnn(self.x, self.h0)
        found = torch.autograd.grad((output, h_n), list(self.leaves.values()), self.upstream)
        return {"output": output, "h_n": h_n} | dict(zip(self.leaves, found, strict=True))


CONTENDERS: dict[str, type[Contender]] = {"reference": Reference, "torch": Torch}


def by_name(tensors: dict[str, Any]) -> dict[str, Array]:
    """The tensors of a contender as arrays, as the comparison takes them."""
    return {name: t.detach().numpy() if isinstance(t, Tensor) else t for name, t in tensors.items()}


def _tensor(array: Array | None) -> Tensor:
    assert array is not None  # a benchmark case has h0 and both upstream gradients
    return torch.from_numpy(np.array(array))
