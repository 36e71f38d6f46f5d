"""Paddle on a CPU: relu of NaN is 0, alone and in SimpleRNN; NaN is lost."""

import paddle

layer = paddle.nn.SimpleRNN(1, 1, activation="relu")
x = paddle.to_tensor([[[float("nan")]]])
print("SimpleRNN", layer(x)[0].item(), "functional.relu", paddle.nn.functional.relu(x).item())

# Printed by PaddlePaddle 3.3.1 on x86-64:
# SimpleRNN 0.0 functional.relu 0.0
