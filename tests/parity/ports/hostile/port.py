"""Ports that mean harm: `python port.py MODE [ARGUMENT]`. None of them computes anything; all say `ok` in the end."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

mode, argument = sys.argv[1], Path(sys.argv[2] if len(sys.argv) > 2 else "")
SLEEPER = [sys.executable, "-S", "-c", "import time; time.sleep(1000)"]


def say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def instead_of(folder: Path) -> Path:
    shutil.rmtree(folder)
    return folder


def deep(folder: Path) -> None:
    """Further down than a path can say, and than Python can recurse."""
    os.chdir(folder)
    for _ in range(3000):
        os.mkdir("deep")  # noqa: PTH102 (relative to where one is)
        os.chdir("deep")


def unreadable(folder: Path) -> None:
    for name in ("a", "b"):
        (folder / name / "inside").mkdir(parents=True)
        (folder / name / "inside" / "file").touch()
    (folder / "a" / "inside").chmod(0)
    (folder / "b").chmod(0)
    folder.chmod(0)


def sleeper(**options: object) -> None:
    """Starts a program that outlives this one, and says which."""
    argument.write_text(str(subprocess.Popen(SLEEPER, **options).pid))  # type: ignore[call-overload]


def seen(folder: Path) -> list[str]:
    """All that is to be found near the folders that a port is given."""
    return sorted(str(path.relative_to(folder.parent)) for path in folder.parent.rglob("*") if path.is_dir())


def found_below(folder: Path) -> list[str]:
    """The names of all folders, but for those that are a private folder."""
    return sorted({path.name for path in folder.rglob("*") if path.is_dir() and not path.name.startswith("parity-")})


# What is done with the private folder of the second case.
TO_THE_FOLDER: dict[str, Callable[[Path], object]] = {
    "folder-is-gone": instead_of,
    "folder-is-a-file": lambda folder: instead_of(folder).touch(),
    "folder-is-a-link": lambda folder: instead_of(folder).symlink_to(argument),
    "out-is-a-link": lambda folder: instead_of(folder / "out").symlink_to(argument),
    "links-inside": lambda folder: [(folder / f"{i}").symlink_to(argument) for i in range(3)],
    "deep": lambda folder: deep(folder),
    "unreadable": unreadable,
}
ANSWERS: dict[str, Callable[[Path], str]] = {
    "control-characters": lambda folder: "error \x1b[2J\x07\x9b31m\r\u202e[bold]boom[/bold] :bomb:",
    "control-answer": lambda folder: "\x1b]0;owned\x07",
    "look-around": lambda folder: f"error {seen(folder)}",
    "search": lambda folder: f"error found {','.join(found_below(argument))}",
    "environment": lambda folder: f"error {' '.join(sorted(os.environ))}",
}
BEFORE_THE_ANSWER: dict[str, Callable[[], object]] = {
    "signal-parent": lambda: os.kill(os.getppid(), signal.SIGUSR1),
    "signal-group": lambda: os.killpg(0, signal.SIGTERM),
    "grandchild-keeps-stdout": lambda: sleeper(stdin=subprocess.DEVNULL),
    "grandchild-leaves": lambda: sleeper(stdin=subprocess.DEVNULL, start_new_session=True),
    "complain": lambda: (sys.stderr.write("one\x1b[31m\n[red]two[/red]\n"), os._exit(1)),
}

if mode == "hang":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    argument.write_text(str(os.getpid()))
    time.sleep(1000)
if mode == "deaf":
    time.sleep(1000)
for answered, line in enumerate(sys.stdin, start=1):
    case, out = map(Path, line.rstrip("\n").split("\t"))
    if mode == "odd-names":
        for name in (b"\x1b[2J.npy", b"\xff.npy", b"[red].npy"):
            Path(os.fsdecode(os.fsencode(out) + b"/" + name)).touch()
    if answered == 2:
        TO_THE_FOLDER.get(mode, lambda folder: None)(out.parent)
        BEFORE_THE_ANSWER.get(mode, lambda: None)()
    say(ANSWERS.get(mode, lambda folder: "ok")(out.parent) + "\n")
