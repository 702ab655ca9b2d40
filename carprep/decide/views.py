"""From a looker's probabilities to a view, a facing, and who is left out for it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from carprep.decide.table import Table
from carprep.photo import CLASSES, Reason, View
from carprep.recipe import Recipe

ALL = tuple(View)
FLANKLESS = (View.FRONT, View.REAR)  # views that show no flank: their nose points nowhere


def name_views(table: Table) -> Table:
    """Name the most probable view and facing of each photo; both empty where the looker knows none."""
    chances = probabilities(table)
    views = table.views.copy()
    known = np.flatnonzero(~np.isnan(chances).any(axis=1))
    views[known] = [str(ALL[best]) for best in chances[known].argmax(axis=1)]
    return replace(table, views=views, facings=_facings(table, views))


def name_classes(table: Table, rows: np.ndarray) -> Table:
    """Give rows that a person keeps the most probable of the five classes."""
    chances, views = probabilities(table)[:, : len(CLASSES)], table.views.copy()
    for row in rows:
        if views[row] not in ("", *CLASSES):
            views[row] = str(CLASSES[int(chances[row].argmax())])
    return replace(table, views=views, facings=_facings(table, views))


def probabilities(table: Table) -> np.ndarray:
    """Probability of each of the seven views, float64 (N, 7); NaN where the looker knows none."""
    return np.stack([table.numbers(f"p_{view.replace('-', '_')}") for view in ALL], axis=1)


def wrong_view(table: Table, recipe: Recipe) -> Table:
    """Leave out no cars (view none), close-ups (partial), and cars seen from a side that is not wanted."""
    chances = probabilities(table)
    best = np.nan_to_num(chances).max(axis=1)
    words = {i: f"{table.views[i]} ({best[i]:.0%})" for i in range(len(table)) if table.views[i]}
    table = table.mark(table.views == View.NONE, Reason.NO_CAR, words)
    table = table.mark(table.views == View.PARTIAL, Reason.CUT_OFF, words)
    known = table.views != ""
    wanted = np.isin(table.views.astype(str), [str(view) for view in recipe.views])
    table = table.mark(known & ~wanted, Reason.WRONG_VIEW, words)
    unsure = known & (best < recipe.min_view)
    doubts = {i: f"{words[i]}; at least {recipe.min_view:.0%}" for i in words}
    return table.mark(unsure, Reason.WRONG_VIEW, doubts)


def _facings(table: Table, views: np.ndarray) -> np.ndarray:
    p_left, facings = table.numbers("p_left"), table.facings.copy()
    for row in np.flatnonzero(~np.isnan(p_left)):
        flankless = views[row] in FLANKLESS
        facings[row] = "none" if flankless else "left" if p_left[row] >= 0.5 else "right"
    return facings
