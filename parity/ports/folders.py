"""Private folders for ports, and their removal, whatever a port has made of them. SPEC 10.8."""

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

LONGEST_REMOVAL = 60.0  # seconds; what is left then stays


@contextmanager
def private(parent: Path) -> Iterator[Path]:
    """A new folder of a name that nobody can guess, which its owner alone may enter; removed at the end."""
    folder = Path(tempfile.mkdtemp(prefix="parity-", dir=parent))
    try:
        yield folder
    finally:
        remove(folder)


def remove(folder: Path) -> None:
    """Removes a folder and what is in it, and follows no link. Never raises: what cannot be removed stays."""
    if os.rename not in os.supports_dir_fd:
        shutil.rmtree(folder, ignore_errors=True)
        return
    with suppress(OSError):
        if folder.is_symlink() or not folder.is_dir():
            folder.unlink()
            return
        folder.chmod(0o700)
        top = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            _empty(top)
        finally:
            os.close(top)
        folder.rmdir()


def _empty(top: int) -> None:
    """Empties an open folder. What is deep is moved up first: depth needs no recursion and makes no path long."""
    names = (f"parity-{os.getpid()}-{number}" for number in count())
    deadline = time.monotonic() + LONGEST_REMOVAL
    stuck: set[str] = set()
    while time.monotonic() < deadline and (left := set(os.listdir(top)) - stuck):
        for name in left:
            try:
                _remove_entry(name, top, names)
            except OSError:
                stuck.add(name)


def _remove_entry(name: str, top: int, names: Iterator[str]) -> None:
    """Removes what is no folder, and a folder once the folders in it are moved to the top, under new names."""
    try:
        os.unlink(name, dir_fd=top)
        return
    except (IsADirectoryError, PermissionError):  # a folder: the systems differ
        os.chmod(name, 0o700, dir_fd=top)
    inside = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=top)
    try:
        for entry in os.listdir(inside):  # noqa: PTH208 (a descriptor, no path)
            try:
                os.unlink(entry, dir_fd=inside)
            except (IsADirectoryError, PermissionError):
                os.chmod(entry, 0o700, dir_fd=inside)
                os.rename(entry, next(names), src_dir_fd=inside, dst_dir_fd=top)
    finally:
        os.close(inside)
    os.rmdir(name, dir_fd=top)
