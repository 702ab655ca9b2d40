"""Leave out what cannot become a good picture: facts in, reasons out, no pixels."""

from __future__ import annotations

import numpy as np

from carprep.decide.table import Table
from carprep.photo import Reason
from carprep.recipe import Recipe

FILLS = 0.97  # share of the photo above which a cut-out is the whole frame, not a car


def empty(table: Table, recipe: Recipe) -> Table:
    """Leave out pictures of one colour."""
    uniform = table.numbers("uniform")
    where = uniform > recipe.max_uniform
    words = {i: f"{uniform[i]:.1%} of it is one colour; at most {recipe.max_uniform:.1%}" for i in _rows(where)}
    return table.mark(where, Reason.EMPTY, words)


def blurred(table: Table, recipe: Recipe) -> Table:
    """Leave out photos without sharp edges."""
    sharpness = table.numbers("sharpness")
    where = sharpness < recipe.min_sharpness
    words = {i: f"sharpness {sharpness[i]:.1f}; at least {recipe.min_sharpness:g}" for i in _rows(where)}
    return table.mark(where, Reason.BLURRED, words)


def no_car(table: Table, recipe: Recipe) -> Table:
    """Leave out photos in which the looker found nothing, or next to nothing."""
    found, share = table.texts("found"), table.numbers("car_share")
    said = table.texts("found_detail")
    nothing = found == Reason.NO_CAR
    table = table.mark(nothing, Reason.NO_CAR, {i: said[i] or "no car was found" for i in _rows(nothing)})
    little = (found == "car") & (share < recipe.min_car_share)
    words = {
        i: f"what was found fills {share[i]:.1%} of it; at least {recipe.min_car_share:.1%}" for i in _rows(little)
    }
    return table.mark(little, Reason.NO_CAR, words)


def several_cars(table: Table, recipe: Recipe) -> Table:
    """Leave out photos with a second car of about the main one's size."""
    stray = table.numbers("car_stray")
    where = stray > recipe.max_stray
    words = {
        i: f"a second one of {stray[i]:.0%} of the main one's area; at most {recipe.max_stray:.0%}"
        for i in _rows(where)
    }
    return table.mark(where, Reason.SEVERAL_CARS, words)


def bad_cutout(table: Table, recipe: Recipe) -> Table:
    """Leave out photos whose car could not be told from its ground."""
    found, said = table.texts("found"), table.texts("found_detail")
    share, soft = table.numbers("car_share"), table.numbers("car_soft")
    refused = found == Reason.BAD_CUTOUT
    table = table.mark(refused, Reason.BAD_CUTOUT, {i: said[i] or "refused" for i in _rows(refused)})
    everything = (found == "car") & (share > FILLS)
    words = {i: f"the cut-out fills {share[i]:.0%} of the photo" for i in _rows(everything)}
    table = table.mark(everything, Reason.BAD_CUTOUT, words)
    unsure = table.numbers("car_unsure")
    where = unsure > recipe.max_unsure
    words = {
        i: f"the looker was unsure beside the car, in {unsure[i]:.1%} of its area; at most {recipe.max_unsure:.1%}"
        for i in _rows(where)
    }
    table = table.mark(where, Reason.BAD_CUTOUT, words)
    vague = soft > recipe.max_soft
    words = {i: f"{soft[i]:.0%} of the cut-out is uncertain; at most {recipe.max_soft:.0%}" for i in _rows(vague)}
    return table.mark(vague, Reason.BAD_CUTOUT, words)


def cut_off(table: Table, recipe: Recipe) -> Table:
    """Leave out cars that leave the photo."""
    touch = table.numbers("car_touch")
    where = touch > recipe.max_touch
    words = {
        i: f"{touch[i]:.0%} of its outline lies on the photo's edge; at most {recipe.max_touch:.0%}"
        for i in _rows(where)
    }
    return table.mark(where, Reason.CUT_OFF, words)


def too_small(table: Table, recipe: Recipe) -> Table:
    """Leave out cars that would have to be enlarged too far for the largest size."""
    longer = np.fmax(table.numbers("car_width"), table.numbers("car_height"))
    needed = recipe.largest / (1 + 2 * recipe.margin)
    # a hundredth of a pixel: the box was rounded
    where = longer * recipe.enlarge < needed - 0.01
    words = {
        i: f"the car's longer side is {longer[i]:.0f} px; {needed:.0f} px are needed for {recipe.largest} px"
        + (f" enlarged by at most {recipe.enlarge:g}" if recipe.enlarge > 1 else "")
        for i in _rows(where)
    }
    return table.mark(where, Reason.TOO_SMALL, words)


def _rows(where: np.ndarray) -> list[int]:
    return [int(i) for i in np.flatnonzero(where)]
