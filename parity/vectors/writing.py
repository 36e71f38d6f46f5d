"""Writes vectors: the inputs, what is expected, the tolerance, the manifest. SPEC 10.1, 10.4."""

import json
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np

import reference
from parity import tensors, tolerance
from parity.cases import Arrays, Case, arrays
from parity.oracles import enclosure
from parity.progress import Told, untold
from parity.vectors import npy
from parity.vectors.description import description, lines, named_inputs
from parity.vectors.vector import DTYPES, FORMAT, sha256
from reference.arrays import Array

TRUTH = "each value is proved to be the exact one, rounded to nearest: within half an ulp, by balls of so many bits"


def write(folder: Path, case: Case, runs: int, told: Told = untold) -> int:
    """Writes one vector into a folder that is not there yet, with limits from so many noisy runs. SPEC 10.1.

    Returns the bits of precision that its expected values took (SPEC 30.5).
    """
    values, (expect, bits) = arrays(case), enclosure.truth(case, told)
    limits = _tolerance(case, expect, runs, told)
    folder.mkdir()  # not its parent: where that is gone, by an interruption, it stays so
    write_inputs(folder, case, values, "float64", expect)
    (folder / "expect").mkdir()
    for name, tensor in expect.items():
        npy.write(folder / "expect" / f"{name}.npy", tensor)
    (folder / "tolerance.toml").write_text(limits, encoding="utf-8", newline="\n")
    return bits


def write_inputs(folder: Path, case: Case, values: Arrays, dtype: str, asked: Iterable[str]) -> None:
    """What a port is given: case.toml and in/, the numbers in the dtype under test. SPEC 10.5."""
    (folder / "in").mkdir(parents=True)
    text = lines(description(case, values, dtype, asked))
    (folder / "case.toml").write_text(text, encoding="utf-8", newline="\n")
    for name, array in named_inputs(values.map(lambda a: a.astype(dtype))).items():
        npy.write(folder / "in" / f"{name}.npy", array)


def _tolerance(case: Case, expect: Mapping[str, Array], runs: int, told: Told) -> str:
    """The text of tolerance.toml: the largest admissible error of each tensor, by step for a series. SPEC 10.4."""
    allowed = {dtype: {name: tolerance.allowed(case, name, dtype, runs, told) for name in expect} for dtype in DTYPES}
    may_round = [name for name in expect if (allowed["float64"][name][expect[name] == 0] > 0).any()]
    sections = [lines({"zeros_may_round": may_round})]
    for dtype, limits in allowed.items():
        sections.append(f"\n[{dtype}]\n" + lines({f'"{n}"': _rounded(by_step(case, n, a)) for n, a in limits.items()}))
    return "".join(sections)


def by_step(case: Case, name: str, allowed: Array) -> Array:
    """The largest number of each step of a tensor; of one without a time axis, of all."""
    time = tensors.find(case, name).time_axis
    return allowed.max(axis=tuple(axis for axis in range(allowed.ndim) if axis != time), initial=0)


def _rounded(limits: Array) -> Any:
    """To three digits: a list, or one number."""
    return [float(f"{a:.3g}") for a in limits] if limits.ndim else float(f"{limits:.3g}")


def write_set(
    folder: Path,
    cases: Iterable[Case],
    kills: Mapping[str, list[str]] | None = None,
    runs: int = tolerance.STORED_RUNS,
    each: Callable[..., Iterable[int]] = map,
) -> None:
    """Writes vectors and their manifest into a folder that is empty or not there yet, all of them or none. SPEC 10.1.

    kills: for each case the planted mistakes that it catches, where that is known. runs: noisy ones, that the limits
    come from. each: `map`, or that of a pool of processes.
    """
    with whole(folder) as part:
        _write_set(part, list(cases), kills or {}, runs, each)


@contextmanager
def whole(folder: Path) -> Iterator[Path]:
    """A folder to write into, which becomes this one, that is empty or not there yet, at the end, or nothing does."""
    require_room(folder)
    folder = folder.resolve()
    folder.parent.mkdir(parents=True, exist_ok=True)
    part = folder.with_name(f".parity-{secrets.token_hex(8)}")
    part.mkdir()
    try:
        yield part
        part.replace(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def require_room(folder: Path) -> None:
    """Raises OSError where there is something that is not an empty folder."""
    if folder.exists() and any(folder.iterdir()):
        raise FileExistsError(f"{folder} is not empty")


def _write_set(
    folder: Path,
    cases: Sequence[Case],
    kills: Mapping[str, list[str]],
    runs: int,
    each: Callable[..., Iterable[int]],
) -> None:
    bits = dict(zip(cases, each(write, [folder / case.id for case in cases], cases, repeat(runs)), strict=True))
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    manifest = {
        "format": FORMAT,
        "reference": reference.__version__,
        "numpy": np.__version__,
        "python-flint": version("python-flint"),
        "truth": TRUTH,
        "runs": runs,
        "cases": {
            case.id: {"comment": case.comment, "bits": bits[case], "kills": " ".join(kills.get(case.id, []))}
            for case in cases
        },
        "sha256": {path.relative_to(folder).as_posix(): sha256(path.read_bytes()) for path in files},
    }
    text = json.dumps(manifest, indent=1, ensure_ascii=False) + "\n"
    (folder / "manifest.json").write_text(text, encoding="utf-8", newline="\n")
