"""A port that is `reference/plain.py` on Python's floats: its numbers, and the reading and writing of files."""

import math
import struct
import sys
from pathlib import Path

from reference import plain
from reference.floats import Floats

MAGIC = b"\x93NUMPY\x01\x00"
TYPES = {"<f8": "d", "<i8": "q", "|b1": "?"}


def read_array(path):
    """A `.npy` file as a nested list (SPEC 10.3)."""
    data = path.read_bytes()
    (length,) = struct.unpack_from("<H", data, len(MAGIC))
    start = len(MAGIC) + 2
    header = data[start : start + length].decode("ascii")
    kind = TYPES[header.split("'descr': '")[1].split("'")[0]]
    shape = [int(size) for size in header.split("(")[1].split(")")[0].split(",") if size.strip()]
    values = struct.unpack(f"<{math.prod(shape)}{kind}", data[start + length :])
    return nested(iter(values), shape)


def nested(values, shape):
    """The next of the values, in lists of that shape."""
    if not shape:
        return next(values)
    return [nested(values, shape[1:]) for _ in range(shape[0])]


def write_array(path, value):
    """A nested list of floats as a `.npy` file (SPEC 10.3)."""
    shape, values = (), [value]
    while values and isinstance(values[0], list):
        shape += (len(values[0]),)
        values = [element for part in values for element in part]
    header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}"
    header += " " * (-(len(MAGIC) + 2 + len(header) + 1) % 64) + "\n"
    data = struct.pack(f"<{len(values)}d", *values)
    path.write_bytes(MAGIC + struct.pack("<H", len(header)) + header.encode("ascii") + data)


def read_case(path):
    """The keys of case.toml (SPEC 10.2)."""
    case = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        key, text = line.split(" = ", 1)
        if text.startswith('"'):
            case[key] = text[1:-1]
        elif text in ("true", "false"):
            case[key] = text == "true"
        else:
            case[key] = float(text) if key == "dropout" else int(text)
    return case


def answer(case_dir, out_dir, ended, more):
    """One case: what is asked for, from what is given (SPEC 10.5). ended: h_n, c_n of the one before (SPEC 10.12)."""
    case = read_case(case_dir / "case.toml")
    given = {path.stem: read_array(path) for path in (case_dir / "in").iterdir()}
    if more == ["continue"]:
        if not ended:
            raise ValueError("nothing to continue")
        given |= ended
    run = plain.forward(case, given, Floats)
    asked = case["asked"].split()
    if any(name.startswith("d_") for name in asked):
        run = run | plain.backward(case, given, run, Floats)
    for name in asked:
        write_array(out_dir / f"{name}.npy", run[name])
    return {f"{state}0": run[f"{state}_n"] for state in ("h", "c") if f"{state}_n" in run}


ended = {}
for line in sys.stdin.buffer:
    case_dir, out_dir, *more = line.decode("utf-8").rstrip("\n").split("\t")
    ended = answer(Path(case_dir), Path(out_dir), ended, more)
    print("ok", flush=True)
