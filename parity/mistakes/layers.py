"""Layers and directions."""

from parity.mistakes.mistake import Mistake

MISTAKES = (
    Mistake(
        "lower-layers-without-gradient",
        "stack:backward",
        "d_series = g.x",
        "d_series = g.x * 0",
        "what arrives from the layer above is dropped",
    ),
    Mistake(
        "d-output-into-every-layer",
        "stack:backward",
        "d_series = g.x",
        "d_series = g.x if g.x.shape != d_output.shape else g.x + d_output",
        "the gradient of the output goes into lower layers as well",
    ),
    Mistake(
        "reverse-output-not-flipped",
        "bidirectional:forward",
        '_as_read(direction, columns.series("h"), packing) for direction, columns in enumerate(directions)',
        'columns.series("h") for columns in directions',
        "the reverse output left in reading order",
    ),
    Mistake(
        "directions-swapped",
        "bidirectional:forward",
        "np.concatenate(outputs, axis=-1)",
        "np.concatenate(outputs[::-1], axis=-1)",
        "reverse features first",
    ),
    Mistake(
        "reverse-h-n-at-the-wrong-end",
        "bidirectional:forward",
        "columns.last(s)[None] for columns in directions",
        "packing.pack(o)[packing.last()][None] for o in outputs",
        "output at the last t, where the reverse direction has read one step",
        met="yunjey/pytorch-tutorial#149, aymericdamien/TensorFlow-Examples#201",
    ),
    Mistake(
        "reverse-with-forward-weights",
        "bidirectional:forward",
        "unroll.forward(cell, own, ",
        "unroll.forward(cell, params[0], ",
        "both directions share the weights of one",
    ),
    Mistake(
        "reverse-d-output-not-flipped",
        "bidirectional:backward",
        "_as_read(direction, half, packing)",
        "half",
        "upstream gradient in the order of t, not in reading order",
    ),
    Mistake(
        "reverse-d-output-overwritten",
        "bidirectional:backward",
        "np.split(d_output, len(params), axis=-1)",
        "np.split(d_output, len(params), axis=-1)[:1] * len(params)",
        "both directions read the half of the first",
    ),
    Mistake(
        "reverse-dx-not-flipped",
        "bidirectional:backward",
        'dx + packing.reverse(reverse.series("x"))',
        'dx + reverse.series("x")',
        "the gradient of the reversed input, not reversed back",
    ),
    Mistake(
        "reverse-dx-missing",
        "bidirectional:backward",
        'dx + packing.reverse(reverse.series("x"))',
        "dx",
        "x is read by two directions",
    ),
    Mistake(
        "padded-series-reversed-whole",
        "packing:Packing.reverse",
        "if self.lengths is None:",
        "if True:",
        "the padding comes first: a wrapper that flips the padded batch",
        met="keras-team/keras#7244",
    ),
)
