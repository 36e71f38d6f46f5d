"""What `python -m benchmarks` makes of its samples, and that what it times is right. No time is asserted."""

import json
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import __main__ as program
from benchmarks import contenders, plot, ratios, worker
from benchmarks.__main__ import document
from benchmarks.tables import Samples, Setting, growth_tables, ratio, tables
from parity import report
from parity.cases import BENCHMARKS, Case

FIRST, SECOND = list(BENCHMARKS)[:2]


def samples() -> Samples:
    """Two shapes, one of them in both dtypes and numbers of threads; twice as fast as torch, 1.25 of the floor."""
    found: Samples = {}
    for case, dtype, threads in ((FIRST, "float32", 1), (FIRST, "float64", 2), (SECOND, "float32", 1)):
        for kind in ("forward", "forward_backward"):
            found[Setting(case, dtype, kind, threads)] = {
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
    console = report.console()
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
    (shown,) = map(text_of, tables(samples(), "torch", "forward"))
    assert "RNN, forward: time of the reference / torch" in " ".join(shown.split())
    assert shown.count("[0.50-0.50]") == 3
    assert shown.count("32, 1, 8, 16") == 1
    assert [line.split() for line in shown.splitlines() if "geometric mean" in line] == [
        ["geometric", "mean", "0.50", "0.50"]
    ]
    assert "[1.25-1.25]" in "".join(map(text_of, tables(samples(), "floor", "forward_backward")))
    assert list(tables(samples(), "jax", "forward")) == []


def test_every_table_fits_80_columns() -> None:
    """With numbers as large as any that was measured, and more numbers of threads than a table has room for."""
    slow: Samples = {
        Setting(case, dtype, kind, threads): {"reference": [123.456], "torch": [1.0]}
        for case in BENCHMARKS
        for dtype in ("float32", "float64")
        for kind in ("forward", "forward_backward")
        for threads in (1, 2, 8)
    }
    of_ratios = [*tables(slow, "torch", "forward"), *tables(slow, "torch", "forward_backward")]
    assert len(of_ratios) == 4
    wide = GROWTH | {
        "time per step": [row | {"T": 100 * row["T"], "microseconds": 12_345.6} for row in GROWTH["time per step"]]
        + [{"T": T, "B": 16, "H": 128, "what": "checkpoints", "microseconds": 12_345.6} for T in (100, 1_000)],
        "memory": [{"what": "backward, checkpoint_every=100", "bytes": 123_456_789, "formula": 123_456_780}],
        "ragged": [{"sizes": [128, 64, 256, 256], "real": 0.5, "ragged / full": 10.5, "ragged / torch": 10.25}],
        "stacks": [{"sizes": [100, 32, 128, 128], "whole / parts": 1.125}],
        "last step": {"torch, last / every": 12.5},
    }
    for table in [*of_ratios, *growth_tables(wide)]:
        shown = text_of(table)
        assert max(map(len, shown.splitlines())) <= 80, shown
        assert "…" not in shown
    lines = ratios.table(
        ({"cell": "lstm", "T": 1000, "B": 32, "I": 1024, "H": 1024, "kind": kind, "dtype": dtype, "threads": 1,
          "contender": contender}, 1.0)
        for kind in ("forward", "forward+backward") for dtype in ("float32", "float64")
        for contender in ("reference", "torch")
    )  # fmt: skip
    assert max(map(len, lines)) <= 80


def test_growth_is_shown_with_what_it_is_measured_in() -> None:
    shown = "".join(map(text_of, growth_tables(GROWTH)))
    for words in ("T = 1,000", "5.2", "1,010", "1.010", "0.62", "0.25", "1.12", "1.50", "6.5", "3.0"):
        assert words in shown
    assert list(growth_tables({})) == []


@pytest.mark.parametrize(
    ("some", "growth", "names"),
    [
        (samples(), GROWTH, {"picture", "picture-growth"}),
        (samples(), {}, {"picture"}),
        ({}, GROWTH, {"picture-growth"}),
    ],
)
def test_every_picture_is_written_twice(some: Samples, growth: dict[str, Any], names: set[str], tmp_path: Path) -> None:
    plot.write(tmp_path / "picture", some, growth)
    assert {file.name for file in tmp_path.iterdir()} == {f"{name}.{kind}" for name in names for kind in ("png", "svg")}
    for name in names:
        assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert "<svg" in (tmp_path / f"{name}.svg").read_text(encoding="utf-8")


def test_the_picture_has_every_ratio_and_says_what_it_shows() -> None:
    figure = plot.picture(samples())
    assert [ax.get_title() for ax in figure.axes] == ["RNN, forward + backward", "RNN, forward"]
    for ax in figure.axes:
        words = {text.get_text() for text in ax.texts}
        assert {"PyTorch 0.50", "its floor 1.25", "below 1: the reference is faster"} <= words
        marks = [line.get_xdata() for line in ax.lines if line.get_marker() in ("o", "D")]
        assert len(marks) == 2 * (len(samples()) // 2 + 1)  # of each other, and the mean
        assert sum(line.get_markerfacecolor() == "none" for line in ax.lines) == 2  # two threads
    assert "time of the reference / time of the other" in figure.get_supxlabel()


def test_the_picture_of_growth_names_its_lines() -> None:
    (ax,) = plot.growth_picture(GROWTH["time per step"]).axes
    assert len(ax.lines) == 2
    assert [text.get_text() for text in ax.texts] == ["B = 1, H = 64"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("T, the number of steps", "microseconds a step")


def test_the_json_has_every_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "about", lambda: {"cpu": "one"})
    found = json.loads(json.dumps(document(samples(), GROWTH)))
    assert found["about"] == {"cpu": "one"}
    assert found["growth"] == GROWTH
    assert len(found["settings"]) == 6
    assert found["settings"][0] == {
        "case": FIRST,
        "dtype": "float32",
        "kind": "forward",
        "threads": 1,
        "seconds": samples()[Setting(FIRST, "float32", "forward", 1)],
    }


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["-k", "T7"], "no shape has 'T7' in its id: bench-T32"),
        (["--threads", "0"], "should be above 0"),
        (["--turns", "0"], "should be above 0"),
        (["--dtype", "float16"], "invalid choice: 'float16'"),
        (["--part", "all"], "invalid choice: 'all'"),
        (["--cell", "mgu"], "invalid choice: 'mgu'"),
        (["--cell", "gru", "-k", "bench-T32"], "no shape has 'bench-T32' in its id: bench-gru-T32"),
        (["--cell", "lstm", "--part", "growth"], "measured of the rnn alone"),
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


CONTENDERS = [name for name in worker.CLASSES if find_spec(program.AGAINST.get(name, "numpy"))]


def tiny(cell: str) -> Case:
    return Case(f"tiny-{cell}", "benchmark", "too small to be timed", cell=cell, T=4, B=2, I=3, H=5)


@pytest.mark.parametrize("cell", program.CELLS)
@pytest.mark.parametrize("kind", worker.KINDS)
def test_every_contender_agrees_with_the_reference_and_is_sampled(cell: str, kind: str) -> None:
    names = [name for name in CONTENDERS if worker.able(name, kind, "float32")]
    assert ("onnxruntime" in names) == ("onnxruntime" in CONTENDERS and kind == "forward")
    found = worker.measure(tiny(cell), "float32", kind, names, turns=2)
    assert {name: len(samples) for name, samples in found.items()} == dict.fromkeys(names, 2)


@pytest.mark.parametrize("cell", program.CELLS)
def test_a_wrong_contender_is_not_timed(cell: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Wrong(contenders.Reference):
        def forward(self) -> dict[str, Any]:
            results = super().forward()
            return results | {"h_n": results["h_n"] + np.float32(1e-3)}

    monkeypatch.setitem(worker.CLASSES, "wrong", Wrong)
    with pytest.raises(AssertionError, match=rf"FAIL tiny-{cell}  float32  against wrong[\s\S]*first: h_n"):
        worker.measure(tiny(cell), "float32", "forward", ["wrong"], turns=1)


@pytest.mark.parametrize("cell", program.CELLS)
def test_the_floor_does_not_drift_into_values_that_take_longer(cell: str) -> None:
    """Neither infinities nor denormal numbers, however long the series."""
    floor = contenders.Floor(replace(tiny(cell), T=1000), "float32")
    for _ in range(2):
        floor.forward_backward()
    for columns in (floor.step, floor.d_step):
        for rows in (*columns.kept_rows.values(), *columns.state_rows.values()):
            assert np.all((rows == 0) | (np.abs(rows) > np.finfo(rows.dtype).tiny) & np.isfinite(rows))


def test_every_shape_is_timed_with_every_cell() -> None:
    shapes = {cell: [(c.T, c.B, c.I, c.H) for c in BENCHMARKS.values() if c.cell == cell] for cell in program.CELLS}
    assert list(shapes) == ["rnn", "gru", "lstm"]
    assert shapes["rnn"] == shapes["gru"] == shapes["lstm"]
