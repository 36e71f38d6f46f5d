"""Parameters: names, order, shapes and distribution are those of torch."""

import itertools

import numpy as np
import pytest
import torch

import reference

CONFIGURATIONS = list(itertools.product((1, 2, 3), (False, True), (True, False)))


@pytest.mark.parametrize(("layers", "bidirectional", "bias"), CONFIGURATIONS)
def test_names_order_and_shapes_are_those_of_the_state_dict(layers: int, bidirectional: bool, bias: bool) -> None:
    ours = reference.RNN(3, 5, num_layers=layers, bidirectional=bidirectional, bias=bias).init(np.random.default_rng(0))
    theirs = torch.nn.RNN(3, 5, num_layers=layers, bidirectional=bidirectional, bias=bias).state_dict()
    assert list(ours) == list(theirs)
    assert [p.shape for p in ours.values()] == [tuple(p.shape) for p in theirs.values()]


@pytest.mark.parametrize("bidirectional", [False, True])
def test_a_network_loads_into_a_module_with_children_rnn_and_output(bidirectional: bool) -> None:
    net = reference.Network(reference.RNN(3, 5, num_layers=2, bidirectional=bidirectional), output_size=4)
    params = net.init(np.random.default_rng(0), dtype=np.float32)
    rnn = torch.nn.RNN(3, 5, num_layers=2, bidirectional=bidirectional)
    module = torch.nn.ModuleDict({"rnn": rnn, "output": torch.nn.Linear(10 if bidirectional else 5, 4)})
    module.load_state_dict({name: torch.from_numpy(p) for name, p in params.items()}, strict=True)
    assert list(params) == list(module.state_dict())


def test_every_element_is_uniform_within_the_bound_of_torch() -> None:
    """U(-1/sqrt(H), 1/sqrt(H)); under the output layer, whose fan is D·H, U(-1/sqrt(D·H), 1/sqrt(D·H))."""
    net = reference.Network(reference.RNN(40, 50, bidirectional=True), output_size=60)
    for name, p in net.init(np.random.default_rng(0)).items():
        bound = 1 / np.sqrt(100 if name.startswith("output.") else 50)
        assert np.abs(p).max() <= bound
        if p.ndim == 2:
            assert np.abs(p).max() > 0.99 * bound
            assert p.std() == pytest.approx(bound / np.sqrt(3), rel=0.03)
            assert abs(p.mean()) < 0.03 * bound


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_seed_decides_and_the_dtype_is_kept(dtype: type) -> None:
    rnn = reference.RNN(3, 5)
    first, again, other = (rnn.init(np.random.default_rng(seed), dtype=dtype) for seed in (1, 1, 2))
    for name in first:
        assert first[name].dtype == dtype
        np.testing.assert_array_equal(first[name], again[name])
        assert (first[name] != other[name]).all()
