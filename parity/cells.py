"""The cells that a case can have: how a stack of each is made, and which options are its own."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import reference
from reference.activations import NONLINEARITIES
from reference.cells.gru import RESETS
from reference.recurrent import Recurrent


@dataclass(frozen=True)
class Option:
    """A field of a case that one cell alone has: how its values are called, and the list of port.toml for them.

    called: the name of a value of the field. words: what a case of that value has. fields: the fields of a case with
    H units, of a value by its name.
    SPEC 10.6.
    """

    values: tuple[str, ...]
    feature: str
    called: Callable[[Any], str] = str
    words: Callable[[str], str] = str
    fields: Callable[[str, int], Mapping[str, Any]] | None = None


@dataclass(frozen=True)
class CellKind:
    """A cell by the name that case.toml and port.toml have for it.

    stack: makes the stack, from the arguments that all cells share and the options. clauses: those of SPEC.md that say
    what the cell with certain options is. merges: whether its two biases act as one sum, so that a port may have one.
    gates: the blocks of a, by name; none where a is one. late: those of them that are computed last, from what stands
    between a and h.
    """

    stack: Callable[..., Recurrent]
    clauses: Callable[[Mapping[str, str]], tuple[str, ...]]
    options: Mapping[str, Option] = field(default_factory=dict)
    merges: Callable[[Mapping[str, str]], bool] = lambda options: True
    gates: tuple[str, ...] = ()
    late: tuple[str, ...] = ()


def projection(H: int) -> int:
    """A size below H, for a case that is not about it: half of a small H, near a large one."""
    return H - 3 if H > 8 else max(1, H // 2)


def _proj_size(name: str, H: int) -> Mapping[str, Any]:
    """One unit cannot be projected on fewer: then there are two."""
    return {"H": max(H, 2), "proj_size": projection(max(H, 2))} if name == "some" else {"proj_size": 0}


_GATES = ("12.2", "12.3")
_GRU = {"after": ("13.1", "13.3", "13.4", "13.5"), "before": ("14.1", "14.3", "14.4", "14.5")}

CELLS: dict[str, CellKind] = {
    "rnn": CellKind(
        reference.RNN,
        clauses=lambda options: ("3.1", "5.2", "5.4", "5.5"),
        options={
            "nonlinearity": Option(
                tuple(NONLINEARITIES), feature="nonlinearities", words=lambda name: f"nonlinearity {name}"
            )
        },
    ),
    "gru": CellKind(
        reference.GRU,
        clauses=lambda options: (*_GATES, *_GRU[options["reset"]]),
        options={"reset": Option(tuple(RESETS), feature="resets", words=lambda name: f"reset {name}")},
        merges=lambda options: options["reset"] == "before",
        gates=("r", "z", "n"),
        late=("n",),
    ),
    "lstm": CellKind(
        reference.LSTM,
        clauses=lambda options: (
            *(*_GATES, "12.5", "15.1", "15.3", "15.4", "15.5"),
            *(["15.6"] if options["proj_size"] == "some" else []),
        ),
        options={
            "proj_size": Option(
                ("none", "some"),
                feature="projections",
                called=lambda P: "some" if P else "none",
                words=lambda name: "a projection" if name == "some" else "no projection",
                fields=_proj_size,
            )
        },
        gates=("i", "f", "g", "o"),
    ),
}


# Every cell with the values of the options that make it another cell, by the first part of the ids of its cases.
VARIANTS: dict[str, tuple[str, dict[str, str]]] = {
    "rnn": ("rnn", {}),
    "gru": ("gru", {"reset": "after"}),
    "gru-before": ("gru", {"reset": "before"}),
    "lstm": ("lstm", {"proj_size": "none"}),
    "lstm-proj": ("lstm", {"proj_size": "some"}),
}
GATED = [variant for variant, (cell, _) in VARIANTS.items() if CELLS[cell].gates]


def called(cell: str, case: Any) -> dict[str, str]:
    """The values of the options that are a cell's own, by their names, for a case of that cell."""
    return {name: option.called(getattr(case, name)) for name, option in CELLS[cell].options.items()}


def in_words(cell: str, case: Any) -> list[str]:
    """What a case of that cell has of the options that are the cell's own."""
    return [CELLS[cell].options[name].words(value) for name, value in called(cell, case).items()]


def own_fields(cell: str, names: Mapping[str, str | None], H: int) -> dict[str, Any]:
    """The fields of a case with H units that has these values, by their names, of the options of a cell."""
    found: dict[str, Any] = {}
    for name, option in CELLS[cell].options.items():
        value = str(names[name])
        found |= option.fields(value, H) if option.fields else {name: value}
    return found
