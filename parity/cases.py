"""THE case table: tests, benchmarks, vectors and the parity run all read it.

An id says what its case is, is permanent, and seeds the case's values: a changed case is a new id. The ids of the two
covering sets (`RNN_IDS`, `HEAD_IDS`) are made of option tokens and nothing else; the special cases are written out.
Every value is representable in float32, so that a case is the same case in both dtypes; every case meets SPEC 9.6.
"""

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

import reference
from parity import weights
from reference.arrays import Array

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


@dataclass(frozen=True)
class Case:
    """One configuration, its sizes, and the recipe of its values. Sizes differ pairwise unless a case is about it."""

    id: str
    group: str
    comment: str
    cell: str = "rnn"
    T: int = 7
    B: int = 3
    I: int = 4
    H: int = 5
    num_layers: int = 1
    nonlinearity: str = "tanh"
    bias: bool = True
    bidirectional: bool = False
    layout: str = "time_major"  # batch_first, unbatched
    dropout: float = 0.0
    masks: bool = False
    h0: bool = True
    lengths: tuple[int, ...] | None = None
    upstream: str = "output+h_n"  # output, h_n, last (the last step alone)
    truncate: int | None = None
    O: int | None = None  # None: the recurrent stack alone, without an output layer
    activation: str = "identity"
    divergence: str = "squared_error"
    target: str = "values"  # classes, soft, bits; sequence: one class each; labels: those of `labels`
    labels: tuple[tuple[int, ...], ...] | None = None
    blank: int = 0
    zero_infinity: bool = False
    reduction: str = "sum"
    weights: str | None = None  # random, mask, last, delayed
    recipe: str = "uniform"
    scale: float = 0.75
    exact: bool = False
    saturated: bool = False  # |h| may come near 1
    finite: bool = True  # False: inf and NaN are wanted
    memory: str = "contiguous"  # strided

    @property
    def seed(self) -> int:
        """The seed of the case's values: a checksum of its id."""
        return zlib.crc32(self.id.encode())

    @property
    def batch_first(self) -> bool:
        return self.layout == "batch_first"

    @property
    def batched(self) -> bool:
        return self.layout != "unbatched"

    @property
    def num_directions(self) -> int:
        return 2 if self.bidirectional else 1

    @property
    def state_shape(self) -> tuple[int, ...]:
        """The shape of h0 and h_n."""
        batch = (self.B,) if self.batched else ()
        return (self.num_layers * self.num_directions, *batch, self.H)

    @property
    def per_sequence(self) -> bool:
        """Whether the target belongs to a sequence as a whole, not to each of its steps."""
        return self.target in ("labels", "sequence")

    def rnn(self) -> reference.RNN:
        """The recurrent stack of this case."""
        return reference.RNN(
            self.I,
            self.H,
            num_layers=self.num_layers,
            nonlinearity=self.nonlinearity,
            bias=self.bias,
            batch_first=self.batch_first,
            dropout=self.dropout,
            bidirectional=self.bidirectional,
        )

    def network(self) -> reference.Network:
        """The network of this case; only for a case with an output layer."""
        assert self.O is not None
        if self.divergence == "ctc":
            ctc = reference.CTC(self.blank, self.reduction, self.zero_infinity)
            return reference.Network(self.rnn(), self.O, self.activation, ctc)
        if self.divergence == "mean_pooled_cross_entropy":
            pooled = reference.MeanPooledCrossEntropy(self.reduction)
            return reference.Network(self.rnn(), self.O, self.activation, pooled)
        return reference.Network(self.rnn(), self.O, self.activation, self.divergence, self.reduction)

    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        """Name to shape of every parameter."""
        return (self.rnn() if self.O is None else self.network()).shapes

    def laid_out(self, series: Array) -> Array:
        """A time-major array (T, B, ...) in the layout of this case."""
        if not self.batched:
            return series[:, 0]
        return series.swapaxes(0, 1) if self.batch_first else series


@dataclass(frozen=True)
class Arrays:
    """The values of a case, in its layout; None where the case has none. Padding holds NaN (class indices: -100)."""

    params: dict[str, Array]
    x: Array
    h0: Array | None = None
    lengths: Array | None = None
    masks: Array | None = None
    d_output: Array | None = None
    d_h_n: Array | None = None
    target: Array | None = None
    weights: Array | None = None

    def map(self, function: Callable[[Array], Array]) -> "Arrays":
        """The same, with the function applied to every floating-point array."""

        def convert(value: Any) -> Any:
            if isinstance(value, dict):
                return {name: function(array) for name, array in value.items()}
            return function(value) if value is not None and np.issubdtype(value.dtype, np.inexact) else value

        return Arrays(**{f.name: convert(getattr(self, f.name)) for f in fields(self)})

    def astype(self, dtype: Any) -> "Arrays":
        """The same values in another dtype, in the same memory order, read-only."""
        return self.map(lambda a: _frozen(_strided_like(a.astype(dtype), a)))


def _strided_like(array: Array, pattern: Array) -> Array:
    """The array, walked backwards in memory along each axis along which the pattern is."""
    backwards = tuple(slice(None, None, -1 if stride < 0 else 1) for stride in pattern.strides)
    return np.asfortranarray(array[backwards])[backwards] if any(s.step == -1 for s in backwards) else array


@dataclass
class _Draw:
    """Random numbers, rounded to float32: the same in every dtype, the same on every machine."""

    rng: np.random.Generator

    def uniform(self, shape: tuple[int, ...], low: float = -1.0, high: float = 1.0) -> Array:
        return (low + (high - low) * self.rng.random(shape)).astype(np.float32).astype(np.float64)

    def integers(self, shape: tuple[int, ...], low: int, high: int) -> Array:
        """From low..high, both included, as floats."""
        return self.rng.integers(low, high, shape, endpoint=True).astype(np.float64)


@cache
def arrays(case: Case) -> Arrays:
    """The values of a case, float64. Read-only: they are shared."""
    recipe = RECIPES[case.recipe.partition(":")[0]]
    values = recipe(case, _Draw(np.random.default_rng(case.seed)))
    values = _poisoned(case, values)
    if case.memory == "strided":
        values = replace(values, x=strided(values.x))
    for value in vars(values).values():
        for array in value.values() if isinstance(value, dict) else [value]:
            if array is not None:
                _frozen(array)
    return values


def strided(array: Array) -> Array:
    """The same values, walked backwards along the first axis through column-major memory."""
    return np.asfortranarray(array[::-1])[::-1]


def _frozen(array: Array) -> Array:
    array.flags.writeable = False
    return array


def _uniform(case: Case, draw: _Draw) -> Arrays:
    """Weights U(±scale/sqrt(H)), biases alike, inputs and upstream gradients U(±1)."""
    k = case.scale / np.sqrt(case.H)
    return _with_data(case, draw, {name: draw.uniform(shape, -k, k) for name, shape in case.shapes().items()})


def _with_data(case: Case, draw: _Draw, params: dict[str, Array], x: Array | None = None) -> Arrays:
    """Everything but the parameters, at its usual scale."""
    T, B, I, H = case.T, case.B, case.I, case.H
    LD, DH = case.num_layers * case.num_directions, case.num_directions * H

    def state() -> Array:
        full = draw.uniform((LD, B, H))
        return full if case.batched else full[:, 0]

    def masks() -> Array:
        kept = draw.rng.random((case.num_layers - 1, T, B, DH)) >= case.dropout
        return kept if case.batched else kept[:, :, 0]

    series = x if x is not None else draw.uniform((T, B, I))
    upstream = draw.uniform((T, B, DH))
    if case.upstream == "last":
        upstream[:-1] = 0
    return Arrays(
        params=params,
        x=case.laid_out(series),
        h0=state() if case.h0 else None,
        lengths=None if case.lengths is None else np.array(case.lengths),
        masks=masks() if case.masks else None,
        d_output=case.laid_out(upstream) if case.O is None and case.upstream != "h_n" else None,
        d_h_n=state() if "h_n" in case.upstream else None,
        target=None if case.O is None else _target(case, draw),
        weights=None if case.weights is None else case.laid_out(_weights(case, draw)),
    )


def _target(case: Case, draw: _Draw) -> Array:
    T, B, O = case.T, case.B, case.O or 0
    if case.labels is not None:  # for each sequence; -1 after the last
        longest = max(map(len, case.labels))
        rows = [[*labels, *[-1] * (longest - len(labels))] for labels in case.labels]
        target = np.array(rows, dtype=np.int64).reshape(B, longest)
        return target if case.batched else target[0]
    if case.target == "sequence":
        target = draw.rng.integers(0, O, B)
        return target if case.batched else target[0, ...]
    if case.target == "classes":
        return case.laid_out(draw.rng.integers(0, O, (T, B)))
    if case.target == "soft":  # sixteenths that sum to 1, some of them 0
        return case.laid_out(draw.rng.multinomial(16, np.full(O, 1 / O), (T, B)) / 16)
    return case.laid_out(draw.uniform((T, B, O), 0.0 if case.target == "bits" else -1.0))


def _weights(case: Case, draw: _Draw) -> Array:
    T, B = case.T, case.B
    last = np.array(case.lengths or (T,) * B) - 1
    t = np.arange(T)[:, None]
    steps: Array
    if case.weights == "random":
        return draw.uniform((T, B), 0.25, 2.0)
    if case.weights == "mask":
        steps = draw.rng.random((T, B)) < 0.6
        steps[0] = True
    elif case.weights == "last":
        steps = t == last
    else:  # delayed: nothing is asked of the first step of a sequence
        steps = np.broadcast_to(t >= 1, (T, B)).copy()
    return steps


def _integers(case: Case, draw: _Draw) -> Arrays:
    """Small integers, W_hh sparse: no sum leaves the integers of float32, so every order of summation is exact."""
    params = {name: draw.integers(shape, -1, 1) for name, shape in case.shapes().items()}
    for name, p in params.items():
        if "weight_hh" in name:
            params[name] = p * (draw.rng.random(p.shape) < 0.4)
    values = _with_data(case, draw, params)
    return values.map(lambda a: np.round(2 * a) if a.dtype == np.float64 else a)


def _shifted(case: Case, draw: _Draw, gain: float, noise: float, x_scale: float, sign: float = 1.0) -> Arrays:
    """W_hh is a cyclic shift times gain, plus noise: its spectral radius is about the gain."""
    shift = gain * np.roll(np.eye(case.H), 1, axis=0)
    positive = (0.0, 1.0) if sign > 0 else (-1.0, 1.0)
    params = {name: 0.3 * draw.uniform(shape, *positive) for name, shape in case.shapes().items()}
    for name, p in params.items():
        if "weight_hh" in name:
            params[name] = shift + noise * p
        elif "bias" in name:
            params[name] = x_scale * p
    values = _with_data(case, draw, params)
    values = replace(values, x=x_scale * np.abs(values.x) if sign > 0 else x_scale * values.x)
    if values.h0 is not None:
        values = replace(values, h0=x_scale * np.abs(values.h0) if sign > 0 else x_scale * values.h0)
    return values.map(lambda a: a.astype(np.float32).astype(np.float64))


def _hand(case: Case, draw: _Draw) -> Arrays:
    """Numbers to follow on paper: a = 0.5·1 + 0.125 + (-0.25)·0.5 + 0.0625 = 0.5625."""
    params = {"weight_ih_l0": [[0.5]], "weight_hh_l0": [[-0.25]], "bias_ih_l0": [0.125], "bias_hh_l0": [0.0625]}
    one = np.ones((1, 1, 1))
    return Arrays(
        params={name: np.array(value) for name, value in params.items()},
        x=one,
        h0=0.5 * one,
        d_output=2 * one,
        d_h_n=-0.5 * one,
    )


def _one_to_many(case: Case, draw: _Draw) -> Arrays:
    """One input at t = 0, zeros after it, an output desired at every step."""
    values = _uniform(case, draw)
    x = values.x.copy()
    x[1:] = 0
    return replace(values, x=x)


def _large_logits(case: Case, draw: _Draw) -> Arrays:
    """An output layer that makes logits of about ±1000."""
    values = _uniform(case, draw)
    w = np.round(values.params["output.weight"] * 4096)
    return replace(values, params=values.params | {"output.weight": w})


def _certain(case: Case, draw: _Draw) -> Arrays:
    """A softmax that is certain of class 0, its probability exactly 1; and class 0 is desired at every step."""
    values = _uniform(case, draw)
    assert values.target is not None
    bias = values.params["output.bias"].copy()
    bias[0] = 2000
    return replace(values, params=values.params | {"output.bias": bias}, target=np.zeros_like(values.target))


def _default_initialisation(case: Case, draw: _Draw) -> Arrays:
    """The parameters that `init` draws."""
    params = (case.rnn() if case.O is None else case.network()).init(draw.rng, np.float32)
    return _with_data(case, draw, {name: p.astype(np.float64) for name, p in params.items()})


TRAINED = "trained:"  # and the name of a stored model
OWN_WEIGHTS = "weights:"  # and the path of a file


def _trained(case: Case, draw: _Draw) -> Arrays:
    """Weights of a trained character model, on pieces of the text that it was trained on (parity/charlm.py)."""
    with files("parity").joinpath("data", f"{case.recipe.removeprefix(TRAINED)}.npz").open("rb") as file:
        stored = dict(np.load(file, allow_pickle=False))
    text = stored.pop("text")
    start = draw.rng.integers(0, len(text) - case.T - 1, case.B)
    window = text[start + np.arange(case.T + 1)[:, None]]
    one_hot = np.eye(case.I)[window[:-1]]
    params = {name: p.astype(np.float64) for name, p in stored.items()}
    return replace(_with_data(case, draw, params, x=one_hot), target=case.laid_out(window[1:]))


def _own_weights(case: Case, draw: _Draw) -> Arrays:
    """The weights in a user's file, with data as usual."""
    stored, _ = weights.rounded(weights.load(Path(case.recipe.removeprefix(OWN_WEIGHTS))))
    if {name: p.shape for name, p in stored.items()} != case.shapes():
        raise ValueError(f"expected weights {case.shapes()}, got { ({name: p.shape for name, p in stored.items()}) }")
    return _with_data(case, draw, stored)


RECIPES: dict[str, Callable[[Case, _Draw], Arrays]] = {
    "uniform": _uniform,
    "integers": _integers,
    "vanishing": lambda case, draw: _shifted(case, draw, 0.5, 0.1, 1.0, -1.0),
    "exploding": lambda case, draw: _shifted(case, draw, 1.4, 0.1, 1.0),
    "critical": lambda case, draw: _shifted(case, draw, 1.0, 0.01, 0.01, -1.0),
    "hand": _hand,
    "one-to-many": _one_to_many,
    "large-logits": _large_logits,
    "certain": _certain,
    "default-initialisation": _default_initialisation,
    "trained": _trained,
    "weights": _own_weights,
}


def _poisoned(case: Case, values: Arrays) -> Arrays:
    """NaN in everything that lies past the end of a sequence: whoever reads it is found out."""
    if case.lengths is None:
        return values
    padding = case.laid_out(np.arange(case.T)[:, None] >= np.array(case.lengths))

    def poison(series: Array) -> Array:
        if series.dtype == np.bool_:
            return series
        series = series.copy()
        series[padding] = np.nan if np.issubdtype(series.dtype, np.floating) else -100
        return series

    return replace(
        values,
        x=poison(values.x),
        d_output=None if values.d_output is None else poison(values.d_output),
        target=None if values.target is None else values.target if case.per_sequence else poison(values.target),
        weights=None if values.weights is None else poison(values.weights),
    )


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
        "probabilities that float32 could not hold outside the log domain",
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

CASES: dict[str, Case] = {case.id: case for case in [*map(_rnn_case, RNN_IDS), *map(_head_case, HEAD_IDS), *SPECIAL]}

BENCHMARKS: dict[str, Case] = {
    case.id: case
    for case in (
        Case(f"bench-T{T}-B{B}-I{I}-H{H}", "benchmark", "a shape that the benchmarks time", T=T, B=B, I=I, H=H)
        for T, B, I, H in (
            (32, 1, 8, 16),
            (100, 1, 64, 64),
            (100, 16, 64, 64),
            (100, 32, 128, 128),
            (128, 64, 256, 256),
            (64, 32, 512, 512),
            (1000, 1, 32, 128),
            (50, 8, 1024, 1024),
        )
    )
}
