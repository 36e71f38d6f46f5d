"""How a command ends that is not let end by itself: in one line, with everything that it started ended before."""

import errno
import os
import signal
import sys
from collections.abc import Callable
from types import FrameType

STOPPING = ("SIGINT", "SIGTERM", "SIGHUP")
# These end a program that knows nothing of them. Nobody sends them to a command but a port that means no good.
MEANINGLESS = "SIGUSR1 SIGUSR2 SIGALRM SIGVTALRM SIGPROF SIGIO SIGPWR SIGSTKFLT SIGXCPU SIGRTMIN SIGRTMAX".split()
CLOSED_PIPE = 128 + 13  # what a shell says of a program that SIGPIPE ended
FULL = 2


class Stopped(KeyboardInterrupt):
    """Somebody wants the command to end."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def in_words(command: Callable[[], int]) -> int:
    """Runs a command; returns its exit code, or 128 and the number of the signal that stopped it.

    A terminal that has not all characters gets escapes in their place.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
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
        print(f"ended by {signal.Signals(stopped.number).name}", file=sys.stderr)
        return 128 + stopped.number
    except BrokenPipeError:
        _write_nowhere()
        return CLOSED_PIPE
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        _write_nowhere()
        print(f"cannot write the output: {error.strerror}", file=sys.stderr)
        return FULL


def _stop(number: int, frame: FrameType | None) -> None:
    raise Stopped(number)


def _ignore(number: int, frame: FrameType | None) -> None:
    """Unlike SIG_IGN it is not handed down to the programs that are started."""


def _write_nowhere() -> None:
    """What is left in the buffer must not fail once more when Python ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
