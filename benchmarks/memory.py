"""Memory that a call frees, and the next call finds again."""

import numpy as np

MOST = 31 * 2**20  # bytes: just below the largest block by which glibc learns


def keep_freed_memory() -> None:
    """Free one large block first, as any program has that has worked for a while.

    glibc keeps freed memory up to twice the largest such block (64 MB at most) and gives the rest back to the system.
    In a process that has freed small blocks alone, every call has all of its pages faulted in again: at (T, B, I, H) =
    (100, 16, 64, 64) that doubles the time of a call.
    """
    np.empty(MOST, np.uint8)
