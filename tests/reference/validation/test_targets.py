"""A wrong target or wrong weights of the steps raise before any arithmetic."""

from collections.abc import Callable

import numpy as np
import pytest

from reference import CTC, MeanPooledCrossEntropy
from tests.reference.validation.calls import (
    BATCH_FIRST,
    E_1,
    INDICES,
    LABELLED,
    LABELS,
    MEAN,
    NETWORK,
    POOLED,
    RNG,
    SQUARED,
    UNBATCHED,
    VECTORS,
    B,
    O,
    T,
    Wrong,
    at,
    per_sequence,
    raises,
)

TARGETS: dict[str, Wrong] = {
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
}


@pytest.mark.parametrize(("call", "kind", "message"), TARGETS.values(), ids=TARGETS)
def test_a_wrong_target_raises_before_any_arithmetic(
    call: Callable[[], object], kind: type[Exception], message: str
) -> None:
    raises(call, kind, message)
