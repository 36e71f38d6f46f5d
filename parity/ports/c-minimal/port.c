/*
 * One simple recurrent layer in C11, forward: the least that can be checked, and a template. Your mathematics goes
 * where `forward` is; the rest is files and talk. Numbers in comments are clauses of SPEC.md.
 */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tgmath.h> /* tanh of a float is tanhf */
#undef I            /* the input size here, not the imaginary unit */

typedef float float32; /* compiled with -Dreal=float32 or -Dreal=float64 */
typedef double float64;
#define DESCR (sizeof(real) == 4 ? "'<f4'" : "'<f8'")

/* ---- The mathematics (3.1) --------------------------------------------------------------------------------------
 * For t = 0..T-1, with h(-1) = h0:    a(t) = W_ih x(t) + b_ih + W_hh h(t-1) + b_hh    h(t) = tanh(a(t))
 * x (T, B, I); h0 (B, H); W_ih (H, I); W_hh (H, H); b_ih, b_hh (H,); a, h (T, B, H). The last index is the fastest. */
static void forward(size_t T, size_t B, size_t I, size_t H, const real *x, const real *h0, const real *W_ih,
                    const real *W_hh, const real *b_ih, const real *b_hh, real *a, real *h)
{
    for (size_t t = 0; t < T; t++)
        for (size_t b = 0; b < B; b++, x += I, a += H, h += H) { /* x, a, h: the rows of step t and sequence b */
            const real *h_before = t > 0 ? h - B * H : h0 + b * H;
            for (size_t i = 0; i < H; i++) {
                a[i] = b_ih[i] + b_hh[i];
                for (size_t j = 0; j < I; j++) a[i] += W_ih[i * I + j] * x[j];
                for (size_t j = 0; j < H; j++) a[i] += W_hh[i * H + j] * h_before[j];
                h[i] = tanh(a[i]);
            }
        }
}

/* ---- Failing, memory, files (10.3) ------------------------------------------------------------------------------ */

static jmp_buf next_case;

static _Noreturn void fail(const char *why, const char *which)
{
    printf("error %s %s\n", why, which);
    longjmp(next_case, 1);
}

static real pool[1 << 22], *unused; /* all numbers of one case */

static real *make(size_t count) /* zeros */
{
    if (count > (size_t)(pool + sizeof pool / sizeof *pool - unused)) fail("out of memory:", "the pool is too small");
    unused += count;
    return memset(unused - count, 0, count * sizeof *pool);
}

static FILE *open_file(const char *folder, const char *name, const char *mode)
{
    char path[9000];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, mode);
    if (file == NULL) fail("cannot open", path);
    return file;
}

static real *read_array(const char *folder, const char *name, size_t count)
{
    static char header[65536];
    unsigned char start[10]; /* 93 N U M P Y 1 0, and the length of the header */
    real *data = make(count);
    FILE *file = open_file(folder, name, "rb");
    size_t length = fread(start, 1, 10, file) == 10 ? start[8] + 256U * start[9] : 0;
    header[fread(header, 1, length, file)] = 0;
    size_t found = strstr(header, DESCR) != NULL ? fread(data, sizeof *data, count, file) : 0;
    int more = fgetc(file);
    fclose(file);
    if (found != count || more != EOF) fail("another type or size than expected:", name);
    return data;
}

static void write_array(const char *folder, const char *name, const real *data, size_t n, size_t B, size_t H)
{
    char header[160], path[80];
    int length = snprintf(header, sizeof header, "{'descr': %s, 'fortran_order': False, 'shape': (%zu, %zu, %zu), }\n",
                          DESCR, n, B, H);
    snprintf(path, sizeof path, "%s.npy", name);
    FILE *file = open_file(folder, path, "wb");
    fprintf(file, "\x93NUMPY%c%c%c%c%s", 1, 0, length, 0, header);
    size_t written = fwrite(data, sizeof *data, n * B * H, file);
    if (fclose(file) != 0 || written != n * B * H) fail("cannot write", name);
}

/* ---- A case (10.2), and the conversation (10.5) ----------------------------------------------------------------- */

static char skip[80], text[1 << 18] = "\n"; /* and then case.toml */

static const char *answer(const char *folder, const char *out)
{
    FILE *file = open_file(folder, "case.toml", "rb");
    text[1 + fread(text + 1, 1, sizeof text - 2, file)] = 0;
    fclose(file);
    static const char *const can[] = {"\nformat = 1\n", "\ncell = \"rnn\"\n", "\nnonlinearity = \"tanh\"\n",
                                      "\nnum_layers = 1\n", "\nbias = true\n", "\nbidirectional = false\n",
                                      "\nlayout = \"time_major\"\n", "\nlengths = false\n", "\nO = 0\n"};
    for (size_t i = 0; i < sizeof can / sizeof *can; i++) /* a claim in port.toml changes its line of `can` */
        if (strstr(text, can[i]) == NULL) {
            snprintf(skip, sizeof skip, "skip no line %.*s", (int)strlen(can[i]) - 2, can[i] + 1);
            return skip;
        }
    size_t T, B, I, H;
    if (sscanf(strstr(text, "\nT = "), " T = %zu B = %zu I = %zu H = %zu", &T, &B, &I, &H) != 4) fail("no", "sizes");

    const real *x = read_array(folder, "in/x.npy", T * B * I);
    const real *h0 = strstr(text, "\nh0 = true\n") ? read_array(folder, "in/h0.npy", B * H) : make(B * H);
    const real *W_ih = read_array(folder, "in/weight_ih_l0.npy", H * I);
    const real *W_hh = read_array(folder, "in/weight_hh_l0.npy", H * H);
    const real *b_ih = read_array(folder, "in/bias_ih_l0.npy", H);
    const real *b_hh = read_array(folder, "in/bias_hh_l0.npy", H);
    real *a = make(T * B * H), *h = make(T * B * H);
    forward(T, B, I, H, x, h0, W_ih, W_hh, b_ih, b_hh, a, h);

    for (char *name = strtok(strstr(text, "\nasked = ") + 9, " \"\n"); name != NULL; name = strtok(NULL, " \"\n"))
        if (strcmp(name, "a_l0") == 0) write_array(out, name, a, T, B, H);
        else if (strcmp(name, "h_n") == 0) write_array(out, name, h + (T - 1) * B * H, 1, B, H);
        else if (strcmp(name, "h_l0") == 0 || strcmp(name, "output") == 0) write_array(out, name, h, T, B, H);
        else fail("does not compute", name);
    return "ok";
}

int main(void)
{
    static char line[9000];
    while (fgets(line, sizeof line, stdin) != NULL) {
        const char *folder = strtok(line, "\t"), *out = strtok(NULL, "\n");
        unused = pool;
        if (setjmp(next_case) == 0) printf("%s\n", answer(folder, out));
        fflush(stdout); /* else the answer never arrives */
    }
    return 0;
}
