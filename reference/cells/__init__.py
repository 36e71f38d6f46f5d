"""What a cell is: one column of the unrolled network, a file each. Above this folder nobody knows which one it is."""

from collections.abc import Iterator, Mapping
from typing import Protocol, TypeAlias

from reference.arrays import Array
from reference.columns import Columns

Parameters: TypeAlias = Mapping[str, Array]  # of one layer and direction, under torch's names without their suffix
Shapes: TypeAlias = Mapping[str, tuple[int, ...]]


class Cell(Protocol):
    """A kind of column, as a value: it holds sizes and functions, no arrays. SPEC 22.5.

    forward     p = project(x), for the whole series at once; then `steps`, the recursion
    backward    `factors`, for the whole series at once; then `steps_backward`, the recursion; then `pool`

    At a step `steps` and `steps_backward` call NumPy, through a thin wrapper at most, and nothing else; all that needs
    no recursion stands outside them.
    """

    @property
    def name(self) -> str:
        """As torch calls it: RNN. In messages."""

    @property
    def sizes(self) -> Mapping[str, int]:
        """Name to size of every quantity of a column, in the order of computation: first a, which p becomes, last h."""

    @property
    def inner(self) -> Mapping[str, int]:
        """Name to size of what `steps` leaves for `factors` beside these, the values of gates: no part of a trace."""

    @property
    def states(self) -> tuple[str, ...]:
        """Those that a column hands to the next; first h, which the layer above reads as well."""

    def shapes(self, input_size: int, bias: bool) -> Shapes:
        """Name to shape of every parameter, in torch's order, without the suffix of layer and direction. SPEC 1.4."""

    def project(self, params: Parameters, x: Array) -> Array:
        """p(t) for every t in one contraction: x (N, I) to (N, ·), as wide as a. SPEC 3.2."""

    def steps(self, params: Parameters, columns: Columns) -> None:
        """Every column, t = 0..T-1. On entry the initial states are there, and a holds p. SPEC 3.3."""

    def factors(self, columns: Columns) -> Mapping[str, Array]:
        """What multiplies an adjoint on its way back, (N, ·) each, for every step at once. SPEC 5.3.

        Under the name of a quantity that is kept, where its gradient is written over the factor; else under another.
        """

    def steps_backward(
        self, params: Parameters, factors: Mapping[str, Array], d: Columns, carries: Mapping[str, Iterator[Array]]
    ) -> None:
        """The adjoint of `steps`, the last step first. SPEC 5.4.

        On entry d holds what arrives from above at each h(t), 0 for other states, and in place of what is kept the
        factor of that name, or nothing yet. carries[state] gives, step by step, the buffer in which the gradient of
        that state arrives from the right and leaves to the left.
        """

    def pool(self, params: Parameters, columns: Columns, d: Columns) -> Parameters:
        """The gradient of every parameter, pooled over time and batch; and dx of every step, into d. SPEC 5.5."""
