"""The cells that a case can have: how a stack of each is made, and which options are its own."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import reference
from reference.activations import NONLINEARITIES
from reference.recurrent import Recurrent


@dataclass(frozen=True)
class Option:
    """A field of a case that one cell alone has: its values, and the list of port.toml that claims them. SPEC 10.6."""

    values: tuple[str, ...]
    feature: str


@dataclass(frozen=True)
class CellKind:
    """A cell by the name that case.toml and port.toml have for it.

    stack: makes the stack, from the arguments that all cells share and the options. clauses: those of SPEC.md that say
    what the cell is.
    """

    stack: Callable[..., Recurrent]
    clauses: tuple[str, ...]
    options: Mapping[str, Option] = field(default_factory=dict)


CELLS: dict[str, CellKind] = {
    "rnn": CellKind(
        reference.RNN,
        clauses=("3.1", "5.2", "5.4", "5.5"),
        options={"nonlinearity": Option(tuple(NONLINEARITIES), feature="nonlinearities")},
    ),
}
