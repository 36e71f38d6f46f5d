"""The cases that tell nearly right from right: past lanes and buffers, at both ends of every function, and beyond."""

from typing import Any

from parity.cases.case import Case


def _sharp(group: str, case_id: str, comment: str, **options: Any) -> Case:
    return Case(case_id, group, comment, **options)


def _head(activation: str, divergence: str, target: str, O: int = 6) -> dict[str, Any]:
    """The options of an output layer."""
    return {"O": O, "activation": activation, "divergence": divergence, "target": target}


_RAGGED: dict[str, Any] = {"lengths": (5, 2, 7)}

SHARP: list[Case] = [
    # Sizes past lanes, buffers and narrow indices; none is a multiple of 4.
    _sharp(
        "past lanes",
        "wide-B18-I35-H37-O34",
        "past 32 lanes in every product, past 16 in the batch",
        T=3,
        B=18,
        I=35,
        H=37,
        **_head("softmax", "cross_entropy", "classes", 34),
    ),
    _sharp(
        "past lanes",
        "wide-B9-I19-H21-l2-bi-ragged",
        "past 8 and 16 lanes, in two directions and layers",
        T=5,
        B=9,
        I=19,
        H=21,
        nonlinearity="relu",
        num_layers=2,
        bidirectional=True,
        lengths=(3, 5, 1, 4, 2, 5, 3, 1, 4),
    ),
    _sharp(
        "past lanes",
        "wide-B5-H11-O35-bf",
        "past 32 classes, past 4 sequences, past 8 units",
        B=5,
        I=6,
        H=11,
        layout="batch_first",
        **_head("log_softmax", "negative_log_likelihood", "classes", 35),
    ),
    _sharp("past lanes", "wide-B34", "past 32 sequences", T=3, B=34, I=2, H=5),
    _sharp("past lanes", "wide-H257", "past 256 units: W_hh has more than 65536 elements", T=3, B=2, I=4, H=257),
    _sharp(
        "past lanes",
        "long-T261-I65",
        "past 256 steps and 512 rows; x has more than 32768 elements",
        T=261,
        B=2,
        I=65,
        H=3,
        saturated=True,
    ),
    _sharp(
        "past lanes",
        "long-T300-B4-ragged-bi",
        "past 1024 rows, and lengths past 127 and 255",
        T=300,
        B=4,
        I=2,
        H=3,
        bidirectional=True,
        lengths=(300, 131, 299, 298),
    ),
    _sharp("past lanes", "deep-l4-bi-drop30", "four layers", num_layers=4, bidirectional=True, dropout=0.3, masks=True),
    _sharp("square weights", "square-T-B", "T = B: batch_first cannot be guessed", T=5, B=5, H=6, layout="batch_first"),
    # Every function from end to end.
    _sharp(
        "ranges",
        "ends-tanh",
        "a from -1000 to 1000 and close around 0: past what any exponential holds",
        H=17,
        recipe="range:-1000:1000",
        saturated=True,
    ),
    _sharp(
        "ranges",
        "ends-tanh-narrow",
        "a from -12 to 12: where tanh is nearly 1",
        H=17,
        recipe="range:-12:12",
        saturated=True,
    ),
    _sharp(
        "ranges",
        "ends-sigmoid",
        "z from -800 to 800",
        **_head("sigmoid", "squared_error", "values", 21),
        recipe="range:-800:800",
    ),
    _sharp(
        "ranges",
        "ends-softplus",
        "z from -800 to 800",
        **_head("softplus", "squared_error", "values", 21),
        recipe="range:-800:800",
    ),
    _sharp(
        "ranges",
        "ends-softplus-narrow",
        "z from -24 to 24",
        **_head("softplus", "squared_error", "values", 21),
        recipe="range:-24:24",
    ),
    _sharp(
        "ranges",
        "ends-softmax",
        "z from -12 to 12",
        **_head("softmax", "squared_error", "values", 11),
        recipe="range:-12:12",
    ),
    _sharp(
        "ranges",
        "low-softmax",
        "every logit near -760: a maximum that starts at 0 divides 0 by 0",
        **_head("softmax", "cross_entropy", "soft"),
        recipe="offset:-760",
        scale=1.2,
    ),
    _sharp(
        "ranges",
        "low-log-softmax",
        "every logit near -1000",
        **_head("log_softmax", "negative_log_likelihood", "soft"),
        recipe="offset:-1000",
    ),
    _sharp(
        "ranges",
        "high-softmax-cross-entropy",
        "every logit near 1000",
        **_head("identity", "softmax_cross_entropy", "soft"),
        recipe="offset:1000",
    ),
    _sharp(
        "ranges",
        "unlikely-cross-entropy",
        "what is desired has a probability of about e^-60: an epsilon would show",
        **_head("softmax", "cross_entropy", "soft"),
        recipe="unlikely:60",
    ),
    _sharp(
        "ranges",
        "unlikely-kl-ragged",
        "and with the entropy of the target",
        **_head("softmax", "kl", "soft"),
        **_RAGGED,
        recipe="unlikely:60",
    ),
    _sharp(
        "ranges",
        "ends-binary-cross-entropy",
        "probabilities down to e^-24",
        **_head("sigmoid", "binary_cross_entropy", "bits", 13),
        recipe="range:-24:4",
    ),
    _sharp(
        "ranges", "vanishing-T90", "down to 1e-27", T=90, recipe="vanishing", upstream="last", nonlinearity="identity"
    ),
    _sharp(
        "ranges",
        "ends-sigmoid-narrow",
        "z from -24 to 24: where a sigmoid is nearly 0 or 1",
        **_head("sigmoid", "squared_error", "values", 21),
        recipe="range:-24:24",
    ),
    _sharp(
        "ranges",
        "low-softplus",
        "every z near -20, so that e^z is all there is",
        **_head("softplus", "squared_error", "values"),
        recipe="offset:-20",
    ),
    _sharp(
        "ranges",
        "small-one-class",
        "O = 1: the one class is certain",
        **_head("softmax", "squared_error", "values", 1),
    ),
    _sharp("ranges", "small-two-classes", "O = 2", **_head("log_softmax", "negative_log_likelihood", "classes", 2)),
    # What is not finite stays so.
    _sharp(
        "not finite",
        "not-finite-nan-relu-l2",
        "NaN in a real step: relu of NaN is NaN",
        nonlinearity="relu",
        num_layers=2,
        recipe="not-finite:nan",
        finite=False,
    ),
    _sharp(
        "not finite",
        "not-finite-inf-relu-head",
        "infinity in a real step: where a unit is closed its gradient is 0",
        nonlinearity="relu",
        recipe="not-finite:inf",
        finite=False,
        **_head("identity", "squared_error", "values"),
    ),
    _sharp(
        "not finite",
        "not-finite-inf-tanh",
        "tanh of infinity is 1",
        recipe="not-finite:inf",
        finite=False,
        saturated=True,
    ),
    # Dropout.
    _sharp(
        "dropout",
        "drop30-bf-l3",
        "p is no binary fraction; the masks are time-major, the series batch first",
        num_layers=3,
        layout="batch_first",
        dropout=0.3,
        masks=True,
    ),
    _sharp("dropout", "drop70-l2-bi", "p above 1/2", num_layers=2, bidirectional=True, dropout=0.7, masks=True),
    _sharp("dropout", "eval30-l2", "no masks: nothing is dropped and nothing scaled", num_layers=2, dropout=0.3),
    # Weights, and what is not read.
    _sharp(
        "weights",
        "signed-squared-error-mean-garbage",
        "weights of both signs; garbage where nothing is read",
        weights="signed",
        reduction="mean",
        unread="garbage",
        **_RAGGED,
        **_head("identity", "squared_error", "values"),
    ),
    _sharp(
        "weights",
        "signed-classes-sum-nan",
        "weights of both signs; no class at steps of weight 0",
        weights="signed",
        unread="nan",
        **_head("identity", "softmax_cross_entropy", "classes"),
    ),
    _sharp(
        "weights",
        "signed-values-sum-nan",
        "targets of NaN at steps of weight 0",
        weights="signed",
        unread="nan",
        **_head("sigmoid", "squared_error", "values"),
    ),
    _sharp(
        "lengths",
        "garbage-l2-bi",
        "padding that looks like data",
        unread="garbage",
        num_layers=2,
        bidirectional=True,
        **_RAGGED,
    ),
    _sharp(
        "whole series",
        "ctc-unlikely",
        "log p of about -200: probabilities that float32 could not hold outside the log domain",
        B=2,
        recipe="unlikely:30",
        labels=((1, 3, 3, 2), (2, 2, 4)),
        **_head("identity", "ctc", "labels"),
    ),
    _sharp(
        "whole series",
        "ctc-every-step",
        "as many labels as steps, none of them repeated; one target twice as long as the others",
        lengths=(3, 7, 2),
        labels=((1, 2, 3), (1, 2, 3, 4, 5, 1, 2), (4, 5)),
        **_head("identity", "ctc", "labels"),
    ),
    _sharp(
        "whole series",
        "ctc-O21",
        "labels past 8 and 16 classes",
        B=2,
        labels=((1, 17, 20), (16, 9, 9)),
        **_head("identity", "ctc", "labels", 21),
    ),
    _sharp("truncation", "truncate-9", "k above T: nothing is cut", truncate=9),
]
