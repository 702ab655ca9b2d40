"""Groups of photos that must not be parted: all that are related, directly or through others."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np


def groups(rows: np.ndarray, bonds: Iterable[tuple[int, int]], count: int) -> np.ndarray:
    """Join what is bound together.

    Args:
        rows: int64, of the photos that take part, the best first.
        bonds: pairs of rows.
        count: how many rows there are.

    Returns:
        int64 (count,), the row of the best photo of each one's group; -1 for a photo that is alone.
    """
    parent = {row: row for row in rows.tolist()}
    place = {row: number for number, row in enumerate(parent)}

    def root(row: int) -> int:
        while parent[row] != row:
            parent[row] = row = parent[parent[row]]
        return row

    together: set[int] = set()
    for one, other in bonds:
        first, second = root(one), root(other)
        best, worse = (first, second) if place[first] <= place[second] else (second, first)
        parent[worse] = best
        together |= {one, other}
    out = np.full(count, -1, np.int64)
    for row in together:
        out[row] = root(row)
    return out
