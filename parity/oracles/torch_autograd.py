"""An equivalent torch network for every case, with autograd: the outputs, and the gradient of everything. SPEC 30.1.

Two networks are built over the same parameters. torch's own module (torch.nn.RNN) speaks for outputs and gradients.
What it does not show (what each column has, and the gradients of that) comes from the same columns unrolled in torch
operations, one by one; so does everything that it lacks (no activation; truncation of a ragged batch).
"""

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from parity.cases import Arrays, Case
from parity.oracles import torch_columns
from parity.oracles.torch_cells import TORCH_CELLS, Named
from parity.oracles.torch_divergences import ACTIVATIONS, divergence
from reference.arrays import Array

# float32 means float32: no 10-bit mantissas behind its name on a GPU.
torch.backends.cuda.matmul.allow_tf32 = False
torch.backends.cudnn.allow_tf32 = False
# It says so once, of float32 with a projection; the default implementation that it then takes is as right.
warnings.filterwarnings("ignore", "LSTM with projections is not supported with oneDNN", UserWarning)


class TorchNetwork(nn.Module):
    """The module whose state_dict has the names of `reference.Network`."""

    def __init__(self, rnn: nn.RNNBase, output: nn.Linear) -> None:
        super().__init__()
        self.rnn = rnn
        self.output = output


@dataclass(frozen=True)
class _Inputs:
    """The values of a case as torch tensors, in the layout of the case; states by name."""

    x: Tensor
    initial: Named | None
    lengths: Tensor | None
    masks: Tensor | None
    d_output: Tensor | None
    d_last: Named
    target: Tensor | None
    weights: Tensor | None


def supports(case: Case) -> bool:
    """Every case."""
    return True


def has_module(case: Case) -> bool:
    """Whether torch's own module can do the case."""
    return TORCH_CELLS[case.cell].module(case, case.I, 1) is not None and not (case.truncate and case.lengths)


def check_device(device: str) -> None:
    """Raises RuntimeError if torch cannot compute on the device."""
    try:
        torch.zeros(1, device=device) + 1
    except (RuntimeError, AssertionError) as error:
        raise RuntimeError(f"device {device!r} was asked for, but torch cannot use it here: {error}") from error


def run(case: Case, values: Arrays, device: str = "cpu") -> dict[str, Array]:
    """Every tensor of the case; where torch's module and the unrolled columns both have it, the word of the module."""
    with one_thread():
        tensors = _unrolled(case, values, device)
        if has_module(case):
            tensors |= _module(case, values, device)
    return {name: t.detach().cpu().numpy() for name, t in tensors.items()}


def assert_close(got: Mapping[str, Array], wanted: Mapping[str, Array]) -> bool:
    """Whether `torch.testing.assert_close` lets all of `wanted` pass, with its defaults, but NaN as NaN."""
    try:
        for name, value in wanted.items():
            torch.testing.assert_close(torch.from_numpy(got[name].copy()), torch.from_numpy(value), equal_nan=True)
    except AssertionError:
        return False
    return True


@contextmanager
def one_thread() -> Iterator[None]:
    """torch computes on one thread: in one process its pool and that of NumPy's BLAS stall each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def module(case: Case) -> nn.Module:
    """The equivalent module, in the dtype torch.get_default_dtype(), with parameters of its own."""
    rnn = _own_module(case, case.I, case.num_layers)
    return rnn if case.O is None else TorchNetwork(rnn, nn.Linear(case.rnn().output_features, case.O))


def _own_module(case: Case, inputs: int, layers: int) -> nn.RNNBase:
    rnn = TORCH_CELLS[case.cell].module(case, inputs, layers)
    assert rnn is not None
    return rnn


def _module(case: Case, values: Arrays, device: str) -> Named:
    inputs = _inputs(values, device)
    network = module(case).to(device, inputs.x.dtype)
    network.load_state_dict({name: _tensor(p, device) for name, p in values.params.items()}, strict=True)
    rnn = network.rnn if isinstance(network, TorchNetwork) else cast(nn.RNNBase, network)
    output, last = _through_chunks(case, rnn, inputs)
    params: Named = dict(network.named_parameters())
    return _objective(case, inputs, params, output, last, _leaves(inputs.x, inputs.initial or {}, params))


def _leaves(x: Tensor, initial: Named, params: Named) -> Named:
    """What is differentiated by, under the names of the gradients."""
    states = {f"d_{state}0": given for state, given in initial.items()}
    return {"d_x": x} | states | {f"d_{name}": p for name, p in params.items()}


def _through_chunks(case: Case, rnn: nn.RNNBase, inputs: _Inputs) -> tuple[Tensor, Named]:
    """The series in chunks of `truncate` steps, with the states detached between them; or whole."""
    time = 1 if case.batch_first else 0
    k = case.truncate or case.T
    outputs = []
    states = inputs.initial
    for i, chunk in enumerate(torch.split(inputs.x, k, dim=time)):
        masks = None if inputs.masks is None else inputs.masks[:, i * k : i * k + chunk.shape[time]]
        if i > 0 and states is not None:
            states = {name: state.detach() for name, state in states.items()}
        output, states = _through_layers(case, rnn, chunk, states, inputs.lengths, masks)
        outputs.append(output)
    assert states is not None
    return torch.cat(outputs, dim=time), states


def _through_layers(
    case: Case, rnn: nn.RNNBase, x: Tensor, initial: Named | None, lengths: Tensor | None, masks: Tensor | None
) -> tuple[Tensor, Named]:
    """torch's module as it is; or, where masks are given, its layers one at a time with the masks between them."""
    if masks is None:
        return _packed(case, rnn, x, initial, lengths)
    last: list[Named] = []
    for layer in range(case.num_layers):
        rows = slice(layer * case.num_directions, (layer + 1) * case.num_directions)
        start = None if initial is None else {name: state[rows] for name, state in initial.items()}
        x, of_layer = _packed(case, _one_layer(case, rnn, layer), x, start, lengths)
        last.append(of_layer)
        if layer < case.num_layers - 1:
            mask = masks[layer].swapaxes(0, 1) if case.batch_first else masks[layer]
            x = torch.where(mask, x / (1 - case.dropout) if case.dropout < 1 else x, 0)
    return x, {name: torch.cat([states[name] for states in last]) for name in last[0]}


def _one_layer(case: Case, rnn: nn.RNNBase, layer: int) -> nn.RNNBase:
    """A module of one layer that shares the parameters of one layer of `rnn`."""
    single = _own_module(case, case.I if layer == 0 else case.rnn().output_features, 1)
    for name, _ in list(single.named_parameters()):
        setattr(single, name, getattr(rnn, name.replace("_l0", f"_l{layer}")))
    return single


def _packed(
    case: Case, rnn: nn.RNNBase, x: Tensor, initial: Named | None, lengths: Tensor | None
) -> tuple[Tensor, Named]:
    states = case.rnn().cell.states
    given: Any = None
    if initial is not None:
        given = initial["h"] if len(states) == 1 else tuple(initial[name] for name in states)
    if lengths is None:
        output, last = rnn(x, given)
    else:
        packed = pack_padded_sequence(x, lengths.cpu(), batch_first=case.batch_first, enforce_sorted=False)
        packed_output, last = rnn(packed, given)
        output, _ = pad_packed_sequence(packed_output, batch_first=case.batch_first, total_length=case.T)
    return output, dict(zip(states, (last,) if len(states) == 1 else last, strict=True))


def _unrolled(case: Case, values: Arrays, device: str) -> Named:
    """Every tensor of the case, from the columns one by one."""
    inputs = _inputs(values, device)
    params = {name: _tensor(p, device).requires_grad_() for name, p in values.params.items()}
    initial = inputs.initial
    if initial is None:
        zeros = {state: inputs.x.new_zeros(case.state_shape(state)) for state in case.rnn().cell.states}
        initial = {state: zero.requires_grad_() for state, zero in zeros.items()}
    lengths = torch.full((case.B,), case.T) if inputs.lengths is None else inputs.lengths.cpu()
    masks = inputs.masks if inputs.masks is None or case.batched else inputs.masks[:, :, None]
    batched = initial if case.batched else {state: given[:, None] for state, given in initial.items()}
    run = torch_columns.unroll(case, params, _time_major(case, inputs.x), batched, lengths, masks)
    output = _laid_out(case, run.output)
    last = run.last if case.batched else {state: end[:, 0] for state, end in run.last.items()}
    columns = {
        f"d_{name}:{t}:{k}": block
        for name, steps in run.columns.items()
        for t, blocks in enumerate(steps)
        for k, block in enumerate(blocks)
    }
    found = _objective(case, inputs, params, output, last, _leaves(inputs.x, initial, params) | columns)
    for name, steps in run.columns.items():
        found[name] = run.series(name, steps)
        gradients = [
            tuple(found.pop(f"d_{name}:{t}:{k}") for k in range(len(blocks))) for t, blocks in enumerate(steps)
        ]
        found[f"d_{name}"] = run.series(name, gradients)
    return found


def _objective(case: Case, inputs: _Inputs, params: Named, output: Tensor, last: Named, leaves: Named) -> Named:
    """Output and last states, the output layer and the divergence, if any; and the gradient of every leaf."""
    found: Named = {"output": output} | {f"{state}_n": end for state, end in last.items()}
    inner: Named = {}
    ends: list[tuple[Tensor, Tensor]] = []
    if case.O is not None:
        z = F.linear(output, params["output.weight"], params["output.bias"])
        y = ACTIVATIONS[case.activation](z)
        div = _divergence(case, inputs, y)
        found |= {"z": z, "y": y, "div": div}
        inner = {"d_y": y, "d_z": z, "d_output": output}
        ends.append((div, torch.ones_like(div)))
    if inputs.d_output is not None:
        ends.append((output, inputs.d_output))
    ends += [(last[state], d) for state, d in inputs.d_last.items()]
    wanted = inner | leaves
    gradients = torch.autograd.grad(
        [end for end, _ in ends],
        list(wanted.values()),
        [upstream for _, upstream in ends],
        allow_unused=True,
    )
    zeros = [torch.zeros_like(t) if g is None else g for g, t in zip(gradients, wanted.values(), strict=True)]
    return found | dict(zip(wanted, zeros, strict=True))


def _divergence(case: Case, inputs: _Inputs, y: Tensor) -> Tensor:
    assert inputs.target is not None
    if case.per_sequence:
        target = inputs.target if case.batched else inputs.target[None]
    else:
        target = _time_major(case, inputs.target)
    return divergence(case, _time_major(case, y), target, _step_weights(case, inputs, y))


def _step_weights(case: Case, inputs: _Inputs, y: Tensor) -> Tensor:
    """What each step counts for, (T, B); 0 past the end of a sequence."""
    weights = torch.ones(y.shape[:-1], dtype=y.dtype, device=y.device)
    if inputs.weights is not None:
        weights = inputs.weights.to(y.dtype)
    weights = _time_major(case, weights)
    if inputs.lengths is None:
        return weights
    t = torch.arange(case.T, device=y.device)
    return torch.where(t[:, None] >= inputs.lengths.to(y.device), 0, weights)


def _laid_out(case: Case, series: Tensor) -> Tensor:
    """A time-major tensor (T, B, ...) in the layout of the case."""
    if not case.batched:
        return series[:, 0]
    return series.swapaxes(0, 1) if case.batch_first else series


def _time_major(case: Case, series: Tensor) -> Tensor:
    """A tensor in the layout of the case, time-major: (T, B, ...)."""
    if not case.batched:
        return series[:, None]
    return series.swapaxes(0, 1) if case.batch_first else series


def _tensor(array: Array, device: str) -> Tensor:
    return torch.from_numpy(np.array(array, order="C")).to(device)


def _inputs(values: Arrays, device: str) -> _Inputs:
    def tensor(array: Array | None) -> Tensor | None:
        return None if array is None else _tensor(array, device)

    def states(given: Mapping[str, Array] | None) -> Named:
        return {name: _tensor(state, device) for name, state in (given or {}).items()}

    initial = {name: state.requires_grad_() for name, state in states(values.initial).items()}
    return _Inputs(
        x=_tensor(values.x, device).requires_grad_(),
        initial=initial or None,
        lengths=tensor(values.lengths),
        masks=tensor(values.masks),
        d_output=tensor(values.d_output),
        d_last=states(values.d_last),
        target=tensor(values.target),
        weights=tensor(values.weights),
    )
