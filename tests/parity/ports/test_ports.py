"""The runner, tested by ports that are wrong in every way: planted mistakes, and bad manners. SPEC 10.5."""

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from parity import admission, vectors
from parity.cases import CASES, Case, arrays
from parity.compare import compare, describe
from parity.coverage.options import Pair
from parity.mistakes import MISTAKES
from parity.mistakes.likeness import likeness, mistaken
from parity.oracles import enclosure
from parity.ports import claims, fresh, process, verdict
from parity.ports.claims import BadPort, Port
from parity.ports.verdict import Outcome
from parity.report import check
from parity.report.check import BROKEN, CONFORMS, DIVERGES
from parity.vectors import Vector, description, writing

HERE = Path(__file__).parent
FIRST_SEVEN = vectors.frozen()[:7]
KILLS = json.loads((vectors.FROZEN / "manifest.json").read_text(encoding="utf-8"))["cases"]


def python_port(name: str, *arguments: str) -> Port:
    port = claims.load(HERE / name)
    return replace(port, command=(*port.command, *arguments))


def checked(
    port: Port,
    chosen: Sequence[Vector],
    folder: Path,
    dtypes: Sequence[str] = ("float64",),
    seconds: float = 20.0,
    repeat: int = 1,
    alone: int = 0,
) -> list[Outcome]:
    return list(verdict.check(port, chosen, dtypes, folder, seconds, repeat, alone))


def verdicts(outcomes: Sequence[Outcome]) -> str:
    """A letter a vector: pass, fail, broken, not claimed."""
    return "".join(outcome.verdict[0] for outcome in outcomes)


# The right port.


def test_the_reference_itself_conforms(tmp_path: Path) -> None:
    outcomes = checked(python_port("mistaken"), vectors.frozen(), tmp_path, vectors.DTYPES)
    assert verdicts(outcomes) == "p" * 2 * len(vectors.IDS)
    assert check.exit_code(outcomes) == CONFORMS
    assert 0 < max(o.result.share for o in outcomes if o.result) < 0.5


def test_a_port_never_sees_what_is_expected(tmp_path: Path) -> None:
    writing.write_inputs(tmp_path / "case", FIRST_SEVEN[1].case, FIRST_SEVEN[1].values, "float32", ["output"])
    files = {path.relative_to(tmp_path / "case").as_posix() for path in (tmp_path / "case").rglob("*.*")}
    assert files == {"case.toml", *(f"in/{name}.npy" for name in description.named_inputs(FIRST_SEVEN[1].values))}
    assert np.load(tmp_path / "case" / "in" / "x.npy").dtype == np.float32
    assert 'dtype = "float32"' in (tmp_path / "case" / "case.toml").read_text()


# The planted mistakes.


SAMPLE = [name for name, mistake in MISTAKES.items() if not mistake.keeps][::18]  # a port is a process: seconds each


@pytest.mark.parametrize("name", SAMPLE)
def test_a_planted_mistake_is_flagged_where_it_begins_and_called_by_its_name(name: str, tmp_path: Path) -> None:
    """Of a port that has one cell: the first with which the mistake shows."""
    mistake = MISTAKES[name]
    killers = [case_id for case_id, entry in KILLS.items() if name in entry["kills"].split()]
    cell = CASES[killers[0]].cell
    chosen = [vector for vector in vectors.frozen() if vector.case.cell == cell]
    outcomes = checked(python_port("mistaken", name), chosen, tmp_path, mistake.dtypes[:1])
    failed = {o.vector.case.id for o in outcomes if o.verdict == "fail"}
    assert failed == {case_id for case_id in killers if CASES[case_id].cell == cell}
    assert check.exit_code(outcomes) == DIVERGES
    first = next(o for o in outcomes if o.verdict == "fail")
    assert first_wrong(first) == first_wrong_by_hand(first, name)
    looks_like = likeness(outcomes)
    if any(o.result and not (o.result.first and o.result.first.problem) for o in outcomes if o.verdict == "fail"):
        assert looks_like[0].mistake is mistake
        assert f'looks like "{name}" ({mistake.says}): ' in check.line(first, looks_like) or first.result is None
    else:
        assert looks_like == []  # nothing could be compared


def first_wrong(outcome: Outcome) -> str:
    """The tensor and step that the runner names."""
    if outcome.result is None:
        return outcome.detail.partition(":")[0]
    found = outcome.result.first
    assert found is not None
    return describe(outcome.vector.case, found.tensor, found.mismatch.index) if found.mismatch else found.tensor


def first_wrong_by_hand(outcome: Outcome, name: str) -> str:
    """The same, found without files and processes: the mistake against the case's own tolerance."""
    case, dtype = CASES[outcome.vector.case.id], outcome.dtype
    got = mistaken(MISTAKES[name], case, arrays(case).astype(dtype))
    if got is None:
        return "error"
    found = compare(case, "the truth", dtype, got, enclosure.run(case, arrays(case))).first
    assert found is not None
    return describe(case, found.tensor, found.mismatch.index) if found.mismatch else found.tensor


# Bad manners.

FAKES = {
    # mode: what comes of seven vectors, the exit code, what the first line says
    "right": ("ppppppp", CONFORMS, None),
    "windows": ("ppppppp", CONFORMS, None),
    "fill-the-pipe": ("ppppppp", CONFORMS, None),
    "crash-at-start": ("b" * 7, BROKEN, r'ended \(exit code 1\) without an answer; it said: "no such library"'),
    "silent-exit": ("b" * 7, BROKEN, r"ended \(exit code 0\) without an answer"),
    "crash-at-5": ("ppppbpp", BROKEN, r"ended \(killed by SIGABRT\) without an answer"),
    "exit-at-5": ("ppppbpp", BROKEN, r"ended \(exit code 7\) without an answer"),
    "half-a-line-at-5": ("ppppbpp", BROKEN, r"ended \(exit code 0\) without an answer, after 'o' without a newline"),
    "error-at-5": ("ppppfpp", DIVERGES, r"error: out of memory"),
    "traceback-at-5": (
        "ppppfpp",
        DIVERGES,
        r'error: ValueError: no such cell; it said: "Traceback .* /   line 7, in layer / ValueError: no such cell"',
    ),
    "hang": ("b" * 7, BROKEN, r"silent for 1 s"),
    "not-flushed": ("b" * 7, BROKEN, r"silent for 1 s although all is written: is the answer flushed\?"),
    "no-newline": ("b" * 7, BROKEN, r"silent for 1 s after 'ok' without a newline"),
    "close-and-stay": ("pbpbpbp", BROKEN, r"closed its output without an answer"),
    "one-behind": ("b" * 7, BROKEN, r"silent for 1 s"),
    "talk-first": ("b" * 7, BROKEN, r"answered 'hello', expected ok, .*|answered 'hello' before it was asked"),
    "garbage": (
        "b" * 7,
        BROKEN,
        r"answered .*, expected ok, skip REASON or error REASON; debug text belongs on standard error",
    ),
    "endless-line": ("b" * 7, BROKEN, r"wrote far more than one line as its answer"),
    "million-lines": (None, BROKEN, r"answered 'ok' before it was asked|first: a_l0: missing; .*"),
    "answer-twice": (None, BROKEN, r"answered 'ok' before it was asked|first: a_l0: missing; .*"),
    "bad-exit": (
        "pppppppb",
        BROKEN,
        r"after the last case: ended with exit code 9 at the end of its input, expected 0",
    ),
    "stay": ("pppppppb", BROKEN, r"after the last case: still runs 5 s after the end of its input"),
    "last-word": ("pppppppb", BROKEN, r"after the last case: answered 'bye' after the last case"),
    "skip-everything": ("f" * 7, DIVERGES, r"skipped although it is claimed: not today"),
    "previous-output": ("pffffff", DIVERGES, r"first: a_l0: shape .*"),
    "out-is-a-link": ("pfppppp", DIVERGES, r"first: a_l0: OUT_DIR is no folder any more; 19 later tensors fail"),
    "half-a-file": (
        "pfppppp",
        DIVERGES,
        r"first: output: the file holds \d+ bytes of data where its header promises .*",
    ),
    "empty-file": ("pfppppp", DIVERGES, r"first: output: the file is no .npy file"),
    "garbled-file": ("pfppppp", DIVERGES, r"first: output: the file is no .npy file"),
    "too-long-a-file": ("pfppppp", DIVERGES, r"first: output: the file is more than \d+ bytes long"),
    "huge-promise": (
        "pfppppp",
        DIVERGES,
        r"first: output: the file holds 64 bytes of data where its header promises .*",
    ),
    "pickle": ("pfppppp", DIVERGES, r"first: output: the file holds Python objects"),
    "link": ("pfppppp", DIVERGES, r"first: output: the file is no plain file; 1 later tensor fails"),
    "pipe": ("pfppppp", DIVERGES, r"first: output: the file is no plain file"),
    "folder": ("pfppppp", DIVERGES, r"first: output: the file is no plain file"),
    "float32": ("pfppppp", DIVERGES, r"first: output: dtype float32, wanted float64"),
    "big-endian": ("pfppppp", DIVERGES, r"first: output: dtype >f8, wanted float64"),
    "Fortran-order": ("pfppppp", DIVERGES, r"first: output: the file is in Fortran order"),
    "misshapen": ("pfppppp", DIVERGES, r"first: output: shape \(1, 7, 3, 10\), wanted \(7, 3, 10\)"),
    "flat": ("pfppppp", DIVERGES, r"first: output: shape \(210,\), wanted \(7, 3, 10\)"),
    "nan": ("pfppppp", DIVERGES, r"first: output t = 0 \[0, 0\]: got nan want -0.59\d+ error inf, allowed .*"),
    "zeros": ("pfppppp", DIVERGES, r"first: output t = 0 \[1, 3\]: got 0 want -0.61\d+ error 0.61, allowed .*"),
    "missing": ("pfppppp", DIVERGES, r"first: output: missing"),
    "misnamed": (
        "pfppppp",
        DIVERGES,
        r"first: output: missing, and there is out.npy; 1 later tensor fails",
    ),
    "last-bit-at-7": ("ppppppp", CONFORMS, None),
    "unasked-file": ("pfppppp", DIVERGES, r"first: secret.npy: not asked for"),
}


@pytest.mark.parametrize("mode", FAKES)
def test_bad_manners_get_a_clear_line_and_the_run_goes_on(mode: str, tmp_path: Path) -> None:
    wanted, exit_code, words = FAKES[mode]
    limit = re.search(r"(?:silent for|still runs) (\d+) s", str(words))
    seconds = float(limit[1]) if limit else 20.0
    outcomes = checked(python_port("fake", mode), FIRST_SEVEN, tmp_path, seconds=seconds)
    assert wanted is None or verdicts(outcomes) == wanted
    assert len(outcomes) >= len(FIRST_SEVEN)
    assert check.exit_code(outcomes) == exit_code
    if words is not None:
        said = check.line(next(o for o in outcomes if o.verdict in ("fail", "broken"))).split("  ", 2)[2]
        assert re.fullmatch(words, said, re.DOTALL), said
    assert not list(tmp_path.rglob("*.npy"))  # it cleans up behind itself


def test_every_mode_of_the_fake_port_is_tested() -> None:
    source = (HERE / "fake" / "port.py").read_text(encoding="utf-8")
    modes = set(re.findall(r'mode == "([\w-]+)"', source)) | set(re.findall(r'^    "([\w-]+)": ', source, re.MULTILINE))
    assert modes | {"right"} == FAKES.keys()


def test_a_port_that_breaks_again_and_again_is_given_up(tmp_path: Path) -> None:
    outcomes = checked(python_port("fake", "crash-at-start"), FIRST_SEVEN, tmp_path)
    assert [o.detail.startswith("not run: it broke 5 times in a row") for o in outcomes] == [False] * 5 + [True] * 2


def test_a_program_that_is_not_there_is_said(tmp_path: Path) -> None:
    port = replace(python_port("fake"), command=("./nothing",))
    assert checked(port, FIRST_SEVEN[:1], tmp_path)[0].detail.startswith("cannot be started: ")


def test_a_program_in_the_folder_is_called_with_a_slash(tmp_path: Path) -> None:
    (tmp_path / "mine").touch()
    port = replace(python_port("fake"), folder=tmp_path, command=("mine",))
    said = checked(port, FIRST_SEVEN[:1], tmp_path)[0].detail
    assert said.endswith("; it is in the folder of port.toml: ./mine")


def test_a_port_in_float32_is_held_to_float32(tmp_path: Path) -> None:
    outcomes = checked(python_port("fake", "right"), FIRST_SEVEN, tmp_path, ["float32"])
    assert verdicts(outcomes) == "ppppppp"
    assert max(o.result.share for o in outcomes if o.result) > 0.01


# What a port claims.


def claiming(**features: object) -> Port:
    port = python_port("mistaken")
    return replace(port, features=dict(port.features) | features)


NOT_CLAIMED: dict[str, list[tuple[str, object, str]]] = {
    "rich": [
        ("cells", ["gru"], "cell rnn"),
        ("nonlinearities", ["relu"], "nonlinearity tanh"),
        ("layouts", [], "layout time_major"),
        ("layers", False, "layers"),
        ("bidirectional", False, "bidirectional"),
        ("biases", ["none"], "biases"),
        ("h0", False, "h0"),
        ("lengths", False, "lengths"),
        ("dropout_masks", False, "dropout_masks"),
        ("activations", ["tanh"], "activation identity"),
        ("divergences", ["ctc"], "divergence softmax_cross_entropy"),
    ],
    "truncate-3": [("truncation", False, "truncation")],
    "many-to-one-bi-ragged": [("weights", False, "weights")],
    "rnn-tanh-l1-bi-nobias-bf-ragged": [
        ("biases", ["two"], "biases"),
        ("layouts", ["time_major"], "layout batch_first"),
    ],
}


@pytest.mark.parametrize(
    ("case_id", "feature", "value", "reason"),
    [(case_id, *row) for case_id, rows in NOT_CLAIMED.items() for row in rows],
)
def test_what_is_not_claimed_is_not_asked_for(case_id: str, feature: str, value: object, reason: str) -> None:
    assert claiming().lacks(CASES[case_id], "float64") == []
    assert claiming(**{feature: value}).lacks(CASES[case_id], "float64") == [reason]


def test_what_is_not_claimed_is_no_success(tmp_path: Path) -> None:
    outcomes = checked(claiming(cells=["gru"]), FIRST_SEVEN, tmp_path)
    assert verdicts(outcomes) == "nnnnnnn"
    assert check.exit_code(outcomes) == check.NOTHING


def asked(port: Port, case_id: str) -> set[str]:
    vector = next(v for v in vectors.frozen() if v.case.id == case_id)
    return set(port.asked(vector.case, vector.expect))


def test_what_is_asked_for_is_what_the_port_provides() -> None:
    port = python_port("mistaken")
    everything = asked(port, "square-head")
    forward = asked(replace(port, provides=("forward",)), "square-head")
    trace = asked(replace(port, provides=("trace",)), "square-head")
    backward = asked(replace(port, provides=("backward",)), "square-head")
    assert forward == {"output", "h_n", "z", "y", "div"}
    assert trace == {"a_l0", "h_l0"}
    assert {"d_x", "d_h0", "d_rnn.weight_hh_l0", "d_output.bias"} <= backward
    assert everything - forward - trace - backward == {"d_y", "d_z", "d_output", "d_h_l0", "d_a_l0"}


def test_a_merged_bias_has_one_gradient() -> None:
    two = asked(claiming(), "rich")
    assert two - asked(claiming(biases=["merged"]), "rich") == {name for name in two if "bias_hh" in name}


@pytest.mark.parametrize(
    "some",
    [
        ["truncation", "lengths"],
        ["bidirectional", "dropout_masks"],
        ["target classes"],
        ["cell gru", "reset before", "no biases"],
        ["cell lstm", "a projection", "layout unbatched"],
        ["divergence softmax_cross_entropy", "target vectors"],
    ],
)
def test_what_cannot_be_had_together_is_not_claimed(some: list[str]) -> None:
    """Each feature alone is asked for as before; a case that has all of a list is not."""
    whole, less = claiming(), claiming(without=[some])
    cases = [vector.case for vector in vectors.frozen()]
    lost = [case for case in cases if less.lacks(case, "float64") != whole.lacks(case, "float64")]
    assert lost == [case for case in cases if claims.traits(case).issuperset(some)] != []
    assert {reason for case in lost for reason in less.lacks(case, "float64")} == {" with ".join(some)}
    for word in some[1:]:
        assert any(word in claims.traits(case) for case in cases if case not in lost)


def test_a_port_without_backward_need_not_know_the_divergence() -> None:
    port = replace(claiming(divergences=[], weights=False), provides=("forward",))
    assert port.lacks(CASES["many-to-one-bi-ragged"], "float64") == []
    assert asked(port, "many-to-one-bi-ragged") == {"output", "h_n", "z", "y"}


# port.toml.

GOOD = (HERE / "mistaken" / "port.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('name = "mistaken"', "", "name is missing"),
        ('name = "mistaken"', "name = 3", "name should be text that can be printed, got 3"),
        ('command = ["python", "port.py"]', 'command = "python port.py"', "command should be a list of text"),
        ('command = ["python", "port.py"]', "command = []", "command should be not empty"),
        ('["float64", "float32"]', '["float16"]', "dtypes should be of float64, float32, got 'float16'"),
        ('["forward", "trace", "backward"]', '["all"]', "provides should be of forward, trace, backward, got 'all'"),
        ('["rnn", "gru", "lstm"]', '["rnn", "grn"]', "cells should be of rnn, gru, lstm, got 'grn'"),
        ('["after", "before"]', '["afterwards"]', "resets should be of after, before, got 'afterwards'"),
        ('"log_softmax"]', '"logsoftmax"]', "log_softmax, got 'logsoftmax'"),
        ('"ctc"]', '"CTC"]', "mean_pooled_cross_entropy, ctc, got 'CTC'"),
        ("layers = true", "layers = 3", "layers should be true or false, got 3"),
        ("layers = true", "depth = true", "unknown feature 'depth'"),
        (
            "layers = true",
            'without = ["truncation"]',
            """without should be a list of lists, as [["truncation", "leng""",
        ),
        ("layers = true", "without = [[]]", "without should be a list of lists"),
        ("layers = true", 'without = [["lenghts"]]', "without should be of cell rnn, cell gru, "),
        ("layers = true", 'without = [["streaming"]]', "without should be of cell rnn, cell gru, "),
        ('["two", "none"]', '["two", "merged"]', "biases cannot be both 'two' and 'merged'"),
        ('language = "', 'licence = "MIT"\nlanguage = "', "unknown key 'licence'"),
        ("[features]", "[features", "cannot be read"),
    ],
)
def test_a_wrong_port_toml_is_said(tmp_path: Path, old: str, new: str, words: str) -> None:
    assert old in GOOD
    (tmp_path / "port.toml").write_text(GOOD.replace(old, new), encoding="utf-8")
    with pytest.raises(BadPort, match=re.escape(words)):
        claims.load(tmp_path)


def test_a_port_is_a_folder_or_a_file_beside_its_port_toml(tmp_path: Path) -> None:
    (tmp_path / "port.toml").write_text(GOOD, encoding="utf-8")
    (tmp_path / "port").touch()
    assert claims.load(tmp_path) == claims.load(tmp_path / "port.toml") == claims.load(tmp_path / "port")
    with pytest.raises(BadPort, match=r"no-port is not there, expected a folder with a port\.toml"):
        claims.load(tmp_path / "no-port")


def test_a_build_that_fails_is_said() -> None:
    port = python_port("mistaken")
    process.build(replace(port, build=("python", "-c", "pass")), "float64")
    with pytest.raises(BadPort, match=r"(?s)mistaken does not build: .*no luck"):
        process.build(replace(port, build=("python", "-c", "raise SystemExit('no luck')")), "float64")
    with pytest.raises(BadPort, match=r"mistaken does not build: no-such-compiler x cannot be started: .*No such file"):
        process.build(replace(port, build=("no-such-compiler", "x")), "float64")


# Fresh cases.


def everything(case: Case) -> list[str]:
    """What a port lacks that claims everything."""
    return []


def test_fresh_cases_are_the_same_for_a_seed_and_others_for_another() -> None:
    some = fresh.cases(1, 3, everything)
    assert some == fresh.cases(1, 3, everything)
    assert [c.id for c in some] == ["fresh-1-0", "fresh-1-1", "fresh-1-2"]
    assert [c.id for c in fresh.cases(2, 3, everything)] == ["fresh-2-0", "fresh-2-1", "fresh-2-2"]


def test_fresh_cases_are_among_those_that_a_port_claims_and_their_numbers_do_not_skip() -> None:
    port = claiming(layouts=["time_major"], layers=False, bidirectional=False, activations=[])
    found = fresh.cases(3, 8, lambda case: port.lacks(case, "float64"))
    assert [c.id for c in found] == [f"fresh-3-{number}" for number in range(8)]
    assert all(c.O is None and c.num_layers == 1 and c.layout == "time_major" for c in found)
    assert fresh.cases(3, 8, lambda case: ["all of it"]) == []


def a_forward_port() -> Port:
    """A port that has no backward, one direction, one layer, and takes logits: its claims are few."""
    port = claiming(
        cells=["rnn"], layers=False, bidirectional=False, lengths=False, divergences=[], nonlinearities=["tanh"]
    )
    return replace(port, provides=("forward",))


@pytest.mark.parametrize(
    ("port", "pairs"), [(claiming(cells=["rnn"]), 1343), (claiming(cells=["lstm"]), None), (a_forward_port(), None)]
)
def test_twenty_fresh_cases_have_80_percent_of_the_pairs_that_a_port_claims_and_sixty_all(
    port: Port, pairs: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admission, "problems", lambda case: [])  # of the values; here it is about the options
    table = fresh.claimed(np.random.default_rng(0), lambda case: port.lacks(case, "float64"))
    if pairs:
        assert len(table.pairs) == pairs
    seen: set[Pair] = set()
    for number, case in enumerate(fresh.cases(7, 60, lambda case: port.lacks(case, "float64"))):
        assert not port.lacks(case, "float64")
        seen |= table.pairs_of(table.of(case))
        if number == 19:
            assert len(seen) > 0.8 * len(table.pairs)
    assert seen >= table.pairs.keys()


def test_some_fresh_cases_are_wide_and_some_are_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "problems", lambda case: [])
    found = fresh.cases(1, 20, everything)
    assert sum(max(c.B, c.I, c.H) > 32 for c in found) >= 3
    assert any(c.T > 256 for c in found)
