"""What torch refuses as well raises in torch's own words: what is wrong is put to both."""

import numpy as np
import pytest
import torch
from torch.nn.utils.rnn import pack_padded_sequence

from reference import RNN
from reference.arrays import Array
from tests.helpers import Example, example, torch_twin
from tests.reference.validation.calls import E_1, FORWARD, RNG, RNN_1, UNBATCHED, B, H, I, T, without


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
