"""The character model: its optimisers are torch's, its loss is torch's, and it learns."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from parity import commands
from parity.cases import Case, arrays
from parity.cells import CELLS
from parity.commands import charlm
from parity.commands.charlm import Corpus
from parity.oracles import torch_training
from reference.arrays import Array

TEXT = "the quick brown fox jumps over the lazy dog and the cat sat on the mat, " * 40


def test_the_unigram_entropy_by_hand() -> None:
    """Of "aab": -(2/3 log 2/3 + 1/3 log 1/3)."""
    assert Corpus.of("aab").unigram_entropy() == pytest.approx(2 / 3 * np.log(3 / 2) + 1 / 3 * np.log(3))


def test_a_window_is_followed_by_the_characters_after_each() -> None:
    corpus = Corpus.of(TEXT)
    x, target = corpus.windows(np.random.default_rng(0), T=7, B=3)
    assert x.shape == (7, 3, len(corpus.vocabulary))
    characters = x.argmax(axis=-1)
    np.testing.assert_array_equal(x.sum(axis=-1), 1)
    np.testing.assert_array_equal(characters[1:], target[:-1])
    for b in range(3):
        piece = "".join(corpus.vocabulary[c] for c in [*characters[:, b], target[-1, b]])
        assert piece in TEXT


@pytest.mark.parametrize(("name", "torch_optimiser"), [("sgd", torch.optim.SGD), ("adagrad", torch.optim.Adagrad)])
def test_the_optimisers_step_as_those_of_torch(name: str, torch_optimiser: type[torch.optim.Optimizer]) -> None:
    rng = np.random.default_rng(0)
    ours = {"w": rng.uniform(-1, 1, (4, 3))}
    theirs = torch.nn.Parameter(torch.from_numpy(ours["w"].copy()))
    stepper = torch_optimiser([theirs], lr=0.1)  # type: ignore[call-arg]
    memory: dict[str, Array] = {}
    for _ in range(5):
        g = rng.uniform(-2, 2, (4, 3))
        ours, memory = charlm.OPTIMISERS[name][0](ours, {"w": g}, memory, 0.1)
        theirs.grad = torch.from_numpy(g.copy())
        torch.nn.utils.clip_grad_value_([theirs], charlm.CLIP)
        stepper.step()
        np.testing.assert_allclose(ours["w"], theirs.detach().numpy(), rtol=1e-14)


@pytest.mark.parametrize(
    ("cell", "optimiser"), [("rnn", "sgd"), ("rnn", "adagrad"), ("gru", "adagrad"), ("lstm", "adagrad")]
)
def test_the_torch_twin_has_the_same_losses_and_both_fall(cell: str, optimiser: str) -> None:
    corpus = Corpus.of(TEXT)
    net = charlm.network(cell, len(corpus.vocabulary), 12)
    start = net.init(np.random.default_rng(0))

    def batches() -> Iterator[tuple[Array, Array]]:
        rng = np.random.default_rng(1)
        return (corpus.windows(rng, 9, 5) for _ in range(40))

    rate = charlm.OPTIMISERS[optimiser][1]
    ours = [float(loss) for loss, _ in charlm.train(net, start, batches(), optimiser, rate)]
    theirs = list(torch_training.train(net, start, batches(), optimiser, rate, charlm.CLIP))
    np.testing.assert_allclose(ours[:20], theirs[:20], rtol=1e-12)
    assert np.mean(ours[-5:]) < ours[0] - 0.5


@pytest.mark.parametrize(("cell", "gates"), [("rnn", 1), ("gru", 3), ("lstm", 4)])
def test_the_command_trains_compares_and_samples(
    cell: str, gates: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text, weights = tmp_path / "text.txt", tmp_path / "weights.npz"
    text.write_text(TEXT)
    arguments = ["charlm", "--cell", cell, "--text", str(text), "--steps", "150", "--hidden-size", "16"]
    assert (
        commands.main([*arguments, "--compared", "4", "--window", "11", "--sample", "60", "--save", str(weights)]) == 0
    )
    out = capsys.readouterr().out
    assert f"text: {len(TEXT):,} characters, {len(set(TEXT))} different" in out
    assert f"unigram entropy of the text: {Corpus.of(TEXT).unigram_entropy():.4f}" in out
    assert "torch agrees" in out
    assert "clearly below the entropy" in out
    stored = np.load(weights, allow_pickle=False)
    assert stored["rnn.weight_hh_l0"].shape == (gates * 16, 16)
    assert stored["rnn.weight_hh_l0"].dtype == np.float32


def test_a_twin_that_drifts_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A learning rate that is wrong by 1e-9 changes the second loss by more than its tolerance."""
    text = tmp_path / "text.txt"
    text.write_text(TEXT)
    right: Any = torch_training.train

    def drifting(*arguments: Any) -> Iterator[float]:
        *others, rate, clip = arguments
        yield from right(*others, rate * (1 + 1e-9), clip)

    monkeypatch.setattr(torch_training, "train", drifting)
    options = ["--steps", "4", "--compared", "4", "--hidden-size", "8", "--window", "9"]
    assert commands.main(["charlm", "--text", str(text), *options]) == 1
    assert "torch does NOT agree" in capsys.readouterr().out


@pytest.mark.parametrize("cell", CELLS)
def test_the_sample_is_drawn_from_the_models_own_distribution(cell: str) -> None:
    """A model whose output bias forbids all but one character writes that one alone."""
    corpus = Corpus.of("abc" * 20)
    net = charlm.network(cell, 3, 4)
    params = net.init(np.random.default_rng(0))
    params["output.bias"] = np.array([-1000.0, 0.0, -1000.0])
    assert charlm.sample(net, params, corpus, np.random.default_rng(0), 12) == "b" * 12


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--text", "no such file"], "cannot read no such file as UTF-8 text"),
        (["--steps", "0"], "--steps should be at least 1, got 0"),
        (["--hidden-size", "-3"], "--hidden-size should be at least 1, got -3"),
        (["--cell", "elman"], "invalid choice: 'elman'"),
        (["--optimizer", "adam"], "invalid choice: 'adam'"),
        (["--save", "weights.txt"], "--save should name a new .npz file"),
        (["--save", "no/such/folder/w.npz"], "there is no folder no/such/folder"),
        (["--seed", "-1"], "--seed should be at least 0, got -1"),
        (["--steps", "5", "--compared", "6"], "--compared should be at most the 5 steps, got 6"),
        (["--sample", "-1"], "--sample should be at least 0, got -1"),
        (["--rate", "nan"], "--rate should be a number above 0, got nan"),
        (["--window", "100000000"], "too few for windows of 100000000"),
    ],
)
def test_wrong_usage_exits_with_2_and_says_why(
    arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        commands.main(["charlm", *arguments])
    assert stopped.value.code == 2
    assert complaint in capsys.readouterr().err


def test_text_that_is_not_utf8_is_refused_and_no_file_is_overwritten(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    latin, kept = tmp_path / "latin.txt", tmp_path / "kept.npz"
    latin.write_bytes(b"caf\xe9")
    kept.write_bytes(b"mine")
    for arguments in (["--text", str(latin)], ["--save", str(kept)]):
        with pytest.raises(SystemExit):
            commands.main(["charlm", *arguments])
    assert "as UTF-8 text" in capsys.readouterr().err
    assert kept.read_bytes() == b"mine"


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_the_stored_weights_of_gated_cells_are_those_of_a_case(cell: str) -> None:
    """103 characters, 16 units; on its own text the model is better than the letters' frequencies."""
    case = Case("trained", "trained", "", cell=cell, T=25, B=4, I=103, H=16, O=103, recipe=f"trained:charlm-{cell}")
    case = replace(case, divergence="softmax_cross_entropy", target="classes", reduction="mean")
    values = arrays(case)
    assert {name: p.shape for name, p in values.params.items()} == dict(case.shapes())
    assert case.network().forward(values.params, values.x, values.target).div < 3
