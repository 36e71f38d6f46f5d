"""`bptt`, the command line as a whole: what it says of itself, and what it needs."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from parity import commands, packages
from parity.commands import COMMANDS

WITHOUT = """
import sys, runpy
for name in sys.argv.pop(1).split():
    sys.modules[name] = None
runpy.run_module("parity", run_name="__main__", alter_sys=True)
"""
ROOT = Path(__file__).parents[3]


def run(*arguments: str, without: str = "", cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """`python -m parity` where some packages are not installed."""
    program = [sys.executable, "-c", WITHOUT, without, *arguments]
    return subprocess.run(program, capture_output=True, text=True, check=False, cwd=cwd)


def wrong_usage(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit) as stopped:
        commands.main(arguments)
    assert stopped.value.code == 2
    return capsys.readouterr().err


def test_help_has_a_line_for_each_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        commands.main(["--help"])
    assert stopped.value.code == 0
    lines = capsys.readouterr().out.splitlines()
    for name in COMMANDS:
        assert sum(line.startswith(f"  {name} ") for line in lines) == 1
    assert all(len(line) <= 100 for line in lines)


@pytest.mark.parametrize(("word", "meant"), [("chek", "check"), ("lst", "list"), ("bug", "bugs"), ("exprot", "export")])
def test_a_near_miss_is_answered_with_the_command_meant(
    word: str, meant: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert f"no command is '{word}': did you mean {meant}?" in wrong_usage(capsys, word)


def test_another_word_is_answered_with_all_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert f"no command is 'qqq', expected one of {', '.join(COMMANDS)}" in wrong_usage(capsys, "qqq", "x")


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        commands.main(["--version"])
    assert stopped.value.code == 0
    assert re.match(r"reference 1\.\d+\.\d+, python 3\.", capsys.readouterr().out)


@pytest.mark.parametrize(
    ("package", "extra", "arguments"),
    [("rich", "check", ("check", "x")), ("flint", "check", ("list",)), ("torch", "parity", ("-k", "hand-1x1x1"))],
)
def test_a_missing_package_ends_with_2_and_the_command_that_installs_it(
    package: str, extra: str, arguments: tuple[str, ...]
) -> None:
    done = run(*arguments, without=package)
    assert done.returncode == 2
    said = done.stderr.splitlines()[-1]
    assert said.partition(";")[0] == f'{package} is missing: python -m pip install -e ".[{extra}]"'
    assert ("bptt check PORT" in said) == (package == "torch")


def test_a_wheel_is_told_what_to_install_by_its_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(packages, "__file__", str(tmp_path / "parity" / "packages.py"))
    assert packages.install("check") == 'python -m pip install "bptt-reference[check]"'


def test_checking_and_all_that_is_not_the_parity_of_torch_needs_no_torch(tmp_path: Path) -> None:
    port = str(tmp_path / "port")
    for arguments in (
        ("new", port, "--from", "python"),
        ("check", port, "-k", "hand", "--fresh", "1", "--fresh-cases", "1", "--json", str(tmp_path / "report.json")),
        ("list", "-k", "hand"),
        ("trace", "hand-1x1x1"),
        ("-k", "hand-1x1x1", "--oracle", "plain"),
        ("--version",),
    ):
        done = run(*arguments, without="torch")
        assert done.returncode == 0, done.stderr


def test_a_reference_of_somebody_else_is_refused(tmp_path: Path) -> None:
    for name in ("parity", "reference"):
        shutil.copytree(ROOT / name, tmp_path / "own" / name, ignore=shutil.ignore_patterns("v1", "proof"))
    other = tmp_path / "other" / "reference"
    other.mkdir(parents=True)
    (other / "__init__.py").write_text("")

    def imported(*path: Path) -> subprocess.CompletedProcess[str]:
        program = f"import sys; sys.path[:0] = {[str(p) for p in path]}; import parity"
        return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert imported(tmp_path / "own").returncode == 0
    done = imported(other.parent, tmp_path / "own")
    assert done.returncode == 1
    assert f"parity needs its own package reference, expected in {tmp_path / 'own'}" in done.stderr
    assert f"found another in {other}" in done.stderr
    shutil.copytree(other, tmp_path / "own" / "reference", dirs_exist_ok=True)  # installed over it
    assert "found another in" in imported(tmp_path / "own").stderr


def test_a_form_without_its_package_says_so_before_anything_is_computed(tmp_path: Path) -> None:
    done = run("export", str(tmp_path / "v"), "--format", "onnx", without="onnx")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == 'onnx is missing: python -m pip install -e ".[forms]"\n'
    assert not (tmp_path / "v").exists()
