"""`LSTM`: a stack of long short-term memory layers, with the arguments of `torch.nn.LSTM`."""

from dataclasses import dataclass
from functools import cached_property

from reference import checks
from reference.cells import Cell
from reference.cells.lstm import Lstm
from reference.recurrent import Recurrent


@dataclass(frozen=True, repr=False)
class LSTM(Recurrent):
    """A stack of long short-term memory layers, with the arguments and the meaning of `torch.nn.LSTM`.

        i, f, o = σ(a_i), σ(a_f), σ(a_o)        g = tanh(a_g)
        c(t) = f c(t-1) + i g                   h(t) = o tanh(c(t)), of which with a projection W_hr is taken

    Its state is the pair (h, c): h0=(h0, c0), trace.h_n=(h_n, c_n), d_h_n=(d_h_n, d_c_n), grads.h0=(d_h0, d_c0).
    proj_size: P, the size of h with a projection; 0: none. Parameters have the blocks i f g o.
    SPEC 12.1, 12.5, 15.1, 15.6, 20.1, 20.2.

    >>> import numpy as np, reference
    >>> rng = np.random.default_rng(0)
    >>> lstm = reference.LSTM(input_size=3, hidden_size=5, proj_size=2)
    >>> params = lstm.init(rng)
    >>> trace = lstm.forward(params, rng.standard_normal((7, 2, 3)), lengths=[4, 7])
    >>> h_n, c_n = trace.h_n
    >>> trace.output.shape, h_n.shape, c_n.shape
    ((7, 2, 2), (1, 2, 2), (1, 2, 5))
    >>> grads = lstm.backward(params, trace, d_h_n=(np.ones_like(h_n), np.zeros_like(c_n)))
    >>> grads.x.shape, grads.params["weight_hr_l0"].shape
    ((7, 2, 3), (2, 5))

    Raises TypeError or ValueError, in torch's words, on a configuration that torch would not take either.
    """

    input_size: int
    hidden_size: int
    num_layers: int = 1
    bias: bool = True
    batch_first: bool = False
    dropout: float = 0.0
    bidirectional: bool = False
    proj_size: int = 0

    @cached_property
    def cell(self) -> Cell:
        """The cell, with this projection. Raises TypeError or ValueError on a size that it cannot have."""
        if isinstance(self.proj_size, bool):
            raise TypeError("proj_size should be of type int, got: bool")
        checks.require_type("proj_size", self.proj_size, int)
        if self.proj_size < 0:
            raise ValueError("proj_size should be a positive integer or zero to disable projections")
        if self.proj_size >= self.hidden_size:
            raise ValueError("proj_size has to be smaller than hidden_size")
        return Lstm(self.hidden_size, self.proj_size)
