"""Roundoffs: the one that a port claims and is judged at, and the one that its errors show. SPEC 9.6, 9.7."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from parity import subject, vectors
from parity.cases import CASES, Case
from parity.compare import compare
from parity.ports import claims, roundoff
from parity.ports.claims import Port
from parity.ports.verdict import Outcome
from parity.report.roundoff import PROJECTION, Effective, document, effective, lines
from parity.vectors import Vector, reading, writing
from reference.arrays import Array
from tests.parity import rounding

PORT = claims.load(Path(__file__).parent / "ports" / "mistaken")
MEASURED = [
    v for v in vectors.frozen() if v.case.cell == "rnn" and CASES[v.case.id].finite and not CASES[v.case.id].exact
]

Answer = Callable[[Vector], Mapping[str, Array]]


def in_bits(bits: int, tanh_bits: int = 0) -> Answer:
    return lambda vector: rounding.run(vector.case, vector.values, bits, tanh_bits)


def in_dtype(dtype: str) -> Answer:
    return lambda vector: subject.run(vector.case, vector.values.astype(dtype))


def measured(
    answer: Answer, dtype: str = "float64", port: Port = PORT, among: Sequence[Vector] = MEASURED
) -> Effective:
    """The effective roundoff of a port that answers so; it passes or fails, which is not asked here."""
    u = roundoff.claimed(port, dtype)
    outcomes = [Outcome(roundoff.at(vector, dtype, u), dtype, "fail", got=answer(vector)) for vector in among]
    (found,) = effective(port, outcomes)
    return found


def test_rounding_is_to_the_nearest_and_ties_go_to_even() -> None:
    found = rounding.rounded(np.array([1.0, 1.0625, 1.1, -1.1875, 9.0, 0.0, np.inf]), 4)
    np.testing.assert_array_equal(found, [1.0, 1.0, 1.125, -1.25, 9.0, 0.0, np.inf])


def test_every_operation_of_the_port_rounds_inside_sums_too() -> None:
    noise = rounding.Rounding(np.random.default_rng(0), bits=3)
    ones = rounding.Rounded.of(np.ones((1, 12)), noise)
    assert ones.sum() == ones.dot(ones.T) == 8  # 8 + 1 is 8 again
    assert isinstance(ones * 1.3, rounding.Rounded)
    assert (ones * 1.3)[0, 0] == 1.25


@pytest.mark.parametrize("bits", [8, 11, 16])
def test_the_constant_is_that_of_ports_that_round_every_operation(bits: int) -> None:
    """What TYPICAL was calibrated on."""
    found = measured(in_bits(bits))
    print(f"effective roundoff of {bits} bits: 2^{found.level:.2f}, {found.set_by}")
    assert abs(found.level + bits) < 0.5


@pytest.mark.parametrize(
    ("answer", "dtype", "bits"),
    [(in_bits(13), "float64", 13), (in_dtype("float32"), "float32", 24), (in_dtype("float64"), "float64", 53)],
    ids=["13 bits", "float32", "float64"],
)
def test_the_effective_roundoff_of_others_comes_out_within_a_bit(answer: Answer, dtype: str, bits: int) -> None:
    found = measured(answer, dtype)
    print(f"effective roundoff of {bits} bits: 2^{found.level:.2f}, {found.set_by}")
    assert abs(found.level + bits) < 1


def test_a_bad_tanh_sets_it_and_the_projection_is_as_good_as_it_is() -> None:
    found = measured(in_bits(16, tanh_bits=10))
    assert found.set_by == "tanh"
    assert -12.5 < found.level < -10.5  # rounding to 10 bits is an eighth of the 4 u that a tanh may err by
    assert abs(found.levels[PROJECTION] + 16) < 0.5
    (line,) = lines([found])
    assert line == (
        f"effective roundoff 2^{found.level:.1f} (float64); "
        f"the projection is at 2^{found.levels[PROJECTION]:.1f}, tanh sets it"
    )


@pytest.mark.parametrize(
    ("options", "kinds"),
    [
        ({"cell": "gru"}, [PROJECTION, "h"]),
        ({"cell": "gru", "reset": "before"}, [PROJECTION, "s", "h"]),
        ({"cell": "lstm"}, [PROJECTION, "c", "h"]),
        ({"cell": "lstm", "proj_size": 2}, [PROJECTION, "c", "m", "h"]),
    ],
)
def test_a_bad_tanh_of_a_gated_cell_is_not_laid_to_the_projection(
    options: dict[str, Any], kinds: list[str], tmp_path: Path
) -> None:
    cases = [Case(f"roundoff-{n}", "small", "", T=2, H=4 + n, **options) for n in range(3)]
    writing.write_set(tmp_path / "set", cases, runs=32)
    found = measured(in_bits(16, tanh_bits=10), among=reading.read_set(tmp_path / "set"))
    assert list(found.levels)[: len(kinds)] == kinds
    assert abs(found.levels[PROJECTION] + 16) < 1
    assert max(found.levels[kind] for kind in kinds[1:]) > -13


def test_without_a_trace_the_first_tensor_that_has_the_error_sets_it() -> None:
    def forward(vector: Vector) -> dict[str, Array]:
        return {n: a for n, a in in_bits(16, tanh_bits=10)(vector).items() if n in ("output", "h_n", "z", "y")}

    found = measured(forward)
    assert found.set_by == "output"
    assert PROJECTION not in found.levels
    assert lines([found]) == [f"effective roundoff 2^{found.level:.1f} (float64); {found.set_by} sets it"]


def test_a_mistake_in_some_vectors_does_not_move_it() -> None:
    def sometimes_wrong(vector: Vector) -> Mapping[str, Array]:
        found = in_dtype("float32")(vector)
        return {name: tensor + 1 for name, tensor in found.items()} if vector.case.truncate else found

    right, wrong = measured(in_dtype("float32"), "float32"), measured(sometimes_wrong, "float32")
    assert abs(right.level - wrong.level) < 0.5


def test_the_figure_does_not_depend_on_what_is_claimed() -> None:
    claims_it = replace(PORT, roundoff={"float64": 2.0**-13})
    plain, claimed = measured(in_bits(13)), measured(in_bits(13), port=claims_it)
    assert claimed.level == pytest.approx(plain.level)
    assert "(float64, judged at the 2^-13 that it claims); " in lines([claimed])[0]


def test_of_too_few_tensors_nothing_is_said() -> None:
    (found,) = effective(PORT, [Outcome(v, "float64", "pass", got=in_bits(13)(v)) for v in MEASURED[3:4]])
    assert lines([found]) == ["effective roundoff (float64): too few tensors to say"]
    assert document([found])["float64"]["log2"] is None


def test_what_has_no_number_is_left_out() -> None:
    """NaN, and tensors of another shape."""

    def odd(vector: Vector) -> dict[str, Array]:
        found = in_bits(13)(vector)
        return {**found, "output": np.full_like(found["output"], np.nan), "h_n": found["h_n"][None]}

    assert measured(odd).levels.keys() == measured(in_bits(13)).levels.keys() - {"output", "h_n"}


# What a port claims.


def judged(vector: Vector, bits: int, answer: Answer) -> bool | None:
    """Whether a port that claims so many bits passes; None where the vector is too sensitive for it."""
    at = roundoff.at(vector, "float64", 2.0**-bits)
    if roundoff.too_sensitive(at, "float64", 2.0**-bits):
        return None
    return compare(at.case, "the truth", "float64", answer(vector), at.expect, allowed=at.allowed["float64"]).passed


@pytest.mark.parametrize(("bits", "judged_at_least"), [(11, 0.4), (13, 0.7), (16, 0.9)])
def test_a_port_that_rounds_as_it_claims_passes_wherever_it_is_judged(bits: int, judged_at_least: float) -> None:
    found = [judged(vector, bits, in_bits(bits)) for vector in vectors.frozen()]
    assert False not in found
    print(f"{bits} bits: {found.count(True)} of {len(found)} vectors are judged")
    assert found.count(True) >= judged_at_least * len(found)


def test_a_port_that_claims_more_than_it_can_fails() -> None:
    found = [judged(vector, 20, in_bits(13)) for vector in vectors.frozen()]
    assert found.count(False) > 0.8 * len(found)


def test_an_exact_vector_stays_exact_as_far_as_the_claim_can_represent_its_numbers() -> None:
    vector = next(v for v in vectors.frozen() if v.case.id == "exact-relu-l1")
    largest = max(np.abs(tensor).max() for tensor in vector.expect.values())
    enough = int(np.ceil(np.log2(4 * largest)))
    assert judged(vector, enough, in_bits(enough))
    assert reason(vector, 2.0 ** (1 - enough)) == f"numbers up to {largest:g} must be exact"


def test_a_limit_of_more_than_a_tenth_of_a_tensor_judges_nothing() -> None:
    vector = next(v for v in vectors.frozen() if v.case.id == "small-one-unit")
    limit, size = (np.abs(of["h_n"]).max() for of in (vector.allowed["float32"], vector.expect))
    u = 2.0**-24 * size / limit / 10
    assert reason(only(vector, "h_n"), 1.1 * u) == "h_n may be off by 0.11 of its size"
    assert not reason(only(vector, "h_n"), 0.99 * u)


def reason(vector: Vector, u: float) -> str:
    """Why the vector is too sensitive for a port that claims u in float32."""
    return roundoff.too_sensitive(roundoff.at(vector, "float32", u), "float32", u)


def only(vector: Vector, name: str) -> Vector:
    """The vector with one tensor alone."""
    return replace(
        vector, expect={name: vector.expect[name]}, allowed={"float32": {name: vector.allowed["float32"][name]}}
    )


def test_a_relu_that_might_open_judges_nothing() -> None:
    vector = only(next(v for v in vectors.frozen() if v.case.id == "rnn-relu-l1-uni-bf"), "a_l0")
    nearest = np.abs(vector.expect["a_l0"]).min()
    u = 2.0**-24 * nearest / vector.allowed["float32"]["a_l0"].min()
    assert reason(vector, u) == "a_l0 is too near to the kink of relu"
    assert not reason(vector, u / 100)
    padded = next(v for v in vectors.frozen() if v.case.id == "lengths-relu-l3-bi")
    assert (padded.expect["a_l0"] == 0).any()
    assert not reason(padded, 2.0**-23)


@pytest.mark.parametrize(
    ("value", "u"), [('"2^-13"', 2.0**-13), ("1e-4", 1e-4), ('"2^-12.5"', 2.0**-12.5), ('"2^-24"', 2.0**-24)]
)
def test_a_roundoff_is_a_power_of_2_or_a_number(tmp_path: Path, value: str, u: float) -> None:
    assert loaded(tmp_path, f"float32 = {value}").roundoff == {"float32": u}


def loaded(folder: Path, line: str) -> Port:
    text = (PORT.folder / "port.toml").read_text(encoding="utf-8")
    (folder / "port.toml").write_text(f"{text}\n[roundoff]\n{line}\n", encoding="utf-8")
    return claims.load(folder)


@pytest.mark.parametrize(
    "value",
    [
        '"2^-25"',
        '"2^-3"',
        '"2^13"',
        '"2^-13 "',
        '"-13"',
        '"2^-1e1"',
        '"2^-١٣"',
        '""',
        "0.1",
        "0.0",
        "-1e-4",
        "nan",
        "inf",
        "1",
        "true",
        '["2^-13"]',
    ],
)
def test_another_roundoff_is_refused(tmp_path: Path, value: str) -> None:
    with pytest.raises(
        claims.BadPort, match=r'\[roundoff\] float32 should be text such as "2\^-13", or a number, from 2'
    ):
        loaded(tmp_path, f"float32 = {value}")


def test_a_roundoff_of_a_dtype_that_is_not_claimed_is_refused(tmp_path: Path) -> None:
    with pytest.raises(claims.BadPort, match="should be of the dtypes of the port, float64, float32, got 'bfloat16'"):
        loaded(tmp_path, 'bfloat16 = "2^-8"')
