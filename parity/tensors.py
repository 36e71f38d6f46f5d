"""THE table of tensors: what a case has by name, in the order of computation. SPEC 9.1, 10.3.

It follows from the cell (what a column has), from layers and directions, from the output layer and the parameters. No
other module takes a name apart.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from math import prod

from parity.cases.case import Case
from reference.network import OUTPUT
from reference.parameters import suffixes

LARGE = 600  # elements of x, h0 and the parameters

TRACE, SERIES, STATE, NUMBER, PARAMETER, PROJECTION = "trace", "series", "state", "number", "parameter", "projection"


@dataclass(frozen=True)
class Tensor:
    """One tensor of a case.

    kind: trace (a quantity of one layer and direction, in reading order), series (in the caller's layout), state,
    number, parameter (the gradient of one), projection (of a gradient on random directions). axes: T, B and what else,
    by name; "a" where it counts what a counts, gate after gate, as the rows of weight_ih do. of: what it belongs to,
    without `d_` and suffix. backward: whether it is computed from the last step on. provides: what a port must provide
    to be asked for it. parameter: of the gradient of one of the cell's parameters, the name that the cell has for it.
    """

    name: str
    kind: str
    axes: tuple[str, ...]
    of: str
    backward: bool = False
    provides: tuple[str, ...] = ("forward",)
    layer: int = 0
    direction: int = 0
    parameter: str = ""

    @property
    def time_axis(self) -> int | None:
        """The axis that counts time steps; None where there is none."""
        return self.axes.index("T") if "T" in self.axes else None

    @property
    def quantity(self) -> str:
        """What it is, without layer and direction: a, h, d_a, d_h; else its name."""
        return ("d_" if self.backward else "") + self.of if self.kind == TRACE else self.name

    @property
    def recursion(self) -> object:
        """What it is computed in turns with, step by step: what a direction has, forward or backward; else itself."""
        return (self.backward, self.layer, self.direction) if self.kind == TRACE else self.name


@cache
def table(case: Case) -> Mapping[str, Tensor]:
    """Every tensor of a case by name, in the order of computation."""
    return {tensor.name: tensor for tensor in _table(case)}


def find(case: Case, name: str) -> Tensor:
    """The tensor of that name; where a case has none, one of which nothing is known."""
    return table(case).get(name) or Tensor(name, "unknown", (), name)


def _table(case: Case) -> Iterator[Tensor]:
    cell = case.rnn().cell
    batch = ("B",) if case.batched else ()
    steps = ("B", "T") if case.batch_first else ("T", *batch)
    both = ("trace", "backward")

    def of_layers(backward: bool) -> Iterator[Tensor]:
        layers = list(enumerate(suffixes(case.num_layers, case.num_directions)))
        for layer, names in reversed(layers) if backward else layers:
            for direction, suffix in enumerate(names):
                for of in reversed(list(cell.sizes)) if backward else cell.sizes:
                    name = f"{'d_' if backward else ''}{of}{suffix}"
                    provides = both if backward else ("trace",)
                    yield Tensor(name, TRACE, ("T", "B", of), of, backward, provides, layer, direction)

    def states(before: str, after: str, backward: bool, provides: tuple[str, ...]) -> Iterator[Tensor]:
        for state in cell.states:
            yield Tensor(f"{before}{state}{after}", STATE, ("L·D", *batch, state), state, backward, provides)

    yield from of_layers(backward=False)
    yield Tensor("output", SERIES, (*steps, "h"), "output")
    yield from states("", "_n", False, ("forward",))
    if case.O is not None:
        yield Tensor("z", SERIES, (*steps, "O"), "z")
        yield Tensor("y", SERIES, (*steps, "O"), "y")
        yield Tensor("div", NUMBER, (), "div")
        yield Tensor("d_y", SERIES, (*steps, "O"), "y", True, both)
        yield Tensor("d_z", SERIES, (*steps, "O"), "z", True, both)
        yield Tensor("d_output", SERIES, (*steps, "h"), "output", True, both)
    yield from of_layers(backward=True)
    yield Tensor("d_x", SERIES, (*steps, "I"), "x", True, ("backward",))
    yield from states("d_", "0", True, ("backward",))
    for layer, names in enumerate(suffixes(case.num_layers, case.num_directions)):
        for direction, suffix in enumerate(names):
            for part, shape in cell.shapes(case.I, case.bias).items():
                name = f"{case.prefix}{part}{suffix}"
                rows = "a" if shape[0] == cell.sizes["a"] else "to"
                axes = (rows, "from")[: len(shape)]
                yield Tensor(f"d_{name}", PARAMETER, axes, name, True, ("backward",), layer, direction, part)
    if case.O is not None:
        yield Tensor(f"d_{OUTPUT}weight", PARAMETER, ("to", "from"), f"{OUTPUT}weight", True, ("backward",))
        yield Tensor(f"d_{OUTPUT}bias", PARAMETER, ("to",), f"{OUTPUT}bias", True, ("backward",))
    if is_large(case):
        for leaf in leaves(case):
            yield Tensor(projected(leaf), PROJECTION, ("v",), leaf, True, ("backward",))


def leaves(case: Case) -> list[str]:
    """The gradients of what a case is given: of x, of the initial states, of the parameters."""
    return ["d_x", *(f"d_{name}" for name in initial_states(case)), *(f"d_{name}" for name in case.shapes())]


def initial_states(case: Case) -> dict[str, str]:
    """The name of each initial state, h0, and the state of the cell that it is."""
    return {f"{state}0": state for state in case.rnn().cell.states}


def projected(name: str) -> str:
    """The name of the products of a gradient with its directions."""
    return f"{name}·v"


def is_large(case: Case) -> bool:
    """Whether a case has too many leaves to take a derivative by each element of them. SPEC 30.4."""
    states = (case.state_shape(state) for state in case.rnn().cell.states)
    return sum(map(prod, [(case.T, case.B, case.I), *states, *case.shapes().values()])) > LARGE
