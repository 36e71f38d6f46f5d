"""An equivalent torch network for every case, with autograd: the outputs, and the gradient of everything. SPEC 30.1.

Two networks are built over the same parameters. `torch.nn.RNN` itself speaks for outputs and gradients. What it does
not show (a and h of every layer, direction and step, and their gradients) comes from the same columns unrolled in torch
operations, one by one; so does everything that torch.nn.RNN lacks (no activation; truncation of a ragged batch).
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from parity.cases import Arrays, Case
from reference.arrays import Array
from reference.parameters import suffixes

# float32 means float32: no 10-bit mantissas behind its name on a GPU.
torch.backends.cuda.matmul.allow_tf32 = False
torch.backends.cudnn.allow_tf32 = False

Named = dict[str, Tensor]


class TorchNetwork(nn.Module):
    """The module whose state_dict has the names of `reference.Network`."""

    def __init__(self, rnn: nn.RNN, output: nn.Linear) -> None:
        super().__init__()
        self.rnn = rnn
        self.output = output


@dataclass(frozen=True)
class _Inputs:
    """The values of a case as torch tensors, in the layout of the case."""

    x: Tensor
    h0: Tensor | None
    lengths: Tensor | None
    masks: Tensor | None
    d_output: Tensor | None
    d_h_n: Tensor | None
    target: Tensor | None
    weights: Tensor | None


def supports(case: Case) -> bool:
    """Every case."""
    return True


def has_module(case: Case) -> bool:
    """Whether torch.nn.RNN itself can do the case."""
    return case.nonlinearity != "identity" and not (case.truncate and case.lengths)


def check_device(device: str) -> None:
    """Raises RuntimeError if torch cannot compute on the device."""
    try:
        torch.zeros(1, device=device) + 1
    except (RuntimeError, AssertionError) as error:
        raise RuntimeError(f"device {device!r} was asked for, but torch cannot use it here: {error}") from error


def run(case: Case, values: Arrays, device: str = "cpu") -> dict[str, Array]:
    """Every tensor of the case; where torch.nn.RNN and the unrolled columns both have it, the word of torch.nn.RNN."""
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
    rnn = nn.RNN(
        case.I,
        case.H,
        num_layers=case.num_layers,
        nonlinearity=case.nonlinearity,
        bias=case.bias,
        batch_first=case.batch_first,
        bidirectional=case.bidirectional,
    )  # dropout stays 0: the masks are given
    return rnn if case.O is None else TorchNetwork(rnn, nn.Linear(case.num_directions * case.H, case.O))


def _module(case: Case, values: Arrays, device: str) -> Named:
    inputs = _inputs(values, device)
    network = module(case).to(device, inputs.x.dtype)
    network.load_state_dict({name: _tensor(p, device) for name, p in values.params.items()}, strict=True)
    rnn = network.rnn if isinstance(network, TorchNetwork) else cast(nn.RNN, network)
    output, h_n = _through_chunks(case, rnn, inputs)
    params: Named = dict(network.named_parameters())
    leaves = {"d_x": inputs.x, "d_h0": inputs.h0} | {f"d_{name}": p for name, p in params.items()}
    return {"output": output, "h_n": h_n} | _objective(
        case, inputs, params, output, h_n, {name: t for name, t in leaves.items() if t is not None}
    )


def _through_chunks(case: Case, rnn: nn.RNN, inputs: _Inputs) -> tuple[Tensor, Tensor]:
    """The series in chunks of `truncate` steps, with the state detached between them; or whole."""
    time = 1 if case.batch_first else 0
    k = case.truncate or case.T
    outputs = []
    state = inputs.h0
    for i, chunk in enumerate(torch.split(inputs.x, k, dim=time)):
        masks = None if inputs.masks is None else inputs.masks[:, i * k : i * k + chunk.shape[time]]
        if i > 0:
            state = None if state is None else state.detach()
        output, state = _through_layers(case, rnn, chunk, state, inputs.lengths, masks)
        outputs.append(output)
    assert state is not None
    return torch.cat(outputs, dim=time), state


def _through_layers(
    case: Case, rnn: nn.RNN, x: Tensor, h0: Tensor | None, lengths: Tensor | None, masks: Tensor | None
) -> tuple[Tensor, Tensor]:
    """torch.nn.RNN as it is; or, where masks are given, its layers one at a time with the masks between them."""
    if masks is None:
        return _packed(case, rnn, x, h0, lengths)
    states = []
    h0_layers = [None] * case.num_layers if h0 is None else torch.split(h0, case.num_directions)
    for layer in range(case.num_layers):
        x, h_n = _packed(case, _one_layer(case, rnn, layer), x, h0_layers[layer], lengths)
        states.append(h_n)
        if layer < case.num_layers - 1:
            mask = masks[layer].swapaxes(0, 1) if case.batch_first else masks[layer]
            x = x * (mask.to(x.dtype) / (1 - case.dropout) if case.dropout < 1 else torch.zeros_like(x))
    return x, torch.cat(states)


def _one_layer(case: Case, rnn: nn.RNN, layer: int) -> nn.RNN:
    """A torch.nn.RNN of one layer that shares the parameters of one layer of `rnn`."""
    single = nn.RNN(
        case.I if layer == 0 else case.num_directions * case.H,
        case.H,
        nonlinearity=case.nonlinearity,
        bias=case.bias,
        batch_first=case.batch_first,
        bidirectional=case.bidirectional,
    )
    for name, _ in list(single.named_parameters()):
        setattr(single, name, getattr(rnn, name.replace("_l0", f"_l{layer}")))
    return single


def _packed(case: Case, rnn: nn.RNN, x: Tensor, h0: Tensor | None, lengths: Tensor | None) -> tuple[Tensor, Tensor]:
    if lengths is None:
        return cast(tuple[Tensor, Tensor], rnn(x, h0))
    packed = pack_padded_sequence(x, lengths.cpu(), batch_first=case.batch_first, enforce_sorted=False)
    packed_output, h_n = rnn(packed, h0)
    output, _ = pad_packed_sequence(packed_output, batch_first=case.batch_first, total_length=case.T)
    return output, h_n


def _unrolled(case: Case, values: Arrays, device: str) -> Named:
    """The columns of the network one by one. Reverse directions are kept in the order in which they read: step s."""
    inputs = _inputs(values, device)
    params = {name: _tensor(p, device).requires_grad_() for name, p in values.params.items()}
    series = _time_major(case, inputs.x)
    T, B, _ = series.shape
    D, H = case.num_directions, case.H
    given_h0 = inputs.h0
    if given_h0 is None:
        states = torch.zeros(case.num_layers * D, B, H, dtype=series.dtype, device=device)
        given_h0 = (states if case.batched else states[:, 0]).requires_grad_()
    h0 = given_h0 if case.batched else given_h0[:, None]
    lengths = torch.full((B,), T) if inputs.lengths is None else inputs.lengths.cpu()
    real = (torch.arange(T)[:, None] < lengths)[..., None].to(device)
    series = torch.where(real, series, 0)
    columns: dict[str, list[Tensor]] = {}
    h_n = []
    for layer, names in enumerate(suffixes(case.num_layers, D)):
        outputs = []
        for d, suffix in enumerate(names):
            a, h = _columns(case, params, suffix, series, h0[layer * D + d], real, reverse=d == 1)
            columns[f"a{suffix}"], columns[f"h{suffix}"] = a, h
            h_n.append(_own_end(h, lengths, reverse=d == 1))
            outputs.append(torch.where(real, torch.stack(h), 0))
        series = torch.cat(outputs, dim=-1)
        if inputs.masks is not None and layer < case.num_layers - 1:
            mask = inputs.masks[layer] if case.batched else inputs.masks[layer][:, None]
            series = series * (mask.to(series.dtype) / (1 - case.dropout) if case.dropout < 1 else 0.0)
    state = torch.stack(h_n)
    output, state = _laid_out(case, series), state if case.batched else state[:, 0]

    def in_reading_order(name: str, steps: list[Tensor]) -> Tensor:
        t_order = torch.where(real, torch.stack(steps), 0)
        if not name.endswith("_reverse"):
            return t_order
        return torch.stack([_front_to_back(t_order[:, b], int(lengths[b])) for b in range(B)], dim=1) if B else t_order

    flat = {f"{name}:{t}": step for name, steps in columns.items() for t, step in enumerate(steps)}
    leaves = {"d_x": inputs.x, "d_h0": given_h0} | {f"d_{name}": p for name, p in params.items()}
    named = {"output": output, "h_n": state}
    found = _objective(case, inputs, params, output, state, leaves | {f"d_{name}": step for name, step in flat.items()})
    for name, steps in columns.items():
        named[name] = in_reading_order(name, steps)
        named[f"d_{name}"] = in_reading_order(name, [found.pop(f"d_{name}:{t}") for t in range(len(steps))])
    return named | found


def _columns(
    case: Case, params: Named, suffix: str, series: Tensor, h0: Tensor, real: Tensor, reverse: bool
) -> tuple[list[Tensor], list[Tensor]]:
    """a(t) and h(t) of every t, in the order of t; the state stands still at h0 until a reversed sequence begins."""
    prefix = "" if case.O is None else "rnn."
    w_ih, w_hh = params[f"{prefix}weight_ih{suffix}"], params[f"{prefix}weight_hh{suffix}"]
    b_ih, b_hh = params.get(f"{prefix}bias_ih{suffix}"), params.get(f"{prefix}bias_hh{suffix}")
    f = {"tanh": torch.tanh, "relu": torch.relu, "identity": torch.clone}[case.nonlinearity]
    T = len(series)
    a: list[Any] = [None] * T
    h: list[Any] = [None] * T
    state = h0
    for t in reversed(range(T)) if reverse else range(T):
        if case.truncate and t > 0 and t % case.truncate == 0:
            state = state.detach()
        if case.lengths is None:
            a[t] = F.linear(series[t], w_ih, b_ih) + F.linear(state, w_hh, b_hh)
        else:  # padding is not computed: 0 times a weight that is not finite would be NaN
            rows = real[t, :, 0]
            column = F.linear(series[t, rows], w_ih, b_ih) + F.linear(state[rows], w_hh, b_hh)
            a[t] = torch.zeros_like(state).index_put((rows,), column)
        h[t] = f(a[t])
        state = torch.where(real[t], h[t], state)
    return a, h


def _own_end(h: list[Tensor], lengths: Tensor, reverse: bool) -> Tensor:
    """The state after each sequence's last step in reading order: t = length - 1, or t = 0 in reverse."""
    if reverse:
        return h[0]
    return torch.stack([h[int(n) - 1][b] for b, n in enumerate(lengths)]) if len(lengths) else h[-1]


def _front_to_back(steps: Tensor, length: int) -> Tensor:
    return torch.cat([steps[:length].flip(0), steps[length:]])


def _objective(case: Case, inputs: _Inputs, params: Named, output: Tensor, h_n: Tensor, leaves: Named) -> Named:
    """The output layer and the divergence, if any; then the gradient of every leaf, by autograd."""
    heads: Named = {}
    inner: Named = {}
    ends: list[tuple[Tensor, Tensor]] = []
    if case.O is not None:
        z = F.linear(output, params["output.weight"], params["output.bias"])
        y = _ACTIVATIONS[case.activation](z)
        div = _divergence(case, inputs, y)
        heads = {"z": z, "y": y, "div": div}
        inner = {"d_y": y, "d_z": z, "d_output": output}
        ends.append((div, torch.ones_like(div)))
    if inputs.d_output is not None:
        ends.append((output, inputs.d_output))
    if inputs.d_h_n is not None:
        ends.append((h_n, inputs.d_h_n))
    wanted = inner | leaves
    found = torch.autograd.grad(
        [end for end, _ in ends],
        list(wanted.values()),
        [upstream for _, upstream in ends],
        allow_unused=True,
    )
    zeros = [torch.zeros_like(t) if g is None else g for g, t in zip(found, wanted.values(), strict=True)]
    return heads | dict(zip(wanted, zeros, strict=True))


_ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "identity": torch.clone,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": torch.relu,
    "softplus": lambda z: F.softplus(z, threshold=40),  # by default 20: y = z from there on, 2e-9 too small
    "softmax": lambda z: torch.softmax(z, dim=-1),
    "log_softmax": lambda z: torch.log_softmax(z, dim=-1),
}


def _divergence(case: Case, inputs: _Inputs, y: Tensor) -> Tensor:
    """The divergence of the series, by torch's own functions."""
    assert inputs.target is not None
    weights = _step_weights(case, inputs, y)
    if not case.per_sequence:
        return _local_divergence(case, y, inputs.target, weights)
    target = inputs.target if case.batched else inputs.target[None]
    whole = _ctc if case.divergence == "ctc" else _mean_pooled_cross_entropy
    return whole(case, _time_major(case, y), target, _time_major(case, weights))


def _step_weights(case: Case, inputs: _Inputs, y: Tensor) -> Tensor:
    """What each step counts for, in the layout of the case; 0 past the end of a sequence."""
    weights = torch.ones(y.shape[:-1], dtype=y.dtype, device=y.device)
    if inputs.weights is not None:
        weights = inputs.weights.to(y.dtype)
    if inputs.lengths is not None:
        t = torch.arange(case.T, device=y.device)
        past_end = t[:, None] >= inputs.lengths.to(y.device)
        weights = torch.where(past_end.T if case.batch_first else past_end, 0, weights)
    return weights


def _ctc(case: Case, y: Tensor, target: Tensor, weights: Tensor) -> Tensor:
    return F.ctc_loss(
        F.log_softmax(y, dim=-1),
        target.clamp(min=0),
        (weights != 0).sum(0),
        (target >= 0).sum(1),
        blank=case.blank,
        reduction=case.reduction,
        zero_infinity=case.zero_infinity,
    )


def _mean_pooled_cross_entropy(case: Case, y: Tensor, target: Tensor, weights: Tensor) -> Tensor:
    pooled = (weights[..., None] * y).sum(0) / weights.sum(0)[:, None]
    return F.cross_entropy(pooled, target, reduction=case.reduction)


def _local_divergence(case: Case, y: Tensor, target: Tensor, weights: Tensor) -> Tensor:
    """The steps that count, picked out; torch's own loss of each; their weighted sum or mean."""
    counted = weights != 0
    w, y, target = weights[counted], y[counted], target[counted]
    total = (w * _local(case.divergence, y, target)).sum()
    return total / w.sum() if case.reduction == "mean" else total


def _local(divergence: str, y: Tensor, target: Tensor) -> Tensor:
    """The divergence of each row of y (N, O), by torch's own functions."""
    classes = not target.is_floating_point()
    if divergence == "squared_error":
        return F.mse_loss(y, target, reduction="none").sum(-1) / 2
    if divergence == "softmax_cross_entropy":
        return F.cross_entropy(y, target, reduction="none")
    if divergence == "binary_cross_entropy":
        return F.binary_cross_entropy(y, target, reduction="none").sum(-1)
    if divergence == "kl":
        return F.kl_div(y.log(), target, reduction="none").sum(-1)
    if divergence == "cross_entropy" and classes:
        return -y.gather(-1, target[:, None])[:, 0].log()  # the logarithm of a 0 that nobody asked for would be NaN
    log_y = y.log() if divergence == "cross_entropy" else y
    return F.nll_loss(log_y, target, reduction="none") if classes else -(target * log_y).sum(-1)


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

    h0 = tensor(values.h0)
    return _Inputs(
        x=_tensor(values.x, device).requires_grad_(),
        h0=None if h0 is None else h0.requires_grad_(),
        lengths=tensor(values.lengths),
        masks=tensor(values.masks),
        d_output=tensor(values.d_output),
        d_h_n=tensor(values.d_h_n),
        target=tensor(values.target),
        weights=tensor(values.weights),
    )
