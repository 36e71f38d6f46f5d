"""Paddle on a CPU: wrong gradients of a bidirectional layer that has lengths and an initial state.

In float64, beside central differences of its own output; the largest error of each gradient that is off.
"""

import numpy as np
import paddle

paddle.seed(0)
paddle.set_default_dtype("float64")
x, h0, c0, d = (paddle.randn(shape) for shape in ([2, 5, 3], [2, 2, 4], [2, 2, 4], [2, 5, 8]))
lengths = paddle.to_tensor([5, 2], dtype="int32")
d[1, 2:] = 0
x.stop_gradient = False


def loss(layer):
    first = (h0, c0) if isinstance(layer, paddle.nn.LSTM) else h0
    return (layer(x, first, lengths)[0] * d).sum()


for kind in (paddle.nn.SimpleRNN, paddle.nn.GRU, paddle.nn.LSTM):
    layer = kind(3, 4, direction="bidirect")
    named = [("x", x), *((name, getattr(layer, name)) for name, _ in layer.named_parameters())]
    gradients = paddle.grad(loss(layer), [array for _, array in named])
    for (name, array), found in zip(named, gradients, strict=True):
        value, differences = array.numpy(), np.zeros(array.shape)
        for at in np.ndindex(*value.shape):
            for sign in (1, -1):
                moved = value.copy()
                moved[at] += sign * 1e-6
                array.set_value(moved)
                differences[at] += sign * loss(layer).item() / 2e-6
        array.set_value(value)
        error = np.abs(found.numpy() - differences).max()
        if error > 1e-6:
            print(f"{kind.__name__} {name}: off by {error:.2g} of {np.abs(differences).max():.2g}")

# Printed by PaddlePaddle 3.3.1 on x86-64:
# SimpleRNN weight_hh_l0_reverse: off by 1.9 of 2.5
# GRU x: off by 0.23 of 0.79
# GRU weight_ih_l0_reverse: off by 1.1 of 2.2
# GRU weight_hh_l0_reverse: off by 0.9 of 1.3
# GRU bias_ih_l0_reverse: off by 0.6 of 2.2
# GRU bias_hh_l0_reverse: off by 0.6 of 1.3
# LSTM weight_hh_l0_reverse: off by 0.92 of 0.94
