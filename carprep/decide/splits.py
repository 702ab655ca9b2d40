"""Which photos are held out: the same ones every time, and never some of a group and not the others."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from carprep.decide.table import Table
from carprep.recipe import Recipe

DIGITS = 13  # hex digits of the sha256 taken as a number: 52 bits fit a float exactly


def split(table: Table, recipe: Recipe) -> Table:
    """Give each kept photo to `train` or `holdout`; others to none.

    A photo that is alone goes by its own sha256; the photos of a group, copies, mirrored copies, bursts and recolours
    alike, go together, by the lowest sha256 of those that are kept.
    """
    splits = table.splits.copy()
    for members in members_of(table):
        share = int(min(table.hashes[row] for row in members)[-DIGITS:], 16) / 16**DIGITS
        splits[members] = "holdout" if share < recipe.split else "train"
    return replace(table, splits=splits)


def largest_group(table: Table) -> tuple[int, float]:
    """The best photo's row of the largest group, and the group's share of what is kept; -1 and 0 where nothing is."""
    largest = max(members_of(table), key=len, default=[])
    return (largest[0], len(largest) / int(table.wanted.sum())) if largest else (-1, 0.0)


def members_of(table: Table) -> list[list[int]]:
    """The kept photos' rows, by group; one that is alone is a group of its own."""
    members: dict[int, list[int]] = {}
    for row in map(int, np.flatnonzero(table.wanted)):
        members.setdefault(int(table.groups[row]) if table.groups[row] >= 0 else row, []).append(row)
    return list(members.values())
