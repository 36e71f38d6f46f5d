"""The notebook of the lecture: every cell runs, its claims hold, and what is stored with it is whole."""

import json
import re
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pytest
from matplotlib import pyplot as plt

from tests.reference.test_spec import CITATION, clauses
from tests.test_imports import imports

NOTEBOOK = Path(__file__).parents[2] / "parity" / "lecture" / "lecture.ipynb"
LARGEST = 600_000  # bytes


@pytest.fixture(scope="module")
def notebook() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    return found


def cells(notebook: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [cell for cell in notebook["cells"] if cell["cell_type"] == kind]


def source(cell: dict[str, Any]) -> str:
    return "".join(cell["source"])


def test_every_cell_runs_in_order_and_its_claims_hold(
    notebook: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    plt.switch_backend("Agg")
    names: dict[str, Any] = {}
    drawn, stored = [], []
    with mpl.rc_context():
        for cell in cells(notebook, "code"):
            exec(compile(source(cell), f"<cell {cell['id']}>", "exec"), names)
            drawn.append((cell["id"], len(plt.get_fignums())))
            stored.append((cell["id"], sum("image/png" in output.get("data", {}) for output in cell["outputs"])))
            plt.close("all")
    assert drawn == stored
    assert "w = 2: h settles at 0.957504" in capsys.readouterr().out


def test_most_cells_claim_something(notebook: dict[str, Any]) -> None:
    claiming = [cell["id"] for cell in cells(notebook, "code") if re.search(r"^ *assert ", source(cell), re.MULTILINE)]
    assert len(claiming) >= 11


def test_it_is_stored_whole_with_its_results(notebook: dict[str, Any]) -> None:
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    ids = [cell["id"] for cell in notebook["cells"]]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[\w-]{1,64}", name) for name in ids)
    code = cells(notebook, "code")
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    assert {output["output_type"] for cell in code for output in cell["outputs"]} == {"stream", "display_data"}
    assert {output.get("name") for cell in code for output in cell["outputs"]} == {"stdout", None}
    assert NOTEBOOK.stat().st_size < LARGEST


def test_it_needs_numpy_and_matplotlib_alone(notebook: dict[str, Any], tmp_path: Path) -> None:
    program = tmp_path / "lecture.py"
    program.write_text("\n".join(source(cell) for cell in cells(notebook, "code")), encoding="utf-8")
    assert {name.partition(".")[0] for name in imports(program)} == {"importlib", "matplotlib", "numpy", "reference"}


def test_the_clauses_that_it_cites_exist(notebook: dict[str, Any]) -> None:
    text = "\n".join(source(cell) for cell in cells(notebook, "markdown"))
    cited = {tuple(map(int, name.split("."))) for found in CITATION.findall(text) for name in re.split(r",\s*", found)}
    assert len(cited) >= 12
    assert cited <= set(clauses())


def test_the_files_that_it_points_at_exist(notebook: dict[str, Any]) -> None:
    links = [link for cell in cells(notebook, "markdown") for link in re.findall(r"\]\(([^)]+)\)", source(cell))]
    assert len(links) > 3
    for link in links:
        assert (NOTEBOOK.parent / link).exists(), link
