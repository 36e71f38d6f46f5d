"""`python -m parity gradients`: the gradient through time, in numbers and as a picture."""

import argparse
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

from parity.commands import gradients
from parity.commands.gradients import Curve, curves
from parity.report import gradients as drawing
from parity.report import terminal


def run(*arguments: str) -> int:
    parser = argparse.ArgumentParser(prog="python -m parity gradients")
    gradients.add_arguments(parser)
    return gradients.main(parser.parse_args(arguments), parser)


@pytest.fixture(scope="module")
def found() -> dict[tuple[str, str], Curve]:
    return {(curve.kind, curve.label): curve for curve in curves(100, 1)}


@pytest.mark.parametrize("radius", gradients.RADII["linear"])
def test_in_a_linear_network_a_step_multiplies_by_the_spectral_radius(
    radius: float, found: dict[tuple[str, str], Curve]
) -> None:
    np.testing.assert_allclose(found["linear", f"ρ = {radius:g}"].norm, radius ** np.arange(99, -1, -1.0), rtol=1e-9)


def test_tanh_takes_from_it_at_every_step_until_the_radius_outweighs_that(found: dict[tuple[str, str], Curve]) -> None:
    for radius in (0.9, 1.0):
        linear, tanh = (found[kind, f"ρ = {radius:g}"].norm for kind in ("linear", "tanh"))
        assert (tanh[:-1] < linear[:-1]).all()
        assert tanh[0] < 0.01
    assert 100 < found["tanh", "ρ = 2"].ratio < 2.0**99


@pytest.mark.parametrize("kind", ["GRU", "LSTM"])
def test_a_gate_kept_open_carries_it(kind: str, found: dict[tuple[str, str], Curve]) -> None:
    closed, usual, open_ = (found[kind, f"bias {bias}"].ratio for bias in ("0", "1", "log(T-1)"))
    assert closed < 1e-6 * usual
    assert usual < 1e-6
    assert 0.1 < open_ < 1


def test_the_regimes_and_the_factor_of_a_step() -> None:
    assert [gradients.regime(ratio) for ratio in (1e-3, 0.1, 10, 1e3)] == ["vanishes", "stays", "stays", "explodes"]
    curve = Curve("", "", np.array([8.0, 4.0, 2.0, 1.0]))
    assert curve.ratio == 8
    assert curve.per_step == pytest.approx(2)


def test_it_prints_a_table_without_a_picture(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(terminal, "find_spec", lambda name: None)
    assert run("--steps", "20", "--seed", "2") == 0
    out = capsys.readouterr().out
    assert f"{0.9**19:.1e}    0.900" in out
    assert "at t = 0 / at t = 19" in out
    assert max(map(len, out.splitlines())) <= 80


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_it_draws_a_panel_a_message(kind: str, tmp_path: Path) -> None:
    file = tmp_path / f"picture.{kind}"
    assert run(str(file), "--steps", "30") == 0
    content = file.read_bytes()
    assert len(content) > 20_000
    if kind == "png":
        assert content.startswith(b"\x89PNG")
    else:
        assert ET.fromstring(content).tag.endswith("svg")


def test_every_curve_is_drawn_and_labelled_on_one_scale() -> None:
    every = curves(30, 1)
    panels = drawing.picture(every).axes
    assert sum(len(ax.lines) for ax in panels) == len(every) == sum(len(ax.texts) for ax in panels)
    assert len({ax.get_ylim() for ax in panels}) == 1
    assert all(ax.get_title() and ax.get_xlabel() for ax in panels)
    assert panels[0].get_ylabel() == "norm of dDIV/dh(t)"


def test_labels_that_are_near_are_moved_apart() -> None:
    assert drawing._apart([5.0, 0.0], 1.0) == [5.0, 0.0]
    moved = drawing._apart([0.2, 0.0, 0.1, 5.0], 1.0)
    assert np.argsort(moved).tolist() == [1, 2, 0, 3]
    assert np.diff(np.sort(moved)).min() > 0.8


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["picture.jpg"], "FILE should end in .png or .svg, got picture.jpg"),
        (["--steps", "1"], "--steps should be in 2..500, got 1"),
        (["--steps", "501"], "--steps should be in 2..500, got 501"),
        (["--seed", "-1"], "--seed should be at least 0, got -1"),
        (["no/such/folder/picture.png"], "there is no folder no/such/folder"),
    ],
)
def test_wrong_usage_exits_with_2_and_says_why(
    arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        run(*arguments)
    assert stopped.value.code == 2
    assert complaint in capsys.readouterr().err


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(terminal, "find_spec", lambda name: None)
    with pytest.raises(SystemExit) as stopped:
        run("picture.png")
    assert stopped.value.code == 2
    assert 'a picture needs matplotlib: python -m pip install -e ".[report]"' in capsys.readouterr().err
