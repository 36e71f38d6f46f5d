/*
 * What port.c needs besides mathematics: what a case is, its arrays read from files and written to files, the
 * conversation with the checker, and memory. The functions stand in the header itself, so that one file is compiled.
 *
 * Arrays are time-major inside, (T, B, F) with t slowest, whatever the layout of the case (1.2). Everything of a case
 * lives until it is answered, then all of it is freed at once. Numbers in comments are clauses of SPEC.md.
 */
#ifndef CASE_H
#define CASE_H

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
    const char *cell, *reset, *nonlinearity, *layout, *activation, *divergence, *reduction, *target, *asked;
    size_t T, B, I, H, O, L, D, truncate;
    size_t G; /* blocks of H rows in a and in the weights, one a gate (12.2) */
    size_t P; /* size of h: H, or what an LSTM projects its H units on (15.6) */
    bool projected, bias;
    bool continued; /* from the states that the case before has ended with (10.12) */
    double dropout;
    int64_t *length; /* (B,): how many steps of each sequence are real, the others are padding (6.1) */
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
    c.cell = value(text, "cell");
    c.reset = value(text, "reset");
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
    c.projected = size_of(text, "proj_size") > 0;
    c.P = c.projected ? size_of(text, "proj_size") : c.H;
    c.O = size_of(text, "O");
    c.L = size_of(text, "num_layers");
    c.D = flag(text, "bidirectional") ? 2 : 1;
    c.truncate = size_of(text, "truncate");
    c.bias = flag(text, "bias");
    c.dropout = strtod(value(text, "dropout"), NULL);
    if (!is(value(text, "format"), "1")) fail("unknown format", value(text, "format"));
    if (!is(value(text, "dtype"), DTYPE)) fail("this program computes in " DTYPE ", not in", value(text, "dtype"));
    return c;
}

/* ---- Arrays in files (10.3) ------------------------------------------------------------------------------------- */

/* The data of in/<name>.npy; fails unless it has this type and this many elements. */
static void *read_array(const Case *c, const char *name, const char *descr, size_t item, size_t count)
{
    size_t size;
    const char *path = join(c->folder, "/in/", name, ".npy");
    unsigned char *content = (unsigned char *)read_file(path, &size);
    if (size < 10 || memcmp(content, "\x93NUMPY\x01\x00", 8) != 0) fail("no .npy of format 1.0:", path);
    size_t start = 10 + content[8] + 256 * (size_t)content[9];
    if (size < start || size - start != count * item) fail("another size than the case has:", path);
    char *header = memcpy(make(start, 1), content + 10, start - 10);
    if (strstr(header, descr) == NULL) fail("another dtype than expected:", path);
    if (strstr(header, "'fortran_order': False") == NULL) fail("not in C order:", path);
    return memcpy(make(count, item), content + start, count * item);
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

/* Writes a state of every layer and direction, (L·D, B, F). */
static void write_state(const Case *c, const char *name, const real *data, size_t F)
{
    size_t batched[] = {c->L * c->D, c->B, F}, unbatched[] = {c->L * c->D, F};
    if (is(c->layout, "unbatched")) write_array(c, name, data, 2, unbatched);
    else write_array(c, name, data, 3, batched);
}

/* ---- Inputs that are there in several forms --------------------------------------------------------------------- */

/* An optional input, or zeros. */
static real *given_or_zeros(const Case *c, const char *name, size_t count)
{
    return flag(c->text, name) ? read_reals(c, name, count) : reals(count);
}

/* The length of each sequence: T where none are given (6.1). */
static int64_t *read_lengths(const Case *c)
{
    bool given = flag(c->text, "lengths");
    int64_t *length = given ? read_integers(c, "lengths", c->B) : make(c->B, sizeof(int64_t));
    for (size_t b = 0; b < c->B; b++) {
        if (!given) length[b] = (int64_t)c->T;
        if (length[b] < 1 || length[b] > (int64_t)c->T) fail("a length out of range in", "lengths");
    }
    return length;
}

/* A class index of the target, as an index into y. */
static size_t class_index(const Case *c, int64_t label)
{
    if (label < 0 || label >= (int64_t)c->O) fail("class index out of range in", "target");
    return (size_t)label;
}

/* The desired vectors (T, B, O): as they are, or one-hot for class indices; 0 where a step counts for nothing (8.3). */
static real *read_desired(const Case *c, const real *weights)
{
    size_t n = c->T * c->B, O = c->O;
    bool classes = is(c->target, "classes");
    int64_t *label = classes ? time_major(c, read_integers(c, "target", n), sizeof(int64_t)) : NULL;
    real *vectors = classes ? NULL : time_major(c, read_reals(c, "target", n * O), O * sizeof(real));
    real *desired = reals(n * O);
    for (size_t i = 0; i < n; i++) {
        if (weights[i] == 0) continue; /* the target is not looked at: NaN, or -100, is legal there */
        if (vectors) memcpy(desired + i * O, vectors + i * O, O * sizeof(real));
        else desired[i * O + class_index(c, label[i])] = 1;
    }
    return desired;
}

/* ---- The weights of a product, and their gradients (1.4, 1.5) --------------------------------------------------- */

typedef struct {
    const char *prefix, *which; /* <prefix>weight<which>, <prefix>bias<which> */
    size_t to, from;
    const real *w, *b; /* (to, from), (to,); b is NULL where there is no bias */
    real *dw, *db;
} Linear;

static Linear read_linear(const Case *c, const char *prefix, const char *which, size_t to, size_t from, bool bias)
{
    Linear l = {.prefix = prefix, .which = which, .to = to, .from = from};
    l.w = read_reals(c, join(prefix, "weight", which, ""), to * from);
    if (bias) l.b = read_reals(c, join(prefix, "bias", which, ""), to);
    l.dw = reals(to * from);
    l.db = reals(to);
    return l;
}

static void write_linear(const Case *c, Linear l)
{
    write_array(c, join("d_", l.prefix, "weight", l.which), l.dw, 2, (size_t[]){l.to, l.from});
    write_array(c, join("d_", l.prefix, "bias", l.which), l.db, 1, &l.to);
}

/* ---- One layer in one direction: its arrays (1.4, 4.3, 5.1) ----------------------------------------------------- */

typedef struct {
    Linear ih, hh, hr; /* (G·H, F), (G·H, P); of a projection (P, H) */
} Weights;

/*
 * The columns of the unrolled network: values, or gradients of them. Of all steps, (T, B, ·) in reading order (4.3), or
 * the rows of one step of one sequence. All are 0 at first, and what its cell does not have stays so.
 */
typedef struct {
    real *x;                 /* what a column reads: F */
    real *h_prev, *c_prev;   /* and h(t-1), c(t-1): P, H; of gradients the carries, its shares of dh(t-1), dc(t-1) */
    real *a, *q, *s, *c, *m; /* what it computes: G·H, then H each (13.1, 14.1, 15.1); m is h without a projection */
    real *h;                 /* P */
} Column;

typedef struct {
    const char *suffix;
    size_t F; /* size of its input */
    bool reverse;
    Weights w;
    Column values, gradients; /* of all steps */
} Direction;

/* Room for all steps of a direction. States and carries are (T+1, B, ·): h(-1), and the gradient of it, stand first. */
static Column make_columns(const Case *c, const Direction *d, bool gradients)
{
    size_t n = c->T * c->B;
    Column all = {.x = reals(n * d->F), .a = reals(n * c->G * c->H), .q = reals(n * c->H), .s = reals(n * c->H)};
    all.h_prev = reals((n + c->B) * c->P);
    all.c_prev = reals((n + c->B) * c->H);
    all.h = gradients ? reals(n * c->P) : all.h_prev + c->B * c->P; /* h(t-1) of a step is h(t) of the one before */
    all.c = gradients ? reals(n * c->H) : all.c_prev + c->B * c->H;
    all.m = c->projected ? reals(n * c->H) : all.h;
    return all;
}

/* The rows of one step of one sequence, r = s·B + b. */
static Column column(const Case *c, const Direction *d, Column all, size_t r)
{
    size_t h = r * c->P, units = r * c->H;
    return (Column){.x = all.x + r * d->F, .h_prev = all.h_prev + h, .c_prev = all.c_prev + units,
                    .a = all.a + c->G * units, .q = all.q + units, .s = all.s + units, .c = all.c + units,
                    .m = all.m + units, .h = all.h + h};
}

/* Every layer from the first to the last, in each the forward direction first: row l·D + k of a state (1.2). */
static Direction *read_parameters(const Case *c)
{
    Direction *stack = make(c->L * c->D, sizeof *stack);
    const char *prefix = c->O ? "rnn." : "";
    size_t rows = c->G * c->H;
    for (size_t l = 0; l < c->L; l++)
        for (size_t k = 0; k < c->D; k++) {
            Direction *d = &stack[l * c->D + k];
            char number[24];
            snprintf(number, sizeof number, "%zu", l);
            d->suffix = join("_l", number, k ? "_reverse" : "", "");
            d->reverse = k == 1;
            d->F = l ? c->D * c->P : c->I;
            d->w.ih = read_linear(c, prefix, join("_ih", d->suffix, "", ""), rows, d->F, c->bias);
            d->w.hh = read_linear(c, prefix, join("_hh", d->suffix, "", ""), rows, c->P, c->bias);
            if (c->projected) d->w.hr = read_linear(c, prefix, join("_hr", d->suffix, "", ""), c->P, c->H, false);
        }
    return stack;
}

/* Writes the values of all columns, or their gradients, whose names begin with d_. */
static void write_columns(const Case *c, const char *before, Column all, const char *suffix)
{
    size_t blocks_of_H[] = {c->T, c->B, c->G * c->H}, units[] = {c->T, c->B, c->H}, h[] = {c->T, c->B, c->P};
    write_array(c, join(before, "a", suffix, ""), all.a, 3, blocks_of_H);
    write_array(c, join(before, "q", suffix, ""), all.q, 3, units);
    write_array(c, join(before, "s", suffix, ""), all.s, 3, units);
    write_array(c, join(before, "c", suffix, ""), all.c, 3, units);
    write_array(c, join(before, "m", suffix, ""), all.m, 3, units);
    write_array(c, join(before, "h", suffix, ""), all.h, 3, h);
}

/* Writes the trace of a direction, and the gradients of its parameters. */
static void write_direction(const Case *c, const Direction *d)
{
    write_columns(c, "", d->values, d->suffix);
    write_columns(c, "d_", d->gradients, d->suffix);
    write_linear(c, d->w.ih);
    write_linear(c, d->w.hh);
    if (c->projected) write_linear(c, d->w.hr);
}

/* ---- The conversation (10.5) ------------------------------------------------------------------------------------ */

/* Answers case after case until the input ends. `answer` writes what a case asks for, and returns the line to print. */
static void converse(const char *(*answer)(Case *))
{
    static char line[9000];
    while (fgets(line, sizeof line, stdin) != NULL) {
        line[strcspn(line, "\n")] = 0;
        if (setjmp(next_case) != 0) printf("error %s\n", reason);
        else {
            char *out = strchr(line, '\t');
            if (out == NULL) fail("no tab in", line);
            *out++ = 0;
            char *more = strchr(out, '\t'); /* "continue", or nothing (10.12) */
            if (more != NULL) *more = 0;
            Case c = read_case(line, out);
            c.continued = more != NULL;
            printf("%s\n", answer(&c));
        }
        free_all();
        fflush(stdout);
    }
}

#endif
