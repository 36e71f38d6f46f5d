"""Reads vectors back, and trusts nothing that the manifest does not vouch for. SPEC 10.1."""

import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from parity import tensors
from parity.cases import Arrays, Case
from parity.vectors import npy
from parity.vectors.description import initial_names, last_names
from parity.vectors.vector import DTYPES, FORMAT, Corrupt, Vector, sha256
from reference.arrays import Array


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
        if there[name].is_symlink() or sha256(there[name]) != checksum:
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
    states = case.rnn().cell.states
    names = ("lengths", "d_output", "target", "weights")
    return Arrays(
        params=params,
        x=inputs["x"],
        initial=_states(states, initial_names(states), inputs),
        d_last=_states(states, last_names(states), inputs),
        masks=inputs.get("dropout_masks"),
        **{name: inputs.get(name) for name in names},
    )


def _states(states: Sequence[str], names: Sequence[str], inputs: Mapping[str, Array]) -> dict[str, Array] | None:
    """The files of these names, by state; None where there is none. Raises KeyError where there are some, not all."""
    if not any(name in inputs for name in names):
        return None
    return {state: inputs[name] for state, name in zip(states, names, strict=True)}


def _allowed(case: Case, name: str, expect: Array, limits: float | list[float], zeros_may_round: bool) -> Array:
    """The largest admissible error of every element. What must be 0 must be exactly that, if not said otherwise."""
    time = tensors.find(case, name).time_axis
    largest = np.asarray(limits, dtype=np.float64)
    if time is not None:
        largest = largest.reshape([-1 if axis == time else 1 for axis in range(expect.ndim)])
    whole = np.broadcast_to(largest, expect.shape)
    return whole if zeros_may_round else np.where(expect == 0, 0.0, whole)
