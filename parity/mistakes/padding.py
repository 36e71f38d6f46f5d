"""Padding: sequences of several lengths."""

from parity.mistakes.mistake import Mistake

MISTAKES = (
    Mistake(
        "padding-multiplied-by-0",
        "unroll:forward",
        "packing.pack(x)",
        "packing.pack(x + 0 * x.sum(axis=0))",
        "padding that counts 0 times: NaN and inf pass through the factor",
    ),
    Mistake(
        "padding-not-cleared",
        "packing:Packing.unpack",
        "np.zeros_like(rows, shape=shape)",
        "np.ones_like(rows, shape=shape)",
        "something else than 0 stands past the end of a sequence",
    ),
    Mistake(
        "padding-of-the-caller-cleared",
        "unroll:forward",
        "x_rows = packing.pack(x)",
        "x[~packing.real if packing.lengths is not None else slice(0)] = 0; x_rows = packing.pack(x)",
        "x is written to",
    ),
    Mistake(
        "gradient-from-padding",
        "unroll:backward",
        "d_last[state], above)",
        "d_last[state] + np.isnan(d_above).sum(axis=0), above)",
        "what arrives at padding leaks into the sequence",
    ),
    Mistake(
        "longest-first-not-undone",
        "packing:Packing.unsort",
        "unsorted[self.order] = state",
        "unsorted[:] = state",
        "a batch that was sorted by length for the loop, and dh0 left in that order",
    ),
    Mistake(
        "h0-not-sorted",
        "unroll:forward",
        "initial[state], p)",
        "packing.unsort(initial[state]), p)",
        "a batch that was sorted by length for the loop, but its initial states were not",
    ),
    Mistake(
        "divergence-counts-padding",
        "network:Network._checked_weights",
        "np.where(packing.real, step_weights, 0)",
        "np.where(np.isnan(step_weights), 1, step_weights)",
        "padded steps have a loss",
        met="IBM/pytorch-seq2seq#125",
    ),
    Mistake(
        "mean-counts-padding",
        "network:Network._checked_weights",
        "step_weights.sum()",
        "step_weights.dtype.type(T * B)",
        "a mean over T·B steps, the padded ones and those of no weight among them",
        met="DeepX-inc/machina#118, d2l-ai/d2l-en#2076, tracel-ai/burn#5568",
    ),
)
