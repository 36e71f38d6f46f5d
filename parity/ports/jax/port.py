"""JAX as a port: the network in jax.numpy, its loop in jax.lax.scan, its gradients by jax.vjp. SPEC 10.5."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from parity import adapter
from parity.cases import Case
from reference.parameters import suffixes

jax.config.update("jax_enable_x64", True)

Named = dict[str, Any]
Step = Callable[[Named, Any], Named]
ACTIVATIONS: dict[str, Callable[[Any], Any]] = {
    "identity": lambda z: z,
    "tanh": jnp.tanh,
    "relu": lambda z: jnp.where(z <= 0, 0, z),  # jax.nn.relu lets no gradient through where z is NaN. SPEC 2.5
    "sigmoid": jax.nn.sigmoid,
    "softplus": jax.nn.softplus,
    "softmax": jax.nn.softmax,
    "log_softmax": jax.nn.log_softmax,
}


def rnn(case: Case, w: Named) -> tuple[Any, Step]:
    """SPEC 3.1."""
    f = ACTIVATIONS[case.nonlinearity]

    def step(before: Named, p: Any) -> Named:
        return {"h": f(p + before["h"] @ w["weight_hh"].T)}

    return w["bias_hh"], step


def gru(case: Case, w: Named) -> tuple[Any, Step]:
    """SPEC 13.1, 14.1."""
    w_rz, w_n = jnp.split(w["weight_hh"], [2 * case.H])
    b_rz, b_n = jnp.split(w["bias_hh"], [2 * case.H])

    def gates(p: Any, of_h: Any) -> Any:
        p_rz, p_n = jnp.split(p, [2 * case.H], -1)
        return *jnp.split(jax.nn.sigmoid(p_rz + of_h), 2, -1), p_n

    def after(before: Named, p: Any) -> Named:
        h = before["h"]
        u_rz, u_n = jnp.split(h @ w["weight_hh"].T, [2 * case.H], -1)
        r, z, p_n = gates(p, u_rz)
        n = jnp.tanh(p_n + r * (u_n + b_n))
        return {"h": n + z * (h - n)}

    def before(before: Named, p: Any) -> Named:
        h = before["h"]
        r, z, p_n = gates(p, h @ w_rz.T)
        n = jnp.tanh(p_n + (r * h) @ w_n.T)
        return {"h": n + z * (h - n)}

    if case.reset == "before":
        return w["bias_hh"], before
    return jnp.concatenate([b_rz, jnp.zeros_like(b_n)]), after


def lstm(case: Case, w: Named) -> tuple[Any, Step]:
    """SPEC 15.1, 15.6."""

    def step(before: Named, p: Any) -> Named:
        a_i, a_f, a_g, a_o = jnp.split(p + before["h"] @ w["weight_hh"].T, 4, -1)
        c = jax.nn.sigmoid(a_f) * before["c"] + jax.nn.sigmoid(a_i) * jnp.tanh(a_g)
        m = jax.nn.sigmoid(a_o) * jnp.tanh(c)
        return {"h": m @ w["weight_hr"].T if case.proj_size else m, "c": c}

    return w["bias_hh"], step


# What of b_hh is added to W_ih x + b_ih for the whole series; and the step, from the states before it and that sum.
CELLS: dict[str, Callable[[Case, Named], tuple[Any, Step]]] = {"rnn": rnn, "gru": gru, "lstm": lstm}


def layer(case: Case, params: Named, suffix: str, x: Any, initial: Named) -> tuple[Named, Named]:
    """One direction: its states at every step, (T, B, ·) each, and after the last. SPEC 3.1."""
    w = {name.removesuffix(suffix): p for name, p in params.items() if name.endswith(suffix)}
    zero = jnp.zeros(len(w["weight_ih"]), x.dtype)
    w = {"bias_ih": zero, "bias_hh": zero} | w
    b_hh, step = CELLS[case.cell](case, w)

    def column(before: Named, p: Any) -> tuple[Named, Named]:
        states = step(before, p)
        return states, states

    return jax.lax.scan(column, initial, x @ w["weight_ih"].T + w["bias_ih"] + b_hh)[::-1]


def stack(case: Case, params: Named, x: Any, initial: Named, lengths: Any, masks: Any) -> tuple[Any, Named]:
    """output (T, B, D·H), and of each state the last ones, (L·D, B, ·). SPEC 4.5, 6."""
    T, B = x.shape[:2]
    t = jnp.arange(T)[:, None]
    real = (t < lengths)[:, :, None]
    from_own_end = jnp.where(t < lengths, lengths - 1 - t, t)[:, :, None]
    series = jnp.where(real, x, 0)
    last: dict[str, list[Any]] = {state: [] for state in initial}
    for l, names in enumerate(suffixes(case.num_layers, case.num_directions)):
        outputs = []
        for d, suffix in enumerate(names):
            read = jnp.take_along_axis(series, from_own_end, 0) if d else series
            at = l * case.num_directions + d
            states, _ = layer(case, params, suffix, read, {state: first[at] for state, first in initial.items()})
            for state, every in states.items():
                last[state].append(every[lengths - 1, jnp.arange(B)])
            outputs.append(jnp.take_along_axis(states["h"], from_own_end, 0) if d else states["h"])
        series = jnp.where(real, jnp.concatenate(outputs, -1), 0)
        if masks is not None and l + 1 < case.num_layers:
            scale = 1 / (1 - case.dropout) if case.dropout < 1 else 0
            series = jnp.where(masks[l], series * scale, 0)
    return series, {state: jnp.stack(each) for state, each in last.items()}


def divergence(case: Case, y: Any, target: Any, weights: Any) -> Any:
    """The sum over steps that count. SPEC 8.5."""
    if case.divergence == "squared_error":
        terms = 0.5 * (y - target) ** 2
    else:
        terms = -target * (jax.nn.log_softmax(y) if case.divergence == "softmax_cross_entropy" else y)
    return (weights * terms.sum(-1)).sum()


def answer(request: adapter.Request) -> Named:
    case, values = request.case, request.values

    def series(array: Any) -> Any:  # time first, with an axis for the batch
        array = jnp.asarray(array)
        return array[:, None] if not case.batched else array.swapaxes(0, 1) if case.batch_first else array

    def state(array: Any) -> Any:
        return jnp.asarray(array) if case.batched else jnp.asarray(array)[:, None]

    def back(array: Any) -> np.ndarray[Any, Any]:
        array = array[:, 0] if not case.batched else array.swapaxes(0, 1) if case.batch_first else array
        return np.asarray(array)

    x = series(values.x)
    T, B = x.shape[:2]
    dtype = x.dtype
    LD, cell = case.num_layers * case.num_directions, case.rnn().cell
    zeros = {name: jnp.zeros((LD, B, cell.sizes[name]), dtype) for name in cell.states}
    initial = zeros if values.initial is None else {name: state(values.initial[name]) for name in cell.states}
    lengths = jnp.full(B, T) if values.lengths is None else jnp.asarray(values.lengths)
    masks = None if values.masks is None else jnp.asarray(values.masks).reshape(-1, T, B, case.rnn().output_features)
    params = {name: jnp.asarray(p) for name, p in values.params.items()}
    real = jnp.arange(T)[:, None] < lengths

    def forward(params: Named, x: Any, initial: Named) -> tuple[Named, Named]:
        recurrent = {name.removeprefix("rnn."): p for name, p in params.items()}
        output, last = stack(case, recurrent, x, initial, lengths, masks)
        found = {"output": output} | {f"{name}_n": each for name, each in last.items()}
        if case.O is None:
            return found, {}
        found["z"] = output @ params["output.weight"].T + params["output.bias"]
        found["y"] = ACTIVATIONS[case.activation](found["z"])
        if "div" not in request.asked:
            return found, {}
        target = series(values.target)
        if jnp.issubdtype(target.dtype, jnp.integer):
            target = jax.nn.one_hot(target, case.O, dtype=dtype)
        weights = jnp.ones((T, B), dtype) if values.weights is None else series(values.weights)
        weights = jnp.where(real, weights, 0)
        weights = weights / weights.sum() if case.reduction == "mean" else weights
        counts = (weights != 0)[:, :, None]
        target, y = jnp.where(counts, target, 0), jnp.where(counts, found["y"], 0)
        return found, {"div": divergence(case, y, target, weights)}

    (found, scalar), vjp = jax.vjp(forward, params, x, initial)
    upstream = {name: jnp.zeros_like(value) for name, value in found.items()}
    if values.d_output is not None:
        upstream["output"] = jnp.where(real[:, :, None], series(values.d_output), 0)
    upstream |= {f"{name}_n": state(d) for name, d in (values.d_last or {}).items()}
    d_params, d_x, d_initial = vjp((upstream, {name: jnp.ones_like(value) for name, value in scalar.items()}))
    states = {f"{name}_n": found.pop(f"{name}_n") for name in initial}
    states |= {f"d_{name}0": d for name, d in d_initial.items()}
    if not case.batched:
        states = {name: array[:, 0] for name, array in states.items()}
    return (
        {name: back(array) for name, array in found.items()}
        | {name: np.asarray(array) for name, array in (states | scalar).items()}
        | {"d_x": back(d_x)}
        | {f"d_{name}": np.asarray(d) for name, d in d_params.items()}
    )


if __name__ == "__main__":
    adapter.serve(answer)
