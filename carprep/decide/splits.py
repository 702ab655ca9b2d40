"""Which photos are held out: the same ones every time, whatever else is in the heap."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from carprep.decide.table import Table
from carprep.recipe import Recipe

DIGITS = 13  # hex digits of the sha256 taken as a number: 52 bits fit a float exactly


def split(table: Table, recipe: Recipe) -> Table:
    """Give each kept photo to `train` or `holdout` by its sha256; others to none."""
    splits = table.splits.copy()
    for row in map(int, np.flatnonzero(table.wanted)):
        share = int(table.hashes[row][-DIGITS:], 16) / 16**DIGITS
        splits[row] = "holdout" if share < recipe.split else "train"
    return replace(table, splits=splits)
