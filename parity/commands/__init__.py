"""The command line: `python -m parity` puts the reference before every oracle, `python -m parity charlm` trains."""

import argparse
import sys
from collections.abc import Sequence

from parity.commands import bugs, charlm, check, coverage, export, run, trace

COMMANDS = {
    "export": (export.add_arguments, export.main, "write test vectors: the frozen ones, cases of the table, or own"),
    "trace": (trace.add_arguments, trace.main, "print a small case step by step, as on paper"),
    "check": (check.add_arguments, check.main, "run a port, which is any program, on the test vectors"),
    "bugs": (bugs.add_arguments, bugs.main, "plant every known mistake, and see what catches it"),
    "coverage": (coverage.add_arguments, coverage.main, "measure what the frozen set, the table and fresh cases cover"),
    "charlm": (charlm.add_arguments, charlm.main, "train a character model on real text, beside its torch twin"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command; returns the exit code: 0 all agree, 1 something does not. Wrong usage exits with 2."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments and arguments[0] in COMMANDS:
        add_arguments, command, description = COMMANDS[arguments[0]]
        parser = argparse.ArgumentParser(prog=f"python -m parity {arguments[0]}", description=description)
        add_arguments(parser)
        return command(parser.parse_args(arguments[1:]), parser)
    parser = argparse.ArgumentParser(
        prog="python -m parity",
        description="The hand-written reference, case by case, against independent oracles.",
        epilog="\n".join(f"python -m parity {name}: {text}" for name, (_, _, text) in COMMANDS.items()),
    )
    run.add_arguments(parser)
    return run.main(parser.parse_args(arguments), parser)
