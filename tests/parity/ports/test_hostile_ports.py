"""Ports that mean harm: an attack ends in one clear line, and nothing outside the runner's folders is lost."""

import re
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from parity import vectors
from parity.ports import claims, folders, process, verdict
from parity.ports.claims import BadPort, Port
from parity.ports.process import Broken, Process
from parity.ports.verdict import Outcome
from parity.report import check
from parity.vectors import npy

HOSTILE = claims.load(Path(__file__).parent / "hostile")
FIRST_THREE = vectors.frozen()[:3]
MISSING = "first: output: missing; 1 later tensor fails"
NO_FOLDER = "first: output: OUT_DIR is no folder any more; 1 later tensor fails"
KEPT_OPEN = "after the last case: ended, but something that it started keeps its standard output open"


def port(mode: str, *arguments: object) -> Port:
    return replace(HOSTILE, command=(*HOSTILE.command, mode, *map(str, arguments)))


def lines(outcomes: Sequence[Outcome]) -> list[str]:
    """What is said of each vector, without its name."""
    return [check.line(outcome).split("  ", 2)[2] for outcome in outcomes]


def asked(hostile: Port, work: Path, seconds: float = 20.0, alone: int = 0) -> list[str]:
    return lines(list(verdict.check(hostile, FIRST_THREE, ["float64"], work, seconds, alone=alone)))


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    """A folder that does not belong to the runner."""
    (tmp_path / "victim" / "folder").mkdir(parents=True)
    (tmp_path / "victim" / "folder" / "precious").write_text("precious")
    return tmp_path / "victim"


@pytest.fixture
def work(tmp_path: Path) -> Path:
    (tmp_path / "work").mkdir()
    return tmp_path / "work"


def ended(pid: int) -> bool:
    """Whether a process that was killed is no more, or only waits for somebody to ask for its exit code."""
    for _ in range(1000):  # it dies when the system comes to it
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return True
        if state == "Z":
            return True
        time.sleep(0.01)
    return False


# The private folder.


@pytest.mark.parametrize(
    ("mode", "words"),
    [
        ("folder-is-gone", NO_FOLDER),
        ("folder-is-a-file", NO_FOLDER),
        ("folder-is-a-link", NO_FOLDER),
        ("out-is-a-link", NO_FOLDER),
        ("links-inside", MISSING),
        ("deep", MISSING),
        ("unreadable", rf"{MISSING}|first: output: the file cannot be read: Permission denied; .*"),  # root may read
    ],
)
def test_what_is_done_to_the_folder_ends_with_it(mode: str, words: str, work: Path, victim: Path) -> None:
    found = asked(port(mode, victim), work)
    assert (found[0], found[2]) == (MISSING, MISSING)
    assert re.fullmatch(words, found[1]), found[1]
    assert (victim / "folder" / "precious").read_text() == "precious"
    assert list(work.iterdir()) == []


def test_removal_survives_depth_and_rights_and_follows_no_link(work: Path, victim: Path) -> None:
    bottom = work
    for number in range(30):
        (bottom / f"link{number}").symlink_to(victim)
        (bottom / "file").touch()
        (bottom / "closed" / "inside").mkdir(parents=True)
        (bottom / "closed").chmod(0)
        bottom = bottom / "d"
        bottom.mkdir()
    folders.remove(work)
    assert not work.exists()
    assert (victim / "folder" / "precious").exists()
    folders.remove(work)  # what is not there any more is no matter


def test_a_private_folder_is_its_owners_alone_and_has_another_name_each_time(work: Path) -> None:
    with folders.private(work) as one, folders.private(work) as other:
        assert one.name != other.name
        assert one.stat().st_mode & 0o777 == 0o700
    assert list(work.iterdir()) == []


def test_a_port_finds_its_own_case_alone(work: Path) -> None:
    found = asked(port("look-around"), work)
    for line in found:
        assert re.fullmatch(r"error: \['parity-\w+', 'parity-\w+/case', 'parity-\w+/case/in', 'parity-\w+/out'\]", line)
    assert len(set(found)) == 3


def test_a_folder_that_cannot_be_made_is_said(work: Path) -> None:
    found = asked(port("right"), work / "nowhere")
    assert found == ["not run: its folder cannot be made: No such file or directory"] * 3


# The environment.


def test_little_of_the_environment_is_handed_down(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "secret")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    names = asked(port("environment"), work)[0].removeprefix("error: ").split()
    assert {"PATH", "OMP_NUM_THREADS", "PYTHONPATH", process.MARK} <= set(names)
    others = set(names) - {"PYTHONPATH", process.MARK}
    assert all(process.PASSED_ON.fullmatch(name) for name in others)
    assert "SECRET_TOKEN" not in names
    assert "PYTHONPATH" not in process._environment("./port", f"{process.MARK}=x")


# What is shown.


def test_control_characters_and_markup_are_not_obeyed(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for mode, wanted in (
        ("control-characters", "error: �[2J��31m��[bold]boom[/bold] :bomb:"),
        (
            "control-answer",
            r"answered '\x1b]0;owned\x07', expected ok, skip REASON or error REASON; "
            "debug text belongs on standard error",
        ),
        ("odd-names", "first: output: missing, and there is [red].npy; 4 later tensors fail"),
    ):
        outcomes = list(verdict.check(port(mode), FIRST_THREE, ["float64"], work, 20.0))
        assert lines(outcomes)[0] == wanted
        check.show(HOSTILE, outcomes, [])
        shown = capsys.readouterr().out
        assert wanted in shown
        assert all(c.isprintable() or c == "\n" for c in shown)
        assert check.junit(HOSTILE, outcomes, [])
        problems = [t.tensor for o in outcomes if o.result for t in o.result.tensors]
        assert mode != "odd-names" or {"�[2J.npy", "�.npy", "[red].npy"} <= set(problems)


def test_what_a_port_complains_of_is_one_line(work: Path) -> None:
    assert asked(port("complain"), work)[1] == (
        'ended (exit code 1) without an answer; it said: "one�[31m / [red]two[/red]"'
    )


def test_markup_in_a_name_is_shown_as_it_is(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    named = replace(port("right"), name="[bold]x[/bold] :bomb:")
    check.show(named, list(verdict.check(named, FIRST_THREE, ["float64"], work, 20.0)), [])
    assert capsys.readouterr().out.count("[bold]x[/bold] :bomb:") == 2


def test_a_name_with_control_characters_is_refused(tmp_path: Path) -> None:
    text = (HOSTILE.folder / "port.toml").read_text()
    (tmp_path / "port.toml").write_text(text.replace('"hostile"', r'"\u001b[2J"'))
    with pytest.raises(BadPort, match=r"name should be text that can be printed, got '\\x1b\[2J'"):
        claims.load(tmp_path)
    (tmp_path / "port.toml").write_text("name = " + "[" * 5000)
    with pytest.raises(BadPort, match="cannot be read"):
        claims.load(tmp_path)


# Processes.


def test_a_port_that_does_not_read_is_not_waited_for() -> None:
    deaf = Process(port("deaf"), "float64")
    with pytest.raises(Broken, match="does not read its standard input"):
        deaf.ask("x" * 10**6, 1.0)
    deaf.kill()


def test_what_a_port_has_started_ends_with_it(work: Path, tmp_path: Path) -> None:
    for mode in ("grandchild-keeps-stdout", "grandchild-leaves"):
        assert asked(port(mode, tmp_path / mode), work) == [MISSING, MISSING, MISSING, KEPT_OPEN]
        assert ended(int((tmp_path / mode).read_text()))


def test_the_signals_of_a_port_reach_its_own_group(work: Path) -> None:
    assert asked(port("signal-group"), work) == [MISSING, "ended (killed by SIGTERM) without an answer", MISSING]


def test_a_build_has_a_limit_and_ends_with_what_it_started(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    program = (
        "import subprocess, sys, time; "
        f"open({str(pid)!r}, 'w').write(str(subprocess.Popen(['sleep', '1000'], start_new_session=True).pid)); "
        "print('\\x1b[2Jcompiling', flush=True); time.sleep(1000)"
    )
    with pytest.raises(BadPort, match=r"hostile does not build: .* still ran after 2 s\n�\[2Jcompiling"):
        process.build(replace(HOSTILE, build=("python", "-S", "-c", program)), "float64", seconds=2.0)
    assert ended(int(pid.read_text()))


def test_a_build_that_leaves_something_running_is_not_waited_for(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    program = f"import subprocess; open({str(pid)!r}, 'w').write(str(subprocess.Popen(['sleep', '1000']).pid))"
    process.build(replace(HOSTILE, build=("python", "-S", "-c", program)), "float64")
    assert ended(int(pid.read_text()))


def test_a_command_that_no_system_takes_is_said(work: Path) -> None:
    assert asked(replace(HOSTILE, command=("a\0b",)), work)[0] == "cannot be started: embedded null byte"


# Files.

HEADERS = {
    "a negative size": ("'<f8'", "(-1,)", r"promises the shape \(-1,\), which no array has"),
    "a bool as a size": ("'<f8'", "(True, 3)", r"promises the shape \(True, 3\), which no array has"),
    "a huge size": ("'<f8'", f"({10**18}, 0)", r"promises the shape \(10{18}, 0\), which no array has"),
    "a size of 5000 digits": ("'<f8'", f"({'9' * 5000},)", "is no .npy file"),
    "100 dimensions": ("'<f8'", f"({'1,' * 100})", r"promises the shape \(1, 1, .*…, which no array has"),
    "a NaN as a size": ("'<f8'", "(float('nan'),)", "is no .npy file"),
    "an infinite size": ("'<f8'", "(1e999,)", "is no .npy file"),
    "no shape": ("'<f8'", "None", "is no .npy file"),
    "void": ("'|V8'", "(1,)", r"holds '\|V8', which is no type of number"),
    "nothing": ("'|V0'", "(1,)", r"holds '\|V0', which is no type of number"),
    "text": ("'<U2'", "(1,)", "holds '<U2', which is no type of number"),
    "bytes": ("'|S8'", "(1,)", r"holds '\|S8', which is no type of number"),
    "times": ("'<M8[s]'", "(1,)", r"holds '<M8\[s\]', which is no type of number"),
    "fields": ("[('a', '<f8')]", "(1,)", r"holds '\|V8', which is no type of number"),
    "a subarray": ("('<f8', (2,))", "(1,)", r"holds '\|V16', which is no type of number|is no .npy file"),
    "parentheses": ("'<f8'", "(" * 4000 + ")" * 4000, "is no .npy file"),
    "signs": ("'<f8'", "-" * 9000 + "1", "is no .npy file"),
    "no type": ("'nonsense'", "(1,)", "is no .npy file"),
}


@pytest.mark.parametrize("name", HEADERS)
def test_a_hostile_header_is_a_failure_in_words(name: str, tmp_path: Path) -> None:
    descr, shape, words = HEADERS[name]
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    content = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + bytes(8)
    (tmp_path / "output.npy").write_bytes(content)
    with pytest.raises(npy.Unreadable, match=f"^({words})$"):
        npy.parse(content)
    got, problems = verdict.collect(tmp_path, {"output": np.zeros(2000)}, "float64")
    assert not got
    assert re.fullmatch(f"the file ({words})", problems["output"])


# Asked again.


def test_the_same_bits_are_wanted_each_time(tmp_path: Path) -> None:
    fake = claims.load(Path(__file__).parent / "fake")
    chosen = vectors.frozen()[:4]

    def outcomes(mode: str, repeat: int) -> list[Outcome]:
        forgetful = replace(fake, command=(*fake.command, mode))
        return list(verdict.check(forgetful, chosen, ["float64"], tmp_path, 20.0, repeat, alone=0))

    assert [o.verdict for o in outcomes("right", 3)] == ["pass"] * 4
    assert [o.verdict for o in outcomes("last-bit-at-7", 1)] == ["pass"] * 4
    found = outcomes("last-bit-at-7", 2)
    seventh = int(np.random.default_rng(2).permutation(4)[2])  # the first four are the vectors in their order
    assert [o.verdict for o in found] == ["fail" if i == seventh else "pass" for i in range(4)]
    assert found[seventh].detail == "answers differ when asked again: output"
    found = outcomes("crash-at-5", 2)
    assert [o.verdict for o in found].count("broken") == 1
    assert any(o.detail == "when asked again: ended (killed by SIGABRT) without an answer" for o in found)


def test_a_vector_that_passes_alone_is_said_to(tmp_path: Path) -> None:
    fake = claims.load(Path(__file__).parent / "fake")
    stateful = replace(fake, command=(*fake.command, "zeros"))
    first, second = verdict.check(stateful, vectors.frozen()[:2], ["float64"], tmp_path, 20.0)
    assert (first.verdict, second.verdict, second.passes_alone) == ("pass", "fail", True)
    assert check.line(second).endswith("; passes alone: state left from an earlier case")


def test_the_first_vector_of_a_process_was_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started = []

    def counted(of: Port, dtype: str) -> Process:
        started.append(of)
        return Process(of, dtype)

    monkeypatch.setattr(verdict, "Process", counted)
    outcomes = list(verdict.check(port("right"), FIRST_THREE, ["float64"], tmp_path, 20.0))
    assert [(o.verdict, o.passes_alone) for o in outcomes] == [("fail", False)] * 3
    assert len(started) == 1 + 2  # the second and the third are asked for alone
