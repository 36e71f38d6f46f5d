"""The shapes that the benchmarks time, with each cell, as cases: chosen by their whole id only."""

from parity.cases.case import Case

SHAPES = (  # T, B, I, H
    (32, 1, 8, 16),
    (100, 1, 64, 64),
    (100, 16, 64, 64),
    (100, 32, 128, 128),
    (128, 64, 256, 256),
    (64, 32, 512, 512),
    (1000, 1, 32, 128),
    (50, 8, 1024, 1024),
)
PREFIXES = {"rnn": "bench", "gru": "bench-gru", "lstm": "bench-lstm"}  # of the ids, by cell

BENCHMARKS: dict[str, Case] = {
    case.id: case
    for case in (
        Case(
            f"{prefix}-T{T}-B{B}-I{I}-H{H}",
            "benchmark",
            "a shape that the benchmarks time",
            cell=cell,
            T=T,
            B=B,
            I=I,
            H=H,
        )
        for cell, prefix in PREFIXES.items()
        for T, B, I, H in SHAPES
    )
}
