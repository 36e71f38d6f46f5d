"""`export --format npz`: each file says what the folder of its vector says."""

import tomllib
from pathlib import Path
from typing import Any

import numpy as np

from parity import commands, vectors
from parity.vectors import npy
from reference.arrays import Array

IDS = ["hand-1x1x1", "rich", "ctc-ragged-T17", "not-finite-nan", "gru-mix-10-relu-squared_error", "lstm-proj-rich"]


def written(folder: Path, *arguments: str) -> dict[str, dict[str, Array]]:
    """The files that are written, by their names, each with its arrays."""
    assert commands.main(["export", str(folder), "--format", "npz", *arguments]) == 0
    return {file.stem: dict(np.load(file, allow_pickle=False)) for file in sorted(folder.iterdir())}


def below(arrays: dict[str, Array], prefix: str) -> dict[str, Array]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}


def test_a_file_says_what_the_folder_says(tmp_path: Path) -> None:
    found = written(tmp_path / "v", *(word for case_id in IDS for word in ("--case", case_id)))
    assert found.keys() == set(IDS)
    for case_id, arrays in found.items():
        folder = vectors.FROZEN / case_id
        keys = tomllib.loads((folder / "case.toml").read_text(encoding="utf-8"))
        assert {name: array[()].item() for name, array in below(arrays, "case/").items()} == keys
        for kind in ("in", "expect"):
            files = {file.stem: npy.read(file) for file in (folder / kind).iterdir()}
            stored = below(arrays, f"{kind}/")
            assert stored.keys() == files.keys()
            for name, array in files.items():
                np.testing.assert_array_equal(stored[name], array, strict=True)
        _agree(arrays, tomllib.loads((folder / "tolerance.toml").read_text(encoding="utf-8")))


def _agree(arrays: dict[str, Array], limits: dict[str, Any]) -> None:
    """Every element has the limit of its step, 0 where the expectation is 0 that may not round. SPEC 10.4."""
    layout, expect = str(arrays["case/layout"]), below(arrays, "expect/")
    for dtype in vectors.DTYPES:
        stored = below(arrays, f"tolerance/{dtype}/")
        assert stored.keys() == expect.keys() == limits[dtype].keys()
        for name, wanted in expect.items():
            limit = np.array(limits[dtype][name])
            if limit.ndim:
                first = layout == "batch_first" and name in (
                    "output",
                    "z",
                    "y",
                    *(f"d_{n}" for n in ("output", "z", "y", "x")),
                )
                limit = limit.reshape([-1 if axis == int(first) else 1 for axis in range(wanted.ndim)])
            zero = (wanted == 0) & (name not in limits["zeros_may_round"])
            np.testing.assert_array_equal(stored[name], np.where(zero, 0, np.broadcast_to(limit, wanted.shape)))


def test_a_case_of_ones_own(tmp_path: Path) -> None:
    found = written(tmp_path / "v", "--hidden-size", "3", "--steps", "2", "--cell", "lstm")
    (arrays,) = found.values()
    assert arrays["in/weight_hh_l0"].shape == (12, 3)
    assert int(arrays["case/T"]) == 2
    assert str(arrays["case/cell"]) == "lstm"


def test_the_same_bytes_each_time(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        written(tmp_path / folder, "--case", "rich")
    assert (tmp_path / "a" / "rich.npz").read_bytes() == (tmp_path / "b" / "rich.npz").read_bytes()
