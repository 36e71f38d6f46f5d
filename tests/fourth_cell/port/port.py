"""Both new cells as a port: `python port.py [MISTAKE]`, the mistake one of those of the test."""

import contextlib
import sys
from collections.abc import Mapping
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))

from parity import adapter, subject
from parity.mistakes import planted
from reference.arrays import Array
from tests.fourth_cell import tables
from tests.fourth_cell.mistakes import MISTAKES

tables.add()


def answer(request: adapter.Request) -> Mapping[str, Array]:
    with planted(MISTAKES[sys.argv[1]]) if len(sys.argv) > 1 else contextlib.nullcontext():
        return subject.run(request.case, request.values)


adapter.serve(answer)
