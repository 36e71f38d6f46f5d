"""What torch refuses as well raises in torch's own words: what is wrong is put to both."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.utils.rnn import pack_padded_sequence

from reference import GRU
from reference.arrays import Array
from tests.helpers import CELLS, Example, each, every_cell, example, torch_module, torch_twin
from tests.reference.validation.calls import E_1, FORWARD, RNG, RNN_1, B, Call, H, I, T, without


def torch_call(e: Example, x: Array, h0: Any = None) -> object:
    """torch's own module; the place of the reset gate is nothing to what is checked."""
    rnn = replace(e.rnn, reset="after") if isinstance(e.rnn, GRU) else e.rnn
    return torch_twin(rnn, e.params)(torch.tensor(x), None if h0 is None else each(torch.tensor, h0))


def in_our_words(message: str, cell: str = "RNN") -> str:
    """torch's message with its dtypes named as NumPy's, the state_dict as params, and no advice on conversion.

    The cell has its own name, where torch says RNN of all; and "tensor" is there for all, which torch has for an RNN.
    """
    message = message.replace("torch.", "").replace("state_dict", "params").partition(". Convert input")[0]
    return message.replace("RNN", cell).replace("D instead", "D tensor instead")


def assert_raises_as_torch(e: Example, x: Array, h0: Any) -> None:
    with pytest.raises((ValueError, RuntimeError)) as of_torch:
        torch_call(e, x, h0)
    with pytest.raises((ValueError, TypeError)) as ours:
        Call(e.rnn.forward, {"params": e.params})(x=x, h0=h0)
    assert str(ours.value) == in_our_words(str(of_torch.value), e.rnn.cell.name)


@pytest.mark.parametrize(
    "x",
    [
        E_1.x[None],
        E_1.x[0, 0],
        RNG.random((T, B, 7)),
        RNG.random((T, 7)),
        E_1.x[:0],
        E_1.x.astype(np.float32),
    ],
    ids=lambda a: "x".join(map(str, a.shape)) + f"-{a.dtype}",
)
@every_cell
def test_a_wrong_input_raises_what_torch_raises(cell: str, x: Array) -> None:
    assert_raises_as_torch(example(CELLS[cell](I, H), T, B), x, None)


WRONG_STATES: dict[str, Callable[[Array], Array]] = {
    "a sequence too many": lambda h: np.concatenate([h, h[:, :1]], axis=1),
    "a layer too many": lambda h: np.concatenate([h, h]),
    "a number too many": lambda h: np.concatenate([h, h[..., :1]], axis=2),
    "no batch": lambda h: h[:, 0],
    "an axis too many": lambda h: h[None],
}


def wrong_states(state: Any, wrong: Callable[[Array], Array]) -> list[Any]:
    """One of the states wrong, and all of them."""
    if not isinstance(state, tuple):
        return [wrong(state)]
    h, c = state
    return [(wrong(h), c), (h, wrong(c)), (wrong(h), wrong(c))]


@pytest.mark.parametrize("wrong", WRONG_STATES)
@every_cell
def test_a_wrong_initial_state_raises_what_torch_raises(cell: str, wrong: str) -> None:
    e = example(CELLS[cell](I, H), T, B)
    for h0 in wrong_states(e.h0, WRONG_STATES[wrong]):
        assert_raises_as_torch(e, e.x, h0)


@every_cell
def test_a_batch_of_states_for_one_sequence_raises_what_torch_raises(cell: str) -> None:
    e = example(CELLS[cell](I, H), T, None)
    for h0 in wrong_states(e.h0, lambda h: h[:, None]):
        assert_raises_as_torch(e, e.x, h0)


@every_cell
def test_no_step_at_all_raises_with_batch_first_too(cell: str) -> None:
    e = example(CELLS[cell](I, H, batch_first=True), T, B)
    assert_raises_as_torch(e, e.x[:, :0], None)


def test_an_oversized_initial_state_raises_for_ragged_batches_where_torch_lets_it_pass() -> None:
    h0 = RNG.random((1, B + 1, H))
    packed = pack_padded_sequence(torch.tensor(E_1.x), torch.tensor([4, 6]), enforce_sorted=False)
    torch_twin(RNN_1, E_1.params)(packed, torch.tensor(h0))
    with pytest.raises(ValueError, match=r"Expected hidden size \(1, 2, 5\), got \[1, 3, 5\]"):
        FORWARD(h0=h0, lengths=[4, 6])


@every_cell
def test_wrong_parameters_raise_what_load_state_dict_raises(cell: str) -> None:
    e = example(CELLS[cell](I, H), T, B)
    wrong = without(e.params, "bias_hh_l0") | {"weight_ho": e.params["weight_hh_l0"]}
    with pytest.raises(RuntimeError) as of_torch:
        torch_module(e.rnn).load_state_dict({name: torch.tensor(p) for name, p in wrong.items()})
    with pytest.raises(ValueError, match="Missing") as ours:
        e.rnn.forward(wrong, e.x)
    _, *problems = in_our_words(str(of_torch.value)).split("\n\t")
    assert str(ours.value) == "; ".join(problem.rstrip(". ") for problem in problems)
