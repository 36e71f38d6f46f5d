"""What is timed, doing the same work on the same values: the reference, torch with autograd, JAX, ONNX Runtime.

All take x and the initial states, and for the backward pass a gradient on every step of the output and on the last
states; all give the output and the last states, and with the backward pass the gradients of x, of the initial states
and of every parameter. They return them by name, so that what is timed is what is compared. Everything that a caller
would do once stands in `__init__`, which is not timed.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from importlib.util import module_from_spec, spec_from_file_location
from itertools import repeat
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

import parity
from parity import adapter
from parity.cases import Case, arrays
from parity.oracles import torch_autograd
from parity.vectors.forms import graph
from reference import unroll
from reference.arrays import Array
from reference.checks import one_for_each
from reference.columns import Columns
from reference.packing import Packing


class Contender(Protocol):
    """One implementation on the values of one case in one dtype. Nothing is kept from one call to the next."""

    def __init__(self, case: Case, dtype: str) -> None: ...

    def forward(self) -> dict[str, Any]: ...

    def forward_backward(self) -> dict[str, Any]: ...


class Reference:
    """The stack, as its users call it: every call checks what it is given, and forward keeps the whole trace."""

    def __init__(self, case: Case, dtype: str) -> None:
        self.rnn = case.rnn()
        self.values = arrays(case).astype(dtype)

    def forward(self) -> dict[str, Any]:
        v = self.values
        trace = self.rnn.forward(v.params, v.x, v.h0)
        return {"output": trace.output} | self._named("{}_n", trace.h_n)

    def forward_backward(self) -> dict[str, Any]:
        v = self.values
        trace = self.rnn.forward(v.params, v.x, v.h0)
        grads = self.rnn.backward(v.params, trace, v.d_output, v.d_h_n)
        results = {"output": trace.output, "d_x": grads.x} | {f"d_{name}": g for name, g in grads.params.items()}
        return results | self._named("{}_n", trace.h_n) | self._named("d_{}0", grads.h0)

    def _named(self, name: str, given: Any) -> dict[str, Any]:
        """The states, each under its name."""
        states = one_for_each(given, self.rnn.cell.states, name)
        return {name.format(state): array for state, array in states.items()}


class Torch:
    """torch's module: forward alone under `no_grad`, so without a graph; backward by `autograd.grad`, so from nothing.

    `autograd.grad` returns fresh gradients: none is left in `.grad` for the next round to be added to.
    """

    def __init__(self, case: Case, dtype: str) -> None:
        values = arrays(case).astype(dtype)
        assert values.initial is not None  # a benchmark case has initial states and both upstream gradients
        assert values.d_last is not None
        self.x = _tensor(values.x).requires_grad_()
        self.initial = {f"d_{state}0": _tensor(h).requires_grad_() for state, h in values.initial.items()}
        self.names = ["output", *(f"{state}_n" for state in values.initial)]
        self.upstream = [_tensor(values.d_output), *map(_tensor, values.d_last.values())]
        self.rnn = torch_autograd.module(case).to(dtype=self.x.dtype)
        self.rnn.load_state_dict({name: _tensor(p) for name, p in values.params.items()})
        params = {f"d_{name}": p for name, p in self.rnn.named_parameters()}
        self.leaves = {"d_x": self.x} | self.initial | params

    def _run(self) -> list[Tensor]:
        states = tuple(self.initial.values())
        output, last = self.rnn(self.x, states if len(states) > 1 else states[0])
        return [output, *(last if len(states) > 1 else (last,))]

    def forward(self) -> dict[str, Any]:
        with torch.no_grad():
            return dict(zip(self.names, self._run(), strict=True))

    def forward_backward(self) -> dict[str, Any]:
        results = self._run()
        found = torch.autograd.grad(results, list(self.leaves.values()), self.upstream)
        return dict(zip(self.names, results, strict=True)) | dict(zip(self.leaves, found, strict=True))


class Jax:
    """`jax.lax.scan`, differentiated by `jax.vjp`, both compiled by `jax.jit`: the code of parity/ports/jax."""

    def __init__(self, case: Case, dtype: str) -> None:
        import jax

        config: Any = jax.config
        config.update("jax_enable_x64", True)
        port = _port("jax")
        values = arrays(case).astype(dtype)
        problem, _ = adapter.prepared(adapter.Request(case, values, ()))

        def forward(params: Any, x: Any, initial: Any) -> Any:
            w = {name.removesuffix("_l0"): p for name, p in params.items()}
            states = port.column(problem, w, x, {name: state[0] for name, state in initial.items()})
            return states["h"], {name: series[-1:] for name, series in states.items()}

        def forward_backward(params: Any, x: Any, initial: Any, upstream: Any) -> Any:
            results, vjp = jax.vjp(forward, params, x, initial)
            return results, vjp(upstream)

        self.jax: Any = jax
        self.inputs = jax.device_put((values.params, values.x, values.initial))
        self.upstream = jax.device_put((values.d_output, values.d_last))
        self.compiled = jax.jit(forward), jax.jit(forward_backward)

    def forward(self) -> dict[str, Any]:
        output, last = self.jax.block_until_ready(self.compiled[0](*self.inputs))
        return {"output": output} | _each("{}_n", last)

    def forward_backward(self) -> dict[str, Any]:
        found = self.jax.block_until_ready(self.compiled[1](*self.inputs, self.upstream))
        (output, last), (d_params, d_x, d_initial) = found
        results = {"output": output, "d_x": d_x} | _each("{}_n", last)
        return results | _each("d_{}0", d_initial) | _each("d_{}", d_params)


class OnnxRuntime:
    """The operator RNN, GRU or LSTM of ONNX Runtime, forward in float32: the model of parity/ports/onnxruntime."""

    def __init__(self, case: Case, dtype: str) -> None:
        import onnxruntime

        values = arrays(case).astype(dtype)
        initial = {f"{state}0": first for state, first in (values.initial or {}).items()}
        self.inputs = {"x": np.ascontiguousarray(values.x)} | initial
        model = graph.model(case, values.params, self.inputs).SerializeToString()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        self.session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self.names = list(graph.outputs(case))

    def forward(self) -> dict[str, Any]:
        return dict(zip(self.names, self.session.run(None, self.inputs), strict=True))


@dataclass(frozen=True)
class _OneStep(Packing):
    """A packing of T steps that all have the same B rows: a loop over them stays in the cache."""

    def by_step(self, rows: Array) -> list[Array]:
        return [rows] * self.T

    def pairs(self, states: Array) -> Iterable[tuple[Array, Array]]:
        return repeat((states[: self.B], states[self.B :]), self.T)

    def previous(self, states: Array) -> Array:
        return states[: self.B]


class Floor:
    """What the reference cannot be faster than: the BLAS and NumPy calls of its cell, on memory that lies in the cache.

    The loops, `steps` and `steps_backward`, make all of their calls, T times and at full size, but on the rows of one
    step over and over. The products of the whole series, `project` and `pool`, are those of the reference; `factors` is
    taken of one step alone. Left out are checks, packing, results by name, to make the arrays of a trace, and to move
    them through memory; and no branch of a call is guessed wrongly, for it sees the same values each time.

    In the loops W_hh and the gradients are 0, so that no value grows or fades over the steps. Results are no network's.
    """

    def __init__(self, case: Case, dtype: str) -> None:
        values = arrays(case).astype(dtype)
        assert values.initial is not None  # a benchmark case has all of these
        assert values.d_output is not None
        assert values.d_last is not None
        self.cell = case.rnn().cell
        self.params = {name.removesuffix("_l0"): p for name, p in values.params.items()}
        self.params_of_loop = self.params | {"weight_hh": np.zeros_like(self.params["weight_hh"])}
        initial, d_last = ({name: h[0] for name, h in given.items()} for given in (values.initial, values.d_last))
        every = Packing(case.T, case.B, None)
        self.columns = unroll.forward(self.cell, self.params, values.x, initial, every)
        self.d, _ = unroll.backward(self.cell, self.params, self.columns, values.d_output, d_last, None)
        self.step, self.d_step = _one_step(self.columns), _one_step(self.d, by=0)

    def forward(self) -> dict[str, Any]:
        self.cell.project(self.params, self.columns.x_rows)
        self.cell.steps(self.params_of_loop, self.step)
        return {}

    def forward_backward(self) -> dict[str, Any]:
        self.forward()
        factors, zero = self.cell.factors(self.step), self.d_step
        packing = zero.packing
        d = replace(zero, kept_rows={name: factors.get(name, rows) for name, rows in zero.kept_rows.items()})
        carries = {state: packing.carries(rows[: packing.B], None) for state, rows in zero.state_rows.items()}
        self.cell.steps_backward(self.params_of_loop, factors, d, carries)
        self.cell.pool(self.params, self.columns, self.d)
        return {}


def _one_step(columns: Columns, by: int = 1) -> Columns:
    """The first step of some columns, times a number, as if it were every step."""
    T, B = columns.packing.T, columns.packing.B
    return Columns(
        _OneStep(T, B, None),
        by * columns.x_rows[:B],
        {name: by * rows[:B] for name, rows in columns.kept_rows.items()},
        {state: by * rows[: 2 * B] for state, rows in columns.state_rows.items()},
    )


CONTENDERS: dict[str, type[Contender]] = {"reference": Reference, "torch": Torch}


def _each(name: str, tensors: dict[str, Any]) -> dict[str, Any]:
    """The tensors, each under a longer name."""
    return {name.format(key): tensor for key, tensor in tensors.items()}


def _port(name: str) -> Any:
    """The program of an adapter in parity/ports, as a module."""
    path = Path(parity.__file__).parent / "ports" / name / "port.py"
    spec = spec_from_file_location(f"{name}_port", path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def by_name(tensors: dict[str, Any]) -> dict[str, Array]:
    """The tensors of a contender as arrays, as the comparison takes them."""
    return {name: t.detach().numpy() if isinstance(t, Tensor) else np.asarray(t) for name, t in tensors.items()}


def _tensor(array: Array | None) -> Tensor:
    assert array is not None  # a benchmark case has h0 and both upstream gradients
    return torch.from_numpy(np.array(array))
