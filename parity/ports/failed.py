"""Which vectors a port failed when it was last asked for them: a file in its folder, an id a line."""

import secrets
from collections.abc import Sequence
from contextlib import suppress

from parity.ports.claims import Port
from parity.ports.verdict import WRONG, Outcome
from parity.vectors import npy

FILE = ".bptt-failed"


def remembered(port: Port) -> set[str]:
    """The ids of the vectors that failed; none where nothing is known. A link is not followed (SPEC 10.8)."""
    with suppress(OSError, ValueError):
        return set(npy.read_bytes(port.folder / FILE).decode().splitlines())
    return set()


def remember(port: Port, outcomes: Sequence[Outcome]) -> None:
    """Adds what failed now, and takes away what was asked for and did not. Never raises: a read-only folder stays."""
    asked = {o.vector.case.id for o in outcomes}
    left = (remembered(port) - asked) | {o.vector.case.id for o in outcomes if o.verdict in WRONG}
    file = port.folder / FILE
    with suppress(OSError):
        if not left:
            file.unlink(missing_ok=True)
            return
        beside = port.folder / f"{FILE}-{secrets.token_hex(8)}"
        with beside.open("x", encoding="utf-8", newline="\n") as opened:
            opened.writelines(f"{case_id}\n" for case_id in sorted(left))
        beside.replace(file)  # a link there is replaced, not written through
