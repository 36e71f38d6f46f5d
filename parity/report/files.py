"""The files that a command writes at its end: opened before its work, so that what was found is never lost."""

import argparse
import secrets
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

UNWRITTEN = 2  # the exit code where nothing else is wrong than that a file could not be written


@dataclass
class _Target:
    """A file that is open, and the path that it takes the place of; None where it is that path, as a pipe is."""

    file: IO[bytes]
    replaces: Path | None

    @classmethod
    def opened(cls, path: Path) -> "_Target":
        """Raises OSError where it cannot be written."""
        if path.exists() and not path.is_file():  # a device or a pipe is written to, not replaced; a folder raises
            return cls(path.open("wb"), None)
        path = path.resolve()
        if path.exists():
            with path.open("ab"):  # whoever may not write it may not replace it
                pass
        beside = path.with_name(f".parity-{secrets.token_hex(8)}")
        target = cls(beside.open("xb"), path)
        if path.exists():
            beside.chmod(path.stat().st_mode)
        return target

    def write(self, content: bytes) -> None:
        """All of it, or, as far as the file replaces another, nothing. Raises OSError."""
        self.file.write(content)
        self.file.close()
        if self.replaces:
            Path(self.file.name).replace(self.replaces)
            self.replaces = None

    def abandon(self) -> None:
        """Leaves nothing behind, if nothing was written."""
        with suppress(OSError):
            self.file.close()
        if self.replaces:
            with suppress(OSError):
                Path(self.file.name).unlink()


class Files:
    """The files of one command, by the names of their options."""

    def __init__(self, targets: dict[str, tuple[Path, _Target]]) -> None:
        self._targets = targets
        self.failed = False

    def write(self, option: str, content: Callable[[], bytes | str]) -> None:
        """Writes one, if it was asked for; a line on the error output says where that does not work."""
        if option not in self._targets:
            return
        path, target = self._targets[option]
        made = content()
        try:
            target.write(made.encode() if isinstance(made, str) else made)
        except OSError as error:
            print(f"cannot write {path}: {error.strerror}", file=sys.stderr)
            self.failed = True


@contextmanager
def opened(options: argparse.Namespace, parser: argparse.ArgumentParser, *names: str) -> Iterator[Files]:
    """Opens the files of these options; ends with wrong usage where one cannot be written, or is meant twice."""
    targets: dict[str, tuple[Path, _Target]] = {}
    try:
        for name in names:
            path: Path | None = getattr(options, name)
            if path is None:
                continue
            if not path.parent.is_dir():
                parser.error(f"cannot write {path}: there is no folder {path.parent}")
            try:
                target = _Target.opened(path)
            except (OSError, RuntimeError) as error:  # RuntimeError: a link to itself
                parser.error(f"cannot write {path}: {getattr(error, 'strerror', error)}")
            before = [other.replaces for _, other in targets.values()]
            targets[name] = path, target
            if target.replaces and target.replaces in before:
                parser.error(f"--{name} names {path}, which another option names too")
        yield Files(targets)
    finally:
        for _, target in targets.values():
            target.abandon()
