"""The special cases, written out: what the covering sets do not reach."""

from typing import Any

from parity.cases.case import Case
from parity.cases.values import TRAINED


def _special(group: str, case_id: str, comment: str, **options: Any) -> Case:
    return Case(case_id, group, comment, **options)


def _charlm(model: str) -> dict[str, Any]:
    """The options of a case with trained weights; the sizes are those of the stored model."""
    return {"T": 25, "B": 4, "I": 103, "H": 32, "recipe": TRAINED + model, "saturated": True} | _CLASSES | {"O": 103}


_CLASSES: dict[str, Any] = {"O": 6, "divergence": "softmax_cross_entropy", "target": "classes"}

_POOLED: dict[str, Any] = {"O": 6, "divergence": "mean_pooled_cross_entropy", "target": "sequence"}


def _labels(*labels: tuple[int, ...]) -> dict[str, Any]:
    """The options of a case with CTC: the labels of each sequence."""
    return {"O": 6, "divergence": "ctc", "target": "labels", "labels": labels}


SPECIAL: list[Case] = [
    # By hand, and the smallest sizes.
    _special("small sizes", "hand-1x1x1", "one multiplication, to follow on paper", T=1, B=1, I=1, H=1, recipe="hand"),
    _special("small sizes", "small-one-step", "T = 1", T=1, num_layers=2, bidirectional=True),
    _special("small sizes", "small-one-sequence", "B = 1", B=1, num_layers=2, bidirectional=True),
    _special("small sizes", "small-one-unit", "H = 1: two scalars a step", H=1, num_layers=2, scale=0.5),
    _special("small sizes", "small-one-input", "I = 1", I=1, bidirectional=True),
    _special("small sizes", "small-empty-batch", "B = 0 is legal", B=0, num_layers=2, bidirectional=True),
    _special(
        "small sizes",
        "small-one-output",
        "O = 1",
        O=1,
        activation="sigmoid",
        divergence="binary_cross_entropy",
        target="bits",
    ),
    # Square weights: a transposed matrix still fits.
    _special("square weights", "square-l1", "I = H: a transposed W_ih fits", I=5),
    _special(
        "square weights", "square-l2-bi", "I = D·H: it fits in every layer", I=10, num_layers=2, bidirectional=True
    ),
    _special("square weights", "square-head", "D·H = O: a transposed W2 fits", O=5, activation="tanh"),
    # Lengths.
    _special("lengths", "lengths-none-reaches-T", "every sequence ends before T", lengths=(5, 2, 6), num_layers=2),
    _special("lengths", "lengths-equal", "all alike, below T", lengths=(4, 4, 4), bidirectional=True),
    _special("lengths", "lengths-full", "all T: equals no lengths", lengths=(7, 7, 7), bidirectional=True),
    _special("lengths", "lengths-one", "a sequence of one step", lengths=(7, 1, 3), num_layers=3, bidirectional=True),
    _special("lengths", "lengths-one-sequence", "B = 1, below T", B=1, lengths=(4,), bidirectional=True),
    _special(
        "lengths",
        "lengths-relu-l3-bi",
        "three layers",
        lengths=(5, 2, 7),
        num_layers=3,
        nonlinearity="relu",
        bidirectional=True,
    ),
    # Exact integers: no rounding anywhere, so equality is asked for, and a = 0 is met.
    _special(
        "exact integers", "exact-relu-l1", "relu'(0) = 0 is met", nonlinearity="relu", recipe="integers", exact=True
    ),
    _special(
        "exact integers",
        "exact-relu-l2-bi-ragged",
        "with lengths",
        T=5,
        H=6,
        nonlinearity="relu",
        num_layers=2,
        bidirectional=True,
        lengths=(4, 2, 5),
        recipe="integers",
        exact=True,
    ),
    _special(
        "exact integers",
        "exact-relu-l3-drop50",
        "the dropout scale of 2 is exact",
        T=5,
        H=4,
        I=6,
        nonlinearity="relu",
        num_layers=3,
        dropout=0.5,
        masks=True,
        recipe="integers",
        exact=True,
    ),
    _special(
        "exact integers",
        "exact-linear-l2-bf",
        "no activation",
        T=5,
        H=4,
        I=6,
        nonlinearity="identity",
        num_layers=2,
        layout="batch_first",
        recipe="integers",
        exact=True,
    ),
    _special(
        "exact integers",
        "exact-relu-head",
        "squared error: halves are exact",
        T=5,
        H=7,
        nonlinearity="relu",
        O=6,
        activation="relu",
        recipe="integers",
        exact=True,
    ),
    # Regimes of the recursion.
    _special(
        "regimes", "saturated-l1", "1 - h² cancels: torch and NumPy lose the same digits", scale=12.0, saturated=True
    ),
    _special(
        "regimes",
        "saturated-l2-bi",
        "and through two layers",
        scale=9.0,
        num_layers=2,
        bidirectional=True,
        saturated=True,
    ),
    _special(
        "regimes",
        "saturated-unit-T4",
        "one unit: each gradient is one 1 - h², with all that it lost",
        T=4,
        I=2,
        H=1,
        scale=13.0,
        saturated=True,
    ),
    _special(
        "regimes",
        "vanishing-T40",
        "the gradient of the last step fades",
        T=40,
        recipe="vanishing",
        upstream="last",
        nonlinearity="identity",
    ),
    _special("regimes", "vanishing-tanh-T40", "and through tanh", T=40, recipe="vanishing", upstream="last"),
    _special(
        "regimes", "exploding-relu-T40", "every unit open, gain 1.4", T=40, recipe="exploding", nonlinearity="relu"
    ),
    _special("regimes", "exploding-linear-T40", "gain 1.4 a step", T=40, recipe="exploding", nonlinearity="identity"),
    _special(
        "regimes",
        "critical-T64",
        "spectral radius 1, nearly linear: the first step is felt at the last",
        T=64,
        recipe="critical",
        upstream="last",
    ),
    _special("regimes", "critical-l2-T64", "and through two layers", T=64, recipe="critical", num_layers=2),
    _special("regimes", "long-T1000", "a thousand steps", T=1000, B=2, I=3, H=4),
    _special("regimes", "long-T200", "two hundred steps", T=200, B=2, I=3, H=4),
    _special(
        "regimes",
        "long-T300-l2-bi-ragged",
        "long and ragged",
        T=300,
        lengths=(211, 17, 300),
        num_layers=2,
        bidirectional=True,
    ),
    _special(
        "regimes",
        "default-initialisation",
        "the weights that init draws",
        T=12,
        H=16,
        I=8,
        num_layers=2,
        recipe="default-initialisation",
    ),
    _special(
        "regimes",
        "wide-H64",
        "sums of 64 terms",
        T=20,
        B=8,
        I=32,
        H=64,
        num_layers=2,
        O=16,
        activation="softmax",
        divergence="cross_entropy",
        target="classes",
    ),
    # A linear network is a state-space model with an infinite impulse response: its closed form is known.
    _special("linear state space", "linear-response", "the whole past, summed up", T=12, nonlinearity="identity"),
    _special(
        "linear state space",
        "linear-response-bf-noh0",
        "from rest",
        T=12,
        nonlinearity="identity",
        layout="batch_first",
        h0=False,
    ),
    _special(
        "linear state space",
        "linear-response-unbatched-nobias",
        "without biases",
        T=12,
        B=1,
        nonlinearity="identity",
        layout="unbatched",
        bias=False,
    ),
    _special(
        "linear state space",
        "linear-impulse",
        "one input, and its echo at every later output",
        T=12,
        nonlinearity="identity",
        bias=False,
        h0=False,
        recipe="one-to-many",
        O=6,
    ),
    # Truncated BPTT: chunks with a detached state between them.
    _special("truncation", "truncate-1", "no gradient crosses any step", truncate=1),
    _special("truncation", "truncate-3", "T is no multiple of k", truncate=3, num_layers=2),
    _special(
        "truncation",
        "truncate-3-relu-l3-drop50",
        "with dropout",
        truncate=3,
        num_layers=3,
        nonlinearity="relu",
        dropout=0.5,
        masks=True,
    ),
    _special("truncation", "truncate-7", "k = T: nothing is cut", truncate=7),
    _special("truncation", "truncate-4-bf-noh0", "batch first, no h0", truncate=4, layout="batch_first", h0=False),
    _special(
        "truncation",
        "truncate-2-ragged",
        "lengths that end inside a chunk",
        truncate=2,
        lengths=(5, 2, 7),
        num_layers=2,
    ),
    _special("truncation", "truncate-3-head", "under an output layer", truncate=3, **_CLASSES),
    # Which steps are asked for.
    _special("sequence tasks", "many-to-one", "the last step alone", weights="last", upstream="", **_CLASSES),
    _special(
        "sequence tasks",
        "many-to-one-bi-ragged",
        "each sequence's own last step",
        weights="last",
        lengths=(5, 2, 7),
        bidirectional=True,
        upstream="",
        **_CLASSES,
    ),
    _special(
        "sequence tasks",
        "one-to-many",
        "one input, an output at every step",
        recipe="one-to-many",
        upstream="",
        **_CLASSES,
    ),
    _special("sequence tasks", "many-to-many", "an output at every step", upstream="", **_CLASSES),
    _special(
        "sequence tasks",
        "many-to-many-delayed",
        "the first step is not asked for",
        weights="delayed",
        upstream="",
        **_CLASSES,
    ),
    # Divergences of the series as a whole.
    _special(
        "whole series",
        "ctc-labels",
        "paths that spell the labels, none of them repeated",
        **_labels((1, 3), (2,), (5, 4, 1)),
    ),
    _special(
        "whole series",
        "ctc-repeats",
        "a blank must stand between two labels that are alike",
        T=9,
        **_labels((2, 2, 1, 1), (3, 3, 3), (5, 1, 5)),
    ),
    _special(
        "whole series",
        "ctc-blank-last-ragged-bf-bi",
        "the blank is the last class; lengths of both kinds",
        lengths=(5, 2, 7),
        layout="batch_first",
        bidirectional=True,
        blank=5,
        **_labels((0, 0, 4), (2,), (1, 0, 1, 1)),
    ),
    _special(
        "whole series",
        "ctc-mean-ragged-l2",
        "the mean over labels and sequences; no label at all",
        lengths=(4, 7, 6),
        num_layers=2,
        reduction="mean",
        **_labels((3, 1), (), (2, 4, 5)),
    ),
    _special(
        "whole series",
        "ctc-one-path",
        "as few steps as the labels and their repeats need",
        T=5,
        lengths=(5, 3, 1),
        H=7,
        **_labels((1, 1, 2, 3), (4, 4), (5,)),
    ),
    _special(
        "whole series", "ctc-unbatched", "one sequence", B=1, layout="unbatched", reduction="mean", **_labels((4, 4, 2))
    ),
    _special(
        "whole series",
        "ctc-long",
        "seventy steps, and labels that repeat",
        T=70,
        B=2,
        **_labels((1, 3, 3, 2, 5, 4) * 4, (2, 2) * 7),
    ),
    _special(
        "whole series",
        "ctc-infeasible",
        "too few steps for the labels of one sequence: inf, and NaN as its gradient",
        lengths=(5, 2, 7),
        finite=False,
        **_labels((1, 3), (2, 2), (5, 4, 1)),
    ),
    _special(
        "whole series",
        "ctc-infeasible-zeroed",
        "which counts 0 where that is asked for",
        lengths=(5, 2, 7),
        zero_infinity=True,
        reduction="mean",
        **_labels((1, 3), (2, 2), (5, 4, 1)),
    ),
    _special("whole series", "pooled-sum", "the cross-entropy of the mean over t", **_POOLED),
    _special(
        "whole series",
        "pooled-mean-weighted-ragged-bf",
        "of a weighted mean",
        lengths=(5, 2, 7),
        layout="batch_first",
        weights="random",
        reduction="mean",
        **_POOLED,
    ),
    _special(
        "whole series",
        "pooled-mask-unbatched-bi-l2",
        "of the mean over some steps",
        B=1,
        layout="unbatched",
        bidirectional=True,
        num_layers=2,
        weights="mask",
        **_POOLED,
    ),
    # Stability at the output.
    _special(
        "large logits", "logits-1000-classes", "softmax cross-entropy at about ±1000", recipe="large-logits", **_CLASSES
    ),
    _special(
        "large logits",
        "logits-1000-soft",
        "with soft targets",
        recipe="large-logits",
        **(_CLASSES | {"target": "soft"}),
    ),
    _special(
        "large logits",
        "logits-1000-log-softmax",
        "log-softmax at about ±1000",
        recipe="large-logits",
        O=6,
        activation="log_softmax",
        divergence="negative_log_likelihood",
        target="classes",
    ),
    _special(
        "large logits",
        "certain-softmax",
        "probabilities of exactly 1 and 0: 0 · log 0 is 0, and so is 0/0",
        recipe="certain",
        O=6,
        activation="softmax",
        divergence="cross_entropy",
        target="classes",
    ),
    _special(
        "large logits",
        "targets-of-any-sum",
        "desired vectors that do not sum to 1",
        O=6,
        divergence="softmax_cross_entropy",
        target="bits",
    ),
    # Memory and everything at once.
    _special(
        "memory",
        "strided-x",
        "x walks backwards through column-major memory",
        memory="strided",
        num_layers=2,
        bidirectional=True,
    ),
    _special(
        "memory",
        "strided-x-bf-ragged",
        "and batch first, with lengths",
        memory="strided",
        layout="batch_first",
        lengths=(5, 2, 7),
    ),
    _special(
        "memory",
        "rich",
        "everything at once, with I = B",
        T=6,
        B=3,
        I=3,
        H=4,
        num_layers=2,
        bidirectional=True,
        lengths=(4, 2, 6),
        dropout=0.5,
        masks=True,
        memory="strided",
        **_CLASSES,
    ),
    # Trained weights on real text: what `python -m parity charlm --hidden-size 32 --save` wrote.
    _special("trained", "trained-adagrad", "a character model after 600 steps of Adagrad", **_charlm("charlm-adagrad")),
    _special(
        "trained", "trained-adagrad-long", "on one long window", **(_charlm("charlm-adagrad") | {"T": 200, "B": 1})
    ),
    _special("trained", "trained-sgd", "after 600 steps of SGD", **_charlm("charlm-sgd")),
]
