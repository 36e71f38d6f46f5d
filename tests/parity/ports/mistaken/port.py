"""The reference as a port, with one planted mistake in it: `python port.py NAME`; with no name it is right."""

import sys
import warnings
from collections.abc import Mapping

import numpy as np

from parity import adapter, subject
from parity.mistakes import MISTAKES
from parity.mistakes.likeness import mistaken
from reference.arrays import Array

MISTAKE = MISTAKES[sys.argv[1]] if len(sys.argv) > 1 else None


def answer(request: adapter.Request) -> Mapping[str, Array]:
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if MISTAKE is None:
            return subject.run(request.case, request.values)
    tensors = mistaken(MISTAKE, request.case, request.values)
    if tensors is None:
        raise ValueError("the mistake raises")
    return tensors


adapter.serve(answer)
