"""The frozen vectors: permanent, true, whole; and what is read from files that somebody has changed. SPEC 10."""

import json
import re
import shutil
import tomllib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import reference
from parity import tolerance, vectors
from parity.cases import CASES, arrays
from parity.mistakes import MISTAKES
from parity.vectors import Corrupt, Vector, description, reading, writing

MANIFEST = json.loads((vectors.FROZEN / "manifest.json").read_text(encoding="utf-8"))
SPEC = Path(reference.__file__).with_name("SPEC.md").read_text(encoding="utf-8")

each_vector = pytest.mark.parametrize("vector", vectors.frozen(), ids=lambda v: v.case.id)


@pytest.fixture(scope="module")
def again(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The frozen set, made again."""
    folder = tmp_path_factory.mktemp("vectors") / "v1"
    writing.write_set(folder, vectors.frozen_cases())
    return folder


def test_made_again_every_file_is_the_same(again: Path) -> None:
    """Bit for bit, on any machine: the truth is computed in 106 bits. Only tolerances depend on rounding, by BLAS."""
    made = {path.relative_to(again).as_posix() for path in again.rglob("*") if path.is_file()} - {"manifest.json"}
    assert made == MANIFEST["sha256"].keys()
    for name in sorted(made):
        if not name.endswith("tolerance.toml"):
            assert (again / name).read_bytes() == (vectors.FROZEN / name).read_bytes(), name


def test_made_again_every_tolerance_is_the_same_but_for_rounding(again: Path) -> None:
    for case_id in vectors.IDS:
        new, old = (
            tomllib.loads((root / case_id / "tolerance.toml").read_text(encoding="utf-8"))
            for root in (again, vectors.FROZEN)
        )
        assert new["zeros_may_round"] == old["zeros_may_round"]
        for dtype in vectors.DTYPES:
            assert new[dtype].keys() == old[dtype].keys()
            for name, allowed in new[dtype].items():
                np.testing.assert_allclose(allowed, old[dtype][name], rtol=0.02, err_msg=f"{case_id} {dtype} {name}")


@each_vector
def test_a_vector_is_its_case(vector: Vector) -> None:
    case = CASES[vector.case.id]
    values = arrays(case)
    found, wanted = description.named_inputs(vector.values), description.named_inputs(values)
    assert found.keys() == wanted.keys()
    for name, array in wanted.items():
        np.testing.assert_array_equal(found[name], array, err_msg=name)
        if np.issubdtype(array.dtype, np.floating):
            np.testing.assert_array_equal(array, array.astype(np.float32), err_msg=name)
    assert vector.expect.keys() == tolerance.sigma(case).keys() - {n for n in tolerance.sigma(case) if n.endswith("·v")}


@each_vector
def test_what_a_vector_allows_is_what_the_noise_allows(vector: Vector) -> None:
    """To three digits; and exactly 0 where no rounding can reach: what is 0 tells them apart. SPEC 10.4."""
    for dtype in vectors.DTYPES:
        for name, allowed in vector.allowed[dtype].items():
            wanted = tolerance.allowed(CASES[vector.case.id], name, dtype)
            np.testing.assert_allclose(allowed, np.broadcast_to(wanted, allowed.shape), rtol=0.02, err_msg=name)


@each_vector
def test_a_case_is_flat_lines_that_a_c_program_can_read(vector: Vector) -> None:
    text = (vectors.FROZEN / vector.case.id / "case.toml").read_text(encoding="utf-8")
    for line in text.splitlines():
        assert re.fullmatch(r'[a-zA-Z_0-9]+ = ("[^"\\]*"|-?\d+|\d+\.\d+|true|false)', line), line
        assert len(line.encode()) < 4000
    rows = re.findall(r"^\| (`.*?) \|", SPEC[SPEC.index("**10.2**") : SPEC.index("**10.3**")], re.MULTILINE)
    documented = re.findall(r"`(\w+)`", " ".join(rows))
    keys = [line.split(" = ")[0] for line in text.splitlines()]
    assert set(keys) <= set(documented)
    assert keys == [name for name in documented if name in keys]  # in that order
    assert set(tomllib.loads(text)["clauses"].split()) <= set(re.findall(r"^\*\*(\d+\.\d+)\*\*", SPEC, re.MULTILINE))


def test_the_set_catches_every_planted_mistake_and_every_vector_some() -> None:
    assert list(MANIFEST["cases"]) == vectors.IDS
    kills = {case_id: set(entry["kills"]) for case_id, entry in MANIFEST["cases"].items()}
    assert set().union(*kills.values()) == set(MISTAKES)
    assert all(kills.values())


def test_the_set_is_small() -> None:
    assert sum(path.stat().st_size for path in vectors.FROZEN.rglob("*") if path.is_file()) < 8_000_000
    assert 100 <= len(vectors.IDS) <= 150


def test_a_folder_that_is_not_empty_is_not_written_to(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="is not empty"):
        writing.write_set(tmp_path, [CASES["hand-1x1x1"]])


@pytest.fixture
def small(tmp_path: Path) -> Path:
    writing.write_set(tmp_path / "set", [CASES["hand-1x1x1"], CASES["small-one-unit"]])
    return tmp_path / "set"


def test_a_set_is_read_in_its_order(small: Path) -> None:
    assert [vector.case.id for vector in reading.read_set(small)] == ["hand-1x1x1", "small-one-unit"]


def one_bit(folder: Path) -> None:
    file = folder / "hand-1x1x1" / "expect" / "a_l0.npy"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)


def linked(folder: Path) -> None:
    file = folder / "hand-1x1x1" / "in" / "x.npy"
    shutil.copy(file, folder.parent / "x.npy")
    file.unlink()
    file.symlink_to(folder.parent / "x.npy")


def manifest(folder: Path, **changes: object) -> None:
    file = folder / "manifest.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


CHANGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "a bit": (one_bit, "its checksum differs"),
    "a tolerance": (
        lambda f: (f / "hand-1x1x1" / "tolerance.toml").write_text("zeros_may_round = []\n"),
        "its checksum differs",
    ),
    "a link": (linked, "its checksum differs"),
    "a file missing": (lambda f: (f / "hand-1x1x1" / "in" / "x.npy").unlink(), "x.npy is missing"),
    "a file more": (lambda f: (f / "hand-1x1x1" / "in" / "y.npy").touch(), "y.npy is not in the manifest"),
    "no manifest": (lambda f: (f / "manifest.json").unlink(), "manifest.json cannot be read"),
    "a manifest of words": (lambda f: (f / "manifest.json").write_text("hello"), "manifest.json cannot be read"),
    "another format": (lambda f: manifest(f, format=2), "is of format 2, expected 1"),
    "a case that is not there": (lambda f: manifest(f, cases={"other": {}}), "other cannot be read"),
    "a manifest without checksums": (lambda f: manifest(f, sha256={}), "is not in the manifest"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_changed_files_are_found_out(small: Path, name: str) -> None:
    change, words = CHANGES[name]
    change(small)
    with pytest.raises(Corrupt, match=words):
        reading.read_set(small)
