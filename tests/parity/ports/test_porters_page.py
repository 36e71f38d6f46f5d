"""The porter's page, parity/ports/README.md, is true: its samples are real, its ladder is counted."""

import argparse
import re
import shlex
import shutil
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import parity
from parity import commands, vectors
from parity.commands import check as command
from parity.ports import claims
from parity.ports.claims import Port
from parity.report import check
from parity.vectors import writing

PORTS = Path(parity.__file__).parent / "ports"
PAGE = (PORTS / "README.md").read_text(encoding="utf-8")
BEGIN, KNOWN, ROUNDOFF = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
RUNG = re.compile(r"^\| ([^|]+) \| ([^|]+) \| [^|]+ \| (\d+) \| (\d+) \|$", re.MULTILINE)
NO_COMPILER = pytest.mark.skipif(shutil.which("cc") is None, reason="NOT CHECKED: cc not on this machine")


def block(after: str) -> str:
    """The next indented block of the page behind some words."""
    found = re.search(r"\n\n((?:    .*\n|\n)+)", PAGE[PAGE.index(after) :])
    assert found is not None
    return re.sub("(?m)^    ", "", found[1].strip("\n"))


def loaded(folder: Path, text: str) -> Port:
    """The port that a port.toml declares."""
    (folder / "port.toml").write_text(text, encoding="utf-8")
    return claims.load(folder)


def as_toml(keys: dict[str, Any]) -> str:
    """Keys whose values are words, flags and lists of words; tables last."""
    lines = [f"{name} = {value!r}".replace("True", "true") for name, value in keys.items() if name != "features"]
    return "\n".join([*lines, "[features]", *as_toml_lines(keys["features"])])


def as_toml_lines(features: dict[str, Any]) -> Iterator[str]:
    for name, value in features.items():
        yield f"{name} = {value!r}".replace("True", "true")


def test_the_ladder_asks_for_as_much_as_it_says(tmp_path: Path) -> None:
    """Each rung on top of those before; the last asks for every tensor of every vector."""
    keys = tomllib.loads(BEGIN)
    rungs = RUNG.findall(PAGE)
    assert len(rungs) > 15
    for rung, lines, count, tensors in rungs:
        set_here = tomllib.loads("\n".join(re.findall(r"`(\w+ = .+?)`", lines)))
        assert set_here or lines == "as above"
        keys |= {name: value for name, value in set_here.items() if name == "provides"}
        keys["features"] |= {name: value for name, value in set_here.items() if name != "provides"}
        port = loaded(tmp_path, as_toml(keys))
        asked = [v for v in vectors.frozen() if not port.lacks(v.case, "float64")]
        found = len(asked), sum(len(port.asked(v.case, v.expect)) for v in asked)
        assert found == (int(count), int(tensors)), rung
    assert found == (len(vectors.IDS), sum(len(v.expect) for v in vectors.frozen()))


def test_what_asked_leaves_out(tmp_path: Path) -> None:
    """The table of what is not asked for, on a vector that has everything."""
    vector = next(v for v in vectors.frozen() if v.case.id == "many-to-one-bi-ragged")
    everything = claims.load(PORTS / "c")

    def left_out(provides: tuple[str, ...] = everything.provides, **features: object) -> set[str]:
        keys = {"name": "some", "language": "any", "command": ["x"], "dtypes": ["float64"], "provides": list(provides)}
        port = loaded(tmp_path, as_toml(keys | {"features": dict(everything.features) | features}))
        assert port.lacks(vector.case, "float64") == []
        return set(vector.expect) - set(port.asked(vector.case, vector.expect))

    backward = {name for name in vector.expect if name.startswith("d_")}
    columns = {"a_l0", "h_l0", "a_l0_reverse", "h_l0_reverse"}
    between = {"d_y", "d_z", "d_output", *(f"d_{name}" for name in columns)}
    assert left_out() == set()
    assert left_out(("forward", "backward")) == columns | between
    assert left_out(("forward", "trace")) == backward
    assert left_out(biases=["merged"]) == {name for name in backward if "bias_hh" in name}
    assert left_out(("forward", "trace"), divergences=[]) == backward | {"div"}


def test_the_case_is_the_one_that_a_port_is_given(tmp_path: Path) -> None:
    vector = next(v for v in vectors.frozen() if v.case.id == "square-l1")
    asked = claims.load(PORTS / "c-minimal").asked(vector.case, vector.expect)
    writing.write_inputs(tmp_path, vector.case, vector.values, "float64", asked)
    files = [path.relative_to(tmp_path).as_posix() for path in sorted(tmp_path.rglob("*.*"))]
    assert block("as it is given to c-minimal").split() == files
    assert is_shortened(block("`case.toml`, shortened"), (tmp_path / "case.toml").read_text(encoding="utf-8"))


def is_shortened(sample: str, text: str) -> bool:
    """Whether a sample is a text with "…" where something is left out; line ends and the last digits aside."""

    def plain(words: str) -> str:
        return re.sub(r"(\.\d{10})\d+", r"\1", " ".join(words.split()))

    parts = (re.escape(plain(part)) for part in sample.split("…"))
    return re.search(".*".join(parts), plain(text)) is not None


@NO_COMPILER
def test_the_quickest_way_is_as_quick(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    new, whole = block("## The quickest way").splitlines()
    alone = re.search(r"`(bptt check my-port -k .*?)`", PAGE)
    assert alone is not None
    assert run(new) == check.CONFORMS
    assert run(alone[1]) == check.CONFORMS
    assert "my-port: conforms  (2 pass;" in capsys.readouterr().out
    assert run(whole) == check.CONFORMS
    out = capsys.readouterr().out
    assert is_shortened(block("and says:"), out)
    following = re.search(r"`(next: claim .*?)`", PAGE)
    assert following is not None
    assert following[1] in out


def run(line: str) -> int:
    program, *arguments = shlex.split(line)
    assert program == "bptt"
    return commands.main(arguments)


def broken(folder: Path, *changes: tuple[str, str, str]) -> str:
    """A copy of c-minimal called my-port, in which something is replaced: file, what is right, what is wrong."""
    shutil.copytree(PORTS / "c-minimal", folder / "my-port")
    for name, right, wrong in (("port.toml", 'name = "c-minimal"', 'name = "my-port"'), *changes):
        file = folder / "my-port" / name
        text = file.read_text(encoding="utf-8")
        assert text.count(right) == 1
        file.write_text(text.replace(right, wrong), encoding="utf-8")
    return str(folder / "my-port")


@NO_COMPILER
def test_a_transposed_matrix_is_told_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    port = broken(tmp_path, ("port.c", "W_hh[i * H + j]", "W_hh[j * H + i]"))
    assert commands.main(["check", port]) == check.DIVERGES
    assert is_shortened(block("with `W_hh` transposed"), capsys.readouterr().out)


SAID = re.findall(r"(?m)^\| `(.*?)` \|", PAGE.partition("| it says |")[2].partition("\n\n")[0])
WAYS = {  # to be told so
    "cannot": ("port.toml", 'command = ["./port-{dtype}"]', 'command = ["port-{dtype}"]'),
    "answered": ("port.c", "    forward(T,", '    printf("T = %zu\\n", T);\n    forward(T,'),
    "silent for 10 s although": ("port.c", "        fflush(stdout);", "        "),
    "silent for 10 s": ("port.c", "    forward(T,", "    for (;;) fflush(stdout);\n    forward(T,"),
    "fed": ("port.toml", "h0 = true", "h0 = true\nstreaming = true"),
    "a_l0": ("port.c", "write_array(out, name, a,", 'write_array(out, "a", a,'),
    "the file is no": ("port.c", "(%zu, %zu, %zu)", "(%zu * %zu * %zu)"),
    "the file is in": ("port.c", "'fortran_order': False", "'fortran_order': True"),
    "shape": ("port.c", "write_array(out, name, a, T, B, H)", "write_array(out, name, a, B, T, H)"),
    "skipped": ("port.c", '"\\nlengths = false\\n"', '"\\nlengths = true\\n"'),
    "the inputs": ("port.c", "W_hh[i * H + j]", "W_hh[t > 0 ? j * H + i : i * H + j]"),
}


@NO_COMPILER
@pytest.mark.parametrize("message", SAID)
def test_what_it_says_is_what_it_says(message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    way = max((beginning for beginning in WAYS if message.startswith(beginning)), key=len)
    port = broken(tmp_path, WAYS[way])
    code = commands.main(["check", port, "-k", "square-l1", "--dtype", "float64", "--timeout", "1"])
    assert code in (check.DIVERGES, check.BROKEN)
    assert is_shortened(message.replace("10 s", "1 s"), capsys.readouterr().out)


def test_every_option_and_exit_code_is_in_its_table() -> None:
    parser = argparse.ArgumentParser(add_help=False)
    command.add_arguments(parser)
    of_command = PAGE.partition("## The command")[2].partition("\n## ")[0]
    named = set(re.findall(r"`(--?\w[\w-]*)", of_command))
    assert named == {option for action in parser._actions for option in action.option_strings}
    codes = [int(code) for code in re.findall(r"(?m)^\| (\d) \|", of_command)]
    assert codes == [check.CONFORMS, check.DIVERGES, check.USAGE, check.BROKEN, check.CORRUPT, check.NOTHING]


def test_a_roundoff_is_claimed_as_shown(tmp_path: Path) -> None:
    port = loaded(tmp_path, BEGIN.replace("float64", "float32") + ROUNDOFF)
    assert port.roundoff == {"float32": 2.0**-13}


def test_what_is_printed_fits_80_columns() -> None:
    samples = re.findall(r"(?m)^    .*$", PAGE.partition("## What the runner does not defend against")[0])
    assert max(map(len, samples)) <= 80 + len("    ")


def test_every_link_leads_somewhere() -> None:
    links = re.findall(r"\]\(([^)]+)\)", PAGE)
    assert links
    assert all((PORTS / link).exists() for link in links)


def test_the_functions_of_the_page_conform(capsys: pytest.CaptureFixture[str]) -> None:
    (program,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    found: dict[str, Any] = {}
    exec(program.replace("parity.check(", "code = parity.check("), found)
    assert found["code"] == 0
    assert "mine: conforms" in capsys.readouterr().out


def test_the_known_failure_of_the_page_is_one(tmp_path: Path) -> None:
    port = loaded(tmp_path, "seconds = 60\n" + BEGIN.replace("float64", "float32") + KNOWN)
    assert port.seconds == 60
    assert list(port.known_failures) == [("not-finite-relu-nan", "float32")]
