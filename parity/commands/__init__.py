"""The command line: `bptt`, or `python -m parity`, puts the reference before every oracle; sub-commands do the rest."""

import argparse
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

from parity.commands import bugs, charlm, check, coverage, export, gradients, listing, matrix, new, run, trace
from parity.report.results import versions

COMMANDS = {
    "check": (check.add_arguments, check.main, "run a port, which is any program, on the test vectors"),
    "new": (new.add_arguments, new.main, "start a port of your own from a template"),
    "list": (listing.add_arguments, listing.main, "the cases and test vectors, and what each is about"),
    "matrix": (matrix.add_arguments, matrix.main, "what the frameworks that are installed come to: table and page"),
    "export": (export.add_arguments, export.main, "write test vectors: the frozen ones, cases of the table, or own"),
    "trace": (trace.add_arguments, trace.main, "print a small case step by step, as on paper"),
    "gradients": (gradients.add_arguments, gradients.main, "draw how gradients vanish and explode through time"),
    "bugs": (bugs.add_arguments, bugs.main, "plant every known mistake, and see what catches it"),
    "coverage": (coverage.add_arguments, coverage.main, "what the frozen set, the table and fresh cases cover"),
    "charlm": (charlm.add_arguments, charlm.main, "train a character model on real text, beside its torch twin"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command; returns the exit code: 0 all agree, 1 something does not. Wrong usage exits with 2."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    program = "bptt" if Path(sys.argv[0]).stem == "bptt" else "python -m parity"
    if arguments and arguments[0] in COMMANDS:
        add_arguments, command, description = COMMANDS[arguments[0]]
        sentence = f"{description[0].upper()}{description[1:]}."
        parser = argparse.ArgumentParser(prog=f"{program} {arguments[0]}", description=sentence)
        add_arguments(parser)
        return command(parser.parse_args(arguments[1:]), parser)
    parser = argparse.ArgumentParser(
        prog=program,
        description="The hand-written reference, case by case, against independent oracles; or one of the commands.",
        epilog="\n".join(["commands:", *(f"  {name:<10}{text}" for name, (_, _, text) in COMMANDS.items())]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=", ".join(f"{k} {v}" for k, v in versions().items()))
    run.add_arguments(parser)
    if arguments and not arguments[0].startswith("-"):
        meant = get_close_matches(arguments[0], COMMANDS, n=1)
        guess = f": did you mean {meant[0]}?" if meant else f", expected one of {', '.join(COMMANDS)}"
        parser.error(f"no command is {arguments[0]!r}{guess}")
    return run.main(parser.parse_args(arguments), parser)
