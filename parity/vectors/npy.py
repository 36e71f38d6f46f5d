"""Arrays in files: `.npy` of format 1.0, C order, little-endian; read without trusting what is there. SPEC 10.3."""

import io
import os
import stat
import warnings
from math import prod
from pathlib import Path

import numpy as np

from reference.arrays import Array

LARGEST = 2**30  # bytes of a file that is read at all
LONGEST_HEADER = 10_000
MOST_AXES = 8


class Unreadable(ValueError):
    """A file that does not hold what it should; says in words what it holds."""


def write(path: Path, array: Array) -> None:
    """Writes an array in C order and little-endian, whatever its memory is."""
    ordered = np.asarray(array, dtype=array.dtype.newbyteorder("<"), order="C")
    with path.open("xb") as file:
        np.lib.format.write_array(file, ordered, version=(1, 0), allow_pickle=False)


def read(path: Path, largest: int = LARGEST) -> Array:
    """The array in a file. Links are not followed, and no more than the header and `largest` bytes are read.

    Raises Unreadable on a link, folder or pipe, on a file that is longer, and as `parse`; FileNotFoundError where there
    is no file.
    """
    return parse(read_bytes(path, largest + LONGEST_HEADER))


def parse(content: bytes) -> Array:
    """The array that the content of a file is.

    Raises Unreadable on another format or order, on what are no plain numbers or bools, on a shape that no array has,
    and on data that are shorter or longer than the header says.
    """
    header = io.BytesIO(content)
    try:
        if np.lib.format.read_magic(header) != (1, 0):
            raise Unreadable("is no .npy file of format 1.0")
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            shape, fortran_order, dtype = np.lib.format.read_array_header_1_0(header, max_header_size=LONGEST_HEADER)
    except Unreadable:
        raise
    except Exception as error:  # whatever a garbled header makes the parser say
        raise Unreadable("is no .npy file") from error
    if dtype.hasobject:
        raise Unreadable("holds Python objects")
    if dtype.kind not in "biufc":
        raise Unreadable(f"holds {_short(dtype.str)}, which is no type of number")
    if not (len(shape) <= MOST_AXES and all(type(n) is int and 0 <= n <= LARGEST for n in shape)):
        raise Unreadable(f"promises the shape {_short(shape)}, which no array has")
    if fortran_order and len(shape) > 1:
        raise Unreadable("is in Fortran order")
    promised, there = prod(shape) * dtype.itemsize, len(content) - header.tell()
    if there != promised:
        raise Unreadable(f"holds {there} bytes of data where its header promises {promised}")
    return np.frombuffer(content, dtype, offset=header.tell()).reshape(shape)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:60] + "…"


def read_bytes(path: Path, largest: int = LARGEST) -> bytes:
    """What a plain file holds. Raises Unreadable on a link, folder or pipe, and on a file that is longer."""
    if not stat.S_ISREG(path.lstat().st_mode):
        raise Unreadable("is no plain file")
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    with open(os.open(path, flags), "rb") as file:  # noqa: PTH123 (a descriptor, no path)
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):  # it was put there since
            raise Unreadable("is no plain file")
        found = file.read(largest + 1)
    if len(found) > largest:
        raise Unreadable(f"is more than {largest} bytes long")
    return found
