"""How the values of a case are drawn: a recipe, by name, from random numbers that the id of the case seeds."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files

import numpy as np

from parity.cases.case import Arrays, Case, read_only
from parity.cells import CELLS
from reference.arrays import Array


@dataclass
class _Draw:
    """Random numbers, rounded to float32: the same in every dtype, the same on every machine."""

    rng: np.random.Generator

    def uniform(self, shape: tuple[int, ...], low: float = -1.0, high: float = 1.0) -> Array:
        return (low + (high - low) * self.rng.random(shape)).astype(np.float32).astype(np.float64)

    def integers(self, shape: tuple[int, ...], low: int, high: int) -> Array:
        """From low..high, both included, as floats."""
        return self.rng.integers(low, high, shape, endpoint=True).astype(np.float64)


@cache
def arrays(case: Case) -> Arrays:
    """The values of a case, float64. Read-only: they are shared."""
    recipe = RECIPES[case.recipe.partition(":")[0]]
    values = recipe(case, _Draw(np.random.default_rng(case.seed)))
    values = _poisoned(case, values)
    if case.memory == "strided":
        values = replace(values, x=strided(values.x))
    for value in vars(values).values():
        for array in value.values() if isinstance(value, dict) else [value]:
            if array is not None:
                read_only(array)
    return values


def strided(array: Array) -> Array:
    """The same values, walked backwards along the first axis through column-major memory."""
    return np.asfortranarray(array[::-1])[::-1]


def _uniform(case: Case, draw: _Draw) -> Arrays:
    """Weights U(±scale/sqrt(H)), biases alike, inputs and upstream gradients U(±1)."""
    k = case.scale / np.sqrt(case.H)
    return _with_data(case, draw, {name: draw.uniform(shape, -k, k) for name, shape in case.shapes().items()})


def _with_data(case: Case, draw: _Draw, params: dict[str, Array], x: Array | None = None) -> Arrays:
    """Everything but the parameters, at its usual scale."""
    T, B, I, DH = case.T, case.B, case.I, case.rnn().output_features

    def states() -> dict[str, Array]:
        return {state: draw.uniform(case.state_shape(state)) for state in case.rnn().cell.states}

    def masks() -> Array:
        kept = draw.rng.random((case.num_layers - 1, T, B, DH)) >= case.dropout
        return kept if case.batched else kept[:, :, 0]

    series = x if x is not None else draw.uniform((T, B, I))
    upstream = draw.uniform((T, B, DH))
    if case.upstream == "last":
        upstream[:-1] = 0
    return Arrays(
        params=params,
        x=case.laid_out(series),
        initial=states() if case.h0 else None,
        lengths=None if case.lengths is None else np.array(case.lengths),
        masks=masks() if case.masks else None,
        d_output=case.laid_out(upstream) if case.O is None and case.upstream != "h_n" else None,
        d_last=states() if "h_n" in case.upstream else None,
        target=None if case.O is None else _target(case, draw),
        weights=None if case.weights is None else case.laid_out(_weights(case, draw)),
    )


def _target(case: Case, draw: _Draw) -> Array:
    T, B, O = case.T, case.B, case.O or 0
    if case.labels is not None:  # for each sequence; -1 after the last
        longest = max(map(len, case.labels))
        rows = [[*labels, *[-1] * (longest - len(labels))] for labels in case.labels]
        target = np.array(rows, dtype=np.int64).reshape(B, longest)
        return target if case.batched else target[0]
    if case.target == "sequence":
        target = draw.rng.integers(0, O, B)
        return target if case.batched else target[0, ...]
    if case.target == "classes":
        return case.laid_out(draw.rng.integers(0, O, (T, B)))
    if case.target == "soft":  # sixteenths that sum to 1, some of them 0
        return case.laid_out(draw.rng.multinomial(16, np.full(O, 1 / O), (T, B)) / 16)
    if case.target == "edges":  # 0, 1, nearly 0, and what lies between: of no sum in particular
        between = draw.uniform((T, B, O), 0.0)
        return case.laid_out(np.choose(draw.rng.integers(0, 4, (T, B, O)), [0.0, 1.0, 2.0**-60 * between, between]))
    return case.laid_out(draw.uniform((T, B, O), 0.0 if case.target == "bits" else -1.0))


def _weights(case: Case, draw: _Draw) -> Array:
    T, B = case.T, case.B
    last = np.array(case.lengths or (T,) * B) - 1
    t = np.arange(T)[:, None]
    steps: Array
    if case.weights == "random":
        return draw.uniform((T, B), 0.25, 2.0)
    if case.weights == "signed":
        return _signed(case, draw)
    if case.weights == "mask":
        steps = draw.rng.random((T, B)) < 0.6
        steps[0] = True
    elif case.weights == "last":
        steps = t == last
    elif case.weights == "but-last":
        steps = np.broadcast_to(t < last, (T, B)).copy()
    elif case.weights == "idle":  # nothing is asked of the first sequence
        steps = np.broadcast_to(np.arange(B) > 0, (T, B)).copy()
    else:  # delayed: nothing is asked of the first step of a sequence
        steps = np.broadcast_to(t >= 1, (T, B)).copy()
    return steps


def _signed(case: Case, draw: _Draw) -> Array:
    """Weights of both signs, some of them 0; they sum to 5/8, over each sequence to as large a part as over another."""
    w = draw.uniform((case.T, case.B), -0.5, 1.0) * (draw.rng.random((case.T, case.B)) < 0.7)
    real = np.arange(case.T)[:, None] < np.array(case.lengths or (case.T,) * case.B)
    w[0] = 1.25 - (w * real)[1:].sum(axis=0)
    return (w / (2 * case.B)).astype(np.float32).astype(np.float64)


def _integers(case: Case, draw: _Draw) -> Arrays:
    """Small integers, W_hh sparse: no sum leaves the integers of float32, so every order of summation is exact."""
    params = {name: draw.integers(shape, -1, 1) for name, shape in case.shapes().items()}
    for name, p in params.items():
        if "weight_hh" in name:
            params[name] = p * (draw.rng.random(p.shape) < 0.4)
    values = _with_data(case, draw, params)
    return values.map(lambda a: np.round(2 * a) if a.dtype == np.float64 else a)


def _shifted(case: Case, draw: _Draw, gain: float, noise: float, x_scale: float, sign: float = 1.0) -> Arrays:
    """W_hh is a cyclic shift times gain, plus noise: its spectral radius is about the gain."""
    shift = gain * np.roll(np.eye(case.H), 1, axis=0)
    positive = (0.0, 1.0) if sign > 0 else (-1.0, 1.0)
    params = {name: 0.3 * draw.uniform(shape, *positive) for name, shape in case.shapes().items()}
    for name, p in params.items():
        if "weight_hh" in name:
            params[name] = shift + noise * p
        elif "bias" in name:
            params[name] = x_scale * p
    values = _with_data(case, draw, params)
    values = replace(values, x=x_scale * np.abs(values.x) if sign > 0 else x_scale * values.x)
    if values.initial is not None:
        initial = {name: x_scale * (np.abs(h) if sign > 0 else h) for name, h in values.initial.items()}
        values = replace(values, initial=initial)
    return values.map(lambda a: a.astype(np.float32).astype(np.float64))


def _hand(case: Case, draw: _Draw) -> Arrays:
    """Numbers to follow on paper: a = 0.5·1 + 0.125 + (-0.25)·0.5 + 0.0625 = 0.5625."""
    params = {"weight_ih_l0": [[0.5]], "weight_hh_l0": [[-0.25]], "bias_ih_l0": [0.125], "bias_hh_l0": [0.0625]}
    one = np.ones((1, 1, 1))
    return Arrays(
        params={name: np.array(value) for name, value in params.items()},
        x=one,
        initial={"h": 0.5 * one},
        d_output=2 * one,
        d_last={"h": -0.5 * one},
    )


def _hand_3_steps(case: Case, draw: _Draw) -> Arrays:
    """Small integers, under a relu: a(0) = (4, 1), a(1) = (-3, 3), where one unit is closed, a(2) = (7, 5)."""
    params = {
        "weight_ih_l0": [[1.0], [3.0]],
        "weight_hh_l0": [[-1.0, 1.0], [2.0, -1.0]],
        "bias_ih_l0": [-1.0, 1.0],
        "bias_hh_l0": [2.0, -2.0],
    }
    return Arrays(
        params={name: np.array(value) for name, value in params.items()},
        x=np.array([[[1.0]], [[-1.0]], [[3.0]]]),
        initial={"h": np.array([[[1.0, 3.0]]])},
        d_output=np.array([[[-1.0, -2.0]], [[-2.0, 1.0]], [[-1.0, 2.0]]]),
        d_last={"h": np.array([[[2.0, -1.0]]])},
    )


def _one_to_many(case: Case, draw: _Draw) -> Arrays:
    """One input at t = 0, zeros after it, an output desired at every step."""
    values = _uniform(case, draw)
    x = values.x.copy()
    x[1:] = 0
    return replace(values, x=x)


def _large_logits(case: Case, draw: _Draw) -> Arrays:
    """An output layer that makes logits of about ±1000."""
    values = _uniform(case, draw)
    w = np.round(values.params["output.weight"] * 4096)
    return replace(values, params=values.params | {"output.weight": w})


def _certain(case: Case, draw: _Draw) -> Arrays:
    """A softmax that is certain of class 0, its probability exactly 1; and class 0 is desired at every step."""
    values = _uniform(case, draw)
    assert values.target is not None
    bias = values.params["output.bias"].copy()
    bias[0] = 2000
    return replace(values, params=values.params | {"output.bias": bias}, target=np.zeros_like(values.target))


def _ends(case: Case) -> tuple[float, float]:
    """LOW and HIGH of a recipe `name:LOW:HIGH`."""
    _, low, high = case.recipe.split(":")
    return float(low), float(high)


def _spread(case: Case, draw: _Draw, count: int) -> Array:
    """So many numbers from LOW to HIGH of the recipe, close around 0, in random order."""
    low, high = np.arcsinh(_ends(case))
    return draw.rng.permutation(np.sinh(np.linspace(low, high, count)))


def _range(case: Case, draw: _Draw) -> Arrays:
    """Biases that hold the arguments of the activation from LOW to HIGH, close around 0: `range:LOW:HIGH`.

    Of the output layer, or of every recurrent layer where there is none.
    """
    values = _uniform(case, draw)
    wide = {
        name: p + _spread(case, draw, p.size)
        for name, p in values.params.items()
        if name == "output.bias" or (case.O is None and "bias_ih" in name)
    }
    return replace(values, params=values.params | {n: p.astype(np.float32).astype(np.float64) for n, p in wide.items()})


def _offset(case: Case, draw: _Draw) -> Arrays:
    """Logits that are all far above or below 0: `offset:BY`."""
    values = _uniform(case, draw)
    moved = values.params["output.bias"] + float(case.recipe.split(":")[1])
    return replace(values, params=values.params | {"output.bias": moved.astype(np.float32).astype(np.float64)})


def _unlikely(case: Case, draw: _Draw) -> Arrays:
    """Logits of a class that no label is, the last, far above all others: `unlikely:BY`."""
    values = _uniform(case, draw)
    bias = values.params["output.bias"].copy()
    bias[-1] = float(case.recipe.split(":")[1])
    return replace(values, params=values.params | {"output.bias": bias})


def _not_finite(case: Case, draw: _Draw) -> Arrays:
    """One input of a real step that is no finite number: `not-finite:nan`, `not-finite:inf`, `not-finite:-inf`."""
    values = _uniform(case, draw)
    x = values.x.copy()
    t, b = case.T // 2, case.B - 1
    x[(b, t, 0) if case.batch_first else (t, b, 0) if case.batched else (t, 0)] = float(case.recipe.split(":")[1])
    return replace(values, x=x)


def _unasked_nan(case: Case, draw: _Draw) -> Arrays:
    """An input of the last step that is NaN, where nothing is asked of y."""
    values = _uniform(case, draw)
    x = values.x.copy()
    x[-1, -1, 0] = np.nan
    return replace(values, x=x)


def _dropped_nan(case: Case, draw: _Draw) -> Arrays:
    """An input of the last step that is NaN; all that it makes NaN is dropped before the layer above."""
    values = _unasked_nan(case, draw)
    assert values.masks is not None
    masks = values.masks.copy()
    masks[0, -1, -1] = False
    return replace(values, masks=masks)


def _halves(case: Case, draw: _Draw) -> Arrays:
    """Eighths that are not 0: to follow on paper up to the first sigmoid."""

    def eighths(array: Array) -> Array:
        return draw.integers(array.shape, 1, 6) * draw.rng.choice([-1.0, 1.0], array.shape) / 8

    return _uniform(case, draw).map(eighths)


def _with_gates(case: Case, draw: _Draw, of_gate: Callable[[str], Array | None]) -> Arrays:
    """What is added to the biases of each gate, (H,), in every layer and direction."""
    values = _uniform(case, draw)
    params = dict(values.params)
    for name in params:
        if "bias_ih" in name:
            added = [of_gate(gate) for gate in CELLS[case.cell].gates]
            shift = np.concatenate([np.zeros(case.H) if a is None else a for a in added])
            params[name] = (params[name] + shift).astype(np.float32).astype(np.float64)
    return replace(values, params=params)


def _gates(case: Case, draw: _Draw) -> Arrays:
    """Biases that hold the argument of every gate from LOW to HIGH, close around 0: `gates:LOW:HIGH`."""
    return _with_gates(case, draw, lambda gate: _spread(case, draw, case.H))


def _closed(case: Case, draw: _Draw) -> Arrays:
    """Arguments of every sigmoid between LOW and HIGH: `closed:LOW:HIGH`."""
    ends = _ends(case)
    return _with_gates(case, draw, lambda gate: None if gate in "ng" else draw.uniform((case.H,), *ends))


def _kept(case: Case, draw: _Draw) -> Arrays:
    """Arguments between LOW and HIGH of the gate that keeps the state, f of an LSTM, z of a GRU: `kept:LOW:HIGH`."""
    ends = _ends(case)
    return _with_gates(case, draw, lambda gate: draw.uniform((case.H,), *ends) if gate in "fz" else None)


def _counting(case: Case, draw: _Draw) -> Arrays:
    """Gates so far open that each step of an LSTM adds nearly 1 to c."""
    return _with_gates(case, draw, lambda gate: np.full(case.H, 9.0 if gate in "if" else 3.0))


def _default_initialisation(case: Case, draw: _Draw) -> Arrays:
    """The parameters that `init` draws."""
    params = (case.rnn() if case.O is None else case.network()).init(draw.rng, np.float32)
    return _with_data(case, draw, {name: p.astype(np.float64) for name, p in params.items()})


TRAINED = "trained:"  # and the name of a stored model


def _trained(case: Case, draw: _Draw) -> Arrays:
    """Weights of a trained character model, on pieces of the text it was trained on (parity/commands/charlm.py)."""
    with files("parity").joinpath("data", f"{case.recipe.removeprefix(TRAINED)}.npz").open("rb") as file:
        stored = dict(np.load(file, allow_pickle=False))
    text = stored.pop("text")
    start = draw.rng.integers(0, len(text) - case.T - 1, case.B)
    window = text[start + np.arange(case.T + 1)[:, None]]
    one_hot = np.eye(case.I)[window[:-1]]
    params = {name: p.astype(np.float64) for name, p in stored.items()}
    return replace(_with_data(case, draw, params, x=one_hot), target=case.laid_out(window[1:].astype(np.int64)))


def _own(case: Case, draw: _Draw) -> Arrays:
    """What a user gave, and the rest as usual."""
    values = _uniform(case, draw)
    assert case.own is not None
    given = {name: value for name, value in vars(case.own).items() if value is not None}
    return replace(values, **given)


RECIPES: dict[str, Callable[[Case, _Draw], Arrays]] = {
    "uniform": _uniform,
    "integers": _integers,
    "vanishing": lambda case, draw: _shifted(case, draw, 0.5, 0.1, 1.0, -1.0),
    "exploding": lambda case, draw: _shifted(case, draw, 1.4, 0.1, 1.0),
    "critical": lambda case, draw: _shifted(case, draw, 1.0, 0.01, 0.01, -1.0),
    "hand": _hand,
    "hand-3-steps": _hand_3_steps,
    "one-to-many": _one_to_many,
    "large-logits": _large_logits,
    "certain": _certain,
    "range": _range,
    "offset": _offset,
    "unlikely": _unlikely,
    "not-finite": _not_finite,
    "unasked-nan": _unasked_nan,
    "dropped-nan": _dropped_nan,
    "halves": _halves,
    "gates": _gates,
    "closed": _closed,
    "kept": _kept,
    "counting": _counting,
    "default-initialisation": _default_initialisation,
    "trained": _trained,
    "own": _own,
}


def _poisoned(case: Case, values: Arrays) -> Arrays:
    """What must not be read holds NaN, class indices -100, or garbage: whoever reads it is found out.

    That is everything past the end of a sequence; and the target of a step of weight 0, if `unread` asks for it.
    """
    if case.lengths is None and (case.unread == "padding" or case.weights is None):
        return values
    padding = case.laid_out(np.arange(case.T)[:, None] >= np.array(case.lengths or (case.T,) * case.B))
    unasked = padding if case.unread == "padding" or values.weights is None else padding | (values.weights == 0)
    garbage = _Draw(np.random.default_rng([case.seed, 1])) if case.unread == "garbage" else None

    def poison(series: Array, where: Array = padding) -> Array:
        if series.dtype == np.bool_ and case.unread == "padding":
            return series
        series = series.astype(np.float64) if series.dtype == np.bool_ else series.copy()
        if garbage is None:
            series[where] = np.nan if np.issubdtype(series.dtype, np.floating) else -100
        elif np.issubdtype(series.dtype, np.floating):
            series[where] = garbage.uniform(series[where].shape, -100.0, 100.0)
        else:
            series[where] = garbage.rng.integers(0, case.O, series[where].shape)
        return series

    return replace(
        values,
        x=poison(values.x),
        d_output=None if values.d_output is None else poison(values.d_output),
        target=values.target if values.target is None or case.per_sequence else poison(values.target, unasked),
        weights=None if values.weights is None else poison(values.weights),
    )
