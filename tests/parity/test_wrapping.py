"""Where a line of a calculation is broken."""

import pytest

from parity.report.wrapping import wrapped


@pytest.mark.parametrize(
    ("line", "broken"),
    [
        ("  a[0] = 1·2 + 3·4 = 14", "  a[0] = 1·2 + 3·4 = 14"),
        ("  a[0] = 100·200 + 300·400 - 500·600 = 1", "  a[0] = 100·200 + 300·400\n       - 500·600 = 1"),
        ("  d[0] = 2 · (100000000 - 2000000000) = 8", "  d[0] = 2\n       · (100000000 - 2000000000)\n       = 8"),
        (" step 0   x = [1 2]   h(before it) = [3 4]", " step 0   x = [1 2]\n     h(before it) = [3 4]"),
        ("  x = [10000 20000 30000 40000 50000 60000]", "  x = [10000 20000 30000\n    40000 50000 60000]"),
        ("\nSequence 0", "\nSequence 0"),
    ],
    ids=["short", "terms", "parentheses", "quantities", "numbers", "lines"],
)
def test_a_line_is_broken_at_the_best_place_that_there_is(line: str, broken: str) -> None:
    assert wrapped(line, 27) == broken


def test_a_number_that_is_wider_than_the_line_stays_whole() -> None:
    assert wrapped("123456789012 + 3", 8) == "123456789012\n    + 3"
