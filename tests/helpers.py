"""What the tests share: the cells, random examples, torch's twin, comparisons, the complex step, memory orders."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, is_dataclass
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import DTypeLike
from torch import Tensor
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from reference import GRU, LSTM, RNN, RecurrentGradients, RecurrentTrace
from reference.arrays import Array
from reference.columns import as_given
from reference.recurrent import Recurrent
from tests.torch_gru_before import GruBefore

COMPLEX_STEP = 2.0**-600


def arrays_in(value: object, path: str = "") -> dict[str, Array]:
    """Every array (and NumPy scalar, and tensor) in nested results, by its path."""
    if isinstance(value, np.ndarray | np.generic):
        return {path: np.asarray(value)}
    if isinstance(value, Tensor):
        return {path: value.detach().numpy()}
    if is_dataclass(value):
        value = vars(value)
    if isinstance(value, list | tuple):
        value = dict(enumerate(value))
    if isinstance(value, Mapping):
        return {p: a for key, part in value.items() for p, a in arrays_in(part, f"{path}.{key}").items()}
    return {}


def _pairs(got: object, wanted: object) -> list[tuple[str, Array, Array]]:
    gots, wanteds = arrays_in(got), arrays_in(wanted)
    assert gots.keys() == wanteds.keys()
    assert gots
    return [(path, gots[path], wanteds[path]) for path in gots]


def assert_close(got: object, wanted: object) -> None:
    """Every float64 array is equal but for rounding: NaN, shapes and dtypes the same.

    The sums here have fewer than 100 terms of size about 1, so two orders of summation differ by less than
    100 · 2⁻⁵³ ≈ 1e-14; the allowed error is ten times that, and a relative part for what the recursion amplifies.
    """
    for path, g, w in _pairs(got, wanted):
        np.testing.assert_allclose(g, w, rtol=1e-12, atol=1e-13, strict=True, err_msg=path)


def assert_equal(got: object, wanted: object) -> None:
    """Every array has the same shape, dtype and values; -0 is 0."""
    for path, g, w in _pairs(got, wanted):
        np.testing.assert_array_equal(g, w, strict=True, err_msg=path)


def assert_same_bits(got: object, wanted: object) -> None:
    """Every array has the same shape, dtype and bits: also NaN for NaN, and -0 for -0."""
    for path, g, w in _pairs(got, wanted):
        assert (g.shape, g.dtype) == (w.shape, w.dtype), path
        assert g.tobytes() == w.tobytes(), path


def complex_step(function: Callable[[Array], Any], at: Array, direction: Array) -> Any:
    """The derivative of a function of one array along a direction, Im f(x + ihv) / h: no difference, so no rounding."""
    return np.imag(function(at + 1j * COMPLEX_STEP * direction)) / COMPLEX_STEP


def complex_step_gradient(value: Callable[[Array], Any], at: Array) -> Array:
    """The gradient of a scalar function of one array, element by element."""
    gradient = np.empty_like(at)
    for index in np.ndindex(at.shape):
        direction = np.zeros_like(at)
        direction[index] = 1
        gradient[index] = complex_step(value, at, direction)
    return gradient


def projected(input_size: int, hidden_size: int, **options: Any) -> LSTM:
    """An LSTM with a projection on half of its units; one unit cannot be projected: then there are two."""
    H = max(hidden_size, 2)
    return LSTM(input_size, H, **options, proj_size=H // 2)


CELLS: dict[str, Callable[..., Any]] = {
    "rnn": RNN,
    "rnn-relu": partial(RNN, nonlinearity="relu"),
    "gru-after": GRU,
    "gru-before": partial(GRU, reset="before"),
    "lstm": LSTM,
    "lstm-projected": projected,
}
every_cell = pytest.mark.parametrize("cell", CELLS)


def parts(state: Any) -> tuple[Any, ...]:
    """The arrays of a state: one, or h and c."""
    return state if isinstance(state, tuple) else (state,)


def each(function: Callable[..., Any], *states: Any) -> Any:
    """The function of one state, or of several: of those of an LSTM, which are pairs, the pair of what it gives."""
    found = tuple(function(*arrays) for arrays in zip(*map(parts, states), strict=True))
    return found if isinstance(states[0], tuple) else found[0]


def take(states: Any, index: Any) -> Any:
    """A state at an index, or each of several."""
    return each(lambda state: state[index], states)


@dataclass(frozen=True)
class Example:
    """A configuration with random values for all that it takes: nothing constant, nothing symmetric, no zeros.

    h0 and d_h_n: of an LSTM pairs.
    """

    rnn: Any
    params: dict[str, Array]
    x: Array
    h0: Any
    d_output: Array
    d_h_n: Any

    def forward(self, **options: Any) -> RecurrentTrace:
        trace: RecurrentTrace = self.rnn.forward(self.params, self.x, self.h0, **options)
        return trace

    def run(self, truncate: int | None = None, **options: Any) -> tuple[RecurrentTrace, RecurrentGradients]:
        trace = self.forward(**options)
        return trace, self.rnn.backward(self.params, trace, self.d_output, self.d_h_n, truncate)

    def alone(self, b: int, length: int) -> "Example":
        """Sequence b of a time-major batch as an unbatched example."""
        h0, d_h_n = take(self.h0, np.s_[:, b]), take(self.d_h_n, np.s_[:, b])
        return Example(self.rnn, self.params, self.x[:length, b], h0, self.d_output[:length, b], d_h_n)

    def map(self, make: Callable[[Array], Array]) -> "Example":
        """The example with every array made anew."""
        params = {name: make(p) for name, p in self.params.items()}
        h0, d_h_n = each(make, self.h0), each(make, self.d_h_n)
        return Example(self.rnn, params, make(self.x), h0, make(self.d_output), d_h_n)


def example(rnn: Recurrent, T: int = 6, B: int | None = 3, dtype: DTypeLike = np.float64, seed: int = 0) -> Example:
    """A random example of a stack; B = None: unbatched."""
    rng = np.random.default_rng(seed)
    batch = () if B is None else (B,)

    def normal(*shape: int) -> Array:
        return rng.standard_normal(shape).astype(dtype)

    def series(features: int) -> Array:
        return normal(*batch, T, features) if rnn.batch_first else normal(T, *batch, features)

    def states() -> Any:
        LD, sizes = rnn.num_layers * rnn.num_directions, rnn.cell.sizes
        return as_given({name: normal(LD, *batch, sizes[name]) for name in rnn.cell.states})

    return Example(
        rnn,
        rnn.init(rng, dtype),
        x=series(rnn.input_size),
        h0=states(),
        d_output=series(rnn.output_features),
        d_h_n=states(),
    )


def results(trace: RecurrentTrace, grads: RecurrentGradients) -> dict[str, Any]:
    """What torch shows too: output, h_n, and the gradients of x, h0 and the parameters."""
    return {"output": trace.output, "h_n": trace.h_n, "x": grads.x, "h0": grads.h0, "params": grads.params}


def leaf(array: Array) -> Tensor:
    """A copy of the array as a tensor that autograd differentiates by."""
    return torch.tensor(array, requires_grad=True)


def torch_module(rnn: Recurrent, **options: Any) -> torch.nn.RNNBase:
    """The module of torch of the same configuration, with parameters of its own; of a GRU of reset before, ours."""
    kind: type[torch.nn.RNNBase]
    own: dict[str, Any] = {}
    if isinstance(rnn, RNN):
        kind, own = torch.nn.RNN, {"nonlinearity": rnn.nonlinearity}
    elif isinstance(rnn, LSTM):
        kind, own = torch.nn.LSTM, {"proj_size": rnn.proj_size}
    else:
        assert isinstance(rnn, GRU)
        kind = torch.nn.GRU if rnn.reset == "after" else GruBefore
    shared = ("num_layers", "bias", "batch_first", "dropout", "bidirectional")
    return kind(rnn.input_size, rnn.hidden_size, **{name: getattr(rnn, name) for name in shared}, **own, **options)


def torch_twin(rnn: Recurrent, params: Mapping[str, Array]) -> torch.nn.RNNBase:
    """The module of torch of the same configuration and parameters, in eval() mode."""
    twin = torch_module(rnn, dtype=torch.from_numpy(params["weight_ih_l0"]).dtype)
    twin.load_state_dict({name: torch.tensor(p) for name, p in params.items()}, strict=True)
    return twin.eval()


def torch_forward(
    twin: torch.nn.RNNBase, x: Tensor, h0: Any = None, lengths: Sequence[int] | None = None
) -> tuple[Tensor, Any]:
    """A module of torch on a time-major series, packed where lengths are given."""
    if lengths is None:
        output, h_n = twin(x, h0)
    else:
        packed, h_n = twin(pack_padded_sequence(x, torch.tensor(lengths), enforce_sorted=False), h0)
        output, _ = pad_packed_sequence(packed, total_length=x.shape[0])
    return output, h_n


def torch_results(
    e: Example, forward: Callable[[torch.nn.RNNBase, Tensor, Any], tuple[Tensor, Any]] = torch_forward
) -> dict[str, Any]:
    """The same as `results`, from torch and its autograd."""
    twin, x, h0 = torch_twin(e.rnn, e.params), leaf(e.x), each(leaf, e.h0)
    output, h_n = forward(twin, x, h0)
    torch.autograd.backward([output, *parts(h_n)], [torch.tensor(d) for d in (e.d_output, *parts(e.d_h_n))])
    params = {name: p.grad for name, p in twin.named_parameters()}
    return {"output": output, "h_n": h_n, "x": x.grad, "h0": each(lambda h: h.grad, h0), "params": params}


def reversed_strides(array: Array) -> Array:
    flip: Any = (..., *(slice(None, None, -1),) * array.ndim)
    return array[flip].copy()[flip]


def every_second(array: Array) -> Array:
    """The array as every second element, along every axis, of one that holds NaN in between."""
    between = np.nan if array.dtype.kind in "fc" else 1
    spread = np.full([2 * n for n in array.shape], between, array.dtype)
    every_second_of_each: Any = (..., *(slice(None, None, 2),) * array.ndim)
    view = spread[every_second_of_each]
    view[...] = array
    return view


def read_only(array: Array) -> Array:
    array = array.copy()
    array.flags.writeable = False
    return array


def unaligned(array: Array) -> Array:
    """The array one byte past where its dtype would begin."""
    moved: Array = np.ndarray(array.shape, array.dtype, bytearray(array.nbytes + 1), offset=1)
    moved[...] = array
    return moved


MEMORY: dict[str, Callable[[Array], Array]] = {
    "big-endian": lambda a: a.astype(a.dtype.newbyteorder(">")),
    "little-endian": lambda a: a.astype(a.dtype.newbyteorder("<")),
    "Fortran order": lambda a: a.copy("F"),
    "negative strides": reversed_strides,
    "every second element": every_second,
    "not aligned": unaligned,
    "read-only": read_only,
}
