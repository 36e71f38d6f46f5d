/* One layer of tanh on the inputs of a vector; with WRONG, W_hh transposed, which raises nothing where I = H. */

#include <stdio.h>

#define BPTT_PRINT printf
#include VECTOR

static bptt_real output[BPTT_SIZE(output)], h_n[BPTT_SIZE(h_n)];

static void network(const bptt_real *got[])
{
    for (int t = 0; t < BPTT_T; t++)
        for (int b = 0; b < BPTT_B; b++)
            for (int j = 0; j < BPTT_H; j++) {
                const bptt_real *h = t ? &output[((t - 1) * BPTT_B + b) * BPTT_H] : &bptt_in_h0[b * BPTT_H];
                bptt_real a = bptt_in_bias_ih_l0[j] + bptt_in_bias_hh_l0[j];
                for (int i = 0; i < BPTT_I; i++)
                    a += bptt_in_weight_ih_l0[j * BPTT_I + i] * bptt_in_x[(t * BPTT_B + b) * BPTT_I + i];
                for (int i = 0; i < BPTT_H; i++)
#ifdef WRONG
                    a += bptt_in_weight_hh_l0[i * BPTT_H + j] * h[i];
#else
                    a += bptt_in_weight_hh_l0[j * BPTT_H + i] * h[i];
#endif
                output[(t * BPTT_B + b) * BPTT_H + j] = h_n[b * BPTT_H + j] = (bptt_real)tanh(a);
            }
    got[BPTT_AT_output] = output;
    got[BPTT_AT_h_n] = h_n;
}

int main(void)
{
    struct bptt_result found = bptt_check(&bptt_vector, network);
    bptt_print(&found);
    return found.tensor != 0 || found.compared != 2;
}
