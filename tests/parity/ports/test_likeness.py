"""Which planted mistake wrong answers look like. SPEC 10.7."""

import re
from dataclasses import replace

import numpy as np
import pytest

from parity import commands, tensors, vectors
from parity.cases import CASES
from parity.mistakes import MISTAKES, naming, planted
from parity.mistakes.likeness import OFFERED, likeness, mistaken
from parity.oracles import complex_step
from parity.ports.verdict import Outcome
from reference import activations
from reference.arrays import Array
from tests.parity.ports.answers import VECTORS, Change, answer, judged

SMALL = ["small-one-input", "square-l1", "rnn-tanh-l1-bi-nobias-bf-ragged", "square-head", "targets-of-any-sum"]
FEW = [
    "w-hh-transposed", "tanh-rational", "b-hh-missing", "reverse-output-not-flipped",
    "dw-hh-with-h-t", "reverse-dx-missing", "targets-taken-to-sum-to-1", "db-mean",
]  # fmt: skip


def named(outcomes: list[Outcome]) -> list[str]:
    return [like.mistake.name for like in likeness(outcomes)]


def of(name: str, case_id: str, dtype: str = "float64") -> dict[str, Array]:
    """What the mistake gives."""
    vector = VECTORS[case_id]
    got = mistaken(MISTAKES[name], vector.case, vector.values.astype(dtype))
    assert got is not None
    return got


def test_mistakes_are_named_in_both_dtypes_and_whoever_differentiates() -> None:
    mistakes = [MISTAKES[name] for name in FEW]
    found = naming.measure(mistakes, [VECTORS[case_id] for case_id in SMALL])
    assert [n for n in found if n.place != "first"] == []
    ways = {(n.mistake.name, n.dtype, n.differentiates) for n in found}
    for name in FEW:
        assert {(name, dtype, naming.BY_HAND) for dtype in vectors.DTYPES} <= ways
    for name in FEW[:4]:
        assert {(name, dtype, naming.BY_MACHINE) for dtype in vectors.DTYPES} <= ways
    assert ("dw-hh-with-h-t", "float64", naming.BY_MACHINE) not in ways  # its forward pass is right


def by_machine(name: str, case_id: str) -> dict[str, Array]:
    """The forward pass of the mistake, and its derivative by a step into the imaginary."""
    got = of(name, case_id)
    with planted(MISTAKES[name]):
        gradients = complex_step._gradients.__wrapped__(CASES[case_id])
    forward = {n: t for n, t in got.items() if not tensors.find(CASES[case_id], n).backward}
    return forward | gradients


def adapter(name: str, case_id: str, change: Change = lambda got: None) -> Outcome:
    got = by_machine(name, case_id)
    change(got)
    return judged(case_id, got, asked=got)


def test_a_wrong_forward_pass_is_named_and_its_gradients_are_told_from_others() -> None:
    cases = ["square-l1", "rnn-tanh-l1-bi-nobias-bf-ragged"]
    (like,) = likeness([adapter("w-hh-transposed", case_id) for case_id in cases])
    assert (like.mistake.name, like.explained, like.derived) == ("w-hh-transposed", 2, True)
    assert str(like).endswith("2 of 2 wrong answers tried are alike; the gradients are those of the wrong forward pass")

    def doubled(got: dict[str, Array]) -> None:
        got["d_x"] *= 2

    (like,) = likeness([adapter("w-hh-transposed", case_id, doubled) for case_id in cases])
    assert (like.mistake.name, like.derived) == ("w-hh-transposed", False)
    assert str(like).endswith("2 of 2 wrong answers tried are alike forward; the gradients are wrong in another way")


def test_a_mistake_that_would_make_right_answers_wrong_is_not_named() -> None:
    wrong = judged("square-l1", of("w-hh-transposed", "square-l1"))
    assert named([wrong]) == named([wrong, answer("small-one-unit")]) == ["w-hh-transposed"]
    assert named([wrong, answer("square-head")]) == []


def test_what_is_alike_to_a_digit_is_not_offered_beside_what_is_the_same() -> None:
    wrong = [judged(c, of("ctc-must-end-in-blank", c)) for c in ("ctc-repeats", "ctc-mean-ragged-l2")]
    forward = [judged(o.vector.case.id, dict(o.got), asked=["output", "z", "y", "div"]) for o in wrong]
    assert named(forward) == ["ctc-must-end-in-blank"]


def test_a_second_fault_does_not_hide_the_first() -> None:
    cases = ["square-l1", "square-head", "targets-of-any-sum", "rnn-tanh-l1-bi-nobias-bf-ragged", "truncate-3"]
    outcomes = [judged(case_id, of("w-hh-transposed", case_id)) for case_id in cases[:4]]
    assert named([*outcomes, answer("truncate-3", negate)]) == ["w-hh-transposed"]
    assert named([*outcomes[:2], answer("truncate-3", negate)]) == []


def negate(got: dict[str, Array]) -> None:
    for tensor in got.values():
        np.negative(tensor, out=tensor)


def test_two_mistakes_at_once_look_like_none() -> None:
    assert named([answer("square-l1", negate)]) == []


def test_nothing_that_was_not_compared_looks_like_anything() -> None:
    missing = answer("square-l1", lambda got: got.pop("a_l0"))
    error = Outcome(VECTORS["square-l1"], "float64", "fail", "error: out of memory")
    assert missing.verdict == "fail"
    assert named([missing]) == named([error]) == named([missing, error]) == []


def test_a_mistake_in_a_port_of_low_precision_is_named() -> None:
    """Its rounding is a million limits wide, and still small beside the mistake."""

    def rounded(name: str, case_id: str) -> dict[str, Array]:
        return {n: t.astype(np.float16).astype(np.float64) for n, t in of(name, case_id).items()}

    outcomes = [judged(case_id, rounded("w-hh-transposed", case_id)) for case_id in ("square-l1", "small-one-step")]
    assert named(outcomes)[0] == "w-hh-transposed"


def test_a_mistake_is_named_where_the_tolerance_is_a_denormal_number() -> None:
    """A share of the tolerance overflows there: it is the largest number, not none."""
    outcome = judged("square-l1", of("w-hh-transposed", "square-l1"))
    tiny = {name: np.full_like(limit, 5e-324) for name, limit in outcome.vector.allowed["float64"].items()}
    narrow = replace(outcome, vector=replace(outcome.vector, allowed={"float64": tiny}))
    assert named([narrow]) == ["w-hh-transposed"]
    assert named([replace(narrow, got={name: -tensor for name, tensor in outcome.got.items()})]) == []


def test_an_inaccurate_tanh_looks_like_nothing_that_is_planted_or_like_three_at_most(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def tanh(z: Array, out: Array | None = None) -> Array:
        return np.subtract(1, 2 / (np.exp(2 * z) + 1), out=out)

    with monkeypatch.context() as patch:
        patch.setitem(activations.NONLINEARITIES, "tanh", replace(activations.TANH, value=tanh))
        outcomes = [answer(case_id, dtype="float32") for case_id in ("critical-T64", *SMALL)]
    assert [o.verdict for o in outcomes] == ["fail", *["pass"] * len(SMALL)]
    assert len(named(outcomes)) <= OFFERED


def test_the_command_prints_the_table_of_likeness(capsys: pytest.CaptureFixture[str]) -> None:
    assert commands.main(["bugs", "--likeness", "-k", "float64-in-float32"]) == 0
    out = capsys.readouterr().out
    assert "Mistakes as ports: is the right one named?" in out
    assert re.search(r"float64-in-float32 float32 by hand \(\d+ wrong\): nothing", out)
    with pytest.raises(SystemExit):
        commands.main(["bugs", "--likeness", "--case", "rich"])
    assert "--case and --json do not go with it" in capsys.readouterr().err
