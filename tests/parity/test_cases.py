"""What a case must have, or it proves little; and that no option, and no pair of options, is left out."""

import itertools
import json
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from parity import admission, subject
from parity.cases import CASES, HEAD_IDS, RNN_IDS, TOKENS, Case, arrays
from parity.cells import VARIANTS
from reference import CTC, MeanPooledCrossEntropy
from reference.activations import ACTIVATIONS, NONLINEARITIES
from reference.arrays import Array
from reference.divergences import DIVERGENCES

DIGESTS = Path(__file__).parent / "case_digests.json"
# Of one sequence, though they are about something else.
ALONE = (
    *("trained-adagrad-long", "lengths-one-sequence", "gru-memory-T1000", "lstm-memory-T1000"),
    *(f"{variant}-ctc-past-doubles" for variant in VARIANTS),
)
ABOUT_SIZE = ("small sizes", "blocks", "square weights", "memory", "gated: sizes", "gated: pairs")


def cases(condition: Callable[[Case], object] = lambda case: True) -> pytest.MarkDecorator:
    """One test for each case that meets the condition; at least one does."""
    chosen = {case_id: case for case_id, case in CASES.items() if condition(case)}
    assert chosen
    return pytest.mark.parametrize("case", chosen.values(), ids=chosen.keys())


def named_arrays(case: Case) -> dict[str, Array]:
    values = arrays(case)
    names = ("x", "lengths", "masks", "d_output", "target", "weights")
    rest = {name: getattr(values, name) for name in names}
    rest |= {f"{state}0": h for state, h in (values.initial or {}).items()}
    rest |= {f"d_{state}_n": d for state, d in (values.d_last or {}).items()}
    return dict(values.params) | {name: a for name, a in rest.items() if a is not None}


def test_there_are_at_least_120_cases() -> None:
    assert len(CASES) >= 120
    assert len(set(RNN_IDS)) == len(RNN_IDS)
    assert len(set(HEAD_IDS)) == len(HEAD_IDS)


def test_every_activation_divergence_and_nonlinearity_has_a_case() -> None:
    assert {c.nonlinearity for c in CASES.values()} == set(NONLINEARITIES)
    assert {c.activation for c in CASES.values()} == set(ACTIVATIONS)
    assert {c.divergence for c in CASES.values()} == {*DIVERGENCES, CTC.name, MeanPooledCrossEntropy.name}
    for divergence in DIVERGENCES.values():
        targets = {c.target for c in CASES.values() if c.O and c.divergence == divergence.name}
        assert ("classes" in targets) == divergence.takes_indices


RNN_OPTIONS: list[list[str | None]] = [
    ["tanh", "relu", "linear"],
    ["l1", "l2", "l3"],
    ["uni", "bi"],
    [None, "nobias"],
    [None, "bf", "unbatched"],
    [None, "noh0"],
    [None, "ragged"],
    [None, "eval50", "drop25", "drop50", "drop100"],
    [None, "dout", "dhn"],
]


def chosen(tokens: list[str], options: list[list[str | None]]) -> tuple[str | None, ...]:
    """Which value of each option an id names."""
    return tuple(next((value for value in values if value in tokens), None) for values in options)


def possible(values: set[str | None]) -> bool:
    """Not to be had at once: lengths without a batch, and dropout between layers with one layer."""
    dropout = {"eval50", "drop25", "drop50", "drop100"}
    return not {"unbatched", "ragged"} <= values and not ("l1" in values and values & dropout)


def missing_combinations(ids: list[str], options: list[list[str | None]], strength: int) -> list[tuple[object, ...]]:
    rows = [chosen(case_id.split("-")[1:], options) for case_id in ids]
    missing: list[tuple[object, ...]] = []
    for positions in itertools.combinations(range(len(options)), strength):
        seen = {tuple(row[p] for p in positions) for row in rows}
        for wanted in itertools.product(*(options[p] for p in positions)):
            if possible(set(wanted)) and wanted not in seen:
                missing.append(wanted)
    return missing


def test_every_triple_of_recurrent_options_has_a_case() -> None:
    assert missing_combinations(RNN_IDS, RNN_OPTIONS, 3) == []


def test_every_pair_of_output_layer_options_has_a_case() -> None:
    heads = sorted({"-".join(case_id.split("-")[1:4]) for case_id in HEAD_IDS})
    joined = [f"head-{'_'.join(case_id.split('-')[1:4])}-{'-'.join(case_id.split('-')[4:])}" for case_id in HEAD_IDS]
    head: list[str | None] = [head.replace("-", "_") for head in heads]
    around: list[list[str | None]] = [["sum", "mean"], [None, "ragged"], [None, "bi"], [None, "l2"]]
    steps: list[list[str | None]] = [[None, "weighted", "mask", "last", "delayed"], [None, "bf", "unbatched"]]
    assert missing_combinations(joined, [head, *around], 2) == []
    assert missing_combinations(joined, [*around, *steps], 2) == []


def test_every_token_of_an_id_is_used() -> None:
    used = {token for case_id in RNN_IDS + HEAD_IDS for token in case_id.split("-")}
    assert set(TOKENS) <= used


def test_a_case_and_its_values_are_shown_in_short() -> None:
    case = CASES["hand-3-steps"]
    assert repr(case) == (
        "Case(id='hand-3-steps', group='small sizes', comment='three steps in small integers, to follow on paper', "
        "T=3, B=1, I=1, H=2, nonlinearity='relu', recipe='hand-3-steps', exact=True)"
    )
    assert repr(arrays(case)) == (
        "<Arrays: params['weight_ih_l0'] (2, 1), params['weight_hh_l0'] (2, 2),\n"
        "    params['bias_ih_l0'] (2,), params['bias_hh_l0'] (2,), x (3, 1, 1),\n"
        "    initial['h'] (1, 1, 2), d_output (3, 1, 2), d_last['h'] (1, 1, 2)>"
    )


@cases()
def test_the_values_of_an_id_never_change(case: Case) -> None:
    digest = 0
    for name, array in sorted(named_arrays(case).items()):
        digest = zlib.crc32(name.encode() + str(array.shape).encode() + array.astype(np.float64).tobytes(), digest)
    known = json.loads(DIGESTS.read_text())
    assert known.get(case.id) == digest, f'a changed case is a new id; a new case is a new line: "{case.id}": {digest}'


@cases()
def test_a_case_is_the_same_in_float32(case: Case) -> None:
    for name, array in named_arrays(case).items():
        if array.dtype == np.float64:
            np.testing.assert_array_equal(array.astype(np.float32).astype(np.float64), array, err_msg=name)


@cases(lambda case: case.group not in ABOUT_SIZE)
def test_sizes_differ_so_that_no_axis_can_stand_for_another(case: Case) -> None:
    sizes = [case.T, case.B, case.I, case.H] if case.batched else [case.T, case.I, case.H]
    assert len(set(sizes)) == len(sizes)
    assert case.T >= 3
    assert case.B >= 2 or not case.batched or case.id in ALONE


@cases()
def test_weights_are_neither_constant_nor_symmetric_and_the_biases_differ(case: Case) -> None:
    for name, p in arrays(case).params.items():
        if p.size > 1 and not case.exact:
            assert np.unique(p).size > 1, name
        if "weight_hh" in name and case.H > 1:
            assert not np.array_equal(p, p.T), name
        if "bias_ih" in name:
            other = arrays(case).params[name.replace("bias_ih", "bias_hh")]
            assert not np.array_equal(p, other)
            if case.recipe != "hand":
                assert p.any()
                assert other.any()


@cases(lambda case: case.h0 and case.B)
def test_h0_differs_between_layers_and_directions(case: Case) -> None:
    for state in (arrays(case).initial or {}).values():
        assert len({layer.tobytes() for layer in state}) == len(state)


@cases(lambda case: case.lengths and case.recipe != "not-finite:nan")
def test_padding_is_poisoned(case: Case) -> None:
    assert case.lengths is not None
    values = arrays(case)
    x = values.x.swapaxes(0, 1) if case.batch_first else values.x
    for b, length in enumerate(case.lengths):
        assert np.isfinite(x[:length, b]).all()
        assert abs(x[length:, b]).max(initial=2) > 1 if case.unread == "garbage" else np.isnan(x[length:, b]).all()


@cases(lambda case: case.unread != "padding" and case.weights and not case.per_sequence)
def test_targets_that_nobody_asks_for_are_poisoned(case: Case) -> None:
    values = arrays(case)
    assert values.target is not None
    assert values.weights is not None
    unasked = values.target[values.weights == 0]
    if case.unread == "nan":
        assert np.isnan(unasked).all() if unasked.dtype == np.float64 else (unasked == -100).all()
    assert np.isfinite(unasked).all() or case.unread == "nan"


@cases()
def test_a_case_is_well_conditioned_enough_to_prove_something(case: Case) -> None:
    assert admission.problems(case) == []


def test_the_kink_of_relu_is_met_exactly_by_an_exact_case() -> None:
    met = 0
    for case in CASES.values():
        if case.exact and case.nonlinearity == "relu":
            tensors = subject.run(case, arrays(case))
            met += sum(
                int(((t == 0) & (tensors[f"d_h{name[1:]}"] != 0)).sum())
                for name, t in tensors.items()
                if name.startswith("a_l")
            )
    assert met > 0
