"""ONNX Runtime as a port: a graph of RNN, GRU or LSTM, made for each case. SPEC 10.5, 11.1 to 11.4."""

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
