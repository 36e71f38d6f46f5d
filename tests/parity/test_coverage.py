"""What the frozen set and the table cover, and that the measuring can tell where something is not."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import reference
from parity import commands, vectors
from parity.cases import CASES, Case
from parity.cells import VARIANTS
from parity.coverage import points
from parity.coverage.options import RULES, Options, missing
from parity.mistakes import MISTAKES
from parity.ports import fresh

SPEC = Path(reference.__file__).with_name("SPEC.md").read_text(encoding="utf-8")


def test_the_frozen_set_and_the_table_cover_all_that_they_must(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(MISTAKES, "younger than the set", MISTAKES["w-hh-transposed"])
    file = tmp_path / "coverage.json"
    code = commands.main(["coverage", "--json", str(file)])
    out = capsys.readouterr().out
    assert code == 0, out
    assert "MISSES" not in out
    assert all(len(line) <= 80 for line in out.splitlines())
    sets = json.loads(file.read_text())
    frozen, whole = sets.values()
    assert list(frozen) == [*VARIANTS, "all"]
    assert list(whole) == list(VARIANTS)
    for variant in VARIANTS:
        assert {line["point"] for line in frozen[variant]} == {"options", "sizes", "values", "not read", "clauses"}
    assert [line["what"] for line in frozen["all"]] == ["killed", "cases that kill one"]
    assert not any(line["missing"] for parts in sets.values() for lines in parts.values() for line in lines)


def test_where_something_is_missing_it_is_said_and_the_exit_code_is_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    few = ["hand-1x1x1", "rich"]
    monkeypatch.setattr(vectors, "frozen_cases", lambda: [CASES[name] for name in few])
    monkeypatch.setattr(vectors, "known_kills", lambda: {"hand-1x1x1": [], "rich": ["w-hh-transposed"]})
    monkeypatch.setattr("parity.commands.coverage.CASES", {name: CASES[name] for name in few})
    assert commands.main(["coverage", "--fresh", "1", "--fresh-cases", "1", "--illegal"]) == 1
    out = capsys.readouterr().out
    assert "missing: rnn: sizes and lengths: H past 8 lanes" in out
    assert "missing: all: cases that kill one: hand-1x1x1" in out
    assert "missing: rnn: that a port follows: 2.4" in out
    assert "--fresh 1: 1 cases" in out
    assert "lengths given with layout unbatched: one series has no lengths (1.2)" in out


@pytest.mark.parametrize("arguments", [["--fresh", "-1"], ["--fresh-cases", "0"], ["--json", "no/such/folder.json"]])
def test_wrong_usage_ends_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        commands.main(["coverage", *arguments])


def test_the_clauses_are_those_of_spec() -> None:
    found = re.findall(r"^\*\*((?:[2-8]|1[2-9])\.\d+)\*\*", SPEC, re.MULTILINE)
    assert sorted([*points.CLAUSES, *points.ASK_NOTHING]) == sorted(found)


def test_every_legal_pair_can_be_had_in_a_case_that_has_it() -> None:
    table, rng = Options(), np.random.default_rng(0)
    for pair, choice in table.pairs.items():
        case = fresh.drawn(rng, choice, "any")
        case.shapes()  # raises where the options do not go together
        assert pair in table.pairs_of(table.of(case))


def test_no_case_breaks_a_rule() -> None:
    table = Options()
    for case in CASES.values():
        choice = table.of(case)
        assert table.completed(choice) == choice, case.id
        for rule in RULES:
            assert not (choice[rule.option] in rule.values and choice[rule.other] in rule.others), case.id


def test_a_value_that_is_younger_than_the_frozen_set_is_not_asked_of_it() -> None:
    few = [CASES["hand-1x1x1"], CASES["rich"]]
    younger, apart = (
        frozenset({("divergence", "ctc"), ("layers", "1")}),
        frozenset({("layers", "1"), ("directions", "2")}),
    )
    absent, legal = missing(few)
    assert {younger, apart} <= set(absent)
    absent, asked = missing(few, frozen=True)
    assert {younger, apart} & set(absent) == {apart}
    assert asked < legal


def test_a_pair_that_no_case_has_is_missing() -> None:
    without = [case for case in CASES.values() if not (case.bidirectional and case.nonlinearity == "relu")]
    pair = frozenset({("directions", "2"), ("nonlinearity", "relu")})
    assert pair in missing(without)[0]
    assert pair not in missing(list(CASES.values()))[0]


def a_line(case: Case, what: str) -> points.Line:
    return next(line for line in points.points("rnn", [case], frozen=True) if line.what == what)


@pytest.mark.parametrize(
    ("case_id", "changes", "what", "lost"),
    [
        ("wide-past-32", {"H": 32}, "sizes and lengths", "H past 16 lanes"),
        ("long-T261-I65", {"I": 62}, "sizes and lengths", "an array past 2^15 elements"),
        ("range-tanh", {"recipe": "range:-300:800"}, "ranges of activations", "tanh from -inf to -710"),
        ("far-below-softmax", {"recipe": "offset:-600"}, "ranges of activations", "softmax of a row far below 0"),
        ("edges-unasked-nan", {"unread": "garbage"}, "weights, slopes, NaN", "weight 0 where the target is NaN"),
        ("edges-unasked-100", {"weights": "random"}, "weights, slopes, NaN", "weight 0 where the target is -100"),
        ("tiny-sigmoid-kl", {"weights": "mask"}, "weights, slopes, NaN", "a negative weight"),
        ("range-relu", {"activation": "identity"}, "weights, slopes, NaN", "d_y where a slope is 0"),
        ("truncate-above-T", {"truncate": 7}, "dropout and truncation", "truncate above T"),
        ("ctc-past-doubles", {"recipe": "unlikely:50"}, "corners of CTC", "ctc: log p below what float64 holds"),
        ("ctc-one-path", {"T": 6, "lengths": (6, 4, 2)}, "corners of CTC", "ctc: one path"),
    ],
)
def test_a_case_that_is_changed_no_longer_covers(
    case_id: str, changes: dict[str, object], what: str, lost: str
) -> None:
    case = CASES[case_id]
    assert lost not in a_line(case, what).missing
    assert lost in a_line(replace(case, **changes), what).missing  # type: ignore[arg-type]


def test_what_must_not_be_read_is_counted() -> None:
    nan, garbage = CASES["lengths-one"], CASES["wide-past-8"]
    assert points.points("rnn", [nan, garbage], frozen=True)[-2].holds
    assert not points.points("rnn", [nan, nan, garbage], frozen=True)[-2].holds
    assert not points.points("rnn", [nan])[-2].holds
