"""Series that are fed in pieces to a port that keeps the state between them. SPEC 10.12, 23.2."""

import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import parity
from parity import commands, subject, vectors
from parity.adapter import Answer, Named, Problem, Request, network
from parity.ports import claims, in_process, verdict
from parity.ports.verdict import Outcome
from parity.report import check
from parity.vectors import Vector, pieces
from reference.arrays import Array
from tests.parity.ports.answers import VECTORS
from tests.parity.ports.test_in_process import CLAIMS, forward

PORT = claims.load(Path(parity.__file__).parent / "ports" / "javascript")
CUT = [vector for vector in VECTORS.values() if pieces.can_be_cut(vector.case)]


def of_the_reference(keep: bool = True) -> Answer:
    """The reference as a port; one that does not keep the state starts every piece from the one that is given."""
    ended: dict[str, Array] = {}

    def answer(request: Request) -> Mapping[str, Array]:
        values = replace(request.values, initial=dict(ended)) if request.continued and keep else request.values
        with np.errstate(all="ignore"):
            run = subject.run(request.case, values)
        ended.update({state: run[f"{state}_n"] for state in request.case.rnn().cell.states})
        return run

    return answer


def judged(vector: Vector, answer: Answer, dtype: str = "float64", **claimed: Any) -> Outcome:
    port = replace(PORT, features={**PORT.features, "streaming": True, **claimed})
    return in_process.judge(port, answer, vector, dtype)


def test_what_is_cut_is_a_good_part_of_the_frozen_set_of_every_cell_and_layout() -> None:
    assert len(CUT) == 211
    assert {(v.case.cell, v.case.layout) for v in CUT} == {(v.case.cell, v.case.layout) for v in VECTORS.values()}
    assert {v.case.num_layers for v in CUT} > {1, 2, 3}
    assert any(v.case.masks for v in CUT)
    assert {v.case.O is None for v in CUT} == {v.case.h0 for v in CUT} == {True, False}


@pytest.mark.parametrize("dtype", vectors.DTYPES)
def test_pieces_of_every_vector_agree_with_the_reference_that_keeps_its_state(dtype: str) -> None:
    for vector in CUT:
        outcome = judged(vector, of_the_reference(), dtype)
        assert (outcome.verdict, outcome.detail) == ("pass", ""), vector.case.id
        assert outcome.pieces == sum(-(-vector.case.T // size) for size in pieces.SIZES if size < vector.case.T)


def test_a_state_that_is_lost_shows_wherever_it_matters() -> None:
    outcomes = [judged(vector, of_the_reference(keep=False)) for vector in CUT]
    lost = [o for o in outcomes if o.verdict == "fail"]
    assert all(o.detail.startswith(("fed 1 at a time, from step ", "fed 3 at a time, from step 3")) for o in lost)
    found = judged(VECTORS["linear-response"], of_the_reference(keep=False))
    assert found.detail.startswith("fed 1 at a time, from step 1 on: ")
    assert " want " in found.detail
    assert len(lost) >= 195


def test_a_state_that_no_case_asked_to_continue_is_not_carried_over() -> None:
    """What is asked without `continue` starts from what it is given, also after a series in pieces."""
    answer = of_the_reference()
    for vector in CUT[:12]:
        assert judged(vector, answer).verdict == "pass"


def test_without_the_claim_nothing_is_fed_in_pieces() -> None:
    assert judged(VECTORS["linear-response"], of_the_reference(keep=False), streaming=False).pieces == 0


@pytest.mark.parametrize("case_id", ["long-T200", "rnn-tanh-l2-bi-nobias-bf-noh0-drop100-dhn", "ctc-unbatched"])
def test_of_long_series_both_directions_and_divergences_of_a_whole_series_nothing_is_cut(case_id: str) -> None:
    assert pieces.cuts(VECTORS[case_id]) == []


def test_a_set_that_does_not_say_the_states_is_not_cut() -> None:
    vector = VECTORS["linear-response"]
    few = replace(vector, expect={name: vector.expect[name] for name in ("output", "h_n")})
    assert pieces.cuts(vector)
    assert pieces.cuts(few) == []


def test_what_has_nothing_to_continue_is_an_error() -> None:
    vector = VECTORS["small-one-unit"]
    request = Request(vector.case, vector.values, ("output",), continued=True)
    with pytest.raises(ValueError, match="nothing to continue"):
        network(forward)(request)


def test_a_port_that_breaks_at_every_piece_is_given_up(tmp_path: Path) -> None:
    port = claims.load(Path(__file__).parent / "mistaken")
    port = replace(port, command=(*port.command,), features={**port.features, "streaming": True})
    text = (port.folder / "port.py").read_text(encoding="utf-8")
    (tmp_path / "port.py").write_text(text.replace("def answer(request: adapter.Request) -> Mapping[str, Array]:", """\
def answer(request: adapter.Request) -> Mapping[str, Array]:
    if request.continued:
        raise SystemExit(3)"""), encoding="utf-8")  # fmt: skip
    simple = [v for v in CUT if v.case.T > 1][:7]
    found = list(verdict.check(replace(port, folder=tmp_path), simple, ["float64"], tmp_path, 20.0, alone=0))
    assert [o.detail.startswith("not run: it broke 5 times in a row") for o in found] == [False] * 5 + [True] * 2
    assert "fed 1 at a time, from step 1 on: ended (exit code 3)" in found[0].detail


def test_two_functions_of_a_framework_keep_the_state_by_themselves(capsys: pytest.CaptureFixture[str]) -> None:
    features = CLAIMS["features"] | {"streaming": True}
    assert parity.check(forward, CLAIMS | {"features": features}) == 0
    assert "fed in pieces, too: " in capsys.readouterr().out


def test_two_functions_that_forget_a_layer_are_found() -> None:
    """A stack that starts the second layer from zeros in all cases that bring no initial state."""

    def forgetful(inputs: Named, problem: Problem) -> Named:
        first = inputs["h0"]
        kept = first if problem.case.h0 else np.concatenate([first[:1], np.zeros_like(first[1:])])
        return forward(inputs | {"h0": kept}, problem)

    port = in_process.port(CLAIMS | {"features": CLAIMS["features"] | {"streaming": True}})
    some = [v for v in CUT if v.case.num_layers > 1 and not port.lacks(v.case, "float64")]
    assert len(some) > 1
    for vector in some:
        assert in_process.judge(port, network(forward), vector, "float64").verdict == "pass"
        found = in_process.judge(port, network(forgetful), vector, "float64")
        assert (found.verdict, "fed 1 at a time, from step 1 on" in found.detail) == ("fail", True)


def test_a_program_is_asked_line_by_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The C port, and the same made to ignore the third field of the line."""
    if shutil.which("cc") is None:
        pytest.skip("NOT CHECKED: cc not on this machine")
    port = tmp_path / "port"
    shutil.copytree(PORT.folder.parent / "c", port)
    chosen = ["check", str(port), "-k", "small-one-unit", "--dtype", "float64"]
    assert commands.main(chosen) == check.CONFORMS
    assert "fed in pieces, too: " in capsys.readouterr().out
    source = (port / "case.h").read_text(encoding="utf-8")
    assert source.count("c.continued = more != NULL") == 1
    (port / "case.h").write_text(source.replace("c.continued = more != NULL", "c.continued = false"), encoding="utf-8")
    assert commands.main(chosen) == check.DIVERGES
    assert "fed 1 at a time, from step 1 on: " in " ".join(capsys.readouterr().out.split())
