"""A port that is functions of this process: `parity.check`, the plugin of pytest, known failures. SPEC 10.10, 10.11."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import parity
from parity import adapter, vectors
from parity.adapter import Named, Problem
from parity.ports import claims, in_process
from parity.ports.claims import BadPort
from parity.ports.verdict import KNOWN

CLAIMS: dict[str, Any] = {
    "name": "mine",
    "language": "NumPy",
    "dtypes": ["float64", "float32"],
    "provides": ["forward"],
    "features": {
        "cells": ["rnn"],
        "nonlinearities": ["tanh"],
        "layouts": ["time_major", "batch_first", "unbatched"],
        "biases": ["two", "none"],
        "h0": True,
        "layers": True,
        "bidirectional": True,
        "lengths": True,
        "dropout_masks": True,
    },
}


def column(problem: Problem, w: Named, x: Any, initial: Named) -> Named:
    h, states = initial["h"], []
    for x_t in x:
        h = np.tanh(x_t @ w["weight_ih"].T + w["bias_ih"] + h @ w["weight_hh"].T + w["bias_hh"])
        states.append(h)
    return {"h": np.stack(states)}


forward = adapter.stack(column, np)


def transposed(inputs: Named, problem: Problem) -> Named:
    return forward(inputs | {n: p.T for n, p in inputs.items() if n.startswith("weight_hh")}, problem)


def by_central_differences(f: Callable[[Named], Named], inputs: Named, upstream: Named) -> tuple[Named, Named]:
    """A vector-Jacobian product of no framework, good to some 1e-9: for values that are large beside that."""
    outputs = f(inputs)

    def of(name: str, index: tuple[int, ...]) -> float:
        step = np.zeros_like(inputs[name])
        step[index] = 2.0**-18
        there, back = (f(inputs | {name: inputs[name] + sign * step}) for sign in (1, -1))
        return sum(float((d * (there[n] - back[n])).sum()) for n, d in upstream.items()) / 2.0**-17

    return outputs, {
        name: np.array([of(name, i) for i in np.ndindex(a.shape)]).reshape(a.shape) for name, a in inputs.items()
    }


def test_a_column_is_made_a_port_of_layers_directions_and_ragged_sequences(capsys: pytest.CaptureFixture[str]) -> None:
    assert parity.check(forward, CLAIMS) == 0
    last = capsys.readouterr().out
    found = re.search(r"mine: conforms  \((\d+) pass, \d+ not claimed", last)
    assert found
    claimed = in_process.port(CLAIMS)
    assert int(found[1]) == sum(not claimed.lacks(v.case, d) for v in vectors.frozen() for d in claimed.dtypes) > 50
    assert {v.case.bidirectional for v in vectors.frozen() if not claimed.lacks(v.case, "float64")} == {True, False}


def test_a_wrong_one_is_told_where_it_goes_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    assert parity.check(transposed, CLAIMS, k="square-l1") == 1
    assert re.search(r"FAIL square-l1  float64  first: output t = 0 \[\d, \d\]", capsys.readouterr().out)


def test_gradients_are_named_laid_out_and_0_at_padding_as_the_case_has_them() -> None:
    for case_id in ("rnn-tanh-l1-bi-nobias-bf-ragged", "rnn-tanh-l2-uni-ragged-drop25", "lengths-none-reaches-T"):
        (vector,) = (v for v in vectors.frozen() if v.case.id == case_id)
        port = in_process.port(CLAIMS | {"provides": ["forward", "backward"]})
        asked = tuple(port.asked(vector.case, vector.expect))
        assert "d_x" in asked
        answer = adapter.network(forward, by_central_differences)
        got = answer(adapter.Request(vector.case, vector.values, asked))
        assert set(asked) <= got.keys()
        for name in asked:
            np.testing.assert_allclose(got[name], vector.expect[name], rtol=1e-7, atol=1e-8)
        assert ((np.asarray(got["d_x"]) == 0) >= (vector.expect["d_x"] == 0)).all()


def test_what_functions_raise_is_a_failure_with_its_traceback() -> None:
    def raising(inputs: Named, problem: Problem) -> Named:
        raise ValueError("no such\nthing")

    outcome = in_process.judge(in_process.port(CLAIMS), adapter.network(raising), vectors.frozen()[0], "float64")
    assert outcome.verdict == "fail"
    assert outcome.detail.startswith("error: ValueError: no such")
    assert 'raise ValueError("no such\\nthing")' in outcome.complaints


def known(*ids: str, **more: Any) -> dict[str, Any]:
    entry = {"vectors": list(ids), "reason": "W_hh is read by columns", "link": "https://example.org/1"} | more
    return CLAIMS | {"known_failures": [entry]}


def test_a_known_failure_does_not_count_until_it_passes(capsys: pytest.CaptureFixture[str]) -> None:
    assert parity.check(transposed, known("square-l1", "square-l2-bi"), k="square-l") == 5  # nothing else was checked
    assert parity.check(transposed, known("square-l1", "square-l2-bi"), k="l1") == 1
    capsys.readouterr()
    assert parity.check(forward, known("square-l1"), k="hand-1x1x1") == 0
    assert parity.check(forward, known("square-l1"), k="square-l") == 1
    out = capsys.readouterr().out
    assert "FAIL square-l1  float64  passes, and is listed as a known failure: W_hh is read by columns" in out
    port = in_process.port(known("square-l1", dtypes=["float32"]))
    verdicts = {
        dtype: in_process.judge(port, adapter.network(transposed), vector, dtype).verdict
        for vector in vectors.frozen()
        if vector.case.id == "square-l1"
        for dtype in port.dtypes
    }
    assert verdicts == {"float64": "fail", "float32": KNOWN}


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"known_failures": {"vectors": []}}, "known_failures should be a list of sections"),
        ({"known_failures": [{"vectors": ["rich"], "reason": "x"}]}, "should be a section with vectors, reason, link"),
        (known("no-such-vector"), "known_failures should be the id of a vector, got 'no-such-vector'"),
        (known("rich", dtypes=["float16"]), "dtypes should be of float64, float32, got 'float16'"),
        (known("rich", reason=""), "reason should be text on one line, got ''"),
        ({"seconds": 0}, "seconds should be above 0 and at most 86400, got 0"),
        ({"seconds": True}, "seconds should be above 0 and at most 86400, got True"),
        ({"colour": "red"}, "unknown key 'colour'"),
    ],
)
def test_wrong_claims(changed: dict[str, Any], complaint: str) -> None:
    with pytest.raises(BadPort, match=re.escape(complaint)):
        in_process.port(CLAIMS | changed)


def test_a_port_may_be_given_more_time() -> None:
    assert in_process.port(CLAIMS).seconds == 10.0
    assert claims.parse(CLAIMS | {"command": ["x"], "seconds": 60}, Path("port.toml")).seconds == 60.0


ADAPTER = """
import sys
sys.path.insert(0, {tests!r})
from tests.parity.ports.test_in_process import CLAIMS, forward, transposed, known

forward = {function}
CLAIMS = {claims}
"""


def plugin(tmp_path: Path, *arguments: str, function: str = "forward", claims: str = "CLAIMS") -> tuple[int, str]:
    """`pytest --bptt` on an adapter: exit code and output."""
    root = Path(__file__).parents[3]
    file = tmp_path / "adapter.py"
    file.write_text(ADAPTER.format(tests=str(root), function=function, claims=claims))
    words = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-n0", f"--rootdir={tmp_path}", "-c", "none.ini"]
    (tmp_path / "none.ini").write_text("[pytest]\n")
    loaded = [] if _is_installed() else ["-p", "parity.pytest_plugin"]
    words += [*loaded, "--bptt", str(file), *arguments]
    environment = {name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"}
    done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def _is_installed() -> bool:
    from importlib.metadata import entry_points

    return any(point.value == "parity.pytest_plugin" for point in entry_points(group="pytest11"))


def test_the_plugin_has_a_test_for_each_vector_and_dtype_that_is_claimed(tmp_path: Path) -> None:
    code, out = plugin(tmp_path, "-v", "-k", "square-l1 or lengths-one")
    assert code == 0, out
    for name in ("square-l1-float64", "square-l1-float32", "lengths-one-float64"):
        assert f"adapter.py::{name} PASSED" in out


def test_the_plugin_says_where_a_wrong_one_goes_wrong(tmp_path: Path) -> None:
    code, out = plugin(tmp_path, "-k", "square-l1", function="transposed")
    assert code == 1
    assert "FAIL square-l1  float64  first: output t = 0 [" in out
    assert "2 failed" in out


def test_the_plugin_expects_known_failures_and_refuses_what_is_none(tmp_path: Path) -> None:
    code, out = plugin(tmp_path, "-k", "square-l1", "-rx", function="transposed", claims='known("square-l1")')
    assert code == 0, out
    assert "2 xfailed" in out
    assert "W_hh is read by columns" in out
    code, out = plugin(tmp_path, "-k", "square-l1", claims='known("square-l1")')
    assert code == 1
    assert "passes, and is listed as a known failure" in out
