"""The parity suite: one test a case. Every tensor of the reference, against every oracle, in both dtypes."""

import numpy as np
import pytest

from parity import oracles, runner, subject
from parity.cases import CASES, Case, arrays
from parity.compare import message
from parity.oracles import torch_autograd


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_parity(case: Case) -> None:
    for dtype in runner.DTYPES:
        results = list(runner.check(case, dtype, list(oracles.ORACLES)))
        assert any(result.oracle == "torch" for result in results)
        for result in results:
            assert result.passed, message(result)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_torch_speaks_for_every_tensor_and_a_second_call_gives_the_same_bits(case: Case) -> None:
    values = arrays(case).astype(np.float64)  # read-only: whoever writes to an input raises
    first, second = subject.run(case, values), subject.run(case, values)
    assert set(torch_autograd.run(case, values)) == set(first)
    for name, tensor in first.items():
        assert tensor.tobytes() == second[name].tobytes(), name


def test_torch_nn_rnn_itself_speaks_wherever_it_can() -> None:
    without = {case.id for case in CASES.values() if not torch_autograd.has_module(case)}
    lacks = {c.id for c in CASES.values() if c.nonlinearity == "identity" or c.reset == "before"}
    assert without == lacks | {c.id for c in CASES.values() if c.truncate and c.lengths}


def test_a_device_that_is_not_there_is_named() -> None:
    with pytest.raises(RuntimeError, match="device 'nonsense' was asked for"):
        torch_autograd.check_device("nonsense")
