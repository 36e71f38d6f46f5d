"""Two cells that are not in the reference, each added as one file: what a cell is, and that nothing else knows one."""
