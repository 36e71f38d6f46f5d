"""Chooses the options of one case after another so that few cases have many pairs of values. Greedy, by a seed."""

from collections.abc import Iterator, Mapping
from math import prod

import numpy as np

from parity.coverage.options import Choice, Options, Pair

TRIALS = 60  # of which the best is taken


def choices(table: Options, rng: np.random.Generator, wanted: set[Pair]) -> Iterator[Choice]:
    """Choices without end, each with as many of the pairs that are still wanted as a few trials have found.

    What a choice has is taken from `wanted`. A pair of options with many values weighs more: a case has one of many.
    """
    weights = {pair: prod(len(table.values[name]) for name, _ in pair) for pair in sorted(wanted, key=sorted)}
    while True:
        weights = {pair: weight for pair, weight in weights.items() if pair in wanted}
        found = [_grown(table, rng, weights) for _ in range(TRIALS)]
        best = max(found, key=lambda choice: sum(weights.get(pair, 0) for pair in table.pairs_of(choice)))
        wanted -= table.pairs_of(best)
        yield best


def _grown(table: Options, rng: np.random.Generator, weights: Mapping[Pair, float]) -> Choice:
    """A whole choice that begins with a pair wanted: option after option, the value that brings most of the others."""
    choice: Choice = dict(sorted(list(weights)[rng.integers(len(weights))])) if weights else {}
    for name in rng.permutation([name for name in table.table if name not in choice]).tolist():
        gains = {value: rng.random() / 2 + _gain(choice, name, value, weights) for value in table.candidates(name)}
        in_order = sorted(gains, key=lambda value: -gains[value])
        choice = next(grown for value in in_order if table.completed(grown := choice | {name: value}))
    return choice


def _gain(choice: Choice, name: str, value: str | None, weights: Mapping[Pair, float]) -> float:
    """What all pairs of a value with those that are chosen weigh."""
    if value is None:
        return 0
    chosen = [(other, of) for other, of in choice.items() if of is not None]
    return sum(weights.get(frozenset({(name, value), pair}), 0) for pair in chosen)
