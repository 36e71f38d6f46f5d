"""Planted mistakes: they are planted and taken out again, each is caught, and the harness can tell when one is not."""

import json
from dataclasses import replace
from pathlib import Path
from types import CodeType

import numpy as np
import pytest

from parity import commands, subject
from parity.cases import CASES, arrays
from parity.mistakes import MISTAKES, Mistake, measure, planted
from parity.mistakes.measure import Bench, Verdict
from reference.arrays import pool
from reference.cells import rnn

# The single case that catches the most, and those that catch what it cannot.
FEW = [
    "rich", "square-l1", "square-head", "saturated-l1", "exact-relu-l1", "critical-T64", "exploding-linear-T40",
    "truncate-3", "rnn-tanh-l3-bi-nobias-ragged-drop25-dhn", "lengths-one", "strided-x", "logits-1000-classes",
    "logits-1000-log-softmax", "head-softmax-cross_entropy-soft-mean-mask-unbatched-l2",
    "head-sigmoid-squared_error-values-sum-weighted-ragged-bf-bi",
    "head-log_softmax-negative_log_likelihood-soft-mean-weighted-unbatched-bi-l2",
    "head-softmax-kl-soft-mean-mask-bf-bi",
    "head-sigmoid-binary_cross_entropy-bits-mean-mask-l2", "head-softmax-cross_entropy-classes-sum-weighted-bi",
    "ctc-repeats", "ctc-blank-last-ragged-bf-bi", "ctc-mean-ragged-l2", "ctc-infeasible", "ctc-one-path",
    "pooled-mean-weighted-ragged-bf", "head-relu-squared_error-values-mean-unbatched-bi",
    "certain-softmax", "targets-of-any-sum", "truncate-2-ragged",
]  # fmt: skip
NONE = Mistake("none", "arrays:pool", "return dy.T.dot(x)", "return dy.T.dot(x) + 0", "nothing is wrong")


@pytest.fixture(scope="module")
def verdicts() -> dict[str, Verdict]:
    """Every mistake on a few cases; `python -m parity bugs` runs them on all."""
    return {v.mistake.name: v for v in measure.measure(list(MISTAKES.values()), [CASES[name] for name in FEW])}


def test_there_are_at_least_64_and_each_says_what_it_is() -> None:
    assert len(MISTAKES) >= 64
    assert len({(m.where, m.right, m.wrong) for m in MISTAKES.values()}) == len(MISTAKES)
    assert all(m.says for m in MISTAKES.values())
    assert list(MISTAKES) == [m.name for m in MISTAKES.values()]


def what_it_does(code: CodeType) -> tuple[object, ...]:
    return code.co_code, code.co_consts, code.co_names


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_planted_and_taken_out_again(name: str) -> None:
    function = MISTAKES[name].function()
    right = function.__code__
    with planted(MISTAKES[name]):
        assert what_it_does(function.__code__) != what_it_does(right)
    assert function.__code__ is right
    assert not function.__dict__


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_caught_by_a_few_cases(name: str, verdicts: dict[str, Verdict]) -> None:
    assert verdicts[name].catches


def test_rich_alone_catches_most_and_the_tutorial_case_few(verdicts: dict[str, Verdict]) -> None:
    assert sum("rich" in v.catches for v in verdicts.values()) > 0.6 * len(MISTAKES)
    assert 0 < sum(v.tutorial for v in verdicts.values()) < 0.4 * len(MISTAKES)


def test_a_small_mistake_passes_the_usual_tolerances(verdicts: dict[str, Verdict]) -> None:
    small = verdicts["w-hh-off-by-1e-10"]
    assert len(small.catches) > 20
    assert not small.allclose


def test_everyone_who_has_the_function_makes_the_mistake() -> None:
    """Functions are imported by name, so that a new function under an old name would not be met."""
    with planted(MISTAKES["pooled-in-float32"]):
        assert pool(np.array([[1 + 1e-12]]), np.ones((1, 1))) == 1
        assert vars(rnn)["pool"] is pool
    assert pool(np.array([[1 + 1e-12]]), np.ones((1, 1))) != 1


def test_the_reference_is_whole_again_after_an_error() -> None:
    before = rnn.Rnn.steps.__code__
    with pytest.raises(RuntimeError), planted(MISTAKES["recurrent-term-missing"]):  # noqa: PT012
        assert rnn.Rnn.steps.__code__ is not before
        raise RuntimeError
    assert rnn.Rnn.steps.__code__ is before


@pytest.mark.parametrize("wrong", [replace(NONE, right="no such text"), replace(NONE, right="d")])
def test_a_text_that_is_not_there_once_is_refused(wrong: Mistake) -> None:
    with pytest.raises(ValueError, match=r"^none: expected '.*' once in arrays:pool"), planted(wrong):
        pass


@pytest.mark.parametrize(
    ("name", "case_id", "where"),
    [
        ("recurrent-term-missing", "rich", "a layer 0 forward step 0 (t = 0) ["),
        ("dw-hh-with-h-t", "rich", "d_rnn.weight_hh_l0"),
        ("state-carried-between-calls", "hand-1x1x1", "a_l0 differs when it is computed again"),
        ("padding-of-the-caller-cleared", "rich", "raises ValueError: assignment destination is read-only"),
        ("float64-in-float32", "hand-1x1x1", "raises TypeError"),
    ],
)
def test_the_first_report_says_where(name: str, case_id: str, where: str) -> None:
    mistake = MISTAKES[name]
    bench = Bench.of(CASES[case_id], mistake.dtype)
    with planted(mistake):
        catch, _ = bench.caught()
    assert catch is not None
    assert catch.where.startswith(where)
    assert catch.factor > 1


def test_without_a_mistake_nothing_is_caught() -> None:
    for case_id in FEW:
        assert Bench.of(CASES[case_id], "float64").caught()[0] is None


def test_a_survivor_and_an_idle_case_end_with_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setitem(MISTAKES, "none", NONE)
    file = tmp_path / "bugs.json"
    assert commands.main(["bugs", "-k", "none", "--case", "hand-1x1x1", "--json", str(file)]) == 1
    out = capsys.readouterr().out
    assert "SURVIVES" in out
    assert "0 of 1 mistakes are caught by 1 cases within 8 σ: 1 survive (none)" in out
    assert "1 of 1 cases catch none: hand-1x1x1" in out
    assert json.loads(file.read_text())["mistakes"][0]["caught_by"] == {}


def test_the_matrix_has_a_line_a_case_and_a_column_a_mistake(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "bugs.json"
    # nothing is dropped there
    assert commands.main(["bugs", "-k", "dropout", "--case", "lengths", "--json", str(file)]) == 1
    assert "........  lengths-none-reaches-T" in capsys.readouterr().out
    assert commands.main(["bugs", "-k", "dh0", "--case", "rich", "--json", str(file)]) == 0
    assert "###  rich" in capsys.readouterr().out
    first = json.loads(file.read_text())["mistakes"][0]
    assert first["name"] == "dh0-missing"
    assert first["where"] == "reference.bidirectional:backward"
    assert first["caught_by"]["rich"]["where"].startswith("d_h0")
    assert first["caught_by"]["rich"]["factor"] > 1e10


def test_a_mistake_in_a_text_does_not_widen_its_own_tolerance() -> None:
    case = CASES["linear-response"]
    bench = Bench.of(case, "float64")
    noisy = Mistake(
        "noisy", "cells.rnn:Rnn.steps", "add(p_t, recurrent_t, a_t)", "add(p_t, 1e3 * recurrent_t, a_t)", ""
    )
    with planted(noisy):
        assert bench.caught()[0] is not None
    assert subject.run(case, arrays(case)).keys() == bench.truth.keys()
