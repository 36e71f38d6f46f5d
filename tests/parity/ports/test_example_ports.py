"""The example ports conform; where what they need is missing, that is said aloud. SPEC 10.5."""

import re
import shutil
from importlib.util import find_spec
from pathlib import Path

import pytest

import parity
from parity import commands
from parity.ports import claims
from parity.report import check

PORTS = Path(parity.__file__).parent / "ports"


def need(what: str, there: bool) -> None:
    """Skips where something is missing; pytest lists what was skipped, so that it does not go unnoticed."""
    if not there:
        pytest.skip(f"NOT CHECKED: {what} not on this machine")


@pytest.mark.parametrize(("name", "program"), [("c", "cc"), ("javascript", "node")])
def test_a_template_conforms_on_every_vector_and_twenty_fresh_cases(
    name: str, program: str, capsys: pytest.CaptureFixture[str]
) -> None:
    need(program, shutil.which(program) is not None)
    assert commands.main(["check", str(PORTS / name), "--fresh", "1"]) == check.CONFORMS
    assert f"{name}: conforms  (940 pass, 194 not claimed" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["c", "javascript"])
def test_a_template_claims_everything_but_ctc(name: str) -> None:
    port, reference = claims.load(PORTS / name), claims.load(Path(__file__).parent / "mistaken")
    divergences = [d for d in reference.features["divergences"] if d != "ctc"]
    assert port.features == {**reference.features, "divergences": divergences}
    assert (port.dtypes, port.provides) == (reference.dtypes, reference.provides)


def test_jax_conforms(capsys: pytest.CaptureFixture[str]) -> None:
    need("jax", find_spec("jax") is not None)
    assert commands.main(["check", str(PORTS / "jax"), "--timeout", "60"]) == check.CONFORMS


def test_onnx_runtime_differs_in_its_tanh_and_in_relu_of_nan_alone(capsys: pytest.CaptureFixture[str]) -> None:
    """Its tanh is a rational function: off by 2.6e-5 of a small argument, seen where the network is nearly linear."""
    need("onnxruntime and onnx", find_spec("onnxruntime") is not None and find_spec("onnx") is not None)
    assert commands.main(["check", str(PORTS / "onnxruntime")]) == check.DIVERGES
    out = capsys.readouterr().out
    assert "FAIL critical-T64  float32  first: output t = 0" in out
    relu_of_nan = r"^FAIL not-finite-\S+  float32  first: output t = \d \[2, 0\]: got 0 want nan "
    assert len(re.findall(relu_of_nan, out, re.M)) == 2
    assert out.count("FAIL ") == 3
