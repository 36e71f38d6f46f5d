"""The table at the end of a benchmark run: how the reference stands to torch, shape by shape."""

from collections.abc import Iterable, Mapping
from typing import Any

CAPTION = (
    "Median time of the reference / median time of torch, {threads}.",
    "Below 1 the reference is faster. The two were timed one after the other, not",
    "in turns: a change in the machine's load shows in their ratio.",
)

Setting = tuple[str, str]  # cell and shape, kind and dtype


def table(timings: Iterable[tuple[Mapping[str, Any], float]]) -> list[str]:
    """The lines of the table, one a shape; none where no function was timed with both contenders.

    timings: of each benchmark its extra_info and its median in seconds.
    """
    medians: dict[tuple[Setting, str], float] = {}
    threads = set()
    for info, median in timings:
        shape = " ".join([info["cell"], *(f"{size}{info[size]}" for size in "TBIH")])
        medians[(shape, f"{info['kind']} {info['dtype']}"), info["contender"]] = median
        threads.add(f"threads: {info['threads']}")
    ratios = {
        setting: median / medians[setting, "torch"]
        for (setting, contender), median in medians.items()
        if contender == "reference" and (setting, "torch") in medians
    }
    if not ratios:
        return []
    columns = list(dict.fromkeys(column for _, column in ratios))
    shapes = list(dict.fromkeys(shape for shape, _ in ratios))
    headings = [column.replace("+", "+ ").split() for column in columns]
    most = max(map(len, headings))
    padded = [[""] * (most - len(words)) + words for words in headings]  # a word a line, above one another
    rows = [["", *line] for line in zip(*padded, strict=True)]
    for shape in shapes:
        found = [ratios.get((shape, column)) for column in columns]
        rows.append([shape, *("" if ratio is None else f"{ratio:.2f}" for ratio in found)])
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    lines = [
        "  ".join([row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))])
        for row in rows
    ]
    return [*lines, *(line.format(threads=", ".join(sorted(threads))) for line in CAPTION)]
