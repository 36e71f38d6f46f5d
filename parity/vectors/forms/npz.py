"""A vector in one .npz file, that `np.load` reads. SPEC 10.1, 10.2, 10.3, 10.4.

case/KEY                 each key of case.toml, a single number, flag or text
in/NAME                  the inputs
expect/NAME              what must come out, float64
tolerance/DTYPE/NAME     the largest admissible error of every element, in the shape of the tensor: 0 where 0 must come
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from parity.vectors.description import named_inputs
from parity.vectors.vector import DTYPES, Vector


def write(folder: Path, vectors: Sequence[Vector]) -> None:
    """ID.npz for each."""
    for vector in vectors:
        arrays: dict[str, Any] = {
            **{f"case/{name}": np.array(value) for name, value in vector.keys.items()},
            **{f"in/{name}": array for name, array in named_inputs(vector.values).items()},
            **{f"expect/{name}": array for name, array in vector.expect.items()},
            **{f"tolerance/{dtype}/{name}": a for dtype in DTYPES for name, a in vector.allowed[dtype].items()},
        }
        np.savez_compressed(folder / f"{vector.case.id}.npz", **arrays)
