"""`python -m parity check`: exit codes, what it prints and writes. SPEC 10.7."""

import hashlib
import json
import os
import re
import shutil
import signal
import sys
import tempfile
import textwrap
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import pytest
from rich.console import Console

import reference
from parity import commands, vectors
from parity.cases import CASES
from parity.ports import claims, failed, process
from parity.report import check as check_report
from parity.report import terminal
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
    assert re.search(r"mistaken: conforms  \(10 pass; \d+ tensors; worst share of the tolerance 0\.\d+\)", out)


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
        r"error \S+, allowed \S+; sequence 0 has 5 of 7 steps",
        line,
    ), line
    assert re.search(
        r'^looks like "reverse-output-not-flipped" \(.+\): \d+ of \d+ wrong answers tried', out, re.MULTILINE
    )
    assert "mistaken: DIVERGES" in out


def test_1_the_inputs_of_a_step_agree_and_later_tensors_inherit(port: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(with_arguments(port, "w-hh-transposed"), "-k", "noh0-dhn", "--dtype", "float64") == DIVERGES
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("FAIL"))
    assert "first: a layer 0 forward step 1 (t = 1)" in line
    assert line.endswith("; the inputs of this step agree; 11 later tensors inherit it")


def test_1_what_went_wrong_comes_first_then_the_table_with_what_fails_on_top(
    port: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check(with_arguments(port, "reverse-dx-missing"), "-k", "small") == DIVERGES
    out = capsys.readouterr().out
    places = [
        out.index(text)
        for text in (
            "FAIL small-one-input",
            'looks like "reverse-dx-missing"',
            "none that passes: bidirectional",
            "┃ vectors",
            "│ small-one-input",
            "│ small-one-step",
            "│ small-one-unit",
            "mistaken: DIVERGES",
        )
    ]
    assert places == sorted(places)


def test_what_is_not_claimed_takes_one_line(port: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = port / "port.toml"
    text = file.read_text().replace("bidirectional = true", "bidirectional = false").replace("lengths = true", "")
    file.write_text(text.replace('"float64", "float32"]', '"float64"]'))
    assert check(str(port), "-k", "l") == CONFORMS
    out = capsys.readouterr().out
    assert "lengths-none-reaches-T" not in out
    assert re.search(r"^not claimed: float32 \(\d+\), lengths \(\d+\), bidirectional \(\d+\)$", out, re.MULTILINE)


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("mistake", ["w-hh-transposed", "ctc-no-skip", ""])
def test_everything_fits_a_terminal(
    port: Path, mistake: str, width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = Console(width=width, force_terminal=True, color_system=None, file=sys.stdout)
    monkeypatch.setattr(terminal, "console", lambda: shown)
    check(with_arguments(port, *filter(None, [mistake])), "-k", "soft", "--dtype", "float64")
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= width
    assert "…" not in "".join(line for line in lines if line.startswith(("│", "┃")))
    failing = [line.split()[1] for line in lines if line.startswith("FAIL")]
    assert set(failing) <= set(vectors.IDS)  # not one is cut
    assert bool(failing) == bool(mistake)
    assert len([line for line in lines if line.startswith("│")]) <= 2 * check_report.MOST + 4


@pytest.mark.parametrize("keyword", ["small", "small-one-unit"])
def test_what_passes_has_a_row_a_vector_and_where_it_is_much_a_row_a_cell(
    keyword: str, port: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check(str(port), "-k", keyword, "--dtype", "float32") == CONFORMS
    rows = [line.split("│")[1].strip() for line in capsys.readouterr().out.splitlines() if line.startswith("│")]
    chosen = [case for case in vectors.frozen_cases() if keyword in case.id]
    cells = Counter(case.cell for case in chosen)
    by_cell = [f"{cell}: {count} that pass" for cell, count in cells.items()]
    assert rows == ([case.id for case in chosen] if keyword == "small-one-unit" else by_cell)


def test_2_wrong_usage(port: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, words in (
        ([str(tmp_path / "nowhere")], "is not there, expected a folder with a port.toml"),
        ([str(port), "-k", "no such vector"], "no vector has 'no such vector' in its id"),
        ([str(port), "--fresh", "-1"], "--fresh takes a seed from 0 on"),
        ([str(port), "--fresh-cases", "3"], "--fresh-cases says how many: it needs --fresh SEED"),
        ([str(port), "--fresh", "1", "--fresh-cases", "0"], "--fresh-cases should be at least 1, got 0"),
        ([str(port), "--repeat", "0"], "--repeat should be at least 1, got 0"),
        *(
            ([str(port), "--timeout", word], f"--timeout should be above 0 and at most 86400 seconds, got {word}")
            for word in ("0", "-1", "inf", "nan", "1e+300")
        ),
        ([str(port), "--json", str(tmp_path)], "Is a directory"),
        ([str(port), "--json", str(tmp_path / "x"), "--junit", str(tmp_path / "x")], "which another option names too"),
        ([str(port), "--json", str(tmp_path / "no" / "x.json")], "there is no folder"),
    ):
        usage_error(*arguments)
        assert words in capsys.readouterr().err


def test_3_a_port_that_breaks(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    shutil.copytree(PORTS / "fake", tmp_path / "port")
    assert check(with_arguments(tmp_path / "port", "crash-at-5"), "--dtype", "float64") == BROKEN
    out = capsys.readouterr().out
    assert "BROKEN square-l1  float64  ended (killed by SIGABRT) without an answer" in out
    claimed = sum(case.cell == "rnn" for case in vectors.frozen_cases())
    broken = claimed // 5
    assert f"fake: BREAKS  ({claimed - broken} pass, {broken} broken, {len(vectors.IDS) - claimed} not claimed;" in out


def test_4_vectors_that_were_changed(port: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(vectors.FROZEN, tmp_path / "v1")
    (tmp_path / "v1" / "rich" / "expect" / "y.npy").write_bytes(b"")
    assert check(str(port), "--vectors", str(tmp_path / "v1")) == CORRUPT
    assert re.search(r"vectors corrupt: .*y.npy is not what was written", capsys.readouterr().err)


def test_5_nothing_was_checked(port: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = port / "port.toml"
    file.write_text(file.read_text().replace('cells = ["rnn", "gru", "lstm"]', "cells = []"))
    assert check(str(port)) == NOTHING
    out = capsys.readouterr().out
    assert "nothing was checked" in out
    assert "┃" not in out  # there is no table without rows


def test_the_next_claim_is_the_one_that_adds_most_vectors_by_itself(
    port: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = port / "port.toml"
    file.write_text(re.sub("(?m)^(h0|lengths|layers) = true$", r"\1 = false", file.read_text()))
    assert check(str(port), "-k", "hand") == NOTHING
    lines = capsys.readouterr().out.splitlines()
    chosen = [CASES[case_id] for case_id in vectors.IDS if "hand" in case_id]
    alone = [case for case in chosen if case.h0 and case.lengths is None and case.num_layers == 1]
    assert f"next: claim h0: {2 * len(alone)} more vectors" in lines


def test_what_is_wrong_comes_before_the_next_claim(port: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = port / "port.toml"
    file.write_text(file.read_text().replace("dropout_masks = true", "dropout_masks = false"))
    arguments = ("-k", "exact-relu", "--dtype", "float64")
    assert check(str(port), *arguments) == CONFORMS
    assert "next: claim dropout_masks: 1 more" in capsys.readouterr().out
    assert check(with_arguments(port, "b-hh-missing"), *arguments) == DIVERGES
    assert "next: claim" not in capsys.readouterr().out


def test_the_example_of_the_specification_checks_something(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """SPEC 10.6, "to begin with": a program that skips everything is told so for every vector that it claims."""
    spec = Path(reference.__file__).with_name("SPEC.md").read_text(encoding="utf-8")
    example = spec.split("to begin with:\n\n")[1].split("\n\n**10.7**")[0]
    (tmp_path / "port.toml").write_text(textwrap.dedent(example), encoding="utf-8")
    (tmp_path / "mine").write_text("#!/bin/sh\nwhile read line; do echo skip; done\n")
    (tmp_path / "mine").chmod(0o755)
    assert check(str(tmp_path)) == DIVERGES
    assert re.search(r"mine: DIVERGES  \((\d\d) fail, ", capsys.readouterr().out)


def test_a_build_program_that_is_missing_is_said(port: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = port / "port.toml"
    file.write_text(file.read_text().replace("command =", 'build = ["no-such-compiler"]\ncommand ='))
    usage_error(str(port), "-k", "hand")
    assert "mistaken does not build: no-such-compiler cannot be started" in capsys.readouterr().err


def test_a_file_that_cannot_be_written_loses_no_report(port: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(str(port), "-k", "hand", "--json", "/dev/full") == USAGE
    found = capsys.readouterr()
    assert found.err == "cannot write /dev/full: No space left on device\n"
    assert "mistaken: conforms" in found.out


def test_asked_again(port: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(str(port), "-k", "hand", "--repeat", "3") == CONFORMS
    assert "each asked for 3 times" in capsys.readouterr().out


def test_what_it_writes(port: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = {kind: tmp_path / f"report.{kind}" for kind in ("json", "junit", "html")}
    file = port / "port.toml"
    file.write_text(file.read_text().replace("bidirectional = true", "bidirectional = false"))
    arguments = [word for kind, path in files.items() for word in (f"--{kind}", str(path))]
    assert check(with_arguments(port, "b-hh-missing"), "-k", "small", "--dtype", "float32", *arguments) == DIVERGES
    found = json.loads(files["json"].read_text())
    assert (found["exit_code"], found["port"]["name"]) == (1, "mistaken")
    (like,) = found["looks_like"]
    assert like["mistake"] == "b-hh-missing"
    small = [case for case in vectors.frozen_cases() if "small" in case.id]
    failing = [case.id for case in small if not case.bidirectional and case.cell == "rnn"]
    passing = [case.id for case in small if not case.bidirectional and case.cell != "rnn"]
    skipped = [case.id for case in small if case.bidirectional]
    assert like["in_words"].endswith(f"{len(failing)} of {len(failing)} wrong answers tried are alike")
    assert found["not_claimed"] == {"bidirectional": len(skipped)}
    assert sorted((r["vector"], r["verdict"]) for r in found["results"]) == sorted([
        *((case_id, "fail") for case_id in failing),
        *((case_id, "pass") for case_id in passing),
        *((case_id, "not claimed") for case_id in skipped),
    ])  # fmt: skip
    assert {r["detail"] for r in found["results"] if r["verdict"] == "not claimed"} == {"bidirectional"}
    assert found["manifests"] == [hashlib.sha256((vectors.FROZEN / "manifest.json").read_bytes()).hexdigest()]
    assert [t["tensor"] for t in found["results"][0]["tensors"]][:2] == ["a_l0", "h_l0"]
    (suite,) = ElementTree.parse(files["junit"]).getroot().iter("testsuite")
    assert {name: suite.get(name) for name in ("tests", "failures", "errors", "skipped")} == {
        "tests": str(len(small)), "failures": str(len(failing)), "errors": "0", "skipped": str(len(skipped)),
    }  # fmt: skip
    failure = suite.find("testcase/failure")
    assert failure is not None
    message = str(failure.get("message"))
    assert "first: a layer 0 step 0" in message.replace("forward ", "")
    assert message.endswith(f"looks like {like['in_words']}")
    assert str(failure.text).splitlines()[-1] == f"looks like {like['in_words']}"
    assert {skip.get("message") for skip in suite.iter("skipped")} == {"bidirectional"}
    page = files["html"].read_text()
    assert "DIVERGES" in page
    assert "It looks like &#34;b-hh-missing&#34;" in page
    assert f"Not claimed: bidirectional ({len(skipped)})." in page
    assert "small-one-step" not in page
    assert "<code>small-one-unit</code>" in page
    assert "http" not in page


# What Jenkins's XSD (junit-10) lets stand in what, in this order, and which attributes we give.
JUNIT: dict[str, tuple[list[str], set[str]]] = {
    "testsuites": (["testsuite"], {"name"}),
    "testsuite": (["properties", "testcase"], {"name", "tests", "failures", "errors", "skipped"}),
    "properties": (["property"], set()),
    "property": ([], {"name", "value"}),
    "testcase": (["skipped", "error", "failure"], {"name", "classname"}),
    "skipped": ([], {"message"}),
    "error": ([], {"message", "type"}),
    "failure": ([], {"message", "type"}),
}


def require_junit(element: ElementTree.Element) -> None:
    """Asserts that an element and all in it have the names, the order and the attributes of JUnit's XSD."""
    inside, attributes = JUNIT[element.tag]
    assert set(element.keys()) == attributes, element.tag
    names = [inside.index(child.tag) for child in element]
    assert names == sorted(names), element.tag
    for child in element:
        require_junit(child)


def test_junit_has_a_suite_a_dtype_that_says_what_was_checked(tmp_path: Path) -> None:
    file = tmp_path / "report.xml"
    shutil.copytree(PORTS / "fake", tmp_path / "port")
    toml = tmp_path / "port" / "port.toml"
    toml.write_text(toml.read_text().replace('"port.py"]', '"port.py", "crash-at-5"]'))
    assert check(str(tmp_path / "port"), "-k", "l1", "--junit", str(file)) == BROKEN
    content = file.read_bytes()
    assert content.startswith(b"<?xml version='1.0' encoding='utf-8'?>\n")
    assert b"\r" not in content
    root = ElementTree.fromstring(content)
    require_junit(root)
    assert root.tag == "testsuites"
    assert [suite.get("name") for suite in root] == ["fake float64", "fake float32"]
    chosen = [case_id for case_id in vectors.IDS if "l1" in case_id]
    for suite in root:
        assert [case.get("name") for case in suite.iter("testcase")] == chosen
        assert suite.get("tests") == str(len(chosen))
        for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            assert suite.get(name) == str(len(list(suite.iter(tag))))
    first = root[0]
    assert int(str(first.get("errors"))) > 0
    about = {each.get("name"): each.get("value") for each in first.iter("property")}
    assert about["reference"] == reference.__version__
    assert f"Version `{about['specification']}`" in Path(reference.__file__).with_name("SPEC.md").read_text(
        encoding="utf-8"
    )
    assert about["vectors"] == hashlib.sha256((vectors.FROZEN / "manifest.json").read_bytes()).hexdigest()
    assert re.match(r"2\^-\d+\.\d \(float64\)", str(about["effective roundoff"]))


# Windows. It is not run there: what it lacks is taken away here.


def test_without_what_only_posix_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No process groups, no descriptors of folders, no flags of open, no /proc; lines that end with CR LF; a path with
    blanks, letters beyond ASCII and a backslash."""
    for name in ("killpg", "O_NOFOLLOW", "O_NONBLOCK", "O_DIRECTORY"):
        monkeypatch.delattr(os, name)
    monkeypatch.delattr(signal, "SIGHUP")
    monkeypatch.setattr(os, "supports_dir_fd", set())
    monkeypatch.setattr(process._Program, "_started", lambda program: [])
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary files ü"))
    (tmp_path / "temporary files ü").mkdir()
    folder = tmp_path / "my port\\of é"
    shutil.copytree(PORTS / "mistaken", folder)
    text = (folder / "port.py").read_text(encoding="utf-8")
    said = text.replace("MISTAKE =", 'sys.stdout.reconfigure(newline="\\r\\n")\nMISTAKE =', 1)
    (folder / "port.py").write_text(said, encoding="utf-8", newline="\r\n")
    toml = (folder / "port.toml").read_text(encoding="utf-8")
    (folder / "port.toml").write_text(toml, encoding="utf-8", newline="\r\n")
    assert check(str(folder), "-k", "hand-1x1x1", "--repeat", "2", "--json", str(tmp_path / "r.json")) == CONFORMS
    assert "mistaken: conforms  (2 pass;" in capsys.readouterr().out
    assert list((tmp_path / "temporary files ü").iterdir()) == []


def test_a_program_of_the_folder_is_started_under_the_name_that_it_has_there(
    port: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`./mine` is mine.exe where the system says so."""
    monkeypatch.setattr(shutil, "which", lambda path: f"{path}.exe")
    loaded = claims.load(port)
    assert process._resolved(loaded, ["./mine-{dtype}", "-x"], "float32") == [f"{port}/mine-float32.exe", "-x"]
    assert process._resolved(loaded, ["cc"], "float32") == ["cc"]
    monkeypatch.undo()
    assert process._resolved(loaded, ["./mine"], "float32") == [f"{port}/mine"]
    assert process._resolved(loaded, ["/bin/mine"], "float32") == ["/bin/mine"]


def claiming(port: Path, roundoff: str) -> str:
    """The folder of the port, which now claims a roundoff in float32."""
    file = port / "port.toml"
    file.write_text(f'{file.read_text()}\n[roundoff]\nfloat32 = "{roundoff}"\n')
    return str(port)


def test_a_port_is_judged_by_the_roundoff_that_it_claims(
    port: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = {kind: tmp_path / f"report.{kind}" for kind in ("json", "junit", "html")}
    arguments = [word for kind, path in files.items() for word in (f"--{kind}", str(path))]
    assert check(claiming(port, "2^-11"), "--dtype", "float32", *arguments) == CONFORMS
    out = capsys.readouterr().out
    passed, skipped = map(int, re.findall(r"conforms  \((\d+) pass, (\d+) too sensitive; ", out)[0])
    assert passed + skipped == len(vectors.IDS)
    assert passed > 0
    assert skipped > 0
    line = re.findall(
        r"^effective roundoff 2\^-(\d\d\.\d) \(float32, judged at the 2\^-11 that it claims\); .*$", out, re.M
    )
    assert 23 < float(line[0]) < 25
    found = json.loads(files["json"].read_text())
    assert (found["total"]["pass"], found["total"]["too sensitive"]) == (passed, skipped)
    assert found["total"]["worst_share"] < 2**-11  # float32 is better than it claims, by 13 bits
    assert -25 < found["effective_roundoff"]["float32"]["log2"] < -23
    details = {r["detail"] for r in found["results"] if r["verdict"] == "too sensitive"}
    assert any(re.fullmatch(r"\S+ may be off by \S+ of its size", detail) for detail in details)
    assert [suite.get("skipped") for suite in ElementTree.parse(files["junit"]).getroot()] == [str(skipped)]
    page = files["html"].read_text()
    assert f"{skipped} too sensitive" in page
    assert found["effective_roundoff"]["float32"]["in_words"] in page


def test_a_mistake_is_seen_at_the_roundoff_that_is_claimed(port: Path) -> None:
    assert check(with_arguments(Path(claiming(port, "2^-13")), "w-hh-transposed"), "--dtype", "float32") == DIVERGES


def test_5_what_is_too_sensitive_is_no_success(port: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(claiming(port, "2^-4"), "--dtype", "float32") == NOTHING
    assert f"nothing was checked  ({len(vectors.IDS)} too sensitive; 0 tensors)" in capsys.readouterr().out


def test_every_report_says_the_effective_roundoff(port: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(str(port)) == CONFORMS
    found = re.findall(r"^effective roundoff 2\^-(\S+) \((\w+)\); ", capsys.readouterr().out, re.MULTILINE)
    levels = {dtype: float(level) for level, dtype in found}
    assert 52 < levels["float64"] < 54
    assert 23 < levels["float32"] < 25


def test_those_that_failed_last_time_are_asked_for_again_until_they_pass(
    port: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    right = (port / "port.toml").read_text()
    check(with_arguments(port, "w-hh-transposed"), "-k", "exact-relu", "--dtype", "float64")
    wrong = {line.split()[1] for line in capsys.readouterr().out.splitlines() if line.startswith("FAIL ")}
    assert 0 < len(wrong) < 5
    check(str(port), "-k", "square-l1", "--dtype", "float64")  # others do not make it forget them
    wrong |= {"square-l1"}
    assert set((port / failed.FILE).read_text().split()) == wrong

    capsys.readouterr()
    (port / "port.toml").write_text(right)
    assert check(str(port), "--failed", "-k", "square", "--dtype", "float64") == CONFORMS
    assert "1 pass" in capsys.readouterr().out
    assert check(str(port), "--failed") == CONFORMS
    assert f"{2 * (len(wrong) - 1)} pass" in capsys.readouterr().out
    assert not (port / failed.FILE).exists()
    usage_error(str(port), "--failed")
    assert "--failed: none of these vectors failed when it was last asked for" in capsys.readouterr().err


def test_what_failed_is_not_written_through_a_link(port: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("hand-1x1x1\n")
    (port / failed.FILE).symlink_to(tmp_path / "mine")
    usage_error(str(port), "--failed")  # nor read through it
    check(with_arguments(port, "w-hh-transposed"), "-k", "square-l1", "--dtype", "float64")
    assert (tmp_path / "mine").read_text() == "hand-1x1x1\n"
    assert (port / failed.FILE).read_text() == "square-l1\n"
    assert not (port / failed.FILE).is_symlink()
