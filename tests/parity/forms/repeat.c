/* Answers what is expected, but for elements that are given: TENSOR ELEMENT VALUE ... Says what the checker makes of it.

   With "-" alone it writes all that is expected, and the limits, as they lie in memory; with "none" it answers nothing. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include VECTOR

static int words;
static char **word;

static void network(const bptt_real *got[])
{
    int i, k;
    for (i = 0; i < BPTT_TENSORS; i++) {
        const struct bptt_tensor *t = &bptt_vector.expect[i];
        bptt_real *copy = malloc(sizeof(bptt_real) * (size_t)t->size);
        memcpy(copy, t->values, sizeof(bptt_real) * (size_t)t->size);
        for (k = 0; k + 2 < words; k += 3)
            if (!strcmp(word[k], t->name))
                copy[atoi(word[k + 1])] = (bptt_real)strtod(word[k + 2], NULL);
        got[i] = copy;
    }
}

static void nothing(const bptt_real *got[])
{
    (void)got;
}

int main(int argc, char *argv[])
{
    struct bptt_result found;
    int i;
    words = argc - 1, word = argv + 1;
    if (words == 1 && !strcmp(word[0], "-")) {
        for (i = 0; i < BPTT_TENSORS; i++) {
            fwrite(bptt_expect[i].values, sizeof(bptt_real), (size_t)bptt_expect[i].size, stdout);
            fwrite(bptt_expect[i].limits, sizeof(bptt_real), (size_t)bptt_expect[i].steps, stdout);
        }
        return 0;
    }
    found = bptt_check(&bptt_vector, words == 1 ? nothing : network);
    printf("%d %s %d %d\n", found.compared, found.tensor ? found.tensor : "-", found.step, found.element);
    return 0;
}
