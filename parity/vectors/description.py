"""What a case is, as lines of text: the keys of a case.toml, the names of its inputs. SPEC 10.2, 10.3."""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from parity.cases import Arrays, Case
from parity.cells import CELLS, called
from parity.vectors.vector import FORMAT
from reference.arrays import Array

_SIZES = ("T", "B", "I", "H")
FAR = ("large-logits", "certain", "range", "offset", "unlikely")  # recipes whose logits are far from 0
_HEAD = ("activation", "divergence", "reduction", "blank", "zero_infinity")


def description(case: Case, values: Arrays, dtype: str, asked: Iterable[str]) -> dict[str, Any]:
    """The keys and values of a case.toml. SPEC 10.2."""
    inputs = named_inputs(values)
    states = case.rnn().cell.states
    stack = ("num_layers", *CELLS[case.cell].options, "bias", "bidirectional", "layout", "dropout")
    optional = (*initial_names(states), "lengths", "dropout_masks", "d_output", *last_names(states), "weights")
    head = {"O": case.O or 0} | {name: getattr(case, name) for name in _HEAD if case.O}
    return {
        "format": FORMAT,
        "id": case.id,
        "comment": case.comment,
        "clauses": " ".join(clauses(case)),
        "cell": case.cell,
        "dtype": dtype,
        **{name: getattr(case, name) for name in (*_SIZES, *stack)},
        "truncate": case.truncate or 0,
        **{name: name in inputs for name in optional},
        **head,
        **({"target": _kind_of_target(case, values)} if case.O else {}),
        "asked": " ".join(asked),
    }


def _kind_of_target(case: Case, values: Arrays) -> str:
    """labels (CTC), sequence (a class for each), classes (one a step), or vectors."""
    if case.per_sequence:
        return case.target
    assert values.target is not None
    return "classes" if np.issubdtype(values.target.dtype, np.integer) else "vectors"


def clauses(case: Case) -> list[str]:
    """The clauses of SPEC.md that a case exercises."""
    activation = {"identity": "2.3", "tanh": "2.3", "sigmoid": "2.4", "softplus": "2.4", "relu": "2.5"}
    divergence = {"mean_pooled_cross_entropy": ["8.7"], "ctc": ["8.8", "8.9", "8.10"]}.get(
        case.divergence, ["8.2", "8.5"]
    )
    kind = CELLS[case.cell]
    found = {
        "1.2": case.layout != "time_major",
        activation[case.nonlinearity]: "nonlinearity" in kind.options,
        **dict.fromkeys(kind.clauses(called(case.cell, case)), True),
        "3.4": True,
        "4.1": case.bidirectional,
        "4.2": case.bidirectional,
        "4.3": case.bidirectional,
        "4.4": True,
        "4.5": case.num_layers > 1,
        "4.6": case.masks,
        "5.6": case.bidirectional,
        "5.7": case.num_layers > 1,
        "6.1": bool(case.lengths),
        "6.2": bool(case.lengths),
        "6.4": bool(case.lengths),
        "6.5": bool(case.lengths),
        "7.1": bool(case.truncate),
        "9.5": case.exact,
    }
    if case.O:
        vector = {"softmax": "2.7", "log_softmax": "2.8"}.get(case.activation)
        found |= {vector or activation[case.activation]: True, "2.6" if vector else "2.2": True}
        found |= dict.fromkeys(("2.1", "3.5", "5.8", "8.1", "8.3", "8.4"), True)
        found |= {"2.9": case.recipe.partition(":")[0] in FAR}
        found |= dict.fromkeys(divergence, True) | {"8.6": case.divergence == "softmax_cross_entropy"}
    in_order = sorted(found, key=lambda clause: [int(part) for part in clause.split(".")])
    return [clause for clause in in_order if found[clause]]


def named_inputs(values: Arrays) -> dict[str, Array]:
    """Every input by the name of its file: parameters under their own names, and what else the case has. SPEC 10.3."""
    others = {
        "x": values.x,
        **_named(initial_names, values.initial),
        "lengths": None if values.lengths is None else values.lengths.astype(np.int64),
        "dropout_masks": values.masks,
        "d_output": values.d_output,
        **_named(last_names, values.d_last),
        "target": values.target,
        "weights": None if values.weights is None else values.weights.astype(values.x.dtype),
    }
    return dict(values.params) | {name: array for name, array in others.items() if array is not None}


def initial_names(states: Iterable[str]) -> list[str]:
    """The names of the files that hold the initial states: h0."""
    return [f"{state}0" for state in states]


def last_names(states: Iterable[str]) -> list[str]:
    """The names of the files that hold the gradients of the last states: d_h_n."""
    return [f"d_{state}_n" for state in states]


def _named(names: Callable[[Iterable[str]], list[str]], states: Mapping[str, Array] | None) -> dict[str, Array]:
    return dict(zip(names(states), states.values(), strict=True)) if states else {}


def _toml(value: Any) -> str:
    """One value in TOML; text, numbers and lists are written as in JSON."""
    return json.dumps(value, ensure_ascii=False)


def lines(keys: Mapping[str, Any]) -> str:
    """`key = value`, one a line."""
    return "".join(f"{key} = {_toml(value)}\n" for key, value in keys.items())
