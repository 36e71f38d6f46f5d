"""ONNX Runtime as a port: a graph of RNN, GRU or LSTM operators, made for each case. SPEC 10.5, 11.1.

What ONNX Runtime 1.32 is known to compute otherwise, on x86-64 in float32:

- σ of a gate that closes: a rational function plus 1/2, cut off at -18. σ(-10) is off by 2e-4 of itself, σ(-15) by
  0.17, and from -18 on it is 0. SPEC 2.4.
- tanh of a small argument, in the operator RNN alone: 2σ(2x) - 1 with that σ. tanh(1e-4) is off by 1.7e-4 of itself,
  tanh(1e-8) is 0.
- NaN, in GRU and LSTM with biases: the default clip takes std::min(FLT_MAX, NaN), which is FLT_MAX. A GRU keeps its
  state, a gate of an LSTM opens, and the answer is finite. In the RNN relu(NaN) is 0. SPEC 1.11, 2.5.
"""

from typing import Any

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from parity import adapter
from parity.cases import Case
from reference.parameters import suffixes

OPSET = 22
ACTIVATIONS: dict[str, dict[str, Any]] = {
    "tanh": {"activations": ["Tanh"]},
    "relu": {"activations": ["Relu"]},
    "identity": {"activations": ["Affine"], "activation_alpha": [1.0], "activation_beta": [0.0]},
}
BLOCKS = {"rnn": [0], "gru": [1, 0, 2], "lstm": [0, 3, 1, 2]}  # where ONNX's stand in torch's: z r h, i o f c
OUTPUT = {
    "identity": "Identity",
    "sigmoid": "Sigmoid",
    "tanh": "Tanh",
    "relu": "Relu",
    "softplus": "Softplus",
    "softmax": "Softmax",
    "log_softmax": "LogSoftmax",
}

onnxruntime.set_default_logger_severity(3)


def attributes(case: Case) -> dict[str, Any]:
    """What the operator is told of its cell, other than sizes."""
    if case.cell == "rnn":
        return {name: value * case.num_directions for name, value in ACTIVATIONS[case.nonlinearity].items()}
    return {"linear_before_reset": int(case.reset == "after")} if case.cell == "gru" else {}


def graph(case: Case, params: dict[str, Any], initial: dict[str, Any], lengths: Any) -> bytes:
    """The model of a case: x (T, B, I) to output (T, B, D·H), h_n, c_n (L·D, B, H), and z, y. SPEC 11.1."""
    D, H = case.num_directions, case.H
    constants: dict[str, Any] = {"lengths": lengths.astype(np.int32), "shape": np.array([0, 0, D * H])}
    nodes, series, results = [], "x", ["output", *(f"{state}_n" for state in initial)]

    def in_onnx_order(name: str) -> Any:
        blocks = np.split(params[f"{case.prefix}{name}"], len(BLOCKS[case.cell]))
        return np.concatenate([blocks[k] for k in BLOCKS[case.cell]])

    for l, names in enumerate(suffixes(case.num_layers, D)):
        constants |= {
            f"W{l}": np.stack([in_onnx_order(f"weight_ih{s}") for s in names]),
            f"R{l}": np.stack([in_onnx_order(f"weight_hh{s}") for s in names]),
        }
        if case.bias:
            both = [[in_onnx_order(f"bias_ih{s}"), in_onnx_order(f"bias_hh{s}")] for s in names]
            constants[f"B{l}"] = np.stack([np.concatenate(b) for b in both])
        constants |= {f"{state}0_{l}": first[l * D : (l + 1) * D] for state, first in initial.items()}
        inputs = [series, f"W{l}", f"R{l}", f"B{l}" if case.bias else "", "lengths", *(f"{s}0_{l}" for s in initial)]
        outputs = [f"Y{l}", *(f"Y_{state}{l}" for state in initial)]
        direction = "bidirectional" if case.bidirectional else "forward"
        nodes += [
            helper.make_node(
                case.cell.upper(), inputs, outputs, hidden_size=H, direction=direction, **attributes(case)
            ),
            helper.make_node("Transpose", [f"Y{l}"], [f"beside{l}"], perm=[0, 2, 1, 3]),
            helper.make_node("Reshape", [f"beside{l}", "shape"], [f"series{l}"]),
        ]
        series = f"series{l}"
    nodes.append(helper.make_node("Identity", [series], ["output"]))
    nodes += [
        helper.make_node("Concat", [f"Y_{state}{l}" for l in range(case.num_layers)], [f"{state}_n"], axis=0)
        for state in initial
    ]
    if case.O is not None:
        constants |= {"W_out": params["output.weight"].T, "b_out": params["output.bias"]}
        nodes += [
            helper.make_node("MatMul", ["output", "W_out"], ["product"]),
            helper.make_node("Add", ["product", "b_out"], ["z"]),
            helper.make_node(OUTPUT[case.activation], ["z"], ["y"]),
        ]
        results += ["z", "y"]
    model = helper.make_model(
        helper.make_graph(
            nodes,
            case.cell,
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["T", "B", case.I])],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in results],
            [numpy_helper.from_array(np.ascontiguousarray(c), name) for name, c in constants.items()],
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=10,
    )
    return model.SerializeToString()


def answer(request: adapter.Request) -> dict[str, Any]:
    case, values = request.case, request.values
    x = values.x if case.batched else values.x[:, None]
    x = x.swapaxes(0, 1) if case.batch_first else x
    T, B = x.shape[:2]
    shape = (case.num_layers * case.num_directions, B, case.H)
    zeros = {state: np.zeros(shape, x.dtype) for state in case.rnn().cell.states}
    initial = {state: first.reshape(shape) for state, first in (values.initial or zeros).items()}
    lengths = np.full(B, T) if values.lengths is None else values.lengths
    model = graph(case, values.params, initial, lengths)
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    names = [result.name for result in session.get_outputs()]
    found = dict(zip(names, session.run(None, {"x": np.ascontiguousarray(x)}), strict=True))
    last = {f"{state}_n": found.pop(f"{state}_n") for state in initial}
    last = last if case.batched else {name: state[:, 0] for name, state in last.items()}
    return {name: case.laid_out(series) for name, series in found.items()} | last


if __name__ == "__main__":
    adapter.serve(answer)
