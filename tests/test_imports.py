"""What imports what: `reference` needs NumPy alone; within it, and within `parity`, everything points downwards."""

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import parity
import reference

# From the bottom up: a module imports only what stands above it in this list.
ORDER = [
    "floats",
    "plain",
    "arrays",
    "shown",
    "products",
    "packing",
    "columns",
    "layout",
    "checks",
    "activations",
    "output",
    "divergences",
    "ctc",
    "cells",
    "parameters",
    "unroll",
    "bidirectional",
    "stack",
    "checkpoint",
    "recurrent",
    "rnn",
    "gru",
    "lstm",
    "network",
    "__init__",
]
THE_CHAIN = ["activations", "cells", "unroll", "bidirectional", "stack", "recurrent", "network"]


def files(package: Path) -> dict[str, Path]:
    """Path within the package, as dotted name, to file."""
    return {".".join(p.relative_to(package).with_suffix("").parts): p for p in sorted(package.rglob("*.py"))}


REFERENCE = files(Path(reference.__file__).parent)
PARITY = files(Path(parity.__file__).parent)

each_of_reference = pytest.mark.parametrize("name", REFERENCE)
each_of_parity = pytest.mark.parametrize("name", PARITY)


def imports(file: Path) -> set[str]:
    """Every dotted name that a file imports, wherever in it; `from a import b` counts as a.b."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: a relative import"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def tops(file: Path) -> set[str]:
    return {name.split(".")[0] for name in imports(file)}


def within_reference(file: Path) -> set[str]:
    """The modules of `reference` (cells as one) that a file imports."""
    return {name.split(".")[1] for name in imports(file) if name.startswith("reference.")}


def loaded_by(statement: str) -> set[str]:
    """The top-level modules in a fresh interpreter after one statement."""
    program = f"{statement}; import sys; print(*sys.modules)"
    root = Path(reference.__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True)
    return {name.split(".")[0] for name in done.stdout.split()}


def test_importing_reference_loads_numpy_and_no_other_third_party() -> None:
    loaded = loaded_by("import reference")
    assert {"reference", "numpy"} <= loaded
    assert loaded - loaded_by("import numpy, numpy.random") - sys.stdlib_module_names == {"reference"}


@each_of_reference
def test_a_module_of_reference_imports_the_standard_library_numpy_and_reference(name: str) -> None:
    assert tops(REFERENCE[name]) - sys.stdlib_module_names <= {"numpy", "reference"}


def test_the_order_names_every_module_of_reference() -> None:
    assert {name.split(".")[0] for name in REFERENCE} == set(ORDER)
    assert [name for name in ORDER if name in THE_CHAIN] == THE_CHAIN


@each_of_reference
def test_a_module_of_reference_imports_only_from_below(name: str) -> None:
    own = name.split(".")[0]
    assert within_reference(REFERENCE[name]) <= {*ORDER[: ORDER.index(own)], *([own] if own == "cells" else [])}


@pytest.mark.parametrize(("upper", "lower"), list(zip(THE_CHAIN[1:], THE_CHAIN[:-1], strict=True)))
def test_each_link_of_the_chain_imports_the_next(upper: str, lower: str) -> None:
    """So the test above looks at imports that are there."""
    of_upper = [file for name, file in REFERENCE.items() if name.split(".")[0] == upper]
    assert lower in set().union(*(within_reference(file) for file in of_upper))


def within_parity(name: str) -> set[str]:
    """The modules of `parity`, a package being its __init__, that a module imports, wherever in it."""
    found = set()
    for module in imports(PARITY[name]):
        path = module.split(".")[1:] if module.startswith("parity.") else []
        while path and ".".join(path) not in PARITY and ".".join([*path, "__init__"]) not in PARITY:
            path.pop()  # a name in a module
        if path:
            found.add(".".join(path) if ".".join(path) in PARITY else ".".join([*path, "__init__"]))
    return found


def test_the_modules_of_parity_import_one_way() -> None:
    order = list(TopologicalSorter({name: within_parity(name) for name in PARITY}).static_order())  # raises on a circle
    chain = ["cases.case", "cases.__init__", "subject", "tolerance", "compare", "ports.verdict", "mistakes.likeness"]
    assert [name for name in order if name in chain] == chain
    assert order.index("report.check") < order.index("commands.check") < order.index("__main__")


def test_the_imports_within_parity_are_seen() -> None:
    """So the test above looks at imports that are there: of a name, of a module, and one inside a function."""
    assert within_parity("ports.verdict") == {
        "compare", "ports.claims", "ports.folders", "ports.process", "ports.roundoff",
        "vectors.__init__", "vectors.npy", "vectors.pieces", "vectors.writing",
    }  # fmt: skip
    assert "report.page" in within_parity("commands.run")


@each_of_parity
def test_parity_imports_torch_only_in_its_oracles_and_in_the_port_that_it_is(name: str) -> None:
    assert ("torch" not in tops(PARITY[name])) or name.startswith(("oracles.", "ports.torch."))


def test_the_oracles_do_import_torch() -> None:
    assert "torch" in tops(PARITY["oracles.torch_autograd"])


def test_the_command_line_starts_without_torch() -> None:
    assert "torch" not in loaded_by("import parity.commands")


@each_of_parity
def test_parity_imports_neither_tests_nor_benchmarks(name: str) -> None:
    assert not tops(PARITY[name]) & {"tests", "benchmarks"}
