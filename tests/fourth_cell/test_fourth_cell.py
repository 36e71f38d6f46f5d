"""A cell is one file, a line in each of two tables, its cases and its mistakes; all else takes it as it comes."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import reference
from parity import admission, commands, oracles, runner, subject, tensors, tolerance
from parity.cases import Case, arrays
from parity.cells import CELLS
from parity.compare import compare, describe, message
from parity.mistakes import measure
from parity.report import check
from parity.vectors import reading, writing
from reference.recurrent import Recurrent
from tests.fourth_cell import tables
from tests.fourth_cell.leaky import Leaky
from tests.fourth_cell.mgu import MGU
from tests.fourth_cell.mistakes import MISTAKES
from tests.helpers import assert_close, assert_same_bits

PORT = Path(__file__).parent / "port"
HEAD: dict[str, Any] = {"O": 6, "divergence": "softmax_cross_entropy", "target": "classes"}
SHAPES: dict[str, dict[str, Any]] = {
    "l1": {},
    "l2-bi-ragged-drop25": {
        "num_layers": 2, "bidirectional": True, "lengths": (5, 2, 7), "dropout": 0.25, "masks": True
    },
    "truncate-3-bf": {"truncate": 3, "layout": "batch_first", "num_layers": 2},
    "truncate-2-ragged": {"truncate": 2, "lengths": (5, 2, 7)},
    "unbatched-noh0": {"layout": "unbatched", "B": 1, "h0": False},
    "head-ragged-bi": {"lengths": (5, 2, 7), "bidirectional": True, **HEAD},
    "dhn": {"upstream": "h_n"},
}  # fmt: skip
NAMES = ("mgu", "leaky")
CASES = [
    Case(f"{cell}-{name}", cell, name, cell=cell, bias=cell == "mgu", saturated=True, **options)
    for cell in NAMES
    for name, options in SHAPES.items()
]
each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)


@pytest.fixture(autouse=True)
def added() -> Iterator[None]:
    tables.add()
    yield
    tables.remove()


@each_case
def test_every_tensor_agrees_with_every_oracle_within_the_tolerance(case: Case) -> None:
    assert admission.problems(case) == []
    for dtype in runner.DTYPES:
        results = list(runner.check(case, dtype, list(oracles.ORACLES)))
        assert {r.oracle for r in results} >= {"torch", "enclosure"}
        assert (case.truncate is not None) or "complex-step" in {r.oracle for r in results}
        for result in results:
            assert result.passed, message(result)
            assert 0 < result.share < 1


def test_the_tensors_follow_from_the_cell() -> None:
    leaky = next(case for case in CASES if case.id == "leaky-l1")
    names = "a_l0 c_l0 m_l0 h_l0 output h_n c_n d_h_l0 d_m_l0 d_c_l0 d_a_l0 d_x d_h0 d_c0".split()
    names += ["d_weight_ih_l0", "d_weight_hh_l0", "d_weight_hr_l0"]
    assert list(tensors.table(leaky)) == names
    found = subject.run(leaky, arrays(leaky))
    assert found["h_l0"].shape == (7, 3, 4)
    assert found["c_n"].shape == found["d_c0"].shape == (1, 3, 5)
    assert describe(leaky, "d_m_l0", (2, 1, 0)) == "d_m layer 0 forward step 2 (t = 2) [1, 0]"


def test_mistakes_are_caught_and_the_right_cell_is_not() -> None:
    verdicts = measure.measure(list(MISTAKES.values()), CASES)
    caught = {v.mistake.name: set(v.catches) for v in verdicts}
    for name, cases in caught.items():
        assert cases, name
        assert {case.partition("-")[0] for case in cases} == {name.partition("-")[0]}, name


def vectors(folder: Path) -> Path:
    writing.write_set(folder, CASES, runs=tolerance.RUNS)
    return folder


def test_vectors_hold_a_case_of_any_cell(tmp_path: Path) -> None:
    stored = {vector.case.id: vector for vector in reading.read_set(vectors(tmp_path / "set"))}
    for case in CASES:
        vector, values = stored[case.id], arrays(case)
        assert vector.case.cell == case.cell
        assert_same_bits([vector.values.x, vector.values.initial], [values.x, values.initial])
        assert_same_bits([vector.values.x, vector.values.d_last], [values.x, values.d_last])
        assert list(vector.expect) == list(subject.run(case, values))
    text = (tmp_path / "set" / "leaky-l1" / "case.toml").read_text()
    assert "nonlinearity" not in text
    assert "h0 = true\nc0 = true\nlengths = false" in text


def test_an_option_of_another_cell_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        commands.main(["export", str(tmp_path / "v"), "--cell", "mgu", "--nonlinearity", "relu"])
    assert "--nonlinearity is of another cell than mgu" in capsys.readouterr().err


def test_a_port_conforms_or_is_told_where_it_goes_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = vectors(tmp_path / "set")
    out, monkey = tmp_path / "report.json", ["--vectors", str(folder), "--timeout", "60"]
    code = commands.main(["check", str(PORT), *monkey, "--fresh", "3", "--fresh-cases", "6", "--json", str(out)])
    assert code == check.CONFORMS, capsys.readouterr().out
    results = json.loads(out.read_text())["results"]
    assert {r["verdict"] for r in results} == {"pass"}
    assert any(r["vector"].startswith("fresh") for r in results)
    wrong = tmp_path / "wrong"
    wrong.mkdir()
    text = (PORT / "port.toml").read_text().replace('"port.py"]', f'"{PORT / "port.py"}", "leaky-d-c-n-ignored"]')
    (wrong / "port.toml").write_text(text)
    assert commands.main(["check", str(wrong), *monkey, "-k", "leaky-dhn"]) == check.DIVERGES
    assert "first: d_c layer 0 forward step 6 (t = 6)" in capsys.readouterr().out


# The package: what an RNN has, these have.


def stack(cell: str, **options: Any) -> Recurrent:
    return CELLS[cell].stack(3, 5, **options)


def example(rnn: Recurrent, T: int = 9, B: int = 3) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    states = [rng.standard_normal((rnn.num_layers * rnn.num_directions, B, rnn.cell.sizes[s])) for s in rnn.cell.states]
    given = states[0] if len(states) == 1 else tuple(states)
    return {"params": rnn.init(rng), "x": rng.standard_normal((T, B, 3)), "h0": given}


def upstream(trace: reference.RecurrentTrace) -> dict[str, Any]:
    last = trace.h_n
    d_last = tuple(np.cos(state) for state in last) if isinstance(last, tuple) else np.cos(last)
    return {"d_output": np.sin(trace.output), "d_h_n": d_last}


def results(trace: reference.RecurrentTrace, grads: reference.RecurrentGradients) -> dict[str, Any]:
    return {"output": trace.output, "h_n": trace.h_n, "x": grads.x, "h0": grads.h0, "params": grads.params}


@pytest.mark.parametrize("lengths", [None, [4, 9, 7]])
@pytest.mark.parametrize("cell", NAMES)
def test_checkpoints_and_inference_give_what_the_whole_gives(cell: str, lengths: list[int] | None) -> None:
    rnn = stack(cell, num_layers=2)
    e = example(rnn)
    whole, kept = (rnn.forward(**e, lengths=lengths, checkpoint_every=k) for k in (None, 4))
    there = upstream(whole)
    assert_close(
        results(kept, rnn.backward(e["params"], kept, **there)),
        results(whole, rnn.backward(e["params"], whole, **there)),
    )
    assert_close(rnn.infer(**e, lengths=lengths), (whole.output, whole.h_n))


@pytest.mark.parametrize("cell", NAMES)
def test_one_step_at_a_time_gives_what_the_whole_gives(cell: str) -> None:
    rnn = stack(cell, num_layers=2)
    e = example(rnn)
    trace = rnn.forward(**e)
    state = e["h0"]
    for t, x_t in enumerate(e["x"]):
        output, state = rnn.step(e["params"], x_t, state)
        assert_close(output, trace.output[t])
    assert_close(state, trace.h_n)


def test_several_states_are_a_tuple_and_may_be_left_out() -> None:
    rnn = stack("leaky")
    e = example(rnn)
    trace = rnn.forward(**e)
    assert isinstance(trace.h_n, tuple)
    assert [state.shape for state in trace.h_n] == [(1, 3, 4), (1, 3, 5)]
    assert [d.shape for d in rnn.backward(e["params"], trace, **upstream(trace)).h0] == [(1, 3, 4), (1, 3, 5)]
    zeros = tuple(np.zeros_like(state) for state in e["h0"])
    assert_same_bits(rnn.forward(**e | {"h0": None}).output, rnn.forward(**e | {"h0": zeros}).output)
    columns = trace.layers[0].directions[0]
    assert_same_bits(columns.c0, e["h0"][1][0])
    assert_same_bits(columns.from_start("c")[1:], columns.c)
    with pytest.raises(AttributeError, match=r"^these columns have x, a, m, h, c, h0, c0, not 'q'$"):
        _ = columns.q


@pytest.mark.parametrize(
    ("given", "got"), [(lambda h0: h0[0], "ndarray"), (lambda h0: h0[:1], "1 of them"), (lambda h0: list(h0), "list")]
)
def test_anything_but_one_array_a_state_is_refused(given: Any, got: str) -> None:
    rnn = stack("leaky")
    e = example(rnn)
    with pytest.raises(TypeError, match=rf"^hx should be a tuple of 2 arrays \(h, c\), got: {got}$"):
        rnn.forward(**e | {"h0": given(e["h0"])})
    trace = rnn.forward(**e)
    with pytest.raises(TypeError, match=rf"^d_h_n should be a tuple of 2 arrays \(h, c\), got: {got}$"):
        rnn.backward(e["params"], trace, d_h_n=given(trace.h_n))


@pytest.mark.parametrize(("cell", "name"), [("mgu", "MGU"), ("leaky", "Leaky")])
def test_messages_name_the_cell(cell: str, name: str) -> None:
    rnn = stack(cell)
    e = example(rnn)
    with pytest.raises(ValueError, match=f"^{name}: Expected input to be 2D or 3D, got 1D tensor instead$"):
        rnn.forward(**e | {"x": e["x"][0, 0]})
    with pytest.raises(ValueError, match=f"^Expected sequence length to be larger than 0 in {name}$"):
        rnn.forward(**e | {"x": e["x"][:0]})
    with pytest.raises(TypeError, match=f"^{name} input dtype"):
        rnn.forward(**e | {"x": e["x"].astype(np.float32)})


@pytest.mark.parametrize("cell", NAMES)
def test_a_network_takes_any_stack(cell: str) -> None:
    net = reference.Network(stack(cell, bidirectional=True), 4, "softmax", "cross_entropy")
    e = example(net.rnn)
    params = net.init(np.random.default_rng(1))
    run = net.forward(params, e["x"], np.zeros((9, 3), int), e["h0"])
    assert net.backward(params, run).x.shape == e["x"].shape
    assert list(params)[-1] == "output.bias"


def test_the_classes_are_those_of_the_tables() -> None:
    assert isinstance(stack("mgu"), MGU)
    assert isinstance(stack("leaky"), Leaky)
    assert replace(Leaky(3, 5), num_layers=2).shapes["weight_hh_l1"] == (5, 4)


def test_a_wrong_value_is_outside_the_tolerance() -> None:
    """So the agreement above is one that can fail."""
    case = CASES[0]
    values = arrays(case)
    found, wanted = subject.run(case, values), oracles.load("torch").run(case, values)
    found["a_l0"] = found["a_l0"] + 2 * tolerance.allowed(case, "a_l0", np.float64).max()
    assert not compare(case, "torch", "float64", found, wanted).passed
