"""Arrays in files: what is written is read back, and nothing else is read as an array. SPEC 10.3."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from parity.vectors import npy
from reference.arrays import Array


@pytest.mark.parametrize(
    "array",
    [
        np.arange(24.0).reshape(2, 3, 4),
        np.asfortranarray(np.arange(6, dtype=np.float32).reshape(2, 3)),
        np.arange(4, dtype=">i8"),
        np.array([[True, False]]),
        np.array(np.nan),
        np.empty((0, 5)),
    ],
    ids=lambda a: f"{a.dtype}{a.shape}",
)
def test_what_is_written_is_read_back_in_c_order_and_little_endian(tmp_path: Path, array: Array) -> None:
    npy.write(tmp_path / "a.npy", array)
    found = npy.read(tmp_path / "a.npy")
    np.testing.assert_array_equal(found, array)
    assert found.dtype == array.dtype.newbyteorder("<")
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), array)  # NumPy agrees on the format
    assert (tmp_path / "a.npy").read_bytes().startswith(b"\x93NUMPY\x01\x00")


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    npy.write(tmp_path / "a.npy", np.ones(3))
    with pytest.raises(FileExistsError):
        npy.write(tmp_path / "a.npy", np.zeros(3))


def saved(path: Path, array: Array) -> bytes:
    np.save(path, array, allow_pickle=True)
    return path.read_bytes()


def replaced(path: Path, change: Callable[[bytes], bytes]) -> None:
    path.write_bytes(change(saved(path, np.arange(5.0))))


def linked(path: Path) -> None:
    saved(path.with_name("b.npy"), np.ones(3))
    path.symlink_to(path.with_name("b.npy"))


def version_2(path: Path) -> None:
    with path.open("wb") as file:
        np.lib.format.write_array(file, np.ones(3), version=(2, 0))


WRONG: dict[str, tuple[Callable[[Path], object], str]] = {
    "empty": (lambda path: path.write_bytes(b""), "is no .npy file"),
    "garbled": (lambda path: path.write_bytes(b"\xff" * 200), "is no .npy file"),
    "garbled header": (lambda path: replaced(path, lambda c: c[:12] + b"(((((" + c[17:]), "is no .npy file"),
    "another version": (version_2, "is no .npy file of format 1.0"),
    "truncated": (lambda path: replaced(path, lambda c: c[:-1]), "holds 39 bytes of data where its header promises 40"),
    "too long": (
        lambda path: replaced(path, lambda c: c + b"x"),
        "holds 41 bytes of data where its header promises 40",
    ),
    "half a header": (lambda path: replaced(path, lambda c: c[:30]), "is no .npy file"),
    "objects": (lambda path: saved(path, np.array([{}, None])), "holds Python objects"),
    "Fortran order": (lambda path: saved(path, np.asfortranarray(np.ones((2, 3)))), "is in Fortran order"),
    "far too long": (lambda path: path.write_bytes(bytes(20_000)), "is more than 11000 bytes long"),
    "link": (linked, "is no plain file"),
    "folder": (lambda path: path.mkdir(), "is no plain file"),
    "pipe": (lambda path: os.mkfifo(path), "is no plain file"),
}


@pytest.mark.parametrize("name", WRONG)
def test_anything_else_is_refused_in_words(tmp_path: Path, name: str) -> None:
    make, words = WRONG[name]
    make(tmp_path / "a.npy")
    with pytest.raises(npy.Unreadable, match=f"^{words}$"):
        npy.read(tmp_path / "a.npy", largest=1000)


def test_no_file_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        npy.read(tmp_path / "a.npy")
