"""ONNX Runtime on a CPU, float32: NaN goes into a recurrent layer and a finite number comes out.

Relu in the operator RNN makes 0 of it. With biases the clip of GRU and LSTM, which nobody asked for, takes the smaller
of NaN and the largest float, which is that: gates open, and the state is finite. Without biases NaN passes.
https://github.com/microsoft/onnxruntime/blob/main/onnxruntime/core/providers/cpu/rnn/rnn_helpers.cc
"""

import numpy as np
import onnxruntime
from onnx import TensorProto, helper

for operator, gates, more in (("RNN", 1, {"activations": ["Relu"]}), ("GRU", 3, {}), ("LSTM", 4, {})):
    for names in (["x", "W", "R", "B"], ["x", "W", "R"]):
        node = helper.make_node(operator, names, ["", "h_n"], hidden_size=1, **more)
        shapes = {"x": [1, 1, 1], "W": [1, gates, 1], "R": [1, gates, 1], "B": [1, 2 * gates]}
        given = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shapes[name]) for name in names]
        last = [helper.make_tensor_value_info("h_n", TensorProto.FLOAT, None)]
        model = helper.make_model(
            helper.make_graph([node], operator, given, last), opset_imports=[helper.make_opsetid("", 22)], ir_version=10
        )
        session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        values = {name: np.ones(shapes[name], np.float32) for name in names} | {
            "x": np.full((1, 1, 1), np.nan, np.float32)
        }
        (h_n,) = session.run(None, values)
        print(f"{operator} {'with' if 'B' in names else 'without'} biases: x = nan, h_n = {h_n.item()}")

# Printed by ONNX Runtime 1.32.0 on x86-64:
# RNN with biases: x = nan, h_n = 0.0
# RNN without biases: x = nan, h_n = 0.0
# GRU with biases: x = nan, h_n = 0.0
# GRU without biases: x = nan, h_n = nan
# LSTM with biases: x = nan, h_n = 0.7615941762924194
# LSTM without biases: x = nan, h_n = nan
