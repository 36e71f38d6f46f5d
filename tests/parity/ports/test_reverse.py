"""A port that has the reverse direction alone. SPEC 10.13, 4.2."""

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import parity
from parity import adapter, subject, vectors
from parity.adapter import Named, Problem, Request, network
from parity.ports import claims, in_process, verdict
from parity.ports.claims import BadPort
from parity.vectors import halves, pieces
from reference.arrays import Array
from reference.packing import Packing
from tests.parity.ports.answers import VECTORS
from tests.parity.ports.test_in_process import CLAIMS, forward

MISTAKEN = claims.load(Path(__file__).parent / "mistaken")
ALONE = replace(MISTAKEN, features={**MISTAKEN.features, "bidirectional": False, "reverse": True})
HALVES = [vector for vector in VECTORS.values() if halves.has_half(vector.case)]


def turned(request: Request, series: Array) -> Array:
    """Each sequence of a series from its end; its own inverse."""
    case = request.case
    return case.laid_out(Packing(case.T, case.B, request.values.lengths).reverse(case.time_major(series)))


def of_the_reference(request: Request) -> Mapping[str, Array]:
    """The reverse direction by the reference that reads forward, of series that are turned before and after."""
    values = request.values
    if request.reverse:
        d_output = None if values.d_output is None else turned(request, values.d_output)
        values = replace(values, x=turned(request, values.x), d_output=d_output)
    with np.errstate(all="ignore"):
        run = subject.run(request.case, values)
    return {**run, "output": turned(request, run["output"])} if request.reverse else run


def test_the_halves_are_of_every_cell_and_some_are_ragged() -> None:
    assert len(HALVES) == 12
    assert {v.case.cell for v in HALVES} == {"rnn", "gru", "lstm"}
    assert {v.case.lengths is None for v in HALVES} == {True, False}


@pytest.mark.parametrize("dtype", vectors.DTYPES)
@pytest.mark.parametrize("vector", HALVES, ids=lambda vector: vector.case.id)
def test_every_half_agrees_with_the_reference_on_turned_series(vector: Any, dtype: str) -> None:
    found = in_process.judge(ALONE, of_the_reference, vector, dtype)
    assert found.verdict == "pass", found.detail
    assert found.vector.reverse
    asked = {t.tensor for t in found.result.tensors} if found.result else set()
    both = {name for name in vector.expect if name.endswith("_reverse")}
    assert {name.removesuffix("_reverse") for name in both} < asked
    assert "d_x" not in asked


def test_a_port_that_reads_forward_is_found() -> None:
    wrong = [in_process.judge(ALONE, lambda r: subject.run(r.case, r.values), v, "float64") for v in HALVES]
    assert [o.verdict for o in wrong if o.vector.case.T > 1] == ["fail"] * sum(v.case.T > 1 for v in HALVES)


def test_what_has_no_half_is_not_claimed_or_asked_for_as_it_is() -> None:
    for vector in VECTORS.values():
        if vector not in HALVES:
            assert ALONE.half_of(vector) is vector
    assert MISTAKEN.half_of(HALVES[0]) is HALVES[0]
    assert pieces.cuts(ALONE.half_of(HALVES[0])) == []


def test_two_functions_have_it_by_the_stack(capsys: pytest.CaptureFixture[str]) -> None:
    features = CLAIMS["features"] | {"bidirectional": False, "reverse": True}
    assert parity.check(forward, CLAIMS | {"features": features}) == 0
    asked = re.search(r"mine: conforms  \((\d+) pass", capsys.readouterr().out)
    assert parity.check(forward, CLAIMS | {"features": features | {"reverse": False}}) == 0
    fewer = re.search(r"mine: conforms  \((\d+) pass", capsys.readouterr().out)
    assert asked
    assert fewer
    assert int(asked[1]) > int(fewer[1])


def test_one_that_does_not_turn_is_told_that_it_was_that_direction(capsys: pytest.CaptureFixture[str]) -> None:
    def straight(inputs: Named, problem: Problem) -> Named:
        return forward(inputs, replace(problem, reverse=False))

    features = CLAIMS["features"] | {"bidirectional": False, "reverse": True}
    assert parity.check(straight, CLAIMS | {"features": features}) == 1
    assert re.search(r"FAIL \S+  float64  reverse direction alone  first: output", capsys.readouterr().out)


def test_a_program_is_told_by_a_third_field(tmp_path: Path) -> None:
    program = """
from parity import adapter
from tests.parity.ports.test_reverse import of_the_reference
adapter.serve(of_the_reference)
"""
    (tmp_path / "port.py").write_text(program, encoding="utf-8")
    port = replace(ALONE, folder=tmp_path)
    found = list(verdict.check(port, HALVES[:3], ["float64"], tmp_path, 30.0))
    assert [o.verdict for o in found] == ["pass"] * 3


def test_it_is_not_claimed_beside_both_directions() -> None:
    features = CLAIMS["features"] | {"reverse": True}
    with pytest.raises(BadPort, match="reverse is for a port of that direction alone"):
        in_process.port(CLAIMS | {"features": features})


def test_network_passes_it_on() -> None:
    seen = []

    def looks(inputs: Named, problem: Problem) -> Named:
        seen.append(problem.reverse)
        return forward(inputs, problem)

    half = halves.reverse_half(VECTORS["small-one-input"])
    request = Request(half.case, half.values, ("output",), reverse=True)
    network(looks)(request)
    network(looks)(replace(request, reverse=False))
    assert seen == [True, False]
    assert isinstance(adapter.prepared(request)[0], Problem)
