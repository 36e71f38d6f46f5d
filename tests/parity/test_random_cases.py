"""No false alarms: random cases, on which the reference must agree with the oracles; and any memory order will do.

A short run is part of `pytest`, the same every time; a thousand random examples of each property:

    python -m pytest -s tests/parity/test_random_cases.py --hypothesis-profile thousand [-k gru]
"""

from collections import Counter
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, event, example, given
from hypothesis import strategies as st

from parity import admission, oracles, runner, subject
from parity.cases import Arrays, Case, arrays
from parity.cells import CELLS
from parity.compare import compare, message
from reference.activations import NONLINEARITIES
from reference.arrays import Array
from reference.cells.gru import RESETS
from reference.divergences import DIVERGENCES, LOGITS
from tests.helpers import MEMORY, assert_same_bits

SMALL = st.integers(1, 7)
SIZES = SMALL | st.sampled_from([16, 33])
SCALES = [0.02, 0.25, 0.75, 1.5]  # weights from U(±scale/sqrt(H)); under the last, tanh saturates here and there
RECIPES = ["uniform"] * 4 + ["default-initialisation", "one-to-many"]
RECIPES_OF_AN_RNN = [
    *RECIPES,
    "critical",
    "vanishing",
    "exploding",
    "integers",
]  # of a square W_hh, or exact
DROPOUT: list[dict[str, Any]] = [
    {},
    {"dropout": 0.5},
    *({"dropout": p, "masks": True} for p in (0.0, 0.1, 0.25, 0.5, 1.0)),
]


@st.composite
def heads(draw: st.DrawFn, longest: int) -> dict[str, Any]:
    """The options of an output layer that go together; longest: the greatest length of a sequence."""
    divergence = DIVERGENCES[draw(st.sampled_from(sorted(DIVERGENCES)))]
    targets = {"binary_cross_entropy": ["bits"], "squared_error": ["values"]}.get(divergence.name, ["soft"])
    activation = draw(st.sampled_from(sorted(divergence.activations)))
    alone_is_certain = divergence.name == "binary_cross_entropy" and activation == "softmax"  # of one: log(1 - 1)
    return {
        "O": draw(SMALL) + alone_is_certain,
        "activation": activation,
        "divergence": divergence.name,
        "target": draw(st.sampled_from(targets + ["classes"] * divergence.takes_indices)),
        "reduction": draw(st.sampled_from(["sum", "mean"])),
        "weights": draw(st.sampled_from([None, "random", "mask", "last"] + ["delayed"] * (longest > 1))),
    }


def pooled_heads() -> st.SearchStrategy[dict[str, Any]]:
    """The options of the cross-entropy of a mean over the steps."""
    return st.fixed_dictionaries(
        {
            "O": SMALL,
            "activation": st.sampled_from(sorted(LOGITS)),
            "divergence": st.just("mean_pooled_cross_entropy"),
            "target": st.just("sequence"),
            "reduction": st.sampled_from(["sum", "mean"]),
            "weights": st.sampled_from([None, "random", "mask", "last"]),
        }
    )


@st.composite
def ctc_heads(draw: st.DrawFn, lengths: tuple[int, ...]) -> dict[str, Any]:
    """The options of CTC; lengths: of each sequence. Some targets need more steps than there are."""
    O = draw(st.integers(2, 7))
    blank = draw(st.integers(0, O - 1))
    label = st.sampled_from([k for k in range(O) if k != blank])
    labels = [tuple(draw(st.lists(label, max_size=n))) for n in lengths]
    needed = [len(row) + sum(a == b for a, b in pairwise(row)) for row in labels]
    zero_infinity = draw(st.booleans())
    return {
        "O": O,
        "activation": draw(st.sampled_from(sorted(LOGITS))),
        "divergence": "ctc",
        "target": "labels",
        "labels": tuple(labels),
        "blank": blank,
        "zero_infinity": zero_infinity,
        "reduction": draw(st.sampled_from(["sum", "mean"])),
        "finite": zero_infinity or all(steps <= n for steps, n in zip(needed, lengths, strict=True)),
    }


def exact_heads() -> st.SearchStrategy[dict[str, Any]]:
    """The options of an output layer that rounds nothing."""
    return st.fixed_dictionaries(
        {
            "O": SMALL,
            "activation": st.sampled_from(["identity", "relu"]),
            "weights": st.sampled_from([None, "random", "mask", "last"]),
        }
    )


@st.composite
def own_options(draw: st.DrawFn, cell: str, H: int, exact: bool) -> dict[str, Any]:
    """The options that are a cell's own; of an LSTM half of the cases have a projection, on any size below H."""
    if cell == "rnn":
        return {"nonlinearity": draw(st.sampled_from(("relu", "identity") if exact else tuple(NONLINEARITIES)))}
    if cell == "gru":
        return {"cell": cell, "reset": draw(st.sampled_from(tuple(RESETS)))}
    return {"cell": cell, "proj_size": draw(st.just(0) | st.integers(0, H - 1))}


@st.composite
def random_cases(draw: st.DrawFn, cells: tuple[str, ...] = tuple(CELLS)) -> Case:
    """A case of one of the cells, any options and sizes. Its id is made of all that was drawn, and seeds its values."""

    def one_of(*values: Any) -> Any:
        return draw(st.sampled_from(values))

    cell = one_of(*cells)
    recipe = one_of(*(RECIPES_OF_AN_RNN if cell == "rnn" else RECIPES))
    exact = recipe == "integers"
    options: dict[str, Any] = {
        "T": draw(SMALL if exact else SIZES),
        "B": draw(SMALL),
        "I": draw(SMALL if exact else SIZES),
        "H": draw(SMALL if exact else SIZES),
        "num_layers": one_of(1, 2, 3),
        "bias": one_of(True, False),
        "bidirectional": one_of(False, True),
        "layout": one_of("time_major", "batch_first", "unbatched"),
        "h0": one_of(True, False),
        "upstream": one_of("output+h_n", "output", "h_n", "last"),
        "recipe": recipe,
        "scale": one_of(*SCALES) if recipe == "uniform" else 0.75,
        "exact": exact,
        "memory": one_of("contiguous", "strided"),
    }
    T, B = options["T"], options["B"]
    options |= draw(own_options(cell, options["H"], exact))
    if options["num_layers"] > 1:
        options |= one_of(*(d for d in DROPOUT if not (exact and d.get("dropout") in (0.1, 0.25))))
    if not options["bidirectional"]:
        options["truncate"] = draw(st.none() | st.integers(1, T + 1))
    if options["layout"] == "unbatched":
        options["B"] = 1
    else:
        options["lengths"] = draw(st.none() | st.lists(st.integers(1, T), min_size=B, max_size=B).map(tuple))
    if one_of(False, True):
        lengths = options.get("lengths") or (T,) * options["B"]
        whole = pooled_heads() | ctc_heads(lengths)
        options |= draw(exact_heads() if exact else heads(max(lengths)) | whole)
        if options.get("divergence") in ("softmax_cross_entropy", "negative_log_likelihood") and recipe == "uniform":
            options["recipe"] = one_of("uniform", "large-logits")
    words = [f"{name}={value}" for name, value in options.items()] + [f"seed={draw(st.integers(0, 2**32 - 1))}"]
    return Case(" ".join(words), "random", "drawn by hypothesis", saturated=True, **options)


def found(case_id: str, comment: str, **options: Any) -> Case:
    return Case(case_id, "random", comment, saturated=True, **options)


# False alarms that a random case once raised.
DENORMAL = found("found-denormal", "a gradient of 1e-42", T=33, H=16, bidirectional=True, scale=0.02, upstream="last")
SOFTPLUS = found(
    "found-softplus",
    "torch's softplus is z from 20 on",
    O=6,
    activation="softplus",
    divergence="softmax_cross_entropy",
    target="classes",
    recipe="large-logits",
    scale=0.25,
)
CTC_OF_NO_LABEL = found(
    "found-ctc-of-no-label",
    "torch's gradient at the logits goes through the log-softmax, with all that the shares of the paths are off",
    T=16,
    B=1,
    I=1,
    H=1,
    O=2,
    layout="unbatched",
    bidirectional=True,
    scale=0.02,
    divergence="ctc",
    target="labels",
    labels=((),),
)


@pytest.mark.parametrize("cell", CELLS)
def test_the_reference_agrees_with_torch_on_random_cases(cell: str) -> None:
    largest_share = dict.fromkeys(runner.DTYPES, 0.0)
    verdicts: Counter[str] = Counter()

    @given(random_cases((cell,)))
    @example(replace(DENORMAL, cell=cell))
    @example(replace(SOFTPLUS, cell=cell))
    @example(replace(CTC_OF_NO_LABEL, cell=cell))
    def agrees(case: Case) -> None:
        problems = admission.problems(case)
        verdict = problems[0].split(": ")[1] if problems else "compared"
        verdicts[verdict] += 1
        event(verdict)
        assume(not problems)
        everything = set(subject.run(case, arrays(case)))
        for dtype in runner.DTYPES:
            for result in runner.check(case, dtype, list(oracles.ORACLES)):
                assert result.passed, message(result)
                if result.oracle == "torch":
                    assert {t.tensor for t in result.tensors} == everything
                largest_share[dtype] = max(largest_share[dtype], result.share)

    agrees()
    print(f"random cases of {cell}: {dict(verdicts)}; largest share of the tolerance: {largest_share}")
    assert min(largest_share.values()) > 0  # the two do not share their rounding
    assert verdicts["compared"] > 0.9 * verdicts.total()


ANY_MEMORY = st.lists(st.sampled_from(sorted(MEMORY)), max_size=2)
IN_ORDER = st.lists(st.sampled_from(["big-endian", "little-endian", "not aligned", "read-only"]), max_size=2)


def remade(values: Arrays, make: Callable[[str, Array], Array]) -> Arrays:
    """The values with every array made anew in memory; make is told its name, "params" for all parameters."""
    made: dict[str, Any] = {}
    for name, value in vars(values).items():
        if isinstance(value, dict):
            made[name] = {parameter: make(name, array) for parameter, array in value.items()}
        else:
            made[name] = None if value is None else make(name, value)
    return Arrays(**made)


def run_twice(case: Case, values: Arrays) -> dict[str, Array]:
    """What the reference computes; the same bits both times, and nothing that it was given is changed."""
    before = deepcopy(values)
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        first, second = subject.run(case, values), subject.run(case, values)
    assert_same_bits(first, second)
    assert_same_bits(values, before)
    return first


def plain(case: Case, dtype: str) -> Arrays:
    return remade(arrays(case).astype(dtype), lambda _, array: array.copy())


@given(random_cases(), st.sampled_from(runner.DTYPES), st.data())
def test_byte_order_alignment_and_the_order_of_all_but_x_and_weights_change_no_bit(
    case: Case, dtype: str, data: st.DataObject
) -> None:
    values = plain(case, dtype)

    def make(name: str, array: Array) -> Array:
        for form in data.draw(IN_ORDER if name in ("params", "x", "weights") else ANY_MEMORY, name):
            array = MEMORY[form](array)
        return array

    assert_same_bits(run_twice(case, remade(values, make)), run_twice(case, values))


@given(random_cases(), st.sampled_from(runner.DTYPES), st.data())
def test_the_memory_order_of_x_and_weights_changes_the_rounding_at_most(
    case: Case, dtype: str, data: st.DataObject
) -> None:
    """A matrix that is transposed or has gaps takes another path through BLAS, which sums in another order."""
    assume(not admission.problems(case))
    values = plain(case, dtype)

    def make(name: str, array: Array) -> Array:
        for form in data.draw(ANY_MEMORY, name):
            array = MEMORY[form](array)
        return array

    result = compare(case, "contiguous", dtype, run_twice(case, remade(values, make)), run_twice(case, values))
    assert result.passed, message(result)
