/* Holds what a network computes against a test vector: SPEC 9.1, 9.4, 10.4. C99, no files, no memory of its own.

   A vector, say gru-hand.h, includes this file. Yours then is one function, which runs your network on the inputs of
   the vector, bptt_in_x and the others, and says where its results lie; what it does not say is not asked for:

       #include "gru-hand.h"

       static bptt_real output[BPTT_SIZE(output)];

       static void network(const bptt_real *got[])
       {
           ...  the network, from bptt_in_x, bptt_in_h0, bptt_in_weight_ih_l0, ... to output
           got[BPTT_AT_output] = output;
       }

       struct bptt_result found = bptt_check(&bptt_vector, network);

   found.compared is the number of tensors compared; found.tensor is 0 if all of them are right. Not with -ffast-math,
   which takes NaN for impossible. With BPTT_PRINT defined, as printf is, bptt_print(&found) says it. */

#ifndef BPTT_CHECK_H
#define BPTT_CHECK_H

#include <math.h>

#if defined __GNUC__
#define BPTT_MAYBE_UNUSED __attribute__((unused))
#else
#define BPTT_MAYBE_UNUSED
#endif
#define BPTT_DATA static const BPTT_MAYBE_UNUSED
#define BPTT_SIZE(tensor) (sizeof bptt_expect_##tensor / sizeof *bptt_expect_##tensor)

/* What is expected of a tensor. The index of an element is (outer * steps + step) * inner + rest; without a time axis
   there is one step. Tensors of one turn are computed together, step by step. */
struct bptt_tensor {
    const char *name;
    const bptt_real *values, *limits; /* limits: one a step */
    int size, steps, inner, turn, backward, zeros_may_round;
};

struct bptt_vector {
    const char *id;
    const struct bptt_tensor *expect; /* in the order of computation */
    const bptt_real **got;            /* where the answers lie, one a tensor; 0: not asked for */
    int tensors;
};

struct bptt_result {
    int compared;       /* how many tensors: 0 proves nothing */
    const char *tensor; /* the first that is wrong, in the order of computation; 0: none */
    int step, element;  /* where: the step, and the index in the tensor of the largest error in it */
    bptt_real got, wanted, allowed;
};

/* How far an answer is outside: above 0 if it is. What is not finite must be the same. */
static bptt_real bptt_outside(bptt_real got, bptt_real wanted, bptt_real allowed)
{
    bptt_real error = got < wanted ? wanted - got : got - wanted;
    if (got == wanted || (got != got && wanted != wanted))
        return 0;
    return error <= allowed ? 0 : error == error ? error : (bptt_real)INFINITY;
}

/* Compares one step of a tensor; true if it is right. */
static int bptt_step_is_right(const struct bptt_tensor *t, const bptt_real *got, int step, struct bptt_result *r)
{
    bptt_real worst = 0;
    int start, i;
    for (start = step * t->inner; start < t->size; start += t->steps * t->inner)
        for (i = start; i < start + t->inner; i++) {
            bptt_real allowed = t->values[i] == 0 && !t->zeros_may_round ? 0 : t->limits[step];
            bptt_real outside = bptt_outside(got[i], t->values[i], allowed);
            if (outside > worst) {
                worst = outside;
                r->tensor = t->name, r->step = step, r->element = i;
                r->got = got[i], r->wanted = t->values[i], r->allowed = allowed;
            }
        }
    return !(worst > 0);
}

/* Runs a network and compares what it says it has computed: forward from the first step, backward from the last. */
static BPTT_MAYBE_UNUSED struct bptt_result bptt_check(const struct bptt_vector *v, void (*network)(const bptt_real **))
{
    struct bptt_result r = {0, 0, 0, 0, 0, 0, 0};
    int first, last, i, k;
    for (i = 0; i < v->tensors; i++)
        v->got[i] = 0;
    network(v->got);
    for (first = 0; first < v->tensors; first = last) {
        const struct bptt_tensor *t = &v->expect[first];
        for (last = first; last < v->tensors && v->expect[last].turn == t->turn; last++)
            r.compared += v->got[last] != 0;
        for (k = 0; k < t->steps; k++)
            for (i = first; i < last; i++)
                if (v->got[i] && !bptt_step_is_right(&v->expect[i], v->got[i], t->backward ? t->steps - 1 - k : k, &r))
                    return r;
    }
    return r;
}

#if defined BPTT_PRINT
static BPTT_MAYBE_UNUSED void bptt_print(const struct bptt_result *r)
{
    if (r->tensor)
        BPTT_PRINT("%s step %d element %d: got %.9g, wanted %.9g, allowed %.3g\n", r->tensor, r->step, r->element,
                   (double)r->got, (double)r->wanted, (double)r->allowed);
    else
        BPTT_PRINT("%d tensors compared, none is wrong\n", r->compared);
}
#endif

#endif
