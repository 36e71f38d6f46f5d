"""A user's own weights, from a file that is read without trust: `.npz` or `.safetensors`."""

import zipfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from parity.packages import install
from reference.arrays import Array

LARGEST = 2**30  # bytes of all arrays of a file


def load(path: Path) -> dict[str, Array]:
    """Name to array, as the file has them. Raises ValueError on another kind of file, OSError where there is none."""
    if path.suffix == ".npz":
        return _npz(path)
    if path.suffix == ".safetensors":
        if find_spec("safetensors") is None:
            raise ValueError(f"a .safetensors file needs safetensors: {install('weights')}")
        from safetensors import SafetensorError
        from safetensors.numpy import load_file

        try:
            return dict(load_file(path))
        except SafetensorError as error:
            raise ValueError(f"{path} is no .safetensors file: {error}") from error
    raise ValueError(f"expected weights in a .npz or .safetensors file, got {path.name}")


def _npz(path: Path) -> dict[str, Array]:
    """The arrays of a .npz file, none of which may unpack to more than LARGEST bytes together with the others."""
    try:
        with zipfile.ZipFile(path) as packed:
            size = sum(member.file_size for member in packed.infolist())  # no more than that is ever unpacked
        if size > LARGEST:
            raise ValueError(f"it unpacks to {size} bytes, {LARGEST} at most")
        with np.load(path, allow_pickle=False) as file:
            return dict(file)
    except OSError:
        raise
    except Exception as error:  # whatever a garbled file makes zip and NumPy say
        raise ValueError(f"{path} is no .npz file of weights: {error}") from error


def rounded(weights: dict[str, Array]) -> tuple[dict[str, Array], float]:
    """The weights as float64 that float32 can represent, and the largest change. Raises ValueError on others."""
    found, largest = {}, 0.0
    for name, array in weights.items():
        if array.dtype not in (np.float32, np.float64):
            raise ValueError(f"{name} should be of dtype float32 or float64, got: {array.dtype}")
        with np.errstate(over="ignore"):
            found[name] = array.astype(np.float32).astype(np.float64)
        if not np.isfinite(found[name]).all():
            raise ValueError(f"{name} should be finite in float32")
        largest = max(largest, float(np.abs(found[name] - array).max(initial=0)))
    return found, largest
