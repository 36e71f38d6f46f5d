"""`bptt new DIR --from TEMPLATE`: a port of one's own, to begin with: a copy of one that conforms."""

import argparse
import re
import shutil
from pathlib import Path

import reference
from parity import ports
from parity.ports import failed
from parity.ports.claims import MANIFEST

PORTS = Path(ports.__file__).parent
SPECIFICATION = Path(reference.__file__).parent / "SPEC.md"
TEMPLATES = {
    "c-minimal": "C11, one cell forward: the least that passes, to read in two minutes",
    "c": "C11, everything but CTC, plain loops",
    "javascript": "JavaScript (Node), everything but CTC",
    "python": "Python, everything: reference/plain.py on floats",
}
MADE = shutil.ignore_patterns("port-*", "__pycache__", "*.pyc", failed.FILE)  # by a build or a run


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `bptt new`."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = "\n".join(["templates:", *(f"  {name:<12}{text}" for name, text in TEMPLATES.items())])
    parser.add_argument("folder", type=Path, metavar="DIR", help="a new folder; its name is the name of the port")
    parser.add_argument("--from", dest="template", choices=TEMPLATES, required=True, help="the port to begin with")


def main(options: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    """0 if the folder was made. Wrong usage exits with 2, and nothing is overwritten."""
    folder: Path = options.folder
    name = folder.resolve().name
    if not re.fullmatch(r"[\w.+-]+( [\w.+-]+)*", name):
        parser.error(f"the name of a port should be letters, digits, '_', '.', '+' and '-', got {name!r}")
    try:
        shutil.copytree(PORTS / options.template, folder, ignore=MADE)
        manifest = folder / MANIFEST
        text = manifest.read_text(encoding="utf-8")
        named = re.sub(r'^name = ".*"$', f'name = "{name}"', text, count=1, flags=re.MULTILINE)
        manifest.write_text(named, encoding="utf-8", newline="\n")
    except FileExistsError:
        parser.error(f"{folder} is there already, expected a folder that is not")
    except OSError as error:
        parser.error(f"{folder} cannot be written: {error}")
    for file in sorted(folder.iterdir()):
        print(f"  {file}")
    print(f"It passes already: {parser.prog.removesuffix(' new')} check {folder}")
    print("Put your own computation in its place, and claim more in port.toml, step by step, as these say:")
    print(f"  {PORTS / 'README.md'}\n  {SPECIFICATION}")
    return 0
