"""Parameters as torch has them: names, order, shapes, and the distribution they are drawn from. SPEC 1.4, 1.5, 20.3."""

from itertools import product

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from numpy.typing import DTypeLike
from torch import nn

import reference
from reference import parameters
from reference.arrays import Array
from reference.recurrent import Recurrent
from tests.helpers import CELLS, every_cell, torch_module

I, H, O = 3, 4, 2
CONFIGURATIONS = list(product([1, 2, 3], [False, True], [False, True]))

each_configuration = pytest.mark.parametrize(("num_layers", "bidirectional", "bias"), CONFIGURATIONS)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def pair(cell: str, num_layers: int, bidirectional: bool, bias: bool) -> tuple[Recurrent, nn.RNNBase]:
    """The same configuration here and in torch."""
    ours = CELLS[cell](I, H, num_layers=num_layers, bidirectional=bidirectional, bias=bias)
    return ours, torch_module(ours).double()


class TorchNetwork(nn.Module):
    def __init__(self, rnn: nn.RNNBase, output: nn.Linear) -> None:
        super().__init__()
        self.rnn = rnn
        self.output = output


def tensors(params: dict[str, Array]) -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(p) for name, p in params.items()}


@each_configuration
@every_cell
def test_names_order_and_shapes_are_those_of_torch(cell: str, num_layers: int, bidirectional: bool, bias: bool) -> None:
    ours, theirs = pair(cell, num_layers, bidirectional, bias)
    wanted = [(name, tuple(p.shape)) for name, p in theirs.state_dict().items()]
    assert list(ours.shapes.items()) == wanted
    assert [(name, p.shape) for name, p in ours.init(rng()).items()] == wanted


@each_configuration
@every_cell
def test_torch_loads_the_parameters_as_they_are(cell: str, num_layers: int, bidirectional: bool, bias: bool) -> None:
    ours, theirs = pair(cell, num_layers, bidirectional, bias)
    params = ours.init(rng())
    theirs.load_state_dict(tensors(params), strict=True)
    for name, p in theirs.state_dict().items():
        assert_array_equal(p.numpy(), params[name])


@each_configuration
@every_cell
def test_a_torch_module_of_rnn_and_output_loads_those_of_a_network(
    cell: str, num_layers: int, bidirectional: bool, bias: bool
) -> None:
    rnn, theirs = pair(cell, num_layers, bidirectional, bias)
    net = reference.Network(rnn, O)
    module = TorchNetwork(theirs, nn.Linear(rnn.output_features, O)).double()
    params = net.init(rng())
    assert list(params) == list(net.shapes) == list(module.state_dict())
    module.load_state_dict(tensors(params), strict=True)
    for name, p in module.state_dict().items():
        assert_array_equal(p.numpy(), params[name])


@each_configuration
@every_cell
def test_the_state_dict_of_torch_is_taken_as_it_is(cell: str, num_layers: int, bidirectional: bool, bias: bool) -> None:
    ours, theirs = pair(cell, num_layers, bidirectional, bias)
    params = {name: p.numpy() for name, p in theirs.state_dict().items()}
    x = rng().standard_normal((5, 2, I))
    with torch.no_grad():
        wanted = theirs(torch.from_numpy(x))[0].numpy()
    np.testing.assert_allclose(ours.forward(params, x).output, wanted, rtol=1e-12, atol=1e-13)


def test_layers_of_differing_numbers_of_directions_have_no_names() -> None:
    rnn = reference.RNN(I, H)
    ((one,),) = parameters.grouped(rnn.init(rng()), tuple(rnn.cell.shapes(I, bias=True)), 1, 1)
    with pytest.raises(ValueError, match="zip"):
        parameters.flat([[one], [one, one]], tuple(one))


# The distribution. Of n values from U(-b, b) the largest falls short of b by b/n on average; n is 3000 and more.


def assert_uniform(values: Array, bound: float) -> None:
    n = values.size
    assert np.abs(values).max() <= bound
    assert values.max() > bound * (1 - 20 / n)
    assert values.min() < -bound * (1 - 20 / n)
    assert abs(values.mean()) < 5 * bound / np.sqrt(3 * n)
    assert values.var() == pytest.approx(bound**2 / 3, rel=5 / np.sqrt(n))


@pytest.mark.parametrize("name", ["weight_ih_l0", "weight_hh_l0_reverse", "weight_ih_l1", "weight_hh_l1_reverse"])
@every_cell
def test_recurrent_weights_are_uniform_within_1_over_sqrt_H_whatever_they_read(cell: str, name: str) -> None:
    """H is 64; weight_ih_l0 reads 50 numbers, weight_ih_l1 128."""
    params = CELLS[cell](50, 64, num_layers=2, bidirectional=True).init(rng())
    assert_uniform(params[name], 1 / 8)


def test_a_projection_too_is_uniform_within_1_over_sqrt_H() -> None:
    """Not of P, which is 60: it reads 64 numbers."""
    assert_uniform(reference.LSTM(3, 64, proj_size=60).init(rng())["weight_hr_l0"], 1 / 8)


@pytest.mark.parametrize("kind", ["bias_ih", "bias_hh"])
@every_cell
def test_recurrent_biases_are_uniform_within_1_over_sqrt_H(cell: str, kind: str) -> None:
    """H is 64; of all layers together there are 3072 at least."""
    params = CELLS[cell](1, 64, num_layers=24, bidirectional=True).init(rng(), np.float32)
    assert_uniform(np.concatenate([p for name, p in params.items() if name.startswith(kind)]), 1 / 8)


@pytest.mark.parametrize("name", ["output.weight", "output.bias"])
@pytest.mark.parametrize(("bidirectional", "bound"), [(False, 1 / 2), (True, 1 / np.sqrt(8))])
def test_the_output_layer_is_uniform_within_1_over_sqrt_of_what_it_reads(
    name: str, bidirectional: bool, bound: float
) -> None:
    net = reference.Network(reference.RNN(1, 4, bidirectional=bidirectional), 3000)
    assert_uniform(net.init(rng())[name], bound)


@pytest.mark.parametrize("layer", [*CELLS, "output"])
def test_torch_draws_from_the_same_bounds(layer: str) -> None:
    torch.manual_seed(0)
    module = nn.Linear(64, 50) if layer == "output" else torch_module(CELLS[layer](50, 64))
    for p in module.state_dict().values():
        largest = p.abs().max().item()
        assert 0.9 / 8 < largest <= 1 / 8


# The generator and the dtype.


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.longdouble, np.complex128, ">f8"])
@every_cell
def test_parameters_have_the_dtype_asked_for_in_native_byte_order(cell: str, dtype: DTypeLike) -> None:
    params = reference.Network(CELLS[cell](I, H), O).init(rng(), dtype)
    assert {p.dtype for p in params.values()} == {np.dtype(dtype).newbyteorder("=")}


def test_parameters_are_float64_unless_told_otherwise() -> None:
    assert {p.dtype for p in reference.RNN(I, H).init(rng()).values()} == {np.dtype(np.float64)}


@pytest.mark.parametrize("dtype", [np.float16, np.int64, np.bool_, np.complex64])
def test_a_dtype_that_the_reference_does_not_compute_in_raises(dtype: DTypeLike) -> None:
    with pytest.raises(TypeError, match="dtype should be of dtype float32 or float64, got: "):
        reference.RNN(I, H).init(rng(), dtype)


def test_the_same_seed_gives_the_same_bits() -> None:
    net = reference.Network(reference.RNN(I, H, num_layers=2), O)
    first, second = net.init(rng(7)), net.init(rng(7))
    for name, p in first.items():
        assert p.tobytes() == second[name].tobytes()


def test_another_seed_gives_other_parameters() -> None:
    net = reference.Network(reference.RNN(I, H, num_layers=2), O)
    first, second = net.init(rng(7)), net.init(rng(8))
    assert all((p != second[name]).all() for name, p in first.items())


def test_a_generator_goes_on_from_where_it_stands() -> None:
    generator, rnn = rng(7), reference.RNN(I, H)
    first, second = rnn.init(generator), rnn.init(generator)
    assert all((p != second[name]).all() for name, p in first.items())


@every_cell
def test_no_two_parameters_share_their_numbers(cell: str) -> None:
    params = CELLS[cell](H, H, num_layers=2, bidirectional=True).init(rng())
    values = np.concatenate([p.ravel() for p in params.values()])
    assert len(np.unique(values)) == len(values)
