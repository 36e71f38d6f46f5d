"""The cases that tell nearly right from right: past lanes and buffers, at both ends of every function, and beyond."""

from typing import Any

from parity.cases.case import Case


def _head(activation: str, divergence: str, target: str, O: int = 6) -> dict[str, Any]:
    """The options of an output layer."""
    return {"O": O, "activation": activation, "divergence": divergence, "target": target}


SHARP: list[Case] = [
    # Sizes past lanes, buffers and narrow indices; none is a multiple of 4.
    Case("wide-H257", "past lanes", "past 256 units: W_hh has more than 65536 elements", T=3, B=2, I=4, H=257),
    Case(
        "long-T261-I65",
        "past lanes",
        "past 256 steps and 512 rows; x has more than 32768 elements",
        T=261,
        B=2,
        I=65,
        H=3,
        saturated=True,
    ),
    Case(
        "long-T300-B4-ragged-bi",
        "past lanes",
        "past 1024 rows, and lengths past 127 and 255",
        T=300,
        B=4,
        I=2,
        H=3,
        bidirectional=True,
        lengths=(300, 131, 299, 298),
    ),
    Case("square-T-B", "square weights", "T = B: batch_first cannot be guessed", T=5, B=5, H=6, layout="batch_first"),
    # Blocks of a loop: their edges, what is left over, more of them than one digit or one byte counts.
    Case("long-T17", "blocks", "one step after blocks of 16", T=17, B=1, I=1, H=2),
    Case(
        "truncate-17-T32",
        "blocks",
        "chunks longer than 16 steps; blocks of 32, with none left over",
        T=32,
        B=1,
        I=1,
        H=2,
        truncate=17,
    ),
    Case(
        "deep-L11",
        "blocks",
        "eleven layers: their numbers have two digits",
        T=2,
        B=1,
        I=3,
        H=2,
        num_layers=11,
        bias=False,
    ),
    Case("lengths-9-10", "blocks", "as text, 9 comes after 10", T=11, I=4, H=2, lengths=(9, 10, 2)),
    Case("small-one-feature-bf", "blocks", "batch first with I = 1", B=2, I=1, H=3, layout="batch_first"),
    Case(
        "classes-O270",
        "blocks",
        "class indices past 255",
        T=1,
        B=1,
        I=3,
        H=2,
        **_head("log_softmax", "negative_log_likelihood", "classes", 270),
    ),
    # Every function from end to end.
    Case(
        "ends-softplus-narrow",
        "ranges",
        "z from -24 to 24",
        **_head("softplus", "squared_error", "values", 21),
        recipe="range:-24:24",
    ),
    Case(
        "vanishing-T90", "ranges", "down to 1e-27", T=90, recipe="vanishing", upstream="last", nonlinearity="identity"
    ),
    Case(
        "ends-sigmoid-narrow",
        "ranges",
        "z from -24 to 24: where a sigmoid is nearly 0 or 1",
        **_head("sigmoid", "squared_error", "values", 21),
        recipe="range:-24:24",
    ),
    Case(
        "low-softplus",
        "ranges",
        "every z near -20, so that e^z is all there is",
        **_head("softplus", "squared_error", "values"),
        recipe="offset:-20",
    ),
    Case(
        "small-one-class",
        "ranges",
        "O = 1: the one class is certain",
        **_head("softmax", "squared_error", "values", 1),
    ),
    Case("small-two-classes", "ranges", "O = 2", **_head("log_softmax", "negative_log_likelihood", "classes", 2)),
    # Targets as they come.
    Case(
        "targets-signed",
        "targets",
        "desired numbers below 0",
        T=3,
        B=2,
        H=4,
        I=5,
        **_head("softmax", "cross_entropy", "values", 4),
    ),
    Case(
        "targets-signed-sigmoid",
        "targets",
        "and of several outputs that are each a yes or no",
        T=3,
        B=2,
        H=4,
        I=5,
        **_head("sigmoid", "binary_cross_entropy", "values", 4),
    ),
    Case(
        "mean-ragged-bf",
        "targets",
        "a mean over the real steps alone, where no weights say which they are",
        T=4,
        I=2,
        H=5,
        lengths=(4, 1, 2),
        layout="batch_first",
        reduction="mean",
        **_head("softmax", "cross_entropy", "classes", 5),
    ),
    # What is not finite stays so.
    Case(
        "not-finite-inf-relu-head",
        "not finite",
        "infinity in a real step: where a unit is closed its gradient is 0",
        nonlinearity="relu",
        recipe="not-finite:inf",
        finite=False,
        **_head("identity", "squared_error", "values"),
    ),
    Case(
        "ctc-every-step",
        "whole series",
        "as many labels as steps, none of them repeated; one target twice as long as the others",
        lengths=(3, 7, 2),
        labels=((1, 2, 3), (1, 2, 3, 4, 5, 1, 2), (4, 5)),
        **_head("identity", "ctc", "labels"),
    ),
    Case(
        "ctc-O21",
        "whole series",
        "labels past 8 and 16 classes",
        B=2,
        labels=((1, 17, 20), (16, 9, 9)),
        **_head("identity", "ctc", "labels", 21),
    ),
    Case(
        "ctc-unlikely-zeroed",
        "whole series",
        "a loss past 100 is not infinite",
        T=12,
        B=2,
        H=3,
        recipe="unlikely:10",
        zero_infinity=True,
        labels=((1, 2, 1), (2, 2)),
        **_head("identity", "ctc", "labels", 4),
    ),
    Case(
        "ctc-ragged-T17",
        "whole series",
        "past 16 steps, each sequence with an end of its own",
        T=17,
        B=2,
        H=3,
        lengths=(17, 11),
        labels=((1, 2), (2, 2, 1)),
        **_head("identity", "ctc", "labels", 3),
    ),
]
