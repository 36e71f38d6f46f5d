"""`python -m parity`, and the console script `bptt`: the command line, with a plain word where a package is missing."""

import sys


def main() -> int:
    """Runs the command that the arguments name; returns its exit code, 2 where what it needs is not there."""
    try:
        from parity import commands
        from parity.commands.ending import in_words

        return in_words(commands.main)
    except ModuleNotFoundError as error:
        from parity.packages import EXTRAS, install

        package = str(error.name).partition(".")[0]
        if package not in EXTRAS:
            raise
        without = "; a port is checked without it: bptt check PORT (bptt --help)" if package == "torch" else ""
        print(f"{package} is missing: {install(EXTRAS[package])}{without}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
