"""The shapes that the benchmarks time, as cases: chosen by their whole id only."""

from parity.cases.case import Case

BENCHMARKS: dict[str, Case] = {
    case.id: case
    for case in (
        Case(f"bench-T{T}-B{B}-I{I}-H{H}", "benchmark", "a shape that the benchmarks time", T=T, B=B, I=I, H=H)
        for T, B, I, H in (
            (32, 1, 8, 16),
            (100, 1, 64, 64),
            (100, 16, 64, 64),
            (100, 32, 128, 128),
            (128, 64, 256, 256),
            (64, 32, 512, 512),
            (1000, 1, 32, 128),
            (50, 8, 1024, 1024),
        )
    )
}
