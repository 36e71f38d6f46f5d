"""The conversation with a port's program: built, started, asked line by line, ended. SPEC 10.5, 10.6."""

import contextlib
import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from parity.ports.claims import BadPort, Port

LONGEST_ANSWER = 10_000  # bytes
UNASKED_ANSWERS = 100  # that are kept before a port is stopped
COMPLAINTS_KEPT = 2_000  # bytes of standard error


def build(port: Port, dtype: str) -> None:
    """Runs the build command of a port, if it has one. Raises BadPort with what the command said."""
    if not port.build or dtype not in port.dtypes:
        return
    command = _resolved(port.build, dtype)
    if "/" not in command[0] and shutil.which(command[0]) is None:
        raise BadPort(f"{port.name} is built with {command[0]}, which is not on this machine")
    done = subprocess.run(command, cwd=port.folder, capture_output=True, text=True, errors="replace")
    if done.returncode:
        raise BadPort(f"{port.name} does not build: {' '.join(command)}\n{done.stdout}{done.stderr}")


def _resolved(command: Sequence[str], dtype: str) -> list[str]:
    """The command for one dtype, and this Python for `python`. SPEC 10.6."""
    program, *arguments = (word.replace("{dtype}", dtype) for word in command)
    return [sys.executable if program == "python" else program, *arguments]


class Broken(Exception):
    """The port crashed, fell silent, or said what is no answer; in words."""


class _Overflow:
    """Stands for output that is more than anybody asked for."""


class Process:
    """One run of a port's program. Two threads read what it says, so that no pipe is ever full."""

    def __init__(self, port: Port, dtype: str) -> None:
        command = _resolved(port.command, dtype)
        if "/" in command[0] and not Path(command[0]).is_absolute():
            command[0] = str(port.folder / command[0])
        try:
            self._process = subprocess.Popen(
                command,
                cwd=port.folder,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,  # so that what it starts is stopped with it
            )
        except OSError as error:
            raise Broken(f"cannot be started: {error}") from error
        self._answers: queue.Queue[bytes | _Overflow | None] = queue.Queue()
        self._unfinished = b""
        self._complaints = b""
        self._readers = [threading.Thread(target=f, daemon=True) for f in (self._read_answers, self._read_complaints)]
        for reader in self._readers:
            reader.start()

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

    def _read_complaints(self) -> None:
        assert self._process.stderr is not None
        while chunk := os.read(self._process.stderr.fileno(), 65536):
            self._complaints = (self._complaints + chunk)[-COMPLAINTS_KEPT:]

    def ask(self, request: str, seconds: float) -> str:
        """The answer to one line. Raises Broken."""
        if not self._answers.empty():
            self._take(self._answers.get(), "before it was asked")
            raise Broken("answered before it was asked")
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(request.encode() + b"\n")
            self._process.stdin.flush()
        except OSError:
            raise Broken(self._end()) from None
        try:
            return self._take(self._answers.get(timeout=seconds), "")
        except queue.Empty:
            said = f" after {quoted(self._unfinished)} without a newline" if self._unfinished else ""
            raise Broken(f"silent for {seconds:g} s{said}") from None

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
            code = self._process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            return "closed its output without an answer"
        how = f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        said = f", after {quoted(self._unfinished)} without a newline" if self._unfinished else ""
        return f"ended ({how}) without an answer{said}"

    def complaints(self) -> str:
        """The last lines of its standard error."""
        return self._complaints.decode(errors="replace").strip()

    def close(self, seconds: float) -> None:
        """Ends the conversation. Raises Broken if the program says more, does not end, or ends with a code above 0."""
        assert self._process.stdin is not None
        if not self._answers.empty():
            self._take(self._answers.get(), "after the last case")
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        try:
            code = self._process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            raise Broken(f"still runs {seconds:g} s after the end of its input") from None
        self._readers[0].join(timeout=1)
        if code:
            how = f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
            raise Broken(f"ended with {how} at the end of its input, expected 0")
        if (last := self._answers.get()) is not None:
            self._take(last, "after the last case")
        if self._unfinished:
            raise Broken(f"wrote {quoted(self._unfinished)} after the last case")

    def kill(self) -> None:
        """Stops the program and everything that it has started."""
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except (OSError, AttributeError):  # it has ended; or there are no process groups here
            self._process.kill()
        self._process.wait()
        for reader in self._readers:
            reader.join(timeout=1)
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()


def quoted(answer: bytes) -> str:
    text = answer.decode(errors="replace")
    return repr(text if len(text) <= 60 else text[:60] + "…")
