"""Pooled gradients: sums over steps and sequences."""

from parity.mistakes.mistake import Mistake

MISTAKES = (
    Mistake(
        "dw-hh-with-h-t",
        "cells.rnn:Rnn.pool",
        'columns.previous("h")',
        'columns.rows("h")',
        "da(t)ᵀ h(t) for da(t)ᵀ h(t-1)",
        met="VikParuchuri/zero_to_gpt#9",
    ),
    Mistake(
        "dw-hh-first-step-lost",
        "cells.rnn:Rnn.pool",
        'pool(da, columns.previous("h"))',
        'pool(da[d.packing.B :], columns.previous("h")[d.packing.B :])',
        "the sum begins at t = 1: h(-1) is no step",
    ),
    Mistake(
        "dw-hh-transposed",
        "cells.rnn:Rnn.pool",
        'pool(da, columns.previous("h"))',
        'pool(columns.previous("h"), da)',
        "(from, to) for (to, from)",
    ),
    Mistake(
        "dw-ih-overwritten",
        "cells.rnn:Rnn.pool",
        "pool(da, columns.x_rows)",
        "pool(da[: d.packing.B], columns.x_rows[: d.packing.B])",
        "'=' for '+=' in the loop: the step that came last, t = 0, is left",
        met="tensorflow/swift-apis#518",
    ),
    Mistake(
        "dw-hh-last-step-only",
        "cells.rnn:Rnn.pool",
        'pool(da, columns.previous("h"))',
        'pool(da[d.packing.last()], columns.previous("h")[d.packing.last()])',
        "only the last step counts",
    ),
    Mistake(
        "db-from-the-first-row",
        "cells.rnn:Rnn.pool",
        "da.sum(axis=0)",
        "da[0].copy()",
        "no sum over time and batch",
    ),
    Mistake(
        "db-mean",
        "cells.rnn:Rnn.pool",
        "da.sum(axis=0)",
        "da.sum(axis=0) / max(len(da), 1)",
        "a mean over the rows for a sum",
    ),
    Mistake("db-hh-missing", "cells.rnn:Rnn.pool", "db.copy()", "db * 0", "the second bias is not learnt"),
    Mistake(
        "gradients-divided-by-batch",
        "cells.rnn:Rnn.pool",
        'da = d.rows("a")',
        'da = d.rows("a") / max(d.packing.B, 1)',
        "a mean over the batch that belongs to the divergence",
    ),
    Mistake(
        "pooled-in-float32",
        "arrays:pool",
        "dy.T.dot(x)",
        "dy.T.astype(np.float32).dot(x.astype(np.float32)).astype(dy.dtype)",
        "float32 accumulators in a float64 network",
    ),
    Mistake(
        "accumulators-not-zeroed",
        "arrays:pool",
        "return dy.T.dot(x)",
        "kept = pool.__dict__; key = dy.shape + x.shape; kept[key] = kept.get(key, 0) + dy.T.dot(x); return kept[key]",
        "gradients added to those of the last call: seen by calling twice",
    ),
    Mistake(
        "dx-transposed-where-square",
        "cells.rnn:Rnn.pool",
        'da.dot(params["weight_ih"], d.x_rows)',
        'w = params["weight_ih"]; da.dot(w if w.shape[0] != w.shape[1] else w.T, d.x_rows)',
        "da W_ihᵀ for da W_ih: only I = H lets it pass the shapes",
    ),
)
