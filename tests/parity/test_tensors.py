"""The table of tensors: names in the order of computation, and what is known of each. SPEC 9.1, 10.3."""

import numpy as np
import pytest

from parity import subject, tensors
from parity.cases import CASES, arrays

RICH = """
a_l0 h_l0 a_l0_reverse h_l0_reverse a_l1 h_l1 a_l1_reverse h_l1_reverse output h_n z y div d_y d_z d_output
d_h_l1 d_a_l1 d_h_l1_reverse d_a_l1_reverse d_h_l0 d_a_l0 d_h_l0_reverse d_a_l0_reverse d_x d_h0
d_rnn.weight_ih_l0 d_rnn.weight_hh_l0 d_rnn.bias_ih_l0 d_rnn.bias_hh_l0
d_rnn.weight_ih_l0_reverse d_rnn.weight_hh_l0_reverse d_rnn.bias_ih_l0_reverse d_rnn.bias_hh_l0_reverse
d_rnn.weight_ih_l1 d_rnn.weight_hh_l1 d_rnn.bias_ih_l1 d_rnn.bias_hh_l1
d_rnn.weight_ih_l1_reverse d_rnn.weight_hh_l1_reverse d_rnn.bias_ih_l1_reverse d_rnn.bias_hh_l1_reverse
d_output.weight d_output.bias
d_x·v d_h0·v
d_rnn.weight_ih_l0·v d_rnn.weight_hh_l0·v d_rnn.bias_ih_l0·v d_rnn.bias_hh_l0·v
d_rnn.weight_ih_l0_reverse·v d_rnn.weight_hh_l0_reverse·v d_rnn.bias_ih_l0_reverse·v d_rnn.bias_hh_l0_reverse·v
d_rnn.weight_ih_l1·v d_rnn.weight_hh_l1·v d_rnn.bias_ih_l1·v d_rnn.bias_hh_l1·v
d_rnn.weight_ih_l1_reverse·v d_rnn.weight_hh_l1_reverse·v d_rnn.bias_ih_l1_reverse·v d_rnn.bias_hh_l1_reverse·v
d_output.weight·v d_output.bias·v
""".split()
HAND = """
a_l0 h_l0 output h_n d_h_l0 d_a_l0 d_x d_h0 d_weight_ih_l0 d_weight_hh_l0 d_bias_ih_l0 d_bias_hh_l0
""".split()


@pytest.mark.parametrize(
    ("case_id", "names"),
    [("rich", [name for name in RICH if tensors.is_large(CASES["rich"]) or "·" not in name]), ("hand-1x1x1", HAND)],
)
def test_the_order_of_computation(case_id: str, names: list[str]) -> None:
    """Permanent: it is the order in which a first failure is looked for, and that of `asked` in a case.toml."""
    assert list(tensors.table(CASES[case_id])) == names


@pytest.mark.parametrize("case_id", CASES)
def test_the_reference_gives_every_tensor_with_the_axes_of_the_table(case_id: str) -> None:
    case = CASES[case_id]
    with np.errstate(all="ignore"):
        found = subject.run(case, arrays(case))
        found |= subject.projections(case, found)
    sizes = {"T": case.T, "B": case.B, "I": case.I, "O": case.O or 0, "v": subject.DIRECTIONS}
    assert list(found) == list(tensors.table(case))
    for name, tensor in tensors.table(case).items():
        assert len(tensor.axes) == found[name].ndim, name
        for axis, size in zip(tensor.axes, found[name].shape, strict=True):
            assert size == sizes.get(axis, size), (name, axis)


def test_what_a_port_must_provide() -> None:
    table = tensors.table(CASES["rich"])
    assert {name for name, t in table.items() if t.provides == ("forward",)} == {"output", "h_n", "z", "y", "div"}
    trace = {"a_l0", "h_l0", "a_l0_reverse", "h_l0_reverse", "a_l1", "h_l1", "a_l1_reverse", "h_l1_reverse"}
    assert {name for name, t in table.items() if t.provides == ("trace",)} == trace
    both = {f"d_{name}" for name in (*trace, "y", "z", "output")}
    assert {name for name, t in table.items() if t.provides == ("trace", "backward")} == both


def test_only_what_a_direction_computes_in_turns_shares_a_recursion() -> None:
    table = tensors.table(CASES["rich"])
    turns = [name for name, t in table.items() if t.recursion == table["d_h_l1_reverse"].recursion]
    assert turns == ["d_h_l1_reverse", "d_a_l1_reverse"]
    assert table["a_l0"].recursion != table["d_a_l0"].recursion
    assert table["output"].recursion == "output"


def test_of_a_name_that_a_case_does_not_have_nothing_is_known() -> None:
    unknown = tensors.find(CASES["rich"], "a_l7")
    assert (unknown.kind, unknown.time_axis, unknown.backward) == ("unknown", None, False)
