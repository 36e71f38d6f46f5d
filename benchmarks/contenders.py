"""The two that are timed, doing the same work on the same values: the reference, and `torch.nn.RNN` with autograd.

Both take x and h0, and for the backward pass a gradient on every step of the output and on h_n; both give the output
and h_n, and with the backward pass the gradients of x, of h0 and of every parameter. Both return them by name, so that
what is timed is what is compared. Everything that a caller would do once stands in `__init__`, which is not timed.
"""

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

import parity
from parity.cases import Case, arrays
from parity.oracles import torch_autograd
from reference.arrays import Array
from reference.checks import one_for_each
from reference.products import product_with


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

        port = _port("jax")
        values = arrays(case).astype(dtype)

        def forward(params: Any, x: Any, initial: Any) -> Any:
            states, last = port.layer(case, params, "_l0", x, {name: state[0] for name, state in initial.items()})
            return states["h"], {name: state[None] for name, state in last.items()}

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
    """The operator RNN, GRU or LSTM of ONNX Runtime, forward in float32: the graph of parity/ports/onnxruntime."""

    def __init__(self, case: Case, dtype: str) -> None:
        import onnxruntime

        values = arrays(case).astype(dtype)
        model = _port("onnxruntime").graph(case, values.params, values.initial, np.full(case.B, case.T))
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        self.session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self.names = [result.name for result in self.session.get_outputs()]
        self.x = np.ascontiguousarray(values.x)

    def forward(self) -> dict[str, Any]:
        return dict(zip(self.names, self.session.run(None, {"x": self.x}), strict=True))


class Floor:
    """What the reference cannot be faster than: its BLAS calls, and as many NumPy calls, but on two elements each.

    A step forward is a product, an addition and an activation; a step backward an addition, a product by the slope, and
    a matrix product. Its results are no network's.
    """

    WHOLE = 12  # NumPy calls outside the loop, forward or backward, but for BLAS

    def __init__(self, case: Case, dtype: str) -> None:
        values = arrays(case).astype(dtype)
        T, B, H = case.T, case.B, case.H
        self.x = np.ascontiguousarray(values.x).reshape(T * B, case.I)
        self.w_ih, w_hh = (values.params[f"weight_{kind}_l0"] for kind in ("ih", "hh"))
        self.times_w_hh = product_with(w_hh, B, T)
        self.h = np.full((T * B, H), 0.5, dtype)
        self.da = self.h.copy()  # not h again: of a matrix times itself NumPy computes one half
        self.states, self.adjoints = (list(rows.reshape(T, B, H)) for rows in (self.h, self.da))
        self.product = np.empty((B, H), dtype)
        self.two, self.out = np.full(2, 0.5, dtype), np.empty(2, dtype)

    def _small_calls(self) -> None:
        for _ in range(self.WHOLE):
            np.add(self.two, self.two, out=self.out)

    def forward(self) -> dict[str, Any]:
        two, out, times_w_hh, product = self.two, self.out, self.times_w_hh, self.product
        self.x.dot(self.w_ih.T)
        for h in self.states:
            times_w_hh(h, product)
            np.add(two, two, out=out)
            np.tanh(two, out=out)
        self._small_calls()
        return {}

    def forward_backward(self) -> dict[str, Any]:
        self.forward()
        two, out, times_w_hh, product = self.two, self.out, self.times_w_hh, self.product
        for da in self.adjoints:
            np.add(two, two, out=out)
            np.multiply(two, two, out=out)
            times_w_hh(da, product)
        self._small_calls()
        self.da.T.dot(self.x)
        self.da.T.dot(self.h)
        self.da.dot(self.w_ih)
        return {}


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
