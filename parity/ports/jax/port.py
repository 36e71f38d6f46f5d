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
ACTIVATIONS: dict[str, Callable[[Any], Any]] = {
    "identity": lambda z: z,
    "tanh": jnp.tanh,
    "relu": lambda z: jnp.where(z <= 0, 0, z),  # jax.nn.relu lets no gradient through where z is NaN. SPEC 2.5
    "sigmoid": jax.nn.sigmoid,
    "softplus": jax.nn.softplus,
    "softmax": jax.nn.softmax,
    "log_softmax": jax.nn.log_softmax,
}


def layer(f: Any, params: Named, suffix: str, x: Any, h0: Any) -> tuple[Any, Any]:
    """One direction: every state (T, B, H), and the last one. SPEC 3.1."""
    zero = jnp.zeros((), x.dtype)
    b = params.get(f"bias_ih{suffix}", zero), params.get(f"bias_hh{suffix}", zero)
    projected = x @ params[f"weight_ih{suffix}"].T + b[0] + b[1]

    def step(h: Any, p: Any) -> tuple[Any, Any]:
        h = f(p + h @ params[f"weight_hh{suffix}"].T)
        return h, h

    return jax.lax.scan(step, h0, projected)[::-1]


def stack(case: Case, params: Named, x: Any, h0: Any, lengths: Any, masks: Any) -> tuple[Any, Any]:
    """output (T, B, D·H) and h_n (L·D, B, H). SPEC 4.5, 6."""
    f = ACTIVATIONS[case.nonlinearity]
    T, B = x.shape[:2]
    t = jnp.arange(T)[:, None]
    real = (t < lengths)[:, :, None]
    from_own_end = jnp.where(t < lengths, lengths - 1 - t, t)[:, :, None]
    series, last = jnp.where(real, x, 0), []
    for l, names in enumerate(suffixes(case.num_layers, case.num_directions)):
        outputs = []
        for d, suffix in enumerate(names):
            read = jnp.take_along_axis(series, from_own_end, 0) if d else series
            h, _ = layer(f, params, suffix, read, h0[l * case.num_directions + d])
            last.append(h[lengths - 1, jnp.arange(B)])
            outputs.append(jnp.take_along_axis(h, from_own_end, 0) if d else h)
        series = jnp.where(real, jnp.concatenate(outputs, -1), 0)
        if masks is not None and l + 1 < case.num_layers:
            scale = 1 / (1 - case.dropout) if case.dropout < 1 else 0
            series = jnp.where(masks[l], series * scale, 0)
    return series, jnp.stack(last)


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
    LD = case.num_layers * case.num_directions
    h0 = jnp.zeros((LD, B, case.H), dtype) if values.h0 is None else state(values.h0)
    lengths = jnp.full(B, T) if values.lengths is None else jnp.asarray(values.lengths)
    masks = None if values.masks is None else jnp.asarray(values.masks).reshape(-1, T, B, case.num_directions * case.H)
    params = {name: jnp.asarray(p) for name, p in values.params.items()}
    real = jnp.arange(T)[:, None] < lengths

    def forward(params: Named, x: Any, h0: Any) -> tuple[Named, Named]:
        recurrent = {name.removeprefix("rnn."): p for name, p in params.items()}
        output, h_n = stack(case, recurrent, x, h0, lengths, masks)
        found = {"output": output, "h_n": h_n}
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

    (found, scalar), vjp = jax.vjp(forward, params, x, h0)
    upstream = {name: jnp.zeros_like(value) for name, value in found.items()}
    if values.d_output is not None:
        upstream["output"] = jnp.where(real[:, :, None], series(values.d_output), 0)
    if values.d_h_n is not None:
        upstream["h_n"] = state(values.d_h_n)
    d_params, d_x, d_h0 = vjp((upstream, {name: jnp.ones_like(value) for name, value in scalar.items()}))
    states = {"h_n": found.pop("h_n"), "d_h0": d_h0}
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
