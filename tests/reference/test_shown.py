"""How objects look in a REPL and in `help`, and what is said of an attribute that is not there."""

import copy
import inspect
import pickle
import pydoc
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import reference
from reference import shown

RNG = np.random.default_rng(0)
X = RNG.standard_normal((6, 2, 3))
RNN = reference.RNN(3, 4, num_layers=2, bidirectional=True)
PARAMS = RNN.init(RNG)
TRACE = RNN.forward(PARAMS, X)
GRADS = RNN.backward(PARAMS, TRACE, TRACE.output)
LSTM = reference.LSTM(3, 4, proj_size=2)
OF_LSTM = LSTM.forward(LSTM.init(RNG), X)
NET = reference.Network(reference.RNN(3, 4), 2, activation="softmax", divergence="cross_entropy")
NET_PARAMS = NET.init(RNG)
RUN = NET.forward(NET_PARAMS, X, RNG.integers(0, 2, (6, 2)))
NET_GRADS = NET.backward(NET_PARAMS, RUN)
ONE = reference.RNN(3, 4)
CHECKPOINTS = ONE.forward(ONE.init(RNG), X, checkpoint_every=2)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (RNN, "RNN(input_size=3, hidden_size=4, num_layers=2, bidirectional=True)"),
        (
            NET,
            "Network(rnn=RNN(input_size=3, hidden_size=4), output_size=2, "
            "activation='softmax', divergence='cross_entropy')",
        ),
        (
            TRACE,
            "<RecurrentTrace: output (6, 2, 8), h_n (4, 2, 4),\n    layers[0..1].directions[0..1] of x, a, h, h0>",
        ),
        (
            OF_LSTM,
            "<RecurrentTrace: output (6, 2, 2), h_n ((1, 2, 2), (1, 2, 4)),\n"
            "    layers[0].directions[0] of x, a, m, gates, tanh_c, h, c, h0, c0>",
        ),
        (CHECKPOINTS, "<RecurrentTrace: output (6, 2, 4), h_n (1, 2, 4), no layers (checkpoints alone)>"),
        (
            GRADS,
            "<RecurrentGradients: x (6, 2, 3), h0 (4, 2, 4), params of 16 names,\n"
            "    layers[0..1].directions[0..1] of x, a, h, h0>",
        ),
        (
            TRACE.layers[1],
            "<LayerTrace: output (6, 2, 8), h_n (2, 2, 4), directions[0..1] of x, a, h, h0>",
        ),
        (GRADS.layers[1], "<LayerGradients: x (6, 2, 8), h0 (2, 2, 4), directions[0..1] of x, a, h, h0>"),
        (TRACE.layers[0].directions[1], "<Columns: x (6, 2, 3), a (6, 2, 4), h (6, 2, 4), h0 (2, 4)>"),
        (
            NET_PARAMS,
            "<dict of arrays: rnn.weight_ih_l0 (4, 3), rnn.weight_hh_l0 (4, 4),\n"
            "    rnn.bias_ih_l0 (4,), rnn.bias_hh_l0 (4,), output.weight (2, 4),\n"
            "    output.bias (2,)>",
        ),
        (
            RUN,
            f"<NetworkRun: div {RUN.div}, y (6, 2, 2), z (6, 2, 2),\n"
            "    rnn of output, h_n, layers[0].directions[0] of x, a, h, h0>",
        ),
        (
            NET_GRADS,
            "<NetworkGradients: x (6, 2, 3), h0 (1, 2, 4), y (6, 2, 2), z (6, 2, 2),\n"
            "    output (6, 2, 4), params of 6 names,\n"
            "    rnn of layers[0].directions[0] of x, a, h, h0>",
        ),
        (shown.Named(), "<dict of arrays>"),
    ],
)
def test_an_object_is_shown_by_names_and_shapes(value: object, text: str) -> None:
    assert repr(value) == text


def test_a_configuration_can_be_read_back() -> None:
    gru = reference.GRU(3, 4, batch_first=True, reset="before")
    assert eval(repr(gru), vars(reference)) == gru
    assert eval(repr(NET), vars(reference)) == NET


def test_of_a_mapping_each_array_is_shown() -> None:
    assert shown.arrays(NET, at={"h": X}) == "<Network: at['h'] (6, 2, 3)>"


def test_parameters_are_a_dict() -> None:
    for params in (PARAMS, GRADS.params, NET_PARAMS, NET_GRADS.params):
        assert isinstance(params, dict)
        again = pickle.loads(pickle.dumps(params))
        assert again.keys() == params.keys()
        assert repr(again) == repr(params)


@pytest.mark.parametrize(
    ("of", "name", "words"),
    [
        (
            TRACE,
            "h",
            "trace has no h: that of layer l, direction d is trace.layers[l].directions[d].h; "
            "the output of the stack is trace.output",
        ),
        (OF_LSTM, "c0", "trace has no c0: that of layer l, direction d is trace.layers[l].directions[d].c0; "),
        (GRADS, "a", "grads has no a: that of layer l, direction d is grads.layers[l].directions[d].a"),
        (GRADS, "weight_hh_l1", "grads has no weight_hh_l1: it is grads.params['weight_hh_l1']"),
        (RUN, "a", "run has no a: that of layer l, direction d is run.rnn.layers[l].directions[d].a; "),
        (RUN, "h", "the output of the stack is run.rnn.output"),
        (NET_GRADS, "h", "grads has no h: that of layer l, direction d is grads.rnn.layers[l].directions[d].h"),
        (NET_GRADS, "weight_hh_l0", "grads has no weight_hh_l0: it is grads.params['rnn.weight_hh_l0']"),
        (TRACE, "c", "'RecurrentTrace' object has no attribute 'c'"),
        (GRADS, "dh", "'RecurrentGradients' object has no attribute 'dh'"),
        (CHECKPOINTS, "h", "'RecurrentTrace' object has no attribute 'h'"),
        (TRACE, "_h", "'RecurrentTrace' object has no attribute '_h'"),
    ],
)
def test_what_is_not_there_is_said_where_it_is(of: Any, name: str, words: str) -> None:
    with pytest.raises(AttributeError) as raised:
        getattr(of, name)
    text = str(raised.value)
    assert words in text
    assert words.endswith("; ") or text.endswith(words)


@pytest.mark.parametrize("of", [TRACE, GRADS, RUN, NET_GRADS], ids=lambda of: type(of).__name__)
def test_they_can_be_copied_and_stored(of: object) -> None:
    for again in (copy.copy(of), copy.deepcopy(of), pickle.loads(pickle.dumps(of))):
        assert repr(again) == repr(of)
    with pytest.raises(AttributeError, match="has no attribute 'h'"):
        _ = type(of).__new__(type(of)).h  # type: ignore[attr-defined]


def test_help_shows_names_and_defaults_in_lines_that_fit() -> None:
    """In a process of its own: a planted mistake takes with it what is kept in its function."""
    assert str(inspect.signature(reference.CTC)) == "(blank=0, reduction='sum', zero_infinity=False)"
    program = "import pydoc, reference; print(pydoc.plain(pydoc.render_doc(reference.RNN)))"
    text = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert max(map(len, text.splitlines())) <= 120
    assert "forward(self, params, x, h0=None" in text
    assert "numpy.ndarray" not in text


def test_the_functions_of_others_are_left_alone() -> None:
    """Every protocol has its `__init__` from typing."""
    assert "__signature__" not in vars(reference.Divergence.__init__)
    assert "__signature__" in vars(reference.Divergence.value)


def test_every_public_method_has_its_types_all_the_same() -> None:
    assert reference.RNN.forward.__annotations__["h0"] is Any
    assert pydoc.splitdoc(reference.__doc__ or "")[0] == "Back-propagation through time, by hand, in NumPy alone."
