"""What ports of frameworks come to, by cell, dtype and feature: what `bptt matrix` runs, counts, and keeps as JSON."""

import ast
import json
import platform
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from parity.cases import Case
from parity.ports import claims
from parity.ports.claims import Port
from parity.ports.verdict import FED, KNOWN, WRONG, Outcome
from parity.vectors import pieces

FORMAT = 1
ALL, OUTPUT_LAYER, STREAMING = "all vectors", "an output layer", "streaming"
PROGRAMS = (".py", ".mjs", ".js", ".c", ".h")  # suffixes of program texts
DEFECTS = "defects"  # the folder of a port with the smallest reproductions of what is known to fail

Counts = dict[str, dict[str, dict[str, dict[str, int]]]]  # by cell, dtype, feature and verdict


@dataclass(frozen=True)
class Row:
    """A framework: what it is, when it was run, what came of the vectors, and what is known to be wrong with it.

    versions: of Python and of the packages. lines: of its adapter. shares: by dtype the largest share of the tolerance
    where it passes. known: reason, link, vectors and dtypes of each known failure. defects: name, says, source and
    printed of each reproduction.
    """

    name: str
    language: str
    date: str
    machine: str
    versions: dict[str, str]
    lines: int
    counts: Counts
    shares: dict[str, float]
    known: list[dict[str, Any]]
    defects: list[dict[str, str]]

    def total(self, verdict: str) -> int:
        """How many vectors came to this, each counted once a dtype."""
        return sum(f.get(ALL, {}).get(verdict, 0) for of_cell in self.counts.values() for f in of_cell.values())

    @property
    def conforms(self) -> bool:
        return not any(map(self.total, WRONG)) and self.total("pass") > 0


def features() -> list[str]:
    """The columns: what a vector can have, beside its cell."""
    traits = [trait for trait in claims.known_traits() if not trait.startswith("cell ")]
    head = next(i for i, trait in enumerate(traits) if trait.startswith("activation "))
    return [ALL, *traits[:head], STREAMING, OUTPUT_LAYER, *traits[head:]]


def absent(port: Port) -> list[str]:
    """What a port needs and is not here: packages of Python, and of Node."""
    missing = [name for name in port.packages if not _version(name)]
    of_node = (port.folder / "package.json").is_file() and not (port.folder / "node_modules").is_dir()
    return missing + ["what npm install brings"] * of_node


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def row(port: Port, outcomes: Sequence[Outcome]) -> Row:
    """What came of a port."""
    passed = [o for o in outcomes if o.verdict == "pass" and o.result]
    return Row(
        name=port.name,
        language=port.language,
        date=date.today().isoformat(),
        machine=f"{platform.system()} {platform.machine()}",
        versions={"python": platform.python_version(), **{name: _version(name) for name in port.packages}},
        lines=sum(len(file.read_bytes().splitlines()) for file in _programs(port)),
        counts=counted(port, outcomes),
        shares={d: max(o.result.share for o in passed if o.result and o.dtype == d) for d in _dtypes(passed)},
        known=_known(outcomes),
        defects=[_defect(file) for file in sorted((port.folder / DEFECTS).glob("*.*"))],
    )


def _dtypes(outcomes: Iterable[Outcome]) -> list[str]:
    return list(dict.fromkeys(o.dtype for o in outcomes))


def _programs(port: Port) -> set[Path]:
    """The files that its command names, and the program texts beside its port.toml."""
    named = {port.folder / word for word in port.command if "." in word and (port.folder / word).is_file()}
    return {file.resolve() for file in named} | {f.resolve() for f in port.folder.iterdir() if f.suffix in PROGRAMS}


def counted(port: Port, outcomes: Iterable[Outcome]) -> Counts:
    """How many vectors of a cell and dtype, of those that have a feature, came to which verdict."""
    found: Counts = {}
    for o in outcomes:
        case = o.vector.case
        by_feature = found.setdefault(case.cell, {}).setdefault(o.dtype, {})
        verdicts = dict.fromkeys([ALL, *claims.traits(case) - {f"cell {case.cell}"}], o.verdict)
        if case.O is not None:
            verdicts[OUTPUT_LAYER] = o.verdict
        if pieces.can_be_cut(case):
            verdicts[STREAMING] = o.verdict if o.pieces or o.detail.startswith(FED) else "not claimed"
        verdicts |= dict.fromkeys(_not_asked(port, case) & verdicts.keys(), "not claimed")
        for feature, verdict in verdicts.items():
            counts = by_feature.setdefault(feature, {})
            counts[verdict] = counts.get(verdict, 0) + 1
    return found


def _not_asked(port: Port, case: Case) -> set[str]:
    """What a vector has and a port without backward is not asked for: it needs neither to truncate nor to judge."""
    found = set() if "backward" in port.provides else {"truncation"}
    if case.O is None or port.claims("divergences", case.divergence):
        return found
    return found | {"weights", f"divergence {case.divergence}", f"target {case.kind_of_target}"}


def _known(outcomes: Iterable[Outcome]) -> list[dict[str, Any]]:
    """What is known to fail, and did: for each reason, which ends in its link, the vectors by dtype."""
    reasons: dict[str, dict[str, list[str]]] = {}
    for o in outcomes:
        if o.verdict == KNOWN:
            reasons.setdefault(o.detail, {}).setdefault(o.dtype, []).append(o.vector.case.id)
    return [{"reason": reason, "vectors": vectors} for reason, vectors in reasons.items()]


def _defect(file: Path) -> dict[str, str]:
    """A reproduction: what it shows, its source, and what it printed, which stands in its last comment."""
    source = file.read_text(encoding="utf-8", errors="replace")
    lines = source.rstrip().splitlines()
    last = len(lines)
    while last and lines[last - 1].startswith(("#", "//")):
        last -= 1
    printed = "\n".join(line.lstrip("#/").removeprefix(" ") for line in lines[last:])
    says = _docstring(source) if file.suffix == ".py" else _first_comment(lines)
    return {"name": file.name, "says": says, "source": "\n".join(lines[:last]).rstrip(), "printed": printed}


def _docstring(source: str) -> str:
    try:
        return ast.get_docstring(ast.parse(source)) or ""
    except (SyntaxError, ValueError):
        return ""


def _first_comment(lines: Sequence[str]) -> str:
    """The comment that a program in a language with // begins with."""
    end = next((i for i, line in enumerate(lines) if not line.startswith("//")), len(lines))
    return "\n".join(line.removeprefix("//").removeprefix(" ") for line in lines[:end])


def as_json(rows: Sequence[Row]) -> str:
    """The rows, to be read again."""
    return json.dumps({"format": FORMAT, "rows": [asdict(r) for r in rows]}, indent=1, ensure_ascii=False) + "\n"


_TEXT, _COUNTS = {str: str}, {str: {str: {str: {str: int}}}}
_SHAPES: Mapping[str, Any] = {
    "name": str,
    "language": str,
    "date": str,
    "machine": str,
    "versions": _TEXT,
    "lines": int,
    "counts": _COUNTS,
    "shares": {str: float},
    "known": [{str: object}],
    "defects": [_TEXT],
}


def read(file: Path) -> list[Row]:
    """The rows of another run. Raises ValueError where the file is not what `as_json` gives."""
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
        rows = document["rows"]
        good = document["format"] == FORMAT and all(_fits(r, dict) and _is_row(r) for r in rows)
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"{file} cannot be read as what `bptt matrix --json` writes: {error!r}") from error
    if not good:
        raise ValueError(f"{file} is not what `bptt matrix --json` of this version writes")
    return [Row(**r) for r in rows]


def _is_row(value: dict[str, Any]) -> bool:
    if value.keys() != {f.name for f in fields(Row)}:
        return False
    if not all(_fits(value[name], shape) for name, shape in _SHAPES.items()):
        return False
    told = [value[name] for name in ("name", "language", "date", "machine")]
    words = [*told, *value["versions"], *value["versions"].values()]
    return (
        all(map(str.isprintable, words))
        and all(map(_is_known, value["known"]))
        and all(map(_is_defect, value["defects"]))
    )


def _is_defect(value: dict[str, str]) -> bool:
    return value.keys() == {"name", "says", "source", "printed"}


def _is_known(value: dict[str, Any]) -> bool:
    return (
        value.keys() == {"reason", "vectors"} and _fits(value["reason"], str) and _fits(value["vectors"], {str: [str]})
    )


def _fits(value: Any, shape: Any) -> bool:
    """Whether a value is of a type; a list or a mapping, whose elements all are."""
    if isinstance(shape, list):
        return isinstance(value, list) and all(_fits(v, shape[0]) for v in value)
    if isinstance(shape, dict):
        ((of_keys, of_values),) = shape.items()
        return isinstance(value, dict) and all(_fits(k, of_keys) and _fits(v, of_values) for k, v in value.items())
    return isinstance(value, shape)


def joined(rows: Iterable[Row]) -> list[Row]:
    """One row a name, the last of them; the one of which most vectors pass first."""
    last = {r.name: r for r in rows}
    return sorted(last.values(), key=lambda r: (-r.total("pass"), r.name))


def verdict_of(counts: Mapping[str, int]) -> str:
    """What is said of a cell of the matrix: the worst that came, or that nothing was asked for or is there."""
    for verdict in (*WRONG, KNOWN, "pass"):
        if counts.get(verdict):
            return verdict
    return "not claimed" if counts else ""


def in_words(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{n} {verdict}" for verdict, n in Counter(counts).most_common())
