"""A framework as a port: two functions in its own arrays; what is around them is done here. SPEC 10.5.

    forward(inputs, problem) -> outputs                 by the names of SPEC 10.6: output, h_n, c_n, z, y, div
    vjp(f, inputs, upstream) -> outputs, gradients      the framework's own vector-Jacobian product, if it has one

`inputs` holds x (T, B, I), h0 (and c0) (L·D, B, ·), and every parameter by its name; f is `forward` of these alone.
`python port.py` answers a check by `serve(network(forward, vjp))`; `parity.check` asks in its own process.
"""

import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from parity.cases import Arrays, Case
from parity.vectors import npy, reading
from reference.arrays import Array
from reference.packing import Packing
from reference.parameters import suffixes

Named = dict[str, Any]  # arrays of a framework, or of NumPy, by name


@dataclass(frozen=True)
class Request:
    """One case as a port gets it: what it is, its inputs, which tensors are asked for, where it starts."""

    case: Case
    values: Arrays
    asked: tuple[str, ...]
    continued: bool = False  # from the states that the case before has ended with. SPEC 10.12
    reverse: bool = False  # its one direction reads from the end. SPEC 10.13


@dataclass(frozen=True)
class Problem:
    """A case without its corners: time first, a batch always, and nothing there that must not be read.

    case: what it is. asked: which tensors are wanted. real: (T, B, 1), which steps are no padding. lengths: (B,).
    reading: (T, B, 1), which step of x the reverse direction reads as its t-th, and where its t-th output belongs.
    kept: (L-1, T, B, D·H), what dropout keeps between layers, times `scale`, 1/(1-p); None: no dropout (SPEC 4.6).
    target: (T, B, O), one-hot where classes are given, 0 where the weight is; the labels of CTC and the class of a
    sequence are as the case has them. weights: (T, B), 0 at padding, with the sum 1 for a mean (SPEC 8.4).
    reverse: whether the one direction of the case reads from the end (SPEC 10.13).
    """

    case: Case
    asked: tuple[str, ...]
    real: Array
    lengths: Array
    reading: Array
    kept: Array | None
    scale: float
    target: Array | None
    weights: Array | None
    reverse: bool = False


Forward = Callable[[Named, Problem], Named]
Product = Callable[[Callable[[Named], Named], Named, Named], tuple[Named, Named]]
Column = Callable[[Problem, Named, Any, Named], Named]
Answer = Callable[[Request], Mapping[str, Array]]


def network(forward: Forward, vjp: Product | None = None) -> Answer:
    """The answer to any case, from the two functions; without `vjp` to those that ask for no gradient.

    What one case ends with is kept, and is where the next starts that continues it.
    """
    last: Named = {}

    def answer(request: Request) -> Mapping[str, Array]:
        case, values = request.case, request.values
        problem, inputs = prepared(request)
        states = case.rnn().cell.states
        if request.continued and not last.keys() >= set(states):
            raise ValueError("nothing to continue: no case before this one has given its last states")
        inputs |= {f"{name}0": last[name] for name in states if request.continued}
        gradients: Named = {}
        if vjp is None or not any(name.startswith("d_") for name in request.asked):
            outputs = forward(inputs, problem)
        else:
            outputs, gradients = vjp(lambda given: forward(given, problem), inputs, _upstream(case, problem, values))
        last.update({name: np.asarray(outputs[f"{name}_n"]) for name in states if f"{name}_n" in outputs})
        return _outputs(case, problem, outputs) | (_gradients(case, problem, gradients) if gradients else {})

    return answer


def prepared(request: Request) -> tuple[Problem, Named]:
    """The problem that a case is, and the inputs of `forward`."""
    case, values = request.case, request.values
    dtype, cell = values.x.dtype, case.rnn().cell
    packing = Packing(case.T, case.B, values.lengths)
    real = packing.real[:, :, None]
    steps = np.broadcast_to(np.arange(case.T)[:, None, None], real.shape)
    shape = (case.num_layers * case.num_directions, case.B)
    initial = values.initial or {name: np.zeros((*shape, cell.sizes[name]), dtype) for name in cell.states}
    no_biases = {name: np.zeros(size, dtype) for name, size in replace(case, O=None, bias=True).shapes().items()}
    inputs = {
        "x": np.where(real, case.time_major(values.x), 0),
        **{f"{name}0": state.reshape(*shape, -1) for name, state in initial.items()},
        **no_biases,
        **{name.removeprefix(case.prefix): parameter for name, parameter in values.params.items()},
    }
    target, weights = _judged(case, values, packing.real)
    problem = Problem(
        case,
        request.asked,
        real,
        lengths=np.full(case.B, case.T) if values.lengths is None else values.lengths,
        reading=packing.reverse(steps),
        kept=None if values.masks is None else values.masks.reshape(case.num_layers - 1, case.T, case.B, -1),
        scale=1 / (1 - case.dropout) if case.dropout < 1 else 0.0,
        target=target,
        weights=weights,
        reverse=request.reverse,
    )
    return problem, inputs


def _judged(case: Case, values: Arrays, real: Array) -> tuple[Array | None, Array | None]:
    """The target of each step, 0 where none counts, and the weights as they count. SPEC 8.3, 8.4."""
    if values.target is None:
        return None, None
    given = 1 if values.weights is None else case.time_major(values.weights)
    weights = np.where(real, given, 0).astype(values.x.dtype)
    if case.per_sequence:
        return values.target, weights
    target, counts = case.time_major(values.target), weights != 0
    if np.issubdtype(target.dtype, np.integer):
        target = np.eye(case.O or 0, dtype=weights.dtype)[np.where(counts, target, 0)]
    return np.where(counts[:, :, None], target, 0), weights / weights.sum() if case.reduction == "mean" else weights


def _upstream(case: Case, problem: Problem, values: Arrays) -> Named:
    """What is given back to the outputs: 1 to DIV, and what else the case has. SPEC 5.1, 8.1."""
    found = {} if case.O is None else {"div": np.ones((), values.x.dtype)}
    if values.d_output is not None:
        found["output"] = np.where(problem.real, case.time_major(values.d_output), 0)
    states = {f"{name}_n": d for name, d in (values.d_last or {}).items()}
    return found | {name: d.reshape(d.shape[0], case.B, -1) for name, d in states.items()}


def _outputs(case: Case, problem: Problem, outputs: Named) -> dict[str, Array]:
    """The outputs in the layout of the case; past the end of a sequence the output is 0. SPEC 6.2."""
    found = {name: np.asarray(array) for name, array in outputs.items()}
    if "output" in found:
        found["output"] = np.where(problem.real, found["output"], np.zeros((), found["output"].dtype))
    return {name: _laid_out(case, name, array) for name, array in found.items()}


def _gradients(case: Case, problem: Problem, gradients: Named) -> dict[str, Array]:
    """The gradients of the inputs that the case has, by their names in it, in its layout."""
    found = {name: np.asarray(array) for name, array in gradients.items()}
    found["x"] = np.where(problem.real, found["x"], np.zeros((), found["x"].dtype))
    names = {name.removeprefix(case.prefix): name for name in case.shapes()}
    return {
        f"d_{names.get(name, name)}": _laid_out(case, name, array)
        for name, array in found.items()
        if name in names or "_" not in name
    }


def _laid_out(case: Case, name: str, array: Array) -> Array:
    """A series (T, B, ...) or states (L·D, B, ·) as the case has them; parameters and DIV as they are."""
    if name in ("x", "output", "z", "y"):
        return case.laid_out(array)
    state = name.endswith("_n") or name in [f"{state}0" for state in case.rnn().cell.states]
    return array[:, 0] if state and not case.batched else array


def stack(column: Column, xp: Any) -> Forward:
    """Layers, directions, ragged sequences, dropout around one column: output, and the last states. SPEC 4.5, 6.5.

    column(problem, w, x, initial): the states of one layer in one direction at every step, (T, B, ·) each, from its
    parameters by their names without layer and direction, what it reads, and its states (B, ·) before the first step.
    xp: a namespace like NumPy's, with asarray, where, concatenate, stack and take_along_axis.
    """

    def forward(inputs: Named, problem: Problem) -> Named:
        case = problem.case
        real, reading = xp.asarray(problem.real), xp.asarray(problem.reading)
        ends = xp.asarray(problem.lengths[None, :, None] - 1)
        states = case.rnn().cell.states
        series = inputs["x"]
        last: dict[str, list[Any]] = {name: [] for name in states}
        for l, names in enumerate(suffixes(case.num_layers, case.num_directions)):
            if l and problem.kept is not None:
                series = xp.where(xp.asarray(problem.kept[l - 1]), series * problem.scale, 0)
            outputs = []
            for d, suffix in enumerate(names):
                at, backwards = l * case.num_directions + d, d == 1 or problem.reverse
                w = {name.removesuffix(suffix): p for name, p in inputs.items() if name.endswith(suffix)}
                read = xp.take_along_axis(series, reading, 0) if backwards else series
                found = column(problem, w, read, {name: inputs[f"{name}0"][at] for name in states})
                for name in states:
                    last[name].append(xp.take_along_axis(found[name], ends, 0)[0])
                outputs.append(xp.take_along_axis(found["h"], reading, 0) if backwards else found["h"])
            series = xp.where(real, xp.concatenate(outputs, -1), 0)
        return {"output": series} | {f"{name}_n": xp.stack(each) for name, each in last.items()}

    return forward


def read(folder: Path, third: str = "") -> Request:
    """What a CASE_DIR holds. third: the third field of its line, if it has one. SPEC 10.12, 10.13."""
    files = reading.files_of(folder)
    keys = reading.read_keys(files)
    case, values = reading.read_inputs(files, keys)
    return Request(case, values, tuple(keys["asked"].split()), third == "continue", third == "reverse")


def serve(answer: Answer) -> None:
    """Answers every line of the standard input: writes what is asked for of the tensors that `answer` gives."""
    for line in sys.stdin:
        try:
            folder, out, *third = line.rstrip("\n").split("\t")
            request = read(Path(folder), *third)
            tensors = answer(request)
            for name in request.asked:
                npy.write(Path(out) / f"{name}.npy", np.asarray(tensors[name]))
            print("ok", flush=True)
        except Exception as error:  # one case that goes wrong must not end the others
            traceback.print_exc()
            said = " ".join(f"{type(error).__name__}: {error}".split())
            print(f"error {said}", flush=True)
