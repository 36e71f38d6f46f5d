"""No false alarms: random cases, on which the reference must agree with the oracles; and any memory order will do.

A short run is part of `pytest`, the same every time; a thousand random examples of each property:

    python -m pytest -s tests/test_random_cases.py --hypothesis-profile thousand
"""

from collections import Counter
from typing import Any

from hypothesis import assume, event, given
from hypothesis import strategies as st

from parity import oracles, runner, subject
from parity.cases import Case, arrays
from parity.compare import message
from reference.activations import NONLINEARITIES
from reference.divergences import DIVERGENCES
from tests.helpers import inadmissible

SMALL = st.integers(1, 7)
SIZES = SMALL | st.sampled_from([16, 33])
SCALES = [0.02, 0.25, 0.75, 1.5]  # weights from U(±scale/sqrt(H)); under the last, tanh saturates here and there
RECIPES = ["uniform"] * 4 + ["default-initialisation", "one-to-many", "critical", "vanishing", "exploding", "integers"]
DROPOUT: list[dict[str, Any]] = [
    {},
    {"dropout": 0.5},
    *({"dropout": p, "masks": True} for p in (0.0, 0.25, 0.5, 1.0)),
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
def random_cases(draw: st.DrawFn) -> Case:
    """A case of any options and sizes. Its id is made of all that was drawn, and seeds its values."""

    def one_of(*values: Any) -> Any:
        return draw(st.sampled_from(values))

    recipe = one_of(*RECIPES)
    exact = recipe == "integers"
    options: dict[str, Any] = {
        "T": draw(SMALL if exact else SIZES),
        "B": draw(SMALL),
        "I": draw(SMALL if exact else SIZES),
        "H": draw(SMALL if exact else SIZES),
        "num_layers": one_of(1, 2, 3),
        "nonlinearity": one_of(*(("relu", "identity") if exact else NONLINEARITIES)),
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
    if options["num_layers"] > 1:
        options |= one_of(*(d for d in DROPOUT if not (exact and d.get("dropout") == 0.25)))
    if not options["bidirectional"]:
        options["truncate"] = draw(st.none() | st.integers(1, T + 1))
    if options["layout"] == "unbatched":
        options["B"] = 1
    else:
        options["lengths"] = draw(st.none() | st.lists(st.integers(1, T), min_size=B, max_size=B).map(tuple))
    if one_of(False, True):
        options |= draw(exact_heads() if exact else heads(max(options.get("lengths") or (T,))))
        if options.get("divergence") in ("softmax_cross_entropy", "negative_log_likelihood") and recipe == "uniform":
            options["recipe"] = one_of("uniform", "large-logits")
    words = [f"{name}={value}" for name, value in options.items()] + [f"seed={draw(st.integers(0, 2**32 - 1))}"]
    return Case(" ".join(words), "random", "drawn by hypothesis", saturated=True, **options)


def test_the_reference_agrees_with_torch_on_random_cases() -> None:
    largest_share = dict.fromkeys(runner.DTYPES, 0.0)
    compared = 0
    filtered: Counter[str] = Counter()

    @given(random_cases())
    def agrees(case: Case) -> None:
        nonlocal compared
        problems = inadmissible(case)
        for problem in {p.split(": ")[1] for p in problems}:
            event(problem)
            filtered[problem] += 1
        assume(not problems)
        everything = set(subject.run(case, arrays(case)))
        for dtype in runner.DTYPES:
            for result in runner.check(case, dtype, list(oracles.ORACLES)):
                assert result.passed, message(result)
                if result.oracle == "torch":
                    assert {t.tensor for t in result.tensors} == everything
                    assert result.share > 0 or case.exact or case.H == 1  # the two do not share their rounding
                largest_share[dtype] = max(largest_share[dtype], result.share)
        compared += 1

    agrees()
    print(f"{compared} random cases compared, filtered: {dict(filtered)}, largest share: {largest_share}")
