"""MLX: cross_entropy is not -sum(d log_softmax(z)) where the targets d do not sum to 1.

It is logsumexp(z) - sum(d z), without the sum of d at the first. The documentation asks for probabilities:
https://ml-explore.github.io/mlx/build/html/python/nn/_autosummary_functions/mlx.nn.losses.cross_entropy.html
"""

import mlx.core as mx
from mlx import nn

z = mx.array([0.5, -0.3, 0.1])
for d in (mx.array([0.2, 0.5, 0.3]), mx.array([0.7, 0.9, 0.4])):
    found, expected = nn.losses.cross_entropy(z, d).item(), -(d * nn.log_softmax(z)).sum().item()
    print(f"sum of d = {d.sum().item():.1f}: cross_entropy {found:.6f}, -sum(d log_softmax(z)) {expected:.6f}")

# Printed by MLX 0.32.4 on x86-64:
# sum of d = 1.0: cross_entropy 1.271250, -sum(d log_softmax(z)) 1.271250
# sum of d = 2.0: cross_entropy 1.631251, -sum(d log_softmax(z)) 2.382501
