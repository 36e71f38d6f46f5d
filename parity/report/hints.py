"""What the numbers of a failure suggest beside where it stands: a few words, where they apply. SPEC 10.7."""

from collections.abc import Callable, Iterator

import numpy as np

from parity import tensors
from parity.cells import CELLS
from parity.compare import Mismatch, errors
from parity.ports.verdict import Outcome
from parity.tensors import NUMBER, TRACE, Tensor
from parity.tolerance import UNIT_ROUNDOFF

SMALL = 0.5  # a value of tanh up to here comes from a small argument
ROUNDED = 8  # unit roundoffs: so far is a value of size 1 off that was rounded a few times

TANH = "small arguments lose relative digits: is tanh computed as 1 - 2/(e^2x + 1)?"
GATES = "small values lose relative digits: is tanh computed as 1 - 2/(e^2x + 1), or σ as (1 + tanh(x/2))/2?"


def hints(outcome: Outcome) -> list[str]:
    """What follows from the first failure of a vector."""
    first = outcome.result.first if outcome.result else None
    if first is None or first.mismatch is None:
        return []
    about = tensors.find(outcome.vector.case, first.tensor)
    return [words for rule in _RULES for words in rule(outcome, about, first.mismatch)]


def _step(about: Tensor, wrong: Mismatch) -> int | None:
    return None if about.time_axis is None else wrong.index[about.time_axis]


def _length(outcome: Outcome, about: Tensor, wrong: Mismatch) -> Iterator[str]:
    """How long the sequence is, where it is shorter than the batch."""
    case, step = outcome.vector.case, _step(about, wrong)
    if case.lengths is None or "B" not in about.axes:
        return
    sequence = wrong.index[about.axes.index("B")]
    length = case.lengths[sequence]
    if length < case.T:
        padding = ": this is padding" if step is not None and step >= length else ""
        yield f"sequence {sequence} has {length} of {case.T} steps{padding}"


def _padding_read(outcome: Outcome, about: Tensor, wrong: Mismatch) -> Iterator[str]:
    lengths = outcome.vector.case.lengths
    if np.isnan(wrong.got) and not np.isnan(wrong.wanted) and lengths and min(lengths) < outcome.vector.case.T:
        yield "NaN: was padding read?"


def _zeros(outcome: Outcome, about: Tensor, wrong: Mismatch) -> Iterator[str]:
    """What is not given, where the first step goes wrong that reads it."""
    case = outcome.vector.case
    starts = about.kind == TRACE or not case.bidirectional  # t = 0 is the first step that is read
    if not case.h0 and not about.backward and starts and _step(about, wrong) == 0:
        yield f"{' and '.join(tensors.initial_states(case))} not given: zeros"


def _inputs_agree(outcome: Outcome, about: Tensor, wrong: Mismatch) -> Iterator[str]:
    """Whether everything that this tensor is computed from was compared, the state before it too, and is right."""
    case = outcome.vector.case
    if about.kind != TRACE:
        return
    turns = [t for t in tensors.table(case).values() if t.recursion == about.recursion]
    last = case.lengths[wrong.index[1]] - 1 if case.lengths else case.T - 1
    if about == turns[0] and wrong.index[0] == (last if about.backward else 0):
        return  # it reads what is given: there is no step before
    names = list(outcome.vector.expect)
    before = (tensors.find(case, name) for name in names[: names.index(about.name)])
    if all(t.name in outcome.got for t in (*before, *turns) if t.backward or t.kind == TRACE):
        yield "the inputs of this step agree"


def _small_arguments(outcome: Outcome, about: Tensor, wrong: Mismatch) -> Iterator[str]:
    """Whether a tanh, or a closed gate, is wrong for small values alone, by what rounding does to numbers near 1."""
    case, vector = outcome.vector.case, outcome.vector
    tanh = case.activation if about.name == "y" else case.nonlinearity  # "tanh" of every gated cell
    quantities = ("c", "m", "h", "s", "output", "y")
    if tanh != "tanh" or about.backward or about.quantity not in quantities or about.time_axis is None:
        return
    here = (slice(None),) * about.time_axis + (wrong.index[about.time_axis],)
    wanted = vector.expect[about.name][here]
    error = errors(outcome.got[about.name][here], wanted)
    outside = error > vector.allowed[outcome.dtype][about.name][here]
    u = UNIT_ROUNDOFF[np.dtype(outcome.dtype)]
    if np.abs(wanted[outside]).max() <= SMALL and error[outside].max() <= ROUNDED * u:
        yield GATES if CELLS[case.cell].gates and about.name != "y" else TANH


def _where_div_begins(outcome: Outcome, about: Tensor, wrong: Mismatch) -> Iterator[str]:
    """The first sequence whose d_y is wrong, where the divergence is."""
    assert outcome.result is not None
    case = outcome.vector.case
    d_y = next((t for t in outcome.result.tensors if t.tensor == "d_y" and t.problem is None), None)
    if about.kind != NUMBER or d_y is None:
        return
    if d_y.passed:
        yield "d_y is right for every sequence: only the value is wrong"
    elif case.batched:
        error = errors(outcome.got["d_y"], outcome.vector.expect["d_y"])
        inside = error <= outcome.vector.allowed[outcome.dtype]["d_y"]
        axis = tensors.find(case, "d_y").axes.index("B")
        wrong_there = ~inside.all(axis=tuple(a for a in range(inside.ndim) if a != axis))
        yield f"the first sequence whose d_y is wrong is {int(np.argmax(wrong_there))}"


_Rule = Callable[[Outcome, Tensor, Mismatch], Iterator[str]]
_RULES: tuple[_Rule, ...] = (_length, _padding_read, _zeros, _inputs_agree, _small_arguments, _where_div_begins)
