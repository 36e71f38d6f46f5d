"""The pages are true: examples give what they show, commands, options, links and paths exist, tables point at code."""

import ast
import contextlib
import doctest
import io
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from parity import commands, oracles

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
REFERENCE = ROOT / "reference" / "README.md"
PAGES = [
    ROOT / "README.md",
    ROOT / ".github" / "CONTRIBUTING.md",
    *sorted(page for room in ("benchmarks", "parity", "reference", "tests") for page in (ROOT / room).rglob("*.md")),
]
PAGES = [page for page in PAGES if "node_modules" not in page.parts]  # npm install in parity/ports/tfjs brings others'
EQUATION = re.compile(r"^\| `.*?` \| (\[`.*?) \| ([\d., ]+) \|$", re.MULTILINE)
FUNCTION = re.compile(r"\[`([\w.]+)`\]\(([\w/.]+)\)")
LINK = re.compile(r"(?<!\w)\[[^]\n]*\]\(([^)\s]+)\)")  # not the gate of SPEC's a[r](t)
CODE = re.compile(r"^```\w*\n(.*?)^```$|^    ([^\n]*)$|`([^`\n]+)`", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"(?:python -m parity|(?<![\w/-])bptt\b(?!-))((?: +[^\s`#&|]+)*)")
PYTHON = re.compile(r"^```python\n((?!>>>).*?)^```$", re.MULTILINE | re.DOTALL)


def read(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def code(page: Path) -> str:
    """What stands in blocks of code and between backticks."""
    return "\n".join("".join(found) for found in CODE.findall(read(page)))


def pages(holding: str) -> pytest.MarkDecorator:
    """One test for each page that holds this text; two at least do."""
    chosen = [page for page in PAGES if holding in read(page)]
    assert len(chosen) > 1
    return pytest.mark.parametrize("page", chosen, ids=lambda page: page.relative_to(ROOT).as_posix())


@pages("\n>>> ")
def test_the_examples_give_what_they_show(page: Path) -> None:
    flags = doctest.ELLIPSIS  # "..." stands for the last digits, which are the machine's own
    failed, attempted = doctest.testfile(str(page), False, optionflags=flags, encoding="utf-8")
    assert attempted > 5
    assert failed == 0


def functions(path: Path) -> set[str]:
    """Every function of a file, those of its classes as Class.function."""
    body = ast.parse(read(path)).body
    of_classes = {
        f"{c.name}.{f.name}" for c in body if isinstance(c, ast.ClassDef) for f in c.body if hasattr(f, "name")
    }
    return of_classes | {f.name for f in body if isinstance(f, ast.FunctionDef)}


def test_every_equation_points_at_a_function_and_cites_clauses_that_its_file_cites() -> None:
    rows = EQUATION.findall(read(REFERENCE))
    assert len(rows) > 14
    for links, clauses in rows:
        pairs = FUNCTION.findall(links)
        assert pairs
        for name, path in pairs:
            assert name in functions(REFERENCE.parent / path), f"{path} has no {name}"
        cited = " ".join(read(REFERENCE.parent / path) for _, path in pairs)
        for clause in clauses.split(", "):
            assert re.search(rf"SPEC[^\"]*\b{re.escape(clause)}\b", cited), f"{links} does not cite {clause}"


def test_what_is_shown_of_plain_stands_in_it() -> None:
    shown = PYTHON.findall(read(REFERENCE))
    assert shown
    assert all(lines in read(REFERENCE.parent / "plain.py") for lines in shown)


def test_every_folder_and_file_of_the_map_exists() -> None:
    paths = re.findall(r"^\| `([\w./]+)` \|", README.partition("## Map")[2].partition("## ")[0], flags=re.MULTILINE)
    assert len(paths) >= 8
    for path in paths:
        assert (ROOT / path).exists(), path


@pages("](")
def test_every_link_leads_somewhere(page: Path) -> None:
    links = [link for link in LINK.findall(CODE.sub("", read(page))) if "://" not in link]
    assert not [link for link in links if not (page.parent / link.partition("#")[0]).exists()]


@pages("tests/")
def test_every_test_that_is_named_exists(page: Path) -> None:
    for path in re.findall(r"\btests/[\w./]+", code(page)):
        assert (ROOT / path).exists(), path


def test_the_two_commands_stand_as_they_are_run() -> None:
    assert '    python -m pip install -e ".[parity]" && python -m parity ' in README
    assert '    python -m pip install -e ".[test]" && python -m pytest ' in README
    assert 'python -m pip install -e ".[test]" && python -m pytest' in (ROOT / ".ci" / "run").read_text()


def test_every_command_and_oracle_is_named() -> None:
    for command in commands.COMMANDS:
        assert f"| `bptt {command}" in read(ROOT / "parity" / "README.md").replace("`python -m parity` or ", "")
    for oracle in oracles.ORACLES:
        assert f"| `{oracle}` |" in README


@cache
def options(command: str) -> set[str]:
    """Those that `--help` names, in text that a screen as wide as that does not break."""
    printed = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(printed):
        patch.setenv("COLUMNS", "1000")
        with pytest.raises(SystemExit, match="0"):
            commands.main([*([command] if command in commands.COMMANDS else []), "--help"])
    return {"--help", "--version", *re.findall(r"(?<![\w-])--?\w[\w-]*", printed.getvalue())}


def shown(page: Path) -> Iterator[tuple[str, set[str]]]:
    """The commands of a page, each with the options that it is given."""
    for found in COMMAND.findall(code(page)):
        words: list[str] = found.split()
        command = words[0] if words and words[0][0] != "-" else "run"
        yield command, {word for word in words if word[0] == "-"}


@pages("parity")
def test_every_command_that_is_shown_exists_and_takes_the_options_that_it_is_shown_with(page: Path) -> None:
    for command, given in shown(page):
        assert command in {"run", *commands.COMMANDS}
        assert given <= options(command), command


def extras() -> set[str]:
    project = tomllib.loads(read(ROOT / "pyproject.toml"))["project"]
    return set(project["optional-dependencies"])


def test_every_extra_has_its_reason() -> None:
    named = re.findall(r"^\| `(\w+)` \|", README.partition("## Packages")[2], flags=re.MULTILINE)
    assert set(named) == extras()


@pages(".[")
def test_every_extra_that_is_installed_exists(page: Path) -> None:
    for names in re.findall(r"\.\[([\w,]+)\]", code(page)):
        assert set(names.split(",")) <= extras()


def test_the_readme_is_short() -> None:
    lines = README.splitlines()
    assert len(lines) <= 160
    assert not [line for line in lines if len(line) > 120]
