"""A port that is functions of this process: `parity.check`, and what the plugin of pytest asks. SPEC 10.6, 10.7."""

import traceback
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from parity.adapter import Answer, Request
from parity.ports import claims, roundoff
from parity.ports.claims import Port
from parity.ports.process import printable
from parity.ports.verdict import Outcome, as_expected, fed, judged, not_asked
from parity.vectors import Vector
from reference.arrays import Array

Claims = Mapping[str, Any] | str | Path


def port(claimed: Claims) -> Port:
    """What is claimed: the keys of a port.toml, without `command`; or the path of one. Raises BadPort."""
    if isinstance(claimed, (str, Path)):
        return claims.load(Path(claimed))
    return claims.parse({"command": ["python"], **claimed}, Path("claims"))


def run(port: Port, answer: Answer, vectors: Sequence[Vector], dtypes: Sequence[str]) -> Iterator[Outcome]:
    """Every vector in every dtype."""
    for dtype in dtypes:
        for vector in vectors:
            yield judge(port, answer, vector, dtype)


def judge(port: Port, answer: Answer, stored: Vector, dtype: str) -> Outcome:
    """What comes of one vector. What the functions raise is a failure, with its traceback among the complaints."""
    vector = roundoff.at(port.half_of(stored), dtype, roundoff.claimed(port, dtype))
    if unasked := not_asked(port, vector, dtype):
        return unasked

    def ask(vector: Vector, continued: bool = False) -> Outcome:
        asked = port.asked(vector.case, vector.expect)
        try:
            tensors = answer(Request(vector.case, vector.values.astype(dtype), tuple(asked), continued, vector.reverse))
            got: dict[str, Array] = {name: np.asarray(tensors[name]) for name in asked if name in tensors}
        except Exception as error:
            said = printable(f"{type(error).__name__}: {error}")
            return Outcome(vector, dtype, "fail", f"error: {said}", complaints=traceback.format_exc())
        return judged(vector, dtype, asked, got, {})

    outcome = ask(vector)
    return as_expected(port, fed(outcome, ask) if port.claims("streaming") else outcome)
