/*
 * What the cells in rnn.h, gru.h and lstm.h are made of: products with weights and scalar activations, each with its
 * adjoint. A cell is a step, which fills the values v of one column, and its adjoint, which fills the gradients d. The
 * adjoint finds dh(t), complete, in d.h, and leaves its share of dh(t-1), the carry, in d.h_prev; of dc(t) it finds
 * what step t+1 has left. Everything else is 0 before, and added to. Numbers in comments are clauses of SPEC.md.
 */
#ifndef CELL_H
#define CELL_H

#include <tgmath.h> /* tanh of a float is tanhf */
#undef I            /* the input size here, not the imaginary unit */

#include "case.h"

/* ---- Products (3.1, 5.5) ---------------------------------------------------------------------------------------- */

/* y += W x + b. */
static void linear(Linear l, const real *x, real *y)
{
    for (size_t i = 0; i < l.to; i++) {
        real sum = l.b ? l.b[i] : 0;
        for (size_t j = 0; j < l.from; j++) sum += l.w[i * l.from + j] * x[j];
        y[i] += sum;
    }
}

/* dx += dy W    dW += dyᵀ x    db += dy. */
static void linear_backward(Linear l, const real *x, const real *dy, real *dx)
{
    for (size_t i = 0; i < l.to; i++) {
        for (size_t j = 0; j < l.from; j++) {
            dx[j] += dy[i] * l.w[i * l.from + j];
            l.dw[i * l.from + j] += dy[i] * x[j];
        }
        l.db[i] += dy[i];
    }
}

/* Some of its rows: the blocks of some of the gates (12.2). */
static Linear rows(Linear l, size_t first, size_t count)
{
    l.to = count;
    l.w += first * l.from;
    l.dw += first * l.from;
    if (l.b) l.b += first;
    l.db += first;
    return l;
}

/* ---- Scalar activations (2.2 to 2.5) ---------------------------------------------------------------------------- */

static real sigmoid(real z)
{
    real e = exp(-fabs(z)); /* never overflows (2.4) */
    return z > 0 ? 1 / (1 + e) : e / (1 + e);
}

static real scalar_activation(const char *f, real z)
{
    if (is(f, "identity")) return z;
    if (is(f, "tanh")) return tanh(z);
    if (is(f, "relu")) return z <= 0 ? 0 : z;
    if (is(f, "sigmoid")) return sigmoid(z);
    if (is(f, "softplus")) return (z > 0 ? z : 0) + log1p(exp(-fabs(z)));
    fail("unknown activation", f);
}

/* dy f'(z), with the slope as a function of y (2.3 to 2.5). */
static real times_slope(const char *f, real dy, real y)
{
    if (is(f, "identity")) return dy;
    if (is(f, "tanh")) return dy * (1 - y * y);
    if (is(f, "relu")) return y <= 0 ? 0 : dy; /* a gate: inf · 0 would be NaN */
    if (is(f, "sigmoid")) return dy * (y * (1 - y));
    if (is(f, "softplus")) return dy * -expm1(-y);
    fail("unknown activation", f);
}

#endif
