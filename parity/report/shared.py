"""What the vectors that fail have in common, and no vector that passes has. SPEC 10.7."""

from collections.abc import Iterator, Sequence
from itertools import combinations

from parity.cells import in_words
from parity.ports.verdict import WRONG, Outcome

LINES = 3
ABOVE, BOUNDS = " above ", (1, 8, 16, 32, 64, 256)


def shared(outcomes: Sequence[Outcome]) -> list[str]:
    """The features, or else the pairs of them, that all failing vectors have and no passing one; three at most.

    A pair explains nothing where a single vector fails: some pair always is its own.
    """
    failing = [list(features(o)) for o in outcomes if o.verdict in WRONG]
    passing = [set(features(o)) for o in outcomes if o.verdict == "pass"]
    if not failing or not passing:
        return []
    common = [feature for feature in failing[0] if all(feature in others for others in failing)]
    for together in (1, 2) if len(failing) > 1 else (1,):
        found: dict[tuple[str, ...], str] = {}
        for some in combinations(common, together):
            if not any(others.issuperset(some) for others in passing):
                about = tuple(feature.partition(ABOVE)[0] for feature in some)
                found.setdefault(about, _in_words(some, [o.dtype for o in outcomes]))
        if found:
            return list(found.values())[:LINES]
    return []


def _in_words(some: Sequence[str], dtypes: Sequence[str]) -> str:
    """A feature, or a pair: "bidirectional with lengths", "nonlinearity relu in float64"."""
    one, *others = some
    for other in others:
        joined = "in " if other in dtypes else "" if other.startswith("without ") else "with "
        one += f" {joined}{other}"
    return one


def features(outcome: Outcome) -> Iterator[str]:
    """What a vector exercises, in words: what is there before what is not."""
    case = outcome.vector.case
    values = outcome.vector.values
    yield f"cell {case.cell}"
    yield from in_words(case.cell, case)
    there = {
        "more than one layer": case.num_layers > 1,
        "bidirectional": case.bidirectional,
        "lengths": case.lengths is not None,
        "h0": case.h0,
        "biases": case.bias,
        "dropout masks": case.masks,
        "truncation": case.truncate is not None,
        "d_h_n": values.d_last is not None,
        "output layer": case.O is not None,
        "weights": case.weights is not None,
    }
    yield from (name for name, holds in there.items() if holds)
    if case.O is not None:
        yield f"activation {case.activation}"
        yield f"divergence {case.divergence}"
        yield f"reduction {case.reduction}"
    yield f"layout {case.layout}"
    for name in ("T", "B", "I", "H", "O"):
        size = getattr(case, name) or 0
        if size == 1:
            yield f"{name} = 1"
        yield from (f"{name}{ABOVE}{bound}" for bound in BOUNDS if size > bound)
    yield outcome.dtype
    yield from (f"without {name}" for name, holds in there.items() if not holds)
