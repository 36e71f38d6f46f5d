"""`export --format onnx`: every folder run by ONNX Runtime and by ONNX's reference, judged by what stands in it."""

import contextlib
import io
import json
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from parity import commands, vectors
from parity.compare import errors
from parity.vectors import reading
from parity.vectors.forms import graph
from reference.arrays import Array

onnx = pytest.importorskip("onnx")

# What ONNX Runtime 1.32 computes otherwise: the head of parity/ports/onnxruntime/port.py.
OF_RUNTIME = {
    *("critical-T64", "not-finite-relu-nan", "not-finite-inf-relu-head"),
    *("gru-unasked-nan-y", "gru-before-unasked-nan-y"),
    *("lstm-closed", "lstm-closed-further", "lstm-unasked-nan-y"),
}
NO_OPERATOR = "177 not written: ONNX has no operator for dropout masks (97), a projection (99)"


@pytest.fixture(scope="module")
def screen() -> io.StringIO:
    """What the export of all frozen vectors prints."""
    return io.StringIO()


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory, screen: io.StringIO) -> Path:
    """All frozen vectors."""
    folder = tmp_path_factory.mktemp("onnx") / "v"
    with contextlib.redirect_stdout(screen):
        assert commands.main(["export", str(folder), "--format", "onnx"]) == 0
    return folder


def tensors(folder: Path, kind: str) -> dict[str, Array]:
    """input_0.pb, input_1.pb and so on, by the names in them."""
    files = sorted((folder / "test_data_set_0").glob(f"{kind}_*.pb"))
    assert [file.name for file in files] == [f"{kind}_{number}.pb" for number in range(len(files))]
    read = [onnx.TensorProto.FromString(file.read_bytes()) for file in files]
    return {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in read}


def limits_of(said: Mapping[str, Any], name: str, wanted: Array) -> Array:
    """The largest admissible error of each element, time being the first axis. SPEC 10.4."""
    limits = np.array(said["limits"][name])
    whole = np.broadcast_to(limits.reshape(-1, 1, 1) if limits.ndim else limits, wanted.shape)
    return whole if name in said["zeros_may_round"] else np.where(wanted == 0, 0, whole)


def holds(folder: Path, run: Any) -> bool:
    """Whether what a runner makes of a folder is within the limits that stand in it."""
    wanted, said = tensors(folder, "output"), json.loads((folder / "data.json").read_text(encoding="utf-8"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of overflow, in the reference
        got = dict(zip(wanted, run(folder / "model.onnx", tensors(folder, "input")), strict=True))
    assert {n: (a.shape, a.dtype) for n, a in got.items()} == {n: (a.shape, a.dtype) for n, a in wanted.items()}
    return all((errors(got[n], wanted[n]) <= limits_of(said, n, wanted[n])).all() for n in wanted)


def by_runtime(model: Path, inputs: dict[str, Array]) -> list[Array]:
    import onnxruntime

    onnxruntime.set_default_logger_severity(3)
    return list(onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"]).run(None, inputs))


def by_reference(model: Path, inputs: dict[str, Array]) -> list[Array]:
    from onnx.reference import ReferenceEvaluator

    return list(ReferenceEvaluator(onnx.load(model)).run(None, inputs))


def folders(exported: Path, dtype: str) -> Iterator[tuple[str, Path]]:
    for folder in sorted((exported / dtype).iterdir()):
        yield folder.name.removeprefix("test_"), folder


def test_what_onnx_can_express_is_written_and_the_rest_is_counted(exported: Path, screen: io.StringIO) -> None:
    assert screen.getvalue().splitlines() == [f"370 vectors written to {exported}", NO_OPERATOR]
    expressed = {case.id for case in vectors.frozen_cases() if not (case.proj_size or case.masks)}
    for dtype in vectors.DTYPES:
        assert {case_id for case_id, _ in folders(exported, dtype)} == expressed


def test_every_model_is_one(exported: Path) -> None:
    for dtype in vectors.DTYPES:
        for _, folder in folders(exported, dtype):
            model = onnx.load(folder / "model.onnx")
            onnx.checker.check_model(model, full_check=True)
            assert [i.name for i in model.graph.input] == list(tensors(folder, "input"))
            assert [o.name for o in model.graph.output] == list(tensors(folder, "output"))


def test_onnx_runtime_passes_but_for_what_its_port_says(exported: Path) -> None:
    pytest.importorskip("onnxruntime")
    wrong = {case_id for case_id, folder in folders(exported, "float32") if not holds(folder, by_runtime)}
    assert wrong == OF_RUNTIME


@pytest.mark.parametrize("dtype", vectors.DTYPES)
def test_the_reference_of_onnx_passes_but_for_three_things(dtype: str, exported: Path) -> None:
    """onnx.reference 1.23: sequence_lens is not read, RNN has no Relu, LogSoftmax is the log of a rounded softmax."""
    wrong, ragged, no_relu = set(), set(), {}
    for case_id, folder in folders(exported, dtype):
        inputs = tensors(folder, "input")
        if "lengths" in inputs and (inputs["lengths"] < len(inputs["x"])).any():
            ragged.add(case_id)
        try:
            if not holds(folder, by_reference):
                wrong.add(case_id)
        except RuntimeError as error:
            no_relu[case_id] = str(error)
    assert set(no_relu.values()) == {"Unknown activation function 'Relu'."}
    assert len(no_relu) == 15
    assert wrong - ragged == {"range-log_softmax"}
    assert wrong & ragged == ragged - no_relu.keys()
    assert len(ragged) > 100


@pytest.mark.parametrize("dtype", vectors.DTYPES)
def test_a_folder_says_what_the_vector_says(dtype: str, exported: Path) -> None:
    """Time first, a batch always, numbers in the dtype; the limits are wider by what that moved, an ulp at most."""
    ids = {"rich", "rnn-relu-l1-uni-unbatched-noh0-dhn", "lstm-hand", "gru-mix-10-relu-squared_error", "range-sigmoid"}
    ids = {case.id for case in vectors.frozen_cases() if case.id in ids and not graph.lacking(case)}
    assert len(ids) >= 4
    for vector in reading.read_set(vectors.FROZEN, only=ids):
        case, folder = vector.case, exported / dtype / f"test_{vector.case.id}"
        said = json.loads((folder / "data.json").read_text(encoding="utf-8"))
        inputs, outputs = tensors(folder, "input"), tensors(folder, "output")
        assert ("h0" in inputs, "lengths" in inputs) == (case.h0, case.lengths is not None)
        np.testing.assert_array_equal(inputs["x"], case.time_major(vector.values.x))
        assert {array.dtype for name, array in inputs.items() if name != "lengths"} == {np.dtype(dtype)}
        for name, got in outputs.items():
            series = name in ("output", "z", "y")
            expect, allowed = vector.expect[name], vector.allowed[dtype][name]
            if series:
                expect, allowed = case.time_major(expect), case.time_major(allowed)
            expect, allowed = expect.reshape(got.shape), allowed.reshape(got.shape)
            half = np.maximum(np.abs(expect) * np.finfo(dtype).eps / 2, np.finfo(dtype).tiny)
            assert (errors(got, expect) <= half).all()
            assert ((got == 0) == (expect == 0)).all()
            limits = limits_of(said, name, got)
            assert (limits >= errors(got, expect)).all()
            assert (limits >= allowed).all()
            assert limits.max() <= allowed.max() + half.max()
        assert said["rtol"] == 0
        assert said["atol"] == max(np.max(limits) for limits in said["limits"].values())
        assert said["case"]["layout"] == "time_major"


def test_the_loader_and_the_runner_of_onnx_take_the_folders(exported: Path) -> None:
    pytest.importorskip("onnxruntime")
    from onnx.backend.test.loader import load_model_tests
    from onnx.backend.test.runner import Runner

    tests = {test.name: test for test in load_model_tests(str(exported), "float32")}
    assert len(tests) == 370
    for case_id in ("hand-1x1x1", "lstm-hand", "gru-truncate-3-ragged"):
        test = tests[f"test_{case_id}"]
        folder = Path(str(test.model_dir))
        wanted, got = tensors(folder, "output"), by_runtime(folder / "model.onnx", tensors(folder, "input"))
        Runner.assert_similar_outputs(list(wanted.values()), got, test.rtol, test.atol)
        got[0] = got[0] + np.float32(3 * test.atol)
        with pytest.raises(AssertionError):
            Runner.assert_similar_outputs(list(wanted.values()), got, test.rtol, test.atol)


def test_a_case_of_ones_own_and_one_that_is_not_frozen(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    own = ["--cell", "gru", "--hidden-size", "3", "--bidirectional", "--lengths", "4", "2"]
    for number, arguments in enumerate((own, ["--case", "hand-3-steps", "--case", "hand-1x1x1"])):
        folder = tmp_path / str(number)
        assert commands.main(["export", str(folder), "--format", "onnx", "--dtype", "float32", *arguments]) == 0
        assert [path.name for path in folder.iterdir()] == ["float32"]
        found = dict(folders(folder, "float32"))
        assert len(found) == number + 1
        assert all(holds(each, by_runtime) for each in found.values())


def test_what_cannot_be_written_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    full = tmp_path / "full"
    full.mkdir()
    (full / "mine.txt").touch()
    for arguments, words in (
        ([tmp_path / "v", "--format", "onnx", "--case", "lstm-proj-hand"], "no operator for a projection (1)"),
        ([full, "--format", "onnx", "--case", "hand-1x1x1"], "is not empty"),
    ):
        with pytest.raises(SystemExit, match="2"):
            commands.main(["export", *map(str, arguments)])
        assert words in capsys.readouterr().err
    assert [path.name for path in tmp_path.rglob("*")] == ["full", "mine.txt"]
