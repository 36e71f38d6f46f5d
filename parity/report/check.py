"""What is said of a port: a table, a line for each failure, the verdict; and JSON and JUnit. SPEC 10.7."""

from collections.abc import Sequence
from typing import Any
from xml.etree import ElementTree

from rich.markup import escape
from rich.table import Table
from rich.text import Text

from parity import tensors
from parity.compare import CaseResult, TensorResult, describe
from parity.mistakes.likeness import described
from parity.ports.claims import Port
from parity.ports.verdict import Outcome
from parity.report import roundoff, terminal
from parity.report.results import finite, tensor, versions

CONFORMS, DIVERGES, USAGE, BROKEN, CORRUPT, NOTHING = range(6)

WORDS = {CONFORMS: "conforms", DIVERGES: "DIVERGES", BROKEN: "BREAKS", NOTHING: "nothing was checked"}
VERDICTS = {"pass": "green", "fail": "bold red", "broken": "bold red", "too sensitive": "yellow", "not claimed": "dim"}


def exit_code(outcomes: Sequence[Outcome]) -> int:
    """The worst that came: broken before diverging; and nothing checked is no success."""
    verdicts = {o.verdict for o in outcomes}
    if "broken" in verdicts:
        return BROKEN
    if "fail" in verdicts:
        return DIVERGES
    return CONFORMS if "pass" in verdicts else NOTHING


def line(outcome: Outcome, looks_like: Sequence[str] = ()) -> str:
    """One line for what went wrong with one vector: the first wrong element, and what follows from it."""
    start = f"{outcome.verdict.upper()} {outcome.vector.case.id}  {outcome.dtype}  "
    if outcome.result is None:
        said = f'; it said: "{outcome.complaints[-300:]}"' if outcome.complaints else ""
        return start + outcome.detail + said
    result, first = outcome.result, outcome.result.first
    if first is None:
        return f"{start}nothing was compared"
    parts = [f"{start}first: {_where(result, first)}"]
    if first.mismatch and _inputs_agree(outcome, first.tensor):
        parts.append("the inputs of this step agree")
    others = sum(not t.passed for t in result.tensors) - 1
    if others:
        parts.append(f"{others} later tensor{'s inherit' if others > 1 else ' inherits'} it")
    if looks_like:
        parts.append(f"looks like {described(looks_like)}")
    return "; ".join(parts)


def _where(result: CaseResult, first: TensorResult) -> str:
    if first.mismatch is None:
        return f"{first.tensor}: {first.problem}"
    d = first.mismatch
    return (
        f"{describe(result.case, first.tensor, d.index)}: got {d.got:.17g} want {d.wanted:.17g} "
        f"error {d.error:.2g}, allowed {d.allowed:.2g}"
    )


def _inputs_agree(outcome: Outcome, name: str) -> bool:
    """Whether everything that this tensor is computed from was shown, and is right up to this step."""
    if tensors.find(outcome.vector.case, name).kind != tensors.TRACE:
        return False
    before = list(outcome.vector.expect)[: list(outcome.vector.expect).index(name)]
    read = (tensors.find(outcome.vector.case, other) for other in before)
    return all(other.name in outcome.got for other in read if other.backward or other.kind == tensors.TRACE)


def show(port: Port, outcomes: Sequence[Outcome], looks_like: Sequence[str]) -> None:
    """Prints the table, what went wrong first, and the verdict."""
    console = terminal.console(width=150)
    console.print(table(port, outcomes))
    wrong = [o for o in outcomes if o.verdict in ("fail", "broken")]
    for outcome in wrong[: terminal.FAILURES_SHOWN]:
        console.print(line(outcome, looks_like if outcome.verdict == "fail" else ()), soft_wrap=True, markup=False)
    if len(wrong) > terminal.FAILURES_SHOWN:
        console.print(f"… and {len(wrong) - terminal.FAILURES_SHOWN} more: --json FILE has them all")
    console.print(closing(port, outcomes), soft_wrap=True)
    for said in roundoff.lines(roundoff.effective(port, outcomes)):
        console.print(said, soft_wrap=True, markup=False, highlight=False)


def table(port: Port, outcomes: Sequence[Outcome]) -> Table:
    """One row a vector: the share of the tolerance used in each dtype, or what went wrong."""
    found = Table(
        title=f"{port.name} ({port.language}) on the test vectors",
        caption="The largest share of the tolerance that a tensor used, or the verdict.",
    )
    dtypes = list(dict.fromkeys(o.dtype for o in outcomes))
    found.add_column("vector", no_wrap=True)
    for dtype in dtypes:
        found.add_column(dtype, no_wrap=True, min_width=len("not claimed"))
    found.add_column("what it is")
    rows: dict[str, dict[str, Text]] = {}
    comments = {}
    for o in outcomes:
        comments[o.vector.case.id] = o.vector.case.comment
        rows.setdefault(o.vector.case.id, {})[o.dtype] = _cell(o)
    for case_id, cells in rows.items():
        found.add_row(escape(case_id), *(cells.get(dtype, Text()) for dtype in dtypes), escape(comments[case_id]))
    return found


def _cell(outcome: Outcome) -> Text:
    passed = outcome.result is not None and outcome.verdict == "pass"
    text = f"{outcome.result.share:.3f}" if outcome.result and passed else outcome.verdict
    return Text(text, style=VERDICTS[outcome.verdict])


def totals(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """How many vectors came to which verdict, how many tensors were compared, the largest share of the tolerance."""
    results = [o.result for o in outcomes if o.result]
    return {
        **{verdict: sum(o.verdict == verdict for o in outcomes) for verdict in VERDICTS},
        "tensors": sum(len(r.tensors) for r in results),
        "worst_share": max((r.share for r in results), default=0.0),
    }


def closing(port: Port, outcomes: Sequence[Outcome]) -> Text:
    """The verdict on the port, and what it does not claim."""
    t = totals(outcomes)
    code = exit_code(outcomes)
    counts = ", ".join(f"{t[name]} {name}" for name in VERDICTS if t[name])
    share = f"; worst share of the tolerance {t['worst_share']:.3g}" if code == CONFORMS else ""
    text = Text(f"{port.name}: {WORDS[code]}", style="bold green" if code == CONFORMS else "bold red")
    text.append(f"  ({counts}; {t['tensors']} tensors{share})", style="not bold")
    reasons = sorted({reason for o in outcomes if o.verdict == "not claimed" for reason in o.detail.split(", ")})
    return text.append(f"\nnot claimed: {', '.join(reasons)}", style="not bold") if reasons else text


def document(port: Port, outcomes: Sequence[Outcome], looks_like: Sequence[str]) -> dict[str, Any]:
    """Everything that was found, for JSON."""
    return {
        "versions": versions(),
        "port": {"name": port.name, "language": port.language},
        "exit_code": exit_code(outcomes),
        "total": finite(totals(outcomes)),
        "looks_like": list(looks_like),
        "effective_roundoff": roundoff.document(roundoff.effective(port, outcomes)),
        "results": [
            {
                "vector": o.vector.case.id,
                "comment": o.vector.case.comment,
                "dtype": o.dtype,
                "verdict": o.verdict,
                "detail": line(o, looks_like) if o.verdict in ("fail", "broken") else o.detail,
                "share": finite({"share": o.result.share})["share"] if o.result else None,
                "tensors": [tensor(t) for t in o.result.tensors] if o.result else [],
            }
            for o in outcomes
        ],
    }


def junit(port: Port, outcomes: Sequence[Outcome]) -> bytes:
    """A JUnit report: a test case for each vector and dtype."""
    counts = totals(outcomes)
    suite = ElementTree.Element(
        "testsuite",
        name=f"parity check {port.name}",
        tests=str(len(outcomes)),
        failures=str(counts["fail"]),
        errors=str(counts["broken"]),
        skipped=str(counts["not claimed"] + counts["too sensitive"]),
    )
    tags = {"fail": "failure", "broken": "error", "too sensitive": "skipped", "not claimed": "skipped"}
    for o in outcomes:
        case = ElementTree.SubElement(suite, "testcase", classname=o.dtype, name=o.vector.case.id)
        if o.verdict in tags:
            text = o.detail if tags[o.verdict] == "skipped" else line(o)
            ElementTree.SubElement(case, tags[o.verdict], message=_printable(text))
    return ElementTree.tostring(suite, encoding="utf-8", xml_declaration=True)


def _printable(text: str) -> str:
    """XML has no place for control characters."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
