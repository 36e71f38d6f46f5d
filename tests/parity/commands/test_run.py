"""`python -m parity`: exit codes, tables, files, and what a broken reference makes it say."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from parity import commands
from parity.cases import CASES
from parity.compare import CaseResult, TensorResult
from parity.mistakes import MISTAKES, planted
from parity.oracles import ORACLES
from parity.report import terminal
from reference.cells.rnn import Rnn


def test_a_run_that_agrees_exits_with_0_and_says_how_much_was_compared(capsys: pytest.CaptureFixture[str]) -> None:
    assert commands.main(["-k", "rich"]) == 0
    out = capsys.readouterr().out
    assert "1 cases, 10 comparisons, 392 tensors" in out
    assert "all pass" in out
    assert f"numpy {np.__version__}" in out


def test_w_hh_transposed_in_the_step_fails_at_the_right_tensor_and_step(capsys: pytest.CaptureFixture[str]) -> None:
    assert commands.main(["-k", "linear-r", "--dtype", "float64"]) == 0  # what the oracles say is known from here on
    capsys.readouterr()
    with planted(MISTAKES["w-hh-transposed"]):
        assert commands.main(["-k", "linear-r", "--dtype", "float64"]) == 1
    out = capsys.readouterr().out
    assert "first: a layer 0 forward step 0 (t = 0)" in out  # h0 is given: W_hh is met at once
    assert "first: a layer 0 forward step 1 (t = 1)" in out  # linear-response-bf-noh0 starts from rest
    assert "first: h layer 0 forward step 1 (t = 1)" in out  # and so the closed form says
    assert "repeat: python -m parity -k linear-response-bf-noh0 --dtype float64 --oracle impulse" in out
    assert "15 of 18 comparisons FAIL" in out  # torch against the truth does not
    rows = out[out.index("The reference against its oracles") : out.index("Columns: ")].splitlines()
    assert max(map(len, rows)) <= 80
    assert [row.split("64")[0].strip() for row in rows if "FAIL" in row] == ["linear state space"]


def test_the_widest_summary_fits_80_columns(capsys: pytest.CaptureFixture[str]) -> None:
    """The group of the longest name, every oracle, errors of any size, a thousand failures."""
    case = max(CASES.values(), key=lambda case: len(case.group))
    results = [
        CaseResult(case, oracle, dtype, (TensorResult("output", share, problem="wrong"),), who)
        for oracle in ORACLES
        for dtype, share in (("float64", 5.67e14), ("float32", 98.76))
        for who in (("reference", "torch") if oracle == "enclosure" else ("reference",))
        for _ in range(200)
    ]
    terminal.console().print(terminal.summary(results))
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 80
    assert "…" not in out
    rows = [line.split() for line in out.splitlines() if "FAIL" in line]
    assert [row[-2:] for row in rows] == [["1200", "FAIL"]] * 2
    assert [row[-9:-2] for row in rows] == [["64", *["6e+14"] * 6], ["32", *["99"] * 6]]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["-k", "no such case"], "no case has 'no such case' in its id"),
        (["--dtype", "float16"], "invalid choice: 'float16'"),
        (["--cell", "mgu"], "invalid choice: 'mgu'"),
        (["--oracle", "me"], "invalid choice: 'me'"),
        (["--oracle", "impulse", "-k", "rich"], "the oracle impulse speaks for none of the cases chosen"),
        (["--device", "nonsense", "-k", "rich"], "device 'nonsense' was asked for, but torch cannot use it here"),
        (["--device", "cpu", "--oracle", "impulse"], "--device chooses where torch computes"),
        (["--json", "."], "cannot write .: Is a directory"),
        (["--json", "no/such/folder/report.json"], "there is no folder no/such/folder"),
        (["--html", "no/such/folder/report.html"], "there is no folder no/such/folder"),
        (["--show", "rich"], "it needs --html FILE"),
        (["--html", "page.html", "--show", "no such case"], "no case is 'no such case'"),
        (["bugs", "-k", "no such mistake"], "no mistake has 'no such mistake' in its name"),
        (["bugs", "--case", "no such case"], "no case has 'no such case' in its id"),
        (["bugs", "--json", "no/such/folder/bugs.json"], "there is no folder no/such/folder"),
        (["--nonsense"], "unrecognized arguments: --nonsense"),
    ],
)
def test_wrong_usage_exits_with_2_and_says_why(
    arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        commands.main(arguments)
    assert stopped.value.code == 2
    assert complaint in capsys.readouterr().err


def test_an_id_that_begins_other_ids_chooses_its_own_case_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert commands.main(["-k", "many-to-many", "--dtype", "float32"]) == 0
    assert "1 cases, 5 comparisons" in capsys.readouterr().out
    assert any(case_id.startswith("many-to-many-") for case_id in CASES)


def test_a_shape_of_the_benchmarks_can_be_checked_by_its_id(capsys: pytest.CaptureFixture[str]) -> None:
    assert commands.main(["-k", "bench-T32-B1-I8-H16"]) == 0
    assert "1 cases, 10 comparisons" in capsys.readouterr().out


def test_json_has_every_tensor(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    assert commands.main(["-k", "linear-r", "--json", str(report)]) == 0
    document = json.loads(report.read_text())
    assert document["total"]["cases"] == 3
    assert document["total"]["failed"] == 0
    assert len(document["results"]) == 3 * 2 * 6
    first = document["results"][0]
    assert (first["case"], first["oracle"], first["dtype"]) == ("linear-response", "torch", "float64")
    assert "d_weight_hh_l0" in [t["tensor"] for t in first["tensors"]]
    assert {(r["subject"], r["oracle"]) for r in document["results"]} == {
        *(("reference", oracle) for oracle in ("torch", "complex-step", "plain", "enclosure", "impulse")),
        ("torch", "enclosure"),
    }
    assert all(0 <= t["share"] <= 1 and t["passed"] for r in document["results"] for t in r["tensors"])


def test_json_of_a_failure_is_valid_json(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert commands.main(["-k", "linear-impulse"]) == 0
    monkeypatch.setattr(Rnn, "factors", lambda cell, columns: {"a": np.full_like(columns.rows("h"), np.nan)})
    report = tmp_path / "report.json"
    assert commands.main(["-k", "linear-impulse", "--json", str(report)]) == 1
    document = json.loads(report.read_text(), parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    failed = [t for r in document["results"] for t in r["tensors"] if not t["passed"]]
    assert {"d_a_l0", "d_x"} <= {t["tensor"] for t in failed}
    assert failed[0]["mismatch"]["got"] == "nan"


def test_the_module_runs_from_the_command_line() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "parity", "-k", "hand-1x1x1"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "all pass" in done.stdout
