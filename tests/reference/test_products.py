"""The recurrent product in its three forms: the matrix as it is, a copy that BLAS reads faster, panels of columns."""

from typing import Any

import numpy as np
import pytest

from parity import oracles, runner, subject, tolerance
from parity.cases import CASES, arrays
from parity.compare import compare, message
from reference import products
from reference.arrays import Array
from reference.products import product_with
from tests.helpers import CELLS, assert_close, every_cell, every_second, example, results

COPIED: dict[str, Any] = {"MANY_ROWS": 0, "FEW_ROWS": range(0)}
IN_PANELS: dict[str, Any] = {"MANY_ROWS": 0, "FEW_ROWS": range(10**6), "SMALL_PRODUCT": -1, "PANEL": 3}
PRODUCTS = {"rnn": 1, "rnn-relu": 1, "gru-after": 1, "gru-before": 2, "lstm": 1, "lstm-projected": 1}  # of a large step
FORMS = {"copied": COPIED, "in panels": IN_PANELS}


def choose(monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    for name, value in FORMS[form].items():
        monkeypatch.setattr(products, name, value)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("dtype", runner.DTYPES)
@pytest.mark.parametrize("case_id", CASES)
def test_every_case_agrees_with_torch_in_every_form(
    monkeypatch: pytest.MonkeyPatch, case_id: str, dtype: str, form: str
) -> None:
    """Most cases are small, so that the suite meets the matrix as it is; here they meet the other two."""
    case = CASES[case_id]
    values = arrays(case).astype(dtype)
    wanted = oracles.load("torch").run(case, values)
    tolerance.sigma(case, dtype)  # kept from here on: of the form that the case has by itself
    choose(monkeypatch, form)
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        found = subject.run(case, values)
    result = compare(case, "torch", dtype, {name: found[name] for name in wanted if name in found}, wanted)
    assert result.passed, message(result)


def test_each_form_is_taken_where_it_should_be(monkeypatch: pytest.MonkeyPatch) -> None:
    """A loop of one step, or of few rows, copies nothing: the online process reads W_hh where it lies."""
    made: list[str] = []

    def counted(name: str, form: str) -> None:
        right = getattr(products, name)

        def count(matrix: Array) -> Any:
            made.append(form)
            return right(matrix)

        monkeypatch.setattr(products, name, count)

    counted("aligned", "copied")
    counted("_product_by_panels", "in panels")
    small, large = np.ones((8, 8)), np.ones((500, 500))
    loops = {
        (1, 63): [],  # rows of one product, and how many products
        (1, 64): ["copied"],
        (8, 7): [],
        (8, 8): ["copied"],
        (1000, 1): [],
        (1000, 2): ["copied"],
    }
    for (rows, times), form in loops.items():
        made.clear()
        product_with(small, rows, times)
        assert made == form, (rows, times)
    loops = {
        (1, 100): ["copied"],
        (4, 100): ["copied"],  # 4 · 500 · 500 is 10**6, no more
        (5, 100): ["in panels"],
        (8, 100): ["in panels"],
        (8, 7): [],
        (9, 100): ["copied"],
    }
    for (rows, times), form in loops.items():
        made.clear()
        product_with(large, rows, times)
        assert made == form, (rows, times)


@pytest.mark.parametrize("dtype", ["float32", "float64", "longdouble", "complex128"])
@pytest.mark.parametrize("columns", [1, 31, 32, 33, 64, 70])
@pytest.mark.parametrize("rows", [0, 1, 2, 5])
def test_panels_make_the_same_product(monkeypatch: pytest.MonkeyPatch, rows: int, columns: int, dtype: str) -> None:
    """Of integers, so that the order of a sum does not matter; of fewer rows too, as the last steps of a batch have."""
    matmul = np.matmul

    def on_contiguous_panels(x: Array, panels: Array) -> Array:
        assert panels.dtype == x.dtype
        assert panels.flags.c_contiguous
        product: Array = matmul(x, panels)
        return product

    monkeypatch.setattr(np, "matmul", on_contiguous_panels)
    rng = np.random.default_rng(0)
    stored = rng.integers(-9, 9, (columns, 7)).astype(dtype)
    x, out = rng.integers(-9, 9, (rows, 7)).astype(dtype), np.full((rows, columns), 99, dtype)
    for matrix in (stored.T, np.ascontiguousarray(stored.T)):
        products._product_by_panels(matrix)(x, out)
        np.testing.assert_array_equal(out, x.dot(matrix), strict=True)


@pytest.mark.parametrize("form", FORMS)
def test_a_nan_stays_in_its_own_row_and_column(monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    """What a panel is filled up with is multiplied too: it must not be seen."""
    choose(monkeypatch, form)
    matrix = np.ones((4, 4))
    matrix[2, 1] = np.nan
    out = np.empty((3, 4))
    product_with(matrix, 3, 9)(np.ones((3, 4)), out)
    np.testing.assert_array_equal(np.isnan(out), [[False, True, False, False]] * 3)
    x = np.ones((3, 4))
    x[1, 3] = np.inf
    with np.errstate(invalid="ignore"):  # BLAS, of what it fills up with itself
        product_with(np.ones((4, 4)), 3, 9)(x, out)
    np.testing.assert_array_equal(np.isinf(out), [[False] * 4, [True] * 4, [False] * 4])


@every_cell
def test_a_large_layer_with_few_rows_runs_in_panels_by_itself(cell: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ragged, none up to T: the last steps have no row at all. As it is, and with weights that are not contiguous."""
    e = example(CELLS[cell](3, 420), T=9, B=8)
    in_panels = products._product_by_panels
    made: list[tuple[int, ...]] = []

    def counted(matrix: Array) -> Any:
        made.append(matrix.shape)
        return in_panels(matrix)

    monkeypatch.setattr(products, "_product_by_panels", counted)

    def run(params: dict[str, Array]) -> dict[str, Any]:
        trace = e.rnn.forward(params, e.x, e.h0, lengths=[8, 1, 4, 8, 2, 7, 3, 8])
        return results(trace, e.rnn.backward(params, trace, e.d_output, e.d_h_n))

    found = [run(e.params), run({name: every_second(p) for name, p in e.params.items()})]
    assert len(made) == 2 * 2 * PRODUCTS[cell]  # each there and back
    choose(monkeypatch, "copied")
    wanted = run(e.params)
    for one in found:
        assert_close(one, wanted)
