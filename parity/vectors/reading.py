"""Reads vectors back, and trusts nothing that the manifest does not vouch for. SPEC 10.1.

Every file is read once: what was hashed is what is used, whatever happens to the folder afterwards.
"""

import json
import os
import re
import tomllib
import warnings
from collections.abc import Collection, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from parity import subject, tensors
from parity.cases import Arrays, Case
from parity.vectors import npy
from parity.vectors.description import initial_names, last_names
from parity.vectors.vector import DTYPES, FORMAT, Corrupt, Vector, sha256
from reference.arrays import Array

ID = re.compile(r"(?!\.\.?$)[A-Za-z0-9._-]+")  # of a case: one name of a folder, everywhere
DEEPEST = 3  # levels of folders in a set
MOST = 100_000  # files of a set

Files = Mapping[str, bytes]  # by the path in their folder, with slashes


def read_set(folder: Path, only: Collection[str] | None = None) -> list[Vector]:
    """The vectors of a folder, in the order of its manifest. Raises Corrupt where a file is not what was written.

    only: these ids; the files of the others are not read.
    """
    try:
        content = npy.read_bytes(folder / "manifest.json")
        manifest = json.loads(content)
        format_, ids, checksums = manifest["format"], list(manifest["cases"]), dict(manifest["sha256"])
    except Exception as error:  # whatever a garbled file makes the parser say
        raise Corrupt(f"{folder / 'manifest.json'} cannot be read: {error!r}") from error
    if format_ != FORMAT:
        raise Corrupt(f"{folder} is of format {format_!r}, expected {FORMAT}")
    for case_id in ids:
        if not (isinstance(case_id, str) and ID.fullmatch(case_id)):
            raise Corrupt(f"{folder} has the id {case_id!r}, expected letters, digits, '.', '_' and '-'")
    there = _names(folder)
    there.remove("manifest.json")
    for name in checksums:
        if name not in there:
            raise Corrupt(f"{str(folder / name)!r} is missing")
    if extra := sorted(there - checksums.keys()):
        raise Corrupt(f"{str(folder / extra[0])!r} is not in the manifest")
    if only is not None:
        ids = [case_id for case_id in ids if case_id in only]
        checksums = {name: checksum for name, checksum in checksums.items() if name.partition("/")[0] in only}
    files: dict[str, dict[str, bytes]] = {case_id: {} for case_id in ids}
    left = npy.LARGEST
    for name, checksum in checksums.items():
        try:
            file = npy.read_bytes(folder / name, left)
        except (OSError, npy.Unreadable) as error:
            raise Corrupt(f"{folder / name} cannot be read: {error}") from error
        left -= len(file)
        if sha256(file) != checksum:
            raise Corrupt(f"{folder / name} is not what was written: its checksum differs")
        case_id, _, inner = name.partition("/")
        files.setdefault(case_id, {})[inner] = file
    return [_vector(folder / case_id, files[case_id], sha256(content)) for case_id in ids]


def _names(folder: Path) -> set[str]:
    """What a set has in it, folders apart, by the path in it. Links are not followed. Raises Corrupt."""
    names: set[str] = set()
    folders = [""]
    try:
        while folders:
            inside = folders.pop()
            with os.scandir(folder / inside) as entries:
                for entry in entries:
                    name = f"{inside}{entry.name}"
                    if entry.is_dir(follow_symlinks=False) and name.count("/") < DEEPEST:
                        folders.append(f"{name}/")
                    else:
                        names.add(name)
            if len(names) + len(folders) > MOST:
                raise Corrupt(f"{folder} has more than {MOST} files")
    except OSError as error:
        raise Corrupt(f"{folder} cannot be read: {error}") from error
    return names


def _below(files: Files, folder: str) -> Files:
    """The files of a folder, by their path in it."""
    return {name[len(folder) + 1 :]: content for name, content in files.items() if name.startswith(f"{folder}/")}


def _vector(folder: Path, files: Files, manifest: str) -> Vector:
    """One vector, from its files. Raises Corrupt where one is missing or does not hold what it should."""
    try:
        keys = read_keys(files)
        if keys["id"] != folder.name:
            raise ValueError(f"its id is {keys['id']!r}, expected the name of the folder")
        case, values = read_inputs(files, keys)
        expect = {name: npy.parse(files[f"expect/{name}.npy"]) for name in keys["asked"].split()}
        _require_shapes(case, values, expect)
        limits = tomllib.loads(files["tolerance.toml"].decode())
        allowed = {
            dtype: {
                name: _allowed(case, name, tensor, limits[dtype][name], name in limits["zeros_may_round"])
                for name, tensor in expect.items()
            }
            for dtype in DTYPES
        }
        return Vector(keys, case, values, expect, allowed, manifest)
    except Exception as error:  # whatever garbled files make their parsers, and the reference, say
        raise Corrupt(f"{folder} cannot be read: {error!r}") from error


def _require_shapes(case: Case, values: Arrays, expect: Mapping[str, Array]) -> None:
    """Raises where the reference cannot compute the case, or what is expected has other shapes than it gives."""
    if values.x.shape != case.laid_out(np.broadcast_to(0.0, (case.T, case.B, case.I))).shape:
        raise ValueError(f"x has the shape {values.x.shape}, which its sizes do not")
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        gives = subject.run(case, values)
    for name, tensor in expect.items():
        if tensor.shape != gives[name].shape or tensor.dtype != np.float64:
            raise ValueError(f"{name} is {tensor.dtype} {tensor.shape}, expected float64 {gives[name].shape}")


def files_of(folder: Path) -> Files:
    """What a CASE_DIR holds. SPEC 10.5."""
    return {name: npy.read_bytes(folder / name) for name in _names(folder)}


def read_keys(files: Files) -> dict[str, Any]:
    """The keys of a case.toml. SPEC 10.2. Raises ValueError where a text has characters that cannot be shown."""
    keys = tomllib.loads(files["case.toml"].decode())
    for name, value in keys.items():
        if isinstance(value, str) and not value.isprintable():
            raise ValueError(f"{name} is {value!r}, expected text that can be printed")
    return keys


def read_inputs(files: Files, keys: Mapping[str, Any]) -> tuple[Case, Arrays]:
    """The case and its inputs, of the dtype that they were written in. SPEC 10.3."""
    inputs = {name.removesuffix(".npy"): npy.parse(content) for name, content in sorted(_below(files, "in").items())}
    if keys["num_layers"] > len(inputs):  # before as many names are made
        raise ValueError(f"num_layers is {keys['num_layers']}, but in/ has {len(inputs)} files")
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
