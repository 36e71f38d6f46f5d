"""`python -m parity export`: cases of the table, own cases, own weights."""

import io
import itertools
import json
import shutil
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from rich.console import Console
from rich.progress import Progress
from safetensors.numpy import save_file

import parity
import reference
from parity import commands, tolerance, vectors
from parity.cases import CASES, Case, weights
from parity.commands import export as export_command
from parity.oracles import enclosure
from parity.progress import Told
from parity.report import check, terminal
from parity.vectors import reading, writing
from reference.recurrent import Recurrent


def export(*arguments: object) -> int:
    return commands.main(["export", *map(str, arguments)])


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    with pytest.raises(SystemExit) as exit_:
        export(*arguments)
    assert exit_.value.code == 2
    return capsys.readouterr().err


def test_cases_of_the_table(tmp_path: Path) -> None:
    assert export(tmp_path / "v", "--case", "hand-1x1x1", "--case", "truncate-1") == 0
    assert [v.case.id for v in reading.read_set(tmp_path / "v")] == ["hand-1x1x1", "truncate-1"]
    for file in ("case.toml", "in/x.npy", "expect/d_x.npy"):
        frozen, made = vectors.FROZEN / "hand-1x1x1" / file, tmp_path / "v" / "hand-1x1x1" / file
        assert made.read_bytes() == frozen.read_bytes()


def test_a_case_of_ones_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sizes = ["--hidden-size", 7, "--input-size", 2, "--num-layers", 2, "--nonlinearity", "relu", "--lengths", 4, 1, 3]
    head = ["--output-size", 3, "--activation", "sigmoid", "--divergence", "kl", "--dropout", 0.25, "--no-bias"]
    assert export(tmp_path / "v", *sizes, *head, "--layout", "batch_first", "--seed", 5) == 0
    (vector,) = reading.read_set(tmp_path / "v")
    case = vector.case
    assert (case.T, case.B, case.I, case.H, case.O, case.lengths) == (4, 3, 2, 7, 3, (4, 1, 3))
    assert (case.num_layers, case.nonlinearity, case.bias, case.dropout, case.masks) == (2, "relu", False, 0.25, True)
    assert (case.activation, case.divergence, case.layout) == ("sigmoid", "kl", "batch_first")
    assert vector.values.x.shape == (3, 4, 2)
    assert "1 vector written to" in capsys.readouterr().out


def test_the_seed_makes_the_values(tmp_path: Path) -> None:
    for folder, seed in (("a", 1), ("b", 1), ("c", 2)):
        export(tmp_path / folder, "--hidden-size", 3, "--seed", seed)
    a, b, c = (reading.read_set(tmp_path / folder)[0].values.x for folder in "abc")
    np.testing.assert_array_equal(a, b)
    assert (a != c).all()


@pytest.mark.parametrize("kind", ["npz", "safetensors"])
def test_ones_own_weights(tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    net = reference.Network(reference.RNN(3, 4, num_layers=2, bidirectional=True), 5)
    params = net.init(np.random.default_rng(0))
    file = tmp_path / f"weights.{kind}"
    if kind == "npz":
        np.savez(file, **params)  # type: ignore[arg-type]
    else:
        save_file(params, file)
    assert export(tmp_path / "v", "--weights", file, "--steps", 6) == 0
    (vector,) = reading.read_set(tmp_path / "v")
    case = vector.case
    assert (case.T, case.I, case.H, case.O, case.num_layers, case.bidirectional) == (6, 3, 4, 5, 2, True)
    for name, p in params.items():
        np.testing.assert_array_equal(vector.values.params[name], p.astype(np.float32))
    assert "weights rounded to float32" in capsys.readouterr().out


STACKS: dict[str, Recurrent] = {
    "rnn": reference.RNN(3, 4, num_layers=2, bidirectional=True, bias=False),
    "rnn of one unit": reference.RNN(1, 1),
    "gru": reference.GRU(3, 4, num_layers=2, bidirectional=True),
    "gru of one unit": reference.GRU(1, 1),
    "lstm": reference.LSTM(3, 4, num_layers=3, bias=False),
    "lstm, projected": reference.LSTM(3, 5, num_layers=2, bidirectional=True, proj_size=2),
    "lstm, projected on one": reference.LSTM(2, 4, proj_size=1),
}


@pytest.mark.parametrize("head", [False, True], ids=["stack", "network"])
@pytest.mark.parametrize("rnn", STACKS.values(), ids=STACKS)
def test_the_shapes_of_weights_tell_which_cell_they_are_of(rnn: Recurrent, head: bool) -> None:
    shapes = reference.Network(rnn, 6).shapes if head else rnn.shapes
    found = export_command.sizes({name: np.zeros(shape) for name, shape in shapes.items()})
    case = Case("own", "own", "", **found)
    assert case.rnn() == rnn
    assert (case.O is not None) == head


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_every_change_of_a_shape_is_noticed(cell: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A row or a column more of one of the weights, or one of them missing: no file is read as what it is not."""
    rnn = {"rnn": reference.RNN(3, 4, 2), "gru": reference.GRU(3, 4, 2), "lstm": reference.LSTM(3, 5, 2, proj_size=2)}
    params = rnn[cell].init(np.random.default_rng(0), np.float32)
    missing: list[tuple[str, int | None]] = [(name, None) for name in params]
    longer = [(name, axis) for name, p in params.items() for axis in range(p.ndim)]
    longer.remove(("weight_ih_l0", 1))  # another input size
    for name, axis in missing + longer:
        changed = {other: p for other, p in params.items() if other != name}
        if axis is not None:
            p = params[name]
            changed[name] = np.concatenate([p, p.take([0], axis)], axis)
        np.savez(tmp_path / "w.npz", **changed)  # type: ignore[arg-type]
        said = refused(capsys, tmp_path / "v", "--weights", tmp_path / "w.npz")
        assert any(words in said for words in ("Missing key", "Unexpected key", "size mismatch", "expected ")), said
        assert "_l" in said


@pytest.mark.parametrize(
    ("rnn", "options"),
    [
        (reference.GRU(3, 4, reset="before"), ["--reset", "before"]),
        (reference.GRU(3, 4), []),
        (reference.LSTM(3, 4, proj_size=3, batch_first=True), ["--layout", "batch_first"]),
    ],
)
def test_a_vector_of_gated_weights(rnn: Recurrent, options: list[str], tmp_path: Path) -> None:
    params = rnn.init(np.random.default_rng(0), np.float32)
    np.savez(tmp_path / "w.npz", **params)  # type: ignore[arg-type]
    assert export(tmp_path / "v", "--weights", tmp_path / "w.npz", "--steps", 3, *options) == 0
    (vector,) = reading.read_set(tmp_path / "v")
    assert vector.case.rnn() == rnn
    values = vector.values
    output = rnn.forward(values.params, values.x, values.h0).output
    np.testing.assert_allclose(output, vector.expect["output"].astype(float), rtol=1e-12)
    np.testing.assert_array_equal(values.params["weight_hh_l0"], params["weight_hh_l0"])


@pytest.mark.parametrize(
    ("options", "rnn"),
    [
        (["--cell", "gru", "--reset", "before"], reference.GRU(4, 5, reset="before")),
        (["--cell", "gru"], reference.GRU(4, 5)),
        (["--cell", "lstm", "--proj-size", "3"], reference.LSTM(4, 5, proj_size=3)),
        (["--cell", "lstm", "--no-bias", "--num-layers", "2"], reference.LSTM(4, 5, num_layers=2, bias=False)),
    ],
)
def test_a_case_of_ones_own_of_any_cell(options: list[str], rnn: Recurrent, tmp_path: Path) -> None:
    assert export(tmp_path / "v", "--steps", 2, *options) == 0
    (vector,) = reading.read_set(tmp_path / "v")
    assert vector.case.rnn() == rnn
    assert set(vector.expect) >= {f"d_{name}0" for name in rnn.cell.states}


def test_weights_of_a_stack_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    params = reference.RNN(3, 4, bias=False).init(np.random.default_rng(0), np.float32)
    np.savez(tmp_path / "w.npz", **params)  # type: ignore[arg-type]
    assert export(tmp_path / "v", "--weights", tmp_path / "w.npz") == 0
    case = reading.read_set(tmp_path / "v")[0].case
    assert (case.O, case.bias) == (None, False)
    assert "rounded" not in capsys.readouterr().out


def test_what_does_not_go_together_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    new = tmp_path / "v"
    params = reference.RNN(3, 4).init(np.random.default_rng(0))
    np.savez(tmp_path / "w.npz", **params)  # type: ignore[arg-type]
    np.savez(tmp_path / "gru.npz", **reference.GRU(3, 4).init(np.random.default_rng(0)))  # type: ignore[arg-type]
    np.savez(tmp_path / "two.npz", weight_ih_l0=np.ones((8, 3)), weight_hh_l0=np.ones((8, 4)))
    np.savez(
        tmp_path / "hr.npz", weight_ih_l0=np.ones((12, 3)), weight_hh_l0=np.ones((12, 2)), weight_hr_l0=np.ones((2, 4))
    )
    np.savez(tmp_path / "half.npz", weight_ih_l0=np.ones((4, 3)))
    np.savez(tmp_path / "other.npz", W=np.ones((4, 3)))
    np.savez(tmp_path / "integers.npz", weight_ih_l0=np.ones((4, 3), int))
    np.savez(tmp_path / "pickled.npz", weight_ih_l0=np.array([{}]))
    (tmp_path / "empty.npz").touch()
    (tmp_path / "garbled.npz").write_bytes(b"PK\x03\x04" + bytes(100))
    np.savez(tmp_path / "void.npz")
    np.savez(tmp_path / "scalar.npz", weight_ih_l0=np.float64(1))
    np.savez(tmp_path / "nan.npz", **{name: np.nan * p for name, p in params.items()})  # type: ignore[arg-type]
    np.save(tmp_path / "array.npy", np.ones(3))
    (tmp_path / "array.npy").rename(tmp_path / "array.npz")
    with zipfile.ZipFile(tmp_path / "bomb.npz", "w", zipfile.ZIP_DEFLATED) as bomb:
        for number in range(20):
            bomb.writestr(f"{number}.npy", bytes(2**26))
    with zipfile.ZipFile(tmp_path / "promise.npz", "w") as promise:
        header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (10000000, 100000000), }\n"
        promise.writestr("weight_ih_l0.npy", b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
    (tmp_path / "broken.safetensors").write_bytes(b"nonsense")
    (tmp_path / "w.pt").write_bytes(b"nonsense")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").touch()
    for arguments, words in (
        ([tmp_path / "full", "--case", "rich"], "is not empty"),
        ([new, "--case", "none"], "no case is 'none'"),
        ([new, "--case", "rich", "--hidden-size", 3], "goes with no option of a case of one's own"),
        ([new, "--hidden-size", 0], "hidden_size must be greater than zero"),
        ([new, "--lengths", 3, "--steps", 2], "Expected no length above the 2 steps of the input, got 3"),
        ([new, "--output-size", 3, "--divergence", "kl"], "kl cannot take the output of 'identity'"),
        ([new, "--weights", tmp_path / "w.npz", "--hidden-size", 5], "H is 5, but the weights have 4"),
        ([new, "--weights", tmp_path / "half.npz"], "expected weights"),
        ([new, "--weights", tmp_path / "other.npz"], "weight_ih_l0 among them; got W"),
        ([new, "--weights", tmp_path / "integers.npz"], "should be of dtype float32 or float64"),
        ([new, "--weights", tmp_path / "pickled.npz"], "allow_pickle=False"),
        ([new, "--weights", tmp_path / "empty.npz"], "is no .npz file of weights"),
        ([new, "--weights", tmp_path / "garbled.npz"], "is no .npz file of weights"),
        ([new, "--weights", tmp_path / "array.npz"], "is no .npz file of weights"),
        ([new, "--weights", tmp_path / "bomb.npz"], "it unpacks to 1342177280 bytes, 1073741824 at most"),
        ([new, "--weights", tmp_path / "promise.npz"], "is no .npz file of weights"),
        ([new, "--weights", tmp_path / "void.npz"], "weight_ih_l0 among them; got "),
        ([new, "--weights", tmp_path / "scalar.npz"], "weight_ih_l0 of shape (rows, columns), got ()"),
        ([new, "--weights", tmp_path / "gru.npz", "--cell", "lstm"], "cell is lstm, but the weights have gru"),
        ([new, "--weights", tmp_path / "gru.npz", "--proj-size", 2], "--proj-size is of another cell than gru"),
        ([new, "--weights", tmp_path / "w.npz", "--reset", "before"], "--reset is of another cell than rnn"),
        (
            [new, "--weights", tmp_path / "two.npz"],
            "expected weight_hh_l0 of 1·H (rnn), 3·H (gru), 4·H (lstm) rows with H = 4, got shape (8, 4)",
        ),
        (
            [new, "--weights", tmp_path / "hr.npz"],
            "expected weight_hh_l0 of 4·H (lstm) rows with H = 4, got shape (12, 2)",
        ),
        ([new, "--cell", "lstm", "--proj-size", 5], "proj_size has to be smaller than hidden_size"),
        ([new, "--cell", "gru", "--reset", "beside"], "invalid choice: 'beside'"),
        ([new, "--weights", tmp_path / "nan.npz"], "should be finite in float32"),
        ([new, "--activation", "tanh"], "--activation is of an output layer: it needs --output-size"),
        ([new, "--reduction", "mean"], "--reduction is of an output layer: it needs --output-size"),
        ([new, "--dropout", 0.5], "--dropout is between layers: it needs --num-layers above 1"),
        ([new, "--layout", "unbatched", "--batch-size", 3], "--batch-size is 1 where the layout is unbatched, got 3"),
        ([new, "--weights", tmp_path / "broken.safetensors"], "is no .safetensors file"),
        ([new, "--weights", tmp_path / "w.pt"], "expected weights in a .npz or .safetensors file, got w.pt"),
        ([new, "--weights", tmp_path / "nothing.npz"], "No such file"),
    ):
        assert words in refused(capsys, *arguments), words


def test_a_dtype_is_of_a_format_that_has_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for options, has_both in ((["--format", "npz"], "npz"), ([], "folders")):
        said = refused(capsys, tmp_path / "v", "--case", "hand-1x1x1", "--dtype", "float32", *options)
        assert f"--dtype goes with --format onnx or c-header: {has_both} has both" in said


def test_an_interrupted_export_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = writing.write

    def interrupted(folder: Path, case: Case, runs: int, told: Told) -> None:
        write(folder, case, 2, told)
        raise KeyboardInterrupt

    monkeypatch.setattr(writing, "write", interrupted)
    (tmp_path / "there").mkdir()
    for folder in (tmp_path / "new" / "v", tmp_path / "there"):
        with pytest.raises(KeyboardInterrupt):
            export(folder, "--case", "hand-1x1x1")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["new", "there"]
    monkeypatch.undo()
    for folder in (tmp_path / "new" / "v", tmp_path / "there"):
        assert export(folder, "--case", "hand-1x1x1") == 0
        assert len(reading.read_set(folder)) == 1


def test_safetensors_is_named_where_it_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r'safetensors: python -m pip install -e "\.\[weights\]"'):
        weights.load(tmp_path / "w.safetensors")


def test_a_case_that_proves_little_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    params = {n: 0 * p for n, p in reference.RNN(3, 4, nonlinearity="relu").init(np.random.default_rng(0)).items()}
    params["bias_ih_l0"] += 1e-30
    np.savez(tmp_path / "w.npz", **params)  # type: ignore[arg-type]
    export(tmp_path / "v", "--weights", tmp_path / "w.npz", "--nonlinearity", "relu")
    assert json.loads((tmp_path / "v" / "manifest.json").read_text())["cases"]


class Model(torch.nn.Module):
    """The usual one: a stack in self.rnn, an output layer in self.fc."""

    def __init__(self) -> None:
        super().__init__()
        self.rnn = torch.nn.GRU(3, 4, num_layers=2, batch_first=True)
        self.fc = torch.nn.Linear(4, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        z: torch.Tensor = self.fc(self.rnn(x)[0])
        return z


@pytest.fixture
def model(tmp_path: Path) -> Model:
    """The usual model; its weights in model.safetensors, an input for it in x.npy."""
    torch.manual_seed(0)
    model = Model()
    safetensors.torch.save_file(model.state_dict(), tmp_path / "model.safetensors")
    np.save(tmp_path / "x.npy", torch.randn(2, 5, 3).numpy())
    return model


def test_the_usual_model_with_an_input(model: Model, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In one line; what is expected is what the model gives; and the C port conforms to it."""
    files = ["--weights", tmp_path / "model.safetensors", "--x", tmp_path / "x.npy", "--layout", "batch_first"]
    assert export(tmp_path / "v", *files, "--rename", "fc=output", "--no-h0") == 0
    assert "x: B = 2, T = 5, I = 3\n" in capsys.readouterr().out
    (vector,) = reading.read_set(tmp_path / "v")
    case, x = vector.case, np.load(tmp_path / "x.npy")
    assert (case.cell, case.T, case.B, case.I, case.H, case.O, case.num_layers) == ("gru", 5, 2, 3, 4, 5, 2)
    np.testing.assert_array_equal(vector.values.x, x)
    z = model.double()(torch.from_numpy(x).double())
    np.testing.assert_allclose(vector.expect["z"], z.detach().numpy(), rtol=1e-12)

    if shutil.which("cc") is None:
        pytest.skip("NOT CHECKED: cc not on this machine")
    port = Path(parity.__file__).parent / "ports" / "c"
    assert commands.main(["check", str(port), "--vectors", str(tmp_path / "v")]) == check.CONFORMS


def test_a_prefix_takes_the_stack_alone(model: Model, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert export(tmp_path / "v", "--weights", tmp_path / "model.safetensors", "--prefix", "rnn.", "--steps", 2) == 0
    (vector,) = reading.read_set(tmp_path / "v")
    assert vector.case.O is None
    for name, p in model.rnn.state_dict().items():
        np.testing.assert_array_equal(vector.values.params[name], p.numpy())
    assert "left out: fc.bias, fc.weight\n" in capsys.readouterr().out


NAMES = {
    "module.enc.weight_ih_l0": np.ones((4, 3)),
    "module.fc.weight": np.ones((5, 4)),
    "module.fc.bias": np.ones(5),
    "module.fc2.bias": np.ones(1),
}


@pytest.mark.parametrize(
    ("prefix", "renames", "found", "left_out"),
    [
        (None, [], [*NAMES], []),
        ("module.enc.", [], ["weight_ih_l0"], [*NAMES][1:]),
        ("module.", [], [name.removeprefix("module.") for name in NAMES], []),
        (
            "module.enc.",
            [("module.fc", "output")],
            ["rnn.weight_ih_l0", "output.weight", "output.bias"],
            ["module.fc2.bias"],
        ),
        ("module.enc.", [("module.fc.weight", "W")], ["weight_ih_l0", "W"], ["module.fc.bias", "module.fc2.bias"]),
        (
            None,
            [("module.fc", "output"), ("module", "m")],
            ["m.enc.weight_ih_l0", "output.weight", "output.bias", "m.fc2.bias"],
            [],
        ),
    ],
)
def test_names(prefix: str | None, renames: list[tuple[str, str]], found: list[str], left_out: list[str]) -> None:
    params, rest = weights.named(NAMES, prefix, renames)
    assert ([*params], rest) == (found, left_out)


def test_the_output_layer_is_renamed_with_a_prefix_or_without() -> None:
    names = {"rnn.weight_ih_l0": np.ones((4, 3)), "fc.weight": np.ones((5, 4)), "fc.bias": np.ones(5)}
    alone = weights.named(names, None, [("fc", "output")])
    assert alone == weights.named(names, "rnn.", [("fc", "output")])
    assert [*alone[0]] == ["rnn.weight_ih_l0", "output.weight", "output.bias"]


def test_many_names_are_not_all_shown() -> None:
    assert weights.listed("abcdefgh") == "a, b, c, d, e, f, g, h"
    assert weights.listed("abcdefghij") == "a, b, c, d, e, f, g, h and 2 more"


@pytest.mark.parametrize("layout", ["time_major", "batch_first", "unbatched"])
def test_an_input_in_each_layout(layout: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shapes = {"time_major": (4, 1, 2), "batch_first": (1, 4, 2), "unbatched": (4, 2)}
    x = np.arange(1.0, 9.0).reshape(shapes[layout])
    np.save(tmp_path / "x.npy", x + 1e-12)
    assert export(tmp_path / "v", "--x", tmp_path / "x.npy", "--layout", layout, "--hidden-size", 3, "--steps", 4) == 0
    (vector,) = reading.read_set(tmp_path / "v")
    assert (vector.case.T, vector.case.B, vector.case.I, vector.case.H) == (4, 1, 2, 3)
    np.testing.assert_array_equal(vector.values.x, x)
    assert "x rounded to float32, as every value of a vector is: changed by 1e-12 at most" in capsys.readouterr().out


def test_what_stands_after_the_end_of_a_sequence_is_not_kept(tmp_path: Path) -> None:
    x = np.ones((3, 2, 1), np.float32)
    np.save(tmp_path / "x.npy", x)
    assert export(tmp_path / "v", "--x", tmp_path / "x.npy", "--hidden-size", 1, "--lengths", 3, 1) == 0
    x[1:, 1] = np.nan
    np.testing.assert_array_equal(reading.read_set(tmp_path / "v")[0].values.x, x)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "weight_ih_l0 among them; got fc.bias, fc.weight, rnn.bias_hh_l0"),
        ([], "\nDid you mean --prefix rnn. (with its output layer: --rename fc=output)?"),
        (["--prefix", "gru."], "--prefix gru.: no name begins so; got fc.bias"),
        (["--prefix", "gru."], "\nDid you mean --prefix rnn. (with"),
        (["--prefix", "rnn"], "Did you mean --prefix rnn. (with"),
        (["--rename", "fc=head"], "Did you mean --prefix rnn. (with its output layer: --rename fc=output)?"),
        (["--rename", "f=output"], "--rename f=output: no name is f or begins with f.; got fc.bias"),
        (["--rename", "fc"], "expected OLD=NEW, got 'fc'"),
        (["--rename", "fc="], "expected OLD=NEW, got 'fc='"),
        (["--rename", "=fc"], "expected OLD=NEW, got '=fc'"),
        (["--prefix", "rnn.", "--rename", "fc=head"], 'Unexpected key(s) in params: "head.bias", "head.weight"'),
        (["--prefix", "rnn.", "--rename", "fc=head"], "--prefix P takes the stack alone, --rename OLD=NEW gives"),
        (["--rename", "fc.weight=output.weight"], 'Missing key(s) in params: "output.bias"'),
        (["--rename", "fc.weight=output.weight"], 'Unexpected key(s) in params: "fc.bias"'),
        (["--rename", "rnn.bias_hh_l0=fc.bias"], "two of the weights become fc.bias, one of them rnn.bias_hh_l0"),
        (["--rename", "fc.bias=output.weight"], "expected output.weight of shape (rows, columns), got (5,)"),
        (["--prefix", "rnn.", "--x", "x.npy"], "I is 3, but x of shape (2, 6, 4) has 4"),
        (["--prefix", "rnn.", "--x", "good.npy", "--batch-size", "3"], "B is 3, but x of shape (2, 5, 3) has 5"),
        (["--prefix", "rnn.", "--x", "good.npy", "--lengths", "2", "1"], "--lengths has 2, expected one for each of 5"),
    ],
)
def test_names_and_sizes_that_do_not_fit_are_refused(
    arguments: list[str], words: str, model: Model, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    Path("x.npy").rename("good.npy")
    np.save("x.npy", np.ones((2, 6, 4)))
    assert words in refused(capsys, "v", "--weights", "model.safetensors", *arguments)


def test_an_input_that_is_none_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    x = np.ones((3, 2, 4))
    infinite = x.copy()
    infinite[1, 0, 2] = np.inf
    for array, words in (
        (x[0], "expected x of shape (T, B, I), none of them 0, got (2, 4)"),
        (x[:0], "none of them 0, got (0, 2, 4)"),
        (x.astype(int), "x should be of dtype float32 or float64 (.float() in torch), got: int64"),
        (infinite, "x should be finite in float32, got inf at [1, 0, 2]"),
        (1e300 * x, "x should be finite in float32, got 1e+300 at [0, 0, 0]"),
        (np.asfortranarray(x), "is in Fortran order; expected what np.save(FILE, np.ascontiguousarray(x)) writes"),
        (np.array([{}]), "holds Python objects"),
    ):
        np.save(tmp_path / "x.npy", array)
        assert words in refused(capsys, tmp_path / "v", "--x", tmp_path / "x.npy"), words
    (tmp_path / "x.npy").write_bytes(b"nonsense")
    assert "is no .npy file" in refused(capsys, tmp_path / "v", "--x", tmp_path / "x.npy")
    assert "No such file" in refused(capsys, tmp_path / "v", "--x", tmp_path / "y.npy")
    assert "is of names in a file: it needs --weights" in refused(capsys, tmp_path / "v", "--prefix", "rnn.")


def test_names_that_would_write_on_the_terminal_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_file({"\x1b[2Jweight_ih_l0": np.ones((4, 3))}, tmp_path / "w.safetensors")
    said = refused(capsys, tmp_path / "v", "--weights", tmp_path / "w.safetensors")
    assert "has the name '\\x1b[2Jweight_ih_l0'" in said
    assert "\x1b" not in said


def test_a_type_that_numpy_does_not_have_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for dtype in (torch.bfloat16, torch.float8_e4m3fn):
        safetensors.torch.save_file({"weight_ih_l0": torch.zeros(4, 3).to(dtype)}, tmp_path / "w.safetensors")
        said = refused(capsys, tmp_path / "v", "--weights", tmp_path / "w.safetensors")
        assert "should be of dtype float32 or float64 (.float() in torch)" in said


OF_A_MODULE = weights.FROM_TORCH.splitlines()[-1]


@pytest.mark.parametrize("kind", ["state_dict", "shared", "checkpoint", "module"])
def test_what_torch_saved_becomes_safetensors_as_is_said(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    gru = torch.nn.GRU(3, 4)
    state = dict(gru.state_dict())
    if kind == "shared":  # and not contiguous: safetensors refuses both
        state = {name: state["weight_ih_l0"] if "weight_ih" in name else p.t() for name, p in state.items()}
        state["tied"] = state["weight_ih_l0"]
    saved = {"module": gru, "checkpoint": {"epoch": 3, "state_dict": state}}
    torch.save(saved.get(kind, state), "model.pt")
    said = refused(capsys, "v", "--weights", "model.pt")
    assert "expected weights in a .npz or .safetensors file, got model.pt" in said
    assert weights.FROM_TORCH in said
    recipe = "\n".join(line.strip() for line in said.splitlines() if line.startswith("    "))
    if kind == "module":
        assert OF_A_MODULE in said
        of_a_state = next(line for line in recipe.splitlines() if "torch.load" in line)
        recipe = recipe.replace(of_a_state, f"state = {OF_A_MODULE}")
    exec(recipe, {})
    found = weights.load(Path("model.safetensors"))
    assert found.keys() == state.keys()
    for name, p in state.items():
        np.testing.assert_array_equal(found[name], p.numpy())


def test_the_help_fits_80_columns_and_has_the_recipe(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit):
        export("--help")
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= 80
    assert weights.FROM_TORCH in shown


def test_long_work_is_announced_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tolerance, "seconds", lambda case: 0.0625)
    monkeypatch.setattr(enclosure, "seconds", lambda case: 20.0)
    export(tmp_path / "v", "--hidden-size", 1, "--steps", 1)
    said = capsys.readouterr()
    line = "about 84 s or more: 1024 noisy runs 64 s, exact values 20 s per precision\n"
    assert said.out == f"{line}1 vector written to {tmp_path / 'v'}\n"
    assert said.err == ""  # no bar, no empty line
    monkeypatch.setattr(enclosure, "seconds", lambda case: 0.0)
    monkeypatch.setattr(tolerance, "seconds", lambda case: 0.0)
    export(tmp_path / "w", "--hidden-size", 1, "--steps", 1)
    assert "about" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("seconds", "spoken"),
    [(0.4, "under 1 s"), (1, "1 s"), (119, "119 s"), (120, "2 min"), (7300, "2 h"), (2e6, "23 d")],
)
def test_times_are_spoken(seconds: float, spoken: str) -> None:
    assert export_command._spoken(seconds) == spoken


def test_the_estimate_counts_steps_and_sequences(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock says 3 s for two steps of one sequence and 1 s for one of them: 2 s a step."""
    cases = Case("own", "own", "", T=5, B=3), Case("own", "own", "", T=5, B=2, lengths=(5, 1))
    for case, steps in zip(cases, (15, 6), strict=True):
        clock = itertools.chain([0.0, 3.0, 3.0, 4.0], itertools.repeat(0.0))
        monkeypatch.setattr(time, "perf_counter", lambda clock=clock: next(clock))
        assert enclosure.seconds(case) == 2 * steps
    clock = itertools.chain([0.0, 7.0, 7.0, 9.0], itertools.repeat(0.0))
    monkeypatch.setattr(time, "perf_counter", lambda: next(clock))
    assert tolerance.seconds(cases[0]) == 2


def test_writing_tells_how_far_it_is(tmp_path: Path) -> None:
    told: list[tuple[str, int, int | None]] = []
    bits = writing.write(tmp_path / "v", CASES["range-stack-tanh"], 3, lambda *what: told.append(what))
    exact = [(f"exact values, in balls of {tried} bits", 0, None) for tried in (128, 256, 512, 1024, 2048)]
    assert bits == 2048
    assert told == [*exact, *(("noisy runs", done, 3) for done in range(3))]


def test_one_row_shows_what_was_told_last() -> None:
    progress = Progress(console=Console(file=io.StringIO()))
    tell = terminal.teller(progress)
    tell("exact values", 0, None)
    tell("noisy runs", 0, 8)
    tell("noisy runs", 5, 8)
    (row,) = progress.tasks
    assert (row.description, row.completed, row.total) == ("noisy runs", 5, 8)
