"""How a command ends that is not let end by itself: in one line, with everything that it started ended before."""

import codecs
import errno
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import FrameType

STOPPING = ("SIGINT", "SIGTERM", "SIGHUP")
# These end a program that knows nothing of them. Nobody sends them to a command but a port that means no good.
MEANINGLESS = "SIGUSR1 SIGUSR2 SIGALRM SIGVTALRM SIGPROF SIGIO SIGPWR SIGSTKFLT SIGXCPU SIGRTMIN SIGRTMAX".split()
CLOSED_PIPE = 128 + 13  # what a shell says of a program that SIGPIPE ended
FULL = 2
# What stands for a character that an output has no code for; for others their escapes do.
PLAIN = str.maketrans(
    {
        "…": "...", "·": "*", "±": "+-", "σ": "sigma", "ᵀ": "^T", "ˣ": "^x", "²": "^2", "³": "^3", "⁻": "^-",
        "‖": "||", "—": "-", "–": "-", "‘": "'", "’": "'", "“": '"', "”": '"', "\N{REPLACEMENT CHARACTER}": "?",
    }
)  # fmt: skip


class Stopped(KeyboardInterrupt):
    """Somebody wants the command to end."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def in_words(command: Callable[[], int]) -> int:
    """Runs a command; returns its exit code, or 128 and the number of the signal that stopped it.

    An output that has not all characters gets others in their place, one that is closed is done without.
    """
    _open_what_is_closed()
    codecs.register_error("plain", _plain)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="plain")
    for name in STOPPING:
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), _stop)
    for name in MEANINGLESS:
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), _ignore)
    try:
        try:
            return command()
        finally:
            sys.stdout.flush()
    except Stopped as stopped:
        _tell(f"ended by {signal.Signals(stopped.number).name}")
        return 128 + stopped.number
    except BrokenPipeError:
        return CLOSED_PIPE
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        _tell(f"cannot write the output: {error.strerror}")
        return FULL
    finally:
        _write_nowhere()


def _stop(number: int, frame: FrameType | None) -> None:
    raise Stopped(number)


def _ignore(number: int, frame: FrameType | None) -> None:
    """Unlike SIG_IGN it is not handed down to the programs that are started."""


def _open_what_is_closed() -> None:
    """Opens the null device for each standard stream that is closed, lest a file that is opened gets its number."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free: this one
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115


def _plain(error: UnicodeError) -> tuple[str, int]:
    """For `codecs.register_error`."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    missing = error.object[error.start : error.end].translate(PLAIN)
    return missing.encode("ascii", "backslashreplace").decode("ascii"), error.end


def _tell(text: str) -> None:
    """A last line on the error output, if there is one."""
    with suppress(OSError):
        print(text, file=sys.stderr)


def _write_nowhere() -> None:
    """What is left in a buffer that cannot be written must not fail once more when Python ends."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
