"""`python -m parity trace`: a calculation as on paper."""

import numpy as np
import pytest

from parity import commands, vectors
from parity.cases import CASES, arrays


def trace(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert commands.main(["trace", *arguments]) == 0
    return capsys.readouterr().out


def test_a_multiplication_by_hand(capsys: pytest.CaptureFixture[str]) -> None:
    out = trace(capsys, "hand-1x1x1")
    for line in (
        "  a[0] = 0.5·1 + 0.125 + 0.0625 - 0.25·0.5 = 0.5625",
        "  h[0] = tanh(0.5625) = 0.50983",
        "  dh[0] = 2 - 0.5 = 1.5",
        "  da[0] = 1.5 · (1 - 0.50983²) = 1.11011",
        "d_h0 = [[[-0.277528]]]",
    ):
        assert line in out.splitlines()


def test_every_number_of_a_trace_is_that_of_the_tensor(capsys: pytest.CaptureFixture[str]) -> None:
    """The sums that are written out give what stands behind them."""
    for case_id in ("small-one-unit", "small-one-input", "truncate-2-ragged", "rich", "exact-relu-l2-bi-ragged"):
        sums = 0
        for line in trace(capsys, case_id).splitlines():
            if line.startswith(("  a[", "  dh[")) and "W_" not in line:
                _, written, result = line.split(" = ")
                written = written.replace("·", "*").replace(" - ", " + -1*")
                assert np.isclose(eval(written), float(result), rtol=1e-4, atol=1e-4), line
                sums += 1
        assert sums > 20, case_id


def test_one_sequence_and_the_output_layer(capsys: pytest.CaptureFixture[str]) -> None:
    out = trace(capsys, "rich", "--sequence", "1")
    assert "Sequence 1" in out
    assert "Sequence 0" not in out
    assert "output layer: z = W2 h + b2, y = identity(z); softmax_cross_entropy" in out
    assert "forward, layer 1 reverse direction" in out
    assert (
        f"DIV of the whole series, all sequences = {float(np.load(vectors.FROZEN / 'rich/expect/div.npy')):.6g}" in out
    )


def test_what_cannot_be_traced_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, words in (
        (["none"], "no case is 'none'"),
        (["long-T1000"], "has 8000 pre-activations: too many to read, 1000 at most"),
        (["rich", "--sequence", "3"], "--sequence should be in 0..2, got 3"),
    ):
        with pytest.raises(SystemExit):
            commands.main(["trace", *arguments])
        assert words in capsys.readouterr().err


def test_every_small_case_can_be_traced(capsys: pytest.CaptureFixture[str]) -> None:
    traced = 0
    for case in CASES.values():
        if case.finite and 0 < case.T * case.B * case.H * case.num_layers * case.num_directions <= 60:
            assert trace(capsys, case.id).startswith(f"{case.id}: ")
            traced += 1
            assert arrays(case).x.size
    assert traced > 3
