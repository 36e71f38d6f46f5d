"""`torch.nn.GRU` with its reset gate before the product with W_hn, which torch lacks: a time loop under autograd."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence


class GruBefore(nn.GRU):
    """Takes and gives what torch.nn.GRU does; packed sequences time-major."""

    def forward(self, input: Any, hx: Tensor | None = None) -> Any:
        if isinstance(input, PackedSequence):
            padded, lengths = pad_packed_sequence(input)
            output, h_n = self._stack(padded, hx, lengths)
            return pack_padded_sequence(output, lengths, enforce_sorted=False), h_n
        if input.dim() == 2:
            output, h_n = self._stack(input[:, None], None if hx is None else hx[:, None], torch.tensor([len(input)]))
            return output[:, 0], h_n[:, 0]
        x = input.swapaxes(0, 1) if self.batch_first else input
        output, h_n = self._stack(x, hx, torch.full((x.shape[1],), len(x)))
        return output.swapaxes(0, 1) if self.batch_first else output, h_n

    def _stack(self, x: Tensor, h0: Tensor | None, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """x (T, B, I), h0 (L·D, B, H), lengths (B,)."""
        names = ["", "_reverse"] if self.bidirectional else [""]
        if h0 is None:
            h0 = x.new_zeros(self.num_layers * len(names), x.shape[1], self.hidden_size)
        last: list[Tensor] = []
        for layer in range(self.num_layers):
            outputs = []
            for name in names:
                output, h = self._direction(x, h0[len(last)], lengths, f"_l{layer}{name}")
                outputs.append(output)
                last.append(h)
            x = torch.cat(outputs, dim=-1)
            if layer < self.num_layers - 1:
                x = F.dropout(x, self.dropout, self.training)
        return x, torch.stack(last)

    def _direction(self, x: Tensor, h: Tensor, lengths: Tensor, suffix: str) -> tuple[Tensor, Tensor]:
        H = self.hidden_size
        w_ih, w_hh = getattr(self, f"weight_ih{suffix}"), getattr(self, f"weight_hh{suffix}")
        b = getattr(self, f"bias_ih{suffix}") + getattr(self, f"bias_hh{suffix}") if self.bias else None
        p = F.linear(x, w_ih, b)
        output: list[Any] = [None] * len(x)
        for t in reversed(range(len(x))) if suffix.endswith("_reverse") else range(len(x)):
            r, z = torch.sigmoid(p[t, :, : 2 * H] + F.linear(h, w_hh[: 2 * H])).chunk(2, dim=1)
            n = torch.tanh(p[t, :, 2 * H :] + F.linear(r * h, w_hh[2 * H :]))
            here = (t < lengths)[:, None]
            h = torch.where(here, (1 - z) * n + z * h, h)
            output[t] = torch.where(here, h, 0)
        return torch.stack(output), h
