"""SPEC.md and the code say the same: clauses and their citations, names, shapes, error messages."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

import reference
from reference.activations import ACTIVATIONS, NONLINEARITIES
from reference.divergences import DIVERGENCES

ROOT = Path(__file__).parents[2]
SPEC = (ROOT / "reference" / "SPEC.md").read_text(encoding="utf-8")
SOURCES = sorted(path for package in ("reference", "parity") for path in (ROOT / package).rglob("*.py"))
REFERENCE = [path for path in SOURCES if path.is_relative_to(ROOT / "reference")]

CLAUSE = re.compile(r"^\*\*(\d+)\.(\d+)\*\* ", re.MULTILINE)
SECTION = re.compile(r"^## (\d+) ", re.MULTILINE)
PART = re.compile(r"^# Part ", re.MULTILINE)
FIRST_SECTIONS = [0, 20, 30, 40]  # of each part, so that one can grow without moving the next
# "SPEC 3.1" or "SPEC 3.1, 4.5", also where a line of a docstring or a comment breaks inside the list
CITATION = re.compile(r"\bSPEC[\s#]+(\d+\.\d+(?:,[\s#]+\d+\.\d+)*)")
# an error of SPEC.md: kind, message; a message goes on in lines that are indented
ERRORS = re.compile(r"^```errors\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ERROR = re.compile(r"^(\w+) +(.*(?:\n +.*)*)", re.MULTILINE)


def clauses() -> list[tuple[int, int]]:
    return [(int(section), int(number)) for section, number in CLAUSE.findall(SPEC)]


def section(number: int) -> str:
    """The text of one section of SPEC.md."""
    return next(part for part in re.split(r"^## ", SPEC, flags=re.MULTILINE) if part.startswith(f"{number} "))


def clause(name: str) -> str:
    """The text of one clause of SPEC.md."""
    text = SPEC.split(f"\n**{name}** ")[1]
    return re.split(r"^(?:\*\*\d|#)", text, flags=re.MULTILINE)[0]


def references(text: str) -> set[tuple[int, int]]:
    """Every clause that a text of SPEC.md refers to; decimal numbers in it are written as code."""
    text = re.sub(r"`[^`\n]*`|^```errors.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    text = CLAUSE.sub("", text)
    found = {(int(s), int(c)) for s, c in re.findall(r"(?<![\w.])(\d+)\.(\d+)(?![\w.]\d)", text)}
    return found - {(0, 0)}  # dropout=0.0


def comments_and_docstrings(source: str) -> str:
    """All comments and strings of a source, one after another, without the code between them."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return "\n".join(t.string for t in tokens if t.type in (tokenize.COMMENT, tokenize.STRING))


def citations() -> dict[tuple[int, int], set[str]]:
    """Every clause that a docstring or comment cites, and the files that do."""
    cited: dict[tuple[int, int], set[str]] = {}
    for path in SOURCES:
        for found in CITATION.findall(comments_and_docstrings(path.read_text(encoding="utf-8"))):
            for number in re.split(r",[\s#]+", found):
                section_number, clause_number = map(int, number.split("."))
                cited.setdefault((section_number, clause_number), set()).add(str(path.relative_to(ROOT)))
    return cited


def template(node: ast.AST) -> str | None:
    """A message in the code with `<>` for whatever is filled in; None if it holds no text of its own."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(template(part) or "<>" for part in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return (template(node.left) or "<>") + (template(node.right) or "<>")
    return None


def raised() -> Iterator[tuple[str, str]]:
    """Every (kind, message) that the reference raises or warns of; a joined list of problems is not among them."""
    for path in REFERENCE:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and isinstance(node.exc.func, ast.Name):
                message = template(node.exc.args[0])
                if message is not None:
                    yield node.exc.func.id, message
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "warnings.warn":
                message = template(node.args[0])
                assert message is not None
                yield ast.unparse(node.args[1]), message


def strings() -> set[str]:
    """Every string of the reference, as a template."""
    trees = (ast.parse(path.read_text(encoding="utf-8")) for path in REFERENCE)
    found = {template(node) for tree in trees for node in ast.walk(tree)}
    return {text for text in found if text is not None}


def listed_errors() -> list[tuple[str, str]]:
    """Every (kind, message) that SPEC.md lists, with `<>` for whatever is filled in."""
    listed = [error for block in ERRORS.findall(SPEC) for error in ERROR.findall(block)]
    return [(kind, re.sub(r"<[^<>]+>", "<>", re.sub(r"\n +", " ", message))) for kind, message in listed]


def test_clauses_are_unique_and_in_order() -> None:
    found = clauses()
    assert len(found) > 40
    assert len(set(found)) == len(found)
    assert found == sorted(found)


def test_sections_are_numbered_without_gaps_in_their_part() -> None:
    before, *parts = [[int(number) for number in SECTION.findall(part)] for part in PART.split(SPEC)]
    assert not before
    assert [part[0] for part in parts] == FIRST_SECTIONS
    for part in parts:
        assert part == list(range(part[0], part[0] + len(part)))


def test_clauses_are_numbered_without_gaps_under_their_own_section() -> None:
    for number in map(int, SECTION.findall(SPEC)):
        inside = [(int(s), int(c)) for s, c in CLAUSE.findall(section(number))]
        assert inside == [(number, c) for c in range(1, len(inside) + 1)]
        assert inside


def test_every_citation_names_clauses() -> None:
    """`SPEC` in a docstring is followed by clause numbers, or is the name of the file."""
    for path in SOURCES:
        text = comments_and_docstrings(path.read_text(encoding="utf-8"))
        mentions = re.findall(r"\bSPEC\b(?!\.md)", text)
        assert len(mentions) == len(CITATION.findall(text)), path.name


def test_every_cited_clause_exists() -> None:
    existing = set(clauses())
    missing = {c: files for c, files in citations().items() if c not in existing}
    assert not missing


def test_every_clause_is_cited() -> None:
    cited = citations()
    assert not [f"{s}.{c}" for s, c in clauses() if (s, c) not in cited]


def test_every_reference_inside_the_specification_exists() -> None:
    """A number such as (5.4) in the text is a clause."""
    found = references(SPEC)
    assert len(found) > 30
    assert not found - set(clauses())


def test_a_port_needs_the_first_part_alone() -> None:
    first = PART.split(SPEC)[1]
    assert max(references(first)) < (FIRST_SECTIONS[1], 0)


@pytest.mark.parametrize("bidirectional", [False, True])
def test_parameters_have_the_names_shapes_and_order_of_the_specification(bidirectional: bool) -> None:
    rnn = reference.RNN(2, 3, num_layers=2, bidirectional=bidirectional)
    network = reference.Network(rnn, output_size=7)
    sizes = {"I": 2, "H": 3, "O": 7, "D·H": 6 if bidirectional else 3, "D·P": 6 if bidirectional else 3}
    row = re.compile(r"^    (\w+(?:\.\w+)?) +\((.*?)\)", re.MULTILINE)

    def listed(name: str, prefix: str) -> dict[str, tuple[int, ...]]:
        return {
            prefix + parameter: tuple(sizes[size.strip()] for size in shape.split(",") if size)
            for parameter, shape in row.findall(clause(name))
            if bidirectional or not parameter.endswith("_reverse")
        }

    expected = listed("1.4", "rnn.") | listed("1.5", "")
    assert list(expected.items()) == list(network.shapes.items())


@pytest.mark.parametrize("P", [0, 2])
def test_parameters_of_gated_cells_are_those_of_the_specification(P: int) -> None:
    """The table of 12.2; P is H where there is no projection."""
    sizes = {"H": 5, "I": 3, "P": P or 5}
    rows = [line.strip("|").split("|") for line in clause("12.2").splitlines() if line.startswith("| `")]

    def shape(text: str) -> tuple[int, ...]:
        return tuple(int(n or 1) * sizes[size] for n, size in re.findall(r"(\d*)([HIP])\b", text.partition(")")[0]))

    for column, stack in ((1, reference.GRU(3, 5)), (2, reference.LSTM(3, 5, proj_size=P))):
        found = {name: shape(row[column]) for row in rows for name in re.findall(r"`(\w+)`", row[0])}
        expected = {name: s for name, s in found.items() if s and (P or name != "weight_hr_l0")}
        assert list(expected.items()) == list(stack.shapes.items())


def test_activations_are_those_of_the_specification() -> None:
    recurrent, output = re.search(
        r"recurrent nonlinearities are (.*?)\. The activations of the output layer are (.*?)\.",
        clause("2.1"),
        re.DOTALL,
    ).groups()  # type: ignore[union-attr]
    assert set(re.findall(r"`(\w+)`", recurrent)) == set(NONLINEARITIES)
    assert set(re.findall(r"`(\w+)`", output)) == set(ACTIVATIONS)


def test_every_activation_is_defined_in_section_2() -> None:
    defined = re.findall(r"^\*\*2\.\d+\*\* ([\w ]+?)[.,]", section(2), re.MULTILINE)
    names = {name for heading in defined for name in heading.split(" and ")}
    assert names >= set(ACTIVATIONS)


def test_divergences_are_those_of_the_specification() -> None:
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in clause("8.5").splitlines() if "|" in line]
    table = {row[0].strip("`"): row for row in rows if row[0].startswith("`")}
    assert table.keys() == DIVERGENCES.keys()
    for name, (*_, indices, activations) in table.items():
        assert indices == ("yes" if DIVERGENCES[name].takes_indices else "no"), name
        accepted = set(ACTIVATIONS) if "all seven" in activations else set(re.findall(r"`(\w+)`", activations))
        assert accepted == DIVERGENCES[name].activations, name


@pytest.mark.parametrize(("kind", "message"), listed_errors())
def test_every_listed_error_stands_in_the_code(kind: str, message: str) -> None:
    raised_as = {k for k, m in raised() if m == message}
    assert raised_as == {kind} if raised_as else message in strings()


def test_every_error_of_the_code_is_listed() -> None:
    listed = set(listed_errors())
    assert len(listed) > 40
    assert not [error for error in raised() if error not in listed]


def test_the_lines_of_the_specification_fit() -> None:
    """All but rows of tables, which cannot be broken."""
    lines = enumerate(SPEC.splitlines(), start=1)
    assert not [number for number, line in lines if len(line) > 140 and not line.startswith("|")]
