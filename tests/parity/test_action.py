"""The action for the CI of others: it is one, its steps do what they say, and the page can be copied. SPEC 10.7.

No runner of GitHub is here: `Runner` does what one does with the steps that have `run`. An action that a step `uses` is
not there, pip is a module that notes what it was asked for, and this Python, with what is installed in it, checks.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html.parser import HTMLParser
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

import parity
from parity.action import summary
from parity.report.check import VERDICTS

ACTION = Path(parity.__file__).parent / "action"
ROOT = ACTION.parents[1]
PORTS = ACTION.parent / "ports"
README = (ACTION / "README.md").read_text(encoding="utf-8")
SNIPPETS = re.findall(r"^```yaml\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
EXPRESSION = re.compile(r"\$\{\{ (.*?) \}\}")


def yaml(text: str) -> Any:
    """What these files need of YAML: mappings, lists of mappings, [a, b], one line of text or a block after |."""
    lines = [line for line in text.splitlines() if not re.match(r" *(#|$)", line)]
    return _node([(len(line) - len(line.lstrip()), line.strip()) for line in lines])


def _node(lines: list[tuple[int, str]]) -> Any:
    indent = lines[0][0]
    starts = [i for i, (depth, _) in enumerate(lines) if depth == indent]
    parts = [lines[i:j] for i, j in zip(starts, [*starts[1:], len(lines)], strict=True)]
    if lines[0][1].startswith("- "):
        return [_node([(indent + 2, first[2:]), *rest]) for (_, first), *rest in parts]
    found = {}
    for (_, line), *rest in parts:
        key, colon, value = line.partition(":")
        assert colon, line
        assert key not in found, f"{key} twice"
        found[key] = _value(value.strip(), rest)
    return found


def _value(value: str, rest: list[tuple[int, str]]) -> Any:
    if value == "|":
        return "".join(f"{' ' * (depth - rest[0][0])}{line}\n" for depth, line in rest)
    if not value:
        return _node(rest)
    assert not rest, value
    if value.startswith("["):
        return value[1:-1].split(", ")
    return json.loads(value) if value.startswith('"') else value


@pytest.fixture(scope="module")
def action() -> Any:
    return yaml((ACTION / "action.yml").read_text(encoding="utf-8"))


def written() -> list[str]:
    return [(ACTION / "action.yml").read_text(encoding="utf-8"), *SNIPPETS]


@pytest.mark.parametrize("text", written())
def test_the_yaml_is_read_as_others_read_it(text: str) -> None:
    if find_spec("yaml") is None:
        pytest.skip("NOT CHECKED: PyYAML not on this machine")
    pyyaml = import_module("yaml")
    assert yaml(text) == pyyaml.load(text, pyyaml.BaseLoader)  # everything that is no mapping or list is text


def expressions(value: Any) -> Iterator[str]:
    """Every ${{ }} in it, and every `if`, which needs none."""
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield from [each] if key == "if" else expressions(each)
    elif isinstance(value, list):
        for each in value:
            yield from expressions(each)
    else:
        yield from EXPRESSION.findall(value)


def test_it_is_a_composite_action(action: Any) -> None:
    assert action.keys() == {"name", "description", "inputs", "outputs", "runs"}
    assert action["runs"].keys() == {"using", "steps"}
    assert action["runs"]["using"] == "composite"
    for step in action["runs"]["steps"]:
        kind = {"run", "shell"} if "run" in step else {"uses"}
        assert kind <= step.keys() <= kind | {"id", "name", "if", "env", "with"}
        assert step.get("shell", "bash") == "bash"
    for each in action["inputs"].values():
        assert each.keys() == {"description", "default"}


def test_what_it_refers_to_is_there_and_every_input_is_used(action: Any) -> None:
    ids = [step["id"] for step in action["runs"]["steps"] if "id" in step]
    assert len(ids) == len(set(ids))
    used = set(re.findall(r"\w+(?:\.[\w-]+)+", " ".join(expressions(action))))
    known = {f"inputs.{name}" for name in action["inputs"]} | {f"steps.{name}.outputs.exit-code" for name in ids}
    assert used == known | {"github.action_path"}


def test_no_input_becomes_part_of_a_script(action: Any) -> None:
    """An expression in `run` is put into the text that bash reads; in `env` it is a value."""
    for step in [*action["runs"]["steps"], *steps_of(SNIPPETS)]:
        assert "${{" not in step.get("run", "")


@dataclass
class Runner:
    """A runner: an empty workspace, the files that steps write to, and the environment that they get."""

    home: Path

    def __post_init__(self) -> None:
        self.workspace, modules = self.home / "workspace", self.home / "modules"
        noted = f"import sys, pathlib; pathlib.Path({str(self.home / 'pip')!r}).write_text(chr(10).join(sys.argv[1:]))"
        of_the_caller = {f"workspace/{name}": "raise SystemExit('not this one')" for name in ("parity", "reference")}
        for name, program in {"modules/pip": "", **of_the_caller}.items():
            (self.home / name).mkdir(parents=True)
            (self.home / name / "__init__.py").write_text(program, encoding="utf-8")
        (modules / "pip" / "__main__.py").write_text(noted, encoding="utf-8")
        self.summary, self.output = self.home / "summary", self.home / "output"
        self.reports = self.workspace / "bptt-reports"
        self.environment = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ} | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": os.pathsep.join([str(modules), str(ROOT)]),
            "PIP_NO_INDEX": "1",  # should the true pip be found after all, it has nothing to install from,
            "PIP_TARGET": str(self.home / "target"),  # and nowhere else to install to
            "GITHUB_STEP_SUMMARY": str(self.summary),
            "GITHUB_OUTPUT": str(self.output),
            "GITHUB_REPOSITORY": "user/port",
        }

    def step(self, step: Mapping[str, Any], context: Mapping[str, str]) -> int:
        """Runs one step as `shell: bash` has it; returns its exit code."""
        own = {name: EXPRESSION.sub(lambda e: context[e[1]], value) for name, value in step.get("env", {}).items()}
        script = self.home / "script"
        script.write_text(step["run"], encoding="utf-8")
        command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)]
        done = subprocess.run(command, cwd=self.workspace, env=self.environment | own, capture_output=True, text=True)
        self.said = done.stdout + done.stderr
        return done.returncode

    def action(self, action: Any, **given: str) -> int:
        """Runs the action with these inputs, up to the first step that fails; returns its exit code."""
        context = {f"inputs.{name}": str(each["default"]) for name, each in action["inputs"].items()}
        context |= {f"inputs.{name}": value for name, value in given.items()} | {"github.action_path": str(ACTION)}
        codes = (self.step(step, context) for step in action["runs"]["steps"] if "run" in step)
        return next((code for code in codes if code), 0)


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    if shutil.which("bash") is None:
        pytest.skip("NOT CHECKED: bash not on this machine")
    return Runner(tmp_path)


def wrong_port(folder: Path, body: str) -> Path:
    """A port that claims one layer forward, and answers every case by `body`."""
    folder.mkdir()
    (folder / "port.py").write_text(f"import sys\nfor line in sys.stdin:\n    {body}\n", encoding="utf-8")
    (folder / "port.toml").write_text(
        'name = "<b>port</b>"\nlanguage = "none"\ncommand = ["python", "port.py"]\ndtypes = ["float32"]\n'
        'provides = ["forward"]\n[features]\ncells = ["rnn"]\nnonlinearities = ["tanh"]\n'
        'layouts = ["time_major"]\nbiases = ["two"]\nh0 = true\n',
        encoding="utf-8",
    )
    return folder


def test_a_port_that_conforms_is_green(action: Any, runner: Runner) -> None:
    code = runner.action(action, port=str(PORTS / "python"), arguments="-k hand-1x1x1\n  --dtype float64")
    assert code == 0, runner.said
    assert runner.output.read_text() == "exit-code=0\n"
    wanted = {"schemaVersion": 1, "label": "bptt", "message": "conforms, 1 vectors", "color": "brightgreen"}
    assert json.loads((runner.reports / "badge.json").read_text()) == wanted
    text = runner.summary.read_text(encoding="utf-8")
    assert text.startswith("<h3><code>python</code>: conforms</h3>\n<p>1 pass; 12 tensors; worst share of the")
    assert "<table>" not in text
    assert ElementTree.parse(runner.reports / "junit.xml").getroot().tag == "testsuites"
    assert json.loads((runner.reports / "report.json").read_text())["exit_code"] == 0


def test_pip_is_given_this_project_with_the_extra_that_needs_no_torch(action: Any, runner: Runner) -> None:
    install = next(step for step in action["runs"]["steps"] if step["name"] == "Install")
    assert runner.step(install, {"github.action_path": str(ACTION)}) == 0, runner.said
    command, wanted = (runner.home / "pip").read_text().split("\n")
    assert command == "install"
    assert wanted.endswith("[check]")
    assert Path(wanted.removesuffix("[check]")).resolve() == ROOT


def test_a_port_that_diverges_is_red_with_its_failing_vectors_first(action: Any, runner: Runner) -> None:
    port = wrong_port(runner.home / "wrong", 'print("skip </code> | [a](b) @c", flush=True)')
    assert runner.action(action, port=str(port)) == 1
    assert runner.output.read_text() == "exit-code=1\n"
    badge = json.loads((runner.reports / "badge.json").read_text())
    assert (badge["message"], badge["color"]) == ("DIVERGES", "red")
    text = runner.summary.read_text(encoding="utf-8")
    rows = re.findall(r"<tr><td>.*</td></tr>", text)
    assert len(rows) == summary.MOST
    assert re.findall("<code>(.*?)</code>", rows[0]) == [
        *("hand-1x1x1", "float32", "fail"),
        "skipped although it is claimed: &lt;/code&gt; | [a](b) @c",
    ]
    assert text.startswith(
        "<h3><code>&lt;b&gt;port&lt;/b&gt;</code>: DIVERGES</h3>\n<p>12 fail, 1082 not claimed; 0 tensors</p>"
    )
    assert "<p>and 2 more, in <code>junit.xml</code></p>" in text


def test_the_exit_code_of_a_port_that_crashes_is_passed_on(action: Any, runner: Runner) -> None:
    port = wrong_port(runner.home / "wrong", 'sys.exit("over")')
    assert runner.action(action, port=str(port), arguments="-k square-l1") == 3
    assert "over" in runner.summary.read_text(encoding="utf-8")
    assert json.loads((runner.reports / "badge.json").read_text())["message"] == "BREAKS"


def test_where_there_is_no_port_that_is_said_and_no_older_report_stays(action: Any, runner: Runner) -> None:
    runner.reports.mkdir()
    for name in ("report.json", "junit.xml", "badge.json"):
        (runner.reports / name).write_text("older", encoding="utf-8")
    assert runner.action(action, port="--html") == 2
    assert "--html is not there, expected a folder with a port.toml" in runner.said
    assert [path.name for path in runner.reports.iterdir()] == ["badge.json"]
    assert json.loads((runner.reports / "badge.json").read_text())["message"].startswith("wrong usage")
    assert "<h3>bptt check: wrong usage" in runner.summary.read_text(encoding="utf-8")


def test_inputs_are_words_and_no_commands(action: Any, runner: Runner) -> None:
    for name in ("port", "arguments", "reports"):
        given = {"port": str(PORTS / "python"), "arguments": "-k hand-1x1x1", name: '$(touch a)`touch a`"; touch a; * '}
        assert runner.action(action, **given) in (0, 2)
        assert not list(runner.workspace.rglob("a"))


class Shown(HTMLParser):
    """The tags of a text, and what stands in <code>."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.quoted: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert not attrs
        self.tags.add(tag)
        if tag == "code":
            self.quoted.append("")

    def handle_data(self, data: str) -> None:
        if self.quoted:
            self.quoted[-1] += data


def report(**changes: Any) -> dict[str, Any]:
    """A report of one failing vector, or what is changed of it."""
    result = {"vector": "v", "dtype": "float32", "verdict": "fail", "detail": "FAIL v  float32  it said so"}
    total = dict.fromkeys(VERDICTS, 0) | {"fail": 1, "tensors": 2, "worst_share": "inf"}
    return {
        "port": {"name": "p"},
        "exit_code": 1,
        "total": total,
        "results": [result],
        "looks_like": [],
        "shared": [],
        "effective_roundoff": {},
        "versions": {"reference": "1"},
    } | changes


@pytest.mark.parametrize(
    "said",
    ["</code><script>", "a | b", "`x` **y** [z](http://e.org)", "@all #1", "a\n\nb\r\n| c", "\x1b[2J\u202e", "&lt;"],
)
def test_what_others_wrote_is_quoted_as_it_stands(said: str) -> None:
    result = report()["results"][0] | {"vector": said, "detail": said}
    text = summary.summary(report(port={"name": said}, results=[result], shared=[said]), 1)
    shown = Shown(text)
    printed = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in said)
    assert shown.tags == {"h3", "p", "table", "tr", "th", "td", "code"}
    assert sum(each.startswith(printed) for each in shown.quoted) == 4  # the name, the vector, its line, what is shared
    assert "\n\n" not in text  # the end of a block of HTML
    assert all(c.isprintable() or c == "\n" for c in text)


def test_what_is_long_is_cut() -> None:
    text = summary.summary(report(port={"name": "<" * 10_000}), 1)
    assert Shown(text).quoted[0].startswith("<" * (summary.LONGEST - 1) + "…")


def test_known_failures_are_said_and_not_bright_green() -> None:
    total = report()["total"] | {"fail": 0, "pass": 7, "known failure": 2, "worst_share": 0.25}
    found = report(exit_code=0, total=total, results=[])
    assert summary.badge(found, 0)["message"] == "conforms but for 2 known failures, 7 vectors"
    assert summary.badge(found, 0)["color"] == "yellowgreen"
    assert "7 pass, 2 known failure; 2 tensors; worst share of the tolerance 0.25" in summary.summary(found, 0)


def test_an_end_by_a_signal_is_said() -> None:
    assert summary.badge(None, 143)["message"] == "ended with exit code 143"


def steps_of(snippets: list[str]) -> list[Any]:
    """The steps of the page: those of a workflow, or what stands for some of them."""
    found = [yaml(text) for text in snippets]
    return [step for each in found for step in (each if isinstance(each, list) else each["jobs"]["check"]["steps"])]


def test_the_page_gives_the_action_inputs_that_it_has_and_uploads_what_it_writes(action: Any) -> None:
    steps = steps_of(SNIPPETS)
    ours = [step for step in steps if step.get("uses") == "OWNER/REPOSITORY/parity/action@REF"]
    assert len(ours) == 2
    assert all(step["with"].keys() <= action["inputs"].keys() for step in ours)
    (upload,) = [step for step in steps if "upload-artifact" in step.get("uses", "")]
    assert upload["with"]["path"] == action["inputs"]["reports"]["default"]
    listed = re.findall(
        r"^\| `([\w-]+)` \| .*?(?:`([\w.-]+)`|none) \|$", README.replace(". Empty: the one that is there", ""), re.M
    )
    assert dict(listed) == {name: each["default"] for name, each in action["inputs"].items()}
    versions = {step["with"]["python-version"] for step in steps if "setup-python" in step.get("uses", "")}
    assert versions == {action["inputs"]["python-version"]["default"]}


def test_the_badge_of_the_page_reaches_its_branch_again_and_again(runner: Runner) -> None:
    if shutil.which("git") is None:
        pytest.skip("NOT CHECKED: git not on this machine")
    served = runner.home / "served" / "user" / "port"
    subprocess.run(["git", "init", "--quiet", "--bare", str(served)], check=True)
    runner.environment |= {  # github.com is a folder here
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{served.parents[1]}/.insteadOf",
        "GIT_CONFIG_VALUE_0": "https://x-access-token:secret@github.com/",
    }
    (step,) = [step for step in steps_of(SNIPPETS) if "git push" in step.get("run", "")]
    for text in ("first", "second"):
        shutil.rmtree(runner.reports, ignore_errors=True)
        runner.reports.mkdir()
        (runner.reports / "badge.json").write_text(text, encoding="utf-8")
        (runner.reports / "report.json").write_text("{}", encoding="utf-8")
        assert runner.step(step, {"github.token": "secret"}) == 0, runner.said
        shown = subprocess.run(["git", "show", "badge:badge.json"], cwd=served, capture_output=True, text=True)
        assert shown.stdout == text
    names = subprocess.run(["git", "ls-tree", "--name-only", "badge"], cwd=served, capture_output=True, text=True)
    assert names.stdout == "badge.json\n"
