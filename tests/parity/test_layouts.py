"""The maps of SPEC 11.1, 11.2, 11.3, 11.4 are true: a framework given our parameters computes what the reference does.

One layer; weights random, every gate's own, b_ih != b_hh, initial states not 0. Where the framework differentiates, its
gradients are compared too: that of its array is the map of ours. What is not installed pytest lists as NOT VERIFIED.
"""

import itertools
import os
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

import reference
from reference.arrays import Array
from reference.checks import one_for_each
from reference.columns import as_given

T, B, I, H = 5, 3, 4, 6
ORDER = {"RNN": "h", "GRU": "rzn", "LSTM": "ifgo"}  # of the blocks of H rows, here and in torch
Arrays = dict[str, Array]
Run = Callable[[Mapping[str, Any], Any, tuple[Any, ...]], tuple[Any, tuple[Any, ...]]]


@dataclass(frozen=True)
class Example:
    cell: str
    variant: str  # tanh, relu; after, before (the reset gate); nothing for LSTM
    directions: int
    ragged: bool
    params: Arrays
    x: Array
    states: tuple[Array, ...]  # h0, or h0 and c0: (D, B, H)
    d_output: Array
    d_states: tuple[Array, ...]

    @property
    def suffixes(self) -> list[str]:
        return ["_l0", "_l0_reverse"][: self.directions]

    @property
    def lengths(self) -> Array | None:
        return np.array([3, 5, 1]) if self.ragged else None

    @property
    def real(self) -> Array:
        """(T, B, 1): the steps before the end of each sequence."""
        return (np.arange(T)[:, None] < (T if self.lengths is None else self.lengths))[:, :, None] & np.ones(
            (B, 1), bool
        )


def example(cell: str, variant: str = "", directions: int = 1, ragged: bool = False) -> Example:
    rng = np.random.default_rng(0)
    G = len(ORDER[cell])
    shapes = {"weight_ih": (G * H, I), "weight_hh": (G * H, H), "bias_ih": (G * H,), "bias_hh": (G * H,)}
    suffixes = ["_l0", "_l0_reverse"][:directions]
    params = {f"{name}{s}": 0.6 * rng.standard_normal(shape) for s in suffixes for name, shape in shapes.items()}
    states = (2 if cell == "LSTM" else 1, directions, B, H)
    e = Example(
        cell,
        variant,
        directions,
        ragged,
        params,
        rng.standard_normal((T, B, I)),
        tuple(rng.standard_normal(states)),
        rng.standard_normal((T, B, directions * H)),
        tuple(rng.standard_normal(states)),
    )
    return replace(e, d_output=e.d_output * e.real)


def reverse_alone(both: Example) -> Example:
    """The reverse direction of an example, as a forward one."""
    params = {name.removesuffix("_reverse"): p for name, p in both.params.items() if name.endswith("_reverse")}
    states = tuple(s[1:] for s in both.states)
    return replace(both, directions=1, params=params, states=states, d_output=both.d_output[..., H:])


@dataclass(frozen=True)
class Results:
    output: Array  # (T, B, D·H), 0 past the end of a sequence
    states: tuple[Array, ...]  # h_n, or h_n and c_n: (D, B, H)
    params: Arrays  # the gradients, by our names
    x: Array
    d_states: tuple[Array, ...]


def expected(e: Example) -> Results:
    """What the example must give: what the reference does."""
    options = {"RNN": {"nonlinearity": e.variant}, "GRU": {"reset": e.variant}, "LSTM": {}}[e.cell]
    stack = getattr(reference, e.cell)(I, H, bidirectional=e.directions == 2, **options)
    names = stack.cell.states
    trace = stack.forward(e.params, e.x, as_given(dict(zip(names, e.states, strict=True))), e.lengths)
    grads = stack.backward(e.params, trace, e.d_output, as_given(dict(zip(names, e.d_states, strict=True))))
    last, initial = (tuple(one_for_each(given, names, "").values()) for given in (trace.h_n, grads.h0))
    return Results(trace.output, last, grads.params, grads.x, initial)


EXAMPLES = [("RNN", "tanh"), ("RNN", "relu"), ("GRU", "after"), ("GRU", "before"), ("LSTM", "")]
each_cell = pytest.mark.parametrize(("cell", "variant"), EXAMPLES, ids=["-".join(filter(None, e)) for e in EXAMPLES])
each_direction = pytest.mark.parametrize("directions", [1, 2])
each_length = pytest.mark.parametrize("ragged", [False, True], ids=["", "ragged"])


def need(what: str, *packages: str) -> None:
    """Skips where a package is missing; pytest lists what was skipped, so that it does not go unnoticed."""
    missing = [package for package in packages if find_spec(package) is None]
    if missing:
        pytest.skip(f"NOT VERIFIED: the maps to {what} (SPEC section 11): no {', '.join(missing)} on this machine")


def agree(got: Any, wanted: Any, what: str = "") -> None:
    """Equal but for rounding, in the dtype of what was got; a wrong map is off by 1e-2 at least (the last tests)."""
    got = np.asarray(got)
    assert got.shape == np.shape(wanted), what
    limit = {"float64": 1e-12, "float32": 1e-5}[got.dtype.name] * max(1, np.abs(wanted).max())
    np.testing.assert_allclose(got, wanted, rtol=0, atol=limit, err_msg=what)


def ordered(array: Array, cell: str, order: str) -> Array:
    """The blocks of H rows in another order."""
    blocks = dict(zip(ORDER[cell], np.split(array, len(ORDER[cell])), strict=True))
    return np.concatenate([blocks[gate] for gate in order])


def add(b_ih: Array, b_hh: Array) -> Array:
    return b_ih + b_hh


def first(d_b_ih: Array, d_b_hh: Array) -> Array:
    """Of the gradients of two biases of which the sum alone acts."""
    np.testing.assert_allclose(d_b_ih, d_b_hh, rtol=1e-12, atol=1e-12)
    return d_b_ih


def agree_in_everything(
    e: Example, run: Run, arrays: Callable[..., Mapping[str, Array]], past_the_end: Array | None = None
) -> None:
    """A framework on JAX: output, last states, and the gradients of each of its arrays, of x and of the initial states.

    past_the_end: what it gives as output there; None: nothing is said of that.
    """
    import jax

    def given(values: Any) -> Any:
        return jax.tree.map(jax.numpy.asarray, values)  # float64 if JAX was asked for it, else float32

    def forward_and_backward(arrays: Any, x: Any, states: Any, d: Any) -> Any:
        results, vjp = jax.vjp(run, arrays, x, states)
        return results, vjp(d)

    values = given((dict(arrays(e.params, add)), e.x, e.states, (e.d_output, e.d_states)))
    (output, states), (d_arrays, d_x, d_states) = jax.jit(forward_and_backward)(*values)
    wanted = expected(e)
    if past_the_end is None:
        output = np.where(e.real, output, 0)
        past_the_end = np.zeros_like(wanted.output)
    agree(output, np.where(e.real, wanted.output, past_the_end), "output")
    agree(d_x, wanted.x, "d_x")
    for name, d in arrays(wanted.params, first).items():
        agree(d_arrays[name], d, f"d_{name}")
    for got, want in zip((*states, *d_states), (*wanted.states, *wanted.d_states), strict=True):
        agree(got, want, "last states, d of initial states")


# ONNX: `GRU` is z r h, `LSTM` i o f c


def onnx_model(e: Example, arrays: Mapping[str, Any], **options: Any) -> Any:
    from onnx import TensorProto, helper

    names = ["X", "W", "R", "B", "sequence_lens", "initial_h", "initial_c"][: 7 if e.cell == "LSTM" else 6]
    outputs = ["Y", "Y_h", "Y_c"][: 3 if e.cell == "LSTM" else 2]
    if e.cell == "RNN":
        options["activations"] = [e.variant.capitalize()] * e.directions
    if e.cell == "GRU":
        options["linear_before_reset"] = int(e.variant == "after")
    options.setdefault("direction", "bidirectional" if e.directions == 2 else "forward")
    node = helper.make_node(
        e.cell, [name if name in arrays else "" for name in names], outputs, hidden_size=H, **options
    )
    kinds = {name: TensorProto.INT32 if name == "sequence_lens" else TensorProto.FLOAT for name in arrays}
    graph = helper.make_graph(
        [node],
        e.cell,
        [helper.make_tensor_value_info(name, kinds[name], a.shape) for name, a in arrays.items()],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)], ir_version=10)


def onnx_arrays(e: Example) -> Arrays:
    order = {"RNN": "h", "GRU": "zrn", "LSTM": "iofg"}[e.cell]

    def stacked(*names: str) -> Array:
        return np.stack([np.concatenate([ordered(e.params[n + s], e.cell, order) for n in names]) for s in e.suffixes])

    arrays = {
        "X": e.x,
        "W": stacked("weight_ih"),
        "R": stacked("weight_hh"),
        "B": stacked("bias_ih", "bias_hh"),
        **dict(zip(("initial_h", "initial_c"), e.states, strict=False)),
    }
    arrays = {name: a.astype(np.float32) for name, a in arrays.items()}
    if e.lengths is not None:
        arrays["sequence_lens"] = e.lengths.astype(np.int32)
    return arrays


def onnx_run(e: Example, **options: Any) -> list[Array]:
    import onnxruntime

    onnxruntime.set_default_logger_severity(3)
    arrays = onnx_arrays(e)
    model = onnx_model(e, arrays, **options).SerializeToString()
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    found: list[Array] = session.run(None, arrays)
    return found


@each_length
@each_direction
@each_cell
def test_onnx(cell: str, variant: str, directions: int, ragged: bool) -> None:
    need("ONNX", "onnx", "onnxruntime")
    e = example(cell, variant, directions, ragged)
    wanted = expected(e)
    Y, *states = onnx_run(e)
    agree(Y.transpose(0, 2, 1, 3).reshape(T, B, directions * H), wanted.output)
    for got, want in zip(states, wanted.states, strict=True):
        agree(got, want)


def test_onnx_in_the_reverse_direction_alone_answers_in_the_order_of_t() -> None:
    need("ONNX", "onnx", "onnxruntime")
    both = example("GRU", "after", 2, ragged=True)
    wanted = expected(both)
    Y, Y_h = onnx_run(reverse_alone(both), direction="reverse")
    agree(Y[:, 0], wanted.output[:, :, H:])
    agree(Y_h, wanted.states[0][1:])


# Keras: `GRU` is z r h, `LSTM` i f c o


def keras_package() -> Any:
    need("Keras", "keras", "jax")
    os.environ.setdefault("KERAS_BACKEND", "jax")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import keras
    if keras.backend.backend() != "jax":
        pytest.skip(f"NOT VERIFIED: the maps to Keras, whose backend here is {keras.backend.backend()}, not jax")
    return keras


def keras_arrays(e: Example, params: Arrays, merge: Callable[[Array, Array], Array]) -> Arrays:
    order = {"RNN": "h", "GRU": "zrn", "LSTM": "ifgo"}[e.cell]
    arrays = {}
    for s, side in zip(e.suffixes, ["forward", "backward"], strict=False):
        W_ih, W_hh, b_ih, b_hh = (
            ordered(params[name + s], e.cell, order) for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        )
        arrays[f"{side}/kernel"] = W_ih.T
        arrays[f"{side}/recurrent_kernel"] = W_hh.T
        arrays[f"{side}/bias"] = np.stack([b_ih, b_hh]) if e.variant == "after" else merge(b_ih, b_hh)
    return arrays


def keras_layer(e: Example, **options: Any) -> tuple[Any, list[str]]:
    """The layer, and our names of its arrays in its own order."""
    keras = keras_package()
    kind = {"RNN": keras.layers.SimpleRNN, "GRU": keras.layers.GRU, "LSTM": keras.layers.LSTM}[e.cell]
    if e.cell == "RNN":
        options["activation"] = e.variant
    if e.cell == "GRU":
        options["reset_after"] = e.variant == "after"
    layer = kind(H, return_sequences=True, return_state=True, **options)
    if e.directions == 2:
        layer = keras.layers.Bidirectional(layer, merge_mode="concat")
    layer.build((B, T, I))
    names = []
    for variable in layer.trainable_variables:
        side = "backward" if "backward" in variable.path else "forward"
        names.append(f"{side}/{variable.path.split('/')[-1]}")
    return layer, names


def keras_runner(e: Example, **options: Any) -> Run:
    import jax.numpy as jnp

    layer, names = keras_layer(e, **options)
    others = [variable.value for variable in layer.non_trainable_variables]
    mask = None if e.lengths is None else np.arange(T) < e.lengths[:, None]

    def run(arrays: Mapping[str, Any], x: Any, states: tuple[Any, ...]) -> tuple[Any, tuple[Any, ...]]:
        assert arrays.keys() == set(names)
        given = [state[d] for d in range(e.directions) for state in states]  # h and c forward, h and c backward
        (output, *last), _ = layer.stateless_call(
            [arrays[name] for name in names], others, x.swapaxes(0, 1), initial_state=given, mask=mask
        )
        n = len(states)
        return output.swapaxes(0, 1), tuple(jnp.stack(last[k::n]) for k in range(n))

    return run


@pytest.mark.parametrize(
    ("directions", "ragged"), [(1, False), (1, True), (2, True)], ids=["1", "1-ragged", "2-ragged"]
)
@each_cell
def test_keras(cell: str, variant: str, directions: int, ragged: bool) -> None:
    """Past the end it repeats the last output, or, in two directions, gives 0."""
    keras_package()
    e = example(cell, variant, directions, ragged)
    past_the_end = np.zeros_like(e.d_output)
    if directions == 1:
        past_the_end = past_the_end + expected(e).states[0][0]
    agree_in_everything(e, keras_runner(e), lambda *given: keras_arrays(e, *given), past_the_end)


def test_keras_gives_0_past_the_end_where_it_is_asked_to() -> None:
    keras_package()
    e = example("GRU", "before", 1, ragged=True)
    output, _ = keras_runner(e, zero_output_for_mask=True)(keras_arrays(e, e.params, add), e.x, e.states)
    agree(output, expected(e).output)


def test_keras_in_the_reverse_direction_alone_answers_in_the_order_in_which_it_read() -> None:
    keras_package()
    both = example("LSTM", "", 2)
    e = reverse_alone(both)
    output, _ = keras_runner(e, go_backwards=True)(keras_arrays(e, e.params, add), e.x, e.states)
    agree(output[::-1], expected(both).output[..., H:])


# Flax: GRU is r z n, LSTM i f g o; its newer API, nnx, and its older one, linen, have arrays of their own names

CELLS = {
    "RNN": ["nnx.SimpleCell", "linen.SimpleCell"],
    "GRU": ["nnx.GRUCell", "linen.GRUCell"],
    "LSTM": ["nnx.LSTMCell", "nnx.OptimizedLSTMCell", "linen.LSTMCell", "linen.OptimizedLSTMCell"],
}
FLAX = [
    pytest.param(cell, variant, kind, id="-".join(filter(None, (kind, variant))))
    for cell, variant in EXAMPLES
    if variant != "before"  # Flax has none
    for kind in CELLS[cell]
]


def flax_packages() -> None:
    need("Flax", "flax", "jax")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import flax.nnx  # noqa: F401


def flax_example(kind: str, *given: Any) -> Example:
    """An example that the cell can express: nnx.GRUCell has no place for b_hh[n]."""
    e = example(*given)
    if kind == "nnx.GRUCell":
        for s in e.suffixes:
            e.params[f"bias_hh{s}"][2 * H :] = 0
    return e


def flax_own(cell: str, kind: str, params: Arrays, merge: Callable[[Array, Array], Array]) -> Arrays:
    """The arrays of one cell, by names such as dense_i/kernel, from weight_ih, weight_hh, bias_ih, bias_hh."""
    W_ih, W_hh, b_ih, b_hh = params.values()
    whole = {"dense_i/kernel": W_ih.T, "dense_h/kernel": W_hh.T}
    blocks = [dict(zip(ORDER[cell], np.split(a, len(ORDER[cell])), strict=True)) for a in (W_ih, W_hh, b_ih, b_hh)]
    U, V, b_i, b_h = blocks
    single = {f"i{gate}/kernel": W.T for gate, W in U.items()} | {f"h{gate}/kernel": W.T for gate, W in V.items()}
    match kind:
        case "nnx.SimpleCell":
            return whole | {"dense_i/bias": merge(b_ih, b_hh)}
        case "linen.SimpleCell":
            return {"i/kernel": W_ih.T, "h/kernel": W_hh.T, "i/bias": merge(b_ih, b_hh)}
        case "nnx.GRUCell":
            return whole | {
                "dense_i/bias": np.concatenate([merge(b_i["r"], b_h["r"]), merge(b_i["z"], b_h["z"]), b_i["n"]])
            }
        case "linen.GRUCell":
            merged = {f"i{gate}/bias": merge(b_i[gate], b_h[gate]) for gate in "rz"}
            return single | merged | {"in/bias": b_i["n"], "hn/bias": b_h["n"]}
        case "nnx.OptimizedLSTMCell":
            return whole | {"dense_h/bias": merge(b_ih, b_hh)}
    single |= {f"h{gate}/bias": merge(b_i[gate], b_h[gate]) for gate in "ifgo"}
    if kind == "nnx.LSTMCell":
        single["if_/kernel"] = single.pop("if/kernel")
    return single


def flax_arrays(e: Example, kind: str, params: Arrays, merge: Callable[[Array, Array], Array]) -> Arrays:
    """By paths such as forward_rnn/cell/dense_i/kernel."""
    roots = ["forward_rnn/cell", "backward_rnn/cell"] if e.directions == 2 else ["cell"]
    arrays: Arrays = {}
    for root, s in zip(roots, e.suffixes, strict=True):
        names = [name + s for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
        own = flax_own(e.cell, kind, {name: params[name] for name in names}, merge)
        arrays |= {f"{root}/{name}": array for name, array in own.items()}
    return arrays


def flax_runner(e: Example, kind: str, time_major: bool = False, **options: Any) -> Run:
    """options: of its RNN."""
    import jax
    import jax.numpy as jnp
    from flax import linen, nnx, traverse_util

    of_cell: dict[str, Any] = {"param_dtype": jnp.float64}
    if e.cell == "RNN":  # nnx.SimpleCell computes in float32 if it is not told otherwise
        of_cell |= {"dtype": jnp.float64, "activation_fn": {"tanh": jnp.tanh, "relu": jax.nn.relu}[e.variant]}
    lengths = None if e.lengths is None else jnp.asarray(e.lengths)
    calls: dict[str, Any] = {"seq_lengths": lengths, "time_major": time_major, "return_carry": True}
    api, name = kind.split(".")
    if api == "nnx":
        nnx_cells = [getattr(nnx, name)(I, H, rngs=nnx.Rngs(0), **of_cell) for _ in e.suffixes]
        nnx_rnns = [nnx.RNN(cell, **options) for cell in nnx_cells]
        graph, state, others = nnx.split(
            nnx.Bidirectional(*nnx_rnns) if e.directions == 2 else nnx_rnns[0], nnx.Param, ...
        )
        leaves = {"/".join(path): leaf for path, leaf in nnx.to_flat_state(state)}
        shapes = {path: leaf.get_value().shape for path, leaf in leaves.items()}
    else:
        rnns = [linen.RNN(getattr(linen, name)(features=H, **of_cell), **options) for _ in e.suffixes]
        layer = linen.Bidirectional(*rnns) if e.directions == 2 else rnns[0]
        tree = layer.init(jax.random.key(0), jnp.zeros((B, T, I)))["params"]
        shapes = {path: leaf.shape for path, leaf in traverse_util.flatten_dict(tree, sep="/").items()}

    def run(arrays: Mapping[str, Any], x: Any, states: tuple[Any, ...]) -> tuple[Any, tuple[Any, ...]]:
        assert shapes == {path: array.shape for path, array in arrays.items()}
        carries = [tuple(s[d] for s in states)[::-1] for d in range(e.directions)]  # the LSTM's is (c, h)
        given: Any = [c if e.cell == "LSTM" else c[0] for c in carries]
        given = tuple(given) if e.directions == 2 else given[0]
        series = x if time_major else x.swapaxes(0, 1)
        if api == "nnx":
            values = nnx.from_flat_state([(tuple(p.split("/")), leaf.replace(arrays[p])) for p, leaf in leaves.items()])
            last, output = nnx.merge(graph, values, others)(series, initial_carry=given, **calls)
        else:
            variables = {"params": traverse_util.unflatten_dict(dict(arrays), sep="/")}
            last, output = layer.apply(variables, series, initial_carry=given, **calls)
        ends = last if e.directions == 2 else (last,)
        ends = [end[::-1] if e.cell == "LSTM" else (end,) for end in ends]
        return output if time_major else output.swapaxes(0, 1), tuple(map(jnp.stack, zip(*ends, strict=True)))

    return run


@pytest.mark.parametrize(
    ("directions", "ragged", "time_major"), [(1, False, False), (2, True, True)], ids=["1", "2-ragged-time-major"]
)
@pytest.mark.parametrize(("cell", "variant", "kind"), FLAX)
def test_flax(cell: str, variant: str, kind: str, directions: int, ragged: bool, time_major: bool) -> None:
    """Past the end it goes on: its output there is not looked at."""
    flax_packages()
    import jax

    e = flax_example(kind, cell, variant, directions, ragged)
    with jax.enable_x64(True):
        agree_in_everything(e, flax_runner(e, kind, time_major), lambda *given: flax_arrays(e, kind, *given))


@pytest.mark.parametrize("kind", ["nnx.OptimizedLSTMCell", "linen.OptimizedLSTMCell"])
@pytest.mark.parametrize("keep_order", [False, True], ids=["", "keep-order"])
def test_flax_in_the_reverse_direction_alone_answers_in_the_order_in_which_it_read(kind: str, keep_order: bool) -> None:
    flax_packages()
    import jax

    both = example("LSTM", "", 2, ragged=True)
    e = reverse_alone(both)
    with jax.enable_x64(True):
        run = flax_runner(e, kind, reverse=True, keep_order=keep_order)
        output, states = run(flax_arrays(e, kind, e.params, add), e.x, e.states)
    wanted = expected(both)
    half = wanted.output[..., H:]
    if not keep_order:
        step = np.arange(T)[:, None]
        assert e.lengths is not None
        half = np.take_along_axis(half, np.where(step < e.lengths, e.lengths - 1 - step, step)[:, :, None], 0)
    agree(np.where(e.real, output, 0), half)
    for got, want in zip(states, wanted.states, strict=True):
        agree(got, want[1:])


# What the tests above can see


@pytest.mark.parametrize(("cell", "variant"), [e for e in EXAMPLES if e[0] != "RNN"])
def test_any_other_order_of_gates_shows(cell: str, variant: str) -> None:
    """Of all four arrays together, and of each alone; but the biases of an LSTM act as their sum."""
    e = example(cell, variant)
    right = expected(e).output
    for order in map("".join, itertools.permutations(ORDER[cell])):
        if order != ORDER[cell]:
            for names in (list(e.params), *([name] for name in e.params)):
                changed = {name: ordered(e.params[name], cell, order) for name in names}
                wrong = expected(replace(e, params=e.params | changed)).output
                assert np.abs(wrong - right).max() > 1e-2, (order, names)


@each_cell
def test_a_transposed_block_of_weight_hh_shows_and_so_does_the_wrong_gru(cell: str, variant: str) -> None:
    e = example(cell, variant)
    right = expected(e).output
    W = np.concatenate([block.T for block in np.split(e.params["weight_hh_l0"], len(ORDER[cell]))])
    wrong = [replace(e, params=e.params | {"weight_hh_l0": W})]
    if cell == "GRU":
        wrong.append(replace(e, variant="after" if variant == "before" else "before"))
    for other in wrong:
        assert np.abs(expected(other).output - right).max() > 1e-2


def test_in_a_gru_that_resets_after_the_two_biases_are_not_one() -> None:
    """b_hh[n] moved into b_ih[n] is another network; everywhere else the sum alone acts."""
    for cell, variant in EXAMPLES:
        e = example(cell, variant)
        right = expected(e).output
        merged = {
            "bias_ih_l0": e.params["bias_ih_l0"] + e.params["bias_hh_l0"],
            "bias_hh_l0": np.zeros_like(e.params["bias_hh_l0"]),
        }
        difference = np.abs(expected(replace(e, params=e.params | merged)).output - right).max()
        assert difference > 1e-2 if variant == "after" else difference < 1e-12
