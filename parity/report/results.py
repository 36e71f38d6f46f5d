"""What the results of a run come to: totals, who is nearer to the truth, and all of it as JSON."""

import json
import platform
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

import reference
from parity.compare import CaseResult, TensorResult


def totals(results: Sequence[CaseResult]) -> dict[str, Any]:
    """How much was compared, how much of it failed, and the largest share of the tolerance that was used."""
    return {
        "cases": len({r.case.id for r in results}),
        "comparisons": len(results),
        "tensors": sum(len(r.tensors) for r in results),
        "failed": sum(not r.passed for r in results),
        "worst_share": max((r.share for r in results), default=0.0),
    }


def specification() -> str:
    """The version of the specification. SPEC 40.1."""
    beginning = Path(reference.__file__).with_name("SPEC.md").read_text(encoding="utf-8").split("\n\n", 2)[1]
    return beginning.split("`")[1]


def versions() -> dict[str, str]:
    """What computed: Python, NumPy and its BLAS, torch where it is installed, the processor."""
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return {
        "reference": reference.__version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "blas": f"{blas['name']} {blas['version']}",
        **({"torch": version("torch")} if find_spec("torch") else {}),
        "machine": f"{platform.system()} {platform.machine()}",
    }


def against_truth(results: Iterable[CaseResult]) -> list[tuple[CaseResult, str, float, float]]:
    """For each tensor that both computed: the result, its name, the reference's share and torch's. SPEC 30.5."""
    shares = {
        (r.case.id, r.dtype, r.who, t.tensor): t.share for r in results if r.oracle == "enclosure" for t in r.tensors
    }
    return [
        (r, t.tensor, t.share, shares[r.case.id, r.dtype, "torch", t.tensor])
        for r in results
        if r.oracle == "enclosure" and r.who == "reference"
        for t in r.tensors
        if (r.case.id, r.dtype, "torch", t.tensor) in shares
    ]


def nearer(results: Iterable[CaseResult]) -> str:
    """In how many of the tensors in which their errors differ the reference is nearer to the truth than torch."""
    pairs = [(mine, theirs) for _, _, mine, theirs in against_truth(results) if mine != theirs]
    return f"{sum(mine < theirs for mine, theirs in pairs) / len(pairs):.0%}" if pairs else ""


def as_json(results: Sequence[CaseResult]) -> str:
    """Every case, every tensor: the share of its tolerance, and what is wrong with it."""
    document = {
        "versions": versions(),
        "total": finite(totals(results)),
        "results": [
            {
                "case": r.case.id,
                "group": r.case.group,
                "subject": r.who,
                "oracle": r.oracle,
                "dtype": r.dtype,
                "passed": r.passed,
                "tensors": [tensor(t) for t in r.tensors],
            }
            for r in results
        ],
    }
    return json.dumps(document, indent=1, allow_nan=False) + "\n"


def tensor(result: TensorResult) -> dict[str, Any]:
    """What was found about one tensor, for JSON."""
    return dict(finite(asdict(result))) | {"passed": result.passed}


def finite(value: Any) -> Any:
    """The same, with what JSON has no number for (inf, nan) as text."""
    if isinstance(value, dict):
        return {k: finite(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(v) for v in value]
    return str(value) if isinstance(value, float) and not np.isfinite(value) else value
