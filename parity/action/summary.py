"""What a check comes to, for a page of CI and for a badge, from what `bptt check --json` wrote. SPEC 10.7.

`python -m parity.action.summary REPORTS CODE SUMMARY`: CODE is the exit code of the check, REPORTS the folder that may
hold its report.json and gets badge.json, SUMMARY the file that the summary is added to.
"""

import html
import json
import sys
from pathlib import Path
from typing import Any

from parity.ports.process import printable
from parity.ports.verdict import KNOWN, WRONG
from parity.report.check import CONFORMS, CORRUPT, USAGE, VERDICTS, WORDS

MOST = 10  # vectors that are shown where they fail
LONGEST = 400  # characters of what others wrote

ENDS = {**WORDS, USAGE: "wrong usage, or a report that could not be written", CORRUPT: "vectors corrupt"}


def summary(found: dict[str, Any] | None, code: int) -> str:
    """The verdict, the counts, the first failing vectors, what they look like, the effective roundoff; in Markdown.

    found: the report, if there is one. The text is one block of HTML, which Markdown leaves as it is up to a blank
    line: so nothing in what a port says can become a link, a table or an end of one.
    """
    if found is None:
        return f"<h3>bptt check: {_verdict(None, code)}</h3>\n<p>The log of this step says why.</p>\n"
    wrong = [result for result in found["results"] if result["verdict"] in WRONG]
    lines = [f"<h3>{_quoted(found['port']['name'])}: {_verdict(found, code)}</h3>", f"<p>{_counts(found)}</p>"]
    if wrong:
        rows = [f"<tr><td>{'</td><td>'.join(map(_quoted, _row(result)))}</td></tr>" for result in wrong[:MOST]]
        head = "<tr><th>vector</th><th>dtype</th><th>verdict</th><th>what is wrong</th></tr>"
        lines += ["<table>", head, *rows, "</table>"]
    if len(wrong) > MOST:
        lines.append(f"<p>and {len(wrong) - MOST} more, in <code>junit.xml</code></p>")
    lines += [f"<p>looks like {_quoted(like['in_words'])}</p>" for like in found["looks_like"]]
    lines += [f"<p>what all that fail have, and none that passes: {_quoted(each)}</p>" for each in found["shared"]]
    lines += [f"<p>{html.escape(one['in_words'])}</p>" for one in found["effective_roundoff"].values()]
    return "\n".join([*lines, f"<p>checked by bptt {found['versions']['reference']}</p>", ""])


def badge(found: dict[str, Any] | None, code: int) -> dict[str, Any]:
    """What shields.io/badges/endpoint-badge makes a picture of."""
    known = found is not None and found["total"][KNOWN] > 0
    color = "red" if code != CONFORMS else "yellowgreen" if known else "brightgreen"
    passed = f", {found['total']['pass']} vectors" if found and code == CONFORMS else ""
    return {"schemaVersion": 1, "label": "bptt", "message": _verdict(found, code) + passed, "color": color}


def _verdict(found: dict[str, Any] | None, code: int) -> str:
    """The verdict in words."""
    known = found["total"][KNOWN] if found and code == CONFORMS else 0
    return ENDS.get(code, f"ended with exit code {code}") + (f" but for {known} known failures" if known else "")


def _counts(found: dict[str, Any]) -> str:
    """How many vectors came to which verdict, how much was compared, how much of the tolerance was used."""
    total = found["total"]
    counts = ", ".join(f"{total[verdict]} {verdict}" for verdict in VERDICTS if total[verdict])
    share = f"; worst share of the tolerance {total['worst_share']:.3g}" if found["exit_code"] == CONFORMS else ""
    return f"{counts}; {total['tensors']} tensors{share}"


def _row(result: dict[str, Any]) -> list[str]:
    """What a failing vector is, and its line of the report without that."""
    start = f"{result['verdict'].upper()} {result['vector']}  {result['dtype']}  "
    return [result["vector"], result["dtype"], result["verdict"], result["detail"].removeprefix(start)]


def _quoted(text: str) -> str:
    """What others wrote, shortened, as it stands there: no markup of it, no mention, no end of a line."""
    shown = text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
    return f"<code>{html.escape(printable(shown))}</code>"


def main() -> None:
    """Writes the badge, and adds to the summary."""
    reports, code, target = Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    report = reports / "report.json"
    found = json.loads(report.read_text(encoding="utf-8")) if report.exists() else None
    (reports / "badge.json").write_text(json.dumps(badge(found, code)) + "\n", encoding="utf-8")
    with target.open("a", encoding="utf-8") as file:
        file.write(summary(found, code))


if __name__ == "__main__":
    main()
