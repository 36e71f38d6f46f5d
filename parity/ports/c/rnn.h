/*
 * The simple cell (3.1, 5.2). Left, downwards, forward; right, upwards, what follows from each line backward (port.c).
 *
 *     a(t) = W_ih x(t) + b_ih + W_hh h(t-1) + b_hh     dx(t) = da(t) W_ih    dW_ih += da(t)ᵀ x(t)     db_ih += da(t)
 *                                                      carry = da(t) W_hh    dW_hh += da(t)ᵀ h(t-1)   db_hh += da(t)
 *     h(t) = f(a(t))                                   da(t) = dh(t) f'(a(t))
 */
#ifndef RNN_H
#define RNN_H

#include "cell.h"

static void rnn(const Case *c, const Weights *w, Column v)
{
    linear(w->ih, v.x, v.a);
    linear(w->hh, v.h_prev, v.a);
    for (size_t i = 0; i < c->H; i++) v.h[i] = scalar_activation(c->nonlinearity, v.a[i]);
}

static void rnn_backward(const Case *c, const Weights *w, Column v, Column d)
{
    for (size_t i = 0; i < c->H; i++) d.a[i] = times_slope(c->nonlinearity, d.h[i], v.h[i]);
    linear_backward(w->hh, v.h_prev, d.a, d.h_prev);
    linear_backward(w->ih, v.x, d.a, d.x);
}

#endif
