"""The corners of a case: sizes past the lanes of a processor, ends of ranges, edges of targets, and CTC in all of its.

Made so that the frozen set alone covers what `python -m parity coverage` asks for.
"""

from typing import Any

from parity.cases.case import Case

_LANES, _RANGES, _EDGES = "wide and long", "whole ranges", "edges of values"


def _labels(O: int, *labels: tuple[int, ...]) -> dict[str, Any]:
    return {"O": O, "divergence": "ctc", "target": "labels", "labels": labels}


def _range(activation: str, low: float, high: float, **options: Any) -> dict[str, Any]:
    return {"O": 11, "activation": activation, "recipe": f"range:{low}:{high}", "unread": "garbage"} | options


def _tiny(activation: str, divergence: str, **options: Any) -> Case:
    """Probabilities that float32 still has, but no epsilon or clamp in a logarithm leaves alone; 1 - y keeps digits."""
    comment = "probabilities down to 1e-26 where they are asked for; targets 0, 1, tiny, of no sum in particular"
    case_id = f"tiny-{activation}-{divergence}"
    chosen = _range(activation, -60, 3, T=6, divergence=divergence, target="edges", **options)
    return Case(case_id, _EDGES, comment, **chosen)


_SOFTMAX_CLASSES: dict[str, Any] = {"activation": "softmax", "divergence": "cross_entropy", "target": "classes"}

CORNERS: list[Case] = [
    # Sizes: a tail after 8, 16 and 32 lanes in every one of them; T past a byte, and products past 15 bits.
    Case(
        "wide-past-8",
        _LANES,
        "H, I, O, B past 8 lanes",
        T=5,
        B=13,
        I=11,
        H=9,
        O=10,
        num_layers=2,
        bidirectional=True,
        lengths=(5, 1, 4, 4, 2, 5, 3, 1, 5, 2, 4, 3, 5),
        unread="garbage",
        **_SOFTMAX_CLASSES,
    ),
    Case(
        "wide-past-16",
        _LANES,
        "H, I, O, B past 16 lanes",
        T=4,
        B=19,
        I=22,
        H=17,
        O=21,
        layout="batch_first",
        nonlinearity="relu",
        activation="log_softmax",
        divergence="negative_log_likelihood",
        target="edges",
        weights="signed",
        reduction="mean",
        unread="garbage",
    ),
    Case(
        "wide-past-32",
        _LANES,
        "H, I, O, B past 32 lanes",
        T=3,
        B=35,
        I=37,
        H=33,
        O=41,
        h0=False,
        weights="mask",
        divergence="softmax_cross_entropy",
        target="classes",
        upstream="",
        unread="garbage",
    ),
    Case(
        "wide-stack",
        _LANES,
        "two directions and layers past 32 lanes",
        T=4,
        B=2,
        I=46,
        H=43,
        bias=False,
        num_layers=2,
        bidirectional=True,
        layout="batch_first",
        lengths=(4, 3),
        dropout=0.1,
        masks=True,
        unread="garbage",
    ),
    Case(
        "long-T300-head",
        _LANES,
        "T past a byte, both ways, unbatched",
        T=300,
        B=1,
        I=3,
        H=4,
        O=5,
        layout="unbatched",
        bidirectional=True,
        h0=False,
        activation="sigmoid",
        reduction="mean",
        upstream="",
    ),
    Case(
        "layers-4",
        _LANES,
        "four layers",
        T=5,
        B=3,
        I=4,
        H=6,
        num_layers=4,
        bidirectional=True,
        nonlinearity="relu",
        dropout=0.7,
        masks=True,
        lengths=(5, 3, 3),
        unread="garbage",
    ),
    # Activations through the whole of their range, past the overflow of exp at both ends.
    Case(
        "range-stack-tanh",
        _RANGES,
        "tanh of the recursion, and its ends",
        H=11,
        recipe="range:-800:800",
        saturated=True,
        upstream="output",
    ),
    Case(
        "range-stack-relu",
        _RANGES,
        "relu of the recursion, far from 0",
        H=11,
        recipe="range:-800:800",
        nonlinearity="relu",
        bidirectional=True,
        scale=0.5,
    ),
    *(
        Case(f"range-{activation}", _RANGES, f"{activation} and its ends", **_range(activation, -800, 800))
        for activation in ("identity", "tanh", "sigmoid", "relu", "softplus", "log_softmax")
    ),
    Case("range-softmax", _RANGES, "probabilities that underflow beside others", **_range("softmax", -800, 1)),
    *(
        Case(
            f"far-{where}-{activation}",
            _RANGES,
            f"logits that are all far {where} 0",
            T=6,
            O=6,
            target="classes",
            activation=activation,
            divergence=divergence,
            recipe=f"offset:{by}",
        )
        for activation, divergence in (
            ("softmax", "cross_entropy"),
            ("log_softmax", "negative_log_likelihood"),
            ("identity", "softmax_cross_entropy"),
        )
        for where, by in (("below", -725), ("above", 725))
    ),
    # Probabilities, targets and weights at their edges.
    _tiny("sigmoid", "cross_entropy", weights="mask"),
    _tiny("softmax", "cross_entropy", weights="signed", reduction="mean"),
    _tiny("sigmoid", "kl", weights="signed"),
    _tiny("softmax", "kl", lengths=(6, 1, 3), reduction="mean"),
    _tiny("sigmoid", "binary_cross_entropy", weights="signed", reduction="mean", layout="batch_first"),
    _tiny("softmax", "binary_cross_entropy", weights="mask"),
    Case(
        "edges-pooled-signed",
        _EDGES,
        "weights of both signs, of small sum, in a mean over the steps",
        O=6,
        divergence="mean_pooled_cross_entropy",
        target="sequence",
        weights="signed",
        lengths=(5, 3, 7),
        unread="garbage",
    ),
    Case(
        "edges-unasked-nan",
        _EDGES,
        "targets of NaN where the weight is 0",
        O=6,
        activation="sigmoid",
        divergence="kl",
        target="edges",
        weights="mask",
        reduction="mean",
        unread="nan",
    ),
    Case(
        "edges-unasked-100",
        _EDGES,
        "class index -100 where the weight is 0",
        O=6,
        target="classes",
        divergence="softmax_cross_entropy",
        weights="mask",
        layout="batch_first",
        unread="nan",
    ),
    Case("truncate-above-T", _EDGES, "k > T: nothing is cut", truncate=9),
    Case(
        "not-finite-nan",
        _EDGES,
        "NaN at a real step: what depends on it, no more",
        recipe="not-finite:nan",
        finite=False,
        lengths=(5, 2, 7),
        upstream="output",
    ),
    Case(
        "not-finite-relu-nan",
        _EDGES,
        "NaN through relu, up two layers",
        recipe="not-finite:nan",
        nonlinearity="relu",
        num_layers=2,
        finite=False,
        upstream="h_n",
    ),
    Case(
        "not-finite-inf",
        _EDGES,
        "an infinity at a real step saturates tanh",
        recipe="not-finite:inf",
        finite=False,
        saturated=True,
        layout="batch_first",
    ),
    # CTC.
    Case(
        "ctc-blank-middle",
        _EDGES,
        "the blank is neither the first nor the last class",
        blank=2,
        **_labels(6, (0, 5), (3, 3), (1, 4, 1)),
    ),
    Case(
        "ctc-no-label",
        _EDGES,
        "no label at all: the path of blanks",
        lengths=(5, 2, 7),
        unread="garbage",
        reduction="mean",
        **_labels(4, (), (), ()),
    ),
    Case(
        "ctc-lengths-one",
        _EDGES,
        "one step: one label or none",
        lengths=(1, 7, 1),
        unread="garbage",
        layout="batch_first",
        **_labels(6, (3,), (2, 1), ()),
    ),
    Case(
        "ctc-past-doubles",
        _EDGES,
        "log p near -780: neither float32 nor float64 holds p",
        T=7,
        B=3,
        I=2,
        H=6,
        scale=0.5,
        recipe="unlikely:112",
        width=2e-3,
        **_labels(6, (1, 3), (2,), (4,)),
    ),
    Case(
        "ctc-past-floats",
        _EDGES,
        "log p near -120: float32 does not hold p",
        T=12,
        B=3,
        recipe="unlikely:10",
        bidirectional=True,
        blank=4,
        reduction="mean",
        **_labels(6, (1, 3, 2), (2, 2), ()),
    ),
]
