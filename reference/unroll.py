"""One layer, one direction: the time loop, and back-propagation through it.

"All columns are identical": the loops, `steps` and `steps_backward` of the cell, carry the recursion and nothing else;
all that needs none stands here, for the whole series at once. What the two passes keep is in SPEC 23.4.
"""

import numpy as np

from reference.arrays import Array
from reference.cells import Cell, Parameters
from reference.columns import Columns, States
from reference.packing import Packing


def forward(cell: Cell, params: Parameters, x: Array, initial: States, packing: Packing) -> Columns:
    """`h(t) = f(x(t), h(t-1))`, t = 0..T-1. SPEC 3.1.

    x (T, B, I), initial[state] (B, ·), same dtype. Nothing that the caller owns is written to.
    """
    x_rows = packing.pack(x)
    p = cell.project(params, x_rows)
    kept = {
        name: p if name == "a" else _room(p, len(p), size)
        for name, size in (*cell.sizes.items(), *cell.inner.items())
        if name not in cell.states
    }
    columns = Columns(packing, x_rows, kept, {state: _from(packing, initial[state], p) for state in cell.states})
    cell.steps(params, columns)
    return columns


def _room(like: Array, n: int, size: int) -> Array:
    return np.empty_like(like, shape=(n, size), order="C")


def _from(packing: Packing, initial: Array, like: Array) -> Array:
    """Room for a state at every step, and before it the initial one: (B + N, ·)."""
    B = packing.B
    states = _room(like, B + len(like), initial.shape[1])
    states[:B] = packing.sort(initial)
    return states


def backward(
    cell: Cell, params: Parameters, columns: Columns, d_above: Array, d_last: States, truncate: int | None
) -> tuple[Columns, Parameters]:
    """From t = T-1 down to 0: dh(t) from above and from the right, then through the cell; then the pooling. SPEC 5.2.

    d_above (T, B, H): what arrives from above at every h(t). d_last[state] (B, ·): what arrives at each sequence's last
    state, in place of what a later step would contribute. SPEC 0.7.
    truncate = k cuts the recursion between steps mk-1 and mk: no gradient crosses. SPEC 7.1.
    """
    packing = columns.packing
    factors = cell.factors(columns)
    N = len(columns.x_rows)
    above = packing.pack(d_above)
    d = Columns(
        packing,
        x_rows=_room(above, *columns.x_rows.shape),
        kept_rows={
            name: factors[name] if name in factors else _room(above, N, size)
            for name, size in cell.sizes.items()
            if name not in cell.states
        },
        state_rows={state: _from(packing, d_last[state], above) for state in cell.states},
    )
    for state in cell.states:
        d.rows(state)[...] = above if state == "h" else 0
    # The initial rows of d hold what has arrived from the right; after step 0 that is the gradient of h(-1).
    carries = {state: packing.carries(rows[: packing.B], truncate) for state, rows in d.state_rows.items()}
    cell.steps_backward(params, factors, d, carries)
    del factors  # those of nothing that is kept would stay for the pooling
    return d, cell.pool(params, columns, d)
