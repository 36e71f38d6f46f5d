"""`python -m parity`: the command line of parity/commands, with a plain word where a package is missing."""

import sys

try:
    from parity.commands import main
    from parity.commands.ending import in_words

    sys.exit(in_words(main))
except ModuleNotFoundError as error:
    package = str(error.name).partition(".")[0]
    if package not in ("rich", "torch"):
        raise
    sys.exit(f'python -m parity needs {package}: python -m pip install -e ".[parity]"')
