"""MLX: the gradient of relu is a product with 0 or 1, so infinity above a closed unit makes NaN of its gradient.

Of NaN, which relu gives on, it is 0: a network that has gone wrong learns nothing of it.
"""

import mlx.core as mx
from mlx import nn

mx.set_default_device(mx.cpu)


def loss(z):
    return 1e30 * (1e30 * nn.relu(z))


print("loss at -1.1, -1, -0.9:", *(loss(mx.array(z)).item() for z in (-1.1, -1.0, -0.9)))
print("its gradient at -1:", mx.grad(loss)(mx.array(-1.0)).item())

nan = mx.array(float("nan"))
print("relu(NaN), its gradient:", nn.relu(nan).item(), mx.grad(nn.relu)(nan).item())
print("where(z <= 0, 0, z), as torch has it:", mx.grad(lambda z: mx.where(z <= 0, 0, z))(nan).item())

# Printed by MLX 0.32.4 on x86-64:
# loss at -1.1, -1, -0.9: 0.0 0.0 0.0
# its gradient at -1: nan
# relu(NaN), its gradient: nan 0.0
# where(z <= 0, 0, z), as torch has it: 1.0
