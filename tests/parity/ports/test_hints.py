"""What the numbers of a failure suggest, and what failures share. SPEC 10.7."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from parity.cases import Case
from parity.ports.verdict import Outcome
from parity.report.check import line
from parity.report.hints import GATES, TANH, hints
from parity.report.shared import shared
from parity.vectors import reading, writing
from reference import activations
from reference.arrays import Array
from tests.parity.ports.answers import VECTORS, Change, answer, judged

AGREE = "the inputs of this step agree"
NO_H0 = "rnn-relu-l1-uni-unbatched-noh0-dhn"
RAGGED = "rnn-tanh-l1-bi-nobias-bf-ragged"


def add(name: str, index: tuple[int, ...], amount: float = 0.25) -> Change:
    def change(got: dict[str, Array]) -> None:
        got[name][index] += amount

    return change


def both(*changes: Change) -> Change:
    def change(got: dict[str, Array]) -> None:
        for one in changes:
            one(got)

    return change


@pytest.mark.parametrize(
    ("case_id", "change", "wanted"),
    [
        # the first step reads h0 and x, which nobody compared
        ("square-l1", add("a_l0", (0, 1, 2)), []),
        ("square-l1", add("h_l0", (0, 1, 2)), [AGREE]),
        ("square-l1", add("a_l0", (3, 1, 2)), [AGREE]),
        ("square-l1", add("d_h_l0", (6, 1, 2)), []),
        ("square-l1", add("d_a_l0", (6, 1, 2)), [AGREE]),
        ("square-l1", add("d_h_l0", (3, 1, 2)), [AGREE]),
        ("square-l1", add("d_x", (3, 1, 2)), []),
        # not where the state before was not asked for
        ("square-l1", both(add("a_l0", (3, 1, 2)), lambda got: got.pop("h_l0")), []),
        # a sequence begins backward at its own end
        ("lengths-none-reaches-T", add("d_h_l1", (4, 0, 2)), ["sequence 0 has 5 of 7 steps"]),
        ("lengths-none-reaches-T", add("d_h_l1", (3, 0, 2)), ["sequence 0 has 5 of 7 steps", AGREE]),
        ("lengths-none-reaches-T", add("output", (6, 0, 2)), ["sequence 0 has 5 of 7 steps: this is padding"]),
        (RAGGED, add("output", (0, 2, 3)), ["sequence 0 has 5 of 7 steps"]),
        (NO_H0, add("a_l0", (0, 0, 2)), ["h0 not given: zeros"]),
        (NO_H0, add("output", (0, 2)), ["h0 not given: zeros"]),
        (NO_H0, add("output", (1, 2)), []),
        # at t = 0 the reverse direction has read everything
        ("rnn-tanh-l2-bi-nobias-bf-noh0-drop100-dhn", add("output", (0, 0, 1)), []),
        (NO_H0, add("d_h_l0", (0, 0, 2)), [AGREE]),
        (RAGGED, add("output", (2, 1, 3), np.nan), ["NaN: was padding read?"]),
        ("square-l1", add("output", (2, 1, 3), np.nan), []),
    ],
)
def test_a_hint_is_given_where_it_applies(case_id: str, change: Change, wanted: list[str]) -> None:
    outcome = answer(case_id)
    got = {name: np.array(tensor) for name, tensor in outcome.got.items()}
    change(got)
    outcome = judged(case_id, got, asked=got)
    assert outcome.verdict == "fail"
    assert hints(outcome) == wanted
    assert all(f"; {hint}" in line(outcome) for hint in wanted)


def test_a_wrong_divergence_says_which_sequence_is_wrong_first() -> None:
    assert hints(answer("ctc-repeats", add("div", ()))) == ["d_y is right for every sequence: only the value is wrong"]
    wrong = both(add("div", ()), add("d_y", (0, 2, 1)), add("d_y", (3, 1, 1)))
    assert hints(answer("ctc-repeats", wrong)) == ["the first sequence whose d_y is wrong is 1"]
    batch_first = both(add("div", ()), add("d_y", (2, 0, 1)), add("d_y", (1, 3, 1)))
    assert hints(answer("pooled-mean-weighted-ragged-bf", batch_first))[-1] == (
        "the first sequence whose d_y is wrong is 1"
    )


def with_tanh(monkeypatch: pytest.MonkeyPatch, value: activations.Value, case_id: str, dtype: str) -> Outcome:
    with monkeypatch.context() as patch:
        patch.setitem(activations.NONLINEARITIES, "tanh", replace(activations.TANH, value=value))
        return answer(case_id, dtype=dtype)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_tanh_that_loses_relative_digits_is_recognised(monkeypatch: pytest.MonkeyPatch, dtype: str) -> None:
    def by_exp(z: Array, out: Array | None = None) -> Array:
        return np.subtract(1, 2 / (np.exp(2 * z) + 1), out=out)

    def off_everywhere(z: Array, out: Array | None = None) -> Array:
        return np.multiply(np.tanh(z), z.dtype.type(1.001), out=out)

    assert TANH in hints(with_tanh(monkeypatch, by_exp, "critical-T64", dtype))
    assert TANH not in hints(with_tanh(monkeypatch, off_everywhere, "critical-T64", dtype))
    assert TANH not in hints(answer("critical-T64", add("h_l0", (0, 0, 0)), dtype))


TINY = Case("tiny-lstm", "small", "every value is small", cell="lstm", T=5, B=1, I=2, H=3, h0=False, scale=2.0**-12)


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The id of a vector of a gated cell, which `answer` then knows."""
    writing.write_set(tmp_path / "set", [TINY], runs=8)
    (vector,) = reading.read_set(tmp_path / "set")
    monkeypatch.setitem(VECTORS, TINY.id, vector)
    return TINY.id


@pytest.mark.parametrize("name", ["c_l0", "h_l0"])
def test_a_gated_cell_that_loses_relative_digits_is_recognised(tiny: str, name: str) -> None:
    """By an error of the size of what rounding does to a number near 1; a larger one comes from elsewhere."""
    assert hints(answer(tiny, add(name, (3, 0, 1), 2.0**-53))) == [AGREE, GATES]
    assert hints(answer(tiny, add(name, (3, 0, 1), 2.0**-48))) == [AGREE]
    assert hints(answer(tiny, add("a_l0", (3, 0, 1), 2.0**-53))) == [AGREE]


def test_the_line_of_a_gated_cell_names_the_gate(tiny: str) -> None:
    assert "first: a[f] layer 0 forward step 3 (t = 3) [0, 2]: got " in line(answer(tiny, add("a_l0", (3, 0, 5))))


# What failures share.


def outcomes(failing: list[str], passing: list[str], dtype: str = "float64") -> list[Outcome]:
    right = [replace(answer(case_id, dtype=dtype), verdict="pass") for case_id in passing]
    return [replace(answer(case_id, dtype=dtype), verdict="fail") for case_id in failing] + right


def test_what_failures_share_is_one_feature_where_one_is_enough() -> None:
    found = shared(outcomes([RAGGED, "exact-relu-l2-bi-ragged"], ["square-l1", "lengths-none-reaches-T"]))
    assert found == ["bidirectional"]
    found = shared(outcomes(["truncate-3"], ["square-l1", "long-T200"]))
    assert found == ["more than one layer", "truncation"]


def test_what_failures_share_may_be_a_pair() -> None:
    failing = [RAGGED, "exact-relu-l2-bi-ragged", "rich"]
    passing = ["lengths-none-reaches-T", "small-one-input", "square-l1", "small-one-step"]
    assert "bidirectional with lengths" in shared(outcomes(failing, passing))
    in_one = outcomes(["exact-relu-l1", NO_H0], ["square-l1"]) + outcomes([], ["exact-relu-l1", NO_H0], "float32")
    assert shared(in_one) == ["nonlinearity relu in float64"]


def test_the_lowest_bound_of_a_size_stands_for_all() -> None:
    assert shared(outcomes(["long-T200"], ["square-l1", "linear-response"])) == ["T above 16"]


def test_three_lines_at_most_and_none_without_passing_vectors() -> None:
    assert len(shared(outcomes(["rich"], ["hand-1x1x1"]))) == 3
    assert shared(outcomes(["rich"], [])) == shared(outcomes([], ["rich"])) == []
    assert shared(outcomes(["rich"], ["rich"])) == []
