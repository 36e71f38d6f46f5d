"""The rest of the pairs of options that the frozen set must have, many in each case.

Chosen by `parity.coverage.choosing` after everything else of the set, then kept: an id is permanent.
"""

from typing import Any

from parity.cases.case import Case


def _pairs(case_id: str, **options: Any) -> Case:
    return Case(case_id, "pairs", "covers pairs of options", **options)


# fmt: off
# ruff: noqa: E501
PAIRS: list[Case] = [
    _pairs("pairs-01-softplus-ctc", T=8, B=2, I=6, H=7, num_layers=3, nonlinearity="identity", bias=False, layout="batch_first", dropout=0.5, h0=False, lengths=(4, 1), upstream="", truncate=10, O=3, activation="softplus", divergence="ctc", target="labels", labels=((), ()), blank=1, zero_infinity=True, reduction="mean", unread="garbage"),
    _pairs("pairs-02-tanh-mean_pooled_cross_entropy", T=9, B=1, I=8, H=3, num_layers=2, nonlinearity="relu", bias=False, layout="unbatched", dropout=0.7, masks=True, h0=False, upstream="", truncate=11, O=10, activation="tanh", divergence="mean_pooled_cross_entropy", target="sequence", weights="random"),
    _pairs("pairs-03-softmax-cross_entropy", T=8, B=1, I=10, H=3, num_layers=4, nonlinearity="identity", bias=False, layout="unbatched", dropout=0.1, h0=False, upstream="", truncate=3, O=10, activation="softmax", divergence="cross_entropy", target="classes", weights="random", unread="garbage"),
    _pairs("pairs-04-relu-ctc", B=5, I=3, H=4, num_layers=4, nonlinearity="relu", bias=False, layout="batch_first", dropout=0.3, masks=True, h0=False, lengths=(7, 7, 7, 5, 7), upstream="", truncate=1, O=9, activation="relu", divergence="ctc", target="labels", labels=((2, 1, 2, 2), (), (6, 6), (4,), (6, 1, 6)), reduction="mean", unread="garbage"),
    _pairs("pairs-05-sigmoid-softmax_cross_entropy", T=9, B=5, I=3, H=7, num_layers=3, nonlinearity="identity", bias=False, dropout=0.7, h0=False, lengths=(5, 4, 2, 4, 1), upstream="h_n", truncate=10, O=9, activation="sigmoid", divergence="softmax_cross_entropy", target="soft", reduction="mean", weights="random", unread="garbage"),
    _pairs("pairs-06-log_softmax-negative_log_likelihood", B=5, H=8, num_layers=4, nonlinearity="identity", bias=False, layout="batch_first", dropout=0.1, masks=True, h0=False, lengths=(7, 4, 2, 4, 1), upstream="", truncate=9, O=3, activation="log_softmax", divergence="negative_log_likelihood", target="classes", weights="signed", unread="garbage"),
    _pairs("pairs-07-relu-mean_pooled_cross_entropy", B=1, I=11, H=6, num_layers=4, nonlinearity="identity", bidirectional=True, layout="unbatched", dropout=0.7, upstream="", O=3, activation="relu", divergence="mean_pooled_cross_entropy", target="sequence"),
    _pairs("pairs-08-tanh-ctc", T=9, I=5, H=7, num_layers=3, nonlinearity="identity", bias=False, layout="batch_first", dropout=0.1, h0=False, lengths=(5, 2, 6), upstream="h_n", truncate=8, O=5, activation="tanh", divergence="ctc", target="labels", labels=((), (), ()), blank=4, zero_infinity=True, reduction="mean", unread="nan"),
    _pairs("pairs-09-sigmoid-kl", T=6, B=1, I=2, H=10, num_layers=4, nonlinearity="relu", bias=False, layout="unbatched", dropout=0.3, masks=True, h0=False, upstream="", truncate=3, O=6, activation="sigmoid", divergence="kl", target="soft", weights="random", unread="garbage"),
    _pairs("pairs-10-softmax-binary_cross_entropy", T=4, B=1, I=10, H=3, num_layers=2, nonlinearity="relu", bias=False, layout="unbatched", masks=True, h0=False, upstream="", truncate=5, O=6, activation="softmax", divergence="binary_cross_entropy", target="bits", reduction="mean", weights="random", unread="garbage"),
    _pairs("pairs-11-identity-squared_error", T=4, B=5, I=6, H=3, num_layers=3, nonlinearity="relu", bias=False, layout="batch_first", dropout=0.7, upstream="", truncate=2, O=7, weights="random", unread="garbage"),
    _pairs("pairs-12-softplus-softmax_cross_entropy", T=8, B=2, I=11, num_layers=2, nonlinearity="relu", layout="batch_first", dropout=0.7, masks=True, h0=False, lengths=(5, 3), upstream="", truncate=1, O=6, activation="softplus", divergence="softmax_cross_entropy", target="classes", reduction="mean", weights="random", unread="garbage"),
    _pairs("pairs-13-sigmoid-ctc", T=4, B=1, I=2, H=6, num_layers=2, nonlinearity="relu", bias=False, layout="unbatched", dropout=1.0, masks=True, h0=False, upstream="", truncate=6, O=10, activation="sigmoid", divergence="ctc", target="labels", labels=((8,),), blank=9, zero_infinity=True),
    _pairs("pairs-14-tanh-softmax_cross_entropy", T=8, B=1, I=9, H=11, num_layers=2, bias=False, bidirectional=True, layout="unbatched", dropout=0.7, h0=False, upstream="", O=9, activation="tanh", divergence="softmax_cross_entropy", target="classes", weights="mask", unread="garbage"),
    _pairs("pairs-15-sigmoid-mean_pooled_cross_entropy", T=5, B=2, I=11, H=3, num_layers=2, nonlinearity="identity", bias=False, masks=True, h0=False, upstream="", truncate=4, O=10, activation="sigmoid", divergence="mean_pooled_cross_entropy", target="sequence", weights="mask"),
    _pairs("pairs-16-relu-softmax_cross_entropy", T=6, B=5, I=10, H=9, num_layers=2, dropout=0.1, masks=True, h0=False, lengths=(6, 5, 1, 5, 2), upstream="", truncate=6, O=8, activation="relu", divergence="softmax_cross_entropy", target="classes", reduction="mean", weights="random", unread="garbage"),
    _pairs("pairs-17-identity-squared_error", B=2, num_layers=4, nonlinearity="identity", dropout=0.7, masks=True, h0=False, lengths=(1, 3), upstream="h_n", truncate=8, O=8, reduction="mean", unread="garbage"),
    _pairs("pairs-18-sigmoid-cross_entropy", B=1, I=9, H=8, num_layers=2, nonlinearity="relu", layout="unbatched", dropout=1.0, masks=True, h0=False, upstream="", truncate=9, O=7, activation="sigmoid", divergence="cross_entropy", target="classes"),
    _pairs("pairs-19-softplus-mean_pooled_cross_entropy", T=5, B=4, I=7, H=3, num_layers=4, nonlinearity="identity", bias=False, bidirectional=True, dropout=0.1, h0=False, upstream="h_n", O=5, activation="softplus", divergence="mean_pooled_cross_entropy", target="sequence", weights="last"),
    _pairs("pairs-20-sigmoid-binary_cross_entropy", T=6, I=11, H=2, num_layers=4, nonlinearity="identity", bias=False, layout="batch_first", dropout=0.7, upstream="h_n", truncate=4, O=9, activation="sigmoid", divergence="binary_cross_entropy", target="edges"),
    _pairs("pairs-21-sigmoid-kl", T=9, I=6, H=11, num_layers=4, nonlinearity="identity", layout="batch_first", dropout=0.7, lengths=(7, 3, 7), upstream="", truncate=9, O=10, activation="sigmoid", divergence="kl", target="soft", weights="mask", unread="garbage"),
    _pairs("pairs-22-stack-identity", T=9, B=2, I=6, num_layers=2, nonlinearity="identity", bias=False, layout="batch_first", dropout=0.7, masks=True, h0=False, lengths=(6, 8), upstream="output", truncate=10, unread="garbage"),
    _pairs("pairs-23-log_softmax-negative_log_likelihood", T=6, B=4, I=2, H=8, num_layers=3, nonlinearity="identity", bias=False, layout="batch_first", dropout=0.1, h0=False, lengths=(2, 2, 1, 1), upstream="h_n", truncate=4, O=10, activation="log_softmax", divergence="negative_log_likelihood", target="classes", reduction="mean", weights="last", unread="garbage"),
    _pairs("pairs-24-tanh-ctc", T=5, I=8, H=2, num_layers=4, nonlinearity="identity", bias=False, layout="batch_first", dropout=0.7, h0=False, lengths=(1, 1, 3), upstream="h_n", truncate=6, O=3, activation="tanh", divergence="ctc", target="labels", labels=((2,), (1,), ()), reduction="mean", unread="nan"),
    _pairs("pairs-25-relu-ctc", T=5, B=1, I=2, H=10, num_layers=2, nonlinearity="relu", bias=False, layout="unbatched", masks=True, h0=False, upstream="", truncate=1, O=4, activation="relu", divergence="ctc", target="labels", labels=((),), blank=1, zero_infinity=True),
    _pairs("pairs-26-stack-relu", T=8, B=1, I=6, H=9, num_layers=4, nonlinearity="relu", bias=False, layout="unbatched", dropout=0.1, h0=False, upstream="output", truncate=6),
    _pairs("pairs-27-stack-identity", T=8, B=5, I=11, H=7, num_layers=3, nonlinearity="identity", bias=False, dropout=0.5, lengths=(8, 8, 1, 7, 7), upstream="h_n", truncate=5, unread="garbage"),
    _pairs("pairs-28-softplus-ctc", T=9, I=7, H=10, nonlinearity="identity", upstream="", truncate=11, O=8, activation="softplus", divergence="ctc", target="labels", labels=((4, 4), (2, 1, 6, 1, 3), (2,)), blank=7, reduction="mean"),
    _pairs("pairs-29-sigmoid-ctc", T=6, B=4, I=3, H=11, num_layers=4, nonlinearity="relu", bidirectional=True, dropout=0.1, h0=False, upstream="", O=9, activation="sigmoid", divergence="ctc", target="labels", labels=((7, 6), (), (3, 2, 7), (4, 3, 1)), reduction="mean"),
    _pairs("pairs-30-stack-relu", T=4, B=1, I=11, H=2, num_layers=4, nonlinearity="relu", bias=False, bidirectional=True, layout="unbatched", dropout=0.5, h0=False),
    _pairs("pairs-31-softplus-ctc", B=4, I=11, H=2, num_layers=2, nonlinearity="relu", bias=False, bidirectional=True, layout="batch_first", dropout=0.1, masks=True, h0=False, upstream="h_n", O=8, activation="softplus", divergence="ctc", target="labels", labels=((2, 1, 5, 3), (1, 6, 7, 4), (7,), (1,)), zero_infinity=True),
    _pairs("pairs-32-sigmoid-ctc", T=4, B=1, I=11, num_layers=2, bias=False, layout="unbatched", dropout=0.7, masks=True, h0=False, upstream="", truncate=1, O=7, activation="sigmoid", divergence="ctc", target="labels", labels=((6, 1),), blank=2, zero_infinity=True, reduction="mean"),
    _pairs("pairs-33-relu-ctc", T=9, B=2, I=8, H=10, num_layers=3, bidirectional=True, dropout=0.7, h0=False, lengths=(8, 1), upstream="h_n", O=10, activation="relu", divergence="ctc", target="labels", labels=((7, 6, 4), (4,)), blank=9, unread="garbage"),
    _pairs("pairs-34-tanh-ctc", B=2, I=8, H=9, num_layers=4, nonlinearity="identity", dropout=0.7, upstream="", O=5, activation="tanh", divergence="ctc", target="labels", labels=((4,), ()), blank=2, reduction="mean"),
    _pairs("pairs-35-stack-relu", T=4, B=5, I=6, H=9, num_layers=4, nonlinearity="relu", bias=False, h0=False, lengths=(2, 4, 2, 1, 4), upstream="h_n", truncate=6, unread="garbage"),
    _pairs("pairs-36-stack-relu", T=8, B=4, I=7, H=9, num_layers=4, nonlinearity="relu", bidirectional=True, dropout=0.1, h0=False, lengths=(6, 7, 1, 5), upstream="output", unread="garbage"),
]
