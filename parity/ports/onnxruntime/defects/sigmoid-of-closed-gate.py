"""ONNX Runtime on a CPU, float32: the sigmoid of a gate that closes is cut off at -18, and loses digits before.

An LSTM of one unit with i = σ(z), o = σ(40), g = tanh(1), from rest: c(0) = σ(z) tanh(1), which c_n gives. The operator
Sigmoid does the same. https://github.com/microsoft/onnxruntime/blob/main/onnxruntime/core/mlas/lib/logistic.cpp
"""

import math

import numpy as np
import onnxruntime
from onnx import TensorProto, helper

node = helper.make_node("LSTM", ["x", "W", "R"], ["", "", "c_n"], hidden_size=1)
shapes = {"x": [1, 1, 2], "W": [1, 4, 2], "R": [1, 4, 1]}  # blocks i, o, f, c; x = (z, 1)
given = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()]
last = [helper.make_tensor_value_info("c_n", TensorProto.FLOAT, None)]
model = helper.make_model(
    helper.make_graph([node], "lstm", given, last), opset_imports=[helper.make_opsetid("", 22)], ir_version=10
)
session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
W = np.array([[[1, 0], [0, 40], [0, 0], [0, 1]]], np.float32)
R = np.zeros((1, 4, 1), np.float32)
for z in (-1.0, -10.0, -15.0, -17.0, -18.0, -30.0):
    (c_n,) = session.run(None, {"x": np.array([[[z, 1]]], np.float32), "W": W, "R": R})
    expected = math.tanh(1) / (1 + math.exp(-z))
    print(f"z = {z:5.0f}: {c_n.item():.4e}, expected {expected:.4e}, off by {abs(c_n.item() / expected - 1):.1e} of it")

# Printed by ONNX Runtime 1.32.0 on x86-64:
# z =    -1: 2.0482e-01, expected 2.0482e-01, off by 4.5e-08 of it
# z =   -10: 3.4568e-05, expected 3.4575e-05, off by 2.0e-04 of it
# z =   -15: 2.7237e-07, expected 2.3297e-07, off by 1.7e-01 of it
# z =   -17: 6.8092e-08, expected 3.1530e-08, off by 1.2e+00 of it
# z =   -18: 0.0000e+00, expected 1.1599e-08, off by 1.0e+00 of it
# z =   -30: 0.0000e+00, expected 7.1267e-14, off by 1.0e+00 of it
