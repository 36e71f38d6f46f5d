"""Paddle on a CPU: softplus(z) is log(1 + exp(z)) as it stands, so below z = -15 its digits go, at -40 all."""

import math

import paddle

for z in (-5.0, -20.0, -30.0, -40.0):
    found = paddle.nn.functional.softplus(paddle.to_tensor(z, dtype="float64")).item()
    print(f"softplus({z}) = {found:.6e}, expected {math.log1p(math.exp(z)):.6e}")

# Printed by PaddlePaddle 3.3.1 on x86-64:
# softplus(-5.0) = 6.715348e-03, expected 6.715348e-03
# softplus(-20.0) = 2.061154e-09, expected 2.061154e-09
# softplus(-30.0) = 9.348078e-14, expected 9.357623e-14
# softplus(-40.0) = 0.000000e+00, expected 4.248354e-18
