"""How well the views, the facing and the overlay are told, and how far the probabilities can be believed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from carprep.carnet.pack import LIMITS, Pack
from carprep.carnet.quick import NOT_BY_HAND
from carprep.carnet.scores import Figure, calibration_error, figure, mean_of
from carprep.measure.decode import decode
from carprep.models.carnet import CarNet
from carprep.photo import View

DETAIL = 512  # px, as a build decodes
VIEWS = tuple(View)
AHEAD = (View.FRONT, View.FRONT_SIDE)


@dataclass(frozen=True)
class Told:
    """One photo's views, told and true.

    Attributes:
        chances: float (7,).
        close: the views that count as right; the first is the label.
        p_left, left: told and true; the second NaN where it has no side.
        source, group: where it comes from, and with what it is resampled.
    """

    chances: np.ndarray
    close: tuple[str, ...]
    p_left: float
    left: float
    source: str
    group: str

    @property
    def view(self) -> str:
        return str(VIEWS[int(self.chances.argmax())])


def figures(looker: CarNet, packed: Pack, folder: Path) -> Iterator[tuple[str, Figure]]:
    """What, and how well."""
    told = list(_told(looker, packed, folder))
    for source in NOT_BY_HAND:
        part = [one for one in told if one.source == source]
        if part:
            yield f"accuracy, {source}", _mean(part, [one.view in one.close for one in part])
    hand = [one for one in told if one.source not in NOT_BY_HAND]
    yield "accuracy, strict", _mean(hand, [one.view == one.close[0] for one in hand])
    right = np.array([one.view in one.close for one in hand])
    yield "accuracy, close calls count", _mean(hand, right)
    yield "front or front-side, F1", _f1(hand)
    yield "front and rear confused", _confused(hand)
    nothing = [one for one in hand if one.close == ("none",)]
    yield "none found", _mean(nothing, [one.view == "none" for one in nothing])
    for view in VIEWS:
        part = [one for one in hand if one.close[0] == view]
        yield f"recall of {view}", _mean(part, [one.view in one.close for one in part])
    sided = [one for one in hand if not np.isnan(one.left) and "partial" not in one.close]
    yield "facing", _mean(sided, [(one.p_left > 0.5) == (one.left > 0.5) for one in sided])
    chances = np.array([one.chances.max() for one in hand])
    strict = np.array([one.view in one.close for one in hand])
    yield (
        "calibration error",
        figure([one.group for one in hand], lambda rows: calibration_error(chances[rows], strict[rows])),
    )


def _told(looker: CarNet, packed: Pack, folder: Path) -> Iterator[Told]:
    for item in packed.items:
        example = item.example
        if not item.validation or example.views is None:
            continue
        seen = looker(decode((folder / example.file).read_bytes(), DETAIL, LIMITS).pixels)
        views, p_left = seen.views, seen.p_left
        assert views is not None
        assert p_left is not None
        left = np.nan if example.left is None else example.left
        chances = np.array([views[view] for view in VIEWS])
        yield Told(chances, example.close, p_left, left, example.source, example.group)


def _mean(told: list[Told], values: list[bool] | np.ndarray) -> Figure:
    return figure([one.group for one in told], mean_of(np.asarray(values, float)))


def _f1(told: list[Told]) -> Figure:
    """Front or front-side against the rest; a close call between the two sides of that line counts as right."""
    said = np.array([one.view in AHEAD for one in told])
    lenient = [{view in AHEAD for view in one.close} for one in told]
    true = np.array([s if len(both) > 1 else both.pop() for s, both in zip(said, lenient, strict=True)])

    def measure(rows: np.ndarray) -> float:
        hits = float((said[rows] & true[rows]).sum())
        return 2 * hits / max(float(said[rows].sum() + true[rows].sum()), 1.0)

    return figure([one.group for one in told], measure)


def _confused(told: list[Told]) -> Figure:
    """Of the photos labelled front(-side) or rear(-side): how many are called the other."""
    ahead, behind = {"front", "front-side"}, {"rear", "rear-side"}
    part = [one for one in told if one.close[0] in ahead | behind]
    wrong = [
        (one.close[0] in ahead and one.view in behind) or (one.close[0] in behind and one.view in ahead) for one in part
    ]
    return _mean(part, wrong)
