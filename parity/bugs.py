"""Named mistakes, planted in the reference one at a time: each must be caught by the case table.

A mistake is a piece of the text of one function and what stands there instead. It is planted by giving the function the
code of the changed text; the sources, and everything that refers to the function, stay as they are.
"""

import inspect
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from types import FunctionType


@dataclass(frozen=True)
class Mistake:
    """`right` in the function `where` (module:name) becomes `wrong`.

    says: what it is. met: public issues in which it, or its like, was reported; empty where none is known to us.
    """

    name: str
    where: str
    right: str
    wrong: str
    says: str
    met: str = ""
    dtype: str = "float64"

    def function(self) -> FunctionType:
        """The function of the reference that it is planted in."""
        module, _, path = self.where.partition(":")
        found: object = import_module(f"reference.{module}")
        for name in path.split("."):
            found = getattr(found, name)
        assert isinstance(found, FunctionType)
        return found


@contextmanager
def planted(mistake: Mistake) -> Iterator[None]:
    """While inside, the reference makes the mistake. Raises ValueError if the text is not there exactly once."""
    function = mistake.function()
    source = textwrap.dedent(inspect.getsource(function))
    if source.count(mistake.right) != 1:
        raise ValueError(f"{mistake.name}: expected {mistake.right!r} once in {mistake.where}, not {source}")
    right_code = function.__code__
    changed: dict[str, FunctionType] = {}
    text = source.replace(mistake.right, mistake.wrong)
    exec(compile(text, f"<{mistake.name}>", "exec"), function.__globals__, changed)
    function.__code__ = changed[function.__name__].__code__
    try:
        yield
    finally:
        function.__code__ = right_code
        function.__dict__.clear()  # where a mistake keeps what it carries from call to call


BUGS: dict[str, Mistake] = {
    mistake.name: mistake
    for mistake in (
        # The column, forward.
        Mistake(
            "recurrent-term-missing",
            "cells.rnn:steps",
            "add(a_t, h_t, a_t)",
            "pass",
            "a(t) without W_hh h(t-1): no recurrence at all",
        ),
        Mistake(
            "recurrent-term-subtracted",
            "cells.rnn:steps",
            "add(a_t, h_t, a_t)",
            "np.subtract(a_t, h_t, a_t)",
            "the sign of the recurrent term",
        ),
        Mistake(
            "recurrent-term-of-the-neighbour",
            "cells.rnn:steps",
            "times_w_hh_T(h_prev, h_t)",
            "times_w_hh_T(h_prev[::-1], h_t)",
            "crosstalk: the state of another sample of the batch",
        ),
        Mistake(
            "recurrent-term-batch-mean",
            "cells.rnn:steps",
            "add(a_t, h_t, a_t)",
            "add(a_t, h_t.sum(axis=0) / max(len(a_t), 1), a_t)",
            "a mean over the batch inside the cell",
        ),
        Mistake(
            "w-hh-transposed",
            "unroll:forward",
            "product_with(weights.w_hh.T, B, T)",
            "product_with(weights.w_hh, B, T)",
            "h W_hh for h W_hhᵀ: W_hh is square, so nothing raises",
            met="onnx/onnx#1103",
        ),
        Mistake(
            "w-hh-symmetrised",
            "unroll:forward",
            "product_with(weights.w_hh.T, B, T)",
            "product_with((weights.w_hh + weights.w_hh.T) / 2, B, T)",
            "W_hh as if it were symmetric",
        ),
        Mistake(
            "w-hh-off-by-1e-10",
            "unroll:forward",
            "product_with(weights.w_hh.T, B, T)",
            "product_with(weights.w_hh.T * np.where(np.eye(len(weights.w_hh)), 1 + 1e-10, 1), B, T)",
            "the diagonal of W_hh wrong in the tenth digit, as after a file in text",
        ),
        Mistake(
            "w-transposed-where-square",
            "arrays:affine",
            "rows.dot(weight.T)",
            "rows.dot(weight.T if len(weight) != weight.shape[1] else weight)",
            "W_ih transposed: only I = H lets it pass the shapes",
        ),
        Mistake(
            "b-hh-missing",
            "cells.rnn:project",
            "weights.b_ih + weights.b_hh",
            "weights.b_ih",
            "one of the two biases forgotten",
        ),
        Mistake(
            "b-hh-doubled",
            "cells.rnn:project",
            "weights.b_ih + weights.b_hh",
            "weights.b_ih + 2 * weights.b_hh",
            "added in the projection and again in the step",
            met="lisa-lab/DeepLearningTutorials#81",
        ),
        Mistake(
            "b-ih-for-b-hh",
            "cells.rnn:project",
            "weights.b_ih + weights.b_hh",
            "weights.b_ih + weights.b_ih",
            "the same bias twice",
        ),
        Mistake("activation-missing", "cells.rnn:steps", "value(a_t, h_t)", "h_t[...] = a_t", "h(t) = a(t)"),
        Mistake(
            "tanh-clamped",
            "cells.rnn:steps",
            "value(a_t, h_t)",
            "value(a_t.clip(-3, 3) if f.name == 'tanh' else a_t, h_t)",
            "tanh of an argument clamped to ±3: seen at saturation only",
        ),
        Mistake(
            "tanh-rational",
            "cells.rnn:steps",
            "value(a_t, h_t)",
            "value(a_t, h_t) if f.name != 'tanh' else np.divide(a_t * (27 + a_t * a_t), 27 + 9 * a_t * a_t, h_t)",
            "a(27 + a²)/(27 + 9a²), the usual stand-in for tanh on small machines",
        ),
        Mistake(
            "batch-and-time-reshaped",
            "rows:Rows.pack",
            "series.reshape(self.T * self.B, series.shape[2])",
            "series.swapaxes(0, 1).reshape(self.T * self.B, series.shape[2])",
            "a reshape for a transposition: (T, B) read as (B, T)",
            met="OpenNMT/OpenNMT-py#1521",
        ),
        Mistake(
            "memory-order-read",
            "rows:Rows.pack",
            "series.reshape(self.T * self.B, series.shape[2])",
            "series.ravel(order='K').reshape(self.T * self.B, series.shape[2])",
            "strides ignored: right on contiguous input alone",
            met="pytorch/pytorch#345",
        ),
        Mistake(
            "batch-first-by-reshape",
            "layout:time_major",
            "series.swapaxes(0, 1)",
            "series.reshape(series.shape[1], series.shape[0], *series.shape[2:])",
            "batch_first by a reshape for a transposition",
            met="HHTseng/video-classification#42",
        ),
        Mistake(
            "float64-in-float32",
            "arrays:affine",
            "rows.dot(weight.T)",
            "rows.astype(np.float64).dot(weight.T)",
            "the projection in another dtype than its input",
            dtype="float32",
        ),
        # States.
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
        # Back-propagation through time.
        Mistake(
            "carry-missing",
            "cells.rnn:steps_backward",
            "add(dh_t, carry_t, dh_t)",
            "pass",
            "no gradient through the recurrence: what detaching every step does",
            met="qixianbiao/RNN#2",
        ),
        Mistake(
            "w-hh-transposed-backward",
            "unroll:backward",
            "product_with(weights.w_hh, rows.B, rows.T)",
            "product_with(weights.w_hh.T, rows.B, rows.T)",
            "da W_hhᵀ for da W_hh",
        ),
        Mistake(
            "carry-of-dh",
            "cells.rnn:steps_backward",
            "times_w_hh(da_t, carry_t)",
            "times_w_hh(dh_t, carry_t)",
            "the slope is left out on the way to the left",
        ),
        Mistake(
            "gradient-clipped-at-5",
            "cells.rnn:steps_backward",
            "chain(dh_t, da_t, da_t)",
            "chain(dh_t, da_t, da_t).clip(-5, 5, out=da_t)",
            "clipping inside the recursion, as character models clip to ±5: seen where gradients exceed 5 only",
        ),
        Mistake(
            "slope-from-a",
            "cells.rnn:slopes",
            "f.slope(trace.h_rows)",
            "f.slope(trace.a_rows)",
            "1 - a² for 1 - h²: the formula in h applied to the argument",
        ),
        Mistake(
            "slope-1-minus-h",
            "cells.rnn:slopes",
            "f.slope(trace.h_rows)",
            "1 - trace.h_rows if f.name == 'tanh' else f.slope(trace.h_rows)",
            "the square forgotten",
        ),
        Mistake(
            "slope-one-step-off",
            "cells.rnn:slopes",
            "f.slope(trace.h_rows)",
            "f.slope(trace.h_prev_rows)",
            "f' at h(t-1)",
        ),
        Mistake(
            "slope-missing",
            "cells.rnn:slopes",
            "f.slope(trace.h_rows)",
            "np.ones_like(trace.h_rows)",
            "the activation forgotten on the way back",
        ),
        Mistake(
            "slope-with-epsilon",
            "cells.rnn:slopes",
            "f.slope(trace.h_rows)",
            "f.slope(trace.h_rows) + 1e-9",
            "an epsilon on the derivative",
        ),
        Mistake(
            "relu-slope-1-at-0",
            "cells.rnn:slopes",
            "f.slope(trace.h_rows)",
            "np.where(trace.a_rows == 0, 1, f.slope(trace.h_rows))",
            "relu'(0) = 1: seen where a pre-activation is exactly 0",
        ),
        Mistake(
            "truncated-at-40",
            "unroll:pieces",
            "truncate or T",
            "truncate or 40",
            "truncation nobody asked for: invisible where gradients fade before",
        ),
        Mistake(
            "truncation-ignored",
            "unroll:pieces",
            "truncate or T",
            "T",
            "the whole series although chunks were asked for",
        ),
        Mistake(
            "truncation-from-the-end",
            "unroll:pieces",
            "[(start, min(start + k, T)) for start in range(0, T, k)]",
            "[(max(stop - k, 0), stop) for stop in range(T, 0, -k)][::-1]",
            "chunks counted from the end: right where T is a multiple of k",
        ),
        Mistake(
            "truncated-one-step-late",
            "unroll:pieces",
            "k = truncate or T",
            "k = truncate + 1 if truncate else T",
            "k + 1 steps a chunk",
        ),
        Mistake(
            "d-h-n-ignored",
            "unroll:backward",
            "rows.sort(d_h_n).copy()",
            "np.zeros_like(d_h_n)",
            "the gradient of the last state is dropped: a decoder that starts from it teaches the encoder nothing",
        ),
        Mistake(
            "d-h-n-at-T",
            "unroll:backward",
            "rows.sort(d_h_n).copy()",
            "rows.sort(d_h_n * rows.real[-1][:, None])",
            "at the end of the padding",
        ),
        Mistake(
            "d-h-n-at-every-step",
            "unroll:backward",
            "rows.pack(d_h)",
            "rows.pack(d_h + d_h_n * (np.arange(rows.T)[:, None] != rows.real.sum(axis=0) - 1)[:, :, None])",
            "as if every state were the last",
        ),
        Mistake(
            "d-h-n-truncated",
            "unroll:backward",
            "carries[stop][:] = 0",
            "carry[:] = 0",
            "the gradient of a last state is cut off where its sequence ends with a chunk",
        ),
        Mistake(
            "d-h-n-of-the-top-layer-alone",
            "stack:backward",
            "d_h_n_layers[layer]",
            "d_h_n_layers[layer] * (layer == L - 1)",
            "lower layers get none",
        ),
        Mistake(
            "dh0-missing",
            "unroll:backward",
            "h0=rows.unsort(carry)",
            "h0=np.zeros_like(carry)",
            "the initial state is not learnt",
        ),
        Mistake(
            "dh0-is-da",
            "unroll:backward",
            "h0=rows.unsort(carry)",
            "h0=rows.unsort(da[: rows.B])",
            "one factor W_hh short",
        ),
        Mistake(
            "dh0-one-step-early",
            "unroll:backward",
            "h0=rows.unsort(carry)",
            "h0=rows.unsort(dh[: rows.B])",
            "the gradient of h(0) for that of h(-1)",
        ),
        Mistake(
            "upstream-overwritten",
            "unroll:backward",
            "rows.pack(d_h).copy()",
            "rows.pack(d_h)",
            "the gradient that the caller gave is overwritten with dh",
        ),
        # Pooled gradients.
        Mistake(
            "dw-hh-with-h-t",
            "cells.rnn:pool_gradients",
            "trace.h_prev_rows",
            "trace.h_rows",
            "da(t)ᵀ h(t) for da(t)ᵀ h(t-1)",
            met="VikParuchuri/zero_to_gpt#9",
        ),
        Mistake(
            "dw-hh-first-step-lost",
            "cells.rnn:pool_gradients",
            "pool(da, trace.h_prev_rows)",
            "pool(da[trace.rows.B :], trace.h_prev_rows[trace.rows.B :])",
            "the sum begins at t = 1: h(-1) is no step",
        ),
        Mistake(
            "dw-hh-transposed",
            "cells.rnn:pool_gradients",
            "pool(da, trace.h_prev_rows)",
            "pool(trace.h_prev_rows, da)",
            "(from, to) for (to, from)",
        ),
        Mistake(
            "dw-ih-overwritten",
            "cells.rnn:pool_gradients",
            "pool(da, trace.x_rows)",
            "pool(da[: trace.rows.B], trace.x_rows[: trace.rows.B])",
            "'=' for '+=' in the loop: the step that came last, t = 0, is left",
            met="tensorflow/swift-apis#518",
        ),
        Mistake(
            "dw-hh-last-step-only",
            "cells.rnn:pool_gradients",
            "pool(da, trace.h_prev_rows)",
            "pool(da[trace.rows.last()], trace.h_prev_rows[trace.rows.last()])",
            "only the last step counts",
        ),
        Mistake(
            "db-from-the-first-row",
            "cells.rnn:pool_gradients",
            "da.sum(axis=0)",
            "da[0].copy()",
            "no sum over time and batch",
        ),
        Mistake(
            "db-mean",
            "cells.rnn:pool_gradients",
            "da.sum(axis=0)",
            "da.sum(axis=0) / max(len(da), 1)",
            "a mean over the rows for a sum",
        ),
        Mistake("db-hh-missing", "cells.rnn:pool_gradients", "db.copy()", "db * 0", "the second bias is not learnt"),
        Mistake(
            "gradients-divided-by-batch",
            "unroll:backward",
            "rnn.pool_gradients(weights, trace, da)",
            "rnn.pool_gradients(weights, trace, da / max(rows.B, 1))",
            "a mean over the batch that belongs to the divergence",
        ),
        Mistake(
            "pooled-in-float32",
            "arrays:pool",
            "d_rows.T.dot(rows)",
            "d_rows.T.astype(np.float32).dot(rows.astype(np.float32)).astype(d_rows.dtype)",
            "float32 accumulators in a float64 network",
        ),
        Mistake(
            "accumulators-not-zeroed",
            "arrays:pool",
            "return d_rows.T.dot(rows)",
            "kept = pool.__dict__; key = d_rows.shape + rows.shape; "
            "kept[key] = kept.get(key, 0) + d_rows.T.dot(rows); return kept[key]",
            "gradients added to those of the last call: seen by calling twice",
        ),
        Mistake(
            "dx-transposed-where-square",
            "cells.rnn:pool_gradients",
            "da.dot(weights.w_ih)",
            "da.dot(weights.w_ih if weights.w_ih.shape[0] != weights.w_ih.shape[1] else weights.w_ih.T)",
            "da W_ihᵀ for da W_ih: only I = H lets it pass the shapes",
        ),
        # Layers and directions.
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
            "_as_read(d, trace.h, lengths) for d, trace in enumerate(traces)",
            "trace.h for trace in traces",
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
            "unroll.last_state(trace)[None] for trace in traces",
            "trace.rows.pack(o)[trace.rows.last()][None] for o, trace in zip(outputs, traces)",
            "output at the last t, where the reverse direction has read one step",
            met="yunjey/pytorch-tutorial#149, aymericdamien/TensorFlow-Examples#201",
        ),
        Mistake(
            "reverse-with-forward-weights",
            "bidirectional:forward",
            "unroll.forward(f, w, ",
            "unroll.forward(f, weights[0], ",
            "both directions share the weights of one",
        ),
        Mistake(
            "reverse-d-output-not-flipped",
            "bidirectional:backward",
            "_as_read(d, half, lengths)",
            "half",
            "upstream gradient in the order of t, not in reading order",
        ),
        Mistake(
            "reverse-d-output-overwritten",
            "bidirectional:backward",
            "np.split(d_output, len(weights), axis=-1)",
            "np.split(d_output, len(weights), axis=-1)[:1] * len(weights)",
            "both directions read the half of the first",
        ),
        Mistake(
            "reverse-dx-not-flipped",
            "bidirectional:backward",
            "dx + reverse_series(reverse.x, lengths)",
            "dx + reverse.x",
            "the gradient of the reversed input, not reversed back",
        ),
        Mistake(
            "reverse-dx-missing",
            "bidirectional:backward",
            "dx + reverse_series(reverse.x, lengths)",
            "dx",
            "x is read by two directions",
        ),
        Mistake(
            "padded-series-reversed-whole",
            "bidirectional:reverse_series",
            "if lengths is None:",
            "if True:",
            "the padding comes first: a wrapper that flips the padded batch",
            met="keras-team/keras#7244",
        ),
        # Padding.
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
        # Dropout.
        Mistake("dropout-unscaled", "stack:_drop", "series / (1 - p) if p < 1 else series", "series", "no 1/(1 - p)"),
        Mistake(
            "dropout-scaled-by-p",
            "stack:_drop",
            "series / (1 - p) if p < 1",
            "series / p if p < 1",
            "1/p for 1/(1 - p): right at p = 1/2",
        ),
        Mistake(
            "dropout-unmasked-backward",
            "stack:backward",
            "_drop(d_series, _mask_above(masks, layer, L), p)",
            "d_series",
            "the mask forgotten on the way back",
        ),
        Mistake(
            "dropout-unscaled-backward",
            "stack:backward",
            "_mask_above(masks, layer, L), p)",
            "_mask_above(masks, layer, L), 0.0)",
            "masked, but not scaled, on the way back",
        ),
        Mistake(
            "dropout-fresh-mask-backward",
            "stack:backward",
            "_mask_above(masks, layer, L), p)",
            "_mask_above(None if masks is None else masks[:, ::-1], layer, L), p)",
            "another mask on the way back",
        ),
        Mistake(
            "dropout-one-mask-for-all-steps",
            "stack:_mask_above",
            "masks[layer]",
            "np.broadcast_to(masks[layer][:1], masks[layer].shape)",
            "one mask for all steps",
        ),
        Mistake(
            "dropout-mask-of-another-layer",
            "stack:_mask_above",
            "masks[layer]",
            "masks[L - 2 - layer]",
            "seen with three layers",
        ),
        Mistake(
            "dropout-on-the-last-layer",
            "stack:_mask_above",
            "masks[layer] if masks is not None and layer < L - 1",
            "masks[min(layer, L - 2)] if masks is not None",
            "the output is dropped out too",
        ),
        # The output layer.
        Mistake("b2-missing", "output:forward", "weight, bias)", "weight, None)", "the bias of the output layer"),
        Mistake(
            "db2-last-step-only", "output:backward", "dz_rows.sum(axis=0)", "dz[-1].sum(axis=0)", "no sum over time"
        ),
        Mistake(
            "dw2-one-step-off",
            "output:backward",
            "h.reshape(T * B, F)",
            "np.concatenate([h[:1], h[:-1]]).reshape(T * B, F)",
            "h(t-1) for h(t)",
        ),
        Mistake(
            "w2-transposed-where-square",
            "output:backward",
            "dz_rows.dot(weight)",
            "dz_rows.dot(weight if weight.shape[0] != weight.shape[1] else weight.T)",
            "dz W2ᵀ for dz W2: only D·H = O lets it pass the shapes",
        ),
        Mistake("f2-slope-missing", "network:Network.backward", "self._f.vjp(dy, y)", "dy.copy()", "dz = dy"),
        Mistake(
            "sigmoid-slope-y",
            "activations:ScalarActivation.vjp",
            "self.slope(y)",
            "y if self.name == 'sigmoid' else self.slope(y)",
            "y for y (1 - y)",
        ),
        Mistake(
            "softmax-diagonal-only",
            "activations:Softmax.vjp",
            "y * (dy - (dy * y).sum(axis=-1, keepdims=True))",
            "dy * y * (1 - y)",
            "the Jacobian's diagonal for the Jacobian",
        ),
        Mistake(
            "softmax-over-the-batch",
            "activations:Softmax.value",
            "e / e.sum(axis=-1, keepdims=True)",
            "e / e.sum(axis=1, keepdims=True)",
            "the wrong axis",
        ),
        Mistake(
            "softmax-unshifted",
            "activations:Softmax.value",
            "z - z.real.max(axis=-1, keepdims=True)",
            "z",
            "overflows at logits of about 1000",
        ),
        Mistake(
            "log-softmax-unshifted",
            "activations:LogSoftmax.value",
            "shifted = z - z.real.max(axis=-1, keepdims=True)",
            "shifted = z",
            "overflows at logits of about 1000",
        ),
        Mistake(
            "log-softmax-vjp-of-one-hot",
            "activations:LogSoftmax.vjp",
            "np.exp(y) * dy.sum(axis=-1, keepdims=True)",
            "np.exp(y)",
            "as if dy summed to 1",
        ),
        # Divergences.
        Mistake(
            "squared-error-not-halved",
            "divergences:_squared_error",
            ".sum(axis=-1) / 2",
            ".sum(axis=-1)",
            "the value doubled, the gradient not",
        ),
        Mistake(
            "squared-error-mean-over-O",
            "divergences:_squared_error",
            ".sum(axis=-1) / 2",
            ".sum(axis=-1) / (2 * y.shape[-1])",
            "a mean over the features",
        ),
        Mistake(
            "epsilon-inside-log",
            "divergences:_cross_entropy",
            "np.log(_where_desired(d, y))",
            "np.log(_where_desired(d, y) + 1e-12)",
            "log(y + 1e-12), as many tutorials write it",
        ),
        Mistake(
            "epsilon-in-the-quotient",
            "divergences:_cross_entropy_gradient",
            "-d / _where_desired(d, y)",
            "-d / (_where_desired(d, y) + 1e-12)",
            "d / (y + 1e-12)",
        ),
        Mistake(
            "weights-not-in-the-gradient",
            "divergences:LocalDivergence.gradient",
            "w * np.where(",
            "(w != 0) * np.where(",
            "the divergence weighted, its gradient not",
        ),
        Mistake(
            "pooled-over-T",
            "divergences:MeanPooledCrossEntropy._shares",
            "weights / weights.sum(axis=0)",
            "weights / len(weights)",
            "a mean over T, whatever the length",
            met="lanterndata/lantern_extras#91",
        ),
        Mistake(
            "pooled-reduction-ignored",
            "divergences:MeanPooledCrossEntropy._mean",
            'of_sequences if self.reduction == "sum" else of_sequences / len(of_sequences)',
            "of_sequences",
            "the sum where the mean was asked for",
        ),
        Mistake(
            "zero-log-zero",
            "divergences:_cross_entropy",
            "_where_desired(d, y)",
            "y",
            "0 · log 0 is NaN: nothing desired of a class whose probability is 0",
        ),
        Mistake(
            "zero-over-zero",
            "divergences:_cross_entropy_gradient",
            "_where_desired(d, y)",
            "y",
            "0/0 is NaN in the gradient, where the value is right",
        ),
        Mistake(
            "targets-taken-to-sum-to-1",
            "divergences:_softmax_cross_entropy_gradient",
            "SOFTMAX.value(y) * d.sum(axis=-1, keepdims=True) - d",
            "SOFTMAX.value(y) - d",
            "softmax - d, as for one-hot targets",
        ),
        # CTC.
        Mistake(
            "ctc-no-skip",
            "ctc:_paths",
            "(labels[:, 2:] != blank) & (labels[:, 2:] != labels[:, :-2])",
            "False",
            "a blank between any two labels",
        ),
        Mistake(
            "ctc-skip-between-repeats",
            "ctc:_paths",
            "(labels[:, 2:] != blank) & (labels[:, 2:] != labels[:, :-2])",
            "labels[:, 2:] != blank",
            "no blank between labels that are alike",
        ),
        Mistake(
            "ctc-blank-is-0",
            "ctc:_paths",
            "np.full((B, 2 * S + 1), blank)",
            "np.full((B, 2 * S + 1), 0)",
            "the blank is another class than the one given",
        ),
        Mistake(
            "ctc-must-end-in-blank",
            "ctc:_paths",
            "(state == last) | (state == last - 1)",
            "state == last",
            "paths that end in the last label are lost",
        ),
        Mistake(
            "ctc-must-begin-with-blank",
            "ctc:_alpha",
            "alpha[0, :, :2] = paths.log_y[0, :, :2]",
            "alpha[0, :, :1] = paths.log_y[0, :, :1]",
            "paths that begin with the first label are lost",
        ),
        Mistake(
            "ctc-lengths-ignored",
            "ctc:CTC._paths",
            "(weights != 0).sum(axis=0)",
            "np.full(weights.shape[1], len(weights))",
            "padded steps are read",
        ),
        Mistake(
            "ctc-softmax-twice",
            "ctc:_paths",
            "LOG_SOFTMAX.value(y)",
            "LOG_SOFTMAX.value(np.exp(LOG_SOFTMAX.value(y)))",
            "probabilities given where logits are expected",
            met="tflearn/tflearn#562 (with cross-entropy)",
        ),
        Mistake(
            "ctc-gradient-at-log-probs",
            "ctc:CTC.gradient",
            "LOG_SOFTMAX.vjp(-at_class, LOG_SOFTMAX.value(_read(y, weights)))",
            "-at_class",
            "the derivative of log-softmax forgotten",
            met="pytorch/pytorch#52241",
        ),
        Mistake(
            "ctc-step-counted-twice",
            "ctc:CTC.gradient",
            "alpha + _beta(paths) - paths.log_y - log_p[:, None]",
            "alpha + _beta(paths) - log_p[:, None]",
            "alpha and beta both include the step itself",
        ),
        Mistake(
            "ctc-mean-over-sequences-alone",
            "ctc:CTC._shares",
            "(len(target) * np.maximum((target != END).sum(axis=1), 1)).astype(v.dtype)",
            "len(target)",
            "not divided by the length of the target",
        ),
        Mistake(
            "ctc-infinity-hidden",
            "ctc:CTC.value",
            "if self.zero_infinity:",
            "if True:",
            "an infeasible target counts 0 although nobody asked for it",
        ),
    )
}
