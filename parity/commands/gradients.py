"""`python -m parity gradients`: the gradient through time, where it vanishes, stays, and explodes.

A loss on the last step alone: DIV = the sum of v · h(T-1), with v a random direction of norm 1. Every network has the
same input; what is drawn and printed is the norm of dDIV/dh(t), of all sequences together. SPEC 5.2, 13.4, 15.4.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.table import Table

import reference
from parity.cells import CELLS
from parity.report import files, terminal
from parity.report.files import UNWRITTEN
from reference.arrays import Array
from reference.recurrent import Recurrent

B, I, H = 16, 4, 32
RADII = {"linear": (0.9, 1.0, 1.1), "tanh": (0.9, 1.0, 2.0)}  # spectral radii of W_hh
KEEPS = {"gru": "z", "lstm": "f"}  # the gate that keeps the state
MOST_STEPS = 500  # the squares of what is left beyond are 0 in float64


@dataclass(frozen=True)
class Curve:
    """The norm of dDIV/dh(t) for t = 0..T-1 in one network. label: what it has, beside its kind."""

    kind: str
    label: str
    norm: Array

    @property
    def ratio(self) -> float:
        """What is left at t = 0 of the gradient at T-1, or what it has grown to."""
        return float(self.norm[0] / self.norm[-1])

    @property
    def per_step(self) -> float:
        """The factor of every step that would give this ratio."""
        return float(self.ratio ** (1 / (len(self.norm) - 1)))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `python -m parity gradients`."""
    parser.add_argument("file", type=Path, nargs="?", metavar="FILE", help="a .png or .svg to draw; else a table alone")
    parser.add_argument("--steps", type=int, default=100, metavar="T", help="steps (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of weights, input and loss (default: %(default)s)")


def main(options: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    """0 if printed, and drawn where that is asked for. Wrong usage exits with 2."""
    if not 2 <= options.steps <= MOST_STEPS:
        parser.error(f"--steps should be in 2..{MOST_STEPS}, got {options.steps}")
    if options.seed < 0:
        parser.error(f"--seed should be at least 0, got {options.seed}")
    if options.file:
        if options.file.suffix not in (".png", ".svg"):
            parser.error(f"FILE should end in .png or .svg, got {options.file}")
        terminal.require_page_packages(parser, "a picture", ("matplotlib",))
    with files.opened(options, parser, "file") as written:
        found = curves(options.steps, options.seed)
        terminal.console().print(_table(found))
        written.write("file", lambda: _drawn(found, options.file.suffix[1:]))
    return UNWRITTEN if written.failed else 0


def _drawn(found: list[Curve], kind: str) -> bytes:
    from parity.report import gradients  # matplotlib takes a second, and is not always there

    return gradients.drawn(found, kind)


def curves(T: int, seed: int) -> list[Curve]:
    """Simple networks, linear and with tanh, by the spectral radius of W_hh; GRU and LSTM by the bias of a gate."""
    simple = [
        _curve(kind, f"ρ = {radius:g}", reference.RNN(I, H, nonlinearity=f), _with_radius(radius), T, seed)
        for kind, f in (("linear", "identity"), ("tanh", "tanh"))
        for radius in RADII[kind]
    ]
    biases = {"bias 0": 0.0, "bias 1": 1.0, "bias log(T-1)": np.log(T - 1)}
    gated = [
        _curve(name.upper(), label, CELLS[name].stack(I, H), _with_bias(name, bias), T, seed)
        for name in KEEPS
        for label, bias in biases.items()
    ]
    return simple + gated


Changed = Callable[[dict[str, Array], np.random.Generator], Any]


def _with_radius(radius: float) -> Changed:
    """W_hh becomes radius times an orthogonal matrix: in a linear network a step then multiplies the norm by it."""

    def change(params: dict[str, Array], rng: np.random.Generator) -> None:
        orthogonal, _ = np.linalg.qr(rng.standard_normal((H, H)))
        params["weight_hh_l0"] = radius * orthogonal

    return change


def _with_bias(cell: str, bias: float) -> Changed:
    """The gate that keeps the state is opened: with log(T-1) it is about 1 - 1/T, whose T-th power is about 1/e."""
    gate = CELLS[cell].gates.index(KEEPS[cell])

    def change(params: dict[str, Array], rng: np.random.Generator) -> None:
        params["bias_ih_l0"][gate * H : (gate + 1) * H] += bias

    return change


def _curve(kind: str, label: str, stack: Recurrent, change: Changed, T: int, seed: int) -> Curve:
    """From parameters as `init` draws them, changed; input and loss are those of the seed."""
    rng = np.random.default_rng([seed, 0])
    x, v = rng.standard_normal((T, B, I)), rng.standard_normal((B, H))
    rng = np.random.default_rng([seed, 1])
    params = stack.init(rng)
    change(params, rng)
    trace = stack.forward(params, x)
    d_output = np.zeros_like(trace.output)
    d_output[-1] = v / np.sqrt((v**2).sum())
    d_h = stack.backward(params, trace, d_output).layers[0].directions[0].h
    return Curve(kind, label, np.sqrt((d_h**2).sum(axis=(1, 2))))


def _table(found: list[Curve]) -> Table:
    T = len(found[0].norm)
    table = Table(
        title="The gradient through time: a loss on the last step alone",
        caption=f"T = {T}, norms of dDIV/dh(t). ρ: spectral radius of W_hh.\n"
        "bias: added to that of the gate that keeps the state,\nz of a GRU, f of an LSTM; else as init draws it",
        box=SIMPLE_HEAD,
        show_edge=False,
    )
    for name in ("network", ""):
        table.add_column(name, no_wrap=True)
    for name in (f"at t = 0 / at t = {T - 1}", "a step"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("it", no_wrap=True)
    for curve in found:
        table.add_row(curve.kind, curve.label, f"{curve.ratio:.1e}", f"{curve.per_step:.3f}", regime(curve.ratio))
    return table


def regime(ratio: float) -> str:
    """In a word what becomes of the gradient on its way back."""
    return "vanishes" if ratio < 0.01 else "explodes" if ratio > 100 else "stays"
