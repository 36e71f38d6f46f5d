"""A vector as a C header, for a machine without files: arrays, and the checker beside them. SPEC 9.4, 10.2, 10.3, 10.4.

    bptt_in_NAME  bptt_expect_NAME  bptt_limit_NAME     arrays, row-major; `.` of a name is `_`; a limit for each step
    BPTT_KEY                                            each key of case.toml, 1 or 0 for a flag, "" around text
    BPTT_KEY_VALUE                                      defined, of a key that is one of a few words: BPTT_CELL_gru
    BPTT_AT_NAME                                        where a tensor's answer is put: bptt_check.h

One vector is one header; it is included once in a program, all of it is `static`.
"""

import re
from collections.abc import Iterator, Sequence
from importlib.resources import files
from itertools import groupby
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from parity import tensors
from parity.vectors.description import named_inputs
from parity.vectors.forms import rounding
from parity.vectors.vector import Vector
from reference.arrays import Array

CHECKER = "bptt_check.h"
TYPES = {"float64": "double", "float32": "float"}
WORD = re.compile(r"[a-z_]+")
PROSE = ("id", "comment", "clauses", "asked")  # keys that are not one of a few words
A_LINE = 4  # numbers


def write(folder: Path, vectors: Sequence[Vector], dtype: str) -> None:
    """ID.h for each, and the checker that they include."""
    checker = files("parity.vectors.forms").joinpath(CHECKER).read_bytes()
    (folder / CHECKER).write_bytes(checker)
    for vector in vectors:
        (folder / f"{vector.case.id}.h").write_text("\n".join(_lines(vector, dtype)), encoding="ascii", newline="\n")


def _lines(vector: Vector, dtype: str) -> Iterator[str]:
    case, names = vector.case, list(vector.expect)
    real = TYPES[dtype]
    yield f"typedef {real} bptt_real;"
    yield f'#include "{CHECKER}"'
    yield ""
    for key, value in {**vector.keys, "dtype": dtype}.items():
        yield f"#define BPTT_{key.upper()} {_constant(value)}"
        if isinstance(value, str) and key not in PROSE and WORD.fullmatch(value):
            yield f"#define BPTT_{key.upper()}_{value}"
    yield ""
    for name, array in named_inputs(vector.values).items():
        yield from _array(f"bptt_in_{_identifier(name)}", array.astype(dtype) if array.dtype.kind == "f" else array)
    for name in names:
        yield from _array(f"bptt_expect_{_identifier(name)}", rounding.rounded(vector, name, dtype))
        yield from _array(f"bptt_limit_{_identifier(name)}", _up(rounding.limits(vector, name, dtype), dtype))
    yield "/* in the order of computation */"
    yield "enum {"
    yield from (f"    BPTT_AT_{_identifier(name)}," for name in names)
    yield "    BPTT_TENSORS"
    yield "};"
    yield "static const struct bptt_tensor bptt_expect[BPTT_TENSORS] = {"
    turns = [
        turn for turn, (_, same) in enumerate(groupby(names, lambda n: tensors.find(case, n).recursion)) for _ in same
    ]
    for name, turn in zip(names, turns, strict=True):
        yield f"    {_row(vector, name, turn, dtype)},"
    yield "};"
    yield "static const bptt_real *bptt_got[BPTT_TENSORS];"
    yield "static const struct bptt_vector bptt_vector = {BPTT_ID, bptt_expect, bptt_got, BPTT_TENSORS};"
    yield ""


def _row(vector: Vector, name: str, turn: int, dtype: str) -> str:
    """One struct bptt_tensor."""
    about, shape = tensors.find(vector.case, name), vector.expect[name].shape
    time = about.time_axis
    steps, inner = (1, prod(shape)) if time is None else (shape[time], prod(shape[time + 1 :]))
    zeros_may_round = rounding.zero_may_round(vector, name, dtype)
    numbers = (prod(shape), steps, inner, turn, int(about.backward), int(zeros_may_round))
    identifier = _identifier(name)
    arrays = f"bptt_expect_{identifier}, bptt_limit_{identifier}"
    return f'{{"{name}", {arrays}, {", ".join(map(str, numbers))}}}'


def _up(limits: Array, dtype: str) -> Array:
    """The limits in a dtype, never smaller for it."""
    found = limits.astype(dtype)
    return np.where(found < limits, np.nextafter(found, np.inf, dtype=dtype), found)


def _array(name: str, array: Array) -> Iterator[str]:
    """One array, row-major, with its shape beside it. C has none without elements: that is a single 0."""
    kind = {"f": "bptt_real", "b": "unsigned char"}.get(array.dtype.kind, "int")
    numbers = [_number(number) for number in array.ravel()] or ["0"]
    yield f"BPTT_DATA {kind} {name}[{len(numbers)}] = {{ /* {array.shape} */"
    yield from (f"    {', '.join(numbers[at : at + A_LINE])}," for at in range(0, len(numbers), A_LINE))
    yield "};"


def _number(number: Any) -> str:
    """The shortest decimal that is this number again, of its type."""
    if not isinstance(number, np.floating):
        return str(int(number))
    if np.isnan(number):
        return "NAN"
    if np.isinf(number):
        return "INFINITY" if number > 0 else "-INFINITY"
    digits = np.format_float_scientific(number, trim="0")
    return f"{digits}f" if number.dtype == np.float32 else digits


def _constant(value: Any) -> str:
    """A key's value in C."""
    if isinstance(value, str):
        return f'"{_escaped(value)}"'
    return str(int(value)) if isinstance(value, bool) else repr(value)


def _escaped(text: str) -> str:
    """Text in a string of C: ASCII, with three octal digits for each other byte."""
    return "".join(chr(b) if 32 <= b < 127 and chr(b) not in '"\\?' else f"\\{b:03o}" for b in text.encode())


def _identifier(name: str) -> str:
    return name.replace(".", "_")
