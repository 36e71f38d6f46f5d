"""Mistakes in the two new cells, planted like those in the reference."""

from parity.mistakes import Mistake

MISTAKES = {
    mistake.name: mistake
    for mistake in (
        Mistake("mgu-z-for-1-z", "cells.mgu:Mgu.steps", "np.add(n, z * (h_before - n), h_t)",
                "np.add(h_before, z * (n - h_before), h_t)", "the gate turned round"),
        Mistake("mgu-carry-without-z", "cells.mgu:Mgu.steps_backward", "np.add(carry, dh_t * z_t, carry)", "pass",
                "the gradient past the gate forgotten"),
        Mistake("leaky-c-not-carried-back", "cells.leaky:LeakySum.steps_backward", "np.multiply(dc_t, 0.5, carry_c)",
                "carry_c[...] = 0", "the second state has no gradient"),
        Mistake("leaky-d-c-n-ignored", "unroll:backward", "d_last[state], above)",
                'd_last[state] * (state == "h"), above)', "of the last states only h teaches"),
    )
}  # fmt: skip
