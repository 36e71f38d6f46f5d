"""THE case table: tests, benchmarks, vectors and the parity run all read it.

An id says what its case is, is permanent, and seeds the case's values: a changed case is a new id. The ids of the two
covering sets (`RNN_IDS`, `HEAD_IDS`) are made of option tokens and nothing else; the special cases are written out.
Every value is representable in float32, so that a case is the same case in both dtypes; every case meets SPEC 30.3.

The table runs nothing: `parity.admission` and `parity.ports.fresh`, which run the reference on cases, stand above it.
"""

from parity.cases.benchmarks import BENCHMARKS
from parity.cases.case import TARGETS, Arrays, Case, Own
from parity.cases.corners import CORNERS
from parity.cases.covering import COVERING, HEAD_IDS, RNN_IDS, TOKENS
from parity.cases.gated import GATED
from parity.cases.pairs import PAIRS
from parity.cases.sharp import SHARP
from parity.cases.special import SPECIAL
from parity.cases.values import RECIPES, arrays, strided

__all__ = [
    "BENCHMARKS",
    "CASES",
    "HEAD_IDS",
    "RECIPES",
    "RNN_IDS",
    "SPECIAL",
    "TARGETS",
    "TOKENS",
    "Arrays",
    "Case",
    "Own",
    "arrays",
    "strided",
]


CASES: dict[str, Case] = {case.id: case for case in [*COVERING, *SPECIAL, *CORNERS, *PAIRS, *SHARP, *GATED]}
