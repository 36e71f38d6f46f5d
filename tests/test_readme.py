"""The README is true: its examples give what it shows, its table points at functions, its paths exist."""

import ast
import doctest
import re
from pathlib import Path

from parity import commands, oracles

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
EQUATION = re.compile(r"^\| `.*?` \| (\[`.*?) \| ([\d., ]+) \|$", re.MULTILINE)
LINK = re.compile(r"\[`([\w.]+)`\]\(([\w/.]+)\)")


def test_the_examples_give_what_they_show() -> None:
    flags = doctest.ELLIPSIS  # "..." stands for the last digits, which are the machine's own
    failed, attempted = doctest.testfile(str(ROOT / "README.md"), False, optionflags=flags, encoding="utf-8")
    assert attempted > 10
    assert failed == 0


def functions(path: Path) -> set[str]:
    """Every function of a file, those of its classes as Class.function."""
    body = ast.parse(path.read_text(encoding="utf-8")).body
    of_classes = {
        f"{c.name}.{f.name}" for c in body if isinstance(c, ast.ClassDef) for f in c.body if hasattr(f, "name")
    }
    return of_classes | {f.name for f in body if isinstance(f, ast.FunctionDef)}


def test_every_equation_points_at_a_function_and_cites_clauses_that_its_file_cites() -> None:
    rows = EQUATION.findall(README)
    assert len(rows) > 14
    for links, clauses in rows:
        pairs = LINK.findall(links)
        assert pairs
        for name, path in pairs:
            assert name in functions(ROOT / path), f"{path} has no {name}"
        cited = " ".join((ROOT / path).read_text(encoding="utf-8") for _, path in pairs)
        for clause in clauses.split(", "):
            assert re.search(rf"SPEC[^\"]*\b{re.escape(clause)}\b", cited), f"{links} does not cite {clause}"


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
