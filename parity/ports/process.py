"""The conversation with a port's program: built, started, asked line by line, ended. SPEC 10.5, 10.6, 10.8.

Nothing here waits without a limit, and no program outlives the run that started it.
"""

import os
import queue
import re
import secrets
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from parity.ports.claims import BadPort, Port

LONGEST_ANSWER = 10_000  # bytes
UNASKED_ANSWERS = 100  # that are kept before a port is stopped
COMPLAINTS_KEPT = 2_000  # bytes of standard error
BUILD_SECONDS = 600.0
MOMENT = 0.1  # seconds for what may have come already
PATIENCE = 2.0  # seconds for what should come at once, such as the end of a program that was killed

# What a port gets of the environment: what programs need to be found, to find their libraries, to speak; and how
# libraries compute, on which the last bit depends.
PASSED_ON = re.compile(
    "PATH|HOME|USER|LOGNAME|LANG|LANGUAGE|LC_.*|TZ|TMPDIR|TEMP|TMP|LD_LIBRARY_PATH|DYLD_LIBRARY_PATH"
    "|SYSTEMROOT|SYSTEMDRIVE|WINDIR|COMSPEC|PATHEXT|USERPROFILE|APPDATA|LOCALAPPDATA|PROGRAMDATA|PROGRAMFILES"
    "|(?:OMP|OPENBLAS|MKL|CUDA)_.*"
)
MARK = "PARITY_RUN"  # its value is in the environment of whatever a program starts, and nowhere else


class Broken(Exception):
    """The port crashed, fell silent, or said what is no answer; in words."""


class Silent(Broken):
    """The port said nothing, not even half a line, for as long as it may."""


class _Overflow:
    """Stands for output that is more than anybody asked for."""


class _Program:
    """A program of a port, in a session of its own and the environment of SPEC 10.8. Raises Broken."""

    def __init__(self, port: Port, command: Sequence[str], dtype: str, stdin: int, stderr: int) -> None:
        words = _resolved(port, command, dtype)
        self._mark = f"{MARK}={secrets.token_hex(16)}"
        try:
            self.running = subprocess.Popen(
                words,
                cwd=port.folder,
                env=_environment(words[0], self._mark),
                stdin=stdin,
                stdout=subprocess.PIPE,
                stderr=stderr,
                bufsize=0,
                start_new_session=True,  # so that what it starts is stopped with it, and what it signals is its own
            )
        except (OSError, ValueError) as error:
            beside = isinstance(error, FileNotFoundError) and (port.folder / words[0]).is_file()
            meant = f"; it is in the folder of port.toml: ./{words[0]}" if beside and "/" not in words[0] else ""
            raise Broken(printable(f"cannot be started: {error}{meant}")) from error

    def end(self) -> None:
        """Stops the program and everything that it has started; on Linux also what has left its session."""
        try:
            os.killpg(self.running.pid, signal.SIGKILL)
        except (OSError, AttributeError):  # it has ended; or there are no process groups here
            self.running.kill()
        deadline = time.monotonic() + PATIENCE
        while (started := self._started()) and time.monotonic() < deadline:
            for pid in started:
                with suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
        with suppress(subprocess.TimeoutExpired):
            self.running.wait(PATIENCE)

    def _started(self) -> list[int]:
        """The processes that have its mark in their environment, where the system shows it."""
        found = []
        with suppress(OSError):
            for entry in (path.name for path in Path("/proc").iterdir() if path.name.isdigit()):
                with suppress(OSError):
                    if self._mark.encode() in Path("/proc", entry, "environ").read_bytes():
                        found.append(int(entry))
        return found


def _resolved(port: Port, command: Sequence[str], dtype: str) -> list[str]:
    """The command for one dtype, and this Python for `python`. SPEC 10.6."""
    program, *arguments = (word.replace("{dtype}", dtype) for word in command)
    if program == "python":
        program = sys.executable
    elif any(separator in program for separator in (os.sep, os.altsep) if separator):
        path = str(port.folder / program)  # an absolute one stays as it is
        program = shutil.which(path) or path  # on Windows with the .exe that is not written
    return [program, *arguments]


def _environment(program: str, mark: str) -> dict[str, str]:
    """Little of the runner's own; this Python finds the packages that the runner finds."""
    found = {name: value for name, value in os.environ.items() if PASSED_ON.fullmatch(name)}
    if program == sys.executable:
        found["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    return found | dict([mark.split("=")])


class _Tail:
    """The last that a pipe says. A thread reads it, so that it is never full; only the thread closes it."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self._pipe = pipe
        self._said = b""
        self.count = 0  # bytes, of all that it said
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        with self._pipe as pipe:
            while chunk := os.read(pipe.fileno(), 65536):
                self._said = (self._said + chunk)[-COMPLAINTS_KEPT:]
                self.count += len(chunk)

    def since(self, count: int) -> list[str]:
        """What it said after so many bytes; it comes by another way than the answer, so it gets a moment."""
        heard, deadline = count, time.monotonic() + MOMENT
        while time.monotonic() < deadline and not self.count == heard > count:  # said something, and no more comes
            heard = self.count
            time.sleep(MOMENT / 10)
        new = min(self.count - count, len(self._said))
        return _printable_lines(self._said[len(self._said) - new :])

    def lines(self) -> list[str]:
        """What it said, once the other end is closed or not heard any more."""
        self._reader.join(PATIENCE)
        return _printable_lines(self._said)


def _printable_lines(said: bytes) -> list[str]:
    return [printable(line) for line in said.decode(errors="replace").strip().splitlines()]


def build(port: Port, dtype: str, seconds: float = BUILD_SECONDS) -> None:
    """Runs the build command of a port, if it has one. Raises BadPort with what the command said."""
    if not port.build or dtype not in port.dtypes:
        return
    command = printable(" ".join(_resolved(port, port.build, dtype)))
    try:
        program = _Program(port, port.build, dtype, subprocess.DEVNULL, subprocess.STDOUT)
    except Broken as broken:
        raise BadPort(f"{port.name} does not build: {command} {broken}") from broken
    assert program.running.stdout is not None
    said = _Tail(program.running.stdout)
    how = ""
    try:
        code = program.running.wait(seconds)
        how = f" ended with {_how(code)}" if code else ""
    except subprocess.TimeoutExpired:
        how = f" still ran after {seconds:g} s"
    finally:
        program.end()
    if how:
        raise BadPort("\n".join([f"{port.name} does not build: {command}{how}", *said.lines()]))


class Process:
    """One run of a port's program. Two threads read what it says, so that no pipe is ever full."""

    def __init__(self, port: Port, dtype: str) -> None:
        self._program = _Program(port, port.command, dtype, subprocess.PIPE, subprocess.PIPE)
        self._process = self._program.running
        assert self._process.stdin is not None
        assert self._process.stderr is not None
        if os.name == "posix":
            os.set_blocking(self._process.stdin.fileno(), False)
        self._answers: queue.Queue[bytes | _Overflow | None] = queue.Queue()
        self._unfinished = b""
        self._complaints = _Tail(self._process.stderr)
        self._heard = 0  # of its standard error, when it was asked last
        self._reader = threading.Thread(target=self._read_answers, daemon=True)
        self._reader.start()

    def _read_answers(self) -> None:
        assert self._process.stdout is not None
        while chunk := os.read(self._process.stdout.fileno(), 65536):
            *complete, self._unfinished = (self._unfinished + chunk).split(b"\n")
            for line in complete:
                self._answers.put(line[:LONGEST_ANSWER])
            if len(self._unfinished) > LONGEST_ANSWER or self._answers.qsize() > UNASKED_ANSWERS:
                self._answers.put(_Overflow())
                return
        self._answers.put(None)

    def ask(self, request: str, seconds: float) -> str:
        """The answer to one line. Raises Broken."""
        if not self._answers.empty():
            self._take(self._answers.get(), "before it was asked")
            raise Broken("answered before it was asked")
        assert self._process.stdin is not None
        line = os.fsencode(request) + b"\n"
        self._heard = self._complaints.count
        try:
            written = os.write(self._process.stdin.fileno(), line)
        except BlockingIOError:
            written = 0
        except OSError:
            raise Broken(self._end()) from None
        if written < len(line):
            raise Broken("does not read its standard input")
        try:
            return self._take(self._answers.get(timeout=seconds), "")
        except queue.Empty:
            if self._unfinished:
                said = f"silent for {seconds:g} s after {quoted(self._unfinished)} without a newline"
                raise Broken(said) from None
            raise Silent(f"silent for {seconds:g} s") from None

    def _take(self, answer: bytes | _Overflow | None, when: str) -> str:
        if answer is None:
            raise Broken(self._end())
        if isinstance(answer, _Overflow):
            raise Broken("wrote far more than one line as its answer")
        if when:
            raise Broken(f"answered {quoted(answer)} {when}")
        return answer.decode(errors="replace").rstrip("\r")

    def _end(self) -> str:
        """How the program ended, in words."""
        try:
            code = self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            return "closed its output without an answer"
        said = f", after {quoted(self._unfinished)} without a newline" if self._unfinished else ""
        return f"ended ({_how(code)}) without an answer{said}"

    def complaints(self) -> str:
        """The end of its standard error, in one line; to be asked for once it is killed."""
        return " / ".join(self._complaints.lines())

    def about_the_answer(self) -> str:
        """The end of what it wrote to standard error since it was asked, in one line."""
        return " / ".join(self._complaints.since(self._heard))

    def close(self, seconds: float) -> None:
        """Ends the conversation. Raises Broken if the program says more, does not end, or ends with a code above 0."""
        assert self._process.stdin is not None
        if not self._answers.empty():
            self._take(self._answers.get(), "after the last case")
        with suppress(OSError):
            self._process.stdin.close()
        try:
            code = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Broken(f"still runs {seconds:g} s after the end of its input") from None
        if code:
            raise Broken(f"ended with {_how(code)} at the end of its input, expected 0")
        try:
            last = self._answers.get(timeout=PATIENCE)
        except queue.Empty:
            raise Broken("ended, but something that it started keeps its standard output open") from None
        if last is not None:
            self._take(last, "after the last case")
        if self._unfinished:
            raise Broken(f"wrote {quoted(self._unfinished)} after the last case")

    def kill(self) -> None:
        """Stops the program and everything that it has started."""
        self._program.end()
        self._reader.join(PATIENCE)
        for pipe in (self._process.stdin, None if self._reader.is_alive() else self._process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()


def _how(code: int) -> str:
    """How a program ended, of which this is the return code."""
    if code >= 0:
        return f"exit code {code}"
    known = {member.value: member.name for member in signal.Signals}
    return f"killed by {known.get(-code, f'signal {-code}')}"


def quoted(answer: bytes) -> str:
    """An answer between quotation marks, not all of it if it is long."""
    text = answer.decode(errors="replace")
    return repr(text if len(text) <= 60 else text[:60] + "…")


def printable(text: str) -> str:
    """The text with a mark in place of each character that a terminal might obey, or that XML has no place for."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
