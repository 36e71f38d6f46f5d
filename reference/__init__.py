"""Back-propagation through time, by hand, in NumPy alone.

RNN, GRU and LSTM are the recurrent stacks; Network puts an output layer and a divergence on one. The specification in
words is SPEC.md beside this file. Docstrings cite its clauses; the notation is that of SPEC 0.1. What a version
promises is SPEC 40.1, 40.2, 40.3.
"""

from reference import shown
from reference.ctc import CTC
from reference.divergences import Divergence, MeanPooledCrossEntropy
from reference.gru import GRU
from reference.lstm import LSTM
from reference.network import Network, NetworkGradients, NetworkRun
from reference.recurrent import RecurrentGradients, RecurrentTrace
from reference.rnn import RNN

__version__ = "1.0.0"

__all__ = [
    "CTC",
    "GRU",
    "LSTM",
    "RNN",
    "Divergence",
    "MeanPooledCrossEntropy",
    "Network",
    "NetworkGradients",
    "NetworkRun",
    "RecurrentGradients",
    "RecurrentTrace",
]

shown.without_types(*(globals()[name] for name in __all__))
