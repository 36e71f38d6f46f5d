"""The three layouts of a series: (T, B, F), (B, T, F) with batch_first, (T, F) unbatched. Inside, all are the first."""

from reference.arrays import Array


def time_major(series: Array, batch_first: bool) -> Array:
    """The caller's layout to (T, B, F); a view. SPEC 1.2."""
    if series.ndim == 2:
        return series[:, None]
    return series.swapaxes(0, 1) if batch_first else series


def user_layout(series: Array, batched: bool, batch_first: bool) -> Array:
    """(T, B, F) to the caller's layout; a view. SPEC 1.2."""
    if not batched:
        return series[:, 0]
    return series.swapaxes(0, 1) if batch_first else series
