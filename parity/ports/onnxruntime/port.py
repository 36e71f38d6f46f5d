"""ONNX Runtime as a port: a graph of RNN operators, made for each case. SPEC 10.5, 11.1."""

from typing import Any

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from parity import adapter
from parity.cases import Case
from reference.parameters import suffixes

OPSET = 22
RECURRENT: dict[str, dict[str, Any]] = {
    "tanh": {"activations": ["Tanh"]},
    "relu": {"activations": ["Relu"]},
    "identity": {"activations": ["Affine"], "activation_alpha": [1.0], "activation_beta": [0.0]},
}
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


def graph(case: Case, params: dict[str, Any], h0: Any, lengths: Any) -> bytes:
    """The model of a case: x (T, B, I) to output (T, B, D·H), h_n (L·D, B, H), and z, y. The layouts of SPEC 11.1."""
    D, H = case.num_directions, case.H
    constants: dict[str, Any] = {"lengths": lengths.astype(np.int32), "shape": np.array([0, 0, D * H])}
    nodes, series, last = [], "x", []
    prefix = case.prefix
    for l, names in enumerate(suffixes(case.num_layers, D)):
        w = {kind: [params[f"{prefix}{kind}{s}"] for s in names] for kind in ("weight_ih", "weight_hh")}
        constants |= {f"W{l}": np.stack(w["weight_ih"]), f"R{l}": np.stack(w["weight_hh"])}
        if case.bias:
            both = [[params[f"{prefix}{kind}{s}"] for kind in ("bias_ih", "bias_hh")] for s in names]
            constants[f"B{l}"] = np.stack([np.concatenate(b) for b in both])
        constants[f"h0_{l}"] = h0[l * D : (l + 1) * D]
        inputs = [series, f"W{l}", f"R{l}", f"B{l}" if case.bias else "", "lengths", f"h0_{l}"]
        options = {name: value * D for name, value in RECURRENT[case.nonlinearity].items()}
        direction = "bidirectional" if case.bidirectional else "forward"
        nodes += [
            helper.make_node("RNN", inputs, [f"Y{l}", f"Y_h{l}"], hidden_size=H, direction=direction, **options),
            helper.make_node("Transpose", [f"Y{l}"], [f"beside{l}"], perm=[0, 2, 1, 3]),
            helper.make_node("Reshape", [f"beside{l}", "shape"], [f"series{l}"]),
        ]
        series = f"series{l}"
        last.append(f"Y_h{l}")
    nodes += [
        helper.make_node("Identity", [series], ["output"]),
        helper.make_node("Concat", last, ["h_n"], axis=0),
    ]
    results = ["output", "h_n"]
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
    LD = case.num_layers * case.num_directions
    h0 = np.zeros((LD, B, case.H), x.dtype) if values.h0 is None else values.h0.reshape(LD, B, case.H)
    lengths = np.full(B, T) if values.lengths is None else values.lengths
    model = graph(case, values.params, h0, lengths)
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    names = [result.name for result in session.get_outputs()]
    found = dict(zip(names, session.run(None, {"x": np.ascontiguousarray(x)}), strict=True))
    h_n = found.pop("h_n")
    return {name: case.laid_out(series) for name, series in found.items()} | {"h_n": h_n if case.batched else h_n[:, 0]}


if __name__ == "__main__":
    adapter.serve(answer)
