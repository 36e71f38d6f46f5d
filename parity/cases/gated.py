"""The cases of the gated cells: each is written once, and crossed with the cells and their variants.

A row gives one case of a GRU of either reset, of an LSTM, and of an LSTM with a projection; what `python -m parity
coverage` asks for holds for each of these four. The rows of `MIXED` were chosen by `parity.coverage.choosing` so that
few of them have every pair of options, then kept: an id is permanent.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from parity import cells
from parity.cases.case import Case
from parity.cases.values import TRAINED


def crossed(rows: Iterable[Case], variants: Iterable[str] = cells.GATED) -> list[Case]:
    """Every row as a case of every variant."""
    return [_of(variant, row) for variant in variants for row in rows]


def _of(variant: str, row: Case) -> Case:
    cell, names = cells.VARIANTS[variant]
    return replace(row, id=f"{variant}-{row.id}", cell=cell, **cells.own_fields(cell, names, row.H))


def _mix(case_id: str, **options: Any) -> Case:
    return Case(case_id, "gated: pairs", "covers pairs of options, and corners of values", saturated=True, **options)


# fmt: off
# ruff: noqa: E501
MIXED: list[Case] = [
    _mix("mix-01-relu-ctc", T=3, B=1, I=1, H=2, layout="unbatched", h0=False, upstream="h_n", truncate=4, O=4, activation="relu", divergence="ctc", target="labels", labels=((0, 0),), blank=3, reduction="mean", unread="garbage"),
    _mix("mix-02-softplus-ctc", T=3, B=1, I=2, H=2, bias=False, bidirectional=True, lengths=(2,), upstream="", O=5, activation="softplus", divergence="ctc", target="labels", labels=((0, 2),), blank=1, zero_infinity=True, unread="garbage"),
    _mix("mix-03-sigmoid-cross_entropy", T=2, B=1, I=1, H=2, num_layers=2, bias=False, layout="unbatched", masks=True, h0=False, upstream="", truncate=1, O=8, activation="sigmoid", divergence="cross_entropy", target="edges", weights="random", recipe="range:-60:3", unread="garbage"),
    _mix("mix-04-identity-mean_pooled_cross_entropy", T=3, B=1, I=3, H=2, num_layers=2, dropout=0.5, lengths=(2,), upstream="", truncate=3, O=4, divergence="mean_pooled_cross_entropy", target="sequence", reduction="mean", weights="last", unread="nan"),
    _mix("mix-05-tanh-softmax_cross_entropy", T=3, B=2, H=2, num_layers=3, bias=False, layout="batch_first", dropout=0.5, lengths=(3, 2), upstream="h_n", truncate=1, O=11, activation="tanh", divergence="softmax_cross_entropy", target="classes", recipe="range:-800:800", unread="nan"),
    _mix("mix-06-log_softmax-negative_log_likelihood", scale=0.3, T=3, B=1, I=1, H=2, num_layers=2, bidirectional=True, layout="unbatched", masks=True, h0=False, upstream="h_n", O=5, activation="log_softmax", divergence="negative_log_likelihood", target="classes", reduction="mean", weights="last", recipe="offset:1500", unread="garbage"),
    _mix("mix-07-sigmoid-ctc", T=2, B=1, I=1, H=2, num_layers=3, layout="batch_first", dropout=0.1, masks=True, upstream="", truncate=3, O=5, activation="sigmoid", divergence="ctc", target="labels", labels=((),), zero_infinity=True, unread="nan"),
    _mix("mix-08-softmax-binary_cross_entropy", T=2, I=3, H=2, bias=False, h0=False, lengths=(1, 1, 2), upstream="h_n", truncate=1, O=8, activation="softmax", divergence="binary_cross_entropy", target="edges", weights="random", recipe="range:-60:3", unread="nan"),
    _mix("mix-09-identity-squared_error", T=3, B=1, I=3, H=2, num_layers=3, layout="unbatched", dropout=0.7, h0=False, upstream="h_n", truncate=1, O=11, reduction="mean", weights="random", recipe="range:-800:800", unread="garbage"),
    _mix("mix-10-relu-squared_error", T=3, B=2, I=1, H=2, bias=False, bidirectional=True, layout="batch_first", lengths=(2, 3), upstream="h_n", O=11, activation="relu", reduction="mean", weights="last", recipe="range:-800:800", unread="nan"),
    _mix("mix-11-tanh-ctc", T=5, B=1, I=2, H=2, num_layers=2, bias=False, dropout=1.0, masks=True, lengths=(4,), upstream="", truncate=4, O=5, activation="tanh", divergence="ctc", target="labels", labels=((),), blank=4, unread="nan"),
    _mix("mix-12-softplus-softmax_cross_entropy", T=4, B=1, I=3, H=4, bias=False, layout="unbatched", upstream="", truncate=4, O=11, activation="softplus", divergence="softmax_cross_entropy", target="classes", reduction="mean", weights="signed", recipe="range:-800:800", unread="nan"),
    _mix("mix-13-softmax-kl", T=3, B=1, I=2, H=3, num_layers=2, layout="unbatched", dropout=0.7, upstream="", truncate=3, O=8, activation="softmax", divergence="kl", target="soft", reduction="mean", weights="random", recipe="range:-60:3", unread="garbage"),
    _mix("mix-14-relu-mean_pooled_cross_entropy", T=4, B=1, H=2, num_layers=3, bias=False, bidirectional=True, layout="batch_first", masks=True, h0=False, upstream="", O=2, activation="relu", divergence="mean_pooled_cross_entropy", target="sequence", weights="random", unread="garbage"),
    _mix("mix-15-log_softmax-negative_log_likelihood", T=3, B=2, H=4, bias=False, layout="batch_first", lengths=(1, 2), upstream="", truncate=2, O=3, activation="log_softmax", divergence="negative_log_likelihood", target="edges", weights="random", unread="nan"),
    _mix("mix-16-identity-ctc", T=3, B=2, I=5, H=2, num_layers=2, layout="batch_first", dropout=0.1, h0=False, lengths=(1, 2), upstream="h_n", truncate=4, O=3, divergence="ctc", target="labels", labels=((0, 2), ()), blank=1, zero_infinity=True, reduction="mean", unread="garbage"),
    _mix("mix-17-sigmoid-kl", T=4, B=1, I=3, H=3, bidirectional=True, h0=False, lengths=(3,), upstream="h_n", O=4, activation="sigmoid", divergence="kl", target="edges", weights="mask", unread="nan"),
    _mix("mix-18-tanh-mean_pooled_cross_entropy", T=2, B=1, H=2, layout="unbatched", upstream="", truncate=1, O=4, activation="tanh", divergence="mean_pooled_cross_entropy", target="sequence", weights="signed", unread="nan"),
    _mix("mix-19-sigmoid-cross_entropy", T=4, B=1, I=2, H=3, num_layers=3, upstream="h_n", O=5, activation="sigmoid", divergence="cross_entropy", target="classes", reduction="mean", weights="signed", unread="garbage"),
    _mix("mix-20-relu-ctc", T=2, B=1, I=1, H=2, num_layers=2, bias=False, bidirectional=True, layout="unbatched", dropout=0.5, h0=False, upstream="", O=3, activation="relu", divergence="ctc", target="labels", labels=((2,),), unread="nan"),
    _mix("mix-21-sigmoid-softmax_cross_entropy", T=2, B=2, H=2, bidirectional=True, upstream="", O=11, activation="sigmoid", divergence="softmax_cross_entropy", target="edges", reduction="mean", recipe="range:-800:800", unread="nan"),
    _mix("mix-22-stack", T=5, B=1, I=2, H=2, layout="unbatched", h0=False, upstream="h_n", truncate=7, recipe="not-finite:inf", finite=False, unread="nan"),
    _mix("mix-23-identity-ctc", scale=1.25, T=2, B=1, I=1, H=2, num_layers=3, bias=False, bidirectional=True, layout="batch_first", dropout=0.1, masks=True, h0=False, upstream="", O=5, divergence="ctc", target="labels", labels=((0, 1),), blank=4, reduction="mean", recipe="unlikely:60", unread="nan"),
    _mix("mix-24-softplus-squared_error", T=3, B=1, I=1, H=2, num_layers=2, layout="unbatched", masks=True, h0=False, upstream="", truncate=5, O=2, activation="softplus", reduction="mean", weights="random", unread="nan"),
    _mix("mix-25-sigmoid-binary_cross_entropy", T=3, B=1, I=3, H=3, num_layers=2, bidirectional=True, layout="unbatched", dropout=0.7, h0=False, upstream="", O=8, activation="sigmoid", divergence="binary_cross_entropy", target="edges", reduction="mean", weights="last", recipe="range:-60:3", unread="garbage"),
    _mix("mix-26-stack", T=2, B=2, I=1, H=2, bias=False, h0=False, upstream="output", truncate=1, unread="garbage"),
    _mix("mix-27-identity-ctc", T=2, B=1, H=2, lengths=(1,), upstream="", truncate=1, O=5, divergence="ctc", target="labels", labels=((1,),), zero_infinity=True, reduction="mean", unread="garbage"),
    _mix("mix-28-log_softmax-negative_log_likelihood", T=2, B=1, H=3, num_layers=3, dropout=0.7, h0=False, upstream="h_n", truncate=3, O=8, activation="log_softmax", divergence="negative_log_likelihood", target="classes", reduction="mean", recipe="range:-60:3", unread="garbage"),
    _mix("mix-29-softplus-mean_pooled_cross_entropy", T=3, B=1, I=3, H=2, num_layers=3, bias=False, layout="unbatched", dropout=0.1, upstream="h_n", truncate=5, O=3, activation="softplus", divergence="mean_pooled_cross_entropy", target="sequence", unread="garbage"),
    _mix("mix-30-tanh-ctc", T=2, B=1, H=2, num_layers=3, layout="unbatched", dropout=0.5, h0=False, upstream="", truncate=3, O=5, activation="tanh", divergence="ctc", target="labels", labels=((0, 2),), blank=1, zero_infinity=True, reduction="mean", unread="garbage"),
    _mix("mix-31-stack", T=2, B=1, I=3, H=2, num_layers=3, bias=False, bidirectional=True, layout="batch_first", dropout=0.7, upstream="h_n", recipe="not-finite:nan", finite=False, unread="nan"),
    _mix("mix-32-stack", T=4, B=1, I=2, H=2, num_layers=2, bidirectional=True, layout="unbatched", dropout=0.7, masks=True, upstream="output", unread="nan"),
    _mix("mix-33-softmax-binary_cross_entropy", T=3, B=1, H=3, num_layers=3, bias=False, layout="batch_first", lengths=(2,), upstream="h_n", truncate=3, O=8, activation="softmax", divergence="binary_cross_entropy", target="bits", recipe="range:-60:3", unread="garbage"),
    _mix("mix-34-relu-softmax_cross_entropy", T=5, B=2, I=1, H=4, bias=False, h0=False, lengths=(2, 5), upstream="h_n", truncate=4, O=2, activation="relu", divergence="softmax_cross_entropy", target="classes", reduction="mean", weights="random", unread="nan"),
    _mix("mix-35-stack", T=2, I=2, H=2, bias=False, layout="batch_first", h0=False, lengths=(1, 1, 2), truncate=2, unread="nan"),
    _mix("mix-36-softmax-kl", T=2, B=1, I=2, H=2, num_layers=3, bias=False, layout="unbatched", dropout=1.0, masks=True, upstream="", truncate=1, O=3, activation="softmax", divergence="kl", target="soft", weights="mask", unread="garbage"),
    _mix("mix-37-softmax-cross_entropy", T=2, B=1, I=3, H=4, num_layers=2, dropout=0.5, h0=False, lengths=(1,), upstream="h_n", truncate=2, O=8, activation="softmax", divergence="cross_entropy", target="classes", recipe="range:-60:3", unread="nan"),
    _mix("mix-38-stack", T=2, B=1, I=2, H=3, num_layers=2, dropout=0.1, masks=True, h0=False, lengths=(1,), upstream="h_n", truncate=1, unread="nan"),
    _mix("mix-39-tanh-squared_error", T=2, I=2, H=3, bias=False, bidirectional=True, lengths=(2, 1, 2), upstream="h_n", O=11, activation="tanh", weights="mask", recipe="range:-800:800", unread="nan"),
    _mix("mix-40-identity-softmax_cross_entropy", T=3, B=2, I=2, H=2, num_layers=2, layout="batch_first", dropout=0.7, masks=True, lengths=(3, 2), upstream="", truncate=1, O=8, divergence="softmax_cross_entropy", target="classes", weights="signed", recipe="range:-60:3", unread="garbage"),
    _mix("mix-41-softplus-ctc", scale=0.5, T=3, B=1, I=1, H=3, bias=False, layout="batch_first", lengths=(2,), upstream="", truncate=2, O=3, activation="softplus", divergence="ctc", target="labels", labels=((2,),), reduction="mean", unread="nan"),
    _mix("mix-42-stack", T=5, B=1, H=2, num_layers=3, bias=False, layout="unbatched", dropout=0.1, truncate=2, unread="nan"),
    _mix("mix-43-sigmoid-ctc", T=3, B=1, I=2, H=3, num_layers=2, bias=False, layout="batch_first", dropout=0.5, lengths=(3,), upstream="h_n", truncate=2, O=4, activation="sigmoid", divergence="ctc", target="labels", labels=((0, 1, 0),), blank=2, unread="nan"),
    _mix("mix-44-stack", T=3, B=2, H=2, num_layers=3, bias=False, dropout=0.7, lengths=(3, 1), upstream="output", truncate=5, unread="garbage"),
    _mix("mix-45-softmax-squared_error", T=4, B=2, H=2, num_layers=2, bias=False, bidirectional=True, dropout=0.5, masks=True, lengths=(3, 1), upstream="h_n", O=8, activation="softmax", reduction="mean", recipe="range:-60:3", unread="nan"),
    _mix("mix-46-sigmoid-cross_entropy", T=3, B=1, I=2, H=2, bidirectional=True, layout="batch_first", upstream="", O=2, activation="sigmoid", divergence="cross_entropy", target="edges", weights="random", unread="garbage"),
    _mix("mix-47-sigmoid-ctc", T=2, B=1, I=1, H=2, num_layers=3, bias=False, layout="unbatched", dropout=0.7, h0=False, upstream="h_n", truncate=4, O=3, activation="sigmoid", divergence="ctc", target="labels", labels=((1, 1, 1),), blank=2, zero_infinity=True, unread="garbage"),
    _mix("mix-48-relu-ctc", T=5, B=2, H=3, num_layers=3, bias=False, masks=True, h0=False, lengths=(1, 2), upstream="h_n", truncate=4, O=3, activation="relu", divergence="ctc", target="labels", labels=((0, 2), (0,)), blank=1, zero_infinity=True, unread="garbage"),
    _mix("mix-49-sigmoid-mean_pooled_cross_entropy", T=4, B=1, H=2, layout="unbatched", upstream="h_n", truncate=1, O=3, activation="sigmoid", divergence="mean_pooled_cross_entropy", target="sequence", unread="nan"),
    _mix("mix-50-tanh-ctc", T=2, B=1, I=2, H=3, bias=False, lengths=(2,), upstream="h_n", truncate=3, O=3, activation="tanh", divergence="ctc", target="labels", labels=((1, 2),), reduction="mean", unread="nan"),
    _mix("mix-51-sigmoid-kl", T=4, B=1, I=3, H=2, bias=False, bidirectional=True, layout="batch_first", h0=False, upstream="", O=4, activation="sigmoid", divergence="kl", target="soft", reduction="mean", unread="garbage"),
    _mix("mix-52-stack", T=4, B=1, H=2, num_layers=2, bidirectional=True, layout="batch_first", dropout=0.5, masks=True, unread="nan"),
    _mix("mix-53-log_softmax-squared_error", T=2, B=1, I=3, H=2, num_layers=2, bias=False, layout="unbatched", masks=True, upstream="h_n", truncate=3, O=5, activation="log_softmax", weights="random", unread="garbage"),
    _mix("mix-54-softplus-ctc", T=3, B=1, I=1, H=2, num_layers=2, lengths=(3,), upstream="h_n", O=3, activation="softplus", divergence="ctc", target="labels", labels=((),), blank=2, zero_infinity=True, unread="nan"),
    _mix("mix-55-sigmoid-squared_error", T=3, B=1, I=3, H=3, bias=False, layout="unbatched", upstream="", O=4, activation="sigmoid", weights="random", unread="garbage"),
    _mix("mix-56-stack", T=2, B=1, H=3, layout="batch_first", lengths=(2,), upstream="output", truncate=1, unread="garbage"),
    _mix("mix-57-tanh-mean_pooled_cross_entropy", T=5, B=1, I=1, H=2, h0=False, upstream="", truncate=5, O=2, activation="tanh", divergence="mean_pooled_cross_entropy", target="sequence", reduction="mean", weights="random", unread="garbage"),
    _mix("mix-58-softmax-binary_cross_entropy", T=2, B=1, H=3, num_layers=2, bias=False, layout="batch_first", dropout=1.0, masks=True, lengths=(2,), upstream="", truncate=2, O=3, activation="softmax", divergence="binary_cross_entropy", target="edges", reduction="mean", weights="random", unread="garbage"),
    _mix("mix-59-softmax-cross_entropy", I=6, T=3, B=1, H=3, num_layers=2, bias=False, dropout=0.5, h0=False, lengths=(1,), upstream="h_n", truncate=1, O=3, activation="softmax", divergence="cross_entropy", target="classes", reduction="mean", weights="signed", recipe="offset:1500", unread="nan"),
    _mix("mix-60-softmax-cross_entropy", T=2, B=1, I=2, H=4, num_layers=3, bias=False, layout="unbatched", dropout=0.1, h0=False, upstream="h_n", truncate=4, O=3, activation="softmax", divergence="cross_entropy", target="classes", reduction="mean", recipe="offset:-1500", unread="nan"),
]
# fmt: on

_CLASSES: dict[str, Any] = {"divergence": "softmax_cross_entropy", "target": "classes"}


def _trained(model: str) -> dict[str, Any]:
    """The options of a case with trained weights; the sizes are those of the stored model."""
    return {"T": 8, "B": 2, "I": 103, "H": 16, "O": 103, "recipe": TRAINED + model, "saturated": True} | _CLASSES


_SIZES, _GATES, _HEAD = "gated: sizes", "gated: gates", "gated: output layer"

ROWS: list[Case] = [
    # To follow on paper, and the smallest sizes.
    Case("hand", _SIZES, "three steps to follow on paper", T=3, B=1, I=1, H=1, recipe="halves"),
    Case("small-one-step", _SIZES, "T = 1", T=1, B=2, I=3, H=4, num_layers=2, bidirectional=True),
    Case("small-one-unit", _SIZES, "H = 1, O = 1", T=3, B=2, I=3, H=1, O=1, activation="sigmoid", scale=0.5),
    # Past the lanes of a processor, with a tail; past a byte; past 15 bits.
    Case("wide-units", _SIZES, "H past 32 lanes, and P", T=2, B=1, I=2, H=37, unread="garbage"),
    Case("wide-batch", _SIZES, "B, I, O past 32 lanes", T=2, B=35, I=37, H=3, O=41, unread="garbage", **_CLASSES),
    Case("long-T263-I63", _SIZES, "x has more than 32768 elements", T=263, B=2, I=63, H=2, saturated=True),
    Case(
        "layers-4",
        _SIZES,
        "four layers",
        T=4,
        B=3,
        I=3,
        H=4,
        num_layers=4,
        bidirectional=True,
        dropout=0.7,
        masks=True,
        lengths=(4, 2, 2),
        unread="garbage",
    ),
    Case("square", _SIZES, "I = H: weights of input and state can be confused", I=5, num_layers=2),
    Case("square-T-B", _SIZES, "T = B: batch_first cannot be guessed", T=4, B=4, H=6, layout="batch_first"),
    # The gates through the whole of their range, and the regimes of the state.
    Case("range", _GATES, "every gate from end to end", H=11, I=3, B=2, recipe="gates:-800:800", saturated=True),
    Case("range-narrow", _GATES, "every gate from -24 to 24", H=11, I=3, B=2, recipe="gates:-24:24", saturated=True),
    Case("saturated", _GATES, "every gate near one of its ends", scale=9.0, saturated=True),
    Case(
        "saturated-l2-bi",
        _GATES,
        "and through two layers",
        T=6,
        scale=7.0,
        num_layers=2,
        bidirectional=True,
        saturated=True,
    ),
    Case(
        "closed", _GATES, "gates that are nearly closed: their small values keep their digits", recipe="closed:-14:-5"
    ),
    Case(
        "closed-further",
        _GATES,
        "gates so nearly closed that 1 + tanh has no digits left in float32",
        recipe="closed:-18:-15",
        h0=False,
    ),
    Case("memory-T60", _GATES, "a state that is kept for long", T=60, B=2, recipe="kept:4:9", saturated=True),
    Case("initialised", _GATES, "the parameters that `init` draws", recipe="default-initialisation"),
    Case(
        "truncate-3-ragged",
        _GATES,
        "no gradient of any state crosses",
        unread="garbage",
        T=8,
        lengths=(8, 3, 6),
        truncate=3,
    ),
    Case(
        "lengths-none-reaches-T",
        _GATES,
        "every sequence ends before T",
        unread="garbage",
        lengths=(5, 2, 6),
        num_layers=2,
    ),
    Case("lengths-one-bi", _GATES, "a sequence of one step", lengths=(7, 1, 3), num_layers=2, bidirectional=True),
    Case("noh0", _GATES, "from rest: zeros for every state", h0=False, T=6, num_layers=2, bidirectional=True),
    Case("last-states-alone", _GATES, "gradients of the last states alone", upstream="h_n", T=6, num_layers=2),
    Case("output-alone", _GATES, "gradients of the output alone", upstream="output", T=6, layout="unbatched", B=1),
    Case("nobias-bi", _GATES, "no bias", bias=False, T=6, bidirectional=True),
    Case(
        "dropped-nan",
        _GATES,
        "what is dropped is 0, NaN too",
        recipe="dropped-nan",
        T=6,
        num_layers=2,
        dropout=0.5,
        masks=True,
        finite=False,
    ),
    Case("not-finite-minus-inf", _GATES, "an infinity at a real step", recipe="not-finite:-inf", finite=False, T=6),
    Case(
        "rich",
        _GATES,
        "everything at once",
        unread="garbage",
        num_layers=2,
        bidirectional=True,
        layout="batch_first",
        lengths=(5, 2, 7),
        dropout=0.25,
        masks=True,
        O=6,
        weights="random",
        reduction="mean",
        **_CLASSES,
    ),
    # The output layer, where a port has these cells alone.
    Case("far-below", _HEAD, "logits far below 0", T=3, B=2, O=6, recipe="offset:-1500", **_CLASSES),
    Case("far-above", _HEAD, "logits far above 0", T=3, B=2, O=6, recipe="offset:1500", **_CLASSES),
    Case(
        "far-below-log_softmax",
        _HEAD,
        "logits far below 0",
        T=3,
        B=2,
        O=6,
        recipe="offset:-1500",
        activation="log_softmax",
        divergence="negative_log_likelihood",
        target="classes",
    ),
    Case(
        "tiny-kl",
        _HEAD,
        "probabilities that no clamp leaves alone; targets 0, 1, tiny",
        T=6,
        B=2,
        O=11,
        recipe="range:-60:3",
        activation="softmax",
        divergence="kl",
        target="edges",
    ),
    Case(
        "tiny-cross_entropy",
        _HEAD,
        "and under a sigmoid",
        T=6,
        B=2,
        O=11,
        recipe="range:-60:3",
        activation="sigmoid",
        divergence="cross_entropy",
        target="edges",
        unread="garbage",
    ),
    Case(
        "targets-of-any-sum",
        _HEAD,
        "targets 0, 1, tiny, of no sum in particular",
        T=6,
        B=2,
        O=6,
        activation="log_softmax",
        divergence="negative_log_likelihood",
        target="edges",
    ),
    Case(
        "ctc-infeasible",
        _HEAD,
        "too few steps for the labels: DIV is infinite",
        T=6,
        B=2,
        O=5,
        divergence="ctc",
        target="labels",
        labels=((1, 1, 2, 2, 1), (3, 1)),
        finite=False,
    ),
    Case(
        "ctc-past-doubles",
        _HEAD,
        "log p near -780: neither float32 nor float64 holds p",
        T=7,
        B=1,
        I=2,
        H=6,
        O=6,
        divergence="ctc",
        target="labels",
        labels=((1, 3),),
        scale=0.5,
        recipe="unlikely:112",
        width=2e-3,
    ),
    Case(
        "unasked-nan-y",
        _HEAD,
        "y is NaN at a step of weight 0: DIV and dy do not read it",
        T=6,
        B=2,
        O=6,
        weights="but-last",
        recipe="unasked-nan",
        finite=False,
        **_CLASSES,
    ),
    Case(
        "idle-sequence",
        _HEAD,
        "a sequence whose weights are all 0, and a gradient of its last states",
        unread="garbage",
        T=6,
        B=3,
        O=6,
        weights="idle",
        upstream="h_n",
        lengths=(6, 3, 2),
        **_CLASSES,
    ),
]

GATED: list[Case] = [
    *crossed(ROWS),
    *crossed(MIXED),
    # Of the LSTM alone: a state that counts, and is far larger than what a gate lets through.
    *crossed(
        [Case("counting-T40", _GATES, "c grows by 1 a step", T=40, B=2, I=3, H=4, recipe="counting", saturated=True)],
        ("lstm", "lstm-proj"),
    ),
    Case("lstm-proj-square", _SIZES, "I = P: they can be confused", cell="lstm", I=2, proj_size=2, num_layers=2),
    # Long, for two of them.
    *crossed(
        [
            Case(
                "long-T261-ragged-bi",
                _SIZES,
                "lengths past 127 and 255",
                unread="garbage",
                T=261,
                B=3,
                I=2,
                H=2,
                bidirectional=True,
                lengths=(258, 130, 261),
                saturated=True,
            )
        ],
        ("gru-before", "lstm-proj"),
    ),
    # Trained on real text.
    Case("gru-trained", _GATES, "a trained character model", cell="gru", **_trained("charlm-gru")),
    Case("lstm-trained", _GATES, "a trained character model", cell="lstm", **_trained("charlm-lstm")),
    *crossed(
        [
            Case(
                "memory-T1000",
                _GATES,
                "a state that is kept over a thousand steps",
                T=1000,
                B=1,
                I=2,
                H=3,
                recipe="kept:5:7",
                saturated=True,
            )
        ],
        ("gru", "lstm"),
    ),
]
