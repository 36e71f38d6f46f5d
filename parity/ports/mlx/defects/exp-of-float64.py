"""MLX on a CPU: exp of float64 has the accuracy and the range of float32; so has what is made of it.

https://github.com/ml-explore/mlx/issues/3047
"""

import math

import mlx.core as mx

mx.set_default_device(mx.cpu)


def of(f, *numbers):
    return f(mx.array(numbers, dtype=mx.float64)).tolist()


e = math.exp(0.5)
for name, found, expected in (
    ("exp(0.5)", of(mx.exp, 0.5)[0], e),
    ("exp(100)", of(mx.exp, 100)[0], math.exp(100)),
    ("sigmoid(0.5)", of(mx.sigmoid, 0.5)[0], e / (e + 1)),
    ("softmax([0.5, 0])[0]", of(mx.softmax, 0.5, 0)[0], e / (e + 1)),
    ("logsumexp([0.5, 0])", of(mx.logsumexp, 0.5, 0), math.log(e + 1)),
    ("tanh(0.5)", of(mx.tanh, 0.5)[0], math.tanh(0.5)),
):
    print(f"{name} = {found:.17g}, expected {expected:.17g}, off by {abs(found / expected - 1):.1e}")

# Printed by MLX 0.32.4 on x86-64:
# exp(0.5) = 1.6487213373184204, expected 1.6487212707001282, off by 4.0e-08
# exp(100) = inf, expected 2.6881171418161356e+43, off by inf
# sigmoid(0.5) = 0.62245934069742304, expected 0.62245933120185459, off by 1.5e-08
# softmax([0.5, 0])[0] = 0.6224593286296588, expected 0.62245933120185459, off by 4.1e-09
# logsumexp([0.5, 0]) = 0.97407698831241807, expected 0.97407698418010669, off by 4.2e-09
# tanh(0.5) = 0.46211715726000974, expected 0.46211715726000974, off by 0.0e+00
