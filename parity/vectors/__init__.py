"""Test vectors in files: a case as a program in any language reads it. SPEC 10.1.

A vector is a folder. `case.toml` says what the case is, in lines `key = value`; `in/` holds the inputs and `expect/`
what must come out, an `.npy` file each; `tolerance.toml` the largest admissible errors. What is expected is the exact
value, rounded once (SPEC 30.5). The frozen set, `parity/vectors/v1/`, has a manifest with the checksum of every file.
"""

import json
from functools import cache
from pathlib import Path

from parity.cases import CASES, Case
from parity.cells import GATED
from parity.vectors.reading import read_set
from parity.vectors.vector import DTYPES, FORMAT, Corrupt, Vector

__all__ = ["DTYPES", "FORMAT", "FROZEN", "IDS", "Corrupt", "Vector", "frozen", "frozen_cases"]

FROZEN = Path(__file__).parent / f"v{FORMAT}"

# The frozen set, from one multiplication by hand to everything at once. Not a byte of it changes (SPEC 40.2).
_RNN = """
hand-1x1x1
small-one-input
linear-response
exact-relu-l1
square-l1
rnn-relu-l1-uni-bf
rnn-relu-l1-uni-unbatched-noh0-dhn
saturated-unit-T4
critical-T64
long-T200
small-one-unit
small-one-step
lengths-none-reaches-T
rnn-tanh-l1-bi-nobias-bf-ragged
exact-relu-l2-bi-ragged
exact-relu-l3-drop50
rnn-tanh-l2-uni-ragged-drop25
rnn-tanh-l2-bi-nobias-bf-noh0-drop100-dhn
lengths-relu-l3-bi
truncate-3
truncate-2-ragged
square-head
head-identity-squared_error-values-mean-last-unbatched-bi
head-relu-squared_error-values-sum-last-ragged-l2
head-softplus-squared_error-values-sum-delayed-unbatched
head-sigmoid-binary_cross_entropy-bits-sum-last-ragged-bf-bi
head-sigmoid-kl-soft-mean-ragged-bi-l2
head-softmax-cross_entropy-classes-mean-mask-ragged-bf-l2
head-log_softmax-negative_log_likelihood-soft-mean-weighted-unbatched-bi-l2
head-identity-softmax_cross_entropy-soft-sum-mask-ragged-bf-bi
logits-1000-classes
certain-softmax
targets-of-any-sum
many-to-one-bi-ragged
pooled-mean-weighted-ragged-bf
ctc-repeats
ctc-blank-last-ragged-bf-bi
ctc-mean-ragged-l2
ctc-infeasible
ctc-infeasible-zeroed
small-one-sequence
small-one-output
lengths-one
lengths-equal
truncate-1
ctc-one-path
ctc-unbatched
square-l2-bi
range-stack-tanh
range-stack-relu
range-identity
range-tanh
range-sigmoid
range-relu
range-softplus
range-log_softmax
range-softmax
far-below-softmax
far-above-softmax
far-below-log_softmax
far-above-log_softmax
far-below-identity
far-above-identity
tiny-sigmoid-cross_entropy
tiny-softmax-cross_entropy
tiny-sigmoid-kl
tiny-softmax-kl
tiny-sigmoid-binary_cross_entropy
tiny-softmax-binary_cross_entropy
edges-pooled-signed
edges-unasked-nan
edges-unasked-100
truncate-above-T
not-finite-nan
not-finite-relu-nan
not-finite-inf
ctc-blank-middle
ctc-no-label
ctc-lengths-one
ctc-past-doubles
ctc-past-floats
wide-past-8
wide-past-16
wide-past-32
wide-stack
long-T300-head
layers-4
pairs-01-softplus-ctc
pairs-02-tanh-mean_pooled_cross_entropy
pairs-03-softmax-cross_entropy
pairs-04-relu-ctc
pairs-05-sigmoid-softmax_cross_entropy
pairs-06-log_softmax-negative_log_likelihood
pairs-07-relu-mean_pooled_cross_entropy
pairs-08-tanh-ctc
pairs-09-sigmoid-kl
pairs-10-softmax-binary_cross_entropy
pairs-11-identity-squared_error
pairs-12-softplus-softmax_cross_entropy
pairs-13-sigmoid-ctc
pairs-14-tanh-softmax_cross_entropy
pairs-15-sigmoid-mean_pooled_cross_entropy
pairs-16-relu-softmax_cross_entropy
pairs-17-identity-squared_error
pairs-18-sigmoid-cross_entropy
pairs-19-softplus-mean_pooled_cross_entropy
pairs-20-sigmoid-binary_cross_entropy
pairs-21-sigmoid-kl
pairs-22-stack-identity
pairs-23-log_softmax-negative_log_likelihood
pairs-24-tanh-ctc
pairs-25-relu-ctc
pairs-26-stack-relu
pairs-27-stack-identity
pairs-28-softplus-ctc
pairs-29-sigmoid-ctc
pairs-30-stack-relu
pairs-31-softplus-ctc
pairs-32-sigmoid-ctc
pairs-33-relu-ctc
pairs-34-tanh-ctc
pairs-35-stack-relu
pairs-36-stack-relu
rich
ends-softplus-narrow
ends-sigmoid-narrow
low-softplus
small-one-class
small-two-classes
square-T-B
vanishing-T90
not-finite-inf-relu-head
long-T300-B4-ragged-bi
long-T261-I65
wide-H257
ctc-every-step
ctc-O21
exploding-linear-T40
lengths-one-sequence
ctc-long
long-T17
truncate-17-T32
deep-L11
lengths-9-10
small-one-feature-bf
classes-O270
targets-signed
targets-signed-sigmoid
mean-ragged-bf
ctc-unlikely-zeroed
ctc-ragged-T17
""".split()

_GATED = """
hand
small-one-step
small-one-unit
wide-units
wide-batch
long-T263-I63
layers-4
square
square-T-B
range
range-narrow
saturated
saturated-l2-bi
closed
closed-further
memory-T60
initialised
truncate-3-ragged
lengths-none-reaches-T
lengths-one-bi
noh0
last-states-alone
output-alone
nobias-bi
dropped-nan
not-finite-minus-inf
rich
far-below
far-above
far-below-log_softmax
tiny-kl
tiny-cross_entropy
targets-of-any-sum
ctc-infeasible
ctc-past-doubles
unasked-nan-y
idle-sequence
mix-01-relu-ctc
mix-02-softplus-ctc
mix-03-sigmoid-cross_entropy
mix-04-identity-mean_pooled_cross_entropy
mix-05-tanh-softmax_cross_entropy
mix-06-log_softmax-negative_log_likelihood
mix-07-sigmoid-ctc
mix-08-softmax-binary_cross_entropy
mix-09-identity-squared_error
mix-10-relu-squared_error
mix-11-tanh-ctc
mix-12-softplus-softmax_cross_entropy
mix-13-softmax-kl
mix-14-relu-mean_pooled_cross_entropy
mix-15-log_softmax-negative_log_likelihood
mix-16-identity-ctc
mix-17-sigmoid-kl
mix-18-tanh-mean_pooled_cross_entropy
mix-19-sigmoid-cross_entropy
mix-20-relu-ctc
mix-21-sigmoid-softmax_cross_entropy
mix-22-stack
mix-23-identity-ctc
mix-24-softplus-squared_error
mix-25-sigmoid-binary_cross_entropy
mix-26-stack
mix-27-identity-ctc
mix-28-log_softmax-negative_log_likelihood
mix-29-softplus-mean_pooled_cross_entropy
mix-30-tanh-ctc
mix-31-stack
mix-32-stack
mix-33-softmax-binary_cross_entropy
mix-34-relu-softmax_cross_entropy
mix-35-stack
mix-36-softmax-kl
mix-37-softmax-cross_entropy
mix-38-stack
mix-39-tanh-squared_error
mix-40-identity-softmax_cross_entropy
mix-41-softplus-ctc
mix-42-stack
mix-43-sigmoid-ctc
mix-44-stack
mix-45-softmax-squared_error
mix-46-sigmoid-cross_entropy
mix-47-sigmoid-ctc
mix-48-relu-ctc
mix-49-sigmoid-mean_pooled_cross_entropy
mix-50-tanh-ctc
mix-51-sigmoid-kl
mix-52-stack
mix-53-log_softmax-squared_error
mix-54-softplus-ctc
mix-55-sigmoid-squared_error
mix-56-stack
mix-57-tanh-mean_pooled_cross_entropy
mix-58-softmax-binary_cross_entropy
mix-59-softmax-cross_entropy
mix-60-softmax-cross_entropy
""".split()

_OF_ONE_CELL = """
lstm-counting-T40
lstm-proj-counting-T40
gru-before-long-T261-ragged-bi
lstm-proj-long-T261-ragged-bi
gru-trained
lstm-trained
gru-memory-T1000
lstm-memory-T1000
""".split()

IDS = [*_RNN, *(f"{variant}-{row}" for variant in GATED for row in _GATED), *_OF_ONE_CELL]


@cache
def frozen() -> list[Vector]:
    """The frozen set that comes with the project."""
    return read_set(FROZEN)


def known_kills() -> dict[str, list[str]]:
    """For each case of the frozen set the planted mistakes that it catches, as its manifest says."""
    manifest = json.loads((FROZEN / "manifest.json").read_text(encoding="utf-8"))
    return {case_id: entry["kills"].split() for case_id, entry in manifest["cases"].items()}


def frozen_cases() -> list[Case]:
    """The cases of the frozen set, from the table."""
    return [CASES[case_id] for case_id in IDS]
