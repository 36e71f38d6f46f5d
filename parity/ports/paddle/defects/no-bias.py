"""Paddle on a CPU: layers without biases throw when they are made, or crash when they are called.

https://github.com/PaddlePaddle/Paddle/issues/70231
"""

import subprocess
import sys

for direction in ("forward", "bidirect"):
    made = f"paddle.nn.GRU(3, 4, direction='{direction}', bias_ih_attr=False, bias_hh_attr=False)"
    program = f"import paddle; layer = {made}; print('made'); layer(paddle.randn([2, 5, 3]))"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    said = [line for line in run.stderr.splitlines() if "Error:" in line] or [""]
    print(f"{direction}: {run.stdout[:4].strip()} exit code {run.returncode} {said[-1][:60]}")

# Printed by PaddlePaddle 3.3.1 on x86-64 (-11: segmentation fault):
# forward: made exit code -11
# bidirect:  exit code 1 IndexError: list assignment index out of range
