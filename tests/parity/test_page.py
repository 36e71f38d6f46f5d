"""The page to look at: whole, self-contained, and true to what was run."""

import base64
import re
from pathlib import Path

import pytest

from parity import commands, runner
from parity.cases import CASES
from parity.mistakes import MISTAKES
from parity.report import page, terminal

IMAGE = re.compile(r'src="data:image/png;base64,([^"]+)"')


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> str:
    file: Path = tmp_path_factory.mktemp("page") / "page.html"
    assert commands.main(["-k", "lengths-o", "--html", str(file), "--show", "rich"]) == 0
    return file.read_text(encoding="utf-8")


def test_it_needs_nothing_from_elsewhere(text: str) -> None:
    assert not re.search(r"https?:|<link|<script|@import|url\(", text)
    assert len(re.findall("src=", text)) == len(IMAGE.findall(text)) == 4


def test_its_pictures_are_pictures_with_something_in_them(text: str) -> None:
    for picture in IMAGE.findall(text):
        png = base64.b64decode(picture, validate=True)
        assert png.startswith(b"\x89PNG")
        assert len(png) > 10_000


def test_it_has_every_case_and_every_mistake(text: str) -> None:
    for name in ("lengths-one", "lengths-one-sequence", *MISTAKES):
        assert f"<code>{name}</code>" in text
    assert re.search(rf"\b{len(runner.select('lengths-o', None))} cases, \d+ comparisons", text)
    assert "<code>rich</code>: the largest error" in text


def test_the_case_shown_and_the_three_regimes_are_cases() -> None:
    assert CASES[page.SHOWN].num_layers == 3
    assert set(page.REGIMES) == {"vanishing", "steady", "exploding"}
    assert set(page.REGIMES.values()) <= set(CASES)


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(terminal, "find_spec", lambda name: None)
    with pytest.raises(SystemExit):
        commands.main(["--html", "page.html"])
    assert 'needs jinja2 and matplotlib: python -m pip install -e ".[report]"' in capsys.readouterr().err
