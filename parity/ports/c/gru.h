/*
 * The GRU (13, 14), with two places of its reset gate. Left, downwards, forward; right, upwards, what follows from each
 * line backward (port.c). In a, and in the rows of the weights, stand the blocks r, z, n. All are at t; h' is h(t-1).
 *
 *     a_r = W_ir x + b_ir + W_hr h' + b_hr     dx += da_r W_ir    dh' += da_r W_hr    dW_hr += da_rᵀ h'  db_hr += da_r
 *     a_z = W_iz x + b_iz + W_hz h' + b_hz     dx += da_z W_iz    dh' += da_z W_hz    dW_hz += da_zᵀ h'  db_hz += da_z
 *     r = σ(a_r)     z = σ(a_z)                da_r = dr r (1-r)  da_z = dz z (1-z)
 *
 *     reset after, as in torch:
 *     q = W_hn h' + b_hn                       dh' += dq W_hn     dW_hn += dqᵀ h'     db_hn += dq
 *     a_n = W_in x + b_in + r q                dq = da_n r        dr = da_n q         dx += da_n W_in
 *
 *     reset before, as in Cho's paper:
 *     s = r h'                                 dr = ds h'         dh' += ds r
 *     a_n = W_in x + b_in + W_hn s + b_hn      ds = da_n W_hn     dW_hn += da_nᵀ s    db_hn += da_n    dx += da_n W_in
 *
 *     n = tanh(a_n)                            da_n = dn (1-n²)
 *     h = n + z (h' - n)                       dn = dh (1-z)      dz = dh (h'-n)      dh' += dh z
 *
 * dh' is the carry; dW_i += daᵀ x and db_i += da in every block. Only after do db_ih and db_hh differ: in n.
 */
#ifndef GRU_H
#define GRU_H

#include "cell.h"

static void gru_after(const Case *c, const Weights *w, Column v)
{
    size_t H = c->H;
    real *a_r = v.a, *a_z = v.a + H, *a_n = v.a + 2 * H;
    linear(w->ih, v.x, v.a);
    linear(rows(w->hh, 0, 2 * H), v.h_prev, v.a); /* a_r and a_z */
    linear(rows(w->hh, 2 * H, H), v.h_prev, v.q);
    for (size_t i = 0; i < H; i++) {
        real r = sigmoid(a_r[i]), z = sigmoid(a_z[i]);
        a_n[i] += r * v.q[i];
        real n = tanh(a_n[i]);
        v.h[i] = n + z * (v.h_prev[i] - n);
    }
}

static void gru_after_backward(const Case *c, const Weights *w, Column v, Column d)
{
    size_t H = c->H;
    const real *a_r = v.a, *a_z = v.a + H, *a_n = v.a + 2 * H;
    real *da_r = d.a, *da_z = d.a + H, *da_n = d.a + 2 * H;
    for (size_t i = 0; i < H; i++) {
        real r = sigmoid(a_r[i]), z = sigmoid(a_z[i]), n = tanh(a_n[i]);
        real dn = d.h[i] * (1 - z), dz = d.h[i] * (v.h_prev[i] - n); /* h = n + z (h' - n) */
        d.h_prev[i] += d.h[i] * z;
        da_n[i] = dn * (1 - n * n);
        d.q[i] = da_n[i] * r; /* a_n = W_in x + b_in + r q */
        real dr = da_n[i] * v.q[i];
        da_r[i] = dr * (r * (1 - r));
        da_z[i] = dz * (z * (1 - z));
    }
    linear_backward(rows(w->hh, 2 * H, H), v.h_prev, d.q, d.h_prev);
    linear_backward(rows(w->hh, 0, 2 * H), v.h_prev, d.a, d.h_prev);
    linear_backward(w->ih, v.x, d.a, d.x);
}

static void gru_before(const Case *c, const Weights *w, Column v)
{
    size_t H = c->H;
    real *a_r = v.a, *a_z = v.a + H, *a_n = v.a + 2 * H;
    linear(w->ih, v.x, v.a);
    linear(rows(w->hh, 0, 2 * H), v.h_prev, v.a); /* a_r and a_z */
    for (size_t i = 0; i < H; i++) v.s[i] = sigmoid(a_r[i]) * v.h_prev[i];
    linear(rows(w->hh, 2 * H, H), v.s, a_n);
    for (size_t i = 0; i < H; i++) {
        real z = sigmoid(a_z[i]), n = tanh(a_n[i]);
        v.h[i] = n + z * (v.h_prev[i] - n);
    }
}

static void gru_before_backward(const Case *c, const Weights *w, Column v, Column d)
{
    size_t H = c->H;
    const real *a_r = v.a, *a_z = v.a + H, *a_n = v.a + 2 * H;
    real *da_r = d.a, *da_z = d.a + H, *da_n = d.a + 2 * H;
    for (size_t i = 0; i < H; i++) {
        real z = sigmoid(a_z[i]), n = tanh(a_n[i]);
        real dn = d.h[i] * (1 - z), dz = d.h[i] * (v.h_prev[i] - n); /* h = n + z (h' - n) */
        d.h_prev[i] += d.h[i] * z;
        da_n[i] = dn * (1 - n * n);
        da_z[i] = dz * (z * (1 - z));
    }
    linear_backward(rows(w->hh, 2 * H, H), v.s, da_n, d.s);
    for (size_t i = 0; i < H; i++) {
        real r = sigmoid(a_r[i]), dr = d.s[i] * v.h_prev[i]; /* s = r h' */
        d.h_prev[i] += d.s[i] * r;
        da_r[i] = dr * (r * (1 - r));
    }
    linear_backward(rows(w->hh, 0, 2 * H), v.h_prev, d.a, d.h_prev);
    linear_backward(w->ih, v.x, d.a, d.x);
}

#endif
