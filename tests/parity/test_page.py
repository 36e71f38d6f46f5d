"""The page to look at: whole, self-contained, and true to what was run."""

import base64
import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from parity import commands, runner, vectors
from parity.cases import CASES
from parity.compare import CaseResult, TensorResult, compare
from parity.mistakes import MISTAKES
from parity.mistakes.likeness import mistaken
from parity.ports import claims
from parity.ports.verdict import Outcome
from parity.report import check, divergence, page, pictures, terminal

IMAGE = re.compile(r'src="data:image/svg\+xml;base64,([^"]+)"')
MEGABYTE = 2**20


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> str:
    file: Path = tmp_path_factory.mktemp("page") / "page.html"
    assert commands.main(["-k", "lengths-o", "--html", str(file), "--show", "rich"]) == 0
    return file.read_text(encoding="utf-8")


def needs_nothing(text: str, images: int) -> None:
    """Nothing is fetched, and every link of the contents leads somewhere."""
    assert not re.search(r"https?:|<link|<script src|@import|url\(", text)
    assert len(re.findall("src=", text)) == len(IMAGE.findall(text)) == images
    ids = re.findall(r'\bid="([^"]+)"', text)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="([^"]*)"', text)) <= {f"#{name}" for name in ids}
    assert len(re.findall(r'<li><a href="#', text)) >= 2


def test_it_needs_nothing_from_elsewhere(text: str) -> None:
    needs_nothing(text, images=4)
    assert len(text) < 2 * MEGABYTE


def test_its_pictures_are_pictures_with_something_in_them(text: str) -> None:
    for picture in IMAGE.findall(text):
        svg = base64.b64decode(picture, validate=True)
        root = ElementTree.fromstring(svg)
        assert root.tag.endswith("svg")
        assert svg.count(b"currentColor") > 10  # text and axes, in the colour of the page
        assert pictures.INK.encode() not in svg
        assert len(svg) > 10_000


def test_it_has_every_case_and_every_mistake(text: str) -> None:
    for name in ("lengths-one", "lengths-one-sequence", *MISTAKES):
        assert f"<code>{name}</code>" in text
    assert re.search(rf"\b{len(runner.select('lengths-o', None))} cases, \d+ comparisons", text)
    assert "<code>rich</code>: the largest error" in text


def test_mistakes_stand_by_file_and_by_group_of_cases(text: str) -> None:
    _, _, mistakes = text.partition('<section id="mistakes">')
    matrix, *rooms = mistakes.split("<details")
    counted = re.findall(r'<a href="#(\w+)">\1</a></td><td>(\d+)</td>', matrix)
    assert [room for room, _ in counted] == re.findall(r'<details id="(\w+)">', mistakes)
    assert sum(int(n) for _, n in counted) == len(MISTAKES)
    (padding,) = [room for room in rooms if 'id="padding"' in room]
    assert re.search(r'title="[\w-]+, lengths-one: [^"]+ times">2</td>', padding)
    assert re.search(r'title="padding, lengths: (\d+) of \d+">\1</td>', matrix)


def test_the_case_shown_and_the_three_regimes_are_cases() -> None:
    assert CASES[page.SHOWN].num_layers == 3
    assert set(pictures.REGIMES) == {"vanishing", "steady", "exploding"}
    assert set(pictures.REGIMES.values()) <= set(CASES)


def vector(case_id: str) -> vectors.Vector:
    return next(v for v in vectors.frozen() if v.case.id == case_id)


def diverging(case_id: str, mistake: str) -> Outcome:
    """What came of a port that makes a mistake."""
    v = vector(case_id)
    got = mistaken(MISTAKES[mistake], v.case, v.values.astype("float64"))
    assert got is not None
    result = compare(v.case, "the truth", "float64", got, v.expect, who="port", allowed=v.allowed["float64"])
    return Outcome(v, "float64", "pass" if result.passed else "fail", result=result, got=got)


def page_of(*outcomes: Outcome) -> str:
    port = claims.load(Path("tests/parity/ports/mistaken"))
    return page.of_check(check.document(port, outcomes, ()), "DIVERGES", outcomes)


def test_the_page_of_a_port_has_failures_first_and_draws_the_first_of_them() -> None:
    right, wrong = (diverging(case_id, "w-hh-transposed") for case_id in ("hand-1x1x1", "square-l1"))
    assert (right.verdict, wrong.verdict) == ("pass", "fail")
    crash = Outcome(vector("rich"), "float64", "broken", "ended by signal 11")
    text = page_of(right, crash, wrong)
    needs_nothing(text, images=1)
    places = [
        text.index(words) for words in ("FAIL square-l1", "BROKEN rich", "<img", "2 fail or break", "1 pass</summary>")
    ]
    assert places == sorted(places)
    assert "open" in text[text.rindex("<details", 0, text.index("2 fail or break")) : text.index("2 fail or break")]


def test_the_page_of_a_port_that_conforms_has_no_failures_and_no_picture() -> None:
    text = page_of(diverging("hand-1x1x1", "w-hh-transposed"))
    needs_nothing(text, images=0)
    assert "failures" not in re.findall(r'id="([^"]+)"', text)


def test_what_a_port_says_is_text() -> None:
    said = Outcome(vector("rich"), "float64", "broken", "</pre><script>alert(1)</script>", complaints='"><img src=x>')
    text = page_of(said)
    assert text.count("<script>") == 1  # the filter
    assert "<img" not in text
    assert "&lt;script&gt;alert(1)" in text


def test_the_share_of_each_step() -> None:
    """Exact, inside, outside; an exact value that was missed; a tensor that is not there."""
    case = CASES["square-l1"]
    shape = (case.T, case.B, case.H)
    wanted = {name: np.zeros(shape) for name in ("a_l0", "h_l0", "output")} | {"d_bias_ih_l0": np.zeros(case.H)}
    got = {name: array.copy() for name, array in wanted.items() if name != "output"}
    got["a_l0"][1, 0, 2], got["h_l0"][0, 0, 0], got["d_bias_ih_l0"][1] = 0.5, np.nan, -3.0
    allowed = {name: np.full(array.shape, float(name != "h_l0")) for name, array in wanted.items()}
    found = pictures.shares(case, got, wanted, allowed)
    assert list(found) == ["a_l0", "h_l0", "output", "d_bias_ih_l0"]
    assert found["a_l0"].tolist() == [0, 0.5, *[0] * (case.T - 2)]
    assert found["h_l0"].tolist() == [np.inf, *[0] * (case.T - 1)]
    assert np.isnan(found["output"]).tolist() == [True]
    assert found["d_bias_ih_l0"].tolist() == [3]


@pytest.mark.parametrize("case_id", ["hand-1x1x1", "long-T200", "ctc-unbatched"])
def test_a_divergence_is_drawn_whatever_is_missing(case_id: str) -> None:
    v = vector(case_id)
    missing = tuple(TensorResult(name, np.inf, problem="missing") for name in v.expect)
    stray = TensorResult("$x^", np.inf, problem="not asked for")
    result = CaseResult(v.case, "the truth", "float64", (*missing, stray), who="port")
    drawn = pictures.svg(lambda: pictures.of_port(Outcome(v, "float64", "fail", result=result)))
    assert ElementTree.fromstring(drawn).tag.endswith("svg")


def test_the_picture_of_readme_shows_where_each_port_first_goes_wrong() -> None:
    titles = [ax.get_title() for ax in divergence.picture().axes[: len(divergence.PORTS)]]
    assert [title.partition("\n")[2] for title in titles] == [
        "every tensor inside the tolerance",
        "first wrong: a_l0, step 1",
        "first wrong: d_h_l1, step 10",
    ]
    assert divergence.FILE.stat().st_size < 150_000


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(terminal, "find_spec", lambda name: None)
    with pytest.raises(SystemExit):
        commands.main(["--html", "page.html"])
    assert 'needs jinja2 and matplotlib: python -m pip install -e ".[report]"' in capsys.readouterr().err
