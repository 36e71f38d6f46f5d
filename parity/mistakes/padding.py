"""Padding: sequences of several lengths."""

from parity.mistakes.mistake import Mistake

MISTAKES = (
    Mistake(
        "padding-multiplied-by-0",
        "unroll:forward",
        "rows.pack(x)",
        "rows.pack(x + 0 * x.sum(axis=0))",
        "padding that counts 0 times: NaN and inf pass through the factor",
    ),
    Mistake(
        "padding-not-cleared",
        "rows:Rows.unpack",
        "np.zeros_like(rows, shape=shape)",
        "np.ones_like(rows, shape=shape)",
        "something else than 0 stands past the end of a sequence",
    ),
    Mistake(
        "padding-of-the-caller-cleared",
        "unroll:forward",
        "x_rows = rows.pack(x)",
        "x[~rows.real if lengths is not None else slice(0)] = 0; x_rows = rows.pack(x)",
        "x is written to",
    ),
    Mistake(
        "gradient-from-padding",
        "unroll:backward",
        "rows.sort(d_h_n).copy()",
        "rows.sort(d_h_n + np.isnan(d_h).sum(axis=0))",
        "what arrives at padding leaks into the sequence",
    ),
    Mistake(
        "longest-first-not-undone",
        "rows:Rows.unsort",
        "unsorted[self.order] = states",
        "unsorted[:] = states",
        "a batch that was sorted by length for the loop, and dh0 left in that order",
    ),
    Mistake(
        "h0-not-sorted",
        "unroll:forward",
        "states[:B] = rows.sort(h0)",
        "states[:B] = h0",
        "a batch that was sorted by length for the loop, but its initial states were not",
    ),
    Mistake(
        "divergence-counts-padding",
        "network:Network._checked_weights",
        "np.where(Rows(T, B, inputs.lengths).real, steps, 0)",
        "np.where(np.isnan(steps), 1, steps)",
        "padded steps have a loss",
        met="IBM/pytorch-seq2seq#125",
    ),
    Mistake(
        "mean-counts-padding",
        "network:Network._checked_weights",
        "steps.sum()",
        "steps.dtype.type(T * B)",
        "a mean over T·B steps, the padded ones and those of no weight among them",
        met="DeepX-inc/machina#118, d2l-ai/d2l-en#2076, tracel-ai/burn#5568",
    ),
)
