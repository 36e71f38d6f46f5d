"""`GRU`: a stack of gated recurrent units, with the arguments of `torch.nn.GRU` and the place of the reset gate."""

from dataclasses import dataclass
from functools import cached_property

from reference.cells import Cell
from reference.cells.gru import RESETS
from reference.recurrent import Recurrent


@dataclass(frozen=True, repr=False)
class GRU(Recurrent):
    """A stack of layers of gated recurrent units, with the arguments and the meaning of `torch.nn.GRU`.

        r, z = σ(a_r), σ(a_z)        n = tanh(a_n)        h(t) = n + z (h(t-1) - n)
        reset="after"                a_n = W_in x(t) + b_in + r (W_hn h(t-1) + b_hn)
        reset="before"               a_n = W_in x(t) + b_in + W_hn (r h(t-1)) + b_hn

    reset: "after" as in torch, Keras and cuDNN (SPEC 11.3, 11.5), or, beyond torch, "before" as Cho has it. Parameters
    have the blocks r z n. SPEC 12.1, 13.1, 14.1, 20.1, 20.2.

    >>> import numpy as np, reference
    >>> rng = np.random.default_rng(0)
    >>> gru = reference.GRU(input_size=3, hidden_size=5, bidirectional=True)
    >>> params = gru.init(rng)
    >>> trace = gru.forward(params, rng.standard_normal((7, 2, 3)), lengths=[4, 7])
    >>> trace.output.shape, trace.h_n.shape
    ((7, 2, 10), (2, 2, 5))
    >>> grads = gru.backward(params, trace, d_output=np.cos(trace.output))
    >>> grads.x.shape, grads.params["weight_hh_l0_reverse"].shape
    ((7, 2, 3), (15, 5))

    Raises TypeError or ValueError, in torch's words, on a configuration that torch would not take either.
    """

    input_size: int
    hidden_size: int
    num_layers: int = 1
    bias: bool = True
    batch_first: bool = False
    dropout: float = 0.0
    bidirectional: bool = False
    reset: str = "after"

    @cached_property
    def cell(self) -> Cell:
        """The gated recurrent unit, with its reset gate in this place. Raises ValueError on an unknown one."""
        if not isinstance(self.reset, str) or self.reset not in RESETS:
            raise ValueError(f"Unknown reset '{self.reset}'. Select from 'after' or 'before'.")
        return RESETS[self.reset](self.hidden_size)
