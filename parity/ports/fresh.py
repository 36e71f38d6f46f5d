"""Cases made at the moment, so that nothing can be hard-coded: `python -m parity check PORT --fresh SEED`."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from parity import admission
from parity.cases import Case
from parity.cells import CELLS, own_fields
from parity.coverage.choosing import choices
from parity.coverage.options import Choice, Options

DRAWS = 20  # of sizes and values, before a choice of options is given up
LARGE_DRAWS = 3  # of them, before a wide or long case is given up
BARREN = 100  # choices in a row that come to nothing, before it is given up that a port claims more
WIDE_EVERY, LONG_EVERY = 5, 10  # one case of so many

Lacks = Callable[[Case], Iterable[str]]


def cases(seed: int, count: int, lacks: Lacks) -> list[Case]:
    """So many admissible cases that cover the pairs of options that a port claims; the same for one seed.

    lacks: what a case needs and the port does not claim. There are fewer only where it claims nothing.
    """
    rng = np.random.default_rng(seed)
    table = claimed(rng, lacks)
    found: list[Case] = []
    barren = 0
    if table.pairs:
        for choice in choices(table, rng, set(table.pairs)):
            case = _admissible(rng, choice, f"fresh-{seed}-{len(found)}", len(found), lacks)
            found += [case] if case else []
            barren = 0 if case else barren + 1
            if len(found) == count or barren == BARREN:
                break
    return found


def claimed(rng: np.random.Generator, lacks: Lacks) -> Options:
    """The options, with the values that a port claims: those of which not every case lacks the same thing."""
    table = Options()
    unmet: dict[tuple[str, str], set[str]] = {}
    for pair, choice in table.pairs.items():
        needs = set(lacks(drawn(rng, choice, "sample")))
        for value in pair:
            unmet[value] = unmet.get(value, needs) & needs
    return Options({name: [v for v in values if not unmet[name, v]] for name, values in table.values.items()})


def _admissible(rng: np.random.Generator, choice: Choice, case_id: str, number: int, lacks: Lacks) -> Case | None:
    """A case of these options that proves something; every so often a wide or a long one. None where none is found."""
    wide = number % WIDE_EVERY == WIDE_EVERY - 2
    long = number % LONG_EVERY == LONG_EVERY - 1 and choice["divergence"] != "ctc"  # its shares would lose their digits
    for draw in range(DRAWS):
        large = draw < LARGE_DRAWS
        case = drawn(rng, choice, case_id, wide and large, long and large)
        if set(lacks(case)):
            return None
        if not admission.problems(case):
            return case
    return None


def drawn(rng: np.random.Generator, choice: Choice, case_id: str, wide: bool = False, long: bool = False) -> Case:
    """One case of these options, of random sizes: wide ones past 32 lanes, long ones past 256 steps."""

    def one_of(*values: Any) -> Any:
        return values[rng.integers(len(values))]

    def between(low: int, high: int) -> int:
        return int(rng.integers(low, high + 1))

    unbatched = choice["layout"] == "unbatched"
    sizes = {"T": between(2, 12), "B": between(1, 5), "I": between(1, 9), "H": between(1, 9)}
    O = between(3, 10)
    if wide:
        name = one_of(*(["I", "H"] if unbatched else ["B", "I", "H"]))
        sizes |= {name: between(33, 47), "T": between(2, 6)}
    if long:
        sizes |= {"T": between(257, 265), "B": between(1, 2), "I": between(1, 4), "H": between(2, 4)}
    if unbatched:
        sizes["B"] = 1
    T = sizes["T"]
    cell = str(choice["cell"])
    options: dict[str, Any] = {
        "cell": cell,
        **sizes,
        "num_layers": between(3, 4) if choice["layers"] == "3 or 4" else int(choice["layers"] or 1),
        **own_fields(cell, choice, sizes["H"]),
        "bias": choice["bias"] == "two",
        "bidirectional": choice["directions"] == "2",
        "layout": choice["layout"],
        "h0": choice["h0"] == "given",
        "scale": one_of(0.25, 0.75) if long else one_of(0.25, 0.75, 1.5),
        "unread": one_of("nan", "garbage"),
    }
    if choice["lengths"] == "given":
        options["lengths"] = tuple(between(1, T) for _ in range(sizes["B"]))
    if choice["dropout"] != "none":
        masks = choice["dropout"] == "masks"
        options |= {"masks": masks, "dropout": one_of(0.0, 0.1, 0.5, 0.7, 1.0) if masks else one_of(0.1, 0.5, 0.7)}
    if choice["truncation"] != "none":
        options["truncate"] = between(1, T - 1) if choice["truncation"] == "k < T" else T + between(0, 2)
    upstream = str(choice["upstream"])
    if upstream.startswith("DIV"):
        lengths = options.get("lengths") or (T,) * sizes["B"]
        options |= {"upstream": "h_n" if "h_n" in upstream else ""} | _head(one_of, between, choice, O, lengths)
    else:
        options["upstream"] = upstream.replace(" and ", "+")
    return Case(case_id, "fresh", _in_words(choice, options), saturated=True, **options)


def _head(
    one_of: Callable[..., Any], between: Callable[[int, int], int], choice: Choice, O: int, lengths: tuple[int, ...]
) -> dict[str, Any]:
    """The options of an output layer; lengths: of each sequence."""
    names = ("activation", "divergence", "reduction", "target")
    options: dict[str, Any] = {"O": O} | {name: choice[name] for name in names}
    if choice["target"] == "vectors":
        own = {"binary_cross_entropy": ["bits", "edges"], "squared_error": ["values"]}
        options["target"] = one_of(*own.get(str(choice["divergence"]), ["soft", "edges"]))
    if choice["weights"] == "given":
        options["weights"] = "random"
    elif choice["weights"] == "some 0":
        options["weights"] = one_of("mask", "last", "signed", *(["delayed"] if min(lengths) > 1 else []))
    if choice["divergence"] == "ctc":
        options["zero_infinity"] = choice["zero_infinity"] == "yes"
        options["blank"] = {"first": 0, "middle": between(1, O - 2), "last": O - 1}[str(choice["blank"])]
        classes = [label for label in range(O) if label != options["blank"]]
        options["labels"] = tuple(tuple(one_of(*classes) for _ in range(between(0, min(n, 9)))) for n in lengths)
        if not options["zero_infinity"]:  # all of them feasible
            options["labels"] = tuple(row[: (n + 1) // 2] for row, n in zip(options["labels"], lengths, strict=True))
    return options


def _in_words(choice: Choice, options: dict[str, Any]) -> str:
    """The sizes, and what is not the default."""
    sizes = " ".join(f"{name}{options[name]}" for name in ("T", "B", "I", "H", "O") if name in options)
    flags = [name for name in ("bidirectional", "truncate", "lengths", "masks") if options.get(name)]
    head = [options["activation"], options["divergence"]] if "O" in options else []
    own = [option.words(str(choice[name])) for name, option in CELLS[options["cell"]].options.items()]
    return " ".join([sizes, f"l{options['num_layers']}", *own, *flags, *head])
