"""The formulas of reference/proof, run by Coq on integers, and the package on the same integers: not a digit apart."""

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

import reference
from reference.arrays import Array

PROOF = Path(reference.__file__).parent / "proof"
NEEDED = ["Sums", "Space", "Derivative", "Adjoint", "Unroll", "Activations", "Rows", "Rnn", "Integers"]

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


@pytest.mark.parametrize("nonlinearity", ["relu", "identity"])
@pytest.mark.parametrize(("T", "B", "I", "H"), [(1, 1, 1, 1), (4, 2, 3, 2), (3, 3, 1, 4)])
def test_rnn_on_integers(compiled: Path, nonlinearity: str, T: int, B: int, I: int, H: int) -> None:
    seed = np.random.SeedSequence().entropy
    rng = np.random.default_rng(seed)

    def draw(*shape: int) -> Array:
        return rng.integers(-3, 4, size=shape).astype(np.float64)

    rnn = reference.RNN(I, H, nonlinearity=nonlinearity)
    W_ih, W_hh, b_ih, b_hh = draw(H, I), draw(H, H), draw(H), draw(H)
    params = {"weight_ih_l0": W_ih, "weight_hh_l0": W_hh, "bias_ih_l0": b_ih, "bias_hh_l0": b_hh}
    x, h0, d_output, d_h_n = draw(T, B, I), draw(1, B, H), draw(T, B, H), draw(1, B, H)

    trace = rnn.forward(params, x, h0)
    gradients = rnn.backward(params, trace, d_output, d_h_n)
    by_package = [trace.output, gradients.h0, gradients.x, *gradients.params.values()]

    arrays = " ".join(as_coq(array) for array in [W_ih, W_hh, b_ih, b_hh, x, h0[0], d_output, d_h_n[0]])
    by_coq = computed(compiled, f"run_rnn {nonlinearity} {T} {B} {I} {H} {arrays}")
    assert by_coq == [array.ravel().tolist() for array in by_package], f"seed {seed}"
