"""Parity: the case table, the oracles, the tolerance, and the command line that puts the reference before them."""
