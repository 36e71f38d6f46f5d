"""The port's side of the conversation, for ports in Python, such as adapters to frameworks. SPEC 10.5."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from parity.cases import Arrays, Case
from parity.vectors import npy, reading
from reference.arrays import Array


@dataclass(frozen=True)
class Request:
    """One case as a port gets it: what it is, its inputs, and which tensors are asked for."""

    case: Case
    values: Arrays
    asked: tuple[str, ...]


def read(folder: Path) -> Request:
    """What a CASE_DIR holds."""
    files = reading.files_of(folder)
    keys = reading.read_keys(files)
    case, values = reading.read_inputs(files, keys)
    return Request(case, values, tuple(keys["asked"].split()))


def serve(answer: Callable[[Request], Mapping[str, Array]]) -> None:
    """Answers every line of the standard input: writes what is asked for of the tensors that `answer` gives."""
    for line in sys.stdin:
        folder, _, out = line.rstrip("\n").partition("\t")
        try:
            request = read(Path(folder))
            tensors = answer(request)
            for name in request.asked:
                npy.write(Path(out) / f"{name}.npy", np.asarray(tensors[name]))
            print("ok", flush=True)
        except Exception as error:  # one case that goes wrong must not end the others
            said = " ".join(f"{type(error).__name__}: {error}".split())
            print(f"error {said}", flush=True)
