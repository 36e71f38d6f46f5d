"""ONNX Runtime on a CPU, float32: the operator RNN computes tanh(x) as 2σ(2x) - 1, which has no digits of small x.

The operator Tanh is right.
https://github.com/microsoft/onnxruntime/blob/main/onnxruntime/core/providers/cpu/rnn/rnn_activation_functors.h
"""

import math

import numpy as np
import onnxruntime
from onnx import TensorProto, helper

nodes = [helper.make_node("RNN", ["x", "W", "R"], ["", "h_n"], hidden_size=1), helper.make_node("Tanh", ["x"], ["y"])]
given = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 1, 1]) for name in ("x", "W", "R")]
found = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("h_n", "y")]
model = helper.make_model(
    helper.make_graph(nodes, "rnn", given, found), opset_imports=[helper.make_opsetid("", 22)], ir_version=10
)
session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
one = np.ones((1, 1, 1), np.float32)
for x in (1.0, 1e-2, 1e-4, 1e-6, 1e-8):
    h_n, y = session.run(None, {"x": x * one, "W": one, "R": 0 * one})
    print(f"x = {x:.0e}: RNN {h_n.item():.7e}, Tanh {y.item():.7e}, expected {math.tanh(np.float32(x)):.7e}")

# Printed by ONNX Runtime 1.32.0 on x86-64:
# x = 1e+00: RNN 7.6159406e-01, Tanh 7.6159418e-01, expected 7.6159416e-01
# x = 1e-02: RNN 9.9997520e-03, Tanh 9.9996654e-03, expected 9.9996665e-03
# x = 1e-04: RNN 1.0001659e-04, Tanh 9.9999983e-05, expected 9.9999997e-05
# x = 1e-06: RNN 1.0728836e-06, Tanh 9.9999988e-07, expected 1.0000000e-06
# x = 1e-08: RNN 0.0000000e+00, Tanh 9.9999991e-09, expected 9.9999999e-09
