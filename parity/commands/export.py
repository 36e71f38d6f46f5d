"""`python -m parity export DIR`: the frozen vectors made again, cases of the table, or one's own. SPEC 10.1.

As folders; or, with `--format`, as ONNX's backend tests, .npz files or C headers.
"""

import argparse
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from importlib import import_module
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.progress import Progress
from rich.text import Text

from parity import admission, subject, tolerance, vectors
from parity.cases import CASES, Case, Own, arrays, weights
from parity.cells import CELLS
from parity.mistakes import MISTAKES, measure
from parity.oracles import enclosure
from parity.report import terminal
from parity.vectors import DTYPES, Vector, npy, reading, writing
from parity.vectors.forms import c_header, graph, npz, onnx_folders
from reference.activations import ACTIVATIONS
from reference.arrays import Array
from reference.cells import Shapes
from reference.divergences import DIVERGENCES
from reference.network import OUTPUT, RECURRENT
from reference.parameters import checked

LONG = 5  # seconds that are announced
FILES = ("weights", "prefix", "rename", "x")  # options about what the user has in files
AXES = {"time_major": "TBI", "batch_first": "BTI", "unbatched": "TI"}  # of x, by layout
FORMATS = {
    "folders": "what a port reads",
    "onnx": "ONNX's backend tests, forward",
    "npz": "a file each, for np.load",
    "c-header": "a file each, and a checker",
}
DTYPES_OF = {"onnx": DTYPES, "c-header": ("float32",)}  # of the formats that are of one dtype: those without --dtype
SIZES = {"T": "--steps", "B": "--batch-size", "I": "--input-size", "H": "--hidden-size", "O": "--output-size"}


EPILOG = f"""\
A model with self.rnn and self.fc, and an input for it:

    export DIR --weights model.safetensors --rename fc=output --x x.npy
    export DIR --weights model.safetensors --prefix rnn. --x x.npy  # no fc

{weights.FROM_TORCH}"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="DIR", help="an empty folder, or one that is not there yet")
    parser.add_argument("--case", action="append", metavar="ID", help="this case of the table; may be given again")
    said = ", ".join(f"{name} ({what})" for name, what in FORMATS.items())
    parser.add_argument("--format", choices=FORMATS, default="folders", metavar="FORM", help=f"one of {said}")
    parser.add_argument("--dtype", choices=DTYPES, help="of onnx: only this (both); of c-header: this (float32)")
    own = parser.add_argument_group(
        "a case of one's own", "given one of these, a new case is made; what is not given is small"
    )
    for size, flag in SIZES.items():
        own.add_argument(flag, type=int, dest=size, metavar=size)
    own.add_argument("--num-layers", type=int, metavar="L")
    own.add_argument("--cell", choices=list(CELLS))
    for name, option in {name: option for kind in CELLS.values() for name, option in kind.options.items()}.items():
        kind = type(getattr(Case, name))
        choices = None if option.fields else option.values
        own.add_argument(f"--{name.replace('_', '-')}", dest=name, type=kind, choices=choices)
    own.add_argument("--no-bias", action="store_false", dest="bias", default=None)
    own.add_argument("--bidirectional", action="store_true", default=None)
    own.add_argument("--layout", choices=["time_major", "batch_first", "unbatched"])
    own.add_argument("--no-h0", action="store_false", dest="h0", default=None)
    own.add_argument("--lengths", type=int, nargs="+", metavar="N")
    own.add_argument("--dropout", type=float, metavar="P", help="with masks")
    own.add_argument("--truncate", type=int, metavar="K")
    own.add_argument("--activation", choices=list(ACTIVATIONS), metavar="NAME", help=f"one of {', '.join(ACTIVATIONS)}")
    own.add_argument("--divergence", choices=list(DIVERGENCES), metavar="NAME", help=f"one of {', '.join(DIVERGENCES)}")
    own.add_argument("--target", choices=["values", "classes", "soft", "bits"])
    own.add_argument("--reduction", choices=["sum", "mean"])
    own.add_argument("--weights", type=Path, metavar="FILE", help="own weights, .npz or .safetensors, torch's names")
    own.add_argument("--prefix", help="take of the weights the stack whose names begin so, and what --rename names")
    own.add_argument(
        "--rename", action="append", type=_pair, metavar="OLD=NEW",
        help="another name for one of the weights, or for all that stand before a dot in one: fc=output",
    )  # fmt: skip
    own.add_argument(
        "--x", type=Path, metavar="FILE", help="own input, .npy of float64 or float32: (T, B, I), as --layout says"
    )
    own.add_argument("--seed", type=int, metavar="N")
    parser.usage = "%(prog)s [-h] DIR [--format FORM] [--case ID | options]"
    parser.epilog = EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter


def _pair(text: str) -> tuple[str, str]:
    """OLD=NEW, a dot at their ends or not."""
    old, _, new = text.partition("=")
    if not (old.strip(".") and new.strip(".")):
        raise argparse.ArgumentTypeError(f"expected OLD=NEW, got {text!r}")
    return old.removesuffix("."), new.removesuffix(".")


def main(options: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    """0 if written. Wrong usage exits with 2."""
    given = {name: value for name, value in vars(options).items() if value is not None}
    folder, ids = given.pop("folder"), given.pop("case", None)
    form, dtype = given.pop("format"), given.pop("dtype", None)
    if ids and given:
        parser.error("--case takes a case as it is: it goes with no option of a case of one's own")
    if unknown := [case_id for case_id in ids or () if case_id not in CASES]:
        parser.error(f"no case is {unknown[0]!r}")
    if dtype and form not in DTYPES_OF:
        parser.error(f"--dtype goes with --format {' or '.join(DTYPES_OF)}: {form} has both")
    if form == "onnx":
        import_module("onnx")  # where it is missing, that is said before anything is computed
    try:
        writing.require_room(folder)
        if given:
            cases = [own_case(given)]
        else:
            cases = [CASES[case_id] for case_id in dict.fromkeys(ids)] if ids else vectors.frozen_cases()
        left_out = [case for case in cases if form == "onnx" and graph.lacking(case)]
        cases = [case for case in cases if case not in left_out]
        if not cases:
            raise ValueError(f"nothing to write: {_without(left_out)}")
        if given:
            _announce(cases[0])
        if form == "folders":
            _make(folder, cases, {} if given or ids else killed_by(cases))
        else:
            _write(folder, form, _vectors(cases), [dtype] if dtype else DTYPES_OF.get(form, DTYPES))
    except (ValueError, TypeError, OSError, MemoryError) as error:
        parser.error(str(error))
    console = terminal.console()
    for case in cases:
        for problem in admission.problems(case) if case.id not in vectors.IDS else []:
            console.print(Text(f"note: {case.id} proves less than it could (SPEC 30.3): {problem}"), soft_wrap=True)
    console.print(Text(f"{len(cases)} vector{'s' if len(cases) > 1 else ''} written to {folder}"), soft_wrap=True)
    if left_out:
        console.print(Text(f"{len(left_out)} not written: {_without(left_out)}"), soft_wrap=True)
    return 0


def _without(cases: Sequence[Case]) -> str:
    """What these cases need, and ONNX's operators do not have; each with how many need it."""
    needs = Counter(need for case in cases for need in graph.lacking(case))
    return "ONNX has no operator for " + ", ".join(f"{need} ({count})" for need, count in needs.items())


def _make(folder: Path, cases: Sequence[Case], kills: Mapping[str, list[str]] | None = None) -> None:
    """Computes the vectors of the cases, and writes them as folders."""
    with terminal.progress() as progress:
        each = partial(_alone, progress) if len(cases) == 1 else partial(_side_by_side, progress, len(cases))
        writing.write_set(folder, cases, kills, each=each)


def _vectors(cases: Sequence[Case]) -> list[Vector]:
    """The vectors of the cases: the frozen ones as they are, the others made."""
    frozen = {case.id for case in cases if case.id in vectors.IDS}
    new = [case for case in cases if case.id not in vectors.IDS]
    found = reading.read_set(vectors.FROZEN, only=frozen) if frozen else []
    if new:
        with TemporaryDirectory() as work:
            _make(Path(work) / "set", new)
            found += reading.read_set(Path(work) / "set")
    by_id = {vector.case.id: vector for vector in found}
    return [by_id[case.id] for case in cases]


def _write(folder: Path, form: str, stored: Sequence[Vector], dtypes: Sequence[str]) -> None:
    """Writes vectors in one of the other forms, all of them or none."""
    with writing.whole(folder) as part:
        if form == "onnx":
            onnx_folders.write(part, stored, dtypes)
        elif form == "npz":
            npz.write(part, stored)
        else:
            c_header.write(part, stored, dtypes[0])


def _alone(progress: Progress, write: Callable[..., int], *columns: Iterable[Any]) -> Iterator[int]:
    """`map` of a case that shows how far it is."""
    return map(partial(write, told=terminal.teller(progress)), *columns)


def _side_by_side(progress: Progress, total: int, write: Callable[..., int], *columns: Iterable[Any]) -> Iterator[int]:
    """`map` of many cases, on all cores."""
    task = progress.add_task("vectors", total=total)
    # spawned: a fork would copy the threads of torch and of the progress bar in whatever state they are
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        for bits in pool.map(write, *columns):
            progress.advance(task)
            yield bits


def _announce(case: Case) -> None:
    """Says how long a case will take, if that is long."""
    noisy, exact = tolerance.STORED_RUNS * tolerance.seconds(case), enclosure.seconds(case)
    if noisy + exact >= LONG:
        print(
            f"about {_spoken(noisy + exact)} or more: {tolerance.STORED_RUNS} noisy runs {_spoken(noisy)}, "
            f"exact values {_spoken(exact)} per precision",
            flush=True,
        )


def _spoken(seconds: float) -> str:
    """In the largest unit of which there are two."""
    if seconds < 1:
        return "under 1 s"
    unit, size = next(((u, s) for u, s in (("d", 86400), ("h", 3600), ("min", 60)) if seconds >= 2 * s), ("s", 1))
    return f"{seconds / size:.0f} {unit}"


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
    options: dict[str, Any] = {k: v for k, v in given.items() if k not in ("seed", *FILES)}
    params = x = None
    if "weights" in given:
        params, implied = _own_weights(given["weights"], given.get("prefix"), given.get("rename", ()))
        options = _agreeing(options, implied, "the weights have")
    elif renaming := given.keys() & {"prefix", "rename"}:
        raise ValueError(f"--{min(renaming)} is of names in a file: it needs --weights")
    if "x" in given:
        axes = AXES[options.get("layout", "time_major")]
        x = _own_x(given["x"], axes)
        options = _agreeing(options, dict(zip(axes, x.shape, strict=True)), f"x of shape {x.shape} has")
    _require_effect(options)
    if options.get("layout") == "unbatched":
        options["B"] = 1
    if "dropout" in options:
        options["masks"] = True
    if "lengths" in options:
        options["lengths"] = lengths = tuple(options["lengths"])
        options.setdefault("T", max(lengths))
        if options.setdefault("B", len(lengths)) != len(lengths):
            raise ValueError(f"--lengths has {len(lengths)}, expected one for each of {options['B']} sequences")
    if options.get("divergence", "squared_error") != "squared_error":
        options.setdefault("target", "bits" if options["divergence"] == "binary_cross_entropy" else "soft")
    words = [f"{name}{value}" for name, value in sorted(options.items()) if name != "masks"]
    case_id = "-".join(["own", *(_plain(word) for word in words), f"seed{given.get('seed', 0)}"])
    case = Case(case_id, "own", "a case of one's own", saturated=True, **options)
    shapes = case.shapes()  # raises where sizes or options do not go together
    if params is not None:
        params = _used(params, shapes)
    if params is not None or x is not None:
        case = replace(case, recipe="own", own=Own(params, x))
    subject.run(case, arrays(case))
    return case


def _own_weights(
    path: Path, prefix: str | None, renames: Sequence[tuple[str, str]]
) -> tuple[dict[str, Array], dict[str, Any]]:
    """The weights in a file, under the names of a stack or a network, and what they imply.

    Says what is left out, and how much they are changed.
    """
    stored = weights.load(path)
    found, left_out = weights.named(stored, prefix, renames)
    if left_out:
        print(f"left out: {weights.listed(left_out)}")
    params = _rounded("weights", found)
    try:
        return params, sizes(params)
    except ValueError as error:
        raise ValueError(f"{error}{weights.hint(stored)}") from error


def _used(params: dict[str, Array], shapes: Shapes) -> dict[str, Array]:
    """The parameters, every one of which has its place in the case."""
    try:
        return checked(params, shapes)
    except ValueError as error:
        advice = "--prefix P takes the stack alone, --rename OLD=NEW gives another name"
        raise ValueError(f"{error}\n{advice}" if params.keys() - shapes.keys() else str(error)) from error


def _own_x(path: Path, axes: str) -> Array:
    """The input in a .npy file. Says what its axes are taken for, and how much it is changed."""
    try:
        x = npy.read(path.resolve())
    except npy.Unreadable as error:
        raise ValueError(f"{path} {error}; expected what np.save(FILE, np.ascontiguousarray(x)) writes") from error
    if x.ndim != len(axes) or not x.size:
        raise ValueError(f"expected x of shape ({', '.join(axes)}), none of them 0, got {x.shape}")
    print("x: " + ", ".join(f"{axis} = {n}" for axis, n in zip(axes, x.shape, strict=True)))
    return _rounded("x", {"x": x})["x"]


def _rounded(what: str, values: dict[str, Array]) -> dict[str, Array]:
    """The values in float32, as float64. Says how much they are changed."""
    found, change = weights.rounded(values)
    if change:
        print(f"{what} rounded to float32, as every value of a vector is: changed by {change:.2g} at most")
    return found


def _agreeing(options: dict[str, Any], found: Mapping[str, Any], who: str) -> dict[str, Any]:
    """The options and what a file says. Raises ValueError where they say two things."""
    for name, value in options.items():
        if name in found and value != found[name]:
            raise ValueError(f"{name} is {value}, but {who} {found[name]}")
    return options | dict(found)


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
        "O": _shape(stored, f"{OUTPUT}weight")[0] if prefix else None,
        "num_layers": sum(f"{prefix}weight_ih_l{layer}" in stored for layer in range(len(stored))),
        "bidirectional": f"{first}_reverse" in stored,
        "bias": f"{prefix}bias_ih_l0" in stored,
    } | ({"proj_size": proj_size} if "proj_size" in CELLS[cell].options else {})


def _shape(stored: dict[str, Array], name: str) -> tuple[int, int]:
    """The rows and columns of a weight. Raises ValueError where there is no such matrix."""
    if name not in stored:
        raise ValueError(
            f"expected weights named as in torch's state_dict, {name} among them; got {weights.listed(stored)}"
        )
    if stored[name].ndim != 2:
        raise ValueError(f"expected {name} of shape (rows, columns), got {stored[name].shape}")
    rows, columns = stored[name].shape
    return rows, columns
