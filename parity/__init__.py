"""Parity: the case table, the oracles, the tolerance, and the command line that puts the reference before them."""

from pathlib import Path
from typing import Any

import reference

_HERE, _FOUND = Path(__file__).resolve().parents[1], Path(reference.__file__ or "/").resolve().parent
if _FOUND != _HERE / "reference" or not hasattr(reference, "Network"):  # others have packages of that name
    raise ImportError(f"parity needs its own package reference, expected in {_HERE}, and found another in {_FOUND}")


def check(forward: Any, claims: Any, vjp: Any = None, k: str = "") -> int:
    """`parity.commands.checking.check`, whose packages are imported only now: functions of this process as a port."""
    from parity.commands.checking import check

    return check(forward, claims, vjp, k)
