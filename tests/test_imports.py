"""What may import what: tests, benchmarks -> parity -> reference -> numpy, and inside the reference never up."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ORDER = ["network", "recurrent", "stack", "bidirectional", "unroll", "cells", "activations"]


def imported(path: Path) -> set[str]:
    """The modules that a file imports anywhere in it, by their full names."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def packages(path: Path) -> set[str]:
    return {name.partition(".")[0] for name in imported(path)} - set(sys.stdlib_module_names)


def sources(folder: str) -> list[Path]:
    found = sorted((ROOT / folder).rglob("*.py"))
    assert found
    return found


def loaded_by(statement: str) -> set[str]:
    program = f"{statement}\nimport sys\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_import_reference_loads_numpy_and_nothing_else() -> None:
    by_numpy = loaded_by("import numpy.random")
    assert loaded_by("import reference") - by_numpy - set(sys.stdlib_module_names) == {"reference"}


@pytest.mark.parametrize("path", sources("reference"), ids=lambda p: str(p.relative_to(ROOT)))
def test_the_reference_imports_numpy_and_itself(path: Path) -> None:
    assert packages(path) <= {"numpy", "reference"}


@pytest.mark.parametrize("path", sources("parity"), ids=lambda p: str(p.relative_to(ROOT)))
def test_parity_imports_the_reference_and_torch_only_inside_oracles(path: Path) -> None:
    allowed = {"numpy", "rich", "reference", "parity"} | ({"torch"} if path.parent.name == "oracles" else set())
    assert packages(path) <= allowed


@pytest.mark.parametrize("name", ORDER)
def test_inside_the_reference_nothing_knows_what_is_above_it(name: str) -> None:
    above = {f"reference.{module}" for module in ORDER[: ORDER.index(name)]}
    files = [p for p in sources("reference") if name in (p.stem, p.parent.name)]
    assert files
    for path in files:
        for module in imported(path):
            assert not any(module == a or module.startswith(f"{a}.") for a in above), f"{path}: {module}"


@pytest.mark.parametrize("name", ["output", "divergences", "parameters", "layout", "arrays"])
def test_the_helpers_know_nothing_of_the_layers_above(name: str) -> None:
    above = {f"reference.{module}" for module in ORDER[:-2]}
    for module in imported(ROOT / "reference" / f"{name}.py"):
        assert not any(module == a or module.startswith(f"{a}.") for a in above), module
