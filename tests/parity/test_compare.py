"""The one comparison: what passes, what fails, what the message says."""

from dataclasses import replace

import numpy as np
import pytest

from parity import subject, tensors, tolerance
from parity.cases import CASES, Case, arrays
from parity.cells import CELLS
from parity.compare import CaseResult, TensorResult, compare, compare_tensor, describe, message
from reference.arrays import Array

RICH = CASES["rich"]
TRUTH = subject.run(RICH, arrays(RICH))


def with_change(name: str, index: tuple[int, ...], value: float) -> dict[str, Array]:
    changed = TRUTH[name].copy()
    changed[index] = value
    return TRUTH | {name: changed}


def failing(name: str, index: tuple[int, ...], value: float) -> TensorResult:
    result = compare(RICH, "torch", "float64", with_change(name, index, value), TRUTH)
    failed = [t for t in result.tensors if not t.passed]
    assert len(failed) == 1
    return failed[0]


def test_the_truth_agrees_with_itself_and_uses_nothing_of_the_tolerance() -> None:
    result = compare(RICH, "torch", "float64", TRUTH, TRUTH)
    assert result.passed
    assert result.share == 0
    assert [t.tensor for t in result.tensors] == list(TRUTH)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_never_passes_for_a_number(value: float) -> None:
    t = failing("h_l1", (2, 1, 3), value)
    assert t.mismatch is not None
    assert t.mismatch.index == (2, 1, 3)
    assert t.share == np.inf
    wanted = with_change("h_l1", (2, 1, 3), value)
    assert not compare(RICH, "torch", "float64", TRUTH, wanted).passed
    assert compare(RICH, "torch", "float64", wanted, wanted).passed


def test_infinities_of_unlike_sign_differ() -> None:
    plus, minus = with_change("h_l0", (0, 0, 0), np.inf), with_change("h_l0", (0, 0, 0), -np.inf)
    assert not compare(RICH, "torch", "float64", plus, minus).passed


def test_the_border_of_the_tolerance() -> None:
    allowed = float(tolerance.allowed(RICH, "h_l0", np.float64)[3, 0, 0])
    wanted = TRUTH["h_l0"].copy()
    wanted[3, 2, 1] = 0.0
    for factor, passes in ((0.5, True), (1.0, True), (1.01, False)):
        got = wanted.copy()
        got[3, 2, 1] = factor * allowed
        result = compare_tensor(RICH, "h_l0", "float64", got, wanted)
        assert result.passed is passes
        assert result.share == pytest.approx(factor)


def test_an_exact_zero_is_wanted_at_padding() -> None:
    assert failing("h_l0", (5, 1, 0), 1e-300).share == np.inf


def test_a_missing_misshapen_or_wrongly_typed_tensor_fails() -> None:
    without = {name: t for name, t in TRUTH.items() if name != "d_x"}
    assert not compare(RICH, "torch", "float64", without, TRUTH).passed
    assert compare_tensor(RICH, "d_x", "float64", None, TRUTH["d_x"]).problem == "missing"
    misshapen = compare_tensor(RICH, "d_x", "float64", TRUTH["d_x"][:1], TRUTH["d_x"])
    assert misshapen.problem == "shape (1, 3, 3), wanted (6, 3, 3)"
    narrow = compare_tensor(RICH, "d_x", "float64", TRUTH["d_x"].astype(np.float32), TRUTH["d_x"])
    assert narrow.problem == "dtype float32, wanted float64"


def test_a_case_of_which_nothing_was_compared_does_not_pass() -> None:
    result = CaseResult(RICH, "torch", "float64", ())
    assert not result.passed
    assert "nothing was compared" in message(result)


def test_the_first_failure_is_the_first_in_the_order_of_computation() -> None:
    """Forward from the first step on, backward from the last."""
    forward = TRUTH["h_l0"].copy()
    forward[[2, 4]] += 1
    backward = TRUTH["d_h_l0"].copy()
    backward[[1, 3]] += 1
    result = compare(RICH, "torch", "float64", TRUTH | {"h_l0": forward, "d_h_l0": backward}, TRUTH)
    first, second = [t.mismatch for t in result.tensors if t.mismatch]
    assert first.index[0] == 2
    assert second.index[0] == 3
    assert message(result).splitlines()[1].startswith("  first: h layer 0 forward step 2 (t = 2)")


def test_the_message_says_what_where_how_much_and_how_to_repeat_it() -> None:
    result = compare(RICH, "torch", "float64", with_change("d_a_l1_reverse", (3, 0, 2), 0.25), TRUTH)
    wanted = float(TRUTH["d_a_l1_reverse"][3, 0, 2])
    text = message(result)
    assert "FAIL rich  float64  against torch" in text
    assert "d_a layer 1 reverse step 3 (t = 0) [0, 2]" in text
    assert f"got 0.25, wanted {wanted!r}" in text
    assert f"error {abs(0.25 - wanted):.3g}, allowed" in text
    assert "1 of 44 tensors fail: d_a_l1_reverse" in text
    assert "python -m parity -k rich --dtype float64 --oracle torch" in text


@pytest.mark.parametrize(
    ("name", "index", "text"),
    [
        ("h_l1", (4, 1, 3), "h layer 1 forward step 4 (t = 4) [1, 3]"),
        ("a_l0_reverse", (0, 0, 2), "a layer 0 reverse step 0 (t = 3) [0, 2]"),
        ("d_h_l1_reverse", (5, 2, 0), "d_h layer 1 reverse step 5 (t = 0) [2, 0]"),
        ("h_l0_reverse", (5, 1, 0), "h layer 0 reverse step 5 (padding) [1, 0]"),
        ("y", (2, 1, 5), "y t = 2 [1, 5]"),
        ("d_rnn.weight_hh_l0", (1, 2), "d_rnn.weight_hh_l0 [1, 2]"),
        ("div", (), "div []"),
    ],
)
def test_an_element_is_named_in_words(name: str, index: tuple[int, ...], text: str) -> None:
    assert describe(RICH, name, index) == text


GRU = Case("gated", "small", "", cell="gru", bidirectional=True, O=2)
BEFORE = replace(GRU, reset="before")
LSTM = Case("gated", "small", "", cell="lstm", proj_size=2, lengths=(7, 4, 5))


@pytest.mark.parametrize(
    ("case", "name", "index", "text"),
    [
        (LSTM, "a_l0", (3, 1, 7), "a[f] layer 0 forward step 3 (t = 3) [1, 2]"),
        (LSTM, "d_a_l0", (0, 2, 19), "d_a[o] layer 0 forward step 0 (t = 0) [2, 4]"),
        (LSTM, "c_l0", (3, 1, 4), "c layer 0 forward step 3 (t = 3) [1, 4]"),
        (LSTM, "d_weight_ih_l0", (0, 3), "d_weight_ih_l0[i] [0, 3]"),
        (LSTM, "d_weight_hh_l0", (14, 1), "d_weight_hh_l0[g] [4, 1]"),
        (LSTM, "d_bias_hh_l0", (5,), "d_bias_hh_l0[f] [0]"),
        (LSTM, "d_weight_hr_l0", (1, 4), "d_weight_hr_l0 [1, 4]"),
        (GRU, "a_l0_reverse", (1, 0, 10), "a[n] layer 0 reverse step 1 (t = 5) [0, 0]"),
        (GRU, "q_l0", (1, 0, 4), "q layer 0 forward step 1 (t = 1) [0, 4]"),
        (GRU, "d_rnn.bias_ih_l0", (4,), "d_rnn.bias_ih_l0[r] [4]"),
        (GRU, "d_output.weight", (1, 9), "d_output.weight [1, 9]"),
    ],
)
def test_an_element_of_a_gate_is_named_by_it(case: Case, name: str, index: tuple[int, ...], text: str) -> None:
    assert describe(case, name, index) == text
    assert name in tensors.table(case)


@pytest.mark.parametrize("case", [GRU, BEFORE, LSTM], ids=["after", "before", "lstm"])
def test_the_message_names_the_gate(case: Case) -> None:
    case = replace(case, bidirectional=False)
    truth = subject.run(case, arrays(case))
    wrong = truth["a_l0"].copy()
    wrong[2, 0, 5] += 1
    text = message(compare(case, "torch", "float64", truth | {"a_l0": wrong}, truth))
    assert f"  first: a[{CELLS[case.cell].gates[1]}] layer 0 forward step 2 (t = 2) [0, 0]" in text.splitlines()


@pytest.mark.parametrize(
    ("case", "forward", "backward"),
    [
        (GRU, ["a[r]", "q", "a[n]", "h"], ["d_h", "d_a[n]", "d_q", "d_a[r]"]),
        (BEFORE, ["a[r]", "s", "a[n]", "h"], ["d_h", "d_a[n]", "d_s", "d_a[r]"]),
        (LSTM, ["a[i]", "c", "m", "h"], ["d_h", "d_m", "d_c", "d_a[g]"]),
    ],
    ids=["after", "before", "lstm"],
)
def test_what_is_computed_first_in_a_column_fails_first(case: Case, forward: list[str], backward: list[str]) -> None:
    """A candidate gate reads q or s: where both are wrong in one step, it is not the first; its error is the larger."""
    case = replace(case, bidirectional=False)
    truth = subject.run(case, arrays(case))
    gates = CELLS[case.cell].gates

    def place(element: str) -> tuple[str, tuple[int, ...]]:
        name, _, gate = element.rstrip("]").partition("[")
        return f"{name}_l0", (3, 0, gates.index(gate) * case.H if gate else 0)

    for order in (forward, backward):
        wrong = {name: tensor.copy() for name, tensor in truth.items()}
        for size, (name, index) in enumerate(map(place, order), 1):
            wrong[name][index] += size
        for element in order:
            text = message(compare(case, "torch", "float64", wrong, truth))
            assert f"  first: {element} layer 0 forward step 3 (t = 3) [0, 0]" in text.splitlines()
            name, index = place(element)
            wrong[name][index] = truth[name][index]
        assert compare(case, "torch", "float64", wrong, truth).passed


def test_a_step_of_a_batch_first_series_is_found_on_its_own_axis() -> None:
    case = replace(CASES["strided-x-bf-ragged"])
    truth = subject.run(case, arrays(case))
    output = truth["output"].copy()
    output[2, 1, 4] += 1
    result = compare(case, "torch", "float64", truth | {"output": output}, truth)
    assert "first: output t = 1 [2, 4]" in message(result)
