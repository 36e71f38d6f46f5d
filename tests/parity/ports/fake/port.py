"""Ports that go wrong in every way but arithmetic: `python port.py MODE`. Where it does not go wrong, it is right."""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from parity import adapter, subject
from parity.vectors import npy


def tensors_of(folder: str) -> dict[str, np.ndarray]:
    """What is asked for."""
    request = adapter.read(Path(folder))
    with np.errstate(all="ignore"):
        tensors = subject.run(request.case, request.values)
    return {name: np.asarray(tensors[name]) for name in request.asked}


def write(tensors: dict[str, np.ndarray], out: str) -> None:
    for name, tensor in tensors.items():
        npy.write(Path(out) / f"{name}.npy", tensor)


def say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def changed(out: str, change: Callable[[Path], None], name: str = "output") -> None:
    change(Path(out) / f"{name}.npy")


def rewritten(function: Callable[[np.ndarray], np.ndarray]) -> Callable[[Path], None]:
    """Replaces an array by another."""

    def change(file: Path) -> None:
        array = function(np.load(file))
        file.unlink()
        npy.write(file, array)

    return change


def with_nan(array: np.ndarray) -> np.ndarray:
    array = array.copy()
    array.flat[0] = np.nan
    return array


def holding(content: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    """Replaces what a file holds."""

    def change(file: Path) -> None:
        file.write_bytes(content(file.read_bytes()))

    return change


def folder_instead(file: Path) -> None:
    file.unlink()
    file.mkdir()


def linked(file: Path) -> None:
    file.rename(file.with_suffix(".elsewhere"))
    file.symlink_to(file.with_suffix(".elsewhere"))


def pickled(file: Path) -> None:
    file.unlink()
    np.save(file, np.array([{"a": 1}], dtype=object), allow_pickle=True)


def piped(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def huge(file: Path) -> None:
    """A header that promises more than any memory has."""
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000, 1000000), }\n"
    file.write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + bytes(64))


IN_FILES: dict[str, Callable[[Path], None]] = {
    "half-a-file": holding(lambda content: content[:-8]),
    "empty-file": holding(lambda content: b""),
    "garbled-file": holding(lambda content: b"no array at all " * 20),
    "too-long-a-file": holding(lambda content: content + bytes(10**6)),
    "huge-promise": huge,
    "pickle": pickled,
    "link": linked,
    "pipe": piped,
    "folder": folder_instead,
    "float32": rewritten(lambda a: a.astype(np.float32)),
    "big-endian": lambda file: np.save(file, np.load(file).astype(">f8")),
    "Fortran-order": lambda file: np.save(file, np.asfortranarray(np.load(file))),
    "misshapen": rewritten(lambda a: a[None]),
    "flat": rewritten(lambda a: a.ravel()),
    "nan": rewritten(with_nan),
    "zeros": rewritten(np.zeros_like),
    "missing": Path.unlink,
    "misnamed": lambda file: file.rename(file.with_name("out.npy")),
    "unasked-file": lambda file: file.with_name("secret.npy").touch(),
}

mode = sys.argv[1]
if mode == "crash-at-start":
    sys.exit("no such library")
if mode == "fill-the-pipe":
    sys.stderr.write("warning: " * 10**6)
if mode == "talk-first":
    say("hello\n")
answered = 0
before: dict[str, np.ndarray] = {}
for line in sys.stdin:
    folder, out = line.rstrip("\n").split("\t")
    answered += 1
    if mode == "silent-exit":
        sys.exit(0)
    if mode == "hang":
        time.sleep(1000)
    if mode == "skip-everything":
        say("skip not today\n")
        continue
    tensors = tensors_of(folder)
    if mode == "previous-output" and before:
        write({name: tensor for name, tensor in before.items() if name in tensors}, out)
        say("ok\n")
        continue
    if mode == "one-behind" and not before:
        before = tensors
        continue
    before = tensors
    if mode == "crash-at-5" and answered == 5:
        os.abort()
    if mode == "exit-at-5" and answered == 5:
        sys.exit(7)
    if mode == "error-at-5" and answered == 5:
        say("error out of memory\n")
        continue
    if mode == "traceback-at-5" and answered == 4:
        sys.stderr.write("said of the case before\n")
        sys.stderr.flush()
    if mode == "traceback-at-5" and answered == 5:
        sys.stderr.write("Traceback (most recent call last):\n  line 7, in layer\nValueError: no such cell\n")
        say("error ValueError: no such cell\n")
        continue
    if mode == "half-a-line-at-5" and answered == 5:
        say("o")
        sys.exit(0)
    if mode == "garbage":
        say("\x00\xff{'ok': true}\n")
        continue
    if mode == "no-newline":
        write(tensors, out)
        say("ok")
        time.sleep(1000)
    write(tensors, out)
    if mode in IN_FILES and answered == 2:
        changed(out, IN_FILES[mode])
    if mode == "last-bit-at-7" and answered == 7:
        changed(out, rewritten(lambda a: np.where(a == 0, a, np.nextafter(a, np.inf))))
    if mode == "close-and-stay" and answered == 2:
        os.close(1)
        time.sleep(1000)
    if mode == "out-is-a-link" and answered == 2:
        moved = Path(out).rename(Path(out).with_name("moved"))
        Path(out).symlink_to(moved)
    if mode == "not-flushed":
        sys.stdout.write("ok\n")
    elif mode == "million-lines":
        say("ok\n" * 10**6)
    elif mode == "endless-line":
        say("ok" * 10**6)
    elif mode == "answer-twice":
        say("ok\nok\n")
    elif mode == "windows":
        say("ok\r\n")
    else:
        say("ok\n")
if mode == "bad-exit":
    sys.exit(9)
if mode == "stay":
    time.sleep(1000)
if mode == "last-word":
    say("bye\n")
