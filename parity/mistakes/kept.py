"""What is kept from one call to the next: buffers that are not cleared, caches that are not emptied."""

from parity.mistakes.mistake import Mistake

MISTAKES = (
    Mistake(
        "h0-of-the-last-call",
        "checks:checked_states",
        "return laid_out or",
        "kept, key = checked_states.__dict__, (*shapes.items(), x.dtype); kept[key] = laid_out or kept.get(key)\n"
        "    return kept[key] or",
        "h0 not given: what the buffer holds from a call where it was",
    ),
    Mistake(
        "state-of-the-sequence-before",
        "unroll:forward",
        "initial[state], p)",
        "initial[state] + 0.5 * np.concatenate([0 * initial[state][:1], initial[state][:-1]]), p)",
        "the state of a sequence is added to that of the next in the batch",
        met="nntrainer/nntrainer#1038",
    ),
    Mistake(
        "weights-of-the-first-call",
        "cells.rnn:Rnn.steps",
        'times_w_hh_T = product_with(params["weight_hh"].T, ',
        'w = params["weight_hh"]; w = Rnn.steps.__dict__.setdefault((w.shape, w.dtype), w); '
        "times_w_hh_T = product_with(w.T, ",
        "W_hh is laid out at the first call, and kept for every later one of its shape",
    ),
    Mistake(
        "masks-of-the-last-call",
        "checks:checked_masks",
        "return None\n",
        "return checked_masks.__dict__.get(shape)\n    checked_masks.__dict__[shape] = masks.reshape(shape)\n",
        "masks not given: those of the last call of this size where they were",
    ),
    Mistake(
        "lengths-of-the-last-call",
        "checks:checked_lengths",
        "return None\n    if not batched:",
        "lengths = checked_lengths.__dict__.get((T, B))\n        if lengths is None or not batched:\n"
        "            return None\n    checked_lengths.__dict__[T, B] = lengths\n    if not batched:",
        "lengths not given: those of the call before, of the same size",
    ),
    Mistake(
        "d-h-n-of-the-last-call",
        "recurrent:Recurrent.checked_upstream",
        "np.zeros_like(last[name]) if d is None else ",
        "Recurrent.checked_upstream.__dict__.get((last[name].shape, last[name].dtype), np.zeros_like(last[name])) "
        "if d is None else Recurrent.checked_upstream.__dict__.__setitem__((d.shape, d.dtype), d) or ",
        "d_h_n not given: what the carry holds from a call where it was",
    ),
    Mistake(
        "carry-kept",
        "unroll:backward",
        "factors = cell.factors(columns)",
        "factors = cell.factors(columns); given = d_last; kept = backward.__dict__; "
        "d_last = {s: d + kept.get((d.shape, d.dtype), 0) for s, d in given.items()}; "
        "kept.update({(d.shape, d.dtype): d / 8 for d in given.values()})",
        "the carry is not cleared between two calls",
    ),
    Mistake(
        "steps-of-the-first-call",
        "unroll:forward",
        "x_rows = packing.pack(x)",
        "T = forward.__dict__.setdefault(x.shape[1:], len(x)); x = x.copy(); x[T:] = 0; x_rows = packing.pack(x)",
        "a loop that was compiled for the T of the first call",
    ),
    Mistake(
        "sequences-of-the-first-call",
        "unroll:forward",
        "x_rows = packing.pack(x)",
        "B = forward.__dict__.setdefault(x.shape[2], x.shape[1]); x = x.copy(); x[:, B:] = 0; x_rows = packing.pack(x)",
        "a batch as large as that of the first call",
    ),
    Mistake(
        "nonlinearity-of-the-first-call",
        "cells.rnn:Rnn.steps",
        "f = np.add, self.f.value",
        "f = np.add, Rnn.steps.__dict__.setdefault(self.hidden_size, self.f).value",
        "the activation of the first call of this size is bound once for all",
    ),
    Mistake(
        "divergence-added-up",
        "network:Network.forward",
        "size = getattr(div",
        "kept = Network.forward.__dict__; kept[y.dtype] = kept.get(y.dtype, 0) + (0 if div is None else div); "
        "div = None if div is None else kept[y.dtype]; size = getattr(div",
        "a running loss that is not set to 0",
    ),
    Mistake(
        "output-bias-gradient-added-up",
        "output:backward",
        "dz_rows.sum(axis=0)",
        "backward.__dict__.__setitem__(dz.shape, dz_rows.sum(axis=0) + backward.__dict__.get(dz.shape, 0)) "
        "or backward.__dict__[dz.shape]",
        "db2 is added to that of the last call",
    ),
)
