"""The formulas of reference/proof, run by Coq on integers, and the package on the same integers: not a digit apart."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import reference
from reference.activations import SIGMOID
from reference.arrays import Array
from reference.cells import gru, lstm

Draw = Callable[..., Array]

PROOF = Path(reference.__file__).parent / "proof"
NEEDED = "Sums Space Derivative Adjoint Unroll Activations Rows Rnn Gates Gru Lstm Integers".split()

pytestmark = pytest.mark.skipif(shutil.which("coqc") is None, reason="coqc is not installed (Debian's package coq)")


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what Integers.v needs, compiled."""
    folder = tmp_path_factory.mktemp("proof")
    for name in NEEDED:
        shutil.copy(PROOF / f"{name}.v", folder)
        run_coq(folder, name)
    return folder


def run_coq(folder: Path, name: str) -> str:
    """What a file prints."""
    command = ["coqc", "-q", "-Q", ".", "BPTT", f"{name}.v"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout


def as_coq(array: Array) -> str:
    """[[1; 2]; [3; 4]]"""
    return str(array.astype(int).tolist()).replace(",", ";")


def computed(folder: Path, term: str) -> list[list[int]]:
    """A list of lists of integers, by Coq's virtual machine."""
    imports = (
        "From Coq Require Import List ZArith. Import ListNotations. From BPTT Require Import Integers. Open Scope Z."
    )
    (folder / "Ask.v").write_text(f"{imports}\nEval vm_compute in {term}.\n")
    answer = run_coq(folder, "Ask").split("=", 1)[1].rsplit(":", 1)[0]
    return [[int(digits) for digits in re.findall(r"-?\d+", row)] for row in re.findall(r"\[([^\[\]]*)\]", answer)]


@pytest.fixture
def draw() -> Draw:
    """Integers at random, as floats. What was drawn stands in the term that pytest shows where a test fails."""
    rng = np.random.default_rng()
    return lambda *shape: rng.integers(-1, 2, size=shape).astype(np.float64)


@pytest.fixture
def gates_of_integers(monkeypatch: pytest.MonkeyPatch) -> None:
    """No integer is a sigmoid or a tanh: a gate takes its argument as it is, but has the slope of SPEC 12.3."""
    for cell in (gru, lstm):
        monkeypatch.setattr(cell, "SIGMOID", replace(SIGMOID, value=np.positive))
    monkeypatch.setattr(np, "tanh", np.positive)


def assert_computed(folder: Path, term: str, attempt: Callable[[], tuple[list[Array], list[Array]]]) -> None:
    """Coq makes of the drawn arrays what the package does. Numbers that are no integers of float64 are drawn anew."""
    while True:
        arrays, expected = attempt()
        if all(np.abs(array).max() < 2**50 for array in expected):
            break
    by_coq = computed(folder, " ".join([term, *map(as_coq, arrays)]))
    assert by_coq == [array.ravel().tolist() for array in expected]


def forward_and_backward(
    stack: reference.RNN | reference.GRU, draw: Draw, T: int, B: int, I: int, H: int
) -> tuple[list[Array], list[Array]]:
    """Arrays that are drawn, and what the package makes of them."""
    params = {name: draw(*shape) for name, shape in stack.shapes.items()}
    x, h0, d_output, d_h_n = draw(T, B, I), draw(1, B, H), draw(T, B, H), draw(1, B, H)
    trace = stack.forward(params, x, h0)
    d = stack.backward(params, trace, d_output, d_h_n)
    return [*params.values(), x, h0[0], d_output, d_h_n[0]], [trace.output, d.h0, d.x, *d.params.values()]


# Gates multiply, so their numbers grow fast: those of longer series are no integers of float64.
GATED = pytest.mark.parametrize(("T", "B", "I", "H"), [(1, 2, 3, 3), (2, 2, 2, 1), (2, 1, 1, 2)])


@pytest.mark.parametrize(("T", "B", "I", "H"), [(1, 1, 1, 1), (4, 2, 3, 2), (3, 3, 1, 4)])
@pytest.mark.parametrize("nonlinearity", ["relu", "identity"])
def test_rnn_on_integers(compiled: Path, draw: Draw, nonlinearity: str, T: int, B: int, I: int, H: int) -> None:
    stack = reference.RNN(I, H, nonlinearity=nonlinearity)
    asked = f"run_rnn {nonlinearity} {T} {B} {I} {H}"
    assert_computed(compiled, asked, lambda: forward_and_backward(stack, draw, T, B, I, H))


@GATED
@pytest.mark.parametrize("reset", ["after", "before"])
def test_gru_on_integers(
    compiled: Path, draw: Draw, gates_of_integers: None, reset: str, T: int, B: int, I: int, H: int
) -> None:
    stack = reference.GRU(I, H, reset=reset)
    asked = f"run_gru {str(reset == 'after').lower()} {T} {B} {I} {H}"
    assert_computed(compiled, asked, lambda: forward_and_backward(stack, draw, T, B, I, H))


@GATED
def test_lstm_on_integers(compiled: Path, draw: Draw, gates_of_integers: None, T: int, B: int, I: int, H: int) -> None:
    stack = reference.LSTM(I, H)

    def attempt() -> tuple[list[Array], list[Array]]:
        params = {name: draw(*shape) for name, shape in stack.shapes.items()}
        x, h0, c0 = draw(T, B, I), draw(1, B, H), draw(1, B, H)
        d_output, d_h_n, d_c_n = draw(T, B, H), draw(1, B, H), draw(1, B, H)
        trace = stack.forward(params, x, (h0, c0))
        d = stack.backward(params, trace, d_output, (d_h_n, d_c_n))
        arrays = [*params.values(), x, h0[0], c0[0], d_output, d_h_n[0], d_c_n[0]]
        return arrays, [trace.output, *d.h0, d.x, *d.params.values()]

    assert_computed(compiled, f"run_lstm {T} {B} {I} {H}", attempt)


LOOP = "Fixpoint loop (n : nat) : False := loop n."


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("Theorem hole : False. Admitted.", "Hole.v: Admitted"),
        ("Axiom mine : False. Theorem hole : False. Proof. exact mine. Qed.", "Hole.hole rests on Hole.mine"),
        (f"Unset Guard Checking. {LOOP} Theorem hole : False. Proof. exact (loop 0). Qed.", "rests on Hole.loop"),
    ],
)
def test_check_sees_what_is_not_proved(tmp_path: Path, lines: str, said: str) -> None:
    shutil.copy(PROOF / "check", tmp_path)
    (tmp_path / "_CoqProject").write_text("-Q . BPTT\nHole.v\n")
    (tmp_path / "Hole.v").write_text(lines)
    done = subprocess.run([sys.executable, str(tmp_path / "check")], capture_output=True, text=True)
    assert done.returncode == 1
    assert said in done.stdout
