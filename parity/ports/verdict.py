"""Runs a port on test vectors, and judges what it wrote; whatever it does, the run goes on. SPEC 10.5, 10.7, 10.8."""

import os
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

import numpy as np

from parity.compare import CaseResult, TensorResult, compare_tensor, where
from parity.ports import folders, roundoff
from parity.ports.claims import Port
from parity.ports.process import Broken, Process, Silent, printable, quoted
from parity.vectors import Vector, npy, pieces, writing
from reference.arrays import Array

GIVE_UP = 5  # after so many breaks in a row
ALONE = 10  # failing vectors of a dtype that are asked for again alone
REASON_SHOWN = 200  # characters
DIFFERING_NAMED = 4  # tensors
KNOWN = "known failure"
FED = "fed "  # begins what is said of a piece that fails
CONTINUE = "\tcontinue"  # ends the line of a piece that is not the first. SPEC 10.12
REVERSE = "\treverse"  # ends the line of a direction that reads from the end. SPEC 10.13
WRONG = ("fail", "broken")


@dataclass(frozen=True)
class Outcome:
    """What came of one vector in one dtype.

    vector: with the limits that the port is judged by. verdict: "pass", "fail", "known failure", "not claimed",
    "too sensitive" (for the roundoff that it claims), or "broken" (crash, silence, protocol). detail: why, in words.
    result: the comparison, where there was one; got: what the port wrote. complaints: the end of its standard error, if
    it broke or answered with an error. passes_alone: it failed, but passes when a fresh process is asked for it alone.
    pieces: of how many it was asked for as well (SPEC 10.12).
    """

    vector: Vector
    dtype: str
    verdict: str
    detail: str = ""
    result: CaseResult | None = None
    got: Mapping[str, Array] = field(default_factory=dict)
    complaints: str = ""
    passes_alone: bool = False
    pieces: int = 0


def check(
    port: Port,
    chosen: Sequence[Vector],
    dtypes: Sequence[str],
    work: Path,
    seconds: float,
    repeat: int = 1,
    alone: int = ALONE,
) -> Generator[Outcome, None, None]:
    """Every vector in every dtype. SPEC 10.5, 10.9.

    work: where private folders are made. seconds: how long one answer may take. repeat: how often a vector is asked
    for. alone: how many failing vectors of a dtype are asked for again in a process of their own.
    """
    for dtype in dtypes:
        conversation = _Conversation(port, dtype, work, seconds)
        try:
            for outcome in _check(conversation, chosen, repeat, alone):
                yield as_expected(port, outcome)
        finally:
            conversation.end()


def _check(conversation: "_Conversation", chosen: Sequence[Vector], repeat: int, alone: int) -> Iterator[Outcome]:
    """Every vector in one dtype: one process for all of them, which is started again when it breaks."""
    held: list[Outcome] = []  # until they have been asked for again
    for stored in chosen:
        vector = conversation.asked_of(stored)
        outcome = conversation.judge(vector)
        if outcome.verdict == "fail" and alone:
            alone -= 1
            outcome = replace(outcome, passes_alone=conversation.passes_alone(vector))
        if repeat == 1:
            yield outcome
        held.append(outcome)
    if repeat > 1:
        yield from _asked_again(conversation, held, repeat)
    if (complaint := conversation.close()) and held:
        yield Outcome(held[-1].vector, conversation.dtype, "broken", f"after the last case: {complaint}")


def _asked_again(conversation: "_Conversation", first: Iterable[Outcome], repeat: int) -> list[Outcome]:
    """What came of each vector, once all that were answered have been asked for again. SPEC 10.9.

    The order of round n is drawn with n as the seed. A vector that goes wrong is not asked for any more.
    """
    outcomes = list(first)
    for number in range(2, repeat + 1):
        for index in np.random.default_rng(number).permutation(len(outcomes)):
            before = outcomes[index]
            if before.result is None:
                continue
            again = conversation.judge(before.vector)
            if again.result is None:
                outcomes[index] = replace(again, detail=f"when asked again: {again.detail}")
            elif differing := _differing(before.got, again.got):
                named = [*differing[:DIFFERING_NAMED], *(["…"] if len(differing) > DIFFERING_NAMED else [])]
                detail = f"answers differ when asked again: {', '.join(named)}"
                outcomes[index] = Outcome(before.vector, before.dtype, "fail", detail)
    return outcomes


def _differing(before: Mapping[str, Array], again: Mapping[str, Array]) -> list[str]:
    """The tensors that have not the same bits in both, or stand in one alone."""
    names = dict.fromkeys([*before, *again])
    return [name for name in names if _bits(before.get(name)) != _bits(again.get(name))]


def _bits(array: Array | None) -> tuple[str, tuple[int, ...], bytes] | None:
    return None if array is None else (array.dtype.str, array.shape, array.tobytes())


class _Conversation:
    """With a port in one dtype. Its process is started when it is needed, and again after it broke."""

    def __init__(self, port: Port, dtype: str, work: Path, seconds: float) -> None:
        self._port, self.dtype, self._work, self._seconds = port, dtype, work, seconds
        self._process: Process | None = None
        self._requests = 0  # to this process
        self._broken_in_a_row = 0
        self._u = roundoff.claimed(port, dtype)

    def asked_of(self, vector: Vector) -> Vector:
        """The vector, or a half of it, with the limits that this port is judged by. SPEC 9.6."""
        return roundoff.at(self._port.half_of(vector), self.dtype, self._u)

    def judge(self, vector: Vector) -> Outcome:
        """What comes of asking for one vector."""
        if unasked := not_asked(self._port, vector, self.dtype):
            return unasked
        if self._broken_in_a_row >= GIVE_UP:
            return Outcome(vector, self.dtype, "broken", f"not run: it broke {GIVE_UP} times in a row")
        outcome = self._ask(vector)
        if self._port.claims("streaming"):
            outcome = fed(outcome, self._ask)
        self._broken_in_a_row = self._broken_in_a_row + 1 if outcome.verdict == "broken" else 0
        return outcome

    def _ask(self, vector: Vector, continued: bool = False) -> Outcome:
        try:
            with folders.private(self._work) as folder:
                return self._judge_in(folder, vector, continued)
        except OSError as error:
            return Outcome(vector, self.dtype, "broken", f"not run: its folder cannot be made: {error.strerror}")

    def _judge_in(self, folder: Path, vector: Vector, continued: bool) -> Outcome:
        asked = self._port.asked(vector.case, vector.expect)
        case, out = folder / "case", folder / "out"  # and nothing else near them. SPEC 10.8
        writing.write_inputs(case, vector.case, vector.values, self.dtype, asked)
        out.mkdir()
        try:
            self._process = self._process or Process(self._port, self.dtype)
            self._requests += 1
            third = CONTINUE if continued else REVERSE if vector.reverse else ""
            answer = self._process.ask(f"{case}\t{out}{third}", self._seconds)
            outcome = _judge(vector, self.dtype, asked, answer, out)
            if answer.startswith("error"):
                outcome = replace(outcome, complaints=self._process.about_the_answer())
        except Broken as broken:
            written = isinstance(broken, Silent) and _all_there(out, asked)
            why = f"{broken} although all is written: is the answer flushed?" if written else str(broken)
            return Outcome(vector, self.dtype, "broken", why, complaints=self.end())
        except KeyboardInterrupt:
            self.end()  # before its folder goes
            raise
        return outcome

    def passes_alone(self, vector: Vector) -> bool:
        """Whether the vector that was just asked for passes when it is the only one that a process is asked for."""
        if self._requests == 1:
            return False  # it was the only one
        other = _Conversation(self._port, self.dtype, self._work, self._seconds)
        try:
            return other.judge(vector).verdict == "pass"
        finally:
            other.end()

    def close(self) -> str:
        """Ends the conversation as a port expects it; what it did wrong then, in words."""
        try:
            if self._process:
                self._process.close(self._seconds)
        except Broken as broken:
            return str(broken)
        return ""

    def end(self) -> str:
        """Kills the process, if there is one; the end of its standard error."""
        process, self._process, self._requests = self._process, None, 0
        if process is None:
            return ""
        process.kill()
        return process.complaints()


def not_asked(port: Port, vector: Vector, dtype: str) -> Outcome | None:
    """Why a port is not asked for a vector, which has the limits that it is judged by; None if it is."""
    if lacks := port.lacks(vector.case, dtype):
        return Outcome(vector, dtype, "not claimed", ", ".join(lacks))
    claimed = roundoff.claimed(port, dtype)
    if why := roundoff.too_sensitive(vector, dtype, claimed) if dtype in port.roundoff else "":
        return Outcome(vector, dtype, "too sensitive", why)
    return None


def fed(whole: Outcome, ask: Callable[[Vector, bool], Outcome]) -> Outcome:
    """The outcome of a vector that, where it passes whole, is fed in pieces: the first that fails decides. SPEC 10.12.

    ask: what comes of a piece, and whether it goes on where the one before has ended.
    """
    if whole.verdict != "pass":
        return whole
    asked = 0
    for size, parts in pieces.cuts(whole.vector):
        step = 0
        for part in parts:
            found = ask(part, step > 0)
            if found.verdict != "pass":
                first = found.result and found.result.first
                said = where(found.result, first) if found.result and first else found.detail
                detail = f"{FED}{size} at a time, from step {step} on: {said}"
                return Outcome(whole.vector, whole.dtype, found.verdict, detail, complaints=found.complaints)
            step += part.case.T
        asked += len(parts)
    return replace(whole, pieces=asked)


def as_expected(port: Port, outcome: Outcome) -> Outcome:
    """The outcome, held against the failures that the port knows of. SPEC 10.10."""
    reason = port.known_failures.get((outcome.vector.case.id, outcome.dtype))
    if reason is None or outcome.verdict not in ("pass", "fail"):
        return outcome
    if outcome.verdict == "pass":
        return Outcome(outcome.vector, outcome.dtype, "fail", f"passes, and is listed as a known failure: {reason}")
    return Outcome(outcome.vector, outcome.dtype, KNOWN, reason)


def _judge(vector: Vector, dtype: str, asked: Sequence[str], answer: str, out: Path) -> Outcome:
    word, _, reason = answer.partition(" ")
    reason = printable(reason[:REASON_SHOWN])
    if word == "skip":
        return Outcome(vector, dtype, "fail", f"skipped although it is claimed: {reason}")
    if word == "error":
        return Outcome(vector, dtype, "fail", f"error: {reason}")
    if answer != "ok":
        expected = "expected ok, skip REASON or error REASON; debug text belongs on standard error"
        raise Broken(f"answered {quoted(answer.encode())}, {expected}")
    got, problems = collect(out, {name: vector.expect[name] for name in asked}, dtype)
    return judged(vector, dtype, asked, got, problems)


def judged(
    vector: Vector, dtype: str, asked: Sequence[str], got: Mapping[str, Array], problems: Mapping[str, str]
) -> Outcome:
    """The verdict on what was computed, by name. problems: of tensors as a whole. SPEC 9.4."""
    tensors = [
        TensorResult(name, float("inf"), problem=problems[name])
        if name in problems
        else compare_tensor(vector.case, name, dtype, got.get(name), vector.expect[name], vector.allowed[dtype][name])
        for name in [*asked, *(name for name in problems if name not in asked)]
    ]
    result = CaseResult(vector.case, "the truth", dtype, tuple(tensors), who="port")
    return Outcome(vector, dtype, "pass" if result.passed else "fail", result=result, got=got)


def _all_there(out: Path, asked: Iterable[str]) -> bool:
    """Whether something stands in the place of every tensor that is asked for."""
    with suppress(OSError):
        return all((out / f"{name}.npy").is_file() for name in asked)
    return False


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
    with suppress(OSError), os.scandir(out) as entries:  # one that cannot be listed has no files that were found
        unasked = list(islice((printable(entry.name) for entry in entries if entry.name not in wanted), 3))
        if unasked:
            missing = [name for name in asked if name not in got and name not in problems]
            problems |= dict.fromkeys(missing, f"missing, and there is {min(unasked)}")
        problems |= dict.fromkeys(unasked, "not asked for")
    return got, problems
