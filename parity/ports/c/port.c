/*
 * The recurrent network of SPEC.md in C11: forward, every intermediate, backward, for one dtype, float64 or float32.
 *
 *     cc -std=c11 -O2 -Dfloat64 -o port-float64 port.c -lm
 *
 * A template for ports: plain loops, no dependencies. The mathematics stands here. What a case is, its files, the
 * conversation with the checker and memory stand in case.h. Numbers in comments are clauses of SPEC.md.
 *
 * Left, downwards, what is computed forward, for t from 0 to T-1 (3). Beside each line what follows from it backward,
 * upwards, for t from T-1 to 0 (5). Vectors are the rows of one sequence; dX is ∂DIV/∂X in the shape of X; += is summed
 * over all steps and sequences; carry is what step t+1 has left for h(t), at the last step d_h_n, after step 0 dh(-1).
 *
 *     a(t) = W_ih x(t) + b_ih + W_hh h(t-1) + b_hh     dx(t) = da(t) W_ih    dW_ih += da(t)ᵀ x(t)     db_ih += da(t)
 *                                                      carry = da(t) W_hh    dW_hh += da(t)ᵀ h(t-1)   db_hh += da(t)
 *     h(t) = f(a(t))                                   da(t) = dh(t) f'(a(t))
 *                                                      dh(t) = d_output(t) + carry
 *     z(t) = W2 h(t) + b2                              d_output(t) = dz(t) W2    dW2 += dz(t)ᵀ h(t)    db2 += dz(t)
 *     y(t) = f2(z(t))                                  dz(t) = dy(t) J(t), J[j, i] = ∂y_j/∂z_i
 *     DIV(y(0..T-1), desired)                          dy(t) = ∂DIV/∂y(t)
 *
 * In a stack, x(t) of a layer is h(t) of the layer below it, where its dx(t) arrives in place of d_output(t) (4.5, 5.7).
 */
#include <string.h>
#include <tgmath.h> /* tanh of a float is tanhf */
#undef I            /* the input size here, not the imaginary unit */

#include "case.h"

/* ---- Activations (2) -------------------------------------------------------------------------------------------- */

static real sigmoid(real z)
{
    real e = exp(-fabs(z)); /* never overflows (2.4) */
    return z > 0 ? 1 / (1 + e) : e / (1 + e);
}

static real largest(const real *z, size_t n)
{
    real m = z[0];
    for (size_t i = 1; i < n; i++)
        if (z[i] > m) m = z[i];
    return m;
}

/* log sum exp, shifted by the maximum (2.8, 2.9). */
static real log_sum_exp(const real *z, size_t n)
{
    real m = largest(z, n), sum = 0;
    for (size_t i = 0; i < n; i++) sum += exp(z[i] - m);
    return m + log(sum);
}

static void softmax(const real *z, real *y, size_t n)
{
    real m = largest(z, n), sum = 0;
    for (size_t i = 0; i < n; i++) sum += y[i] = exp(z[i] - m);
    for (size_t i = 0; i < n; i++) y[i] /= sum;
}

/* log_softmax: the maximum is subtracted before the logarithm of the sum (2.8). */
static void log_softmax(const real *z, real *y, size_t n)
{
    real m = largest(z, n), sum = 0;
    for (size_t i = 0; i < n; i++) sum += exp(z[i] - m);
    for (size_t i = 0; i < n; i++) y[i] = (z[i] - m) - log(sum);
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

/* y = f(z), the vector of one step (2.2, 2.6). */
static void activate(const char *f, const real *z, real *y, size_t n)
{
    if (is(f, "softmax")) softmax(z, y, n);
    else if (is(f, "log_softmax")) log_softmax(z, y, n);
    else
        for (size_t i = 0; i < n; i++) y[i] = scalar_activation(f, z[i]);
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

/* dz = dy J, the vector of one step (2.2, 2.6 to 2.8). */
static void activate_backward(const char *f, const real *dy, const real *y, real *dz, size_t n)
{
    real sum = 0;
    if (is(f, "softmax")) {
        for (size_t j = 0; j < n; j++) sum += dy[j] * y[j];
        for (size_t i = 0; i < n; i++) dz[i] = y[i] * (dy[i] - sum);
    } else if (is(f, "log_softmax")) {
        for (size_t j = 0; j < n; j++) sum += dy[j];
        for (size_t i = 0; i < n; i++) dz[i] = dy[i] - exp(y[i]) * sum;
    } else
        for (size_t i = 0; i < n; i++) dz[i] = times_slope(f, dy[i], y[i]);
}

/* ---- One layer, one direction (3, 5) ---------------------------------------------------------------------------- */

/* Which t a direction reads at step s of sequence b (4.2). */
static size_t reads(const Case *c, const Direction *d, size_t s, size_t b)
{
    return d->reverse ? (size_t)c->length[b] - 1 - s : s;
}

/* Whether a sequence has this step; the others are padding (6.1). */
static bool is_real(const Case *c, size_t t, size_t b) { return (int64_t)t < c->length[b]; }

static void forward(const Case *c, Direction *d, const real *series, const real *h0)
{
    size_t B = c->B, H = c->H, F = d->F;
    d->x = reals(c->T * B * F);
    d->a = reals(c->T * B * H);
    d->h = reals((c->T + 1) * B * H);
    memcpy(d->h, h0, B * H * sizeof(real));
    for (size_t s = 0; s < c->T; s++)
        for (size_t b = 0; b < B; b++) {
            if (!is_real(c, s, b)) continue; /* padding is not read, and stays 0 (6.2, 6.5) */
            real *x = d->x + (s * B + b) * F, *a = d->a + (s * B + b) * H;
            real *h_prev = d->h + (s * B + b) * H, *h = h_prev + B * H;
            memcpy(x, series + (reads(c, d, s, b) * B + b) * F, F * sizeof(real));
            for (size_t i = 0; i < H; i++) { /* 3.1: a(t) = W_ih x(t) + b_ih + W_hh h(t-1) + b_hh, h(t) = f(a(t)) */
                real sum = c->bias ? d->b_ih[i] + d->b_hh[i] : 0;
                for (size_t j = 0; j < F; j++) sum += d->w_ih[i * F + j] * x[j];
                for (size_t j = 0; j < H; j++) sum += d->w_hh[i * H + j] * h_prev[j];
                a[i] = sum;
                h[i] = scalar_activation(c->nonlinearity, sum);
            }
        }
}

/* above: what arrives at h from above (T, B, H), in reading order; d_h_n (B, H); dh0 (B, H) is written. */
static void backward(const Case *c, Direction *d, const real *above, const real *d_h_n, real *dh0)
{
    size_t B = c->B, H = c->H, F = d->F;
    real *carry = dh0; /* after step 0 it is dh(-1) (5.4) */
    d->dh = reals(c->T * B * H);
    d->da = reals(c->T * B * H);
    d->dx = reals(c->T * B * F);
    d->dw_ih = reals(H * F);
    d->dw_hh = reals(H * H);
    d->db = reals(H);
    for (size_t s = c->T; s-- > 0;) {
        if (c->truncate && (s + 1) % c->truncate == 0) memset(carry, 0, B * H * sizeof(real)); /* 7.1 */
        for (size_t b = 0; b < B; b++) {
            if (!is_real(c, s, b)) continue;
            const real *x = d->x + (s * B + b) * F, *h_prev = d->h + (s * B + b) * H, *h = h_prev + B * H;
            real *dh = d->dh + (s * B + b) * H, *da = d->da + (s * B + b) * H, *dx = d->dx + (s * B + b) * F;
            bool last = !is_real(c, s + 1, b); /* of the sequence, not of the batch (6.4) */
            for (size_t i = 0; i < H; i++) { /* h(t) is read above, by a(t+1), and at the last step by h_n */
                dh[i] = above[(s * B + b) * H + i] + carry[b * H + i] + (last ? d_h_n[b * H + i] : 0);
                da[i] = times_slope(c->nonlinearity, dh[i], h[i]); /* h(t) = f(a(t)) */
                carry[b * H + i] = 0;
            }
            for (size_t i = 0; i < H; i++) { /* a(t) = W_ih x(t) + b_ih + W_hh h(t-1) + b_hh */
                for (size_t j = 0; j < H; j++) {
                    carry[b * H + j] += da[i] * d->w_hh[i * H + j];
                    d->dw_hh[i * H + j] += da[i] * h_prev[j];
                }
                for (size_t j = 0; j < F; j++) {
                    dx[j] += da[i] * d->w_ih[i * F + j];
                    d->dw_ih[i * F + j] += da[i] * x[j];
                }
                d->db[i] += da[i];
            }
        }
    }
}

/* ---- The stack (4, 5.6, 5.7) ------------------------------------------------------------------------------------ */

/* Drops elements of a series, in place, and scales the others; its own adjoint (4.6, 5.7). */
static void drop(const Case *c, const unsigned char *kept, real *series)
{
    for (size_t i = 0; i < c->T * c->B * c->D * c->H; i++)
        series[i] = kept[i] && c->dropout < 1 ? series[i] / (real)(1 - c->dropout) : 0;
}

/* Runs every layer; returns the output (T, B, D·H), and fills h_n (L·D, B, H). */
static real *stack_forward(const Case *c, Direction *stack, const real *x, const real *h0, const unsigned char *masks,
                           real *h_n)
{
    size_t B = c->B, H = c->H, DH = c->D * H;
    const real *series = x;
    real *output = NULL;
    for (size_t l = 0; l < c->L; l++, series = output) {
        output = reals(c->T * B * DH);
        for (size_t k = 0; k < c->D; k++) {
            Direction *d = &stack[l * c->D + k];
            size_t row = (l * c->D + k) * B * H;
            forward(c, d, series, h0 + row);
            for (size_t b = 0; b < B; b++) {
                memcpy(h_n + row + b * H, d->h + ((size_t)c->length[b] * B + b) * H, H * sizeof(real)); /* 6.4 */
                for (size_t s = 0; is_real(c, s, b); s++)                                                  /* 4.1 */
                    memcpy(output + (reads(c, d, s, b) * B + b) * DH + k * H, d->h + ((s + 1) * B + b) * H,
                           H * sizeof(real));
            }
        }
        if (masks != NULL && l + 1 < c->L) drop(c, masks + l * c->T * B * DH, output);
    }
    return output;
}

/* Runs every layer backward; d_output (T, B, D·H). Returns dx (T, B, I), and fills dh0 (L·D, B, H). */
static real *stack_backward(const Case *c, Direction *stack, const real *d_output, const real *d_h_n,
                            const unsigned char *masks, real *dh0)
{
    size_t B = c->B, H = c->H, DH = c->D * H;
    const real *from_above = d_output;
    real *dx = NULL;
    for (size_t l = c->L; l-- > 0; from_above = dx) {
        size_t F = stack[l * c->D].F;
        dx = reals(c->T * B * F);
        for (size_t k = 0; k < c->D; k++) {
            Direction *d = &stack[l * c->D + k];
            size_t row = (l * c->D + k) * B * H;
            real *above = reals(c->T * B * H);
            for (size_t b = 0; b < B; b++) /* its own features, in its reading order (5.6) */
                for (size_t s = 0; is_real(c, s, b); s++)
                    memcpy(above + (s * B + b) * H, from_above + (reads(c, d, s, b) * B + b) * DH + k * H,
                           H * sizeof(real));
            backward(c, d, above, d_h_n + row, dh0 + row);
            for (size_t b = 0; b < B; b++) /* x is read by both directions (5.6) */
                for (size_t s = 0; is_real(c, s, b); s++)
                    for (size_t j = 0; j < F; j++)
                        dx[(reads(c, d, s, b) * B + b) * F + j] += d->dx[(s * B + b) * F + j];
        }
        if (masks != NULL && l > 0) drop(c, masks + (l - 1) * c->T * B * DH, dx);
    }
    return dx;
}

/* ---- Divergences (8) -------------------------------------------------------------------------------------------- */

/* One step: its divergence, and the gradient dy of it. A term whose factor is 0 is 0 (8.5). */
static real divergence(const Case *c, const real *y, const real *desired, real *dy)
{
    const char *name = c->divergence;
    size_t n = c->O;
    real div = 0, total = 0;
    if (is(name, "softmax_cross_entropy")) { /* 8.6 */
        real *log_y = reals(n);
        log_softmax(y, log_y, n);
        for (size_t i = 0; i < n; i++) total += desired[i];
        for (size_t i = 0; i < n; i++) {
            if (desired[i] != 0) div -= desired[i] * log_y[i];
            dy[i] = exp(log_y[i]) * total - desired[i];
        }
        return div;
    }
    for (size_t i = 0; i < n; i++) {
        real yi = y[i], di = desired[i], not_di = 1 - di;
        if (is(name, "squared_error")) {
            div += (yi - di) * (yi - di) / 2;
            dy[i] = yi - di;
        } else if (is(name, "negative_log_likelihood")) {
            if (di != 0) div -= di * yi;
            dy[i] = -di;
        } else { /* cross_entropy, kl, binary_cross_entropy */
            if (di != 0) div -= di * log(yi);
            dy[i] = di != 0 ? -di / yi : 0;
            if (is(name, "kl") && di != 0) div += di * log(di);
            if (is(name, "binary_cross_entropy") && not_di != 0) {
                div -= not_di * log(1 - yi);
                dy[i] += not_di / (1 - yi);
            }
        }
    }
    return div;
}

/* What each step counts for: 0 at padding; divided by their sum for a mean over steps (8.4). */
static real *step_weights(const Case *c)
{
    size_t n = c->T * c->B;
    real *weights = reals(n), sum = 0;
    bool given = flag(c->text, "weights"), mean = is(c->reduction, "mean") && !is(c->target, "sequence");
    if (given) weights = time_major(c, read_reals(c, "weights", n), sizeof(real));
    for (size_t i = 0; i < n; i++) {
        if (!is_real(c, i / c->B, i % c->B)) weights[i] = 0;
        else if (!given) weights[i] = 1;
        sum += weights[i];
    }
    for (size_t i = 0; i < n && mean; i++) weights[i] /= sum;
    return weights;
}

/* A sum over steps (8.2): returns DIV, and fills dy. */
static real local_divergence(const Case *c, const real *y, real *dy)
{
    real *weights = step_weights(c), *desired = read_desired(c, weights), div = 0;
    for (size_t i = 0; i < c->T * c->B; i++) {
        if (weights[i] == 0) continue;
        div += weights[i] * divergence(c, y + i * c->O, desired + i * c->O, dy + i * c->O);
        for (size_t k = 0; k < c->O; k++) dy[i * c->O + k] *= weights[i];
    }
    return div;
}

/* The cross-entropy of the mean over the steps of each sequence (8.7): returns DIV, and fills dy. */
static real mean_pooled_cross_entropy(const Case *c, const real *y, real *dy)
{
    real *weights = step_weights(c), div = 0;
    int64_t *label = read_integers(c, "target", c->B);
    real v = is(c->reduction, "mean") ? 1 / (real)c->B : 1;
    for (size_t b = 0; b < c->B; b++) {
        real *pooled = reals(c->O), *p = reals(c->O), sum = 0;
        size_t wanted = class_index(c, label[b]);
        for (size_t t = 0; t < c->T; t++) sum += weights[t * c->B + b];
        for (size_t t = 0; t < c->T; t++) {
            size_t i = t * c->B + b;
            for (size_t k = 0; k < c->O && weights[i] != 0; k++) pooled[k] += weights[i] * y[i * c->O + k] / sum;
        }
        div += v * (log_sum_exp(pooled, c->O) - pooled[wanted]);
        softmax(pooled, p, c->O);
        for (size_t t = 0; t < c->T; t++) {
            size_t i = t * c->B + b;
            for (size_t k = 0; k < c->O; k++)
                dy[i * c->O + k] = v * weights[i] / sum * (p[k] - (k == wanted ? 1 : 0));
        }
    }
    return div;
}

/* ---- The output layer (3.5, 5.8) -------------------------------------------------------------------------------- */

/* From the output of the stack to DIV and back: writes z, y, div and their gradients; returns d_output (T, B, D·H). */
static real *output_layer(const Case *c, const real *h)
{
    size_t n = c->T * c->B, O = c->O, F = c->D * c->H;
    real *weight = read_reals(c, "output.weight", O * F), *bias = read_reals(c, "output.bias", O);
    real *z = reals(n * O), *y = reals(n * O), *dy = reals(n * O), *dz = reals(n * O);
    real *d_weight = reals(O * F), *d_bias = reals(O), *d_output = reals(n * F);
    for (size_t r = 0; r < n; r++) { /* the row of a step and a sequence */
        for (size_t i = 0; i < O; i++) { /* z(t) = W2 h(t) + b2, y(t) = f2(z(t)) */
            z[r * O + i] = bias[i];
            for (size_t j = 0; j < F; j++) z[r * O + i] += weight[i * F + j] * h[r * F + j];
        }
        activate(c->activation, z + r * O, y + r * O, O);
    }
    bool pooled = is(c->divergence, "mean_pooled_cross_entropy");
    real div = pooled ? mean_pooled_cross_entropy(c, y, dy) : local_divergence(c, y, dy);
    for (size_t r = 0; r < n; r++) {
        activate_backward(c->activation, dy + r * O, y + r * O, dz + r * O, O); /* y(t) = f2(z(t)) */
        for (size_t i = 0; i < O; i++) { /* z(t) = W2 h(t) + b2 */
            real dzi = dz[r * O + i];
            for (size_t j = 0; j < F; j++) {
                d_weight[i * F + j] += dzi * h[r * F + j];
                d_output[r * F + j] += dzi * weight[i * F + j];
            }
            d_bias[i] += dzi;
        }
    }
    write_series(c, "z", z, O);
    write_series(c, "y", y, O);
    write_array(c, "div", &div, 0, NULL);
    write_series(c, "d_y", dy, O);
    write_series(c, "d_z", dz, O);
    write_series(c, "d_output", d_output, F);
    write_array(c, "d_output.weight", d_weight, 2, (size_t[]){O, F});
    write_array(c, "d_output.bias", d_bias, 1, &O);
    return d_output;
}

/* ---- A case, whole (10.5) --------------------------------------------------------------------------------------- */

/* Computes a case, forward and back, and writes what it asks for; returns the line that answers it. */
static const char *answer(Case *c)
{
    if (is(c->divergence, "ctc")) return "skip ctc";
    size_t n = c->T * c->B, states = c->L * c->D * c->B * c->H, DH = c->D * c->H;
    c->length = read_lengths(c);
    const unsigned char *masks = NULL;
    if (flag(c->text, "dropout_masks")) masks = read_array(c, "dropout_masks", "'|b1'", 1, (c->L - 1) * n * DH);
    real *x = time_major(c, read_reals(c, "x", n * c->I), c->I * sizeof(real));
    Direction *stack = read_parameters(c);

    real *h_n = reals(states), *dh0 = reals(states);
    real *output = stack_forward(c, stack, x, given_or_zeros(c, "h0", states), masks, h_n);
    real *d_output = c->O ? output_layer(c, output)
                          : time_major(c, given_or_zeros(c, "d_output", n * DH), DH * sizeof(real));
    real *dx = stack_backward(c, stack, d_output, given_or_zeros(c, "d_h_n", states), masks, dh0);

    for (size_t i = 0; i < c->L * c->D; i++) write_direction(c, &stack[i]);
    write_series(c, "output", output, DH);
    write_states(c, "h_n", h_n);
    write_series(c, "d_x", dx, c->I);
    write_states(c, "d_h0", dh0);
    return "ok";
}

int main(void)
{
    converse(answer);
    return 0;
}
