"""A case as a model of ONNX's operators RNN, GRU and LSTM. SPEC 11.1, 11.2, 11.3, 11.4."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from parity.cases import Case
from reference.arrays import Array
from reference.parameters import suffixes

OPSET = 22
IR_VERSION = 10
NONLINEARITIES: dict[str, dict[str, Any]] = {
    "tanh": {"activations": ["Tanh"]},
    "relu": {"activations": ["Relu"]},
    "identity": {"activations": ["Affine"], "activation_alpha": [1.0], "activation_beta": [0.0]},
}
BLOCKS = {"rnn": [0], "gru": [1, 0, 2], "lstm": [0, 3, 1, 2]}  # where ONNX's stand in torch's: z r h, i o f c
ACTIVATIONS = {
    "identity": "Identity",
    "sigmoid": "Sigmoid",
    "tanh": "Tanh",
    "relu": "Relu",
    "softplus": "Softplus",
    "softmax": "Softmax",
    "log_softmax": "LogSoftmax",
}


def lacking(case: Case) -> list[str]:
    """What the forward pass of a case needs, and ONNX's operators do not have."""
    needs = {
        f"the cell {case.cell}": case.cell not in BLOCKS,
        "a projection": case.proj_size > 0,
        "dropout masks": case.masks,
    }
    return [need for need, there in needs.items() if there]


def outputs(case: Case) -> Mapping[str, tuple[int, ...]]:
    """The outputs of the model in their order, each with its shape."""
    D, series = case.num_directions, (case.T, case.B)
    last = {f"{state}_n": (case.num_layers * D, case.B, case.H) for state in case.rnn().cell.states}
    head = {} if case.O is None else {"z": (*series, case.O), "y": (*series, case.O)}
    return {"output": (*series, D * case.H)} | last | head


def model(case: Case, params: Mapping[str, Array], inputs: Mapping[str, Array]) -> Any:
    """The onnx.ModelProto that computes a case, in the dtype of x: time first, with a batch.

    inputs: in their order, x (T, B, I) and those that are given of h0, c0 (L·D, B, H), lengths (B,) of int32; their
    shapes are the model's, their values do not stand in it. params: by their names in the stack.
    """
    from onnx import helper, numpy_helper

    D, H, L, states = case.num_directions, case.H, case.num_layers, list(case.rnn().cell.states)
    constants: dict[str, Array] = {"shape": np.array([0, 0, D * H])}
    initial = [f"{state}0" for state in states]
    nodes = [
        helper.make_node("Split", [name], [f"{name}_{l}" for l in range(L)], axis=0, num_outputs=L)
        for name in initial
        if name in inputs
    ]

    def in_onnx_order(name: str) -> Array:
        blocks = np.split(params[name], len(BLOCKS[case.cell]))
        return np.concatenate([blocks[k] for k in BLOCKS[case.cell]])

    attributes = {"hidden_size": H, "direction": "bidirectional" if case.bidirectional else "forward"} | _of_cell(case)
    series = "x"
    for l, names in enumerate(suffixes(L, D)):
        constants |= {
            f"W{l}": np.stack([in_onnx_order(f"weight_ih{s}") for s in names]),
            f"R{l}": np.stack([in_onnx_order(f"weight_hh{s}") for s in names]),
        }
        if case.bias:
            both = [[in_onnx_order(f"bias_ih{s}"), in_onnx_order(f"bias_hh{s}")] for s in names]
            constants[f"B{l}"] = np.stack([np.concatenate(b) for b in both])
        read = [
            series, f"W{l}", f"R{l}", f"B{l}" if case.bias else "", "lengths" if "lengths" in inputs else "",
            *(f"{name}_{l}" if name in inputs else "" for name in initial),
        ]  # fmt: skip
        written = [f"Y{l}", *(f"Y_{state}{l}" for state in states)]
        nodes += [
            helper.make_node(case.cell.upper(), read, written, **attributes),
            helper.make_node("Transpose", [f"Y{l}"], [f"beside{l}"], perm=[0, 2, 1, 3]),
            helper.make_node("Reshape", [f"beside{l}", "shape"], [series := f"series{l}"]),
        ]
    nodes.append(helper.make_node("Identity", [series], ["output"]))
    nodes += [
        helper.make_node("Concat", [f"Y_{state}{l}" for l in range(L)], [f"{state}_n"], axis=0) for state in states
    ]
    if case.O is not None:
        constants |= {"W_out": params["output.weight"].T, "b_out": params["output.bias"]}
        nodes += [
            helper.make_node("MatMul", ["output", "W_out"], ["product"]),
            helper.make_node("Add", ["product", "b_out"], ["z"]),
            helper.make_node(ACTIVATIONS[case.activation], ["z"], ["y"]),
        ]

    def tensor(name: str, dtype: Any, shape: tuple[int, ...]) -> Any:
        return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(dtype), shape)

    return helper.make_model(
        helper.make_graph(
            nodes,
            case.id,
            [tensor(name, array.dtype, array.shape) for name, array in inputs.items()],
            [tensor(name, inputs["x"].dtype, shape) for name, shape in outputs(case).items()],
            [numpy_helper.from_array(np.ascontiguousarray(c), name) for name, c in constants.items()],
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
    )


def _of_cell(case: Case) -> dict[str, Any]:
    """What the operator is told of its cell."""
    if case.cell == "rnn":
        return {name: value * case.num_directions for name, value in NONLINEARITIES[case.nonlinearity].items()}
    return {"linear_before_reset": int(case.reset == "after")} if case.cell == "gru" else {}
