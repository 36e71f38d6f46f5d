"""Where the GRU and LSTM of ONNX Runtime agree with the reference, and where they do not: closed gates, and NaN."""

from dataclasses import replace
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import parity
from parity import adapter
from parity.cases import Case, arrays
from parity.compare import CaseResult, compare
from reference.checks import one_for_each

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

CELLS = {
    "gru-after": Case("onnx-gru-after", "special", "as torch has it", cell="gru"),
    "gru-before": Case("onnx-gru-before", "special", "the default of ONNX", cell="gru", reset="before"),
    "lstm": Case("onnx-lstm", "special", "without a projection", cell="lstm"),
}
each_cell = pytest.mark.parametrize("case", CELLS.values(), ids=CELLS)


@pytest.fixture(scope="module")
def port() -> Any:
    spec = spec_from_file_location("onnx_port", Path(parity.__file__).parent / "ports" / "onnxruntime" / "port.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def held(port: Any, case: Case) -> CaseResult:
    """What the port answers in float32, against the reference in float64."""
    values, rnn = arrays(case), case.rnn()
    trace = rnn.forward(values.params, values.x, values.h0, values.lengths)
    last = one_for_each(trace.h_n, rnn.cell.states, "{}_n")
    wanted = {"output": trace.output} | {f"{state}_n": h for state, h in last.items()}
    got = adapter.network(port.forward)(adapter.Request(case, values.astype("float32"), ()))
    return compare(case, "reference", "float32", got, wanted)


@each_cell
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"num_layers": 2, "bidirectional": True, "lengths": (3, 7, 1)},
        {"bias": False, "h0": False, "layout": "batch_first"},
        {"layout": "unbatched", "B": 1},
        {"recipe": "range:-30:30", "saturated": True},
        {"recipe": "not-finite:nan", "finite": False, "bias": False},
    ],
    ids=lambda options: "-".join(options) or "plain",
)
def test_it_agrees(case: Case, options: dict[str, Any], port: Any) -> None:
    result = held(port, replace(case, **options))
    assert result.passed, result.first
    assert 0 < result.share < 1


def test_gates_that_are_all_closed_lose_their_digits(port: Any) -> None:
    """One unit whose gates stand at -17 to -10: σ(-15) is off by a sixth."""
    closed = replace(CELLS["lstm"], T=2, B=1, I=1, H=1, recipe="range:-17:-10", saturated=True)
    result = held(port, closed)
    assert not result.passed
    assert result.share > 1000


@each_cell
def test_nan_at_a_real_step_comes_out_finite_where_there_are_biases(case: Case, port: Any) -> None:
    first = held(port, replace(case, recipe="not-finite:nan", finite=False)).first
    assert first is not None
    assert first.mismatch is not None
    assert np.isfinite(first.mismatch.got)
    assert np.isnan(first.mismatch.wanted)
