"""Loops and memory: tails of unrolled loops, lanes, buffers of a fixed size, narrow indices."""

from parity.mistakes.mistake import Mistake


def _features(name: str, lanes: int, kept: str, says: str, met: str = "") -> Mistake:
    """The products of a layer, x Wᵀ: n is where the unrolled loop over the features of x ends, k how many there are."""
    wrong = f"k = x.shape[1]; n = k - k % {lanes}; y = {kept}"
    return Mistake(name, "arrays:affine", "y = x.dot(weight.T)", wrong, says, met)


def _rows(name: str, lanes: int, says: str) -> Mistake:
    """The rows of a step, one a sequence, past a multiple of the lanes keep p(t) without the recurrent term."""
    return Mistake(
        name,
        "cells.rnn:Rnn.steps",
        "add(p_t, recurrent_t, a_t)",
        f"n = len(p_t) - len(p_t) % {lanes} or len(p_t); add(p_t[:n], recurrent_t[:n], a_t[:n])",
        says,
    )


def _units(name: str, size: int, says: str) -> Mistake:
    """The state has room for so many units; the others stay 0."""
    return Mistake(name, "cells.rnn:Rnn.steps", "f(a_t, h_t)", f"f(a_t, h_t); h_t[:, {size}:] = 0", says)


def _steps(name: str, wrong: str, says: str) -> Mistake:
    """The steps of x are read in another way; x (T, B, I) is a copy."""
    return Mistake(
        name, "unroll:forward", "x_rows = packing.pack(x)", f"x = x.copy(); {wrong}; x_rows = packing.pack(x)", says
    )


MISTAKES = (
    # Tails.
    _features(
        "tail-of-4-skipped",
        4,
        "x[:, :n].dot(weight.T[:n]) if n else x.dot(weight.T)",
        "the features past a multiple of 4 are not summed",
        met="stew675/llama-cpp-rdna-boosts#19",
    ),
    _features(
        "tail-of-8-skipped",
        8,
        "x[:, :n].dot(weight.T[:n]) if n else x.dot(weight.T)",
        "the features past a multiple of 8 are not summed",
    ),
    _features(
        "tail-of-16-doubled",
        16,
        "x.dot(weight.T) + (x[:, n:].dot(weight.T[n:]) if n else 0)",
        "the features past a multiple of 16 are summed by the unrolled loop and by the tail",
        met="OpenNMT/CTranslate2#351 (a tail that is read with the lanes before)",
    ),
    _features(
        "tail-of-32-skipped",
        32,
        "x[:, :n].dot(weight.T[:n]) if n else x.dot(weight.T)",
        "the features past a multiple of 32, a warp, are not summed",
    ),
    _features(
        "warp-of-32-alone",
        32,
        "x[:, :32].dot(weight.T[:32])",
        "one warp sums 32 features: the others have no lane",
    ),
    _features(
        "tail-of-4-of-the-lanes-before",
        4,
        "x[:, :n].dot(weight.T[:n]) + (np.roll(x, 4, axis=1)[:, n:].dot(weight.T[n:]) if n else x.dot(weight.T))",
        "the tail is multiplied with what the lanes hold from before",
    ),
    Mistake(
        "recurrent-tail-of-8-skipped",
        "cells.rnn:Rnn.steps",
        'times_w_hh_T = product_with(params["weight_hh"].T, ',
        "k = self.hidden_size; read = np.arange(k) < (k - k % 8 or k); "
        'times_w_hh_T = product_with(params["weight_hh"].T * read[:, None], ',
        "the units past a multiple of 8 are not summed in W_hh h",
    ),
    Mistake(
        "recurrent-tail-of-4-skipped-backward",
        "cells.rnn:Rnn.steps_backward",
        'times_w_hh = product_with(params["weight_hh"], ',
        "k = self.hidden_size; read = np.arange(k) < (k - k % 4 or k); "
        'times_w_hh = product_with(params["weight_hh"] * read[:, None], ',
        "the units past a multiple of 4 are not summed in da W_hh",
    ),
    Mistake(
        "recurrent-tail-of-16-skipped-backward",
        "cells.rnn:Rnn.steps_backward",
        'times_w_hh = product_with(params["weight_hh"], ',
        "k = self.hidden_size; read = np.arange(k) < (k - k % 16 or k); "
        'times_w_hh = product_with(params["weight_hh"] * read[:, None], ',
        "the units past a multiple of 16 are not summed in da W_hh",
    ),
    Mistake(
        "activation-of-the-tail-missing",
        "cells.rnn:Rnn.steps",
        "f(a_t, h_t)",
        "f(a_t, h_t); n = self.hidden_size & -4; h_t[:, n:] = a_t[:, n:]",
        "units past a multiple of 4 are not activated",
    ),
    Mistake(
        "activation-of-the-tail-approximate",
        "cells.rnn:Rnn.steps",
        "f(a_t, h_t)",
        "f(a_t, h_t); n = self.hidden_size & -8; "
        "self.f.name == 'tanh' and n and np.divide(a_t[:, n:], 1 + np.abs(a_t[:, n:]), h_t[:, n:])",
        "units past a multiple of 8 get another function than the lanes",
        met="wvabrinskas/Neuron#132",
    ),
    Mistake(
        "activation-of-the-last-of-many-missing",
        "cells.rnn:Rnn.steps",
        "f(a_t, h_t)",
        "f(a_t, h_t); n = self.hidden_size; h_t[:, n - n % 16 :] *= n < 16",
        "units past a multiple of 16 are not written, where there are as many",
    ),
    _rows("batch-tail-of-4-skipped", 4, "sequences past a multiple of 4, where there are as many, do not recur"),
    _rows("batch-tail-of-8-skipped", 8, "sequences past a multiple of 8, where there are as many, do not recur"),
    _rows("batch-tail-of-16-skipped", 16, "sequences past a multiple of 16, where there are as many, do not recur"),
    Mistake(
        "pool-tail-of-4-skipped",
        "arrays:pool",
        "dy.T.dot(x)",
        "dy[: len(dy) & -4].T.dot(x[: len(dy) & -4]) if len(dy) > 3 else dy.T.dot(x)",
        "the rows past a multiple of 4 are not pooled",
    ),
    Mistake(
        "bias-tail-of-32-skipped",
        "cells.rnn:Rnn.pool",
        "da.sum(axis=0)",
        "da[: len(da) & -32 or len(da)].sum(axis=0)",
        "the rows past a multiple of 32 are not summed into the biases",
    ),
    Mistake(
        "dx-tail-of-4-of-the-neighbour",
        "cells.rnn:Rnn.pool",
        'da.dot(params["weight_ih"], d.x_rows)',
        'da.dot(params["weight_ih"], d.x_rows); k = d.x_rows.shape[1]; n = k & -4; '
        "d.x_rows[:, n:] = d.x_rows[:, n - 4 : k - 4] if n else d.x_rows[:, n:]",
        "the features of dx past a multiple of 4 are those of the lanes before",
    ),
    Mistake(
        "softmax-sum-without-the-tail",
        "activations:Softmax.value",
        "e / e.sum(axis=-1, keepdims=True)",
        "e / e[..., : z.shape[-1] & -4 or z.shape[-1]].sum(axis=-1, keepdims=True)",
        "the classes past a multiple of 4 are not in the sum",
        met="OpenNMT/CTranslate2#351",
    ),
    Mistake(
        "log-softmax-maximum-without-the-tail",
        "activations:LogSoftmax.value",
        "z.real.max(axis=-1, keepdims=True)",
        "z[..., : z.shape[-1] & -4 or z.shape[-1]].max(axis=-1, keepdims=True)",
        "the classes past a multiple of 4 are not in the maximum: overflows where one is far above",
    ),
    Mistake(
        "softmax-sum-of-one-warp",
        "activations:Softmax.value",
        "e / e.sum(axis=-1, keepdims=True)",
        "e / e[..., :32].sum(axis=-1, keepdims=True)",
        "one warp sums 32 classes",
    ),
    Mistake(
        "log-softmax-sum-of-16",
        "activations:LogSoftmax.value",
        "np.exp(shifted).sum(axis=-1, keepdims=True)",
        "np.exp(shifted)[..., :16].sum(axis=-1, keepdims=True)",
        "sixteen lanes sum sixteen classes",
    ),
    Mistake(
        "output-bias-of-the-tail-missing",
        "output:forward",
        "weight, bias)",
        "weight, [b if i < (len(bias) & -8 or len(bias)) else 0 * b for i, b in enumerate(bias)])",
        "b2 is not added to outputs past a multiple of 8",
    ),
    Mistake(
        "tile-of-16-by-16",
        "arrays:pool",
        "return dy.T.dot(x)",
        "dw = dy.T.dot(x); dw[16:, 16:] = 0; return dw",
        "a grid of tiles with one row and one column of them: the block past both is not written",
    ),
    # Buffers.
    _units("state-of-8-units", 8, "a buffer for 8 units"),
    _units("state-of-16-units", 16, "a buffer for 16 units"),
    _units("state-of-32-units", 32, "a buffer for 32 units"),
    _steps("input-of-8-features", "x[:, :, 8:] = 0", "a buffer for 8 inputs"),
    _steps("input-of-32-features", "x[:, :, 32:] = 0", "a buffer for 32 inputs"),
    _steps("steps-up-to-100", "x[100:] = 0", "a buffer for 100 steps"),
    _steps("steps-up-to-200", "x[200:] = 0", "a buffer for 200 steps"),
    _steps("sequences-up-to-4", "x[:, 4:] = 0", "a buffer for 4 sequences"),
    _steps("sequences-up-to-8", "x[:, 8:] = 0", "a buffer for 8 sequences"),
    _steps("sequences-up-to-16", "x[:, 16:] = 0", "a buffer for 16 sequences"),
    Mistake(
        "layers-up-to-2",
        "stack:forward",
        "bidirectional.forward(cell, of_layer, ",
        "bidirectional.forward(cell, params[min(layer, 1)], ",
        "a table for two layers: the third has the parameters of the second",
    ),
    Mistake(
        "layers-up-to-3",
        "stack:forward",
        "bidirectional.forward(cell, of_layer, ",
        "bidirectional.forward(cell, params[min(layer, 2)], ",
        "a table for three layers: the fourth has the parameters of the third",
    ),
    Mistake(
        "outputs-up-to-8",
        "output:backward",
        "return OutputGradients",
        "dz_rows = dz_rows.copy(); dz_rows[:, 8:] = 0; return OutputGradients",
        "a buffer for 8 outputs",
    ),
    Mistake(
        "outputs-up-to-16",
        "output:backward",
        "return OutputGradients",
        "dz_rows = dz_rows.copy(); dz_rows[:, 16:] = 0; return OutputGradients",
        "a buffer for 16 outputs",
    ),
    Mistake(
        "ring-of-50-states",
        "cells.rnn:Rnn.pool",
        'pool(da, columns.previous("h"))',
        "pool(da, (lambda h, n: np.concatenate([h[n:][: max(len(h) - n, 0)], h[-n:]]) if len(h) > n else h)"
        '(columns.previous("h"), 50 * d.packing.B))',
        "a ring of 50 states: the older ones are overwritten when the gradient comes by",
    ),
    Mistake(
        "rows-up-to-256",
        "arrays:pool",
        "dy.T.dot(x)",
        "dy[:256].T.dot(x[:256])",
        "one block of 256 threads, a row each",
    ),
    Mistake(
        "rows-up-to-1024",
        "arrays:pool",
        "dy.T.dot(x)",
        "dy[:1024].T.dot(x[:1024])",
        "one block of 1024 threads, a row each",
    ),
    # Narrow indices.
    _steps("step-as-uint8", "x[256:] = x[: max(len(x) - 256, 0)][: len(x[256:])]", "t wraps at 256"),
    _steps(
        "step-as-int8", "x[128:256] = x[: len(x[128:256])][::-1]", "t is negative from 128 on: counted from the end"
    ),
    Mistake(
        "lengths-as-int8",
        "checks:checked_lengths",
        "array.astype(np.intp)",
        "np.maximum(array.astype(np.int8), 1).astype(np.intp)",
        "a length above 127 is negative",
    ),
    Mistake(
        "lengths-as-uint8",
        "checks:checked_lengths",
        "array.astype(np.intp)",
        "np.maximum(array.astype(np.uint8), 1).astype(np.intp)",
        "a length above 255 wraps",
    ),
    Mistake(
        "weight-index-as-uint8",
        "cells.rnn:Rnn.steps",
        'times_w_hh_T = product_with(params["weight_hh"].T, ',
        'w = params["weight_hh"]; times_w_hh_T = '
        "product_with(w.ravel()[np.arange(w.size).astype(np.uint8)].reshape(w.shape).T, ",
        "the offset in W_hh wraps at 256: seen from 17 units on",
    ),
    Mistake(
        "offset-as-int16",
        "unroll:forward",
        "x_rows = packing.pack(x)",
        "x_rows = packing.pack(x); x_rows = x_rows.reshape(-1)[np.arange(x_rows.size).astype(np.int16)]"
        ".reshape(x_rows.shape)",
        "the offset in x is negative from 32768 on",
    ),
    Mistake(
        "weight-index-as-uint16",
        "cells.rnn:Rnn.steps_backward",
        'times_w_hh = product_with(params["weight_hh"], ',
        'w = params["weight_hh"]; times_w_hh = '
        "product_with(w.ravel()[np.arange(w.size).astype(np.uint16)].reshape(w.shape), ",
        "the offset in W_hh wraps at 65536: seen from 257 units on",
    ),
    Mistake(
        "class-as-int4",
        "divergences:_one_hot",
        "index[..., None]",
        "(index % 8)[..., None]",
        "a class of three bits and a sign: seen from 9 classes on",
    ),
    Mistake(
        "class-as-uint4",
        "divergences:_one_hot",
        "index[..., None]",
        "(index % 16)[..., None]",
        "a class of four bits: seen from 17 classes on",
    ),
    Mistake(
        "labels-up-to-8",
        "ctc:_paths",
        "B, S = target.shape",
        "target = target[:, :8]; B, S = target.shape",
        "a buffer for 8 labels",
    ),
)
