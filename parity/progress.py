"""How far long work is: who does it tells, who started it shows."""

from collections.abc import Callable
from typing import TypeAlias

Told: TypeAlias = Callable[
    [str, int, int | None], None
]  # what is done, how far it is, and of how many if that is known


def untold(what: str, done: int, total: int | None) -> None:
    """For nobody."""
