"""Planted mistakes: they are planted and taken out again, each is caught, and the harness can tell when one is not."""

import builtins
import dis
import json
import re
from dataclasses import replace
from pathlib import Path
from types import CodeType

import numpy as np
import pytest

from parity import commands, subject
from parity.cases import CASES, arrays
from parity.mistakes import MISTAKES, Mistake, measure, planted
from parity.mistakes.measure import Bench
from parity.mistakes.mistake import DTYPES
from parity.vectors import frozen, frozen_cases
from reference.arrays import pool
from reference.cells import rnn

NONE = Mistake("right", "arrays:pool", "return dy.T.dot(x)", "return dy.T.dot(x) + 0", "nothing is wrong")


ONLY_RAISE = {"padding-of-the-caller-cleared", "float64-in-float32"}  # which is how they are seen


def first_catch(mistake: Mistake, benches: list[Bench]) -> str | None:
    """The case that is the first to see a wrong number; where none does, one in which the mistake raises."""
    raises = None
    with planted(mistake):
        for bench in measure.concerned(mistake, benches):
            catch, _ = bench.caught(mistake.keeps)
            if catch and not catch.where.startswith("raises"):
                return bench.case.id
            raises = f"{bench.case.id} {catch.where}" if catch else raises
    return raises


@pytest.fixture(scope="module")
def caught() -> dict[tuple[str, str], str | None]:
    """What catches every mistake in both dtypes, of the frozen set; `python -m parity bugs` runs the whole table."""
    benches = {dtype: [Bench.of_vector(vector, dtype) for vector in frozen()] for dtype in DTYPES}
    return {(m.name, dtype): first_catch(m, benches[dtype]) for m in MISTAKES.values() for dtype in DTYPES}


def test_there_are_at_least_230_and_each_says_what_it_is() -> None:
    assert len(MISTAKES) >= 230
    assert len({(m.where, m.right, m.wrong) for m in MISTAKES.values()}) == len(MISTAKES)
    assert all(m.says for m in MISTAKES.values())
    assert all(m.dtypes for m in MISTAKES.values())
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


def unknown_names(code: CodeType, known: set[str]) -> set[str]:
    """The names outside itself that it reads and that are not there; those of the functions within it too."""
    found = {i.argval for i in dis.get_instructions(code) if i.opname == "LOAD_GLOBAL"} - known
    return found.union(*(unknown_names(inner, known) for inner in code.co_consts if isinstance(inner, CodeType)))


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_wrong_and_not_broken(name: str) -> None:
    """Who raises NameError is caught by everything, and measures nothing."""
    function = MISTAKES[name].function()
    with planted(MISTAKES[name]):
        assert unknown_names(function.__code__, {*function.__globals__, *vars(builtins)}) == set()


@pytest.mark.parametrize("name", MISTAKES)
def test_the_frozen_set_alone_catches_it(name: str, caught: dict[tuple[str, str], str | None]) -> None:
    for dtype in MISTAKES[name].dtypes:
        found = caught[name, dtype]
        assert found is not None, dtype
        assert "raises" not in found or name in ONLY_RAISE, f"it is broken, not wrong: {found}"


@pytest.mark.parametrize("name", [name for name, mistake in MISTAKES.items() if len(mistake.dtypes) == 1])
def test_where_it_is_said_not_to_show_nothing_catches_it(name: str, caught: dict[tuple[str, str], str | None]) -> None:
    for dtype in set(DTYPES) - set(MISTAKES[name].dtypes):
        assert caught[name, dtype] is None


def test_rich_alone_catches_most_and_the_tutorial_case_few() -> None:
    """Of those that an RNN can make: both cases have one."""
    of_rnn = [mistake for name, mistake in MISTAKES.items() if not name.startswith(("gru-", "lstm-"))]
    verdicts = measure.measure(of_rnn, [CASES["rich"]])
    assert sum("rich" in v.catches for v in verdicts) > 0.4 * len(of_rnn)
    assert 0 < sum(v.tutorial for v in verdicts) < 0.4 * len(of_rnn)


def test_a_small_mistake_passes_the_usual_tolerances() -> None:
    cases = [case for case in frozen_cases() if not case.exact]
    (small,) = measure.measure([MISTAKES["w-hh-off-by-1e-10"]], cases)
    assert len(small.catches) > 20
    assert not small.allclose
    assert small.table == {"float64"}


def test_in_many_processes_it_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    mistakes = [MISTAKES[name] for name in ("h0-ignored", "state-carried-between-calls", "ctc-linear")]
    cases = [CASES[name] for name in ("hand-1x1x1", "square-l1", "linear-impulse")]
    alone = measure.measure(mistakes, cases)
    monkeypatch.setattr(measure, "PIECE", 2)
    assert measure.measure(mistakes, cases) == alone


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
    with pytest.raises(ValueError, match=r"^right: expected '.*' once in arrays:pool"), planted(wrong):
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
    bench = Bench.of(CASES[case_id], mistake.dtypes[0])
    with planted(mistake):
        catch, _ = bench.caught()
    assert catch is not None
    assert catch.where.startswith(where)
    assert catch.factor > 1


def test_without_a_mistake_nothing_is_caught() -> None:
    for case in frozen_cases():
        assert Bench.of(case, "float64").caught()[0] is None


def test_a_survivor_and_an_idle_case_end_with_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setitem(MISTAKES, "right", NONE)
    file = tmp_path / "bugs.json"
    assert commands.main(["bugs", "-k", "right", "--case", "hand-1x1x1", "--json", str(file)]) == 1
    out = capsys.readouterr().out
    assert "SURVIVES" in out
    for dtype in DTYPES:
        assert f"{dtype}: 0 of 1 mistakes are caught by 1 cases within 8 σ (right survive), 0 by 1 of the frozen" in out
    assert "1 of 1 cases catch none: hand-1x1x1" in out
    assert json.loads(file.read_text())["mistakes"][0]["caught_by"] == {}


def test_the_matrix_has_a_line_a_case_and_a_column_a_mistake(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "bugs.json"
    # nothing is dropped there
    assert commands.main(["bugs", "-k", "dropout-un", "--case", "lengths", "--json", str(file)]) == 1
    out = capsys.readouterr().out
    assert "...  lengths-none-reaches-T" in out
    assert out.startswith("SURVIVES dropout-unscaled: no 1/(1 - p)\n")
    assert max(len(line) for line in out.splitlines() if "│" in line or "┃" in line) <= 80
    assert commands.main(["bugs", "-k", "dh0-missing", "--case", "rich", "--json", str(file)]) == 0
    out = capsys.readouterr().out
    assert "#  rich" in out
    assert re.search(r"^dh0-missing: \d+ cases?, first \S+: d_h0.*, \S+ times the tolerance$", out, re.MULTILINE)
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
