"""A user's own weights, from a file that is read without trust: `.npz` or `.safetensors`."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np

from reference.arrays import Array


def load(path: Path) -> dict[str, Array]:
    """Name to array, as the file has them. Raises ValueError on another kind of file, OSError where there is none."""
    if path.suffix == ".npz":
        with np.load(path, allow_pickle=False) as file:
            return dict(file)
    if path.suffix == ".safetensors":
        if find_spec("safetensors") is None:
            raise ValueError('a .safetensors file needs safetensors: python -m pip install -e ".[weights]"')
        from safetensors import SafetensorError
        from safetensors.numpy import load_file

        try:
            return dict(load_file(path))
        except SafetensorError as error:
            raise ValueError(f"{path} is no .safetensors file: {error}") from error
    raise ValueError(f"expected weights in a .npz or .safetensors file, got {path.name}")


def rounded(weights: dict[str, Array]) -> tuple[dict[str, Array], float]:
    """The weights as float64 that float32 can represent, and the largest change. Raises ValueError on other dtypes."""
    found, largest = {}, 0.0
    for name, array in weights.items():
        if array.dtype not in (np.float32, np.float64):
            raise ValueError(f"{name} should be of dtype float32 or float64, got: {array.dtype}")
        found[name] = array.astype(np.float32).astype(np.float64)
        largest = max(largest, float(np.abs(found[name] - array).max(initial=0)))
    return found, largest
