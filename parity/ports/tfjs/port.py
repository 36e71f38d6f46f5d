"""TensorFlow.js as a port: asks layers.mjs, which runs in Node, by lines of JSON. SPEC 10.5."""

import json
import subprocess
from base64 import b64decode, b64encode
from collections.abc import Callable

import numpy as np

from parity.adapter import Named, Problem, network, serve

node = subprocess.Popen(["node", "layers.mjs"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def packed(arrays: Named) -> Named:
    """Shapes, and the bytes of float32."""
    there = {name: np.asarray(array, "<f4") for name, array in arrays.items() if array is not None}
    return {name: {"shape": a.shape, "data": b64encode(a.tobytes()).decode()} for name, a in there.items()}


def forward(inputs: Named, problem: Problem) -> Named:
    """The outputs, and, `d_` before their names, the gradients of the inputs by what is given back to the outputs."""
    above = inputs.get("above", {})
    fixed = {name: getattr(problem, name) for name in ("real", "target", "weights")}
    arrays = {"inputs": {n: a for n, a in inputs.items() if n != "above"}, "fixed": fixed, "above": above}
    case = vars(problem.case) | {"asked": problem.asked}
    question = {"c": case} | {name: packed(each) for name, each in arrays.items()}
    print(json.dumps(question, default=str), file=node.stdin, flush=True)
    answer = json.loads(node.stdout.readline() or '{"error": "Node has ended; npm install brings TensorFlow.js here"}')
    if "error" in answer:
        raise RuntimeError(answer["error"])
    found = answer["outputs"] | {f"d_{name}": d for name, d in answer["gradients"].items()}
    return {name: np.frombuffer(b64decode(a["data"]), "<f4").reshape(a["shape"]) for name, a in found.items()}


def vjp(f: Callable[[Named], Named], inputs: Named, upstream: Named) -> tuple[Named, Named]:
    """What f gives, and the gradients of its inputs."""
    found = f(inputs | {"above": upstream})
    return found, {name: found.pop(f"d_{name}") for name in inputs if f"d_{name}" in found}


if __name__ == "__main__":
    serve(network(forward, vjp))
