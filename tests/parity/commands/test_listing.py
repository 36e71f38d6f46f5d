"""`bptt list`: the cases and the vectors."""

import pytest

from parity import commands, vectors
from parity.cases import CASES


def listed(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    assert commands.main(["list", *arguments]) == 0
    return capsys.readouterr().out.splitlines()


def test_every_case_has_a_line_and_those_that_are_not_frozen_a_mark(capsys: pytest.CaptureFixture[str]) -> None:
    *lines, last = listed(capsys)
    ids = [line.partition(":")[0] for line in lines]
    assert [name.removesuffix("*") for name in ids] == list(CASES)
    assert {name for name in ids if not name.endswith("*")} == set(vectors.IDS)
    assert last == f"{len(CASES)} cases, {len(vectors.IDS)} of them vectors of the frozen set; * is none"


def test_cases_are_chosen_by_id_cell_and_set(capsys: pytest.CaptureFixture[str]) -> None:
    *lines, last = listed(capsys, "-k", "truncate", "--cell", "lstm", "--vectors")
    assert [line.partition(":")[0] for line in lines] == ["lstm-truncate-3-ragged", "lstm-proj-truncate-3-ragged"]
    assert last.startswith("2 cases, 2 of them")


def test_one_case_says_all_that_it_covers(capsys: pytest.CaptureFixture[str]) -> None:
    assert listed(capsys, "truncate-2-ragged") == [
        f"truncate-2-ragged: {CASES['truncate-2-ragged'].comment}",
        "cell: rnn, nonlinearity tanh; T 7, B 3, I 4, H 5",
        "options: 2 layers, one direction, biases, h0, time major, lengths 5 2 7, truncate 2",
        "clauses: 2.3 3.1 3.4 4.4 4.5 5.2 5.4 5.5 5.7 6.1 6.2 6.4 6.5 7.1",
        f"planted mistakes that it catches: {len(vectors.known_kills()['truncate-2-ragged'])}",
    ]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["nothing"], "no case is 'nothing'"),
        (["rich", "--vectors"], "ID names one case: it goes with no other choice"),
        (["-k", "nothing"], "no case is as chosen"),
    ],
)
def test_wrong_usage(arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        commands.main(["list", *arguments])
    assert stopped.value.code == 2
    assert complaint in capsys.readouterr().err
