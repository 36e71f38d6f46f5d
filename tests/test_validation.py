"""What is wrong raises, before any arithmetic; where torch raises too, in torch's own words."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.utils.rnn import pack_padded_sequence

from reference import CTC, RNN, MeanPooledCrossEntropy, Network
from reference.arrays import Array
from tests.helpers import Example, example, torch_twin

T, B, I, H, O = 6, 2, 3, 5, 4
RNG = np.random.default_rng(14)


class Untouchable(np.ndarray[Any, np.dtype[Any]]):
    """An array that may be looked at, compared, viewed and copied; whoever computes with it gets a Computed."""

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        looks_only = ufunc in (np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal)
        # the weights of a mean must be summed and divided to be checked
        if looks_only or (ufunc, method) in ((np.add, "reduce"), (np.divide, "__call__")):
            plain = [a.view(np.ndarray) if isinstance(a, Untouchable) else a for a in inputs]
            return getattr(ufunc, method)(*plain, **options)
        raise Computed(ufunc.__name__)

    def dot(self, *_: Any, **__: Any) -> Any:
        raise Computed("dot")


class Computed(Exception):
    """Arithmetic took place."""


def untouchable(value: Any) -> Any:
    """The value with every float array in it untouchable."""
    if isinstance(value, np.ndarray) and value.dtype.kind == "f":
        return value.view(Untouchable)
    if isinstance(value, dict):
        return {name: untouchable(part) for name, part in value.items()}
    return value


RNN_1 = RNN(I, H)
RNN_2 = RNN(I, H, num_layers=2, dropout=0.5, bidirectional=True)
E_1, E_2 = example(RNN_1, T, B), example(RNN_2, T, B)
UNBATCHED = example(RNN_1, T, None)
NET = Network(RNN_1, O, "softmax", "cross_entropy")
NET_PARAMS = NET.init(RNG)
INDICES = RNG.integers(0, O, (T, B))
LABELS = np.array([[1, 2], [3, -1]])
VECTORS = RNG.random((T, B, O))
MASKS = np.ones((1, T, B, 2 * H), dtype=bool)


def without(params: dict[str, Array], name: str) -> dict[str, Array]:
    return {key: p for key, p in params.items() if key != name}


def at(array: Array, index: tuple[Any, ...], value: Any) -> Array:
    copy = array.copy()
    copy[index] = value
    return copy


# Configuration: with the torch call that is wrong in the same way, where torch raises.

IN_RANGE = "dropout should be a number in range [0, 1] representing the probability of an element being zeroed"

SAME_AS_TORCH: list[tuple[type[Exception], tuple[Any, ...], dict[str, Any]]] = [
    (ValueError, (I, H), {"nonlinearity": "sigmoid"}),
    (ValueError, (0, H), {}),
    (ValueError, (I, -1), {}),
    (ValueError, (I, H), {"num_layers": 0}),
    (TypeError, (3.0, H), {}),
    (TypeError, (I, 5.0), {}),
    (TypeError, (I, H), {"bias": 1}),
    (TypeError, (I, H), {"batch_first": None}),
    (ValueError, (I, H), {"num_layers": 2, "dropout": 1.5}),
    (ValueError, (I, H), {"num_layers": 2, "dropout": -0.1}),
    (ValueError, (I, H), {"num_layers": 2, "dropout": True}),
    (ValueError, (I, H), {"num_layers": 2, "dropout": float("nan")}),
]


@pytest.mark.parametrize(("kind", "arguments", "options"), SAME_AS_TORCH)
def test_a_wrong_configuration_raises_what_torch_raises(
    kind: type[Exception], arguments: tuple[Any, ...], options: dict[str, Any]
) -> None:
    with pytest.raises(kind) as of_torch:
        torch.nn.RNN(*arguments, **options)
    with pytest.raises(kind) as ours:
        RNN(*arguments, **options)
    assert str(ours.value).startswith(str(of_torch.value))


# A callable that raises, the kind, and the whole message.
Wrong = tuple[Callable[[], object], type[Exception], str]

CONFIGURATION: dict[str, Wrong] = {
    "bidirectional is an int": (
        lambda: RNN(I, H, bidirectional=1),  # type: ignore[arg-type]
        TypeError,
        "bidirectional should be of type bool, got: int",
    ),
    "dropout is a string": (lambda: RNN(I, H, dropout="0.5"), ValueError, IN_RANGE),  # type: ignore[arg-type]
    "num_layers is a float": (
        lambda: RNN(I, H, num_layers=2.0),  # type: ignore[arg-type]
        TypeError,
        "num_layers should be of type int, got: float",
    ),
    "input_size is a bool": (lambda: RNN(True, H), TypeError, "input_size should be of type int, got: bool"),
    "nonlinearity is no string": (
        lambda: RNN(I, H, nonlinearity=["tanh"]),  # type: ignore[arg-type]
        ValueError,
        "Unknown nonlinearity '['tanh']'. Select from 'tanh' or 'relu'. ('identity', which torch lacks, is there too.)",
    ),
    "rnn is of torch": (
        lambda: Network(torch.nn.RNN(I, H), O),  # type: ignore[arg-type]
        TypeError,
        "rnn should be of type RNN, got: RNN",
    ),
    "rnn is a string": (
        lambda: Network("rnn", O),  # type: ignore[arg-type]
        TypeError,
        "rnn should be of type RNN, got: str",
    ),
    "output_size is zero": (lambda: Network(RNN_1, 0), ValueError, "output_size must be greater than zero"),
    "output_size is a float": (
        lambda: Network(RNN_1, 4.0),  # type: ignore[arg-type]
        TypeError,
        "output_size should be of type int, got: float",
    ),
    "activation is unknown": (
        lambda: Network(RNN_1, O, "gelu"),
        ValueError,
        "Unknown activation 'gelu'. Select from "
        "'identity', 'sigmoid', 'tanh', 'relu', 'softplus', 'softmax', 'log_softmax'.",
    ),
    "activation is no string": (
        lambda: Network(RNN_1, O, None),  # type: ignore[arg-type]
        ValueError,
        "Unknown activation 'None'. Select from "
        "'identity', 'sigmoid', 'tanh', 'relu', 'softplus', 'softmax', 'log_softmax'.",
    ),
    "reduction is unknown": (
        lambda: Network(RNN_1, O, reduction="none"),
        ValueError,
        "Unknown reduction 'none'. Select from 'sum' or 'mean'.",
    ),
    "divergence is unknown": (
        lambda: Network(RNN_1, O, divergence="hinge"),
        ValueError,
        "Unknown divergence 'hinge'. Select from 'squared_error', 'cross_entropy', 'kl', 'binary_cross_entropy', "
        "'negative_log_likelihood', 'softmax_cross_entropy'.",
    ),
    "a logarithm of logits": (
        lambda: Network(RNN_1, O, "identity", "cross_entropy"),
        ValueError,
        "cross_entropy cannot take the output of 'identity'. Select from 'sigmoid', 'softmax'.",
    ),
    "a softmax twice": (
        lambda: Network(RNN_1, O, "softmax", "softmax_cross_entropy"),
        ValueError,
        "softmax_cross_entropy cannot take the output of 'softmax'. Select from "
        "'identity', 'relu', 'sigmoid', 'softplus', 'tanh'.",
    ),
    "divergence has no methods": (
        lambda: Network(RNN_1, O, divergence=len),  # type: ignore[arg-type]
        TypeError,
        "divergence should be a name, or an object with `value` and `gradient`, got: builtin_function_or_method",
    ),
    "a mean over steps of a divergence of sequences": (
        lambda: Network(RNN_1, O, divergence=CTC(), reduction="mean"),
        ValueError,
        "reduction 'mean' is one over steps: give ctc a reduction of its own",
    ),
    "blank is a bool": (lambda: CTC(True), TypeError, "blank should be of type int, got: bool"),
    "blank is a float": (
        lambda: CTC(0.0),  # type: ignore[arg-type]
        TypeError,
        "blank should be of type int, got: float",
    ),
    "zero_infinity is an int": (
        lambda: CTC(zero_infinity=1),  # type: ignore[arg-type]
        TypeError,
        "zero_infinity should be of type bool, got: int",
    ),
    "dtype of initialisation": (
        lambda: RNN_1.init(RNG, np.float16),
        TypeError,
        "dtype should be of dtype float32 or float64, got: float16",
    ),
}


@pytest.mark.parametrize(("call", "kind", "message"), CONFIGURATION.values(), ids=CONFIGURATION)
def test_a_wrong_configuration_raises(call: Callable[[], object], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind) as caught:
        call()
    assert str(caught.value) == message


# Calls: a right one, and what is put in place of its arguments.


@dataclass(frozen=True)
class Call:
    function: Callable[..., object]
    arguments: dict[str, Any]

    def __call__(self, **wrong: Any) -> object:
        return self.function(**{name: untouchable(value) for name, value in (self.arguments | wrong).items()})


TRACE_1, TRACE_2 = E_1.forward(), E_2.forward()
FORWARD = Call(RNN_1.forward, {"params": E_1.params, "x": E_1.x, "h0": E_1.h0})
FORWARD_2 = Call(RNN_2.forward, {"params": E_2.params, "x": E_2.x, "h0": E_2.h0})
ALONE = Call(RNN_1.forward, {"params": E_1.params, "x": UNBATCHED.x, "h0": UNBATCHED.h0})
BACKWARD = Call(RNN_1.backward, {"params": E_1.params, "trace": TRACE_1, "d_output": E_1.d_output, "d_h_n": E_1.d_h_n})
BACKWARD_2 = Call(RNN_2.backward, {"params": E_2.params, "trace": TRACE_2, "d_output": E_2.d_output})
STEP = Call(RNN_1.step, {"params": E_1.params, "x_t": E_1.x[0], "state": E_1.h0})
NETWORK = Call(NET.forward, {"params": NET_PARAMS, "x": E_1.x, "target": INDICES})
MEAN = Call(replace(NET, reduction="mean").forward, NETWORK.arguments)
SQUARED = Call(Network(RNN_1, O).forward, NETWORK.arguments | {"target": VECTORS})
BATCH_FIRST = Call(Network(RNN(I, H, batch_first=True), O, "softmax", "cross_entropy").forward, NETWORK.arguments)


def per_sequence(divergence: Any, target: Array) -> Call:
    return Call(Network(RNN_1, O, divergence=divergence).forward, NETWORK.arguments | {"target": target})


LABELLED = per_sequence(CTC(), LABELS)
POOLED = per_sequence(MeanPooledCrossEntropy(), INDICES[0])
NETWORK_BACKWARD = Call(NET.backward, {"params": NET_PARAMS, "run": NET.forward(NET_PARAMS, E_1.x, INDICES)})
EVERY_CALL = {
    "forward": FORWARD,
    "forward of two layers": FORWARD_2,
    "forward of one sequence": ALONE,
    "backward": BACKWARD,
    "backward of two layers": BACKWARD_2,
    "step": STEP,
    "network": NETWORK,
    "network of reduction mean": MEAN,
    "network of squared error": SQUARED,
    "network of ctc": LABELLED,
    "network of mean-pooled cross-entropy": POOLED,
}


def _all_dropped() -> object:
    rnn = replace(RNN_2, dropout=1.0)
    return rnn.forward(E_2.params, E_2.x, dropout_masks=at(~MASKS, (0, 1, 1, 1), True))


def _none_dropped() -> object:
    rnn = replace(RNN_2, dropout=0.0)
    return rnn.forward(E_2.params, E_2.x, dropout_masks=at(MASKS, (0, 1, 1, 1), False))


CALLS: dict[str, Wrong] = {
    # params
    "params is no mapping": (
        lambda: FORWARD(params=list(E_1.params.values())),
        TypeError,
        "params should be a mapping from name to array, got: list",
    ),
    "a parameter is missing": (
        lambda: FORWARD(params=without(E_1.params, "bias_hh_l0")),
        ValueError,
        'Missing key(s) in params: "bias_hh_l0"',
    ),
    "parameters are missing and unexpected": (
        lambda: FORWARD(params=without(without(E_1.params, "bias_hh_l0"), "weight_ih_l0") | {"b": RNG.random(H)}),
        ValueError,
        'Missing key(s) in params: "weight_ih_l0", "bias_hh_l0"; Unexpected key(s) in params: "b"',
    ),
    "parameters are of wrong shapes": (
        lambda: FORWARD(params=E_1.params | {"weight_hh_l0": RNG.random((I, H)), "bias_ih_l0": RNG.random((1, H))}),
        ValueError,
        "size mismatch for weight_hh_l0: expected (5, 5), got (3, 5); "
        "size mismatch for bias_ih_l0: expected (5,), got (1, 5)",
    ),
    "a parameter is a list": (
        lambda: FORWARD(params=E_1.params | {"bias_ih_l0": [0.5] * H}),
        TypeError,
        "params['bias_ih_l0'] should be a NumPy array, got: list",
    ),
    "a parameter is of integers": (
        lambda: FORWARD(params=E_1.params | {"bias_ih_l0": np.arange(H)}),
        TypeError,
        "params['bias_ih_l0'] should be of dtype float32 or float64, got: int64",
    ),
    "parameters are of two dtypes": (
        lambda: FORWARD(params=E_1.params | {"bias_ih_l0": E_1.params["bias_ih_l0"].astype(np.float32)}),
        TypeError,
        "params should be of one dtype, got float64 (weight_ih_l0) and float32 (bias_ih_l0)",
    ),
    "a parameter of a network is missing": (
        lambda: NETWORK(params=without(NET_PARAMS, "output.bias")),
        ValueError,
        'Missing key(s) in params: "output.bias"',
    ),
    # x
    "x is a tensor": (
        lambda: FORWARD(x=torch.tensor(E_1.x)),
        TypeError,
        "input should be a NumPy array, got: Tensor",
    ),
    "x is of half precision": (
        lambda: FORWARD(x=E_1.x.astype(np.float16)),
        TypeError,
        "input should be of dtype float32 or float64, got: float16",
    ),
    "x of a step has a time axis": (
        lambda: STEP(x_t=E_1.x),
        ValueError,
        "RNN: Expected input of one step to be 1D or 2D, got 3D array instead",
    ),
    "x of a step is a list": (
        lambda: STEP(x_t=[0.1, 0.2, 0.3]),
        TypeError,
        "x_t should be a NumPy array, got: list",
    ),
    "x of a network has four axes": (
        lambda: NETWORK(x=E_1.x[None]),
        ValueError,
        "RNN: Expected input to be 2D or 3D, got 4D tensor instead",
    ),
    # h0
    "h0 is a list": (
        lambda: FORWARD(h0=E_1.h0.tolist()),
        TypeError,
        "hx should be a NumPy array, got: list",
    ),
    "h0 is of another dtype": (
        lambda: FORWARD(h0=E_1.h0.astype(np.float32)),
        TypeError,
        "RNN hx dtype (float32) does not match input dtype (float64)",
    ),
    "h0 would broadcast over the batch": (
        lambda: FORWARD(h0=E_1.h0[:, :1]),
        ValueError,
        "Expected hidden size (1, 2, 5), got [1, 1, 5]",
    ),
    # lengths
    "lengths of one sequence": (
        lambda: ALONE(lengths=[T]),
        ValueError,
        "lengths need batched 3-D input, got unbatched 2-D input",
    ),
    "lengths are floats": (
        lambda: FORWARD(lengths=[6.0, 2.0]),
        TypeError,
        "lengths should be integers, got: float64",
    ),
    "lengths are bools": (lambda: FORWARD(lengths=[True, True]), TypeError, "lengths should be integers, got: bool"),
    "lengths are too few": (
        lambda: FORWARD(lengths=[T]),
        ValueError,
        "Expected lengths of size (2,), one a sequence of the batch, got (1,)",
    ),
    "lengths are none": (
        lambda: FORWARD(lengths=[]),
        ValueError,
        "Expected lengths of size (2,), one a sequence of the batch, got (0,)",
    ),
    "lengths are a single number": (
        lambda: FORWARD(lengths=T),
        ValueError,
        "Expected lengths of size (2,), one a sequence of the batch, got ()",
    ),
    "a length is zero": (
        lambda: FORWARD(lengths=[T, 0]),
        ValueError,
        "Expected every length to be larger than 0, got 0",
    ),
    "a length is negative": (
        lambda: FORWARD(lengths=[T, -2]),
        ValueError,
        "Expected every length to be larger than 0, got -2",
    ),
    "a length is above T": (
        lambda: FORWARD(lengths=[7, 2]),
        ValueError,
        "Expected no length above the 6 steps of the input, got 7",
    ),
    # dropout_masks
    "masks are floats": (
        lambda: FORWARD_2(dropout_masks=MASKS.astype(np.float64)),
        TypeError,
        "dropout_masks should be a bool array (True = kept), got: float64",
    ),
    "masks are a list": (
        lambda: FORWARD_2(dropout_masks=MASKS.tolist()),
        TypeError,
        "dropout_masks should be a bool array (True = kept), got: list",
    ),
    "masks are one for all steps": (
        lambda: FORWARD_2(dropout_masks=MASKS[:, :1]),
        ValueError,
        "Expected dropout_masks of size (1, 6, 2, 10), got (1, 1, 2, 10)",
    ),
    "masks are one a layer": (
        lambda: FORWARD_2(dropout_masks=np.concatenate([MASKS, MASKS])),
        ValueError,
        "Expected dropout_masks of size (1, 6, 2, 10), got (2, 6, 2, 10)",
    ),
    "masks of one sequence are batched": (
        lambda: ALONE(dropout_masks=np.ones((0, T, 1, H), bool)),
        ValueError,
        "Expected dropout_masks of size (0, 6, 5), got (0, 6, 1, 5)",
    ),
    "masks drop with a probability of zero": (
        _none_dropped,
        ValueError,
        "dropout_masks drop elements, but dropout is 0",
    ),
    "masks keep with a probability of one": (
        _all_dropped,
        ValueError,
        "dropout_masks keep elements, but dropout is 1",
    ),
    # weights
    "weights are a list": (
        lambda: NETWORK(weights=[[1.0] * B] * T),
        TypeError,
        "weights should be a NumPy array, got: list",
    ),
    "weights have a feature axis": (
        lambda: NETWORK(weights=RNG.random((T, B, 1))),
        ValueError,
        "Expected weights of size (6, 2), got (6, 2, 1)",
    ),
    "weights of one sequence are batched": (
        lambda: NETWORK(x=UNBATCHED.x, target=INDICES[:, 0], weights=RNG.random((T, 1))),
        ValueError,
        "Expected weights of size (6,), got (6, 1)",
    ),
    "weights are of another dtype": (
        lambda: NETWORK(weights=RNG.random((T, B)).astype(np.float32)),
        TypeError,
        "weights dtype (float32) does not match input dtype (float64)",
    ),
    "the weights of a mean sum to zero": (
        lambda: MEAN(weights=np.zeros((T, B), bool)),
        ValueError,
        "the mean divergence needs weights that do not sum to 0",
    ),
    "the mean of an empty batch": (
        lambda: MEAN(x=E_1.x[:, :0], target=None),
        ValueError,
        "the mean divergence needs weights that do not sum to 0",
    ),
    # target
    "the target is a list": (
        lambda: NETWORK(target=INDICES.tolist()),
        TypeError,
        "target should be a NumPy array, got: list",
    ),
    "the target is a single number": (
        lambda: NETWORK(target=np.array(2)),
        ValueError,
        "Expected a target for every step, got a single number",
    ),
    "class indices are too few": (
        lambda: NETWORK(target=INDICES[:-1]),
        ValueError,
        "Expected class indices of size (6, 2) (time, batch), got (5, 2)",
    ),
    "class indices are of one axis with batch_first": (
        lambda: BATCH_FIRST(x=E_1.x.swapaxes(0, 1), target=INDICES[:, 0]),
        ValueError,
        "Expected class indices of size (6, 2) (time, batch), got (6,)",
    ),
    "a class index is above the last": (
        lambda: NETWORK(target=at(np.maximum(INDICES, 1), (0, 0), O)),
        ValueError,
        "Expected class indices in 0..3, got 1..4",
    ),
    "a class index is negative": (
        lambda: NETWORK(target=at(np.minimum(INDICES, 2), (0, 0), -1)),
        ValueError,
        f"Expected class indices in 0..3, got -1..{np.minimum(INDICES, 2).max()}",
    ),
    "class indices for a divergence of vectors": (
        lambda: SQUARED(target=INDICES),
        TypeError,
        "the target of squared_error should be of dtype float64, got: int64",
    ),
    "the target is of another dtype": (
        lambda: NETWORK(target=VECTORS.astype(np.float32)),
        TypeError,
        "the target of cross_entropy should be of dtype float64, got: float32",
    ),
    "the target is of one class too few": (
        lambda: SQUARED(target=VECTORS[..., 1:]),
        ValueError,
        "Expected target of size (6, 2, 4) (time, batch, output), got (6, 2, 3)",
    ),
    "the target would broadcast": (
        lambda: SQUARED(target=VECTORS[..., :1]),
        ValueError,
        "Expected target of size (6, 2, 4) (time, batch, output), got (6, 2, 1)",
    ),
    # target of a divergence of sequences
    "the blank is no class": (
        lambda: per_sequence(CTC(O), LABELS)(),
        ValueError,
        "Expected a blank in 0..3, got 4",
    ),
    "labels are floats": (
        lambda: LABELLED(target=LABELS.astype(np.float64)),
        TypeError,
        "the target of ctc should be integers, got: float64",
    ),
    "labels are of one axis": (
        lambda: LABELLED(target=LABELS[0]),
        ValueError,
        "Expected labels of 2 sequences, (batch, longest target), got (2,)",
    ),
    "labels are of one sequence too few": (
        lambda: LABELLED(target=LABELS[:1]),
        ValueError,
        "Expected labels of 2 sequences, (batch, longest target), got (1, 2)",
    ),
    "a label is above the last": (
        lambda: LABELLED(target=np.array([[1, 4], [5, -1]])),
        ValueError,
        "Expected labels in 0..3 without the blank 0, -1 after the last, got 4",
    ),
    "a label is negative": (
        lambda: LABELLED(target=np.array([[1, -2], [3, -1]])),
        ValueError,
        "Expected labels in 0..3 without the blank 0, -1 after the last, got -2",
    ),
    "a label is the blank": (
        lambda: LABELLED(target=np.array([[1, 0], [3, -1]])),
        ValueError,
        "Expected labels in 0..3 without the blank 0, -1 after the last, got 0",
    ),
    "a label stands after the end": (
        lambda: LABELLED(target=np.array([[1, 2], [-1, 3]])),
        ValueError,
        "Expected labels in 0..3 without the blank 0, -1 after the last, got 3",
    ),
    "ctc with weights": (
        lambda: LABELLED(weights=RNG.random((T, B))),
        ValueError,
        "ctc needs whole sequences: give it lengths, not weights",
    ),
    "the mean of no sequences in ctc": (
        lambda: per_sequence(CTC(reduction="mean"), LABELS[:0])(x=E_1.x[:, :0], h0=None),
        ValueError,
        "the mean over the sequences needs one at least",
    ),
    "class indices of sequences are floats": (
        lambda: POOLED(target=RNG.random(B)),
        TypeError,
        "the target of mean_pooled_cross_entropy should be class indices, got: float64",
    ),
    "class indices of sequences have a time axis": (
        lambda: POOLED(target=INDICES),
        ValueError,
        "Expected class indices of size (2,) (batch), got (6, 2)",
    ),
    "the weights of one sequence sum to zero": (
        lambda: POOLED(weights=at(np.ones((T, B)), (slice(None), 1), 0)),
        ValueError,
        "the mean over the steps of a sequence needs weights that do not sum to 0",
    ),
    "the mean of no sequences": (
        lambda: per_sequence(MeanPooledCrossEntropy("mean"), INDICES[0, :0])(x=E_1.x[:, :0], h0=None),
        ValueError,
        "the mean over the sequences needs one at least",
    ),
    # trace
    "the trace is an output": (
        lambda: BACKWARD(trace=TRACE_1.output),
        TypeError,
        "trace should be what forward returned, got: Untouchable",
    ),
    "the trace is of another network": (
        lambda: BACKWARD(trace=TRACE_2),
        ValueError,
        f"trace is of another network: expected {RNN_1}, got {RNN_2}",
    ),
    "the trace is of another dtype": (
        lambda: BACKWARD(trace=example(RNN_1, T, B, np.float32).forward()),
        TypeError,
        "trace dtype (float32) does not match weight dtype (float64)",
    ),
    # upstream gradients
    "nothing to differentiate": (
        lambda: BACKWARD(d_output=None, d_h_n=None),
        ValueError,
        "backward needs d_output, d_h_n, or both",
    ),
    "nothing to differentiate in a network": (
        lambda: NETWORK_BACKWARD(run=NET.forward(NET_PARAMS, E_1.x)),
        ValueError,
        "backward needs a divergence: give forward a target",
    ),
    "d_output would broadcast": (
        lambda: BACKWARD(d_output=E_1.d_output[:1]),
        ValueError,
        "Expected d_output of size (6, 2, 5), got (1, 2, 5)",
    ),
    "d_output is of another dtype": (
        lambda: BACKWARD(d_output=E_1.d_output.astype(np.float32)),
        TypeError,
        "d_output dtype (float32) does not match output dtype (float64)",
    ),
    "d_output is a number": (lambda: BACKWARD(d_output=1.0), TypeError, "d_output should be a NumPy array, got: float"),
    "d_h_n is of another shape": (
        lambda: BACKWARD(d_h_n=E_1.d_h_n[0]),
        ValueError,
        "Expected d_h_n of size (1, 2, 5), got (2, 5)",
    ),
    "d_h_n is of another dtype": (
        lambda: BACKWARD(d_h_n=E_1.d_h_n.astype(np.float32)),
        TypeError,
        "d_h_n dtype (float32) does not match output dtype (float64)",
    ),
    # one direction
    "truncate is zero": (lambda: BACKWARD(truncate=0), ValueError, "truncate must be greater than zero"),
    "truncate is a float": (lambda: BACKWARD(truncate=2.0), TypeError, "truncate should be of type int, got: float"),
    "truncate is a bool": (lambda: BACKWARD(truncate=True), TypeError, "truncate should be of type int, got: bool"),
    "truncate in two directions": (
        lambda: BACKWARD_2(truncate=2),
        ValueError,
        "truncate needs one direction: the reverse direction is not an online process",
    ),
    "truncate without the trace": (
        lambda: BACKWARD(trace=RNN_1.forward(E_1.params, E_1.x, checkpoint_every=2), truncate=2),
        ValueError,
        "truncate needs the whole trace: give forward no checkpoint_every",
    ),
    "checkpoint_every is zero": (
        lambda: FORWARD(checkpoint_every=0),
        ValueError,
        "checkpoint_every must be greater than zero",
    ),
    "checkpoint_every is a float": (
        lambda: NETWORK(checkpoint_every=2.0),
        TypeError,
        "checkpoint_every should be of type int, got: float",
    ),
    "checkpoint_every in two directions": (
        lambda: FORWARD_2(checkpoint_every=2),
        ValueError,
        "checkpoint_every needs one direction: the reverse direction is not an online process",
    ),
    "inference in two directions": (
        lambda: RNN_2.infer(E_2.params, untouchable(E_2.x)),
        ValueError,
        "infer needs one direction: the reverse direction is not an online process",
    ),
    "a step in two directions": (
        lambda: RNN_2.step(E_2.params, untouchable(E_2.x[0])),
        ValueError,
        "step needs one direction: a bidirectional network is not an online process",
    ),
}


@pytest.mark.parametrize(("call", "kind", "message"), CALLS.values(), ids=CALLS)
def test_a_wrong_argument_raises_before_any_arithmetic(
    call: Callable[[], object], kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind) as caught:
        call()
    assert str(caught.value) == message


@pytest.mark.parametrize("call", EVERY_CALL.values(), ids=EVERY_CALL)
def test_a_right_call_computes(call: Call) -> None:
    """What the test above leans on: with nothing wrong, these calls come to arithmetic and are caught at it."""
    with pytest.raises(Computed):
        call()


# Calls that torch refuses as well: what is wrong, as arguments of ours, and the same put to torch.


def torch_call(e: Example, x: Array, h0: Array | None = None) -> object:
    return torch_twin(e.rnn, e.params)(torch.tensor(x), None if h0 is None else torch.tensor(h0))


def in_our_words(message: str) -> str:
    """torch's message with its dtypes named as NumPy's, the state_dict as params, and no advice on conversion."""
    return message.replace("torch.", "").replace("state_dict", "params").partition(". Convert input")[0]


@pytest.mark.parametrize(
    ("x", "h0"),
    [
        (E_1.x[None], None),
        (E_1.x[0, 0], None),
        (RNG.random((T, B, 7)), None),
        (RNG.random((T, 7)), None),
        (E_1.x[:0], None),
        (E_1.x.astype(np.float32), None),
        (E_1.x, RNG.random((1, B + 1, H))),
        (E_1.x, RNG.random((2, B, H))),
        (E_1.x, RNG.random((1, B, H + 1))),
        (E_1.x, RNG.random((1, H))),
        (UNBATCHED.x, RNG.random((1, B, H))),
    ],
    ids=lambda a: "none" if a is None else "x".join(map(str, a.shape)) + f"-{a.dtype}",
)
def test_a_wrong_input_raises_what_torch_raises(x: Array, h0: Array | None) -> None:
    with pytest.raises((ValueError, RuntimeError)) as of_torch:
        torch_call(E_1, x, h0)
    with pytest.raises((ValueError, TypeError)) as ours:
        FORWARD(x=x, h0=h0)
    assert str(ours.value) == in_our_words(str(of_torch.value))


def test_no_step_at_all_raises_with_batch_first_too() -> None:
    e = example(RNN(I, H, batch_first=True), T, B)
    with pytest.raises(RuntimeError) as of_torch:
        torch_call(e, e.x[:, :0])
    with pytest.raises(ValueError, match=str(of_torch.value)):
        e.rnn.forward(e.params, e.x[:, :0])


def test_an_oversized_initial_state_raises_for_ragged_batches_where_torch_lets_it_pass() -> None:
    h0 = RNG.random((1, B + 1, H))
    packed = pack_padded_sequence(torch.tensor(E_1.x), torch.tensor([4, 6]), enforce_sorted=False)
    torch_twin(RNN_1, E_1.params)(packed, torch.tensor(h0))
    with pytest.raises(ValueError, match=r"Expected hidden size \(1, 2, 5\), got \[1, 3, 5\]"):
        FORWARD(h0=h0, lengths=[4, 6])


def test_wrong_parameters_raise_what_load_state_dict_raises() -> None:
    wrong = without(E_1.params, "bias_hh_l0") | {"weight_ho": E_1.params["weight_hh_l0"]}
    with pytest.raises(RuntimeError) as of_torch:
        torch.nn.RNN(I, H).load_state_dict({name: torch.tensor(p) for name, p in wrong.items()})
    with pytest.raises(ValueError, match="Missing") as ours:
        FORWARD(params=wrong)
    _, *problems = in_our_words(str(of_torch.value)).split("\n\t")
    assert str(ours.value) == "; ".join(problem.rstrip(". ") for problem in problems)


# The order of the checks.

FORWARD_ORDER: list[tuple[str, Any, str]] = [
    ("params", without(NET_PARAMS, "output.bias"), "Missing key"),
    ("x", E_1.x[:0], "Expected sequence length"),
    ("h0", E_1.h0[0], "For batched 3-D input"),
    ("lengths", [T], "Expected lengths"),
    ("dropout_masks", MASKS, "Expected dropout_masks"),
    ("checkpoint_every", 0, "checkpoint_every must be"),
    ("weights", RNG.random(T), "Expected weights"),
    ("target", INDICES[:1], "Expected class indices"),
]
BACKWARD_ORDER: list[tuple[str, Any, str]] = [
    ("params", without(E_1.params, "bias_hh_l0"), "Missing key"),
    ("trace", TRACE_2, "trace is of another network"),
    ("truncate", 0, "truncate must be"),
    ("d_h_n", E_1.d_h_n[0], "Expected d_h_n"),
    ("d_output", E_1.d_output[0], "Expected d_output"),
]


@pytest.mark.parametrize(("call", "order"), [(NETWORK, FORWARD_ORDER), (BACKWARD, BACKWARD_ORDER)])
def test_the_first_wrong_argument_is_the_one_reported(call: Call, order: list[tuple[str, Any, str]]) -> None:
    for first in range(len(order)):
        with pytest.raises(ValueError, match=f"^{order[first][2]}"):
            call(**{name: wrong for name, wrong, _ in order[first:]})


# A divergence of one's own that is wrong is found at the first number it gives.


@dataclass(frozen=True)
class Given:
    """A divergence that answers what it was told to."""

    div: Any
    dy: Any

    def value(self, y: Array, target: Array, weights: Array) -> Any:
        return self.div

    def gradient(self, y: Array, target: Array, weights: Array) -> Array:
        return self.dy


def test_a_divergence_that_is_no_single_number_raises() -> None:
    net = Network(RNN_1, O, divergence=Given(RNG.random((T, B)), None))
    with pytest.raises(ValueError, match=r"^the divergence should be a single number, got an array of size \(6, 2\)$"):
        net.forward(NET_PARAMS, E_1.x, VECTORS)


@pytest.mark.parametrize(
    ("dy", "kind", "message"),
    [
        (VECTORS[0], ValueError, "Expected the gradient of the divergence of size (6, 2, 4), got (2, 4)"),
        (VECTORS.astype(np.float32), TypeError, "the gradient of the divergence dtype (float32) does not match output"),
        (0.0, TypeError, "the gradient of the divergence should be a NumPy array, got: float"),
    ],
)
def test_a_gradient_of_the_divergence_that_does_not_fit_raises(dy: Any, kind: type[Exception], message: str) -> None:
    net = Network(RNN_1, O, divergence=Given(0.5, dy))
    run = net.forward(NET_PARAMS, E_1.x, VECTORS)
    with pytest.raises(kind) as caught:
        net.backward(NET_PARAMS, run)
    assert str(caught.value).startswith(message)


# The way back through a network.


@dataclass(frozen=True)
class NoGradient(Given):
    """A divergence whose gradient must not be reached."""

    def gradient(self, y: Array, target: Array, weights: Array) -> Array:
        raise Computed("gradient")


UNREACHED = Network(RNN_1, O, divergence=NoGradient(0.5, None))


@pytest.mark.parametrize(
    ("wrong", "kind", "message"),
    [
        ({"params": without(NET_PARAMS, "output.bias")}, ValueError, 'Missing key(s) in params: "output.bias"'),
        (
            {"params": {name: p.astype(np.float32) for name, p in NET_PARAMS.items()}},
            TypeError,
            "trace dtype (float64) does not match weight dtype (float32)",
        ),
        ({"truncate": 0}, ValueError, "truncate must be greater than zero"),
        ({"truncate": 2.0}, TypeError, "truncate should be of type int, got: float"),
        ({"d_h_n": E_1.d_h_n[0]}, ValueError, "Expected d_h_n of size (1, 2, 5), got (2, 5)"),
        (
            {"d_h_n": E_1.d_h_n.astype(np.float32)},
            TypeError,
            "d_h_n dtype (float32) does not match output dtype (float64)",
        ),
    ],
    ids=["params", "dtype of params", "truncate", "type of truncate", "d_h_n", "dtype of d_h_n"],
)
def test_a_wrong_argument_of_a_networks_backward_raises_before_the_divergence_is_differentiated(
    wrong: dict[str, Any], kind: type[Exception], message: str
) -> None:
    run = UNREACHED.forward(NET_PARAMS, E_1.x, VECTORS)
    arguments: dict[str, Any] = {"params": NET_PARAMS, "run": run, "d_h_n": E_1.d_h_n}
    with pytest.raises(Computed):
        UNREACHED.backward(**arguments)
    with pytest.raises(kind) as caught:
        UNREACHED.backward(**(arguments | wrong))
    assert str(caught.value) == message


@pytest.mark.parametrize(
    "other",
    [
        replace(NET, divergence="kl"),
        replace(NET, activation="sigmoid"),
        replace(NET, reduction="mean"),
        replace(NET, output_size=O - 2),
        replace(NET, rnn=replace(RNN_1, nonlinearity="relu")),
    ],
    ids=["divergence", "activation", "reduction", "output_size", "rnn"],
)
def test_a_run_of_another_network_is_refused(other: Network) -> None:
    run = NET.forward(NET_PARAMS, E_1.x, VECTORS)
    with pytest.raises(ValueError, match="of another network"):
        other.backward(other.init(RNG), run)


def test_a_run_that_is_none_is_refused() -> None:
    with pytest.raises(TypeError, match="run should be what forward returned, got: RecurrentTrace"):
        NET.backward(NET_PARAMS, NET.forward(NET_PARAMS, E_1.x, VECTORS).rnn)  # type: ignore[arg-type]


def test_a_masked_array_and_a_matrix_are_refused() -> None:
    """The mask would be ignored; a matrix never loses an axis."""
    for array in (np.ma.masked_array(E_1.x), E_1.x[:, 0].view(np.matrix)):
        with pytest.raises(TypeError, match=f"^input should be a NumPy array, got: {type(array).__name__}$"):
            RNN_1.forward(E_1.params, array)


def test_a_seed_is_no_generator() -> None:
    with pytest.raises(TypeError, match=r"^rng should be a numpy.random.Generator, got: int$"):
        RNN_1.init(5)  # type: ignore[arg-type]
