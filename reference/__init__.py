"""Back-propagation through time, by hand, in NumPy alone. The specification in words is SPEC.md beside this file."""

from reference.divergences import Divergence
from reference.network import Network, NetworkGradients, NetworkRun
from reference.recurrent import RNN, RecurrentGradients, RecurrentTrace

__all__ = [
    "RNN",
    "Divergence",
    "Network",
    "NetworkGradients",
    "NetworkRun",
    "RecurrentGradients",
    "RecurrentTrace",
]
