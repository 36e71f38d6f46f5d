"""The example ports conform; where what they need is missing, that is said aloud. SPEC 10.5."""

import re
import shutil
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest

import parity
from parity import commands, vectors
from parity.commands.matrix import frameworks
from parity.ports import claims, matrix, process
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
    assert port.features == {**reference.features, "divergences": divergences, "streaming": True}
    assert (port.dtypes, port.provides) == (reference.dtypes, reference.provides)


def test_the_minimal_template_conforms_in_the_little_that_it_claims(capsys: pytest.CaptureFixture[str]) -> None:
    need("cc", shutil.which("cc") is not None)
    assert commands.main(["check", str(PORTS / "c-minimal"), "--fresh", "1"]) == check.CONFORMS
    assert "c-minimal: conforms  (64 pass, 1070 not claimed; 256 tensors;" in capsys.readouterr().out


@pytest.mark.parametrize("dtype", vectors.DTYPES)
def test_the_minimal_template_compiles_without_a_warning(dtype: str, tmp_path: Path) -> None:
    need("cc", shutil.which("cc") is not None)
    port = claims.load(PORTS / "c-minimal")
    flags = ("-pedantic", "-Wall", "-Wextra", "-Wconversion", "-Werror")
    shutil.copytree(PORTS / "c-minimal", tmp_path / "port")
    process.build(replace(port, folder=tmp_path / "port", build=(*port.build, *flags)), dtype)


def test_the_minimal_template_is_read_in_two_minutes() -> None:
    files = {path for path in (PORTS / "c-minimal").iterdir() if not path.name.startswith("port-")}
    lines = {path.name: path.read_text(encoding="utf-8").splitlines() for path in files}
    assert lines.keys() == {"port.c", "port.toml"}
    assert sum(map(len, lines.values())) <= 150
    assert max(len(line) for of_file in lines.values() for line in of_file) <= 120


def test_the_specification_itself_conforms(capsys: pytest.CaptureFixture[str]) -> None:
    """`reference/plain.py` on Python's floats, in everything that can be claimed of float64."""
    assert commands.main(["check", str(PORTS / "python")]) == check.CONFORMS
    assert "python: conforms  (547 pass, 547 not claimed" in capsys.readouterr().out


def test_jax_conforms(capsys: pytest.CaptureFixture[str]) -> None:
    need("jax", find_spec("jax") is not None)
    assert commands.main(["check", str(PORTS / "jax"), "--timeout", "60"]) == check.CONFORMS


def test_onnx_runtime_conforms_but_for_small_arguments_closed_gates_and_nan(capsys: pytest.CaptureFixture[str]) -> None:
    need("onnxruntime and onnx", find_spec("onnxruntime") is not None and find_spec("onnx") is not None)
    assert commands.main(["check", str(PORTS / "onnxruntime")]) == check.CONFORMS
    assert "(362 pass, 8 known failure" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["torch/compiled", *(port.name for port in frameworks())])
def test_an_adapter_has_at_most_eighty_lines(name: str) -> None:
    assert 0 < matrix.row(claims.load(PORTS / name), []).lines <= 80


def test_pytorch_itself_conforms_but_for_what_is_known(capsys: pytest.CaptureFixture[str]) -> None:
    assert commands.main(["check", str(PORTS / "torch"), "-k", "binary_cross_entropy"]) == 0
    out = capsys.readouterr().out
    assert "torch: conforms but for known failures" in out
    assert "6 known failure" in out


def test_tensorflow_js_conforms_but_for_what_is_known(capsys: pytest.CaptureFixture[str]) -> None:
    need("node", shutil.which("node") is not None)
    need("what npm install brings to parity/ports/tfjs", (PORTS / "tfjs" / "node_modules" / "@tensorflow").is_dir())
    assert commands.main(["check", str(PORTS / "tfjs"), "-k", "small"]) == 0
    assert "tfjs: conforms but for known failures  (8 pass, 3 known failure" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "package", "known"),
    [("flax-nnx", "flax", 4), ("keras-jax", "keras", 2), ("keras-torch", "keras", 0), ("mlx", "mlx", 6)],
)
def test_a_framework_differs_in_what_is_known_alone(
    name: str, package: str, known: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of NaN and infinity, which tell most of them apart."""
    need(package, find_spec(package) is not None)
    assert commands.main(["check", str(PORTS / name), "-k", "not-finite", "--timeout", "60"]) == check.CONFORMS
    found = re.search(r"(\d+) known failure", capsys.readouterr().out)
    assert int(found[1] if found else 0) == known


@pytest.mark.parametrize("file", sorted(PORTS.glob("*/port.toml")), ids=lambda file: file.parent.name)
def test_every_port_toml_is_one(file: Path) -> None:
    assert claims.load(file.parent).name == file.parent.name
