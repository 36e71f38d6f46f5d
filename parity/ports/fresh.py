"""Cases made at the moment, so that nothing can be hard-coded: `python -m parity check PORT --fresh SEED`."""

from collections.abc import Callable
from typing import Any

import numpy as np

from parity import admission
from parity.cases import Case
from parity.cells import CELLS
from reference.divergences import DIVERGENCES, LOGITS

DRAWS = 20_000  # before it is given up that a port claims any


def cases(seed: int, count: int, claimed: Callable[[Case], bool]) -> list[Case]:
    """So many admissible cases of random sizes and options, among those that a port claims; the same for one seed."""
    rng = np.random.default_rng(seed)
    found: list[Case] = []
    for number in range(DRAWS):
        if len(found) == count:
            break
        case = draw(rng, f"fresh-{seed}-{number}")
        if claimed(case) and not admission.problems(case):
            found.append(case)
    return found


def draw(rng: np.random.Generator, case_id: str) -> Case:
    """One case of random sizes and options. Its id seeds its values."""

    def one_of(*values: Any) -> Any:
        return values[rng.integers(len(values))]

    def size(largest: int = 9) -> int:
        return int(rng.integers(1, largest + 1))

    cell = one_of(*CELLS)
    options: dict[str, Any] = {
        "cell": cell,
        "T": size(12),
        "B": size(5),
        "I": size(),
        "H": size(),
        "num_layers": one_of(1, 1, 2, 3),
        **{name: one_of(*option.values) for name, option in CELLS[cell].options.items()},
        "bias": one_of(True, False),
        "bidirectional": one_of(False, True),
        "layout": one_of("time_major", "batch_first", "unbatched"),
        "h0": one_of(True, False),
        "upstream": one_of("output+h_n", "output", "h_n"),
        "scale": one_of(0.25, 0.75, 1.5),
    }
    if options["layout"] == "unbatched":
        options["B"] = 1
    elif one_of(True, False):
        options["lengths"] = tuple(int(n) for n in rng.integers(1, options["T"] + 1, options["B"]))
    if options["num_layers"] > 1 and one_of(True, False):
        options |= {"dropout": one_of(0.0, 0.1, 0.5, 1.0), "masks": True}
    if not options["bidirectional"] and one_of(True, False, False):
        options["truncate"] = size(options["T"])
    if one_of(True, False):
        lengths = options.get("lengths") or (options["T"],) * options["B"]
        options |= _head(one_of, size() + 1, rng, lengths)
    return Case(case_id, "fresh", _in_words(options), saturated=True, **options)


def _head(one_of: Callable[..., Any], O: int, rng: np.random.Generator, lengths: tuple[int, ...]) -> dict[str, Any]:
    """The options of an output layer that go together; lengths: of each sequence."""
    options = {"O": O, "reduction": one_of("sum", "mean")}
    name = one_of(*sorted(DIVERGENCES), "mean_pooled_cross_entropy", "ctc")
    if name == "ctc":
        labels = tuple(tuple(map(int, rng.integers(1, O, rng.integers(n + 1)))) for n in lengths)
        activation = one_of(*sorted(LOGITS))
        ctc = {"divergence": name, "target": "labels", "labels": labels, "zero_infinity": True}
        return options | ctc | {"activation": activation}
    weights = one_of(None, "random", "mask", "last")
    if name == "mean_pooled_cross_entropy":
        activation = one_of(*sorted(LOGITS))
        return options | {"activation": activation, "divergence": name, "target": "sequence", "weights": weights}
    divergence = DIVERGENCES[name]
    targets = {"binary_cross_entropy": ["bits"], "squared_error": ["values"]}.get(name, ["soft"])
    return options | {
        "activation": one_of(*sorted(divergence.activations)),
        "divergence": name,
        "target": one_of(*targets, *(["classes"] if divergence.takes_indices else [])),
        "weights": weights,
    }


def _in_words(options: dict[str, Any]) -> str:
    """The sizes, and what is not the default."""
    sizes = " ".join(f"{name}{options[name]}" for name in ("T", "B", "I", "H", "O") if name in options)
    flags = [name for name in ("bidirectional", "truncate", "lengths", "masks") if options.get(name)]
    head = [options["activation"], options["divergence"]] if "O" in options else []
    own = [options[name] for name in CELLS[options["cell"]].options]
    return " ".join([sizes, f"l{options['num_layers']}", *own, *flags, *head])
