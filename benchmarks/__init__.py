"""How fast the reference is, beside PyTorch on the CPU: `pytest benchmarks`. It imports parity and the reference."""
