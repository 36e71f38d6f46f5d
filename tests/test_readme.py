"""The README is true: its examples give what it shows, its table points at the lines it quotes, its paths exist."""

import doctest
import re
from pathlib import Path

from parity import commands, oracles

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
EQUATION = re.compile(r"\[`(?P<code>[^`]+)`\]\((?P<path>[^)#]+)#L(?P<line>\d+)\)")


def test_the_examples_give_what_they_show() -> None:
    flags = doctest.ELLIPSIS  # "..." stands for the last digits, which are the machine's own
    failed, attempted = doctest.testfile(str(ROOT / "README.md"), False, optionflags=flags, encoding="utf-8")
    assert attempted > 10
    assert failed == 0


def test_every_equation_points_at_the_line_that_computes_it() -> None:
    rows = list(EQUATION.finditer(README))
    assert len(rows) > 20
    for row in rows:
        lines = (ROOT / row["path"]).read_text(encoding="utf-8").splitlines()
        where = [number for number, line in enumerate(lines, start=1) if line.strip().startswith(row["code"])]
        assert where == [int(row["line"])], (
            f"{row['path']}: {row['code']} stands at {where}, the README says {row['line']}"
        )


def test_every_folder_and_file_of_the_map_exists() -> None:
    paths = re.findall(r"^\| `([\w./]+)` \|", README.partition("## Map")[2].partition("## From")[0], flags=re.MULTILINE)
    assert len(paths) >= 8
    for path in paths:
        assert (ROOT / path).exists(), path


def test_the_two_commands_stand_as_they_are_run() -> None:
    assert '    python -m pip install -e ".[parity]" && python -m parity ' in README
    assert '    python -m pip install -e ".[test]" && python -m pytest ' in README
    assert 'python -m pip install -e ".[test]" && python -m pytest' in (ROOT / ".ci" / "run").read_text()


def test_every_command_and_oracle_is_named() -> None:
    for command in commands.COMMANDS:
        assert f"python -m parity {command}" in README
    for oracle in oracles.ORACLES:
        assert oracle in README
