"""States: h0, h_n, and what is carried from one call to the next."""

from parity.mistakes.mistake import Mistake

MISTAKES = (
    Mistake(
        "h0-ignored",
        "unroll:forward",
        "initial[state], p)",
        "np.zeros_like(initial[state]), p)",
        "every series from rest: right wherever h0 is omitted",
    ),
    Mistake(
        "h0-by-direction",
        "stack:_layer_major",
        "state.reshape(L, LD // L, B, F)",
        "state.reshape(LD // L, L, B, F).swapaxes(0, 1)",
        "h0 and d_h_n direction-major: right for one layer or one direction",
    ),
    Mistake(
        "h0-of-the-forward-direction",
        "bidirectional:forward",
        "_of_direction(initial, direction)",
        "_of_direction(initial, 0)",
        "both directions from the same state",
        met="microsoft/onnxruntime#1607 (the reverse direction with h0)",
    ),
    Mistake(
        "state-carried-between-calls",
        "unroll:forward",
        "x_rows = packing.pack(x)",
        "x_rows = packing.pack(x); given = initial; "
        "initial = {s: h + forward.__dict__.get(h.shape, 0) for s, h in given.items()}; "
        "forward.__dict__.update({h.shape: h / 8 for h in given.values()})",
        "what an object kept from the last call: seen by calling twice",
        met="soumith/cudnn.torch#348",
    ),
    Mistake(
        "output-one-step-late",
        "bidirectional:forward",
        '_as_read(direction, columns.series("h"), packing)',
        '_as_read(direction, packing.unpack(columns.previous("h")), packing)',
        "h(t-1) for h(t) in the output",
    ),
    Mistake(
        "h-n-at-T",
        "columns:Columns.last",
        "self.rows(state)[self.packing.last()]",
        "self.packing.unpack(self.rows(state))[-1]",
        "h_n at the end of the padding, where the state is 0",
    ),
    Mistake(
        "h-n-of-the-first-layer",
        "stack:forward",
        "_together([trace.last for trace in layers])",
        "_together([layers[0].last for trace in layers])",
        "the same h_n for all layers",
    ),
    Mistake(
        "h-n-of-the-top-layer",
        "stack:forward",
        "_together([trace.last for trace in layers])",
        "_together([layers[-1].last for trace in layers])",
        "h_n of the top layer for all",
    ),
    Mistake(
        "h-n-one-step-early",
        "columns:Columns.last",
        "self.rows(state)[self.packing.last()]",
        "self.previous(state)[self.packing.last()]",
        "the state before the last step",
    ),
    Mistake(
        "h-n-by-direction",
        "stack:_together",
        "np.concatenate([states[name] for states in layers])",
        "np.stack([states[name] for states in layers], axis=1).reshape(-1, *layers[0][name].shape[1:])",
        "h_n and dh0 direction-major: right for one layer or one direction",
    ),
    Mistake(
        "h0-of-the-first-sequence",
        "unroll:forward",
        "initial[state], p)",
        "np.broadcast_to(initial[state][:1], initial[state].shape), p)",
        "one initial state for the whole batch",
        met="onnx/onnx#1838 (an initial state without the batch)",
    ),
    Mistake(
        "h0-of-the-first-layer",
        "stack:forward",
        "_of_layer(initial, layer, L)",
        "_of_layer(initial, 0, L)",
        "one initial state for all layers",
    ),
    Mistake(
        "h0-activated",
        "unroll:forward",
        "initial[state], p)",
        "np.tanh(initial[state]), p)",
        "tanh of h0, as if it were a pre-activation",
    ),
    Mistake(
        "h0-batch-first-where-square",
        "checks:checked_states",
        "return laid_out or",
        "return {n: s.swapaxes(0, 1) if s.shape[0] == s.shape[1] else s for n, s in laid_out.items()} or",
        "h0 read as (B, L·D, H): only B = L·D lets it pass the shapes",
    ),
    Mistake(
        "batch-first-where-square",
        "layout:Layout.time_major",
        "return series.swapaxes(0, 1) if self.batch_first else series",
        "return series.swapaxes(0, 1) if self.batch_first and series.shape[0] != series.shape[1] else series",
        "the layout guessed from the shape: T = B is taken to be time-major",
    ),
)
