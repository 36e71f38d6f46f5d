"""Test vectors in files: a case as a program in any language reads it. SPEC 10.1.

A vector is a folder. `case.toml` says what the case is, in lines `key = value`; `in/` holds the inputs and `expect/`
what must come out, an `.npy` file each; `tolerance.toml` the largest admissible errors. What is expected is the truth
in 106 bits, rounded once. The frozen set, `parity/vectors/v1/`, has a manifest with the checksum of every file.
"""

import hashlib
import json
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

import reference
from parity import npy, subject, tolerance
from parity.cases import CASES, Arrays, Case, arrays
from parity.oracles import extended
from reference.arrays import Array

FORMAT = 1
FROZEN = Path(__file__).parent / "vectors" / f"v{FORMAT}"
DTYPES = ("float64", "float32")

# The frozen set, from one multiplication by hand to everything at once. A changed value is a new version.
IDS = """
hand-1x1x1
small-one-input
linear-response
exact-relu-l1
square-l1
rnn-relu-l1-uni-bf
rnn-relu-l1-uni-unbatched-noh0-dhn
saturated-unit-T4
critical-T64
long-T200
small-one-unit
small-one-step
lengths-none-reaches-T
rnn-tanh-l1-bi-nobias-bf-ragged
exact-relu-l2-bi-ragged
exact-relu-l3-drop50
rnn-tanh-l2-uni-ragged-drop25
rnn-tanh-l2-bi-nobias-bf-noh0-drop100-dhn
lengths-relu-l3-bi
truncate-3
truncate-2-ragged
square-head
head-identity-squared_error-values-mean-last-unbatched-bi
head-relu-squared_error-values-sum-last-ragged-l2
head-softplus-squared_error-values-sum-delayed-unbatched
head-sigmoid-binary_cross_entropy-bits-sum-last-ragged-bf-bi
head-sigmoid-kl-soft-mean-ragged-bi-l2
head-softmax-cross_entropy-classes-mean-mask-ragged-bf-l2
head-log_softmax-negative_log_likelihood-soft-mean-weighted-unbatched-bi-l2
head-identity-softmax_cross_entropy-soft-sum-mask-ragged-bf-bi
logits-1000-classes
certain-softmax
targets-of-any-sum
many-to-one-bi-ragged
pooled-mean-weighted-ragged-bf
ctc-repeats
ctc-blank-last-ragged-bf-bi
ctc-mean-ragged-l2
ctc-infeasible
ctc-infeasible-zeroed
rich
""".split()


class Corrupt(ValueError):
    """Vectors that are not what their manifest says, or cannot be read."""


@dataclass(frozen=True)
class Vector:
    """One case, read back from its files: the inputs, and for each tensor what is expected and how much it may be off.

    expect: float64. allowed: by dtype and name, an array that goes with the tensor.
    """

    case: Case
    values: Arrays
    expect: Mapping[str, Array]
    allowed: Mapping[str, Mapping[str, Array]]


# What a case is, as lines of text.

_SIZES = ("T", "B", "I", "H")
_AS_THEY_ARE = ("num_layers", "nonlinearity", "bias", "bidirectional", "layout", "dropout")
_HEAD = ("activation", "divergence", "reduction", "blank", "zero_infinity")
_OPTIONAL = ("h0", "lengths", "dropout_masks", "d_output", "d_h_n", "weights")


def description(case: Case, values: Arrays, dtype: str, asked: Iterable[str]) -> dict[str, Any]:
    """The keys and values of a case.toml. SPEC 10.2."""
    inputs = named_inputs(values)
    head = {"O": case.O or 0} | {name: getattr(case, name) for name in _HEAD if case.O}
    return {
        "format": FORMAT,
        "id": case.id,
        "comment": case.comment,
        "clauses": " ".join(clauses(case)),
        "cell": case.cell,
        "dtype": dtype,
        **{name: getattr(case, name) for name in (*_SIZES, *_AS_THEY_ARE)},
        "truncate": case.truncate or 0,
        **{name: name in inputs for name in _OPTIONAL},
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
    found = {
        "1.2": case.layout != "time_major",
        activation[case.nonlinearity]: True,
        "3.1": True,
        "3.4": True,
        "4.1": case.bidirectional,
        "4.2": case.bidirectional,
        "4.5": case.num_layers > 1,
        "4.6": case.masks,
        "5.2": True,
        "5.4": True,
        "5.5": True,
        "5.6": case.bidirectional,
        "5.7": case.num_layers > 1,
        "6.2": bool(case.lengths),
        "6.4": bool(case.lengths),
        "6.5": bool(case.lengths),
        "7.3": bool(case.truncate),
        "9.5": case.exact,
    }
    if case.O:
        vector = {"softmax": "2.7", "log_softmax": "2.8"}.get(case.activation)
        found |= {vector or activation[case.activation]: True, "3.5": True, "5.8": True, "8.3": True, "8.4": True}
        found |= dict.fromkeys(divergence, True) | {"8.6": case.divergence == "softmax_cross_entropy"}
    in_order = sorted(found, key=lambda clause: [int(part) for part in clause.split(".")])
    return [clause for clause in in_order if found[clause]]


def named_inputs(values: Arrays) -> dict[str, Array]:
    """Every input by the name of its file: parameters under their own names, and what else the case has. SPEC 10.3."""
    others = {
        "x": values.x,
        "h0": values.h0,
        "lengths": None if values.lengths is None else values.lengths.astype(np.int64),
        "dropout_masks": values.masks,
        "d_output": values.d_output,
        "d_h_n": values.d_h_n,
        "target": values.target,
        "weights": None if values.weights is None else values.weights.astype(values.x.dtype),
    }
    return dict(values.params) | {name: array for name, array in others.items() if array is not None}


def _toml(value: Any) -> str:
    """One value in TOML; text, numbers and lists are written as in JSON."""
    return json.dumps(value, ensure_ascii=False)


def lines(keys: Mapping[str, Any]) -> str:
    """`key = value`, one a line."""
    return "".join(f"{key} = {_toml(value)}\n" for key, value in keys.items())


# Writing.


@cache
def truth(case: Case) -> dict[str, Array]:
    """What the case must give: computed in 106 bits, rounded once to float64; the same on every machine."""
    return {name: np.asarray(t, dtype=np.float64) for name, t in extended.truth(case, longdouble=False).items()}


def write(folder: Path, case: Case) -> None:
    """Writes one vector into a folder that is not there yet. SPEC 10.1."""
    values, expect = arrays(case), truth(case)
    write_inputs(folder, case, values, "float64", expect)
    (folder / "expect").mkdir()
    for name, tensor in expect.items():
        npy.write(folder / "expect" / f"{name}.npy", tensor)
    (folder / "tolerance.toml").write_text(_tolerance(case, expect), encoding="utf-8")


def write_inputs(folder: Path, case: Case, values: Arrays, dtype: str, asked: Iterable[str]) -> None:
    """What a port is given: case.toml and in/, the numbers in the dtype under test. SPEC 10.5."""
    (folder / "in").mkdir(parents=True)
    text = lines(description(case, values, dtype, asked))
    (folder / "case.toml").write_text(text, encoding="utf-8")
    for name, array in named_inputs(values.map(lambda a: a.astype(dtype))).items():
        npy.write(folder / "in" / f"{name}.npy", array)


def _tolerance(case: Case, expect: Mapping[str, Array]) -> str:
    """The text of tolerance.toml: the largest admissible error of each tensor, by step for a series. SPEC 10.4."""
    allowed = {dtype: {name: tolerance.allowed(case, name, dtype) for name in expect} for dtype in DTYPES}
    may_round = [name for name in expect if (allowed["float64"][name][expect[name] == 0] > 0).any()]
    sections = [lines({"zeros_may_round": may_round})]
    for dtype, tensors in allowed.items():
        sections.append(f"\n[{dtype}]\n" + lines({f'"{n}"': _by_step(case, n, a) for n, a in tensors.items()}))
    return "".join(sections)


def _by_step(case: Case, name: str, allowed: Array) -> Any:
    """The largest number of each step, or of all; three digits."""
    time = subject.time_axis(case, name)
    others = tuple(axis for axis in range(allowed.ndim) if axis != time)
    largest = allowed.max(axis=others, initial=0)
    return [float(f"{a:.3g}") for a in largest] if time is not None else float(f"{largest:.3g}")


def write_set(folder: Path, cases: Iterable[Case], kills: Mapping[str, list[str]] | None = None) -> None:
    """Writes vectors and their manifest into a folder that is empty or not there yet. SPEC 10.1.

    kills: for each case the planted mistakes that it catches, where that is known.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise FileExistsError(f"{folder} is not empty")
    chosen = list(cases)
    for case in chosen:
        write(folder / case.id, case)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    manifest = {
        "format": FORMAT,
        "reference": reference.__version__,
        "numpy": np.__version__,
        "mpmath": version("mpmath"),
        "truth": f"{extended.BITS} bits, rounded once to float64",
        "cases": {case.id: {"comment": case.comment, "kills": (kills or {}).get(case.id, [])} for case in chosen},
        "sha256": {path.relative_to(folder).as_posix(): _sha256(path) for path in files},
    }
    text = json.dumps(manifest, indent=1, ensure_ascii=False) + "\n"
    (folder / "manifest.json").write_text(text, encoding="utf-8")


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


# Reading.


def read_set(folder: Path) -> list[Vector]:
    """The vectors of a folder, in the order of its manifest. Raises Corrupt where a file is not what was written."""
    try:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        format_, ids, checksums = manifest["format"], list(manifest["cases"]), dict(manifest["sha256"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Corrupt(f"{folder / 'manifest.json'} cannot be read: {error!r}") from error
    if format_ != FORMAT:
        raise Corrupt(f"{folder} is of format {format_}, expected {FORMAT}")
    there = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if not path.is_dir()}
    del there["manifest.json"]
    for name, checksum in checksums.items():
        if name not in there:
            raise Corrupt(f"{folder / name} is missing")
        if there[name].is_symlink() or _sha256(there[name]) != checksum:
            raise Corrupt(f"{folder / name} is not what was written: its checksum differs")
    if extra := sorted(there.keys() - checksums.keys()):
        raise Corrupt(f"{folder / extra[0]} is not in the manifest")
    return [read(folder / case_id) for case_id in ids]


def read(folder: Path) -> Vector:
    """One vector, from its files. Raises Corrupt where one is missing or does not hold what it should."""
    try:
        keys = read_keys(folder)
        case, values = read_inputs(folder, keys)
        expect = {name: npy.read(folder / "expect" / f"{name}.npy") for name in keys["asked"].split()}
        limits = tomllib.loads((folder / "tolerance.toml").read_text(encoding="utf-8"))
        allowed = {
            dtype: {
                name: _allowed(case, name, tensor, limits[dtype][name], name in limits["zeros_may_round"])
                for name, tensor in expect.items()
            }
            for dtype in DTYPES
        }
        return Vector(case, values, expect, allowed)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Corrupt(f"{folder} cannot be read: {error!r}") from error


def read_keys(folder: Path) -> dict[str, Any]:
    """The keys of a case.toml. SPEC 10.2."""
    return tomllib.loads((folder / "case.toml").read_text(encoding="utf-8"))


def read_inputs(folder: Path, keys: Mapping[str, Any]) -> tuple[Case, Arrays]:
    """The case and its inputs, of the dtype that they were written in. SPEC 10.3."""
    inputs = {path.stem: npy.read(path) for path in sorted((folder / "in").iterdir())}
    case = _case(keys, inputs)
    return case, _values(case, inputs)


def _case(keys: Mapping[str, Any], inputs: Mapping[str, Array]) -> Case:
    names = {f.name for f in fields(Case)} - {"h0", "weights", "lengths", "target"}
    options = {name: value for name, value in keys.items() if name in names}
    lengths = inputs.get("lengths")
    return Case(
        **options | {"truncate": keys["truncate"] or None, "O": keys["O"] or None},
        group="vectors",
        masks=keys["dropout_masks"],
        h0=keys["h0"],
        lengths=None if lengths is None else tuple(lengths.tolist()),
        target=keys.get("target", "values"),
        weights="given" if keys["weights"] else None,
    )


def _values(case: Case, inputs: Mapping[str, Array]) -> Arrays:
    params = {name: inputs[name] for name in case.shapes()}
    others = {f.name: inputs.get(f.name) for f in fields(Arrays) if f.name not in ("params", "x", "masks")}
    return Arrays(params=params, x=inputs["x"], masks=inputs.get("dropout_masks"), **others)


def _allowed(case: Case, name: str, expect: Array, limits: float | list[float], zeros_may_round: bool) -> Array:
    """The largest admissible error of every element. What must be 0 must be exactly that, if not said otherwise."""
    time = subject.time_axis(case, name)
    largest = np.asarray(limits, dtype=np.float64)
    if time is not None:
        largest = largest.reshape([-1 if axis == time else 1 for axis in range(expect.ndim)])
    whole = np.broadcast_to(largest, expect.shape)
    return whole if zeros_may_round else np.where(expect == 0, 0.0, whole)


@cache
def frozen() -> list[Vector]:
    """The frozen set that comes with the project."""
    return read_set(FROZEN)


def frozen_cases() -> list[Case]:
    """The cases of the frozen set, from the table."""
    return [CASES[case_id] for case_id in IDS]
