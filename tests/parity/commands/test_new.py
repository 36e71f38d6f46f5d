"""`bptt new`: a port to begin with."""

import re
import shutil
from pathlib import Path

import pytest

from parity import commands, ports
from parity.commands.new import TEMPLATES
from parity.ports import claims
from parity.ports.failed import FILE


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_template_is_copied_without_what_was_built_there_and_passes(
    template: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "my port"
    assert commands.main(["new", str(folder), "--from", template]) == 0
    out = capsys.readouterr().out
    assert f"check {folder}" in out
    names = {file.name for file in folder.iterdir()}
    assert names == set(re.findall(rf"^  {folder}/(\S+)$", out, re.MULTILINE))
    assert not any(name == FILE or name.startswith("port-") for name in names)
    assert claims.load(folder).name == "my port"
    needs = {"c": "cc", "c-minimal": "cc", "javascript": "node"}.get(template)
    if needs and shutil.which(needs) is None:
        pytest.skip(f"NOT VERIFIED: {needs} is not installed")
    assert commands.main(["check", str(folder), "-k", "hand"]) == 0
    assert "my port: conforms" in capsys.readouterr().out


def test_what_is_said_to_be_read_is_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    commands.main(["new", str(tmp_path / "port"), "--from", "python"])
    paths = [Path(line.strip()) for line in capsys.readouterr().out.splitlines() if line.endswith(".md")]
    assert [path.name for path in paths] == ["README.md", "SPEC.md"]
    assert all(path.is_file() for path in paths)


def wrong_usage(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit) as stopped:
        commands.main(["new", *arguments])
    assert stopped.value.code == 2
    return capsys.readouterr().err


def test_nothing_is_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "port.toml").write_text("mine")
    assert "is there already, expected a folder that is not" in wrong_usage(capsys, str(tmp_path), "--from", "python")
    assert (tmp_path / "port.toml").read_text() == "mine"


@pytest.mark.parametrize("name", ['say "hello"', "new\nline"])
def test_a_name_that_a_port_cannot_have(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "the name of a port should be letters" in wrong_usage(capsys, str(tmp_path / name), "--from", "python")
    assert not (tmp_path / name).exists()


def test_a_template_that_is_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "invalid choice: 'rust'" in wrong_usage(capsys, str(tmp_path / "port"), "--from", "rust")


def test_the_templates_are_ports_of_the_project() -> None:
    assert all((Path(ports.__file__).parent / name / "port.toml").is_file() for name in TEMPLATES)
