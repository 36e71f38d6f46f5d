"""`RNN`: a stack of simple recurrent cells, with the arguments of `torch.nn.RNN`."""

from dataclasses import dataclass
from functools import cached_property

from reference.activations import NONLINEARITIES
from reference.cells import Cell
from reference.cells.rnn import Rnn
from reference.recurrent import Recurrent


@dataclass(frozen=True, repr=False)
class RNN(Recurrent):
    """A stack of simple recurrent layers, with the arguments and the meaning of `torch.nn.RNN`.

        a(t) = W_ih x(t) + b_ih + W_hh h(t-1) + b_hh        h(t) = f(a(t))

    nonlinearity: "tanh", "relu" or, beyond torch, "identity" (a linear state-space model). SPEC 1.1, 3.1, 20.1, 20.2.

    >>> import numpy as np, reference
    >>> rng = np.random.default_rng(0)
    >>> rnn = reference.RNN(input_size=3, hidden_size=5, num_layers=2, bidirectional=True)
    >>> params = rnn.init(rng)
    >>> trace = rnn.forward(params, rng.standard_normal((7, 2, 3)), lengths=[4, 7])
    >>> trace.output.shape, trace.h_n.shape
    ((7, 2, 10), (4, 2, 5))
    >>> grads = rnn.backward(params, trace, d_output=np.cos(trace.output))
    >>> grads.x.shape, grads.params["weight_hh_l1_reverse"].shape
    ((7, 2, 3), (5, 5))

    Raises TypeError or ValueError, in torch's words, on a configuration that torch would not take either.
    """

    input_size: int
    hidden_size: int
    num_layers: int = 1
    nonlinearity: str = "tanh"
    bias: bool = True
    batch_first: bool = False
    dropout: float = 0.0
    bidirectional: bool = False

    @cached_property
    def cell(self) -> Cell:
        """The simple recurrent cell, with this nonlinearity. Raises ValueError on an unknown one."""
        if not isinstance(self.nonlinearity, str) or self.nonlinearity not in NONLINEARITIES:
            raise ValueError(
                f"Unknown nonlinearity '{self.nonlinearity}'. Select from 'tanh' or 'relu'. "
                "('identity', which torch lacks, is there too.)"
            )
        return Rnn(self.hidden_size, NONLINEARITIES[self.nonlinearity])
