"""The gradient of torch's binary_cross_entropy at probabilities below 1e-12. The loss itself is right.

d/dy of -log(y) is -1/y; torch gives -(1 - y) / max(y (1 - y), 1e-12). https://github.com/pytorch/pytorch/issues/103316
"""

import torch
from torch.nn.functional import binary_cross_entropy

for y in (1e-6, 1e-12, 1e-14, 1e-16):
    p = torch.tensor([y], dtype=torch.float64, requires_grad=True)
    one = torch.ones(1, dtype=torch.float64)
    (found,) = torch.autograd.grad(binary_cross_entropy(p, one), p)
    h = y / 1000
    difference = (binary_cross_entropy(p + h, one) - binary_cross_entropy(p - h, one)) / (2 * h)
    print(f"y = {y:.0e}: torch {found.item():.4e}, finite difference of its own loss {difference.item():.4e}")

# torch 2.13.0+cpu:
# y = 1e-06: torch -1.0000e+06, finite difference of its own loss -1.0000e+06
# y = 1e-12: torch -1.0000e+12, finite difference of its own loss -1.0000e+12
# y = 1e-14: torch -1.0000e+12, finite difference of its own loss -1.0000e+14
# y = 1e-16: torch -1.0000e+12, finite difference of its own loss -1.0000e+16
