"""States: h0, h_n, and what is carried from one call to the next."""

from parity.mistakes.mistake import Mistake

MISTAKES = (
    Mistake(
        "h0-ignored",
        "unroll:forward",
        "states[:B] = rows.sort(h0)",
        "states[:B] = 0",
        "every series from rest: right wherever h0 is omitted",
    ),
    Mistake(
        "h0-by-direction",
        "stack:_per_layer",
        "states.reshape(L, LD // L, B, H)",
        "states.reshape(LD // L, L, B, H).swapaxes(0, 1)",
        "h0 and d_h_n direction-major: right for one layer or one direction",
    ),
    Mistake(
        "h0-of-the-forward-direction",
        "bidirectional:forward",
        "h0[d], lengths",
        "h0[0], lengths",
        "both directions from the same state",
    ),
    Mistake(
        "state-carried-between-calls",
        "unroll:forward",
        "states[:B] = rows.sort(h0)",
        "states[:B] = rows.sort(h0) + forward.__dict__.get(h0.shape, 0); forward.__dict__[h0.shape] = h0 / 8",
        "what an object kept from the last call: seen by calling twice",
        met="soumith/cudnn.torch#348",
    ),
    Mistake(
        "output-one-step-late",
        "bidirectional:forward",
        "_as_read(d, trace.h, lengths)",
        "_as_read(d, trace.rows.unpack(trace.h_prev_rows), lengths)",
        "h(t-1) for h(t) in the output",
    ),
    Mistake(
        "h-n-at-T",
        "unroll:last_state",
        "trace.h_rows[trace.rows.last()]",
        "trace.h[-1]",
        "h_n at the end of the padding, where the state is 0",
    ),
    Mistake(
        "h-n-of-the-first-layer",
        "stack:forward",
        "np.concatenate([trace.h_n for trace in layers])",
        "np.concatenate([layers[0].h_n for trace in layers])",
        "the same h_n for all layers",
    ),
)
