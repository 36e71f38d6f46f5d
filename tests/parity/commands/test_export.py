"""`python -m parity export`: cases of the table, own cases, own weights."""

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

import reference
from parity import commands, vectors
from parity.cases import Case, weights
from parity.commands import export as export_command
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


def test_an_interrupted_export_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = writing.write

    def interrupted(folder: Path, case: Case, runs: int) -> None:
        write(folder, case, 2)
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
