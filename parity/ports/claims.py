"""What a port says of itself, its port.toml, and what it is asked for because of it. SPEC 10.6."""

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from parity import tensors
from parity.cases import TARGETS, Case
from parity.cells import CELLS, called, in_words
from parity.tensors import Tensor
from parity.tolerance import UNIT_ROUNDOFF
from parity.vectors import DTYPES, IDS, Vector, halves
from reference.activations import ACTIVATIONS
from reference.divergences import DIVERGENCES

MANIFEST = "port.toml"


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
    roundoff: Mapping[str, float] = field(default_factory=dict)
    known_failures: Mapping[tuple[str, str], str] = field(default_factory=dict)
    seconds: float = 10.0
    packages: tuple[str, ...] = ()

    def claims(self, feature: str, name: str | None = None) -> bool:
        """Whether it claims a feature; of one that is a list, the member `name`."""
        claimed = self.features.get(feature, False)
        return claimed is True if name is None else name in (claimed or ())

    def half_of(self, vector: Vector) -> Vector:
        """What it is asked for of a vector: its reverse direction, if it claims that alone. SPEC 10.13."""
        return halves.reverse_half(vector) if self.claims("reverse") and halves.has_half(vector.case) else vector

    def lacks(self, case: Case, dtype: str) -> list[str]:
        """What the case needs and the port does not claim, in words."""
        kind, own = CELLS[case.cell], called(case.cell, case)
        biases = ("two", "merged") if kind.merges(own) else ("two",)
        needs = {
            dtype: dtype in self.dtypes,
            f"cell {case.cell}": self.claims("cells", case.cell),
            **{
                kind.options[name].words(value): self.claims(kind.options[name].feature, value)
                for name, value in own.items()
            },
            f"layout {case.layout}": self.claims("layouts", case.layout),
            "layers": case.num_layers == 1 or self.claims("layers"),
            "bidirectional": not case.bidirectional or self.claims("bidirectional"),
            "biases": any(self.claims("biases", sort) for sort in (biases if case.bias else ("none",))),
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
        found = [need for need, met in needs.items() if not met]
        has = traits(case)
        return found + [" with ".join(some) for some in self.features.get("without", ()) if has.issuperset(some)]

    def asked(self, case: Case, names: Iterable[str]) -> list[str]:
        """Which of the tensors of a case this port is asked for. SPEC 10.6."""
        merged = case.bias and not self.claims("biases", "two")

        def is_asked(tensor: Tensor) -> bool:
            if merged and tensor.parameter == "bias_hh":
                return False
            if tensor.kind == tensors.NUMBER and not self.claims("divergences", case.divergence):
                return False
            return set(tensor.provides) <= set(self.provides)

        return [name for name in names if is_asked(tensors.find(case, name))]


def traits(case: Case) -> set[str]:
    """What a case has, in the words of `without`. SPEC 10.6."""
    flags = {
        "layers": case.num_layers > 1,
        "bidirectional": case.bidirectional,
        "h0": case.h0,
        "lengths": case.lengths is not None,
        "dropout_masks": case.masks,
        "truncation": bool(case.truncate),
        "weights": case.weights is not None,
        "no biases": not case.bias,
    }
    found = {
        f"cell {case.cell}",
        *in_words(case.cell, case),
        f"layout {case.layout}",
        *(name for name, there in flags.items() if there),
    }
    if case.O is not None:
        found |= {f"activation {case.activation}", f"divergence {case.divergence}", f"target {case.kind_of_target}"}
    return found


def known_traits() -> list[str]:
    """Every trait that a case may have: its cell first, the options of cells, those of all, of an output layer."""
    own = [
        option.words(value) for kind in CELLS.values() for option in kind.options.values() for value in option.values
    ]
    flags = [name for name in _FLAGS if name not in ("streaming", "reverse")]
    lists = {"activation": ACTIVATIONS, "divergence": _LISTS["divergences"], "target": TARGETS}
    head = [f"{word} {name}" for word, names in lists.items() for name in names]
    layouts = [f"layout {name}" for name in _LISTS["layouts"]]
    return [*(f"cell {name}" for name in CELLS), *own, *flags, "no biases", *layouts, *head]


_LISTS = {
    "dtypes": DTYPES,
    "provides": ("forward", "trace", "backward"),
    "layouts": ("time_major", "batch_first", "unbatched"),
    "biases": ("two", "merged", "none"),
    "activations": tuple(ACTIVATIONS),
    "divergences": (*DIVERGENCES, "mean_pooled_cross_entropy", "ctc"),
}
_FLAGS = ("layers", "bidirectional", "h0", "lengths", "dropout_masks", "truncation", "weights", "streaming", "reverse")


_POWER = re.compile(r"2\^-([0-9]{1,2}(\.[0-9]+)?)")
LARGEST_ROUNDOFF = 2.0**-4
LONGEST_ANSWER = 86_400.0  # seconds


def _lists() -> dict[str, tuple[str, ...]]:
    """The keys that are lists of names, and the names; those of the options of each cell among them."""
    own = {option.feature: option.values for kind in CELLS.values() for option in kind.options.values()}
    return {"cells": tuple(CELLS), **own, **_LISTS}


def load(path: Path) -> Port:
    """The port in a folder, or beside a file. Raises BadPort. SPEC 10.6."""
    if not path.exists():
        raise BadPort(f"{path} is not there, expected a folder with a {MANIFEST}")
    file = (path if path.is_dir() else path.parent) / MANIFEST
    try:
        keys = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise BadPort(f"{file} cannot be read: {error}") from error
    return parse(keys, file)


def parse(given: Mapping[str, Any], file: Path) -> Port:
    """The port of which these are the keys of its port.toml. Raises BadPort. SPEC 10.6, 10.10, 10.11."""
    keys = dict(given)
    features, roundoff = keys.pop("features", {}), keys.pop("roundoff", {})
    known_failures, seconds = keys.pop("known_failures", []), keys.pop("seconds", Port.seconds)
    words, lists = ("name", "language"), ("command", "dtypes", "provides")
    for name in (*words, *lists):
        if name not in keys:
            raise BadPort(f"{file}: {name} is missing")
    for name, value in keys.items():
        if name in words:
            _require(file, name, value, isinstance(value, str) and value.isprintable(), "text that can be printed")
        elif name in (*lists, "build", "packages"):
            _require_list(file, name, value)
            named = name != "packages" or all(v and v.isprintable() for v in value)
            _require(file, name, value, named, "names of packages")
        else:
            known = (*words, *lists, "build", "packages", "seconds", "[features]", "[roundoff]", "[[known_failures]]")
            raise BadPort(f"{file}: unknown key {name!r}, expected {', '.join(known)}")
    for name in lists:
        _require(file, name, keys[name], bool(keys[name]), "not empty")
    listed = [name for name in _lists() if name not in lists]
    _require(file, "features", features, isinstance(features, dict), "a section")
    for name, value in features.items():
        if name in listed:
            _require_list(file, name, value)
        elif name in _FLAGS:
            _require(file, name, value, isinstance(value, bool), "true or false")
        elif name == "without":
            _require_traits(file, value)
        else:
            raise BadPort(
                f"{file}: unknown feature {name!r}, expected one of {', '.join((*listed, *_FLAGS, 'without'))}"
            )
    if "biases" in features and {"two", "merged"} <= set(features["biases"]):
        raise BadPort(f"{file}: biases cannot be both 'two' and 'merged'")
    if features.get("reverse") and features.get("bidirectional"):
        raise BadPort(f"{file}: reverse is for a port of that direction alone, one that claims bidirectional has both")
    _require(file, "roundoff", roundoff, isinstance(roundoff, dict), "a section")
    claimed = {dtype: _roundoff(file, dtype, value, keys["dtypes"]) for dtype, value in roundoff.items()}
    number = isinstance(seconds, (int, float)) and not isinstance(seconds, bool)
    _require(
        file, "seconds", seconds, number and 0 < seconds <= LONGEST_ANSWER, f"above 0 and at most {LONGEST_ANSWER:g}"
    )
    declared: dict[str, Any] = {n: value if n in words else tuple(value) for n, value in keys.items()}
    return Port(
        folder=file.parent.resolve(),
        features=features,
        roundoff=claimed,
        known_failures=_known_failures(file, known_failures, keys["dtypes"]),
        seconds=float(seconds),
        **declared,
    )


def _known_failures(file: Path, entries: Any, dtypes: Sequence[str]) -> dict[tuple[str, str], str]:
    """Why a vector is expected to fail, by its id and dtype. SPEC 10.10."""
    _require(file, "known_failures", entries, isinstance(entries, list), "a list of sections, [[known_failures]]")
    found: dict[tuple[str, str], str] = {}
    for entry in entries:
        keys = {"vectors", "reason", "link"}
        holds = isinstance(entry, dict) and keys <= entry.keys() <= keys | {"dtypes"}
        _require(file, "[[known_failures]]", entry, holds, "a section with vectors, reason, link, and dtypes or none")
        for name in ("vectors", *(["dtypes"] if "dtypes" in entry else [])):
            _require_list(file, name, entry[name])
        for name in ("reason", "link"):
            value = entry[name]
            _require(
                file, name, value, isinstance(value, str) and value.isprintable() and value != "", "text on one line"
            )
        for case_id in entry["vectors"]:
            _require(file, "known_failures", case_id, case_id in IDS, "the id of a vector")
            for dtype in entry.get("dtypes", dtypes):
                _require(file, "dtypes of known_failures", dtype, dtype in dtypes, "of the dtypes of the port")
                found[case_id, dtype] = f"{entry['reason']} ({entry['link']})"
    return found


def _require_traits(file: Path, value: Any) -> None:
    """`without`: a list of lists of words, none of them empty. SPEC 10.6."""
    lists = isinstance(value, list) and all(isinstance(some, list) and some for some in value)
    _require(file, "without", value, lists, 'a list of lists, as [["truncation", "lengths"]]')
    known = known_traits()
    for word in (word for some in value for word in some):
        _require(file, "without", word, word in known, f"of {', '.join(known)}")


def _roundoff(file: Path, dtype: str, value: Any, dtypes: Iterable[str]) -> float:
    """The roundoff u that is claimed for a dtype: a number, or text such as 2^-13."""
    _require(file, "[roundoff]", dtype, dtype in dtypes, f"of the dtypes of the port, {', '.join(dtypes)}")
    power = _POWER.fullmatch(value) if isinstance(value, str) else None
    u = 2.0 ** -float(power[1]) if power else value if isinstance(value, float) else np.nan
    own = UNIT_ROUNDOFF[np.dtype(dtype)]
    expected = f'text such as "2^-13", or a number, from 2^{np.log2(own):.0f} to 2^{np.log2(LARGEST_ROUNDOFF):.0f}'
    _require(file, f"[roundoff] {dtype}", value, own <= u <= LARGEST_ROUNDOFF, expected)
    return u


def _require(file: Path, name: str, value: Any, holds: bool, expected: str) -> None:
    if not holds:
        raise BadPort(f"{file}: {name} should be {expected}, got {value!r}")


def _require_list(file: Path, name: str, value: Any) -> None:
    _require(file, name, value, isinstance(value, list) and all(isinstance(v, str) for v in value), "a list of text")
    known = _lists().get(name)
    for member in value:
        _require(file, name, member, known is None or member in known, f"of {', '.join(known or ())}")
