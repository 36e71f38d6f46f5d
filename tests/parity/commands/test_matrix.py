"""`bptt matrix`: what frameworks come to, counted by cell, dtype and feature; rows of other runs, joined."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import parity
from parity import commands
from parity.commands.matrix import frameworks
from parity.ports import claims, matrix
from parity.ports.verdict import FED, KNOWN, Outcome
from parity.report import check
from parity.report import matrix as report
from tests.parity.ports.answers import VECTORS

PORTS = Path(parity.__file__).parent / "ports"
TORCH = claims.load(PORTS / "torch")
SOME = ["small-one-unit", "rnn-tanh-l2-bi-nobias-bf-noh0-drop100-dhn", "tiny-sigmoid-binary_cross_entropy", "rich"]


def outcome(case_id: str, verdict: str, dtype: str = "float64", detail: str = "") -> Outcome:
    return Outcome(VECTORS[case_id], dtype, verdict, detail)


@pytest.fixture
def row() -> matrix.Row:
    """A framework with a defect, of which something is known to fail."""
    outcomes = [
        outcome("small-one-unit", "pass"),
        outcome("small-one-unit", "pass", "float32"),
        outcome("rnn-tanh-l2-bi-nobias-bf-noh0-drop100-dhn", "not claimed"),
        outcome("tiny-sigmoid-binary_cross_entropy", KNOWN, detail="divides by 1e-12 (https://example.org/1)"),
    ]
    return matrix.row(TORCH, outcomes)


def test_vectors_are_counted_under_each_feature_that_they_have(row: matrix.Row) -> None:
    counts = row.counts["rnn"]["float64"]
    assert counts[matrix.ALL] == {"pass": 1, "not claimed": 1, KNOWN: 1}
    assert counts["dropout_masks"] == counts["no biases"] == {"not claimed": 1}
    assert counts[matrix.OUTPUT_LAYER] == counts["divergence binary_cross_entropy"] == {KNOWN: 1}
    assert counts[matrix.STREAMING] == {"not claimed": 2}  # none was fed in pieces
    assert row.counts["rnn"]["float32"][matrix.ALL] == {"pass": 1}
    assert (row.total("pass"), row.total(KNOWN), row.conforms) == (2, 1, True)


def test_what_a_port_without_backward_is_not_asked_for_is_not_claimed() -> None:
    """It need not truncate, nor judge: SPEC 10.6 waives both."""
    port = claims.load(PORTS / "onnxruntime")
    cases = ["truncate-3", "pairs-01-softplus-ctc", "gru-mix-25-sigmoid-binary_cross_entropy"]
    counts = matrix.counted(port, [outcome(case_id, "pass", "float32") for case_id in cases])
    for features in (counts["rnn"]["float32"], counts["gru"]["float32"]):
        for feature, found in features.items():
            waived = feature.split()[0] in ("truncation", "weights", "divergence", "target", "streaming")
            assert ("pass" in found) != waived, feature


def test_vectors_that_were_fed_in_pieces_count_as_streaming() -> None:
    outcomes = [
        replace(outcome("small-one-unit", "pass"), pieces=9),
        outcome("linear-response", "fail", detail=f"{FED}1 at a time, from step 1 on: output: missing"),
    ]
    assert matrix.counted(TORCH, outcomes)["rnn"]["float64"][matrix.STREAMING] == {"pass": 1, "fail": 1}


def test_a_row_is_made_of_files_in_any_encoding(tmp_path: Path) -> None:
    shutil.copytree(PORTS / "torch", tmp_path / "port")
    (tmp_path / "port" / "more.c").write_bytes(b"/* \xe9 */\n")
    (tmp_path / "port" / "defects" / "no-python.py").write_bytes(b"\xe9 = (\n")
    found = matrix.row(claims.load(tmp_path / "port"), [])
    assert found.lines == matrix.row(TORCH, []).lines + 1
    assert {d["name"]: d["says"] for d in found.defects}["no-python.py"] == ""


def test_the_framework_of_which_most_passes_stands_first(row: matrix.Row) -> None:
    better = matrix.row(replace(TORCH, name="better"), [outcome(case_id, "pass") for case_id in SOME])
    assert [r.name for r in matrix.joined([row, better])] == ["better", "torch"]


def test_a_feature_of_the_matrix_is_what_a_case_has() -> None:
    """No trait of a vector is without a column, and no column is of none."""
    found = {f for v in VECTORS.values() for f in claims.traits(v.case) if not f.startswith("cell ")}
    assert found == set(matrix.features()) - {matrix.ALL, matrix.STREAMING, matrix.OUTPUT_LAYER}


def test_a_row_says_versions_lines_and_what_is_known(row: matrix.Row) -> None:
    assert row.versions.keys() == {"python", "torch"}
    assert row.lines == len((PORTS / "torch" / "port.py").read_text(encoding="utf-8").splitlines())
    assert row.known == [
        {
            "reason": "divides by 1e-12 (https://example.org/1)",
            "vectors": {"float64": ["tiny-sigmoid-binary_cross_entropy"]},
        }
    ]


@pytest.mark.parametrize("file", sorted(PORTS.glob("*/defects/*.*")), ids=lambda file: file.stem)
def test_every_defect_says_what_it_shows_what_it_printed_and_of_which_version(file: Path) -> None:
    port = claims.load(file.parents[1])
    (found,) = [d for d in matrix.row(port, []).defects if d["name"] == file.name]
    assert found["says"].strip()
    assert len(found["printed"].splitlines()) > 1
    assert any(character.isdigit() for character in found["printed"].splitlines()[0])
    assert found["source"].strip()
    assert "parity" not in found["source"]
    assert "import reference" not in found["source"]


def test_rows_are_read_back_as_they_were_written_and_joined_by_name(row: matrix.Row, tmp_path: Path) -> None:
    file = tmp_path / "rows.json"
    file.write_text(matrix.as_json([row]), encoding="utf-8")
    assert matrix.read(file) == [row]
    assert matrix.joined([row, *matrix.read(file)]) == [row]


def _change(name: str, value: Any) -> Callable[[dict[str, Any]], object]:
    return lambda d: d["rows"][0].update({name: value})


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.clear(),
        lambda d: d.update(format=2),
        lambda d: d.update(rows=[1]),
        lambda d: d["rows"][0].pop("name"),
        _change("more", 1),
        _change("lines", "many"),
        _change("counts", {"rnn": {"float64": {"h0": {"pass": "all"}}}}),
        _change("known", [{"reason": "x", "vectors": ["rich"]}]),
        _change("defects", [{"name": 1}]),
        _change("defects", [{"name": "x"}]),
        _change("name", "\x00"),
        _change("versions", {"torch\x1b[31m": "2"}),
    ],
)
def test_a_file_that_is_something_else_is_refused(
    row: matrix.Row,
    tmp_path: Path,
    change: Callable[[dict[str, Any]], object],
    capsys: pytest.CaptureFixture[str],
) -> None:
    document = json.loads(matrix.as_json([row]))
    change(document)
    file = tmp_path / "rows.json"
    file.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(SystemExit) as ended:
        commands.main(["matrix", "--join", str(file)])
    assert ended.value.code == check.USAGE
    assert "bptt matrix --json" in capsys.readouterr().err


def test_what_others_wrote_is_text_and_no_markup(row: matrix.Row) -> None:
    from dataclasses import replace

    evil = replace(
        row, name="<script>alert(1)</script>", known=[{"reason": "<b> https://example.org/1", "vectors": {}}]
    )
    page = report.page([evil])
    assert "<script>alert" not in page
    assert "<b> https" not in page
    assert '<a href="https://example.org/1">' in page


@pytest.mark.parametrize(
    ("counts", "verdict"),
    [
        ({}, ""),
        ({"not claimed": 3}, "not claimed"),
        ({"pass": 2, "not claimed": 1}, "pass"),
        ({"pass": 9, KNOWN: 1}, KNOWN),
        ({"pass": 9, KNOWN: 1, "fail": 1}, "fail"),
        ({"too sensitive": 1}, "not claimed"),
    ],
)
def test_a_place_has_the_colour_of_the_worst(counts: dict[str, int], verdict: str) -> None:
    assert matrix.verdict_of(counts) == verdict


def test_a_run_writes_rows_page_and_picture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [str(tmp_path / name) for name in ("m.json", "m.html", "m.svg")]
    written = ["--json", files[0], "--html", files[1], "--svg", files[2]]
    assert commands.main(["matrix", str(PORTS / "torch"), "-k", "sigmoid-binary", *written]) == 0
    out = capsys.readouterr().out
    assert "torch" in out
    assert max(map(len, out.splitlines())) <= 80
    (row,) = matrix.read(Path(files[0]))
    assert row.total(KNOWN) == 4
    page = Path(files[1]).read_text(encoding="utf-8")
    assert "divides by y (1 - y) or 1e-12" in page
    assert "torch, rnn, float64, activation sigmoid: " in page
    assert Path(files[2]).read_text(encoding="utf-8").startswith("<svg ")


def test_what_is_not_installed_is_said_and_not_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(PORTS / "torch", tmp_path / "port")
    manifest = tmp_path / "port" / "port.toml"
    text = manifest.read_text(encoding="utf-8")
    manifest.write_text(text.replace('packages = ["torch"]', 'packages = ["no-such-framework"]'), encoding="utf-8")
    assert commands.main(["matrix", str(tmp_path / "port")]) == check.NOTHING
    assert "torch: not run, no-such-framework not installed" in capsys.readouterr().out


def test_a_framework_that_goes_wrong_is_told_and_ends_with_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(PORTS / "torch", tmp_path / "port")
    file = tmp_path / "port" / "port.py"
    text = file.read_text(encoding="utf-8")
    assert text.count("F.linear(") == 1
    file.write_text(text.replace("F.linear(", "2 * F.linear("), encoding="utf-8")
    assert commands.main(["matrix", str(tmp_path / "port"), "-k", "square-head"]) == check.DIVERGES
    assert "FAIL square-head" in capsys.readouterr().out


ROWS = {row.name: row for row in matrix.read(PORTS / "matrix.json")}
RESULTS = (PORTS / "RESULTS.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ROWS)
def test_the_rows_that_are_kept_are_of_the_ports_as_they_are(name: str) -> None:
    """Figures that are told: where a port has changed, it is to be run again."""
    port, row = claims.load(PORTS / name), ROWS[name]
    found = matrix.row(port, [])
    assert (row.language, row.lines, row.defects) == (found.language, found.lines, found.defects)
    assert {
        (v, d) for each in row.known for d, ids in each["vectors"].items() for v in ids
    } == port.known_failures.keys()
    assert row.conforms
    assert sum(map(row.total, ("pass", KNOWN, "not claimed"))) == 2 * len(VECTORS)


@pytest.mark.parametrize("name", ROWS)
def test_the_results_tell_what_the_rows_say(name: str) -> None:
    row = ROWS[name]
    (told,) = [line for line in RESULTS.splitlines() if line.startswith(f"| [{name}]({name}) |")]
    cells = [cell.strip() for cell in told.split("|")[3:9]]
    numbers = [
        row.total("pass"),
        row.total(KNOWN),
        row.total("not claimed"),
        f"{max(row.shares.values()):.3f}",
        row.lines,
    ]
    assert cells[:5] == list(map(str, numbers))
    for package, number in row.versions.items():
        assert package == "python" or f"{package} {number}" in cells[5]
    for defect in row.defects:
        assert f"({name}/defects/{defect['name']})" in RESULTS


def test_the_picture_is_that_of_the_rows() -> None:
    """As many places of each colour; letters are drawn as each matplotlib draws them."""
    kept, drawn = (PORTS / "matrix.svg").read_text(encoding="utf-8"), report.svg(list(ROWS.values()))
    for colour in set(report.COLOURS.values()):
        assert kept.count(f"fill: {colour[:4]}") == drawn.count(f"fill: {colour[:4]}")
    assert drawn.count(f"fill: {report.COLOURS['pass']}") > 100


def test_every_framework_has_its_row() -> None:
    assert ROWS.keys() == {port.name for port in frameworks()}
