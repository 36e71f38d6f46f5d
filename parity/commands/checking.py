"""`parity.check`: a port that is functions of this process. SPEC 10.5 to 10.7, without files and without a program."""

from parity import adapter, vectors
from parity.mistakes.likeness import likeness
from parity.ports import in_process
from parity.report.check import exit_code, show


def check(forward: adapter.Forward, claims: in_process.Claims, vjp: adapter.Product | None = None, k: str = "") -> int:
    """Checks functions on the test vectors, prints what `python -m parity check` prints, and returns its exit code.

    forward(inputs, problem) -> outputs and vjp(f, inputs, upstream) -> (outputs, gradients) are those of
    `parity.adapter`. claims: the keys of a port.toml (SPEC 10.6) without `command`, or the path of one. k: only the
    vectors whose id contains it. 0: conforms, 1: diverges, 5: nothing was checked. Raises BadPort on a wrong claim.
    """
    port = in_process.port(claims)
    chosen = [vector for vector in vectors.frozen() if k in vector.case.id]
    outcomes = list(in_process.run(port, adapter.network(forward, vjp), chosen, port.dtypes))
    show(port, outcomes, likeness(outcomes))
    return exit_code(outcomes)
