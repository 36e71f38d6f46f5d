"""The network column by column, in torch operations: what torch's own modules do not show, and what they lack.

A column is computed for the sequences that reach its step, and for no others: 0 times a weight that is not finite would
be NaN. Reverse directions are given in the order in which they read: step s.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from parity import tensors
from parity.cases import Case
from parity.oracles.torch_cells import TORCH_CELLS, Named, Parameters
from reference.parameters import suffixes

Blocks = tuple[Tensor, ...]  # side by side


@dataclass
class Unrolled:
    """What came out: output (T, B, ·) and the last states (L·D, B, ·), time-major and batched; and every column.

    columns[name][t] are the rows of the sequences that reach t, in blocks, which `series` puts in their place.
    """

    case: Case
    real: Tensor  # (T, B)
    lengths: Tensor
    output: Tensor
    last: Named
    columns: dict[str, list[Blocks]]

    def series(self, name: str, steps: list[Blocks]) -> Tensor:
        """A quantity of every step, (T, B, ·), in reading order; 0 past the end of a sequence. steps: in order of t."""
        in_t = torch.stack([_placed(torch.cat(rows, dim=1), here) for rows, here in zip(steps, self.real, strict=True)])
        if tensors.find(self.case, name).direction == 0 or not len(self.lengths):
            return in_t
        sequences = zip(in_t.unbind(1), self.lengths, strict=True)
        return torch.stack([torch.cat([s[: int(n)].flip(0), s[int(n) :]]) for s, n in sequences], dim=1)


def unroll(case: Case, params: Named, x: Tensor, initial: Named, lengths: Tensor, masks: Tensor | None) -> Unrolled:
    """x (T, B, I), initial[state] (L·D, B, ·), lengths (B,), masks (L-1, T, B, ·)."""
    D = case.num_directions
    real = (torch.arange(len(x))[:, None] < lengths).to(x.device)
    names = case.rnn().cell.shapes(case.I, case.bias)
    series = torch.where(real[..., None], x, 0)
    columns: dict[str, list[Blocks]] = {}
    last: dict[str, list[Tensor]] = {state: [] for state in initial}
    for layer, directions in enumerate(suffixes(case.num_layers, D)):
        outputs = []
        for d, suffix in enumerate(directions):
            own = {name: params[f"{case.prefix}{name}{suffix}"] for name in names}
            start = {state: given[layer * D + d] for state, given in initial.items()}
            found, states = _direction(case, own, series, start, real, reverse=d == 1)
            columns |= {f"{name}{suffix}": steps for name, steps in found.items()}
            for state, steps in states.items():
                last[state].append(_own_end(steps, lengths, reverse=d == 1))
            outputs.append(torch.stack(states["h"]))
        series = torch.cat(outputs, dim=-1)
        if masks is not None and layer < case.num_layers - 1:
            series = torch.where(masks[layer], series / (1 - case.dropout) if case.dropout < 1 else series, 0)
    return Unrolled(case, real, lengths, series, {s: torch.stack(rows) for s, rows in last.items()}, columns)


def _direction(
    case: Case, params: Parameters, series: Tensor, start: Named, real: Tensor, reverse: bool
) -> tuple[dict[str, list[Blocks]], dict[str, list[Tensor]]]:
    """In the order of t: the rows of every column, and every state (B, ·), 0 at padding."""
    T = len(series)
    found: dict[str, list[Any]] = {}
    states: dict[str, list[Any]] = {name: [None] * T for name in start}
    carried = start
    for t in reversed(range(T)) if reverse else range(T):
        if case.truncate and t > 0 and t % case.truncate == 0:
            carried = {name: state.detach() for name, state in carried.items()}
        here = real[t]
        before = {name: state[here] for name, state in carried.items()}
        for name, rows in TORCH_CELLS[case.cell].column(case, params, series[t, here], before).items():
            found.setdefault(name, [None] * T)[t] = rows if isinstance(rows, tuple) else (rows,)
        for name, steps in states.items():
            steps[t] = _placed(torch.cat(found[name][t], dim=1), here)
        carried = {name: torch.where(here[:, None], states[name][t], state) for name, state in carried.items()}
    return found, states


def _own_end(steps: list[Tensor], lengths: Tensor, reverse: bool) -> Tensor:
    """The state after each sequence's last step in reading order: t = length - 1, or t = 0 in reverse."""
    if reverse or not len(lengths):
        return steps[0]
    return torch.stack([steps[int(n) - 1][b] for b, n in enumerate(lengths)])


def _placed(rows: Tensor, here: Tensor) -> Tensor:
    """Rows of the sequences that are here, among zeros for the others."""
    return rows.new_zeros(len(here), rows.shape[1]).index_put((here,), rows)
