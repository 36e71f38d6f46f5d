"""The torch twin of a training run: torch's module, torch's autograd, torch's optimiser, torch's clipping."""

from collections.abc import Iterator

import torch
from torch import nn
from torch.nn import functional as F

import reference
from parity.oracles.torch_autograd import TorchNetwork, one_thread
from reference.arrays import Array


def train(
    net: reference.Network,
    params: dict[str, Array],
    batches: Iterator[tuple[Array, Array]],
    optimiser: str,
    rate: float,
    clip: float,
) -> Iterator[float]:
    """The loss before each step, in float64; of a stack without options beside its sizes."""
    rnn = getattr(nn, net.rnn.cell.name)(net.rnn.input_size, net.rnn.hidden_size, num_layers=net.rnn.num_layers)
    model = TorchNetwork(rnn, nn.Linear(net.rnn.hidden_size, net.output_size)).double()
    model.load_state_dict({name: torch.from_numpy(p) for name, p in params.items()})
    kind = {"adagrad": torch.optim.Adagrad, "sgd": torch.optim.SGD}[optimiser]
    stepper = kind(model.parameters(), lr=rate)
    for x, target in batches:
        with one_thread():
            h, _ = model.rnn(torch.from_numpy(x))
            logits = model.output(h)
            loss = F.cross_entropy(logits.flatten(0, 1), torch.from_numpy(target).flatten())
            stepper.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_value_(model.parameters(), clip)
            stepper.step()
        yield loss.item()
