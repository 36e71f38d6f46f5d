"""Runs a port on test vectors, and judges what it wrote; whatever it does, the run goes on. SPEC 10.5, 10.7."""

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from parity.compare import CaseResult, TensorResult, compare_tensor
from parity.ports import roundoff
from parity.ports.claims import Port
from parity.ports.process import Broken, Process, quoted
from parity.vectors import Vector, npy, writing
from reference.arrays import Array

GIVE_UP = 5  # after so many breaks in a row


@dataclass(frozen=True)
class Outcome:
    """What came of one vector in one dtype.

    vector: with the limits that the port is judged by. verdict: "pass", "fail", "not claimed", "too sensitive" (for the
    roundoff that it claims), or "broken" (crash, silence, protocol). detail: why, in words. result: the
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
    u = roundoff.claimed(port, dtype)
    for stored in chosen:
        vector, case = roundoff.at(stored, dtype, u), stored.case
        if lacks := port.lacks(case, dtype):
            yield Outcome(vector, dtype, "not claimed", ", ".join(lacks))
            continue
        if dtype in port.roundoff and (why := roundoff.too_sensitive(vector, dtype, u)):
            yield Outcome(vector, dtype, "too sensitive", why)
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
        raise Broken(f"answered {quoted(answer.encode())}, expected ok, skip REASON or error REASON")
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
