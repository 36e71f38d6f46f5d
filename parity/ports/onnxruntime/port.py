"""ONNX Runtime as a port: a graph of RNN, GRU or LSTM, made for each case. SPEC 10.5, 11.1, 11.2, 11.3, 11.4.

What ONNX Runtime 1.32 is known to compute otherwise, on x86-64 in float32:

- σ of a gate that closes: a rational function plus 1/2, cut off at -18. σ(-10) is off by 2e-4 of itself, σ(-15) by
  0.17, and from -18 on it is 0. SPEC 2.4.
- tanh of a small argument, in the operator RNN alone: 2σ(2x) - 1 with that σ. tanh(1e-4) is off by 1.7e-4 of itself,
  tanh(1e-8) is 0.
- NaN, in GRU and LSTM with biases: the default clip takes std::min(FLT_MAX, NaN), which is FLT_MAX. A GRU keeps its
  state, a gate of an LSTM opens, and the answer is finite. In the RNN relu(NaN) is 0. SPEC 1.7, 2.5.
"""

import numpy as np
import onnxruntime

from parity.adapter import Named, Problem, network, serve
from parity.vectors.forms import graph

onnxruntime.set_default_logger_severity(3)


def forward(inputs: Named, problem: Problem) -> Named:
    """The whole forward pass, by the model that `bptt export --format onnx` writes."""
    case = problem.case
    names = ["x", *(f"{state}0" for state in case.rnn().cell.states)]
    given = {name: np.ascontiguousarray(inputs[name]) for name in names}
    given["lengths"] = problem.lengths.astype(np.int32)
    model = graph.model(case, inputs, given).SerializeToString()
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    return dict(zip(graph.outputs(case), session.run(None, given), strict=True))


if __name__ == "__main__":
    serve(network(forward))
