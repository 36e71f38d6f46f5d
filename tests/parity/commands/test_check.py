"""`python -m parity check`: exit codes, what it prints and writes. SPEC 10.7."""

import json
import re
import shutil
from pathlib import Path
from xml.etree import ElementTree

import pytest

from parity import commands, vectors
from parity.report.check import BROKEN, CONFORMS, CORRUPT, DIVERGES, NOTHING, USAGE

PORTS = Path(__file__).parents[1] / "ports"


@pytest.fixture
def port(tmp_path: Path) -> Path:
    """A port that can be changed: the reference itself."""
    shutil.copytree(PORTS / "mistaken", tmp_path / "port")
    return tmp_path / "port"


def with_arguments(port: Path, *arguments: str) -> str:
    """The folder of the port, which is now called with arguments."""
    file = port / "port.toml"
    words = "".join(f', "{argument}"' for argument in arguments)
    file.write_text(file.read_text().replace('"port.py"]', f'"port.py"{words}]'))
    return str(port)


def check(*arguments: str) -> int:
    return commands.main(["check", *arguments])


def usage_error(*arguments: str) -> None:
    with pytest.raises(SystemExit) as exit_:
        check(*arguments)
    assert exit_.value.code == USAGE


def test_0_a_port_that_conforms(port: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(str(port), "-k", "hand") == CONFORMS
    out = capsys.readouterr().out
    assert re.search(r"mistaken: conforms  \(2 pass; 24 tensors; worst share of the tolerance 0\.\d+\)", out)


@pytest.mark.parametrize(("keyword", "chosen"), [("fresh-5-", [0, 1, 2]), ("fresh-5-1", [1])])
def test_fresh_cases_are_chosen_by_their_ids_too(
    keyword: str, chosen: list[int], port: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check(str(port), "-k", keyword, "--fresh", "5", "--fresh-cases", "3") == CONFORMS
    assert re.findall(r"fresh-5-(\d)", capsys.readouterr().out) == [str(number) for number in chosen]


def test_1_a_port_that_diverges_is_told_where_and_how(port: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(with_arguments(port, "reverse-output-not-flipped"), "--dtype", "float64") == DIVERGES
    out = capsys.readouterr().out
    line = next(line for line in out.splitlines() if line.startswith("FAIL rnn-tanh-l1-bi"))
    assert re.fullmatch(
        r"FAIL rnn-tanh-l1-bi-nobias-bf-ragged  float64  first: output t = 0 \[0, \d\]: got \S+ want \S+ "
        r'error \S+, allowed \S+; looks like "reverse-output-not-flipped" \(.+\)',
        line,
    ), line
    assert "mistaken: DIVERGES" in out


def test_1_the_inputs_of_a_step_agree_and_later_tensors_inherit(port: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(with_arguments(port, "w-hh-transposed"), "-k", "rich", "--dtype", "float64") == DIVERGES
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("FAIL"))
    assert "first: a layer 0 forward step 0 (t = 0)" in line
    assert "; the inputs of this step agree; 43 later tensors inherit it; looks like" in line


def test_2_wrong_usage(port: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, words in (
        ([str(tmp_path / "nowhere")], "cannot be read"),
        ([str(port), "-k", "no such vector"], "no vector has 'no such vector' in its id"),
        ([str(port), "--fresh", "-1"], "--fresh takes a seed from 0 on"),
        ([str(port), "--timeout", "0"], "--fresh-cases and --timeout numbers above 0"),
        ([str(port), "--json", str(tmp_path / "no" / "x.json")], "there is no folder"),
    ):
        usage_error(*arguments)
        assert words in capsys.readouterr().err


def test_3_a_port_that_breaks(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    shutil.copytree(PORTS / "fake", tmp_path / "port")
    assert check(with_arguments(tmp_path / "port", "crash-at-5"), "--dtype", "float64") == BROKEN
    out = capsys.readouterr().out
    assert "BROKEN square-l1  float64  ended (killed by SIGABRT) without an answer" in out
    assert "fake: BREAKS  (33 pass, 8 broken;" in out


def test_4_vectors_that_were_changed(port: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(vectors.FROZEN, tmp_path / "v1")
    (tmp_path / "v1" / "rich" / "expect" / "y.npy").write_bytes(b"")
    assert check(str(port), "--vectors", str(tmp_path / "v1")) == CORRUPT
    assert re.search(r"vectors corrupt: .*y.npy is not what was written", capsys.readouterr().err)


def test_5_nothing_was_checked(port: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = port / "port.toml"
    file.write_text(file.read_text().replace('cells = ["rnn"]', 'cells = ["gru"]'))
    assert check(str(port)) == NOTHING
    assert "nothing was checked" in capsys.readouterr().out


def test_what_it_writes(port: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = {kind: tmp_path / f"report.{kind}" for kind in ("json", "junit", "html")}
    file = port / "port.toml"
    file.write_text(file.read_text().replace("bidirectional = true", "bidirectional = false"))
    arguments = [word for kind, path in files.items() for word in (f"--{kind}", str(path))]
    assert check(with_arguments(port, "b-hh-missing"), "-k", "small", "--dtype", "float32", *arguments) == DIVERGES
    found = json.loads(files["json"].read_text())
    assert (found["exit_code"], found["port"]["name"], found["looks_like"]) == (1, "mistaken", [])
    assert [(r["vector"], r["verdict"]) for r in found["results"]] == [
        ("small-one-input", "not claimed"),
        ("small-one-unit", "fail"),
        ("small-one-step", "not claimed"),
    ]
    assert found["results"][0]["detail"] == "bidirectional"
    assert [t["tensor"] for t in found["results"][1]["tensors"]][:2] == ["a_l0", "h_l0"]
    suite = ElementTree.parse(files["junit"]).getroot()
    assert {name: suite.get(name) for name in ("tests", "failures", "errors", "skipped")} == {
        "tests": "3", "failures": "1", "errors": "0", "skipped": "2",
    }  # fmt: skip
    failure = suite.find("testcase/failure")
    assert failure is not None
    assert "first: a layer 0 step 0" in str(failure.get("message")).replace("forward ", "")
    page = files["html"].read_text()
    assert "DIVERGES" in page
    assert "<code>small-one-unit</code>" in page
    assert "http" not in page
