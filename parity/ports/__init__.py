"""Runs a port, which is any program, on test vectors. SPEC 10.5, 10.6, 10.7, 10.8.

`claims` reads what a port says of itself, `process` talks to its program, `verdict` judges what it wrote. The folders
beside them are ports: programs of their own, which only `parity.adapter` may help.
"""
