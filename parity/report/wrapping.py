"""How a long line of a calculation is broken: before an operator or between two numbers, never inside either."""

import re
from itertools import pairwise

# Where a line may be broken, the best places first, but never inside parentheses.
PLACES = (
    r"(?=   \S)",  # before another quantity
    r"(?= [-+] | = [^[])",  # before a term of a sum, or what it gives
    r"(?= · )",  # before a factor that stands apart
    r"(?<=[^\s·=+-])(?= )",  # between the numbers of a vector, between words
)


def wrapped(text: str, width: int) -> str:
    """The text, each line broken that is wider than this; what goes on stands under its first `=`, or is indented."""
    return "\n".join(broken for line in text.split("\n") for broken in _broken(line, width))


def _broken(line: str, width: int) -> list[str]:
    label = re.match(r" *\S+ (?== )", line)
    indent = label.end() if label else len(line) - len(line.lstrip()) + 4
    lines = [""]
    _fill(lines, line, PLACES, width, " " * indent)
    return lines


def _fill(lines: list[str], text: str, places: tuple[str, ...], width: int, indent: str) -> None:
    """Adds text to the last line, or to a new one, or, where it fits on neither, its pieces."""
    if len(lines[-1] + text) <= width:
        lines[-1] += text
    elif lines[-1].strip() and len(indent + text.lstrip()) <= width:
        lines.append(indent + text.lstrip())
    elif places:
        for piece in _pieces(text, places[0]):
            _fill(lines, piece, places[1:], width, indent)
    elif lines[-1].strip():
        lines.append(indent + text.lstrip())
    else:
        lines[-1] += text


def _pieces(text: str, place: str) -> list[str]:
    """The text, cut at every such place outside parentheses."""
    starts = (found.start() for found in re.finditer(place, text) if found.start() > 0)
    cuts = [start for start in starts if text.count("(", 0, start) == text.count(")", 0, start)]
    return [text[start:end] for start, end in pairwise([0, *cuts, len(text)])]
