"""Back-propagation through time, by hand, in NumPy alone. The specification in words is SPEC.md beside this file.

Docstrings cite its clauses; the notation is that of SPEC 0.1.
"""

from reference.divergences import Divergence
from reference.network import Network, NetworkGradients, NetworkRun
from reference.recurrent import RNN, RecurrentGradients, RecurrentTrace

__version__ = "0.1.0"

__all__ = [
    "RNN",
    "Divergence",
    "Network",
    "NetworkGradients",
    "NetworkRun",
    "RecurrentGradients",
    "RecurrentTrace",
]
