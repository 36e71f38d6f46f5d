"""A framework of another language: its program is asked in lines of JSON, and is a port like any other. SPEC 10.5."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import parity
from parity.adapter import Request, prepared
from parity.json_lines import functions
from parity.report import check
from tests.parity.ports.answers import VECTORS
from tests.parity.ports.test_in_process import CLAIMS

# One layer and no NumPy, but for its arrays: what a program of another language has to do.
PROGRAM = """
import base64, json, sys
import numpy as np

def read(a, dtype):
    return np.frombuffer(base64.b64decode(a["data"]), dtype).reshape(a["shape"])

def written(a):
    return {"shape": a.shape, "data": base64.b64encode(a.tobytes()).decode()}

for line in sys.stdin:
    question = json.loads(line)
    c, given = question["c"], {n: read(a, question["c"]["dtype"]) for n, a in question["inputs"].items()}
    if c["num_layers"] > 1:
        print(json.dumps({"error": "one layer only"}), flush=True)
        continue
    h, series = given["h0"][0], []
    for x in given["x"]:
        a = x @ given["weight_ih_l0"].T + given["bias_ih_l0"] + given["bias_hh_l0"]
        h = np.tanh(a + h @ given["weight_hh_l0"].T)
        series.append(h)
    outputs = {"output": written(np.stack(series)), "h_n": written(h[None])}
    print(json.dumps({"outputs": outputs, "gradients": {}}), flush=True)
"""
ONE_LAYER = {name: CLAIMS["features"][name] for name in ("cells", "nonlinearities", "layouts", "biases", "h0")}


def asked(tmp_path: Path, text: str = PROGRAM, **features: Any) -> int:
    program = tmp_path / "program.py"
    program.write_text(text, encoding="utf-8")
    with functions([sys.executable, str(program)]) as (forward, _):
        return parity.check(forward, CLAIMS | {"features": ONE_LAYER | features})


def test_a_program_that_speaks_json_is_a_port(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert asked(tmp_path, streaming=True) == check.CONFORMS
    out = capsys.readouterr().out
    assert "mine: conforms  (" in out
    assert "fed in pieces, too: " in out


def test_one_that_is_wrong_is_told_where(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = PROGRAM.replace('h @ given["weight_hh_l0"].T', 'h @ given["weight_hh_l0"]')
    assert wrong != PROGRAM
    assert asked(tmp_path, wrong) == check.DIVERGES
    assert "FAIL " in capsys.readouterr().out


def test_its_error_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert asked(tmp_path, layers=True) == check.DIVERGES
    assert "error: RuntimeError: one layer only" in capsys.readouterr().out


def test_the_end_of_it_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert asked(tmp_path, "raise SystemExit(3)") == check.DIVERGES
    assert "program.py has ended" in " ".join(capsys.readouterr().out.split())


def test_gradients_are_of_the_inputs_that_it_names(tmp_path: Path) -> None:
    """What comes back for `above` is taken by the names of the inputs."""
    program = tmp_path / "program.py"
    program.write_text(
        "import json, sys\n"
        "for line in sys.stdin:\n"
        "    q = json.loads(line)\n"
        "    print(json.dumps({'outputs': q['above'], 'gradients': {'x': q['inputs']['x']}}), flush=True)\n",
        encoding="utf-8",
    )
    vector = VECTORS["square-l1"]
    problem, inputs = prepared(Request(vector.case, vector.values, ()))
    upstream = {"output": np.ones((vector.case.T, vector.case.B, vector.case.H))}
    with functions([sys.executable, str(program)]) as (forward, vjp):
        outputs, gradients = vjp(lambda given: forward(given, problem), inputs, upstream)
    np.testing.assert_array_equal(outputs["output"], upstream["output"])
    assert gradients.keys() == {"x"}
    np.testing.assert_array_equal(gradients["x"], inputs["x"])
