"""Named mistakes, planted in the reference one at a time: each must be caught by the case table.

The tables stand in the order in which `python -m parity bugs` prints them. `measure` finds which cases catch a mistake,
`likeness` which mistake wrong answers look like, `naming` how often that is the right one.
"""

from parity.mistakes import (
    approximations,
    column,
    ctc,
    divergences,
    dropout,
    gru,
    kept,
    layers,
    loops,
    lstm,
    output_layer,
    padding,
    pooling,
    precision,
    states,
    through_time,
)
from parity.mistakes.mistake import Mistake, planted

__all__ = ["MISTAKES", "Mistake", "planted"]

_TABLES = (
    approximations,
    column,
    states,
    through_time,
    pooling,
    precision,
    kept,
    layers,
    loops,
    padding,
    dropout,
    output_layer,
    divergences,
    ctc,
    gru,
    lstm,
)

MISTAKES: dict[str, Mistake] = {mistake.name: mistake for table in _TABLES for mistake in table.MISTAKES}
