"""PyTorch compiled, as a port: torch.nn.RNN, GRU and LSTM by torch.compile, all else of the port torch. SPEC 10.5."""

from functools import partial

import torch

from parity.adapter import network, serve
from parity.ports.torch.port import forward, vjp

torch._dynamo.config.allow_rnn = True  # else these layers are left as they are
torch._dynamo.config.recompile_limit = 1000  # each case is a module of its own
torch._dynamo.config.fail_on_recompile_limit_hit = True


@torch.compile(fullgraph=True)
def compiled(module, parameters, inputs):
    return torch.func.functional_call(module, parameters, inputs)


if __name__ == "__main__":
    serve(network(partial(forward, call=compiled), vjp))
