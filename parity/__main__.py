"""`python -m parity`: the command line of parity/cli.py, with a plain word where a package is missing."""

import sys

try:
    from parity.cli import main

    sys.exit(main())
except ModuleNotFoundError as error:
    package = str(error.name).partition(".")[0]
    if package not in ("rich", "torch"):
        raise
    sys.exit(f'python -m parity needs {package}: python -m pip install -e ".[parity]"')
