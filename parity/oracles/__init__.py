"""The oracles: who else says what a case must give. One signature for all of them. SPEC 30.1."""

from dataclasses import dataclass
from importlib import import_module
from typing import Protocol

from parity.cases import Arrays, Case
from reference.arrays import Array


class Oracle(Protocol):
    """A module of this package: named tensors from a case and its values, in the dtype of the values."""

    def supports(self, case: Case) -> bool: ...

    def run(self, case: Case, values: Arrays, device: str = "cpu") -> dict[str, Array]: ...


@dataclass(frozen=True)
class _Entry:
    module: str
    says: str


ORACLES = {
    "torch": _Entry("torch_autograd", "torch.nn.RNN, GRU or LSTM with autograd"),
    "complex-step": _Entry("complex_step", "the derivative of the forward pass, by a step into the imaginary"),
    "plain": _Entry("plain", "the specification in scalar loops over lists, written apart from the reference"),
    "enclosure": _Entry("enclosure", "the exact values, enclosed in balls and rounded once: how far rounding is off"),
    "impulse": _Entry("impulse_response", "the closed form of a linear network"),
}


def load(name: str) -> Oracle:
    """The oracle of that name; its packages are imported only now."""
    oracle: Oracle = import_module(f"parity.oracles.{ORACLES[name].module}")
    return oracle
