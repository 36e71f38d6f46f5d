"""What a vector is once it is read, and what is the same in every file of one."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from parity.cases import Arrays, Case
from reference.arrays import Array

FORMAT = 1
DTYPES = ("float64", "float32")


class Corrupt(ValueError):
    """Vectors that are not what their manifest says, or cannot be read."""


@dataclass(frozen=True)
class Vector:
    """One case, read back from its files: the inputs, and for each tensor what is expected and how much it may be off.

    keys: those of the case.toml it was read from (SPEC 10.2). expect: float64. allowed: by dtype and name, an array
    that goes with the tensor. manifest: the sha256 of the one that vouched for it. reverse: whether its one direction
    reads from the end (SPEC 10.13).
    """

    keys: Mapping[str, Any]
    case: Case
    values: Arrays
    expect: Mapping[str, Array]
    allowed: Mapping[str, Mapping[str, Array]]
    manifest: str
    reverse: bool = False


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
