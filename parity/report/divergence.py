"""The picture at the head of README: `python -m parity.report.divergence` writes divergence.svg beside this file.

One network, computed rightly and with each of two planted mistakes, as the page of `check --html` shows a port.
"""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from parity import oracles, subject, tolerance
from parity.cases import Case, arrays
from parity.compare import TensorResult, compare
from parity.mistakes import MISTAKES
from parity.mistakes.likeness import mistaken
from parity.report import pictures

FILE = Path(__file__).with_suffix(".svg")
CASE = Case("divergence", "picture", "two layers, from rest", T=12, B=3, I=3, H=4, num_layers=2, h0=False)
PORTS = {
    "A right port": None,
    "$W_{hh}$ transposed": "w-hh-transposed",
    "$W_{hh}$ transposed on the way back": "w-hh-transposed-backward",
}


def picture() -> Figure:
    """A heat map a port, on one scale: every tensor at every step."""
    values = arrays(CASE)
    truth = oracles.load("enclosure").run(CASE, values)
    allowed = {name: tolerance.allowed(CASE, name, np.float64) for name in truth}
    figure = Figure(figsize=(8.3, 4.1), layout="constrained")
    axes = figure.subplots(1, len(PORTS), sharey=True)
    for ax, (title, name) in zip(axes, PORTS.items(), strict=True):
        got = mistaken(MISTAKES[name], CASE, values) if name else subject.run(CASE, values)
        assert got is not None
        first = compare(CASE, "enclosure", "float64", got, truth, allowed=allowed).first
        image = pictures.heat_map(ax, CASE, pictures.shares(CASE, got, truth, allowed), first)
        ax.set_title(f"{title}\n{_first_wrong(first)}")
    pictures.scale(figure, image, axes)
    return figure


def _first_wrong(first: TensorResult | None) -> str:
    if first is None or first.mismatch is None:
        return "every tensor inside the tolerance"
    return f"first wrong: {first.tensor}, step {first.mismatch.index[0]}"


if __name__ == "__main__":
    FILE.write_text(pictures.svg(picture), encoding="utf-8", newline="\n")
