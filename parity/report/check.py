"""What is said of a port: a table, a line for each failure, the verdict; and JSON and JUnit. SPEC 10.7."""

import textwrap
from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import Any
from xml.etree import ElementTree

from rich.table import Table
from rich.text import Text

import reference
from parity.compare import where
from parity.mistakes.likeness import Likeness
from parity.ports.claims import Port
from parity.ports.process import printable
from parity.ports.verdict import KNOWN, WRONG, Outcome
from parity.report import roundoff, terminal
from parity.report.hints import hints
from parity.report.results import finite, specification, tensor, versions
from parity.report.shared import shared

CONFORMS, DIVERGES, USAGE, BROKEN, CORRUPT, NOTHING = range(6)

WORDS = {CONFORMS: "conforms", DIVERGES: "DIVERGES", BROKEN: "BREAKS", NOTHING: "nothing was checked"}
FEW = 12  # vectors that have a row each where they pass
MOST = 20  # vectors that have a row because they do not pass
NAME = 44  # columns of a vector's name
WORDED = 100  # columns from which on there is a word on each vector
VERDICTS = {
    "pass": "green",
    "fail": "bold red",
    "broken": "bold red",
    KNOWN: "yellow",
    "too sensitive": "yellow",
    "not claimed": "dim",
}
_URGENT = (*WRONG, "pass")


def exit_code(outcomes: Sequence[Outcome]) -> int:
    """The worst that came: broken before diverging; and nothing checked is no success."""
    verdicts = {o.verdict for o in outcomes}
    if "broken" in verdicts:
        return BROKEN
    if "fail" in verdicts:
        return DIVERGES
    return CONFORMS if "pass" in verdicts else NOTHING


def urgency(outcome: Outcome) -> int:
    """Its place among the outcomes: what fails first, then what breaks, then what passes."""
    return _URGENT.index(outcome.verdict) if outcome.verdict in _URGENT else len(_URGENT)


def line(outcome: Outcome, looks_like: Sequence[Likeness] = ()) -> str:
    """One line for what went wrong with one vector: the first wrong element, and what follows from it."""
    half = "reverse direction alone  " if outcome.vector.reverse else ""
    start = f"{outcome.verdict.upper()} {outcome.vector.case.id}  {outcome.dtype}  {half}"
    alone = "; passes alone: state left from an earlier case" if outcome.passes_alone else ""
    if outcome.result is None:
        said = f'; it said: "{outcome.complaints[-300:]}"' if outcome.complaints else ""
        return start + outcome.detail + said + alone
    result, first = outcome.result, outcome.result.first
    if first is None:
        return f"{start}nothing was compared"
    parts = [f"{start}first: {where(result, first)}", *hints(outcome)]
    others = sum(not t.passed for t in result.tensors) - 1
    if others:
        follows = ("inherits it", "inherit it") if first.mismatch else ("fails", "fail")
        parts.append(f"{others} later tensor{'s' * (others > 1)} {follows[others > 1]}")
    if looks_like and first.mismatch:
        parts.append(f"looks like {' or '.join(map(str, looks_like))}")
    return "; ".join(parts) + alone


def show(port: Port, outcomes: Sequence[Outcome], looks_like: Sequence[Likeness]) -> None:
    """Prints what went wrong first, what it looks like, what the failures share; then the table and the verdict."""
    console = terminal.console()
    say = partial(terminal.say, console)
    wrong = [o for o in outcomes if o.verdict in WRONG]
    for text in terminal.first_of([line(o) for o in wrong]):
        say(text)
    for like in looks_like:
        say(f"looks like {like}")
    for feature in shared(outcomes):
        say(f"what all that fail have, and none that passes: {feature}")
    if rows := table(port, outcomes, console.width):
        console.print(rows)
        say("Shown: the largest share of the tolerance that a tensor used, or the verdict.")
    verdict, *rest = closing(port, outcomes)
    say(verdict, "bold green" if exit_code(outcomes) == CONFORMS else "bold red")
    for text in rest:
        say(text)
    for said in roundoff.lines(roundoff.effective(port, outcomes)):
        say(said)


def table(port: Port, outcomes: Sequence[Outcome], width: int) -> Table | None:
    """What does not pass, then what does: the share of the tolerance used in each dtype, or the verdict.

    What is not claimed has no row; of nothing there is no table. In few columns there is no word on what a vector is.
    """
    rows = _rows([o for o in outcomes if o.verdict != "not claimed"])
    if not rows:
        return None
    found = Table(title=Text(f"{port.name} ({port.language}) on the test vectors"))
    dtypes = list(dict.fromkeys(o.dtype for _, of_row in rows for o in of_row))
    found.add_column("vectors", no_wrap=True)
    for dtype in dtypes:
        found.add_column(dtype, no_wrap=True)
    if width >= WORDED:
        found.add_column("what it is")
    for name, of_row in rows:
        cells = [_cell([o for o in of_row if o.dtype == dtype]) for dtype in dtypes]
        comments = {o.vector.case.comment for o in of_row}
        words = [Text(comments.pop() if len(comments) == 1 else "")] if width >= WORDED else []
        found.add_row(Text(textwrap.fill(name, NAME)), *cells, *words)
    return found


def _rows(outcomes: Sequence[Outcome]) -> list[tuple[str, list[Outcome]]]:
    """The name and the outcomes of each row: a vector; of many that do not pass the rest, of many that do a cell.

    Known failures are one row.
    """
    vectors: dict[str, list[Outcome]] = {}
    for o in sorted(outcomes, key=urgency):
        vectors.setdefault(o.vector.case.id, []).append(o)
    wrong = {name: found for name, found in vectors.items() if any(o.verdict in WRONG for o in found)}
    known = [o for found in vectors.values() for o in found if o.verdict == KNOWN]
    right = {
        name: passed
        for name, found in vectors.items()
        if name not in wrong and (passed := [o for o in found if o.verdict != KNOWN])
    }
    rows = list(wrong.items())[:MOST]
    if rest := list(wrong.values())[MOST:]:
        rows.append((f"and {len(rest)} more", [o for found in rest for o in found]))
    if known:
        rows.append(("known failures (SPEC 10.10)", known))
    if len(right) <= FEW:
        return [*rows, *right.items()]
    for cell in dict.fromkeys(found[0].vector.case.cell for found in right.values()):
        of_cell = [found for found in right.values() if found[0].vector.case.cell == cell]
        rows.append((f"{cell}: {len(of_cell)} that pass", [o for found in of_cell for o in found]))
    return rows


def _cell(outcomes: Sequence[Outcome]) -> Text:
    """The most urgent verdict; where that is to have passed, the largest share of the tolerance."""
    if not outcomes:
        return Text()
    verdict = min(outcomes, key=urgency).verdict
    share = max((o.result.share for o in outcomes if o.result and o.verdict == "pass"), default=0.0)
    return Text(f"{share:.3f}" if verdict == "pass" else verdict, style=VERDICTS[verdict])


def totals(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """How many vectors came to which verdict, how many tensors were compared, the largest share of the tolerance."""
    results = [o.result for o in outcomes if o.result and o.verdict != KNOWN]
    return {
        **{verdict: sum(o.verdict == verdict for o in outcomes) for verdict in VERDICTS},
        "tensors": sum(len(r.tensors) for r in results),
        "worst_share": max((r.share for r in results), default=0.0),
    }


def closing(port: Port, outcomes: Sequence[Outcome]) -> list[str]:
    """The verdict on the port; then what it does not claim, and what is next, a line each."""
    t = totals(outcomes)
    code = exit_code(outcomes)
    counts = ", ".join(f"{t[name]} {name}" for name in VERDICTS if t[name])
    share = f"; worst share of the tolerance {t['worst_share']:.3g}" if code == CONFORMS else ""
    but = " but for known failures" if t[KNOWN] and code == CONFORMS else ""
    lines = [f"{port.name}: {WORDS[code]}{but}  ({counts}; {t['tensors']} tensors{share})"]
    reasons = ", ".join(f"{reason} ({n})" for reason, n in not_claimed(outcomes).items())
    if reasons:
        lines.append(f"not claimed: {reasons}")
    if fed := [o.pieces for o in outcomes if o.pieces]:
        lines.append(f"fed in pieces, too: {len(fed)} of the vectors that pass, in {sum(fed)} pieces (SPEC 10.12)")
    if step := next_claim(outcomes):
        more = [f'"{word}"' for word in ("trace", "backward") if word not in port.provides]
        also = f"; or provide {more[0]}" if more else ""
        lines.append(f"next: claim {step[0]}: {step[1]} more vectors{also}")
    return lines


def next_claim(outcomes: Sequence[Outcome]) -> tuple[str, int] | None:
    """What alone keeps most vectors from being asked for, and how many; of equals, what simpler vectors lack.

    Nothing where something is wrong: that comes first.
    """
    if exit_code(outcomes) not in (CONFORMS, NOTHING):
        return None
    alone = Counter(o.detail for o in outcomes if o.verdict == "not claimed" and ", " not in o.detail)
    return alone.most_common(1)[0] if alone else None


def not_claimed(outcomes: Sequence[Outcome]) -> dict[str, int]:
    """For each reason why a vector is not asked for, how often it is one; the most frequent first."""
    reasons = (reason for o in outcomes if o.verdict == "not claimed" for reason in o.detail.split(", "))
    return dict(Counter(reasons).most_common())


def document(port: Port, outcomes: Sequence[Outcome], looks_like: Sequence[Likeness]) -> dict[str, Any]:
    """Everything that was found, for JSON."""
    return {
        "versions": versions(),
        "port": {"name": port.name, "language": port.language},
        "manifests": list(dict.fromkeys(o.vector.manifest for o in outcomes)),
        "exit_code": exit_code(outcomes),
        "total": finite(totals(outcomes)),
        "looks_like": [{"mistake": like.mistake.name, "in_words": str(like)} for like in looks_like],
        "shared": shared(outcomes),
        "not_claimed": not_claimed(outcomes),
        "effective_roundoff": roundoff.document(roundoff.effective(port, outcomes)),
        "results": [
            {
                "vector": o.vector.case.id,
                "comment": o.vector.case.comment,
                "dtype": o.dtype,
                "verdict": o.verdict,
                "passes_alone": o.passes_alone,
                "pieces": o.pieces,
                "detail": line(o, looks_like) if o.verdict in WRONG else o.detail,
                "share": finite({"share": o.result.share})["share"] if o.result else None,
                "tensors": [tensor(t) for t in o.result.tensors] if o.result else [],
            }
            for o in sorted(outcomes, key=urgency)
        ],
    }


TAGS = {"fail": "failure", "broken": "error"} | dict.fromkeys((KNOWN, "too sensitive", "not claimed"), "skipped")


def junit(port: Port, outcomes: Sequence[Outcome], looks_like: Sequence[Likeness]) -> bytes:
    """A JUnit report: a suite for each dtype, with what was checked against what, and a test case for each vector."""
    suites = ElementTree.Element("testsuites", name=f"parity check {port.name}")
    effective = roundoff.effective(port, outcomes)
    levels = dict(zip((one.dtype for one in effective), roundoff.lines(effective), strict=True))
    for dtype in dict.fromkeys(o.dtype for o in outcomes):
        some = [o for o in outcomes if o.dtype == dtype]
        suite = ElementTree.SubElement(suites, "testsuite", {"name": f"{port.name} {dtype}"} | _counts(some))
        properties = ElementTree.SubElement(suite, "properties")
        about = {
            "port": f"{port.name} ({port.language})",
            "reference": reference.__version__,
            "specification": specification(),
            "vectors": ", ".join(dict.fromkeys(o.vector.manifest for o in some)),
            **({"effective roundoff": levels[dtype].removeprefix("effective roundoff ")} if dtype in levels else {}),
        }
        for name, value in about.items():
            ElementTree.SubElement(properties, "property", name=name, value=printable(value))
        for o in some:
            case = ElementTree.SubElement(suite, "testcase", classname=f"{port.name}.{dtype}", name=o.vector.case.id)
            if o.verdict in TAGS:
                text = line(o, looks_like) if o.verdict in WRONG else o.detail
                found = ElementTree.SubElement(case, TAGS[o.verdict], message=printable(text))
                if o.verdict in WRONG:
                    found.set("type", o.verdict)
                    found.text = "\n".join(map(printable, text.split("; ")))
    return ElementTree.tostring(suites, encoding="utf-8", xml_declaration=True)


def _counts(outcomes: Sequence[Outcome]) -> dict[str, str]:
    """The attributes of a suite that say how many came to what."""
    found = Counter(TAGS.get(o.verdict, "passed") for o in outcomes)
    names = {"failures": "failure", "errors": "error", "skipped": "skipped"}
    return {"tests": str(len(outcomes))} | {name: str(found[tag]) for name, tag in names.items()}
