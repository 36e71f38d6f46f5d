"""Runs a port, which is any program, on test vectors; whatever it does, the run goes on. SPEC 10.5, 10.6, 10.7."""

import contextlib
import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from parity import subject
from parity.cases import Case
from parity.compare import CaseResult, TensorResult, compare_tensor
from parity.vectors import DTYPES, Vector, npy, writing
from reference.arrays import Array

LONGEST_ANSWER = 10_000  # bytes
UNASKED_ANSWERS = 100  # that are kept before a port is stopped
COMPLAINTS_KEPT = 2_000  # bytes of standard error
GIVE_UP = 5  # after so many breaks in a row


class BadPort(ValueError):
    """A port.toml that is not there, or not what SPEC 10.6 says."""


@dataclass(frozen=True)
class Port:
    """What a port says of itself. SPEC 10.6."""

    folder: Path
    name: str
    language: str
    command: tuple[str, ...]
    dtypes: tuple[str, ...]
    provides: tuple[str, ...]
    features: Mapping[str, Any]
    build: tuple[str, ...] = ()

    def claims(self, feature: str, name: str | None = None) -> bool:
        """Whether it claims a feature; of one that is a list, the member `name`."""
        claimed = self.features.get(feature, False)
        return claimed is True if name is None else name in (claimed or ())

    def lacks(self, case: Case, dtype: str) -> list[str]:
        """What the case needs and the port does not claim, in words."""
        needs = {
            dtype: dtype in self.dtypes,
            f"cell {case.cell}": self.claims("cells", case.cell),
            case.nonlinearity: self.claims("nonlinearities", case.nonlinearity),
            f"layout {case.layout}": self.claims("layouts", case.layout),
            "layers": case.num_layers == 1 or self.claims("layers"),
            "bidirectional": not case.bidirectional or self.claims("bidirectional"),
            "biases": any(self.claims("biases", kind) for kind in (("two", "merged") if case.bias else ("none",))),
            "h0": not case.h0 or self.claims("h0"),
            "lengths": case.lengths is None or self.claims("lengths"),
            "dropout_masks": not case.masks or self.claims("dropout_masks"),
            "truncation": not case.truncate or "backward" not in self.provides or self.claims("truncation"),
        }
        if case.O is not None:
            judged = self.claims("divergences", case.divergence)
            needs |= {
                f"activation {case.activation}": self.claims("activations", case.activation),
                f"divergence {case.divergence}": judged or "backward" not in self.provides,
                "weights": not judged or case.weights is None or self.claims("weights"),
            }
        return [need for need, met in needs.items() if not met]

    def asked(self, case: Case, names: Iterable[str]) -> list[str]:
        """Which of the tensors of a case this port is asked for. SPEC 10.6."""
        merged = case.bias and not self.claims("biases", "two")

        def is_asked(name: str) -> bool:
            if merged and "bias_hh" in name:
                return False
            if name == "div" and not self.claims("divergences", case.divergence):
                return False
            return all(kind in self.provides for kind in _kinds(case, name))

        return [name for name in names if is_asked(name)]


def _kinds(case: Case, name: str) -> list[str]:
    """What a port must provide to be asked for a tensor: forward, trace, backward, or two of them. SPEC 10.6."""
    if not subject.is_backward(name):
        return ["trace"] if subject.is_intermediate(name) else ["forward"]
    is_result = name in ("d_x", "d_h0") or name.removeprefix("d_") in case.shapes()
    return ["backward"] if is_result else ["trace", "backward"]


_LISTS = {
    "dtypes": DTYPES,
    "provides": ("forward", "trace", "backward"),
    "cells": None,
    "nonlinearities": None,
    "layouts": ("time_major", "batch_first", "unbatched"),
    "biases": ("two", "merged", "none"),
    "activations": None,
    "divergences": None,
}
_FLAGS = ("layers", "bidirectional", "h0", "lengths", "dropout_masks", "truncation", "weights")
_LISTED_FEATURES = ("cells", "nonlinearities", "layouts", "biases", "activations", "divergences")


def load(path: Path) -> Port:
    """The port in a folder, or beside a file. Raises BadPort. SPEC 10.6."""
    file = (path if path.is_dir() else path.parent) / "port.toml"
    try:
        keys = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadPort(f"{file} cannot be read: {error}") from error
    features = keys.pop("features", {})
    words, lists = ("name", "language"), ("command", "dtypes", "provides")
    for name in (*words, *lists):
        if name not in keys:
            raise BadPort(f"{file}: {name} is missing")
    for name, value in keys.items():
        if name in words:
            _require(file, name, value, isinstance(value, str), "text")
        elif name in (*lists, "build"):
            _require_list(file, name, value)
        else:
            raise BadPort(
                f"{file}: unknown key {name!r}, expected {', '.join((*words, *lists, 'build', '[features]'))}"
            )
    for name in lists:
        _require(file, name, keys[name], bool(keys[name]), "not empty")
    _require(file, "features", features, isinstance(features, dict), "a section")
    for name, value in features.items():
        if name in _LISTED_FEATURES:
            _require_list(file, name, value)
        elif name in _FLAGS:
            _require(file, name, value, isinstance(value, bool), "true or false")
        else:
            raise BadPort(
                f"{file}: unknown feature {name!r}, expected one of {', '.join((*_LISTED_FEATURES, *_FLAGS))}"
            )
    if "biases" in features and {"two", "merged"} <= set(features["biases"]):
        raise BadPort(f"{file}: biases cannot be both 'two' and 'merged'")
    declared: dict[str, Any] = {n: value if n in words else tuple(value) for n, value in keys.items()}
    return Port(folder=file.parent.resolve(), features=features, **declared)


def _require(file: Path, name: str, value: Any, holds: bool, expected: str) -> None:
    if not holds:
        raise BadPort(f"{file}: {name} should be {expected}, got {value!r}")


def _require_list(file: Path, name: str, value: Any) -> None:
    _require(file, name, value, isinstance(value, list) and all(isinstance(v, str) for v in value), "a list of text")
    known = _LISTS.get(name)
    for member in value:
        _require(file, name, member, known is None or member in known, f"of {', '.join(known or ())}")


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


# The conversation.


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
            said = f" after {_quoted(self._unfinished)} without a newline" if self._unfinished else ""
            raise Broken(f"silent for {seconds:g} s{said}") from None

    def _take(self, answer: bytes | _Overflow | None, when: str) -> str:
        if answer is None:
            raise Broken(self._end())
        if isinstance(answer, _Overflow):
            raise Broken("wrote far more than one line as its answer")
        if when:
            raise Broken(f"answered {_quoted(answer)} {when}")
        return answer.decode(errors="replace").rstrip("\r")

    def _end(self) -> str:
        """How the program ended, in words."""
        try:
            code = self._process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            return "closed its output without an answer"
        how = f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        said = f", after {_quoted(self._unfinished)} without a newline" if self._unfinished else ""
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
            raise Broken(f"wrote {_quoted(self._unfinished)} after the last case")

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


def _quoted(answer: bytes) -> str:
    text = answer.decode(errors="replace")
    return repr(text if len(text) <= 60 else text[:60] + "…")


# The verdict.


@dataclass(frozen=True)
class Outcome:
    """What came of one vector in one dtype.

    verdict: "pass", "fail", "not claimed", or "broken" (crash, silence, protocol). detail: why, in words. result: the
    comparison, where there was one; got: what the port wrote. complaints: the end of its standard error, if it broke.
    """

    vector: Vector
    dtype: str
    verdict: str
    detail: str = ""
    result: CaseResult | None = None
    got: Mapping[str, Array] = field(default_factory=dict)
    complaints: str = ""


def check(port: Port, chosen: Sequence[Vector], dtypes: Sequence[str], work: Path, seconds: float) -> Iterator[Outcome]:
    """Every vector in every dtype. SPEC 10.5.

    work: an empty folder. seconds: how long one answer may take.
    """
    for dtype in dtypes:
        yield from _check(port, chosen, dtype, work / dtype, seconds)


def _check(port: Port, chosen: Sequence[Vector], dtype: str, work: Path, seconds: float) -> Iterator[Outcome]:
    """Every vector in one dtype: one process for all of them, which is started again when it breaks."""
    process: Process | None = None
    broken_in_a_row = 0
    for vector in chosen:
        case = vector.case
        if lacks := port.lacks(case, dtype):
            yield Outcome(vector, dtype, "not claimed", ", ".join(lacks))
            continue
        if broken_in_a_row >= GIVE_UP:
            yield Outcome(vector, dtype, "broken", f"not run: it broke {GIVE_UP} times in a row")
            continue
        asked = port.asked(case, vector.expect)
        folder, out = work / case.id / "case", work / case.id / "out"
        writing.write_inputs(folder, case, vector.values, dtype, asked)
        out.mkdir()
        try:
            process = process or Process(port, dtype)
            answer = process.ask(f"{folder}\t{out}", seconds)
            yield _judge(vector, dtype, asked, answer, out)
            broken_in_a_row = 0
        except Broken as broken:
            broken_in_a_row += 1
            complaints = ""
            if process:
                process.kill()
                complaints = process.complaints()
            process = None
            yield Outcome(vector, dtype, "broken", str(broken), complaints=complaints)
        shutil.rmtree(work / case.id, ignore_errors=True)
    if process:
        try:
            process.close(seconds)
        except Broken as broken:
            yield Outcome(vector, dtype, "broken", f"after the last case: {broken}")
        process.kill()


def _judge(vector: Vector, dtype: str, asked: Sequence[str], answer: str, out: Path) -> Outcome:
    word, _, reason = answer.partition(" ")
    if word == "skip":
        return Outcome(vector, dtype, "fail", f"skipped although it is claimed: {reason[:200]}")
    if word == "error":
        return Outcome(vector, dtype, "fail", f"error: {reason[:200]}")
    if answer != "ok":
        raise Broken(f"answered {_quoted(answer.encode())}, expected ok, skip REASON or error REASON")
    got, problems = collect(out, {name: vector.expect[name] for name in asked}, dtype)
    tensors = [
        TensorResult(name, float("inf"), problem=problems.pop(name))
        if name in problems
        else compare_tensor(vector.case, name, dtype, got.get(name), vector.expect[name], vector.allowed[dtype][name])
        for name in asked
    ]
    tensors += [TensorResult(name, float("inf"), problem=problem) for name, problem in problems.items()]
    result = CaseResult(vector.case, "the truth", dtype, tuple(tensors), who="port")
    return Outcome(vector, dtype, "pass" if result.passed else "fail", result=result, got=got)


def collect(out: Path, asked: Mapping[str, Array], dtype: str) -> tuple[dict[str, Array], dict[str, str]]:
    """What a port wrote, by name; and what is wrong with files, by name. Nothing there is trusted. SPEC 10.7."""
    if out.is_symlink() or not out.is_dir():
        return {}, dict.fromkeys(asked, "OUT_DIR is no folder any more")
    got, problems = {}, {}
    for name, expected in asked.items():
        try:
            got[name] = npy.read(out / f"{name}.npy", largest=expected.nbytes)
        except FileNotFoundError:
            continue
        except npy.Unreadable as error:
            problems[name] = f"the file {error}"
        except OSError as error:
            problems[name] = f"the file cannot be read: {error.strerror}"
    wanted = {f"{name}.npy" for name in asked}
    with os.scandir(out) as entries:
        unasked = (entry.name for entry in entries if entry.name not in wanted)
        problems |= dict.fromkeys(islice(unasked, 3), "not asked for")
    return got, problems
