"""JAX as a port: the network in jax.numpy, its loop in jax.lax.scan, its gradients by jax.vjp. SPEC 10.5."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from parity.adapter import Named, Problem, network, serve, stack

ACTIVATIONS: dict[str, Callable[[Any], Any]] = {
    "identity": lambda z: z,
    "tanh": jnp.tanh,
    "relu": lambda z: jnp.where(z <= 0, 0, z),  # jax.nn.relu lets no gradient through where z is NaN. SPEC 2.5
    "sigmoid": jax.nn.sigmoid,
    "softplus": jax.nn.softplus,
    "softmax": jax.nn.softmax,
    "log_softmax": jax.nn.log_softmax,
}


def column(problem: Problem, w: Named, x: Any, initial: Named) -> Named:
    """One layer in one direction, by the step of its cell. SPEC 3.1, 13.1, 14.1, 15.1."""
    case, U, b = problem.case, w["weight_hh"].T, w["bias_hh"]
    f, sigmoid = ACTIVATIONS[case.nonlinearity], jax.nn.sigmoid

    def rnn(p: Any, h: Any) -> Named:
        return {"h": f(p + h @ U + b)}

    def gru(p: Any, h: Any) -> Named:
        (p_rz, p_n), (U_rz, U_n), (b_rz, b_n) = (jnp.split(v, [2 * case.H], -1) for v in (p, U, b))
        r, z = jnp.split(sigmoid(p_rz + h @ U_rz + b_rz), 2, -1)
        n = jnp.tanh(p_n + (r * (h @ U_n + b_n) if case.reset == "after" else (r * h) @ U_n + b_n))
        return {"h": n + z * (h - n)}

    def lstm(p: Any, h: Any, c: Any) -> Named:
        i, f, g, o = jnp.split(p + h @ U + b, 4, -1)
        c = sigmoid(f) * c + sigmoid(i) * jnp.tanh(g)
        m = sigmoid(o) * jnp.tanh(c)
        return {"h": m @ w["weight_hr"].T if case.proj_size else m, "c": c}

    step = {"rnn": rnn, "gru": gru, "lstm": lstm}[case.cell]
    series = x @ w["weight_ih"].T + w["bias_ih"]
    return jax.lax.scan(lambda before, p: (step(p, **before),) * 2, initial, series)[1]


def judged(y: Any, problem: Problem) -> Any:
    """The divergence. SPEC 8.5."""
    y = jnp.where(problem.weights[:, :, None] != 0, y, 0)  # what does not count may be NaN
    if problem.case.divergence == "squared_error":
        terms = 0.5 * (y - problem.target) ** 2
    else:
        terms = -problem.target * (jax.nn.log_softmax(y) if problem.case.divergence == "softmax_cross_entropy" else y)
    return (problem.weights * terms.sum(-1)).sum()


def forward(inputs: Named, problem: Problem) -> Named:
    """The stack, and of a network its output layer and its divergence. SPEC 3.5, 8.5."""
    outputs = stack(column, jnp)(inputs, problem)
    if problem.case.O is None:
        return outputs
    outputs["z"] = outputs["output"] @ inputs["output.weight"].T + inputs["output.bias"]
    outputs["y"] = ACTIVATIONS[problem.case.activation](outputs["z"])
    return outputs | ({"div": judged(outputs["y"], problem)} if "div" in problem.asked else {})


def vjp(f: Callable[[Named], Named], inputs: Named, upstream: Named) -> tuple[Named, Named]:
    """What f gives, and the gradients of its inputs; where nothing comes from above it is 0."""
    outputs, pulled = jax.vjp(f, inputs)
    return outputs, pulled({name: upstream.get(name, jnp.zeros_like(each)) for name, each in outputs.items()})[0]


if __name__ == "__main__":
    jax.config.update("jax_enable_x64", True)
    serve(network(forward, vjp))
