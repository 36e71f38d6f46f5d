"""How commands end where a terminal, a disk, a reader or a port is not what one would like. SPEC 10.7, 10.8."""

import codecs
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from parity import vectors
from parity.commands import ending
from parity.vectors import reading

PORTS = Path(__file__).parents[1] / "ports"
ROOT = Path(__file__).parents[3]
HANGS = ["-k", "hand", "--timeout", "600"]

COMMANDS = {
    "run": ["-k", "hand-1x1x1"],
    "check": ["check", str(PORTS / "mistaken"), "-k", "hand", "--dtype", "float64"],
    "bugs": ["bugs", "-k", "w-hh-transposed", "--case", "linear-response"],
    "export": ["export", "{tmp}/set", "--case", "hand-1x1x1"],
    "trace": ["trace", "hand-1x1x1"],
    "charlm": ["charlm", "--steps", "3", "--compared", "1", "--window", "3", "--hidden-size", "3", "--sample", "9"],
}


def started(arguments: list[str], tmp: Path, stdout: int = subprocess.PIPE, **variables: str) -> subprocess.Popen[str]:
    """A command in a process of its own, whose temporary folders are in tmp."""
    words = [word.replace("{tmp}", str(tmp)) for word in arguments]
    return subprocess.Popen(
        [sys.executable, "-m", "parity", *words],
        cwd=ROOT,
        env=os.environ | {"TMPDIR": str(tmp)} | variables,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    )


def port(tmp: Path, mode: str, *arguments: object) -> str:
    """The hostile port in that mode; a folder."""
    folder = tmp / "port"
    folder.mkdir()
    words = "".join(f', "{word}"' for word in (mode, *arguments))
    text = (PORTS / "hostile" / "port.toml").read_text()
    (folder / "port.toml").write_text(text.replace('"port.py"', f'"{PORTS / "hostile" / "port.py"}"{words}'))
    return str(folder)


@pytest.fixture
def tmp(tmp_path: Path) -> Path:
    (tmp_path / "tmp").mkdir()
    return tmp_path / "tmp"


@pytest.mark.parametrize("command", COMMANDS)
def test_a_terminal_without_letters_a_closed_pipe_and_a_full_disk(command: str, tmp: Path) -> None:
    ascii_ = started(COMMANDS[command], tmp, PYTHONIOENCODING="ascii", LC_ALL="C")
    out, err = ascii_.communicate()
    assert "Traceback" not in err
    assert ascii_.returncode in (0, 1)
    assert out.isascii()
    for path in tmp.iterdir():
        path.rename(tmp.parent / path.name)  # export wants an empty place again
    reader, writer = os.pipe()
    os.close(reader)
    with started(COMMANDS[command], tmp, writer) as closed, open("/dev/full", "w") as full:  # noqa: PTH123
        os.close(writer)
        assert (closed.communicate()[1], closed.returncode) == ("", 128 + 13)
        for path in tmp.iterdir():
            path.rename(tmp.parent / f"{path.name}-2")
        process = started(COMMANDS[command], tmp, full.fileno())
        assert process.communicate()[1] == "cannot write the output: No space left on device\n"
        assert process.returncode == 2


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_every_encoding_has_a_readable_word_for_it(encoding: str, tmp: Path) -> None:
    """What cannot be said in an encoding is said in others' letters; tables have frames that it has."""
    process = started(COMMANDS["run"], tmp, PYTHONIOENCODING=encoding)
    out, err = process.communicate()
    assert (err, process.returncode) == ("", 0)
    assert ("8 σ" if encoding == "utf-8" else "8 sigma") in out
    assert ("─" in out) == (encoding == "utf-8")
    assert "\\u" not in out


def test_what_has_no_plain_word_is_escaped() -> None:
    codecs.register_error("plain", ending._plain)
    assert "a…·ᵀ²\u4e2d\ud800".encode("ascii", "plain") == b"a...*^T^2\\u4e2d\\ud800"
    assert "…·²ᵀ".encode("cp1252", "plain") == "…·²^T".encode("cp1252")
    with pytest.raises(UnicodeDecodeError):
        b"\xff".decode("ascii", "plain")


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-", "2>/dev/full"])
def test_closed_streams_break_no_run(closed: str, tmp: Path) -> None:
    """The exit code is the verdict, and the report is whole: no stream's number was given to a file."""
    file = tmp.parent / "report.json"
    words = ["check", str(PORTS / "mistaken"), "-k", "hand-1x1x1", "--dtype", "float64", "--json", str(file)]
    shell = ["sh", "-c", f'exec "$@" {closed}', "sh", sys.executable, "-m", "parity", *words]
    found = subprocess.run(shell, cwd=ROOT, env=os.environ | {"TMPDIR": str(tmp)}, capture_output=True, text=True)
    assert (found.stderr, found.returncode) == ("", 0)
    assert ("mistaken: conforms" in found.stdout) == (">&-" not in closed.split())
    assert json.loads(file.read_text(encoding="utf-8"))["exit_code"] == 0
    assert b"\r" not in file.read_bytes()
    wrong = subprocess.run([*shell, "--nonsense"], cwd=ROOT, capture_output=True, text=True)
    assert wrong.returncode == 2


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_stopped_while_a_port_hangs(name: str, tmp_path: Path, tmp: Path) -> None:
    pid = tmp_path / "pid"
    running = started(["check", port(tmp_path, "hang", pid), *HANGS], tmp)
    while not (pid.exists() and pid.read_text()):
        assert running.poll() is None, running.communicate()
        time.sleep(0.05)
    number = getattr(signal, name)
    running.send_signal(number)
    _, err = running.communicate()
    assert (err, running.returncode) == (f"ended by {name}\n", 128 + number)
    assert not Path(f"/proc/{pid.read_text()}").exists()
    assert list(tmp.iterdir()) == []


def test_a_port_that_signals_its_parent_does_not_end_the_report(tmp_path: Path, tmp: Path) -> None:
    running = started(["check", port(tmp_path, "signal-parent"), "-k", "small", "--dtype", "float64"], tmp)
    out, err = running.communicate()
    assert (err, running.returncode) == ("", 1)
    small = [case.cell for case in vectors.frozen_cases() if "small" in case.id]
    claimed = small.count("rnn")
    assert f"hostile: DIVERGES  ({claimed} fail, {len(small) - claimed} not claimed;" in out


def test_a_port_does_not_find_what_is_expected_of_it(tmp_path: Path, tmp: Path) -> None:
    """Neither beside its case nor anywhere in the folder of temporary files, fresh cases included."""
    folder = port(tmp_path, "search", tmp)
    for text, cases in (("hand", 1), ("fresh", 2)):
        only = ["-k", text, "--dtype", "float64", "--fresh", "1", "--fresh-cases", "2"]
        running = started(["check", folder, *only], tmp)
        out, err = running.communicate()
        assert err == ""
        assert out.count("error: found case,in,out") == cases


def test_a_build_that_rewrites_the_vectors_changes_nothing(tmp_path: Path, tmp: Path) -> None:
    folder = tmp_path / "port"
    shutil.copytree(PORTS / "mistaken", folder)
    shutil.copytree(vectors.FROZEN, tmp_path / "v1")
    text = (folder / "port.toml").read_text()
    program = f"import shutil; shutil.rmtree({str(tmp_path / 'v1')!r})"
    (folder / "port.toml").write_text(text.replace("command =", f'build = ["python", "-c", "{program}"]\ncommand ='))
    only = ["-k", "small", "--dtype", "float64", "--vectors", str(tmp_path / "v1")]
    assert len(reading.read_set(tmp_path / "v1")) == len(vectors.IDS)
    running = started(["check", str(folder), *only], tmp)
    out, err = running.communicate()
    assert (err, running.returncode) == ("", 0)
    assert f"mistaken: conforms  ({sum('small' in name for name in vectors.IDS)} pass;" in out
    assert not (tmp_path / "v1").exists()
