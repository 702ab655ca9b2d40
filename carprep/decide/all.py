"""All deciding, in its order: from a table of facts to a table of decisions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from carprep.decide import quality
from carprep.decide.duplicates import Deduplicated, drop_duplicates
from carprep.decide.related import Seen
from carprep.decide.splits import split
from carprep.decide.table import Table
from carprep.decide.views import name_views, wrong_view
from carprep.decide.words import drop_by_hand, keep_by_hand, rows_of
from carprep.progress import Progress, silent
from carprep.recipe import Recipe

# the first reason counts, so what is wrong with the photo comes before what is wrong with the car in it;
# duplicates come last: a copy of a photo that is left out must not be left out for it
PHOTO = (quality.empty, quality.blurred)
CAR = (
    quality.no_car,
    wrong_view,
    quality.several_cars,
    quality.bad_cutout,
    quality.cut_off,
    quality.too_small,
)


def decide(
    table: Table,
    recipe: Recipe,
    thumbs: np.ndarray,
    complete: bool = True,
    known: Seen | None = None,
    progress: Progress = silent,
) -> Deduplicated:
    """Decide about every photo; as many rows out as in, in the same order.

    Args:
        table: facts; photos that could not be measured have their reason already.
        recipe: thresholds, wanted views, a person's words.
        thumbs: uint8 (slots, 64, 64, 3).
        complete: whether the table holds all of RAW.
        known: what second looks measured before; changes nothing but the time it takes.
        progress: of the search for duplicates.

    Raises:
        UsageError: a person's word matches nothing.
    """
    keep, drop = rows_of(table, recipe, complete)
    table = name_views(table)
    table = drop_by_hand(table, drop, recipe)
    for step in (*PHOTO, *(CAR if recipe.look != "none" else (quality.too_small,))):
        table = step(table, recipe)
    table = keep_by_hand(table, keep)
    found = drop_duplicates(table, recipe, thumbs, known, complete, progress)
    return replace(found, table=split(found.table, recipe))
