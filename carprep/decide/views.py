"""From a looker's probabilities to a view, a facing, and who is left out for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from carprep.decide.table import Table
from carprep.photo import CLASSES, Reason, View, facing_of
from carprep.recipe import Recipe

ALL = tuple(View)


def name_views(table: Table) -> Table:
    """Name the most probable view and facing of each photo; both empty where the looker knows none."""
    chances = probabilities(table)
    views = table.views.copy()
    known = np.flatnonzero(~np.isnan(chances).any(axis=1))
    views[known] = [str(ALL[best]) for best in chances[known].argmax(axis=1)]
    return replace(table, views=views, facings=_facings(table, views))


def name_classes(table: Table, rows: np.ndarray) -> Table:
    """Give rows that a person keeps the most probable of the five classes."""
    return _named_among(table, rows, CLASSES)


def _named_among(table: Table, rows: np.ndarray, among: Sequence[View]) -> Table:
    """Rows that are named by none of these views get the most probable of them; nameless rows stay so."""
    chances, views = probabilities(table)[:, [ALL.index(view) for view in among]], table.views.copy()
    for row in rows:
        if views[row] not in ("", *among):
            views[row] = str(among[int(chances[row].argmax())])
    return replace(table, views=views, facings=_facings(table, views))


def probabilities(table: Table) -> np.ndarray:
    """Probability of each of the seven views, float64 (N, 7); NaN where the looker knows none."""
    return np.stack([table.numbers(view.column) for view in ALL], axis=1)


def wrong_view(table: Table, recipe: Recipe) -> Table:
    """Leave out no cars (view none), close-ups (partial), and cars that are not surely seen from a wanted side.

    A photo stays where the wanted views together have `min_view`, whichever of them it is; else the most probable
    view is the reason.
    """
    chances = np.nan_to_num(probabilities(table))
    wanted = chances[:, [ALL.index(view) for view in recipe.views]].sum(axis=1)
    out = (table.views != "") & (wanted < recipe.min_view)
    best = chances.max(axis=1)
    words = {i: _doubt(str(table.views[i]), best[i], wanted[i], recipe) for i in map(int, np.flatnonzero(out))}
    for view, reason in ((View.NONE, Reason.NO_CAR), (View.PARTIAL, Reason.CUT_OFF)):
        table = table.mark(out & (table.views == view), reason, words)
    table = table.mark(out, Reason.WRONG_VIEW, words)
    # what stays is named by a wanted view, also where another came first by a hair
    return _named_among(table, np.flatnonzero(table.wanted), recipe.views)


def _doubt(view: str, best: float, wanted: float, recipe: Recipe) -> str:
    if view in recipe.views:
        return f"{view} ({best:.0%}), all wanted views {wanted:.0%}; at least {recipe.min_view:.0%}"
    return f"{view} ({best:.0%})"


def _facings(table: Table, views: np.ndarray) -> np.ndarray:
    p_left, facings = table.numbers("p_left"), table.facings.copy()
    for row in np.flatnonzero(~np.isnan(p_left)):
        facings[row] = facing_of(views[row], p_left[row])
    return facings
