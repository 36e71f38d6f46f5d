"""A user's own weights, from a file that is read without trust: `.npz` or `.safetensors`."""

import zipfile
from collections.abc import Iterable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from parity.packages import install
from reference.arrays import Array
from reference.network import OUTPUT, RECURRENT

LARGEST = 2**30  # bytes of all arrays of a file
SHOWN = 8  # names of a file
FIRST = "weight_ih_l0"  # the parameter that every stack has

RECIPE = """\
import torch
from safetensors.torch import save_file
state = torch.load("model.pt", map_location="cpu", weights_only=True)
state = state.get("state_dict", state)  # of a checkpoint, by its key
state = {name: p.clone().contiguous() for name, p in state.items()}
save_file(state, "model.safetensors")
"""
FROM_TORCH = f"""\
What torch.save has written becomes a .safetensors file in Python:

{"".join(f"    {line}" for line in RECIPE.splitlines(keepends=True))}
Where a whole module was saved, and the file is your own (it may run code):
torch.load("model.pt", map_location="cpu", weights_only=False).state_dict()"""


def load(path: Path) -> dict[str, Array]:
    """Name to array, as the file has them. Raises ValueError on another kind of file, OSError where there is none."""
    if path.suffix == ".npz":
        found = _npz(path)
    elif path.suffix == ".safetensors":
        found = _safetensors(path)
    else:
        raise ValueError(f"expected weights in a .npz or .safetensors file, got {path.name}\n\n{FROM_TORCH}")
    for name in found:
        if not name.isprintable():
            raise ValueError(f"{path} has the name {name!r}, expected one that can be printed")
    return found


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


def _safetensors(path: Path) -> dict[str, Array]:
    if find_spec("safetensors") is None:
        raise ValueError(f"a .safetensors file needs safetensors: {install('weights')}")
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        return dict(load_file(path))
    except SafetensorError as error:
        raise ValueError(f"{path} is no .safetensors file: {error}") from error
    except (
        TypeError,
        AttributeError,
    ) as error:  # bfloat16 and narrower floats: NumPy has no such type, unless another package brings it
        raise ValueError(f"{path} should be of dtype float32 or float64 (.float() in torch): {error}") from error


def named(
    stored: Mapping[str, Array], prefix: str | None = None, renames: Sequence[tuple[str, str]] = ()
) -> tuple[dict[str, Array], list[str]]:
    """The weights under the names of a stack or a network (SPEC 1.4, 1.5), and what of the file is left out.

    renames: (old, new) for a name, or for what stands before a dot in one. prefix: what is not renamed is left out, but
    for the stack, whose names begin so. Raises ValueError where one of them concerns no name, or two become the same.
    """
    for old, other in renames:
        if not any(_begins(name, old) for name in stored):
            raise ValueError(f"--rename {old}={other}: no name is {old} or begins with {old}.; got {listed(stored)}")
    if prefix is not None and not any(name.startswith(prefix) for name in stored):
        raise ValueError(f"--prefix {prefix}: no name begins so; got {listed(stored)}{hint(stored)}")
    renamed = {name: _renamed(name, renames) for name in stored}
    stack = RECURRENT if any(new and new.startswith(OUTPUT) for new in renamed.values()) else ""
    found: dict[str, Array] = {}
    left_out: list[str] = []
    for name, new in renamed.items():
        if prefix is None:
            new = new or name
        elif name.startswith(prefix):
            new = new or stack + name.removeprefix(prefix)
        if new is None:
            left_out.append(name)
        elif new in found:
            raise ValueError(f"two of the weights become {new}, one of them {name}")
        else:
            found[new] = stored[name]
    return found, left_out


def _begins(name: str, old: str) -> bool:
    return name == old or name.startswith(f"{old}.")


def _renamed(name: str, renames: Iterable[tuple[str, str]]) -> str | None:
    """The new name by the first of the renames that concerns it."""
    return next((new + name.removeprefix(old) for old, new in renames if _begins(name, old)), None)


def hint(stored: Mapping[str, Array]) -> str:
    """A line with the options that would find a stack, and an output layer, under the names of a file; or nothing."""
    stacks = [name.removesuffix(FIRST) for name in stored if name.endswith(FIRST)]
    layers = [name.removesuffix(".bias") for name in stored if name.endswith(".bias")]
    heads = [layer for layer in layers if f"{layer}.weight" in stored and stored[f"{layer}.weight"].ndim == 2]
    if not any(stacks):
        return ""
    stack = " or ".join(f"--prefix {prefix}" for prefix in stacks[:SHOWN])
    head = f" (with its output layer: --rename {heads[-1]}=output)" if heads else ""
    return f"\nDid you mean {stack}{head}?"


def listed(names: Iterable[str]) -> str:
    """Some names, and how many more there are."""
    every = list(names)
    return ", ".join(every[:SHOWN]) + (f" and {len(every) - SHOWN} more" if len(every) > SHOWN else "")


def rounded(values: Mapping[str, Array]) -> tuple[dict[str, Array], float]:
    """The values as float64 that float32 can represent, and the largest change. Raises ValueError on others."""
    found, largest = {}, 0.0
    for name, array in values.items():
        if array.dtype not in (np.float32, np.float64):
            raise ValueError(f"{name} should be of dtype float32 or float64 (.float() in torch), got: {array.dtype}")
        with np.errstate(over="ignore"):
            found[name] = array.astype(np.float32).astype(np.float64)
        if not (finite := np.isfinite(found[name])).all():
            index = tuple(int(i) for i in np.argwhere(~finite)[0])
            raise ValueError(f"{name} should be finite in float32, got {array[index]} at {list(index)}")
        largest = max(largest, float(np.abs(found[name] - array).max(initial=0)))
    return found, largest
