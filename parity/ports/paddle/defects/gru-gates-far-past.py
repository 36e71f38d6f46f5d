"""Paddle on a CPU: the gradient of a GRU whose gates are far past their ends is NaN; the output is finite."""

import paddle

paddle.seed(0)
layer = paddle.nn.GRU(1, 1)
for scale in (1.0, 50.0, 500.0, 5000.0, 50000.0):
    x = paddle.to_tensor([[[scale], [-scale]]], dtype="float32", stop_gradient=False)
    output, _ = layer(x)
    output.sum().backward()
    print(scale, output.numpy().ravel(), x.grad.numpy().ravel())

# Printed by PaddlePaddle 3.3.1 on x86-64:
# 1.0 [ 0.10916101 -0.08161609] [ 0.556472   -0.05155919]
# 50.0 [1. 1.] [1.5678866e-16 0.0000000e+00]
# 500.0 [1. 1.] [nan  0.]
# 5000.0 [1. 1.] [nan  0.]
# 50000.0 [1. 1.] [nan  0.]
