"""Paddle on a CPU: log_softmax is never below -64 before its sum, and cross_entropy neither.

The clip is ValueClip of https://github.com/PaddlePaddle/Paddle/pull/9686
"""

import paddle
from paddle.nn.functional import cross_entropy, log_softmax

z = paddle.to_tensor([[0.0, -100.0, -1000.0]], dtype="float64", stop_gradient=False)
print("log_softmax", log_softmax(z).numpy()[0], "expected [0, -100, -1000]")
print("cross_entropy", cross_entropy(z, paddle.to_tensor([1])).item(), "expected 100")
print("z - logsumexp(z)", (z - paddle.logsumexp(z, -1, keepdim=True)).numpy()[0])

# Printed by PaddlePaddle 3.3.1 on x86-64:
# log_softmax [  0. -64. -64.] expected [0, -100, -1000]
# cross_entropy 64.0 expected 100
# z - logsumexp(z) [    0.  -100. -1000.]
