/*
 * The LSTM (15). Left, downwards, forward; right, upwards, what follows from each line backward (port.c). In a, and in
 * the rows of the weights, stand the blocks i, f, g, o. All are at t; h' is h(t-1), c' is c(t-1).
 *
 *     a = W_ih x + b_ih + W_hh h' + b_hh       dx = da W_ih         dW_ih += daᵀ x     db_ih += da
 *                                              dh' = da W_hh        dW_hh += daᵀ h'    db_hh += da
 *     i, f, o = σ(a_i), σ(a_f), σ(a_o)         da_i = di i (1-i)    da_f = df f (1-f)  da_o = do o (1-o)
 *     g = tanh(a_g)                            da_g = dg (1-g²)
 *     c = f c' + i g                           df = dc c'           di = dc g          dg = dc i          dc' = dc f
 *     m = o tanh(c)                            do = dm tanh(c)      dc = dm o (1-tanh²(c)) + carry of c
 *     h = W_hr m, without a projection m       dm = dh W_hr         dW_hr += dhᵀ m     (dm = dh)
 *
 * dh' and dc' are the carries that step t leaves; d_h_n and d_c_n those that the last step finds.
 */
#ifndef LSTM_H
#define LSTM_H

#include "cell.h"

static void lstm(const Case *k, const Weights *w, Column v)
{
    size_t H = k->H;
    const real *a_i = v.a, *a_f = v.a + H, *a_g = v.a + 2 * H, *a_o = v.a + 3 * H;
    linear(w->ih, v.x, v.a);
    linear(w->hh, v.h_prev, v.a);
    for (size_t j = 0; j < H; j++) {
        real i = sigmoid(a_i[j]), f = sigmoid(a_f[j]), g = tanh(a_g[j]), o = sigmoid(a_o[j]);
        v.c[j] = f * v.c_prev[j] + i * g;
        v.m[j] = o * tanh(v.c[j]); /* without a projection m and h are the same memory */
    }
    if (k->projected) linear(w->hr, v.m, v.h);
}

static void lstm_backward(const Case *k, const Weights *w, Column v, Column d)
{
    size_t H = k->H;
    const real *a_i = v.a, *a_f = v.a + H, *a_g = v.a + 2 * H, *a_o = v.a + 3 * H;
    real *da_i = d.a, *da_f = d.a + H, *da_g = d.a + 2 * H, *da_o = d.a + 3 * H;
    if (k->projected) linear_backward(w->hr, v.m, d.h, d.m);
    for (size_t j = 0; j < H; j++) {
        real i = sigmoid(a_i[j]), f = sigmoid(a_f[j]), g = tanh(a_g[j]), o = sigmoid(a_o[j]), tanh_c = tanh(v.c[j]);
        real do_ = d.m[j] * tanh_c; /* m = o tanh(c); dc has its carry already */
        d.c[j] += d.m[j] * o * (1 - tanh_c * tanh_c);
        real df = d.c[j] * v.c_prev[j], di = d.c[j] * g, dg = d.c[j] * i; /* c = f c' + i g */
        d.c_prev[j] = d.c[j] * f;
        da_i[j] = di * (i * (1 - i));
        da_f[j] = df * (f * (1 - f));
        da_g[j] = dg * (1 - g * g);
        da_o[j] = do_ * (o * (1 - o));
    }
    linear_backward(w->hh, v.h_prev, d.a, d.h_prev);
    linear_backward(w->ih, v.x, d.a, d.x);
}

#endif
