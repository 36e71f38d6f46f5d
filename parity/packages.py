"""The packages that only some commands need: which extra has each, and the command that installs it."""

from pathlib import Path

EXTRAS = {
    "rich": "check",
    "flint": "check",
    "torch": "parity",
    "matplotlib": "report",
    "jinja2": "report",
    "safetensors": "weights",
    "onnx": "forms",
}


def install(extra: str) -> str:
    """The command that installs an extra, in a clone or where a wheel was installed."""
    in_a_clone = (Path(__file__).parents[1] / "pyproject.toml").is_file()
    return "python -m pip install " + (f'-e ".[{extra}]"' if in_a_clone else f'"bptt-reference[{extra}]"')
