"""What `python -m benchmarks` makes of its samples: paired ratios, tables, JSON, the picture. Nothing here is timed."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks import __main__ as program
from benchmarks import plot
from benchmarks.__main__ import document
from benchmarks.tables import Cell, Samples, growth_tables, ratio, table
from parity import report
from parity.cases import BENCHMARKS

FIRST, SECOND = list(BENCHMARKS)[:2]


def samples() -> Samples:
    """Two shapes, one of them in both dtypes and numbers of threads; twice as fast as torch, 1.25 of the floor."""
    found: Samples = {}
    for case, dtype, threads in ((FIRST, "float32", 1), (FIRST, "float64", 2), (SECOND, "float32", 1)):
        for kind in ("forward", "forward_backward"):
            found[Cell(case, dtype, kind, threads)] = {
                "reference": [1.0, 2.0, 5.0],
                "torch": [2.0, 4.0, 10.0],
                "floor": [0.8, 1.6, 4.0],
            }
    return found


GROWTH: dict[str, Any] = {
    "time per step": [
        {"T": T, "B": 1, "H": 64, "what": what, "microseconds": 5.25}
        for T in (100, 1_000)
        for what in ("whole", "checkpoints")
    ],
    "memory": [{"what": "forward", "bytes": 1010, "formula": 1000}],
    "ragged": [{"sizes": [7, 3, 4, 5], "real": 0.5, "ragged / full": 0.625, "ragged / torch": 0.25}],
    "stacks": [{"sizes": [7, 3, 5, 5], "whole / parts": 1.125}],
    "last step": {"last / every": 1.5},
    "million": {"T": 1_000_000, "seconds": 6.5, "bytes beside output and dx": 3_000_000},
}


def text_of(thing: Any) -> str:
    console = report.console(width=140)
    with console.capture() as capture:
        console.print(thing)
    return capture.get()


def test_a_ratio_is_the_median_of_pairs_and_not_the_ratio_of_medians() -> None:
    """A load that comes over both of a pair is in neither ratio."""
    assert ratio({"reference": [1.0, 20.0, 3.0], "torch": [2.0, 40.0, 6.0]}, "torch") == (0.5, 0.5, 0.5)
    low, middle, high = ratio({"reference": [1.0, 2.0, 3.0], "torch": [1.0, 1.0, 1.0]}, "torch") or (0, 0, 0)
    assert (low, middle, high) == (1.5, 2.0, 2.5)
    assert ratio({"reference": [1.0]}, "jax") is None


def test_the_table_has_a_row_a_shape_and_the_geometric_mean() -> None:
    shown = text_of(table(samples(), "torch", "forward"))
    assert "time of the reference / torch (forward)" in shown
    assert shown.count("0.50 [0.50-0.50]") == 3
    assert shown.count("32, 1, 8, 16") == 1
    assert [line.split()[2:] for line in shown.splitlines() if "geometric mean" in line] == [
        ["mean", "│", "0.50", "│", "0.50", "│"]
    ]
    assert "1.25 [1.25-1.25]" in text_of(table(samples(), "floor", "forward_backward"))


def test_growth_is_shown_with_what_it_is_measured_in() -> None:
    shown = "".join(map(text_of, growth_tables(GROWTH)))
    for words in ("T = 1,000", "5.2", "1,010", "1.010", "0.62", "0.25", "1.12", "1.50", "6.5", "3.0"):
        assert words in shown
    assert list(growth_tables({})) == []


@pytest.mark.parametrize(("some", "growth"), [(samples(), GROWTH), (samples(), {}), ({}, GROWTH)])
def test_the_picture_is_written_twice(some: Samples, growth: dict[str, Any], tmp_path: Path) -> None:
    plot.write(tmp_path / "picture", some, growth)
    assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG")
    assert "<svg" in (tmp_path / "picture.svg").read_text(encoding="utf-8")


def test_the_picture_has_every_ratio() -> None:
    panels = plot.picture(samples(), GROWTH).axes
    assert len(panels) == 6
    drawn = {text.get_text() for ax in panels if (legend := ax.get_legend()) for text in legend.get_texts()}
    assert drawn == {
        "torch, threads: 1", "torch, threads: 2",
        "forward + backward, float32, threads: 1", "forward + backward, float64, threads: 2",
        "forward, float32, threads: 1", "forward, float64, threads: 2",
        "B = 1, H = 64, whole", "B = 1, H = 64, checkpoints",
    }  # fmt: skip


def test_the_json_has_every_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "about", lambda: {"cpu": "one"})
    found = json.loads(json.dumps(document(samples(), GROWTH)))
    assert found["about"] == {"cpu": "one"}
    assert found["growth"] == GROWTH
    assert len(found["cells"]) == 6
    assert found["cells"][0] == {
        "case": FIRST,
        "dtype": "float32",
        "kind": "forward",
        "threads": 1,
        "seconds": samples()[Cell(FIRST, "float32", "forward", 1)],
    }


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["-k", "T7"], "no shape has 'T7' in its id: bench-T32"),
        (["--threads", "0"], "should be above 0"),
        (["--turns", "0"], "should be above 0"),
        (["--dtype", "float16"], "invalid choice: 'float16'"),
        (["--part", "all"], "invalid choice: 'all'"),
    ],
)
def test_wrong_arguments_are_refused(
    arguments: list[str], says: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["benchmarks", *arguments])
    with pytest.raises(SystemExit, match="2"):
        program.main()
    assert says in capsys.readouterr().err


def test_what_fails_in_another_process_is_told() -> None:
    with pytest.raises(RuntimeError, match=r"benchmarks\.worker --nonsense failed:"):
        program._process("worker", ["--nonsense"], 1, "", 1)
