"""The table at the end of a benchmark run: how the reference stands to torch, shape by shape."""

from collections.abc import Iterable, Mapping
from typing import Any

CAPTION = (
    "Median time of the reference / median time of torch, {threads}. Below 1 the reference is faster.",
    "The two were timed one after the other, not in turns: a change in the machine's load shows in their ratio.",
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
    rows = [["", *columns]]
    for shape in shapes:
        found = [ratios.get((shape, column)) for column in columns]
        rows.append([shape, *("" if ratio is None else f"{ratio:.2f}" for ratio in found)])
    first = max(len(row[0]) for row in rows)
    lines = [
        "  ".join([row[0].ljust(first), *(c.rjust(len(name)) for c, name in zip(row[1:], columns, strict=True))])
        for row in rows
    ]
    return [*lines, *(line.format(threads=", ".join(sorted(threads))) for line in CAPTION)]
