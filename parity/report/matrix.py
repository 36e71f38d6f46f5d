"""The matrix of frameworks: a table for a terminal, a picture, and the page with the hall of defects."""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from rich.table import Table
from rich.text import Text

from parity.cells import CELLS
from parity.ports.matrix import ALL, OUTPUT_LAYER, Row, features, in_words, verdict_of
from parity.ports.process import printable
from parity.ports.verdict import KNOWN
from parity.vectors import DTYPES

COLOURS = {"pass": "#3a78b8", KNOWN: "#ee9330", "fail": "#b3201a", "broken": "#b3201a", "not claimed": "#8884"}
LINK = re.compile(r"https?://[^\s)>\"']+")


def table(rows: Sequence[Row]) -> Table:
    """A row a framework: its vectors by verdict, counted once a dtype, and the largest share where it passes."""
    found = Table(title="frameworks on the frozen vectors, once a dtype")
    found.add_column("framework", no_wrap=True)
    for name in ("pass", "known", "wrong", "not claimed", "share", "lines", "defects"):
        found.add_column(name, justify="right")
    for row in rows:
        wrong = row.total("fail") + row.total("broken")
        counts = row.total("pass"), row.total(KNOWN), wrong, row.total("not claimed")
        share = max(row.shares.values(), default=0.0)
        texts = [*map(str, counts), f"{share:.3f}", str(row.lines), str(len(row.defects))]
        found.add_row(Text(printable(row.name)[:24]), *texts, style="" if row.conforms else "bold red")
    return found


def groups() -> list[tuple[str, list[str]]]:
    """The columns of the page, in groups."""
    names: dict[str, list[str]] = {}
    for feature in features():
        word, _, rest = feature.partition(" ")
        listed = word in ("nonlinearity", "reset", "layout", "activation", "divergence", "target") and rest
        names.setdefault(word if listed else "options", []).append(feature)
    return list(names.items())


def short(feature: str) -> str:
    """Without the word of its group."""
    word, _, rest = feature.partition(" ")
    return rest if word in dict(groups()) and rest else feature


def _label(feature: str) -> str:
    return (feature if feature.startswith("reset") else short(feature)).replace("_", " ")


def drawn() -> list[str]:
    """The columns of the picture: of the output layer that it is there, but not of which kind."""
    names = features()
    return names[: names.index(OUTPUT_LAYER) + 1]


def cells(row: Row) -> Iterator[tuple[str, Mapping[str, Mapping[str, Mapping[str, int]]]]]:
    """The cells of which a framework claims something, with their counts by dtype and feature."""
    for cell in CELLS:
        of_cell = row.counts.get(cell, {})
        if any(verdict_of(f.get(ALL, {})) not in ("", "not claimed") for f in of_cell.values()):
            yield cell, of_cell


def picture(rows: Sequence[Row]) -> Any:
    """A line for each cell of each framework, a column for each feature, in each place the dtypes side by side."""
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

    columns, found = drawn(), [(row, cell, of_cell) for row in rows for cell, of_cell in cells(row)]
    figure = Figure(figsize=(8.3, 1.6 + 0.17 * len(found)), layout="constrained")
    ax = figure.subplots()
    for y, (_, _, of_cell) in enumerate(found):
        for x, feature in enumerate(columns):
            for k, dtype in enumerate(DTYPES):
                verdict = verdict_of(of_cell.get(dtype, {}).get(feature, {}))
                if verdict:
                    place = x + 0.08 + 0.42 * k, y + 0.12
                    ax.add_patch(Rectangle(place, 0.4, 0.76, color=COLOURS[verdict], linewidth=0))
    firsts = [y for y, (row, _, _) in enumerate(found) if not y or found[y - 1][0] is not row]
    for y in firsts[1:]:
        ax.axhline(y, color="#8888", linewidth=0.5)
    ax.set(xlim=(0, len(columns)), ylim=(max(len(found), 1), 0))
    names = [f"{row.name if y in firsts else ''}  {cell}" for y, (row, cell, _) in enumerate(found)]
    ax.set_yticks([y + 0.5 for y in range(len(found))], names, parse_math=False)
    ax.set_xticks(
        [x + 0.5 for x in range(len(columns))], [_label(c) for c in columns], rotation=60, ha="left", va="bottom"
    )
    ax.tick_params(length=0, top=False, labeltop=True, bottom=False, labelbottom=False)
    for side in ax.spines.values():
        side.set_visible(False)
    legend = {"pass": "all pass", KNOWN: "some known to fail", "fail": "some fail", "not claimed": "not claimed"}
    patches = [Rectangle((0, 0), 1, 1, color=COLOURS[name]) for name in legend]
    title = f"left {DTYPES[0]}, right {DTYPES[1]}"
    figure.legend(patches, legend.values(), loc="outside lower left", ncols=4, frameon=False, title=title)
    return figure


def svg(rows: Sequence[Row]) -> str:
    """The picture as a file."""
    from parity.report import pictures  # matplotlib is not always there

    return pictures.svg(partial(picture, rows)) + "\n"


def page(rows: Sequence[Row]) -> str:
    """The page: the picture, the matrix with every feature, the hall of defects, versions."""
    from parity.report import pictures
    from parity.report.page import template

    return template("matrix.html").render(
        rows=rows,
        picture=pictures.uri(partial(picture, rows)),
        groups=groups(),
        short=short,
        cells=cells,
        dtypes=DTYPES,
        verdict_of=verdict_of,
        in_words=in_words,
        linked=linked,
        colours=COLOURS,
        known=KNOWN,
    )


def linked(text: str) -> list[tuple[str, bool]]:
    """The text in pieces, and which of them are addresses."""
    found, at = [], 0
    for match in LINK.finditer(text):
        found += [(text[at : match.start()], False), (match[0], True)]
        at = match.end()
    return [*found, (text[at:], False)]
