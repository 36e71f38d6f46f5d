"""Files that a command writes: opened before its work, replaced at its end, all of them or none."""

import argparse
from pathlib import Path

import pytest

from parity.report import files


def opened(**paths: Path | None) -> tuple[argparse.Namespace, argparse.ArgumentParser]:
    return argparse.Namespace(**paths), argparse.ArgumentParser()


def refused(capsys: pytest.CaptureFixture[str], **paths: Path | None) -> str:
    with pytest.raises(SystemExit) as exit_, files.opened(*opened(**paths), *paths):
        pass
    assert exit_.value.code == 2
    return capsys.readouterr().err.rpartition("error: ")[2]


def test_a_file_is_there_once_it_is_written_and_not_before(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    with files.opened(*opened(json=path, html=None), "json", "html") as written:
        assert not path.exists()
        written.write("html", lambda: pytest.fail("nobody asked for a page"))
        written.write("json", lambda: "σ")
        assert path.read_text(encoding="utf-8") == "σ"
    assert [p.name for p in tmp_path.iterdir()] == ["report.json"]
    assert not written.failed


def test_what_was_there_stays_until_the_end_and_where_the_work_fails(tmp_path: Path) -> None:
    path, link = tmp_path / "report.json", tmp_path / "link"
    path.write_text("old")
    path.chmod(0o640)
    link.symlink_to(path)
    with pytest.raises(KeyboardInterrupt), files.opened(*opened(json=path), "json"):
        raise KeyboardInterrupt
    assert path.read_text() == "old"
    with files.opened(*opened(json=link), "json") as written:
        assert path.read_text() == "old"
        written.write("json", lambda: b"new")
    assert (path.read_text(), path.stat().st_mode & 0o777, link.is_symlink()) == ("new", 0o640, True)
    assert len(list(tmp_path.iterdir())) == 2


def test_what_cannot_be_written_is_said_before_the_work(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    for path, words in (
        (tmp_path, "Is a directory"),
        (tmp_path / "no" / "x", f"there is no folder {tmp_path / 'no'}"),
        (Path("/proc/report.json"), "No such file or directory"),
        (loop, "Symlink loop"),
    ):
        assert f"cannot write {path}: {words}" in refused(capsys, json=path)
    assert "--junit names" in refused(capsys, json=tmp_path / "x", junit=tmp_path / "." / "x")
    assert [p.name for p in tmp_path.iterdir()] == ["loop"]


def test_a_full_disk_is_said_and_nothing_is_raised(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with files.opened(*opened(json=Path("/dev/full"), html=tmp_path / "x"), "json", "html") as written:
        written.write("json", lambda: "report")
        written.write("html", lambda: "page")
    assert written.failed
    assert capsys.readouterr().err == "cannot write /dev/full: No space left on device\n"
    assert (tmp_path / "x").read_text() == "page"
    assert Path("/dev/full").is_char_device()
