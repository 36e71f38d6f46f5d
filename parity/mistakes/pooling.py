"""Pooled gradients: sums over steps and sequences."""

from parity.mistakes.mistake import Mistake

MISTAKES = (
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
)
