"""The two covering sets: cases whose ids are made of option tokens and nothing else."""

from typing import Any

from parity.cases.case import Case

# Every triple of these options' values that can be had at once stands in some id: nonlinearity, layers, directions,
# bias, layout, h0, lengths, dropout, upstream gradient.
RNN_IDS = """
rnn-tanh-l1-uni-noh0-ragged-dhn
rnn-tanh-l1-uni-bf-noh0-dout
rnn-tanh-l1-bi-nobias-bf-ragged
rnn-tanh-l1-bi-nobias-unbatched-noh0-dout
rnn-tanh-l2-uni-ragged-drop25
rnn-tanh-l2-uni-bf-noh0-drop50
rnn-tanh-l2-uni-unbatched-noh0-dhn
rnn-tanh-l2-bi-noh0-eval50
rnn-tanh-l2-bi-bf-noh0-drop25-dout
rnn-tanh-l2-bi-unbatched-drop50-dout
rnn-tanh-l2-bi-nobias-bf-noh0-drop100-dhn
rnn-tanh-l2-bi-nobias-unbatched-drop25-dhn
rnn-tanh-l3-uni-noh0-ragged-drop100-dhn
rnn-tanh-l3-uni-bf-noh0-drop50-dhn
rnn-tanh-l3-uni-unbatched-noh0-drop100
rnn-tanh-l3-uni-nobias-noh0-ragged-drop50-dout
rnn-tanh-l3-uni-nobias-bf-noh0-ragged
rnn-tanh-l3-uni-nobias-bf-noh0-ragged-eval50-dhn
rnn-tanh-l3-bi-bf-eval50-dout
rnn-tanh-l3-bi-nobias-ragged-drop25-dhn
rnn-tanh-l3-bi-nobias-unbatched-eval50
rnn-tanh-l3-bi-nobias-unbatched-drop100-dout
rnn-relu-l1-uni-bf
rnn-relu-l1-uni-unbatched-noh0-dhn
rnn-relu-l1-bi-nobias-noh0-ragged
rnn-relu-l1-bi-nobias-noh0-ragged-dout
rnn-relu-l2-uni-unbatched-eval50-dhn
rnn-relu-l2-uni-unbatched-drop50
rnn-relu-l2-uni-unbatched-drop100-dhn
rnn-relu-l2-bi-noh0-ragged-eval50-dout
rnn-relu-l2-bi-noh0-ragged-drop25-dout
rnn-relu-l2-bi-noh0-ragged-drop100-dout
rnn-relu-l2-bi-bf-noh0-ragged-drop50-dhn
rnn-relu-l2-bi-nobias-ragged-drop50
rnn-relu-l2-bi-nobias-bf-ragged-drop25-dhn
rnn-relu-l2-bi-nobias-bf-noh0
rnn-relu-l2-bi-nobias-unbatched-noh0-drop100
rnn-relu-l3-uni-nobias-drop100-dhn
rnn-relu-l3-uni-nobias-noh0-eval50
rnn-relu-l3-uni-nobias-bf-ragged-drop100
rnn-relu-l3-uni-nobias-bf-noh0-ragged-drop25-dout
rnn-relu-l3-uni-nobias-unbatched-dout
rnn-relu-l3-bi-unbatched-noh0-drop25
rnn-relu-l3-bi-nobias-drop50-dout
rnn-relu-l3-bi-nobias-bf-ragged-eval50-dout
rnn-linear-l1-uni-nobias-bf-ragged-dhn
rnn-linear-l1-bi-dout
rnn-linear-l1-bi-nobias-noh0-dhn
rnn-linear-l1-bi-nobias-unbatched
rnn-linear-l2-uni-drop50-dhn
rnn-linear-l2-uni-noh0-drop25-dhn
rnn-linear-l2-uni-nobias-bf-ragged-drop50-dout
rnn-linear-l2-uni-nobias-bf-noh0-ragged-eval50
rnn-linear-l2-uni-nobias-unbatched-drop25-dout
rnn-linear-l2-uni-nobias-unbatched-noh0-drop100-dout
rnn-linear-l2-bi-bf-ragged-drop100-dout
rnn-linear-l2-bi-nobias-ragged-dout
rnn-linear-l2-bi-nobias-bf-noh0-drop100-dhn
rnn-linear-l3-uni-bf-drop50
rnn-linear-l3-uni-unbatched-noh0-eval50-dout
rnn-linear-l3-bi-noh0-ragged-dhn
rnn-linear-l3-bi-nobias-ragged-eval50-dhn
rnn-linear-l3-bi-nobias-ragged-drop100
rnn-linear-l3-bi-nobias-bf-noh0-ragged-drop25
rnn-linear-l3-bi-nobias-unbatched-noh0-drop50-dhn
""".split()

# Every pair of these: activation with divergence and target, reduction, lengths, directions, layers; and every pair of
# weights, reduction, lengths, layout, directions, layers.
HEAD_IDS = """
head-identity-squared_error-values-sum-ragged-bf-l2
head-identity-squared_error-values-mean-last-unbatched-bi
head-sigmoid-squared_error-values-sum-weighted-ragged-bf-bi
head-sigmoid-squared_error-values-mean-mask-unbatched-l2
head-tanh-squared_error-values-sum-ragged-bf-l2
head-tanh-squared_error-values-mean-unbatched-bi
head-relu-squared_error-values-sum-last-ragged-l2
head-relu-squared_error-values-mean-unbatched-bi
head-softplus-squared_error-values-sum-delayed-unbatched
head-softplus-squared_error-values-mean-last-ragged-bf-bi-l2
head-softmax-squared_error-values-sum-delayed-bf
head-softmax-squared_error-values-mean-last-ragged-bi-l2
head-log_softmax-squared_error-values-sum-last-bf-bi
head-log_softmax-squared_error-values-mean-delayed-ragged-l2
head-softmax-cross_entropy-classes-sum-weighted-bi
head-softmax-cross_entropy-classes-mean-mask-ragged-bf-l2
head-softmax-cross_entropy-soft-sum-last-ragged-bf-bi
head-softmax-cross_entropy-soft-mean-mask-unbatched-l2
head-sigmoid-cross_entropy-soft-sum-delayed-ragged-bf-bi
head-sigmoid-cross_entropy-soft-mean-last-unbatched-l2
head-softmax-kl-soft-sum-delayed-ragged-bf-l2
head-softmax-kl-soft-mean-mask-bf-bi
head-sigmoid-kl-soft-sum-delayed
head-sigmoid-kl-soft-mean-ragged-bi-l2
head-sigmoid-binary_cross_entropy-bits-sum-last-ragged-bf-bi
head-sigmoid-binary_cross_entropy-bits-mean-mask-l2
head-softmax-binary_cross_entropy-bits-sum-delayed-ragged-bf
head-softmax-binary_cross_entropy-bits-mean-bi-l2
head-log_softmax-negative_log_likelihood-classes-sum-weighted-bi-l2
head-log_softmax-negative_log_likelihood-classes-mean-delayed-ragged
head-log_softmax-negative_log_likelihood-soft-sum-last-ragged
head-log_softmax-negative_log_likelihood-soft-mean-weighted-unbatched-bi-l2
head-identity-softmax_cross_entropy-classes-sum-delayed-bf-bi
head-identity-softmax_cross_entropy-classes-mean-weighted-ragged-bf-l2
head-identity-softmax_cross_entropy-soft-sum-mask-ragged-bf-bi
head-identity-softmax_cross_entropy-soft-mean-delayed-bf-l2
head-tanh-softmax_cross_entropy-classes-sum-last-bf-l2
head-tanh-softmax_cross_entropy-classes-mean-last-ragged-bf-bi
""".split()

TOKENS: dict[str, dict[str, Any]] = {
    "tanh": {"nonlinearity": "tanh"},
    "relu": {"nonlinearity": "relu"},
    "linear": {"nonlinearity": "identity"},
    "l1": {"num_layers": 1},
    "l2": {"num_layers": 2},
    "l3": {"num_layers": 3},
    "uni": {"bidirectional": False},
    "bi": {"bidirectional": True},
    "nobias": {"bias": False},
    "bf": {"layout": "batch_first"},
    "unbatched": {"layout": "unbatched"},
    "noh0": {"h0": False},
    "ragged": {"lengths": (5, 2, 7)},
    "eval50": {"dropout": 0.5},
    "drop25": {"dropout": 0.25, "masks": True},
    "drop50": {"dropout": 0.5, "masks": True},
    "drop100": {"dropout": 1.0, "masks": True},
    "dout": {"upstream": "output"},
    "dhn": {"upstream": "h_n"},
    "sum": {"reduction": "sum"},
    "mean": {"reduction": "mean"},
    "weighted": {"weights": "random"},
    "mask": {"weights": "mask"},
    "last": {"weights": "last"},
    "delayed": {"weights": "delayed"},
}


def _from_tokens(case_id: str, group: str, comment: str, tokens: list[str], **base: Any) -> Case:
    options: dict[str, Any] = dict(base)
    for token in tokens:
        options |= TOKENS[token]
    if options.get("layout") == "unbatched":
        options["B"] = 1
    return Case(case_id, group, comment, **options)


def _rnn_case(case_id: str) -> Case:
    tokens = case_id.split("-")[1:]
    group = f"rnn {tokens[0]}"
    return _from_tokens(case_id, group, "covers triples of options", tokens)


def _head_case(case_id: str) -> Case:
    _, activation, divergence, target, *tokens = case_id.split("-")
    head = {"O": 6, "activation": activation, "divergence": divergence, "target": target}
    return _from_tokens(case_id, "output layer", "covers pairs of options", tokens, **head)


COVERING: list[Case] = [*map(_rnn_case, RNN_IDS), *map(_head_case, HEAD_IDS)]
