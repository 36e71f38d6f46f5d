"""Paddle on a CPU: the gradient of cross_entropy with soft labels that do not sum to 1. Its loss is right."""

import paddle
from paddle.nn.functional import cross_entropy

paddle.set_default_dtype("float64")
z = paddle.to_tensor([[0.5, -0.3, 0.1]], stop_gradient=False)
d = paddle.to_tensor([[0.7, 0.9, 0.4]])


def loss(z):
    return cross_entropy(z, d, soft_label=True, reduction="sum")


(found,) = paddle.grad(loss(z), [z])
h = 1e-6 * paddle.eye(3)
difference = [round((loss(z + h[i]) - loss(z - h[i])).item() / 2e-6, 8) for i in range(3)]
print("paddle", found.numpy()[0])
print("finite differences of its own loss", difference)

# Printed by PaddlePaddle 3.3.1 on x86-64:
# paddle [-0.22822378 -0.68801728 -0.08375894]
# finite differences of its own loss [0.24355244, -0.47603456, 0.23248212]
