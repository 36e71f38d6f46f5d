/*
 * The recurrent network of SPEC.md in C11: forward, every intermediate, backward, for one dtype, float64 or float32.
 *
 *     cc -std=c11 -O2 -Dfloat64 -o port-float64 port.c -lm
 *
 * A template for ports: plain loops, no dependencies. Arrays are time-major inside, (T, B, F) with t slowest, whatever
 * the layout of the case (1.2). Everything of a case lives until it is answered, then all of it is freed at once.
 * Numbers in comments are clauses of SPEC.md.
 */
#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tgmath.h> /* tanh of a float is tanhf */
#undef I            /* the input size here, not the imaginary unit */

#ifdef float32
typedef float real;
#define DTYPE "float32"
#define DESCR "<f4"
#else
typedef double real;
#define DTYPE "float64"
#define DESCR "<f8"
#endif

/* ---- Failing, and memory ---------------------------------------------------------------------------------------- */

static jmp_buf next_case;
static char reason[600];

/* Gives this case up: it is answered with `error REASON`. */
static _Noreturn void fail(const char *what, const char *which)
{
    snprintf(reason, sizeof reason, "%s %s", what, which);
    longjmp(next_case, 1);
}

typedef struct Block {
    struct Block *next;
    max_align_t data[];
} Block;

static Block *blocks;

/* Zeroed memory that lives until the case is answered. */
static void *make(size_t count, size_t size)
{
    Block *block = calloc(1, sizeof *block + count * size);
    if (block == NULL) fail("out of memory", "");
    block->next = blocks;
    blocks = block;
    return block->data;
}

static void free_all(void)
{
    while (blocks != NULL) {
        Block *next = blocks->next;
        free(blocks);
        blocks = next;
    }
}

static real *reals(size_t count) { return make(count, sizeof(real)); }

/* ---- What a case is (10.2) -------------------------------------------------------------------------------------- */

typedef struct {
    const char *folder, *out, *text; /* text: all of case.toml */
    const char *nonlinearity, *layout, *activation, *divergence, *reduction, *target, *asked;
    size_t T, B, I, H, O, L, D, truncate;
    bool bias, zero_h0, has_masks;
    double dropout;
    int64_t *length; /* (B,) */
} Case;

static char *join(const char *a, const char *b, const char *c, const char *d)
{
    size_t size = strlen(a) + strlen(b) + strlen(c) + strlen(d) + 1;
    char *joined = make(size, 1);
    snprintf(joined, size, "%s%s%s%s", a, b, c, d);
    return joined;
}

static FILE *open_file(const char *path, const char *mode)
{
    FILE *file = fopen(path, mode);
    if (file == NULL) fail("cannot open", path);
    return file;
}

/* The whole of a file, with a zero after it. */
static char *read_file(const char *path, size_t *size)
{
    FILE *file = open_file(path, "rb");
    char *content = NULL;
    long end = fseek(file, 0, SEEK_END) == 0 ? ftell(file) : -1;
    if (end >= 0 && fseek(file, 0, SEEK_SET) == 0) {
        content = make((size_t)end + 1, 1);
        *size = fread(content, 1, (size_t)end, file);
    }
    fclose(file);
    if (content == NULL || *size != (size_t)end) fail("cannot read", path);
    return content;
}

/* The value of a key in case.toml, without quotes; "" where the key is not there. */
static const char *value(const char *text, const char *key)
{
    size_t length = strlen(key);
    for (const char *line = text; *line != 0; line += strcspn(line, "\n"), line += *line == '\n') {
        if (strncmp(line, key, length) != 0 || strncmp(line + length, " = ", 3) != 0) continue;
        const char *start = line + length + 3;
        bool quoted = *start == '"';
        start += quoted;
        size_t size = strcspn(start, quoted ? "\"" : "\n");
        return memcpy(make(size + 1, 1), start, size);
    }
    return "";
}

static bool is(const char *a, const char *b) { return strcmp(a, b) == 0; }
static bool flag(const char *text, const char *key) { return is(value(text, key), "true"); }
static size_t size_of(const char *text, const char *key) { return (size_t)strtoull(value(text, key), NULL, 10); }

static Case read_case(const char *folder, const char *out)
{
    size_t size;
    const char *text = read_file(join(folder, "/case.toml", "", ""), &size);
    Case c = {.folder = folder, .out = out, .text = text};
    c.nonlinearity = value(text, "nonlinearity");
    c.layout = value(text, "layout");
    c.activation = value(text, "activation");
    c.divergence = value(text, "divergence");
    c.reduction = value(text, "reduction");
    c.target = value(text, "target");
    c.asked = join(" ", value(text, "asked"), " ", "");
    c.T = size_of(text, "T");
    c.B = size_of(text, "B");
    c.I = size_of(text, "I");
    c.H = size_of(text, "H");
    c.O = size_of(text, "O");
    c.L = size_of(text, "num_layers");
    c.D = flag(text, "bidirectional") ? 2 : 1;
    c.truncate = size_of(text, "truncate");
    c.bias = flag(text, "bias");
    c.dropout = strtod(value(text, "dropout"), NULL);
    if (!is(value(text, "format"), "1")) fail("unknown format", value(text, "format"));
    if (!is(value(text, "cell"), "rnn")) fail("unknown cell", value(text, "cell"));
    if (!is(value(text, "dtype"), DTYPE)) fail("this program computes in " DTYPE ", not in", value(text, "dtype"));
    return c;
}

/* ---- Arrays in files (10.3) ------------------------------------------------------------------------------------- */

/* The data of in/<name>.npy; fails unless it has this type and this many elements. */
static void *read_array(const Case *c, const char *name, const char *descr, size_t item, size_t count)
{
    size_t size;
    const char *path = join(c->folder, "/in/", name, ".npy");
    unsigned char *file = (unsigned char *)read_file(path, &size);
    if (size < 10 || memcmp(file, "\x93NUMPY\x01\x00", 8) != 0) fail("no .npy of format 1.0:", path);
    size_t start = 10 + file[8] + 256 * (size_t)file[9];
    if (size < start || size - start != count * item) fail("another size than the case has:", path);
    char *header = memcpy(make(start, 1), file + 10, start - 10);
    if (strstr(header, descr) == NULL) fail("another dtype than expected:", path);
    if (strstr(header, "'fortran_order': False") == NULL) fail("not in C order:", path);
    return memcpy(make(count, item), file + start, count * item);
}

static real *read_reals(const Case *c, const char *name, size_t count)
{
    return read_array(c, name, "'" DESCR "'", sizeof(real), count);
}

static int64_t *read_integers(const Case *c, const char *name, size_t count)
{
    return read_array(c, name, "'<i8'", sizeof(int64_t), count);
}

/* Where step t of sequence b stands in a series of the case's layout (1.2). */
static size_t place(const Case *c, size_t t, size_t b)
{
    return is(c->layout, "batch_first") ? b * c->T + t : t * c->B + b;
}

/* A series in any layout, made time-major: (T, B, F). */
static void *time_major(const Case *c, const void *series, size_t bytes)
{
    char *found = make(c->T * c->B, bytes);
    for (size_t t = 0; t < c->T; t++)
        for (size_t b = 0; b < c->B; b++)
            memcpy(found + (t * c->B + b) * bytes, (const char *)series + place(c, t, b) * bytes, bytes);
    return found;
}

static bool is_asked(const Case *c, const char *name) { return strstr(c->asked, join(" ", name, " ", "")) != NULL; }

/* Writes a tensor, if it is asked for. */
static void write_array(const Case *c, const char *name, const real *data, size_t rank, const size_t shape[])
{
    if (!is_asked(c, name)) return;
    char header[192], dims[96] = "";
    size_t count = 1;
    for (size_t i = 0; i < rank; i++) {
        snprintf(dims + strlen(dims), sizeof dims - strlen(dims), "%zu, ", shape[i]);
        count *= shape[i];
    }
    int n = snprintf(header, sizeof header, "{'descr': '" DESCR "', 'fortran_order': False, 'shape': (%s), }\n", dims);
    FILE *file = open_file(join(c->out, "/", name, ".npy"), "wb");
    unsigned char magic[10] = {0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, (unsigned char)n, 0};
    bool written = fwrite(magic, 1, 10, file) == 10 && fwrite(header, 1, (size_t)n, file) == (size_t)n &&
                   fwrite(data, sizeof(real), count, file) == count;
    if (fclose(file) != 0 || !written) fail("cannot write", name);
}

/* Writes a time-major series in the layout of the case. */
static void write_series(const Case *c, const char *name, const real *data, size_t F)
{
    real *laid_out = reals(c->T * c->B * F);
    for (size_t t = 0; t < c->T; t++)
        for (size_t b = 0; b < c->B; b++)
            memcpy(laid_out + place(c, t, b) * F, data + (t * c->B + b) * F, F * sizeof(real));
    size_t batch_first[] = {c->B, c->T, F}, batched[] = {c->T, c->B, F}, unbatched[] = {c->T, F};
    if (is(c->layout, "unbatched")) write_array(c, name, laid_out, 2, unbatched);
    else write_array(c, name, laid_out, 3, is(c->layout, "batch_first") ? batch_first : batched);
}

/* Writes states (L·D, B, H). */
static void write_states(const Case *c, const char *name, const real *data)
{
    size_t batched[] = {c->L * c->D, c->B, c->H}, unbatched[] = {c->L * c->D, c->H};
    if (is(c->layout, "unbatched")) write_array(c, name, data, 2, unbatched);
    else write_array(c, name, data, 3, batched);
}

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

typedef struct {
    const char *suffix;
    size_t F;                       /* size of its input */
    bool reverse;
    const real *w_ih, *w_hh, *b_ih, *b_hh;
    real *x, *a, *h;                /* in reading order (4.3); h (T+1, B, H): h(-1) stands at 0 */
    real *dh, *da, *dx;             /* in reading order */
    real *dw_ih, *dw_hh, *db;
} Direction;

/* Which t a direction reads at step s of sequence b (4.2). */
static size_t reads(const Case *c, const Direction *d, size_t s, size_t b)
{
    return d->reverse ? (size_t)c->length[b] - 1 - s : s;
}

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

/* d_h: what arrives from above (T, B, H), in reading order; d_h_n (B, H); dh0 (B, H) is written. */
static void backward(const Case *c, Direction *d, const real *d_h, const real *d_h_n, real *dh0)
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
        if (c->truncate && (s + 1) % c->truncate == 0) memset(carry, 0, B * H * sizeof(real)); /* 7.3 */
        for (size_t b = 0; b < B; b++) {
            if (!is_real(c, s, b)) continue;
            const real *x = d->x + (s * B + b) * F, *h_prev = d->h + (s * B + b) * H, *h = h_prev + B * H;
            real *dh = d->dh + (s * B + b) * H, *da = d->da + (s * B + b) * H, *dx = d->dx + (s * B + b) * F;
            bool last = !is_real(c, s + 1, b); /* of the sequence, not of the batch (6.4) */
            for (size_t i = 0; i < H; i++) {
                dh[i] = d_h[(s * B + b) * H + i] + carry[b * H + i] + (last ? d_h_n[b * H + i] : 0);
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

static real *parameter(const Case *c, const char *kind, const char *suffix, size_t count)
{
    return read_reals(c, join(c->O ? "rnn." : "", kind, suffix, ""), count);
}

static Direction *read_parameters(const Case *c)
{
    Direction *stack = make(c->L * c->D, sizeof *stack);
    for (size_t l = 0; l < c->L; l++)
        for (size_t k = 0; k < c->D; k++) {
            Direction *d = &stack[l * c->D + k];
            char number[24];
            snprintf(number, sizeof number, "%zu", l);
            d->suffix = join("_l", number, k ? "_reverse" : "", "");
            d->reverse = k == 1;
            d->F = l ? c->D * c->H : c->I;
            d->w_ih = parameter(c, "weight_ih", d->suffix, c->H * d->F);
            d->w_hh = parameter(c, "weight_hh", d->suffix, c->H * c->H);
            if (!c->bias) continue;
            d->b_ih = parameter(c, "bias_ih", d->suffix, c->H);
            d->b_hh = parameter(c, "bias_hh", d->suffix, c->H);
        }
    return stack;
}

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
            real *d_h = reals(c->T * B * H);
            for (size_t b = 0; b < B; b++)
                for (size_t s = 0; is_real(c, s, b); s++)
                    memcpy(d_h + (s * B + b) * H, from_above + (reads(c, d, s, b) * B + b) * DH + k * H,
                           H * sizeof(real));
            backward(c, d, d_h, d_h_n + row, dh0 + row);
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
static real *read_weights(const Case *c)
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

/* The desired vectors (T, B, O): as they are, or one-hot for class indices; 0 where a step counts for nothing (8.3). */
static real *read_desired(const Case *c, const real *weights)
{
    size_t n = c->T * c->B, O = c->O;
    bool classes = is(c->target, "classes");
    int64_t *index = classes ? time_major(c, read_integers(c, "target", n), sizeof(int64_t)) : NULL;
    real *vectors = classes ? NULL : time_major(c, read_reals(c, "target", n * O), O * sizeof(real));
    real *desired = reals(n * O);
    for (size_t i = 0; i < n; i++) {
        if (weights[i] == 0) continue; /* the target is not looked at: NaN, or -100, is legal there */
        if (vectors) memcpy(desired + i * O, vectors + i * O, O * sizeof(real));
        else if (index[i] < 0 || index[i] >= (int64_t)O) fail("class index out of range in", "target");
        else desired[i * O + (size_t)index[i]] = 1;
    }
    return desired;
}

/* A sum over steps (8.2): returns DIV, and fills dy. */
static real local_divergence(const Case *c, const real *y, real *dy)
{
    real *weights = read_weights(c), *desired = read_desired(c, weights), div = 0;
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
    real *weights = read_weights(c), div = 0;
    int64_t *index = read_integers(c, "target", c->B);
    real v = is(c->reduction, "mean") ? 1 / (real)c->B : 1;
    for (size_t b = 0; b < c->B; b++) {
        real *pooled = reals(c->O), *p = reals(c->O), sum = 0;
        if (index[b] < 0 || index[b] >= (int64_t)c->O) fail("class index out of range in", "target");
        for (size_t t = 0; t < c->T; t++) sum += weights[t * c->B + b];
        for (size_t t = 0; t < c->T; t++) {
            size_t i = t * c->B + b;
            for (size_t k = 0; k < c->O && weights[i] != 0; k++) pooled[k] += weights[i] * y[i * c->O + k] / sum;
        }
        div += v * (log_sum_exp(pooled, c->O) - pooled[index[b]]);
        softmax(pooled, p, c->O);
        p[index[b]] -= 1;
        for (size_t t = 0; t < c->T; t++) {
            size_t i = t * c->B + b;
            for (size_t k = 0; k < c->O; k++) dy[i * c->O + k] = v * weights[i] / sum * p[k];
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
    for (size_t t = 0; t < n; t++) {
        for (size_t i = 0; i < O; i++) { /* z(t) = W2 h(t) + b2, y(t) = f2(z(t)) */
            z[t * O + i] = bias[i];
            for (size_t j = 0; j < F; j++) z[t * O + i] += weight[i * F + j] * h[t * F + j];
        }
        activate(c->activation, z + t * O, y + t * O, O);
    }
    bool pooled = is(c->divergence, "mean_pooled_cross_entropy");
    real div = pooled ? mean_pooled_cross_entropy(c, y, dy) : local_divergence(c, y, dy);
    for (size_t t = 0; t < n; t++) {
        activate_backward(c->activation, dy + t * O, y + t * O, dz + t * O, O);
        for (size_t i = 0; i < O; i++) {
            real d = dz[t * O + i];
            for (size_t j = 0; j < F; j++) {
                d_weight[i * F + j] += d * h[t * F + j];
                d_output[t * F + j] += d * weight[i * F + j];
            }
            d_bias[i] += d;
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

static void write_direction(const Case *c, const Direction *d)
{
    size_t trace[] = {c->T, c->B, c->H}, w_ih[] = {c->H, d->F}, w_hh[] = {c->H, c->H};
    const char *d_rnn = c->O ? "d_rnn." : "d_";
    write_array(c, join("a", d->suffix, "", ""), d->a, 3, trace);
    write_array(c, join("h", d->suffix, "", ""), d->h + c->B * c->H, 3, trace);
    write_array(c, join("d_h", d->suffix, "", ""), d->dh, 3, trace);
    write_array(c, join("d_a", d->suffix, "", ""), d->da, 3, trace);
    write_array(c, join(d_rnn, "weight_ih", d->suffix, ""), d->dw_ih, 2, w_ih);
    write_array(c, join(d_rnn, "weight_hh", d->suffix, ""), d->dw_hh, 2, w_hh);
    if (!c->bias) return;
    /* the two biases have one gradient (0.9) */
    write_array(c, join(d_rnn, "bias_ih", d->suffix, ""), d->db, 1, &c->H);
    write_array(c, join(d_rnn, "bias_hh", d->suffix, ""), d->db, 1, &c->H);
}

/* An optional input, or zeros. */
static real *given_or_zeros(const Case *c, const char *name, size_t count)
{
    return flag(c->text, name) ? read_reals(c, name, count) : reals(count);
}

static void answer(Case *c)
{
    size_t n = c->T * c->B, states = c->L * c->D * c->B * c->H, DH = c->D * c->H;
    c->length = flag(c->text, "lengths") ? read_integers(c, "lengths", c->B) : make(c->B, sizeof(int64_t));
    for (size_t b = 0; b < c->B; b++) {
        if (!flag(c->text, "lengths")) c->length[b] = (int64_t)c->T;
        if (c->length[b] < 1 || c->length[b] > (int64_t)c->T) fail("a length out of range in", "lengths");
    }
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
}

int main(void)
{
    static char line[9000];
    while (fgets(line, sizeof line, stdin) != NULL) {
        line[strcspn(line, "\n")] = 0;
        if (setjmp(next_case) != 0) printf("error %s\n", reason);
        else {
            char *tab = strchr(line, '\t');
            if (tab == NULL) fail("no tab in", line);
            *tab = 0;
            Case c = read_case(line, tab + 1);
            if (is(c.divergence, "ctc")) printf("skip ctc\n");
            else {
                answer(&c);
                printf("ok\n");
            }
        }
        free_all();
        fflush(stdout);
    }
    return 0;
}
