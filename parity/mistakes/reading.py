"""Mistakes of whoever reads the weights: blocks of gates in the order of another library, or laid out as there.

Forward and backward agree with each other, and the gradients come back in the order that was taken for granted.
"""

from parity.cells import CELLS
from parity.mistakes.mistake import Mistake


def read_as(name: str, cell: str, own: str, says: str, met: str = "") -> Mistake:
    """In stacks of this cell, what is computed with in place of the parameters `own` of a layer and direction."""
    right = "return parameters.grouped(params, self._names, self.num_layers, self.num_directions, prefix)"
    wrong = (
        f"{right.replace('return', 'layers =')}\n"
        f'    return [[{own} for own in layer] for layer in layers] if self.cell.name == "{cell}" else layers'
    )
    return Mistake(name, "recurrent:Recurrent._grouped", right, wrong, says, met=met)


def ordered(name: str, cell: str, order: tuple[int, ...], says: str, met: str = "", of: str = "") -> Mistake:
    """Block order[k] of what was given is computed with as block k; in parameters whose names begin with `of`."""
    blocks = f"np.concatenate([np.split(p, {len(CELLS[cell.lower()].gates)})[k] for k in {order}])"
    return read_as(
        name,
        cell,
        f'{{n: {blocks} if n.startswith("{of}") and n != "weight_hr" else p for n, p in own.items()}}',
        says,
        met,
    )
