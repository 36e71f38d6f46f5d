"""`python -m parity trace`: a calculation as on paper."""

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from parity import commands, tensors, vectors
from parity.cases import CASES, Case, arrays
from parity.commands.trace import WRITTEN, lines, whole_lines
from reference.activations import SIGMOID
from reference.cells.rnn import Rnn

CELLS: dict[str, dict[str, Any]] = {
    "rnn": {},
    "gru-after": {"cell": "gru"},
    "gru-before": {"cell": "gru", "reset": "before"},
    "lstm": {"cell": "lstm"},
    "lstm-proj": {"cell": "lstm", "proj_size": 1},
}
OPTIONS: dict[str, dict[str, Any]] = {
    "one layer": {},
    "bidirectional, ragged": {"bidirectional": True, "lengths": (1, 3)},
    "truncated, no bias": {"truncate": 2, "bias": False},
    "two layers under an output layer": {"num_layers": 2, "O": 2},
}
SMALL = Case("small", "small", "", T=3, B=2, I=1, H=2)
FUNCTIONS = {"σ": lambda a: float(SIGMOID.value(np.array(a))), "tanh": np.tanh, "max": max}


def trace(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert commands.main(["trace", *arguments]) == 0
    return capsys.readouterr().out


def test_a_multiplication_by_hand(capsys: pytest.CaptureFixture[str]) -> None:
    out = trace(capsys, "hand-1x1x1")
    for line in (
        "  a[0] = 0.5·1 + 0.125 + 0.0625 - 0.25·0.5 = 0.5625",
        "  h[0] = tanh(0.5625) = 0.50983",
        "  dh[0] = 2 - 0.5 = 1.5",
        "  da[0] = 1.5 · (1 - 0.50983²) = 1.11011",
        "d_h0 = [[[-0.277528]]]",
    ):
        assert line in out.splitlines()


def test_three_steps_by_hand(capsys: pytest.CaptureFixture[str]) -> None:
    """Integers alone; at t = 1 a unit is closed, and what arrives at it goes no further."""
    out = trace(capsys, "hand-3-steps")
    for line in (
        " step 1 (t = 1)   x = [-1]   h(0) = [4 1]",
        "  h[0] = max(-3, 0) = 0",
        "  da[0] = -1 · 0 = 0",
        "d_h0 = [[[-7.  4.]]]",
        "d_weight_hh_l0 =\n    [[ 1.  6.]\n     [ 1. -5.]]",
    ):
        assert f"\n{line}\n" in out
    assert not re.search(r"\.\d", out)


def evaluated(written: str) -> float:
    """The value of a right-hand side; ² binds closer than a sign, as on paper."""
    return float(eval(written.replace("·", "*").replace("²", "**2"), dict(FUNCTIONS)))


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
def test_every_line_of_a_trace_gives_the_number_behind_it(cell: dict[str, Any], options: dict[str, Any]) -> None:
    """Of every value that the cell keeps, and of every gradient, at every real step."""
    case = replace(SMALL, **cell, **options)
    seen: list[str] = []
    for line in whole_lines(case, range(case.B)):
        if match := re.match(r"  (\w+(?:\[[a-z]\])?)\[\d+\] = (.*) = (.*)$", line):
            name, written, result = match.groups()
            assert np.isclose(evaluated(written), float(result), rtol=1e-4, atol=1e-5), line
            seen.append(name)
    columns = sum(case.lengths or (case.T,) * case.B) * case.num_layers * case.num_directions
    for of, size in case.rnn().cell.sizes.items():
        for name in (of, f"d{of}"):
            assert sum(found.partition("[")[0] == name for found in seen) == columns * size, name


def test_the_numbers_are_those_of_the_tensors() -> None:
    """The sums of cases of the table; a long one stands there in short."""
    for case_id in ("small-one-unit", "small-one-input", "truncate-2-ragged", "rich", "exact-relu-l2-bi-ragged"):
        sums = 0
        for line in whole_lines(CASES[case_id], range(CASES[case_id].B)):
            if line.startswith(("  a[", "  dh[")) and "W_" not in line:
                _, written, result = line.split(" = ")
                assert np.isclose(evaluated(written), float(result), rtol=1e-4, atol=1e-4), line
                sums += 1
        assert sums > 20, case_id


@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
def test_a_long_sum_is_written_in_short(cell: dict[str, Any]) -> None:
    text = "\n".join(whole_lines(replace(SMALL, T=2, I=12, H=13, **cell), [0]))
    assert " = W_ih x + b_ih + b_hh + W_hh h = " in text
    assert re.search(r"  dh\[0\] = \S+ \+ (da|dh)\(t\+1\) .* = ", text)


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
def test_every_line_fits_and_nothing_is_lost(cell: dict[str, Any], width: int) -> None:
    case = replace(SMALL, num_layers=2, bidirectional=True, O=9, **cell)
    whole, broken = ("\n".join(found(case, [0], width)) for found in (whole_lines, lines))
    assert max(map(len, broken.splitlines())) <= width
    assert broken.split() == whole.split()


def test_a_long_sum_is_broken_before_its_terms_under_the_first_sign(capsys: pytest.CaptureFixture[str]) -> None:
    out = trace(capsys, "rich", "--sequence", "0")
    assert (
        "  a[1] = -0.176291·0.78724 - 0.324326·0.455252 - 0.0389638·0.0398845 + 0.243159\n"
        "       + 0.197572 + 0.308284·(-0.773637) - 0.0421406·0.301871\n"
        "       + 0.267087·0.977567 + 0.0969956·0.84672 = 0.244747\n"
    ) in out
    assert max(map(len, out.splitlines())) == 80


def test_a_terminal_is_used_as_wide_as_it_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    assert max(map(len, trace(capsys, "rich").splitlines())) == 80
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert max(map(len, trace(capsys, "rich").splitlines())) > 110


@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
def test_it_begins_with_the_cell_and_ends_with_every_gradient(cell: dict[str, Any]) -> None:
    case = replace(SMALL, **cell)
    found = list(whole_lines(case, [0]))
    assert found[1].startswith(case.rnn().cell.name)
    leaves = [
        line.partition(" =")[0] for line in found[found.index("\nGradients, pooled over steps and sequences") + 1 :]
    ]
    assert leaves == tensors.leaves(case)


def test_one_sequence_and_the_output_layer(capsys: pytest.CaptureFixture[str]) -> None:
    out = trace(capsys, "rich", "--sequence", "1")
    assert "Sequence 1" in out
    assert "Sequence 0" not in out
    assert "output layer: z = W2 h + b2, y = identity(z); softmax_cross_entropy" in out
    assert "forward, layer 1 reverse direction" in out
    assert (
        f"DIV of the whole series, all sequences = {float(np.load(vectors.FROZEN / 'rich/expect/div.npy')):.6g}" in out
    )


def test_what_cannot_be_traced_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, words in (
        (["none"], "no case is 'none'"),
        (["long-T1000"], "has 8000 pre-activations: too many to read, 1000 at most"),
        (["rich", "--sequence", "3"], "--sequence should be in 0..2, got 3"),
    ):
        with pytest.raises(SystemExit):
            commands.main(["trace", *arguments])
        assert words in capsys.readouterr().err


def test_a_cell_that_is_not_written_out_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delitem(WRITTEN, Rnn)
    with pytest.raises(SystemExit):
        commands.main(["trace", "hand-1x1x1"])
    assert "hand-1x1x1 is of the cell rnn, which is not written out" in capsys.readouterr().err


def test_every_small_case_can_be_traced(capsys: pytest.CaptureFixture[str]) -> None:
    traced = 0
    for case in CASES.values():
        if case.finite and 0 < case.T * case.B * case.H * case.num_layers * case.num_directions <= 60:
            assert trace(capsys, case.id).startswith(f"{case.id}: ")
            traced += 1
            assert arrays(case).x.size
    assert traced > 3
