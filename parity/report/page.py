"""The pages of `--html`: one file each that needs nothing else, tables and pictures inside."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from types import ModuleType
from typing import Any

import jinja2

from parity import mistakes, oracles, tolerance
from parity.cases import Case
from parity.compare import CaseResult, message
from parity.mistakes.measure import TUTORIAL_LOOKS_AT, Verdict, idle
from parity.ports.verdict import Outcome
from parity.report import pictures
from parity.report.check import next_claim, urgency
from parity.report.mistakes import closing
from parity.report.results import against_truth, nearer, totals, versions
from parity.report.terminal import FAILURES_SHOWN

SHOWN = "rnn-tanh-l3-bi-bf-eval50-dout"
OPEN = 3  # failing vectors of a port that are told of, and drawn, at the head of its page


@dataclass(frozen=True)
class Room:
    """A file of mistakes: its name, its first line, what was found of each, and how many a group of cases catches."""

    name: str
    says: str
    verdicts: Sequence[Verdict]
    caught: Mapping[str, int]


def whole(results: Sequence[CaseResult], seconds: float, verdicts: Sequence[Verdict], shown: Case) -> str:
    """The whole page. shown: the case whose error is shown by time step."""
    cases = list({r.case.id: r.case for r in results}.values())
    groups = {case.id: case.group for case in cases}
    return template("report.html").render(
        today=date.today().isoformat(),
        totals=totals(results),
        seconds=seconds,
        versions=versions(),
        failures=[message(r) for r in results if not r.passed][:FAILURES_SHOWN],
        groups=_groups(results),
        columns=_columns(results),
        nearer=nearer(results),
        who_is_right=[
            (dtype, pictures.uri(partial(pictures.who_is_right, results, dtype)))
            for dtype in dict.fromkeys(r.dtype for r, *_ in against_truth(results))
        ],
        shown=shown,
        by_step=pictures.uri(partial(pictures.error_by_step, shown)),
        gradient_norms=pictures.uri(pictures.gradient_norms),
        rooms=list(_rooms(verdicts, groups)),
        group_names=list(dict.fromkeys(groups.values())),
        caught_by=partial(_caught_by, groups),
        mistakes=len(verdicts),
        mistakes_closing=closing(verdicts, cases).splitlines(),
        idle=idle(verdicts, cases),
        tutorial=", ".join(TUTORIAL_LOOKS_AT),
        sigmas=tolerance.SIGMAS,
    )


def of_check(document: dict[str, Any], verdict: str, outcomes: Sequence[Outcome]) -> str:
    """The page of a port on the test vectors. document: what parity/report/check.py gives as JSON."""
    drawn = [o for o in sorted(outcomes, key=urgency) if o.verdict == "fail" and o.result][:OPEN]
    return template("check.html").render(
        today=date.today().isoformat(),
        verdict=verdict,
        pictures=[(o.vector.case.id, o.dtype, pictures.uri(partial(pictures.of_port, o))) for o in drawn],
        failures_open=OPEN,
        failures_shown=FAILURES_SHOWN,
        next_claim=next_claim(outcomes),
        **document,
    )


def template(name: str) -> jinja2.Template:
    loader = jinja2.PackageLoader("parity.report")
    environment = jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    return environment.get_template(name)


def _groups(results: Sequence[CaseResult]) -> list[dict[str, Any]]:
    """Each group of cases: what it comes to, and of each case its result in each column."""
    members: dict[str, list[CaseResult]] = {}
    for r in results:
        members.setdefault(r.case.group, []).append(r)
    return [
        {"name": name, "nearer": nearer(found), "rows": _rows(found, _columns(results))} | totals(found)
        for name, found in members.items()
    ]


def _columns(results: Sequence[CaseResult]) -> list[tuple[str, str, str]]:
    """(subject, oracle, dtype) of each column of the verdict matrix."""
    return sorted({(r.who, r.oracle, r.dtype) for r in results}, key=lambda c: (list(oracles.ORACLES).index(c[1]), c))


def _rows(
    results: Sequence[CaseResult], columns: Sequence[tuple[str, str, str]]
) -> list[tuple[Case, list[CaseResult | None]]]:
    """For each case, its result in each column; None where the oracle does not speak."""
    found = {(r.case.id, r.who, r.oracle, r.dtype): r for r in results}
    cases = {r.case.id: r.case for r in results}.values()
    return [(case, [found.get((case.id, *column)) for column in columns]) for case in cases]


def _rooms(verdicts: Sequence[Verdict], groups: Mapping[str, str]) -> Iterator[Room]:
    """What was found, by the file in which a mistake stands."""
    found = {v.mistake.name: v for v in verdicts}
    for name, module in vars(mistakes).items():
        table = getattr(module, "MISTAKES", None) if isinstance(module, ModuleType) else None
        if not isinstance(table, tuple):
            continue
        here = [found[mistake.name] for mistake in table if mistake.name in found]
        caught = Counter(group for v in here for group in {groups[case_id] for case_id in v.catches})
        if here:
            yield Room(name, str(module.__doc__).partition("\n")[0], here, caught)


def _caught_by(groups: Mapping[str, str], verdict: Verdict) -> dict[str, list[str]]:
    """By group, the cases that catch a mistake, in the order of the table."""
    found: dict[str, list[str]] = {}
    for case_id in verdict.catches:
        found.setdefault(groups[case_id], []).append(case_id)
    return found
