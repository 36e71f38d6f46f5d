"""Vectors as ONNX's own backend tests have them: a model, its inputs and its outputs. SPEC 10.3, 10.4, 11.1.

    DTYPE/test_ID/model.onnx                      the forward pass, by ONNX's operators; parameters are initializers
    DTYPE/test_ID/test_data_set_0/input_0.pb      x (T, B, I); then h0, c0, lengths, as far as the case has them
    DTYPE/test_ID/test_data_set_0/output_0.pb     output (T, B, D·H); then h_n, c_n and, of a network, z, y
    DTYPE/test_ID/data.json                       rtol, atol: what ONNX's runner allows; the limits themselves; the case

Whatever the layout of the case, the model has time first, and a batch. `onnx.backend.test.loader` finds the folders
with DTYPE as the kind.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from parity import tensors
from parity.cases import Case
from parity.vectors.forms import graph, rounding
from parity.vectors.vector import Vector
from reference.arrays import Array


def write(folder: Path, vectors: Sequence[Vector], dtypes: Sequence[str]) -> None:
    """A folder for each in each dtype, of those that ONNX can express."""
    for dtype in dtypes:
        for vector in vectors:
            _write(folder / dtype / f"test_{vector.case.id}", vector, dtype)


def _write(folder: Path, vector: Vector, dtype: str) -> None:
    case, values = vector.case, vector.values.map(lambda a: a.astype(dtype))
    initial = {f"{state}0": _states(case, first) for state, first in (values.initial or {}).items()}
    inputs = {"x": np.ascontiguousarray(case.time_major(values.x))} | initial
    if values.lengths is not None:
        inputs["lengths"] = values.lengths.astype(np.int32)
    params = {name.removeprefix(case.prefix): p for name, p in values.params.items()}
    outputs = {name: _time_major(case, name, rounding.rounded(vector, name, dtype)) for name in graph.outputs(case)}
    data = folder / "test_data_set_0"
    data.mkdir(parents=True)
    (folder / "model.onnx").write_bytes(graph.model(case, params, inputs).SerializeToString())
    _write_tensors(data, "input", inputs)
    _write_tensors(data, "output", outputs)
    said = _limits(vector, outputs, dtype)
    said["case"] = {**vector.keys, "dtype": dtype, "layout": "time_major", "asked": " ".join(outputs)}
    text = json.dumps(said, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    (folder / "data.json").write_text(text, encoding="utf-8", newline="\n")


def _write_tensors(folder: Path, kind: str, arrays: Mapping[str, Array]) -> None:
    from onnx import numpy_helper

    for number, (name, array) in enumerate(arrays.items()):
        content = numpy_helper.from_array(array, name).SerializeToString()
        (folder / f"{kind}_{number}.pb").write_bytes(content)


def _limits(vector: Vector, names: Mapping[str, Array], dtype: str) -> dict[str, Any]:
    """What ONNX's runner reads, one number for all, and what SPEC 10.4 says, a list by step or a number for each."""
    limits = {name: rounding.limits(vector, name, dtype) for name in names}
    return {
        "rtol": 0.0,
        "atol": float(max(limit.max() for limit in limits.values())),
        "zeros_may_round": [name for name in names if rounding.zero_may_round(vector, name, dtype)],
        "limits": {name: limit.tolist() for name, limit in limits.items()},
    }


def _time_major(case: Case, name: str, array: Array) -> Array:
    if tensors.find(case, name).kind == tensors.STATE:
        return _states(case, array)
    return np.ascontiguousarray(case.time_major(array))


def _states(case: Case, array: Array) -> Array:
    """(L·D, B, ·), with a batch of one where the case has none."""
    return array.reshape(array.shape[0], case.B, -1)
