"""Test vectors in files: a case as a program in any language reads it. SPEC 10.1.

A vector is a folder. `case.toml` says what the case is, in lines `key = value`; `in/` holds the inputs and `expect/`
what must come out, an `.npy` file each; `tolerance.toml` the largest admissible errors. What is expected is the truth
in 106 bits, rounded once. The frozen set, `parity/vectors/v1/`, has a manifest with the checksum of every file.
"""

from functools import cache
from pathlib import Path

from parity.cases import CASES, Case
from parity.vectors.reading import read_set
from parity.vectors.vector import DTYPES, FORMAT, Corrupt, Vector

__all__ = ["DTYPES", "FORMAT", "FROZEN", "IDS", "Corrupt", "Vector", "frozen", "frozen_cases"]

FROZEN = Path(__file__).parent / f"v{FORMAT}"

# The frozen set, from one multiplication by hand to everything at once. A changed value is a new version.
IDS = """
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
rich
""".split()


@cache
def frozen() -> list[Vector]:
    """The frozen set that comes with the project."""
    return read_set(FROZEN)


def frozen_cases() -> list[Case]:
    """The cases of the frozen set, from the table."""
    return [CASES[case_id] for case_id in IDS]
