"""`bptt list`: the cases and test vectors, and what each is about."""

import argparse

from parity import vectors
from parity.cases import CASES, Case
from parity.cells import CELLS, in_words
from parity.vectors.description import clauses


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `bptt list`."""
    parser.add_argument("case", nargs="?", metavar="ID", help="one case, with all that it covers")
    parser.add_argument("-k", metavar="TEXT", default="", help="only the cases whose id contains TEXT")
    parser.add_argument("--cell", choices=CELLS, help="only the cases of this cell")
    parser.add_argument("--vectors", action="store_true", help="only those of the frozen set")


def main(options: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    """0 if something was listed. Wrong usage exits with 2."""
    kills = vectors.known_kills()
    if options.case is not None:
        if options.case not in CASES:
            parser.error(f"no case is {options.case!r}")
        if options.k or options.cell or options.vectors:
            parser.error("ID names one case: it goes with no other choice")
        print("\n".join(details(CASES[options.case], kills)))
        return 0
    chosen = [
        case
        for case in CASES.values()
        if options.k in case.id and options.cell in (None, case.cell) and (case.id in kills or not options.vectors)
    ]
    if not chosen:
        parser.error("no case is as chosen")
    for case in chosen:
        print(f"{case.id}{'' if case.id in kills else '*'}: {case.comment}")
    frozen = sum(case.id in kills for case in chosen)
    print(f"{len(chosen)} cases, {frozen} of them vectors of the frozen set; * is none")
    return 0


def details(case: Case, kills: dict[str, list[str]]) -> list[str]:
    """Everything that is to be said of a case, a line for each thing."""
    lengths = f"lengths {' '.join(map(str, case.lengths))}" if case.lengths else ""
    options = [
        f"{case.num_layers} layer{'s' * (case.num_layers > 1)}",
        "two directions" if case.bidirectional else "one direction",
        "biases" if case.bias else "no biases",
        "h0" if case.h0 else "from rest",
        case.layout.replace("_", " "),
        lengths,
        f"dropout {case.dropout:g}" if case.masks else "",
        f"truncate {case.truncate}" if case.truncate else "",
    ]
    head = f"output layer: O {case.O}, {case.activation}, {case.divergence}, {case.reduction}"
    caught = f"planted mistakes that it catches: {len(kills[case.id])}" if case.id in kills else "not a frozen vector"
    return [
        f"{case.id}: {case.comment}",
        f"cell: {', '.join([case.cell, *in_words(case.cell, case)])}; T {case.T}, B {case.B}, I {case.I}, H {case.H}",
        f"options: {', '.join(option for option in options if option)}",
        *([head] if case.O else []),
        f"clauses: {' '.join(clauses(case))}",
        caught,
    ]
