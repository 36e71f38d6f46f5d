"""How the objects of the package show themselves: in a REPL by names and shapes, in `help` without types.

Nothing here computes anything.
"""

import inspect
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import fields
from operator import attrgetter
from typing import Any

from reference.arrays import Array

WIDTH = 80


class Named(dict[str, Array]):
    """Arrays by name: a dict that shows names and shapes."""

    def __repr__(self) -> str:
        return _lines("dict of arrays", [f"{name} {_shape(array)}" for name, array in self.items()])


def configuration(of: Any) -> str:
    """A dataclass with those of its options that are not as they are by default."""
    given = [f.name for f in fields(of) if getattr(of, f.name) != f.default]
    return f"{type(of).__name__}({', '.join(f'{name}={getattr(of, name)!r}' for name in given)})"


def arrays(of: object, *others: str, **values: Any) -> str:
    """An object by the shapes of its arrays, and what else is said of it."""
    parts = [part for name, value in values.items() for part in _parts(name, value)]
    return _lines(type(of).__name__, [*parts, *others])


def columns(layers: Sequence[Any]) -> str:
    """Where the columns of every layer and direction are, and what they have. SPEC 21.1, 21.3."""
    if not layers:
        return "no layers (checkpoints alone)"
    return f"layers[{_range(layers)}].{directions(layers[0].directions)}"


def directions(columns: Sequence[Any]) -> str:
    """The same of one layer."""
    return f"directions[{_range(columns)}] of {', '.join(columns[0].names)}"


def no_attribute(of: Any, name: str, called: str, layers: str, output: str | None = None) -> str:
    """What is said of a name that an object does not have, and where else it is.

    called: what the user calls the object. layers, output: the attributes at which its layers and its output are.
    """
    if not name.startswith("_") and vars(of):  # an instance that is being copied is still without its fields
        found = attrgetter(layers)(of)
        if found and name in found[0].directions[0].names:
            there = f"that of layer l, direction d is {called}.{layers}[l].directions[d].{name}"
            return f"{called} has no {name}: {there}" + (
                f"; the output of the stack is {called}.{output}" if output else ""
            )
        for parameter in vars(of).get("params", ()):
            if name == parameter.rpartition(".")[2]:
                return f"{called} has no {name}: it is {called}.params[{parameter!r}]"
    return f"{type(of).__name__!r} object has no attribute {name!r}"


def without_types(*classes: type) -> None:
    """`help` shows the methods of these by names and defaults; their docstrings say what each argument is."""
    functions = [f for cls in classes for of in cls.__mro__ for f in vars(of).values() if inspect.isfunction(f)]
    for function in functions:
        public = function.__name__ == "__init__" or not function.__name__.startswith("_")
        if public and function.__module__.startswith(__package__):
            function.__dict__["__signature__"] = _Bare.of(inspect.signature(function))


class _Bare(inspect.Signature):
    """Names and defaults, in lines that fit."""

    @classmethod
    def of(cls, signature: inspect.Signature) -> "_Bare":
        return cls([p.replace(annotation=p.empty) for p in signature.parameters.values()])

    def __str__(self) -> str:
        return textwrap.fill(super().__str__(), WIDTH, subsequent_indent="    ")


def _parts(name: str, value: Any) -> list[str]:
    """A value with its shape; of a mapping each."""
    if isinstance(value, Mapping):
        return [f"{name}[{key!r}] {_shape(array)}" for key, array in value.items()]
    return [f"{name} {_shape(value)}"]


def _shape(value: Any) -> str:
    """The shape of an array, of each of a tuple; a number itself."""
    if isinstance(value, tuple):
        return f"({', '.join(map(_shape, value))})"
    return str(getattr(value, "shape", None) or value)


def _range(of: Sequence[Any]) -> str:
    return "0" if len(of) == 1 else f"0..{len(of) - 1}"


def _lines(title: str, parts: Sequence[str]) -> str:
    """`<title: part, part, ...>`, broken between parts."""
    lines = [f"<{title}:"]
    for part in parts:
        if len(lines[-1]) + len(part) + 2 > WIDTH:
            lines.append("   ")
        lines[-1] += f" {part},"
    return "\n".join(lines).rstrip(",:") + ">"
