"""A character-level language model on real text, trained with the reference's own gradients; its torch twin beside it.

`python -m parity charlm` trains an RNN, a GRU or an LSTM with softmax cross-entropy on one-hot windows of a text. The
optimisers stand here, outside the gradient code. Over the first steps the loss of the torch twin must stay within the
tolerance of the whole training: the noise of SPEC 30.2 runs through forward, backward and update alike.
"""

import argparse
import io
import pydoc_data.topics
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

import reference
from parity import tolerance
from parity.cells import CELLS
from parity.report import files, terminal
from parity.report.files import UNWRITTEN, Files
from reference.activations import SOFTMAX
from reference.arrays import Array
from reference.network import RECURRENT

Params = dict[str, Array]

COMPARED = 20  # first steps
CLIP = 1.0  # of every element of a gradient


@dataclass(frozen=True)
class Corpus:
    """A text as indices into its vocabulary, the sorted set of its characters."""

    vocabulary: str
    text: Array

    @classmethod
    def of(cls, text: str) -> "Corpus":
        vocabulary = "".join(sorted(set(text)))
        index = {character: i for i, character in enumerate(vocabulary)}
        return cls(vocabulary, np.array([index[character] for character in text]))

    def unigram_entropy(self) -> float:
        """`-sum p log p` over the characters, in nats: the loss of the best model that looks at no context."""
        p = np.bincount(self.text, minlength=len(self.vocabulary)) / len(self.text)
        return float(-(p[p > 0] * np.log(p[p > 0])).sum())

    def windows(self, rng: np.random.Generator, T: int, B: int) -> tuple[Array, Array]:
        """B windows at random places: one-hot characters (T, B, V), and the character after each, (T, B)."""
        start = rng.integers(0, len(self.text) - T, B)
        window = self.text[start + np.arange(T + 1)[:, None]]
        return np.eye(len(self.vocabulary))[window[:-1]], window[1:]


def default_text() -> str:
    """The help topics that every Python ships, one after the other."""
    return "\n".join(pydoc_data.topics.topics[name] for name in sorted(pydoc_data.topics.topics))


def sgd(params: Params, grads: Params, memory: Params, rate: float) -> tuple[Params, Params]:
    """`p - rate · g`, with every element of g clipped."""
    return {name: p - rate * clipped(grads[name]) for name, p in params.items()}, memory


def adagrad(params: Params, grads: Params, memory: Params, rate: float) -> tuple[Params, Params]:
    """`p - rate · g / (sqrt(m) + 1e-10)`, m the sum of all g² so far, with every element of g clipped."""
    g = {name: clipped(grads[name]) for name in params}
    m = {name: memory.get(name, 0) + g[name] * g[name] for name in params}
    return {name: p - rate * g[name] / (np.sqrt(m[name]) + 1e-10) for name, p in params.items()}, m


def clipped(g: Array) -> Array:
    """Every element between -CLIP and CLIP."""
    return np.minimum(np.maximum(g, -CLIP), CLIP)


OPTIMISERS: dict[str, tuple[Callable[..., tuple[Params, Params]], float]] = {
    "adagrad": (adagrad, 0.05),
    "sgd": (sgd, 0.5),
}


def network(cell: str, vocabulary: int, hidden_size: int) -> reference.Network:
    """One layer of a cell under a softmax cross-entropy, the mean over all characters, in nats."""
    rnn = CELLS[cell].stack(vocabulary, hidden_size)
    return reference.Network(rnn, vocabulary, divergence="softmax_cross_entropy", reduction="mean")


def train(
    net: reference.Network, params: Params, batches: Iterator[tuple[Array, Array]], optimiser: str, rate: float
) -> Iterator[tuple[Any, Params]]:
    """The loss before each step, and the parameters after it."""
    update, _ = OPTIMISERS[optimiser]
    memory: Params = {}
    for x, target in batches:
        run = net.forward(params, x, target)
        grads = net.backward(params, run)
        params, memory = update(params, grads.params, memory, rate)
        yield run.div, params


def sample(net: reference.Network, params: Params, corpus: Corpus, rng: np.random.Generator, length: int) -> str:
    """Characters drawn one after the other, each from the model's own distribution after all before it."""
    V = len(corpus.vocabulary)
    recurrent = {name: params[f"{RECURRENT}{name}"] for name in net.rnn.shapes}
    character = int(corpus.text[rng.integers(len(corpus.text))])
    state = None
    characters = []
    for _ in range(length):
        h, state = net.rnn.step(recurrent, np.eye(V)[character], state)
        p = SOFTMAX.value(params["output.weight"] @ h + params["output.bias"])
        character = int(rng.choice(V, p=p / p.sum()))
        characters.append(corpus.vocabulary[character])
    return "".join(characters)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `python -m parity charlm`."""
    shown = "(default: %(default)s)"
    parser.add_argument("--text", type=Path, metavar="FILE", help="a UTF-8 text (default: Python's own help topics)")
    parser.add_argument("--cell", choices=list(CELLS), default="rnn", help=shown)
    parser.add_argument("--steps", type=int, default=600, metavar="N", help=f"steps of training {shown}")
    parser.add_argument(
        "--compared", type=int, metavar="N", help=f"first steps held against torch (default: {COMPARED}, or all)"
    )
    parser.add_argument("--optimizer", choices=list(OPTIMISERS), default="adagrad", help=shown)
    parser.add_argument("--rate", type=float, metavar="R", help=f"learning rate (default: {_rates()})")
    parser.add_argument("--hidden-size", type=int, default=64, metavar="H", help=shown)
    parser.add_argument("--window", type=int, default=25, metavar="T", help=f"characters a window {shown}")
    parser.add_argument("--batch", type=int, default=16, metavar="B", help=f"windows a step {shown}")
    parser.add_argument("--seed", type=int, default=1, help=shown)
    parser.add_argument("--sample", type=int, default=300, metavar="N", help=f"characters to draw {shown}")
    parser.add_argument("--save", type=Path, metavar="FILE.npz", help="write the trained weights and a piece of text")


def _rates() -> str:
    return ", ".join(f"{rate} for {name}" for name, (_, rate) in OPTIMISERS.items())


def main(options: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    """Trains, compares, samples; returns 0 if torch agrees and the loss fell below the unigram entropy, else 1."""
    corpus = Corpus.of(_text(options, parser))
    if options.compared is None:
        options.compared = min(COMPARED, options.steps)
    if options.compared > options.steps:
        parser.error(f"--compared should be at most the {options.steps} steps, got {options.compared}")
    least = {"steps": 1, "hidden_size": 1, "window": 1, "batch": 1, "compared": 0, "sample": 0, "seed": 0}
    for name, number in least.items():
        if getattr(options, name) < number:
            parser.error(f"--{name.replace('_', '-')} should be at least {number}, got {getattr(options, name)}")
    if options.rate is not None and not 0 < options.rate < float("inf"):
        parser.error(f"--rate should be a number above 0, got {options.rate:g}")
    if len(corpus.text) <= options.window + 1:
        parser.error(f"the text has {len(corpus.text)} characters, too few for windows of {options.window}")
    if options.save and (options.save.suffix != ".npz" or options.save.exists()):
        parser.error(f"--save should name a new .npz file, got {options.save}")
    with files.opened(options, parser, "save") as written:
        return _trained(options, corpus, written)


def _trained(options: argparse.Namespace, corpus: Corpus, written: Files) -> int:
    from parity.oracles import torch_training

    compared = options.compared
    rate = options.rate if options.rate is not None else OPTIMISERS[options.optimizer][1]
    net = network(options.cell, len(corpus.vocabulary), options.hidden_size)
    start = net.init(np.random.default_rng(options.seed))
    console = terminal.console()
    console.print(f"text: {len(corpus.text):,} characters, {len(corpus.vocabulary)} different")

    def batches(count: int) -> Iterator[tuple[Array, Array]]:
        rng = np.random.default_rng(options.seed)
        return (corpus.windows(rng, options.window, options.batch) for _ in range(count))

    ours, theirs, params = [], [], start
    with terminal.progress() as progress:
        task = progress.add_task(f"the tolerance of the first {compared} steps", total=None)
        allowed = _allowed(net, start, lambda: batches(compared), options.optimizer, rate)
        progress.update(task, total=options.steps)
        pairs = zip(
            train(net, start, batches(options.steps), options.optimizer, rate),
            torch_training.train(net, start, batches(options.steps), options.optimizer, rate, CLIP),
            strict=True,
        )
        for (loss, params), twin_loss in pairs:  # noqa: B007  the last params are what was trained
            ours.append(float(loss))
            theirs.append(twin_loss)
            progress.update(task, advance=1, description=f"loss {ours[-1]:.4f}, torch {theirs[-1]:.4f}")

    written.write("save", lambda: _stored(params, corpus))
    console.print(_losses(ours, theirs, allowed))
    error = np.abs(np.array(ours[:compared]) - np.array(theirs[:compared]))
    agrees = bool((error <= allowed).all())
    entropy = corpus.unigram_entropy()
    last = float(np.mean(ours[-20:]))
    learned = last < 0.9 * entropy
    console.print(f"unigram entropy of the text: {entropy:.4f} nats a character ({entropy / np.log(2):.3f} bits)")
    console.print(f"loss: {ours[0]:.4f} before, {last:.4f} after {options.steps} steps of {options.optimizer}")
    worst = float((error / allowed).max(initial=0))
    console.print(f"torch over the first {compared} steps: worst share of the tolerance {worst:.3f}", highlight=False)
    console.print("[green]torch agrees[/]" if agrees else "[bold red]torch does NOT agree[/]")
    console.print("[green]clearly below the entropy[/]" if learned else "[bold red]NOT clearly below the entropy[/]")
    console.rule("a sample")
    text = sample(net, params, corpus, np.random.default_rng(options.seed), options.sample)
    console.print(text, markup=False, highlight=False)
    console.rule()
    return int(not (agrees and learned)) or (UNWRITTEN if written.failed else 0)


def _stored(params: Params, corpus: Corpus) -> bytes:
    """The content of the .npz file: the weights in float32, and the beginning of the text."""
    stored: dict[str, Any] = {name: p.astype(np.float32) for name, p in params.items()}
    file = io.BytesIO()
    np.savez_compressed(file, text=corpus.text[:4000].astype(np.uint8), **stored)
    return file.getvalue()


def _allowed(
    net: reference.Network,
    start: Params,
    batches: Callable[[], Iterator[tuple[Array, Array]]],
    optimiser: str,
    rate: float,
) -> Array:
    """How far the loss of a correct twin may be after each step: 8 σ of the whole training so far. SPEC 9.3."""

    def losses(disturb: Callable[[Array], Array]) -> Params:
        params = {name: disturb(p) for name, p in start.items()}
        disturbed = ((disturb(x), target) for x, target in batches())
        return {f"{i}": loss for i, (loss, _) in enumerate(train(net, params, disturbed, optimiser, rate))}

    sigma = tolerance.spread(losses, tolerance.Noise(np.random.default_rng(0)))
    return tolerance.SIGMAS * 2.0**-53 * np.array([float(s) for s in sigma.values()])


def _losses(ours: list[float], theirs: list[float], allowed: Array) -> Table:
    table = Table(title="loss, nats a character")
    for name in ("step", "reference", "torch", "difference", "allowed"):
        table.add_column(name, justify="right")
    shown = sorted({*range(0, min(5, len(ours))), len(allowed) - 1, *range(99, len(ours), 100), len(ours) - 1} - {-1})
    for i in shown:
        bound = f"{allowed[i]:.1e}" if i < len(allowed) else ""
        table.add_row(str(i + 1), f"{ours[i]:.12f}", f"{theirs[i]:.12f}", f"{abs(ours[i] - theirs[i]):.1e}", bound)
    return table


def _text(options: argparse.Namespace, parser: argparse.ArgumentParser) -> str:
    if options.text is None:
        return default_text()
    try:
        text: str = options.text.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        parser.error(f"cannot read {options.text} as UTF-8 text: {error}")
    return text
