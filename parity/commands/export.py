"""`python -m parity export DIR`: the frozen vectors made again, cases of the table, or one's own. SPEC 10.1."""

import argparse
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from rich.text import Text

from parity import admission, subject, vectors
from parity.cases import CASES, OWN_WEIGHTS, Case, arrays, weights
from parity.cells import CELLS
from parity.mistakes import MISTAKES, measure
from parity.report import terminal
from parity.vectors import writing
from reference.activations import ACTIVATIONS
from reference.arrays import Array
from reference.divergences import DIVERGENCES
from reference.network import OUTPUT, RECURRENT
from reference.parameters import checked

SIZES = {"T": "--steps", "B": "--batch-size", "I": "--input-size", "H": "--hidden-size", "O": "--output-size"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="DIR", help="an empty folder, or one that is not there yet")
    parser.add_argument("--case", action="append", metavar="ID", help="this case of the table; may be given again")
    own = parser.add_argument_group(
        "a case of one's own", "given one of these, a new case is made; what is not given is small"
    )
    for size, flag in SIZES.items():
        own.add_argument(flag, type=int, dest=size, metavar=size)
    own.add_argument("--num-layers", type=int)
    own.add_argument("--cell", choices=list(CELLS))
    for name, option in {name: option for kind in CELLS.values() for name, option in kind.options.items()}.items():
        kind = type(getattr(Case, name))
        choices = None if option.fields else option.values
        own.add_argument(f"--{name.replace('_', '-')}", dest=name, type=kind, choices=choices)
    own.add_argument("--no-bias", action="store_false", dest="bias", default=None)
    own.add_argument("--bidirectional", action="store_true", default=None)
    own.add_argument("--layout", choices=["time_major", "batch_first", "unbatched"])
    own.add_argument("--no-h0", action="store_false", dest="h0", default=None)
    own.add_argument("--lengths", type=int, nargs="+")
    own.add_argument("--dropout", type=float, help="with masks")
    own.add_argument("--truncate", type=int)
    own.add_argument("--activation", choices=list(ACTIVATIONS))
    own.add_argument("--divergence", choices=list(DIVERGENCES))
    own.add_argument("--target", choices=["values", "classes", "soft", "bits"])
    own.add_argument("--reduction", choices=["sum", "mean"])
    own.add_argument("--weights", type=Path, metavar="FILE", help="own weights, .npz or .safetensors, torch's names")
    own.add_argument("--seed", type=int)


def main(options: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    """0 if written. Wrong usage exits with 2."""
    given = {name: value for name, value in vars(options).items() if value is not None}
    folder, ids = given.pop("folder"), given.pop("case", None)
    if ids and given:
        parser.error("--case takes a case as it is: it goes with no option of a case of one's own")
    if unknown := [case_id for case_id in ids or () if case_id not in CASES]:
        parser.error(f"no case is {unknown[0]!r}")
    kills: dict[str, list[str]] = {}
    try:
        writing.require_room(folder)
        if given:
            cases = [own_case(given)]
        elif ids:
            cases = [CASES[case_id] for case_id in dict.fromkeys(ids)]
        else:
            cases = vectors.frozen_cases()
            kills = killed_by(cases)
        if len(cases) == 1:
            writing.write_set(folder, cases, kills)
        else:  # spawned: a fork would copy the threads of torch and of the progress bar in whatever state they are
            with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
                writing.write_set(folder, cases, kills, each=pool.map)
    except (ValueError, TypeError, OSError, MemoryError) as error:
        parser.error(str(error))
    console = terminal.console()
    for case in cases:
        for problem in admission.problems(case):
            console.print(Text(f"note: {case.id} proves less than it could (SPEC 30.3): {problem}"), soft_wrap=True)
    console.print(Text(f"{len(cases)} vector{'s' if len(cases) > 1 else ''} written to {folder}"), soft_wrap=True)
    return 0


def killed_by(cases: list[Case]) -> dict[str, list[str]]:
    """For each case the planted mistakes that it catches, in the first dtype in which they show."""
    with terminal.progress() as progress:
        task = progress.add_task("mistakes", total=measure.steps(cases))
        verdicts = measure.measure(
            list(MISTAKES.values()), cases, lambda name: progress.update(task, description=name, advance=1)
        )
    return {case.id: [v.mistake.name for v in verdicts if case.id in v.catches] for case in cases}


def own_case(given: dict[str, Any]) -> Case:
    """A new case of the options that a user gave. Its id says them all, and seeds its values.

    Raises ValueError, or what the reference raises, if they do not go together.
    """
    options: dict[str, Any] = {k: v for k, v in given.items() if k not in ("seed", "weights")}
    if path := given.get("weights"):
        stored, change = weights.rounded(weights.load(path))
        if change:
            print(f"weights rounded to float32, as every value of a vector is: they change by {change:.2g} at most")
        found = sizes(stored)
        for name, value in options.items():
            if name in found and value != found[name]:
                raise ValueError(f"{name} is {value}, but the weights have {found[name]}")
        options |= found | {"recipe": f"{OWN_WEIGHTS}{path}"}
    _require_effect(options)
    if options.get("layout") == "unbatched":
        options["B"] = 1
    if "dropout" in options:
        options["masks"] = True
    if "lengths" in options:
        options["lengths"] = tuple(options["lengths"])
        options.setdefault("T", max(options["lengths"]))
        options.setdefault("B", len(options["lengths"]))
    if options.get("divergence", "squared_error") != "squared_error":
        options.setdefault("target", "bits" if options["divergence"] == "binary_cross_entropy" else "soft")
    words = [f"{name}{value}" for name, value in sorted(options.items()) if name not in ("recipe", "masks")]
    case_id = "-".join(["own", *(_plain(word) for word in words), f"seed{given.get('seed', 0)}"])
    case = Case(case_id, "own", "a case of one's own", saturated=True, **options)
    shapes = case.shapes()  # raises where sizes or options do not go together
    if path:
        checked(stored, shapes)
    subject.run(case, arrays(case))
    return case


def _require_effect(options: dict[str, Any]) -> None:
    """Raises ValueError where an option would change nothing."""
    cell = options.get("cell", "rnn")
    for name in {name for kind in CELLS.values() for name in kind.options} & options.keys():
        if name not in CELLS[cell].options:
            raise ValueError(f"--{name.replace('_', '-')} is of another cell than {cell}")
    head = [name for name in ("activation", "divergence", "target", "reduction") if name in options]
    if head and options.get("O") is None:
        raise ValueError(f"--{head[0]} is of an output layer: it needs --output-size or weights that have one")
    if "dropout" in options and options.get("num_layers", 1) == 1:
        raise ValueError("--dropout is between layers: it needs --num-layers above 1")
    if options.get("layout") == "unbatched" and options.get("B", 1) != 1:
        raise ValueError(f"--batch-size is 1 where the layout is unbatched, got {options['B']}")


def _plain(word: str) -> str:
    """Letters, digits and what else a folder's name may have everywhere."""
    return "".join(c if c.isalnum() or c in "_." else "_" for c in word)


def sizes(stored: dict[str, Array]) -> dict[str, Any]:
    """The cell, the sizes and options that weights imply by their names and shapes, those of torch's state_dict.

    weight_hh (G·H, H) has G blocks: an RNN's one, a GRU's three, an LSTM's four; with a projection it is (4H, P), and
    weight_hr (P, H). Whether a GRU resets before or after, and the nonlinearity of an RNN, no weights say.
    SPEC 1.4, 12.2, 12.5.
    """
    prefix = RECURRENT if f"{OUTPUT}weight" in stored else ""
    first, recurrent, projection = (f"{prefix}{name}_l0" for name in ("weight_ih", "weight_hh", "weight_hr"))
    inputs = _shape(stored, first)[1]
    rows, hidden = _shape(stored, recurrent)
    proj_size = 0
    if projected := projection in stored:
        proj_size, hidden = _shape(stored, projection)
    blocks = {
        cell: max(1, len(kind.gates)) for cell, kind in CELLS.items() if "proj_size" in kind.options or not projected
    }
    cell = next((cell for cell, count in blocks.items() if count * hidden == rows), None)
    if cell is None:
        known = ", ".join(f"{count}·H ({cell})" for cell, count in blocks.items())
        raise ValueError(f"expected {recurrent} of {known} rows with H = {hidden}, got shape {stored[recurrent].shape}")
    return {
        "cell": cell,
        "I": inputs,
        "H": hidden,
        "O": len(stored[f"{OUTPUT}weight"]) if prefix else None,
        "num_layers": sum(f"{prefix}weight_ih_l{layer}" in stored for layer in range(len(stored))),
        "bidirectional": f"{first}_reverse" in stored,
        "bias": f"{prefix}bias_ih_l0" in stored,
    } | ({"proj_size": proj_size} if "proj_size" in CELLS[cell].options else {})


def _shape(stored: dict[str, Array], name: str) -> tuple[int, int]:
    """The rows and columns of a weight. Raises ValueError where there is no such matrix."""
    if name not in stored:
        raise ValueError(f"expected weights named as in torch's state_dict, {name} among them; got {', '.join(stored)}")
    if stored[name].ndim != 2:
        raise ValueError(f"expected {name} of shape (rows, columns), got {stored[name].shape}")
    rows, columns = stored[name].shape
    return rows, columns
