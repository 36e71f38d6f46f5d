/*
 * The recurrent network of SPEC.md in C11: forward, every intermediate, backward, for one dtype, float64 or float32.
 *
 *     cc -std=c11 -O2 -Dfloat64 -o port-float64 port.c -lm
 *
 * A template for ports: plain loops, no dependencies. The mathematics of a cell, a column of the unrolled network, is
 * in rnn.h, gru.h and lstm.h, each made of what cell.h has; all the rest stands here. What a case is, its files, the
 * conversation with the checker and memory stand in case.h. Numbers in comments are clauses of SPEC.md.
 *
 * Left, downwards, what is computed forward, for t from 0 to T-1 (3). Beside each line what follows from it backward,
 * upwards, for t from T-1 to 0 (5). Vectors are the rows of one sequence; dX is ∂DIV/∂X in the shape of X; += is summed
 * over all that reads X, of weights over all steps and sequences; carry is what step t+1 has left for h(t), at the last
 * step d_h_n, after step 0 dh(-1). An LSTM hands on c(t) too: nothing above reads it, its carry is of d_c_n.
 *
 *     h(t) from x(t), h(t-1)                           dx(t), carry, dW from dh(t)        rnn.h, gru.h, lstm.h
 *                                                      dh(t) = d_output(t) + carry
 *     z(t) = W2 h(t) + b2                              d_output(t) = dz(t) W2    dW2 += dz(t)ᵀ h(t)    db2 += dz(t)
 *     y(t) = f2(z(t))                                  dz(t) = dy(t) J(t), J[j, i] = ∂y_j/∂z_i
 *     DIV(y(0..T-1), desired)                          dy(t) = ∂DIV/∂y(t)
 *
 * In a stack, x(t) of a layer is h(t) of the layer below it, where its dx(t) arrives in place of d_output(t) (4.5, 5.7).
 */
#include "case.h"
#include "cell.h"
#include "gru.h"
#include "lstm.h"
#include "rnn.h"

/* ---- The cells (3.1, 13, 14, 15) -------------------------------------------------------------------------------- */

typedef struct {
    const char *name, *reset; /* reset: "" of all but the GRU */
    size_t gates;
    void (*step)(const Case *, const Weights *, Column values);
    void (*step_backward)(const Case *, const Weights *, Column values, Column gradients);
} Cell;

static const Cell cells[] = {
    {"rnn", "", 1, rnn, rnn_backward},
    {"gru", "after", 3, gru_after, gru_after_backward},
    {"gru", "before", 3, gru_before, gru_before_backward},
    {"lstm", "", 4, lstm, lstm_backward},
};

static const Cell *find_cell(const Case *c)
{
    for (size_t i = 0; i < sizeof cells / sizeof *cells; i++)
        if (is(cells[i].name, c->cell) && is(cells[i].reset, c->reset)) return &cells[i];
    fail("unknown cell", join(c->cell, " ", c->reset, ""));
}

/* ---- One layer, one direction (3, 5) ---------------------------------------------------------------------------- */

/* What a column hands to the next, of one or of all layers and directions: h (·, B, P), and c (·, B, H) of an LSTM. */
typedef struct {
    real *h, *c;
} State;

/* Which t a direction reads at step s of sequence b (4.2). */
static size_t reads(const Case *c, const Direction *d, size_t s, size_t b)
{
    return d->reverse ? (size_t)c->length[b] - 1 - s : s;
}

/* Whether a sequence has this step; the others are padding (6.1). */
static bool is_real(const Case *c, size_t t, size_t b) { return (int64_t)t < c->length[b]; }

/* Where h_n of sequence b stands among its states, which begin with h(-1), and d_h_n among the carries (6.4). */
static size_t end(const Case *c, size_t b) { return (size_t)c->length[b] * c->B + b; }

/* series (T, B, F), in the order of t; before: h(-1), c(-1); after: h, c of the last step, written. */
static void forward(const Case *c, const Cell *cell, Direction *d, const real *series, State before, State after)
{
    size_t B = c->B, H = c->H, P = c->P, F = d->F;
    Column all = d->values = make_columns(c, d, false);
    memcpy(all.h_prev, before.h, B * P * sizeof(real));
    memcpy(all.c_prev, before.c, B * H * sizeof(real));
    for (size_t s = 0; s < c->T; s++)
        for (size_t b = 0; b < B; b++) {
            if (!is_real(c, s, b)) continue; /* padding is not read, and stays 0 (6.2, 6.5) */
            Column v = column(c, d, all, s * B + b);
            memcpy(v.x, series + (reads(c, d, s, b) * B + b) * F, F * sizeof(real));
            cell->step(c, &d->w, v);
        }
    for (size_t b = 0; b < B; b++) {
        memcpy(after.h + b * P, all.h_prev + end(c, b) * P, P * sizeof(real));
        memcpy(after.c + b * H, all.c_prev + end(c, b) * H, H * sizeof(real));
    }
}

/* above (T, B, D·P), at its features, in the order of t; d_after: d_h_n, d_c_n; d_before: dh(-1), dc(-1), written. */
static void backward(const Case *c, const Cell *cell, Direction *d, const real *above, State d_after, State d_before)
{
    size_t B = c->B, H = c->H, P = c->P;
    Column all = d->gradients = make_columns(c, d, true);
    for (size_t b = 0; b < B; b++) {
        memcpy(all.h_prev + end(c, b) * P, d_after.h + b * P, P * sizeof(real));
        memcpy(all.c_prev + end(c, b) * H, d_after.c + b * H, H * sizeof(real));
    }
    for (size_t s = c->T; s-- > 0;)
        for (size_t b = 0; b < B; b++) {
            if (!is_real(c, s, b)) continue;
            size_t r = s * B + b;
            Column v = column(c, d, d->values, r), g = column(c, d, all, r);
            const real *carry_h = all.h_prev + (r + B) * P, *carry_c = all.c_prev + (r + B) * H;
            memcpy(g.h, above + (reads(c, d, s, b) * B + b) * c->D * P, P * sizeof(real));
            bool cut = c->truncate && (s + 1) % c->truncate == 0 && is_real(c, s + 1, b); /* 7.1; never d_h_n, d_c_n */
            for (size_t i = 0; i < P && !cut; i++) g.h[i] += carry_h[i]; /* h(t) is read above and at t+1 */
            for (size_t i = 0; i < H && !cut; i++) g.c[i] = carry_c[i];  /* c(t) is read at t+1, and by h(t) */
            cell->step_backward(c, &d->w, v, g);
        }
    memcpy(d_before.h, all.h_prev, B * P * sizeof(real));
    memcpy(d_before.c, all.c_prev, B * H * sizeof(real));
}

/* ---- The stack (4, 5.6, 5.7) ------------------------------------------------------------------------------------ */

static State make_state(const Case *c)
{
    size_t count = c->L * c->D * c->B;
    return (State){reals(count * c->P), reals(count * c->H)};
}

static State read_state(const Case *c, const char *h, const char *of_c)
{
    size_t count = c->L * c->D * c->B;
    return (State){given_or_zeros(c, h, count * c->P), given_or_zeros(c, of_c, count * c->H)};
}

/* That of layer l in direction k, i = l·D + k (1.2). */
static State state_of(const Case *c, State all, size_t i)
{
    return (State){all.h + i * c->B * c->P, all.c + i * c->B * c->H};
}

/* Drops elements of a series, in place, and scales the others; its own adjoint (4.6, 5.7). */
static void drop(const Case *c, const unsigned char *kept, real *series)
{
    for (size_t i = 0; i < c->T * c->B * c->D * c->P; i++)
        series[i] = kept[i] && c->dropout < 1 ? series[i] / (real)(1 - c->dropout) : 0;
}

/* Runs every layer; returns the output (T, B, D·P), and fills the last states. */
static real *stack_forward(const Case *c, const Cell *cell, Direction *stack, const real *x, State first,
                           const unsigned char *masks, State last)
{
    size_t B = c->B, P = c->P, DP = c->D * P;
    const real *series = x;
    real *output = NULL;
    for (size_t l = 0; l < c->L; l++, series = output) {
        output = reals(c->T * B * DP);
        for (size_t k = 0; k < c->D; k++) {
            size_t i = l * c->D + k;
            Direction *d = &stack[i];
            forward(c, cell, d, series, state_of(c, first, i), state_of(c, last, i));
            for (size_t b = 0; b < B; b++)
                for (size_t s = 0; is_real(c, s, b); s++) /* 4.1 */
                    memcpy(output + (reads(c, d, s, b) * B + b) * DP + k * P, d->values.h + (s * B + b) * P,
                           P * sizeof(real));
        }
        if (masks != NULL && l + 1 < c->L) drop(c, masks + l * c->T * B * DP, output);
    }
    return output;
}

/* Runs every layer backward; d_output (T, B, D·P). Returns dx (T, B, I), and fills those of the first states. */
static real *stack_backward(const Case *c, const Cell *cell, Direction *stack, const real *d_output, State d_last,
                            const unsigned char *masks, State d_first)
{
    size_t B = c->B, P = c->P, DP = c->D * P;
    const real *from_above = d_output;
    real *dx = NULL;
    for (size_t l = c->L; l-- > 0; from_above = dx) {
        size_t F = stack[l * c->D].F;
        dx = reals(c->T * B * F);
        for (size_t k = 0; k < c->D; k++) {
            size_t i = l * c->D + k;
            Direction *d = &stack[i];
            backward(c, cell, d, from_above + k * P, state_of(c, d_last, i), state_of(c, d_first, i)); /* 5.6 */
            for (size_t b = 0; b < B; b++) /* x is read by both directions (5.6) */
                for (size_t s = 0; is_real(c, s, b); s++)
                    for (size_t j = 0; j < F; j++)
                        dx[(reads(c, d, s, b) * B + b) * F + j] += d->gradients.x[(s * B + b) * F + j];
        }
        if (masks != NULL && l > 0) drop(c, masks + (l - 1) * c->T * B * DP, dx);
    }
    return dx;
}

/* ---- Vector activations (2.6 to 2.9) ---------------------------------------------------------------------------- */

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

/* y = f(z), the vector of one step (2.2, 2.6). */
static void activate(const char *f, const real *z, real *y, size_t n)
{
    if (is(f, "softmax")) softmax(z, y, n);
    else if (is(f, "log_softmax")) log_softmax(z, y, n);
    else
        for (size_t i = 0; i < n; i++) y[i] = scalar_activation(f, z[i]);
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

/* From the output of the stack to DIV and back: writes z, y, div and their gradients; returns d_output (T, B, D·P). */
static real *output_layer(const Case *c, const real *h)
{
    size_t n = c->T * c->B, O = c->O, F = c->D * c->P;
    Linear w2 = read_linear(c, "output.", "", O, F, true);
    real *z = reals(n * O), *y = reals(n * O), *dy = reals(n * O), *dz = reals(n * O), *d_output = reals(n * F);
    for (size_t r = 0; r < n; r++) { /* the row of a step and a sequence */
        linear(w2, h + r * F, z + r * O);                 /* z(t) = W2 h(t) + b2 */
        activate(c->activation, z + r * O, y + r * O, O); /* y(t) = f2(z(t)) */
    }
    bool pooled = is(c->divergence, "mean_pooled_cross_entropy");
    real div = pooled ? mean_pooled_cross_entropy(c, y, dy) : local_divergence(c, y, dy);
    for (size_t r = 0; r < n; r++) {
        activate_backward(c->activation, dy + r * O, y + r * O, dz + r * O, O); /* y(t) = f2(z(t)) */
        linear_backward(w2, h + r * F, dz + r * O, d_output + r * F);           /* z(t) = W2 h(t) + b2 */
    }
    write_series(c, "z", z, O);
    write_series(c, "y", y, O);
    write_array(c, "div", &div, 0, NULL);
    write_series(c, "d_y", dy, O);
    write_series(c, "d_z", dz, O);
    write_series(c, "d_output", d_output, F);
    write_linear(c, w2);
    return d_output;
}

/* ---- A case, whole (10.5) --------------------------------------------------------------------------------------- */

/* What the last case ended with outlives it, for one that continues it (10.12). */
static State ended;
static size_t ended_h, ended_c; /* elements */

static void keep(real **kept, size_t *count, const real *values, size_t n)
{
    free(*kept);
    *kept = malloc((n + 1) * sizeof(real));
    *count = *kept == NULL ? 0 : n;
    if (*count) memcpy(*kept, values, n * sizeof(real));
}

static State first_state(const Case *c)
{
    size_t n = c->L * c->D * c->B;
    if (!c->continued) return read_state(c, "h0", "c0");
    if (ended_h != n * c->P || ended_c != n * c->H) fail("nothing to continue", "");
    return ended;
}

/* Computes a case, forward and back, and writes what it asks for; returns the line that answers it. */
static const char *answer(Case *c)
{
    if (is(c->divergence, "ctc")) return "skip ctc";
    const Cell *cell = find_cell(c);
    c->G = cell->gates;
    c->length = read_lengths(c);
    size_t n = c->T * c->B, DP = c->D * c->P;
    const unsigned char *masks = NULL;
    if (flag(c->text, "dropout_masks")) masks = read_array(c, "dropout_masks", "'|b1'", 1, (c->L - 1) * n * DP);
    real *x = time_major(c, read_reals(c, "x", n * c->I), c->I * sizeof(real));
    Direction *stack = read_parameters(c);

    State last = make_state(c), d_first = make_state(c);
    real *output = stack_forward(c, cell, stack, x, first_state(c), masks, last);
    keep(&ended.h, &ended_h, last.h, c->L * c->D * c->B * c->P);
    keep(&ended.c, &ended_c, last.c, c->L * c->D * c->B * c->H);
    real *d_output = c->O ? output_layer(c, output)
                          : time_major(c, given_or_zeros(c, "d_output", n * DP), DP * sizeof(real));
    real *dx = stack_backward(c, cell, stack, d_output, read_state(c, "d_h_n", "d_c_n"), masks, d_first);

    for (size_t i = 0; i < c->L * c->D; i++) write_direction(c, &stack[i]);
    write_series(c, "output", output, DP);
    write_state(c, "h_n", last.h, c->P);
    write_state(c, "c_n", last.c, c->H);
    write_series(c, "d_x", dx, c->I);
    write_state(c, "d_h0", d_first.h, c->P);
    write_state(c, "d_c0", d_first.c, c->H);
    return "ok";
}

int main(void)
{
    converse(answer);
    return 0;
}
