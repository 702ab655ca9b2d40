"""How well the views, the facing and the overlay are told, and how far the probabilities can be believed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from carprep.carnet.examples import VIEWS
from carprep.carnet.pack import LIMITS, Pack
from carprep.carnet.quick import NOT_BY_HAND
from carprep.carnet.scores import Figure, calibration_error, figure, mean_of, temperature
from carprep.measure.decode import decode
from carprep.models.carnet import Network
from carprep.models.letterbox import letterbox
from carprep.photo import View

DETAIL = 512  # px, as a build decodes
AHEAD = (View.FRONT, View.FRONT_SIDE)


@dataclass(frozen=True)
class Told:
    """One photo's views, told and true.

    Attributes:
        chances: float (7,).
        close: the views that count as right; the first is the label.
        p_left, left: told and true; the second NaN where it has no side.
        p_overlay, overlay: told and true; the second NaN where nobody said.
        source, group: where it comes from, and with what it is resampled.
    """

    chances: np.ndarray
    close: tuple[str, ...]
    p_left: float
    left: float
    p_overlay: float
    overlay: float
    source: str
    group: str

    @property
    def view(self) -> str:
        return str(VIEWS[int(self.chances.argmax())])


def figures(network: Network, packed: Pack, folder: Path) -> Iterator[tuple[str, Figure]]:
    """What, and how well."""
    told = list(_told(network, packed, folder))
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
    stamped = [one for one in hand if not np.isnan(one.overlay)]
    yield "overlay, area under ROC", _area([one.p_overlay for one in stamped], stamped)
    groups = [one.group for one in hand]
    chances = np.array([one.chances for one in hand]).reshape(-1, len(VIEWS))
    yield "calibration error", figure(groups, lambda rows: calibration_error(chances[rows].max(1), right[rows]))
    # the shipped temperature was fitted on these photos, so: fitted anew on half of the groups, measured on the rest
    crossed = _crossed(chances, hand)
    yield "calibration error, crossed", figure(groups, lambda rows: calibration_error(crossed[rows], right[rows]))


def _told(network: Network, packed: Pack, folder: Path) -> Iterator[Told]:
    for item in packed.items:
        example = item.example
        if not item.validation or example.views is None:
            continue
        pixels = decode((folder / example.file).read_bytes(), DETAIL, LIMITS).pixels
        answer = network(letterbox(pixels)[0][None])
        left, overlay = (np.nan if truth is None else truth for truth in (example.left, example.overlay))
        yield Told(
            answer.views[0].astype(float), example.close, float(answer.left[0]), left, float(answer.overlay[0]),
            overlay, example.source, example.group,
        )  # fmt: skip


def _crossed(chances: np.ndarray, told: list[Told]) -> np.ndarray:
    """The top probabilities after a temperature that was fitted on the other half of the groups; float (N,)."""
    half = np.array([int(hashlib.sha256(one.group.encode()).hexdigest(), 16) % 2 for one in told])
    logits = np.log(np.maximum(chances, 1e-9))
    truth = np.array([[float(view == one.close[0]) for view in VIEWS] for one in told]).reshape(-1, len(VIEWS))
    top = np.zeros(len(told))
    for here in (0, 1):
        scaled = logits[half == here] / temperature(logits[half != here], truth[half != here])
        parts = np.exp(scaled - scaled.max(1, keepdims=True))
        top[half == here] = (parts / parts.sum(1, keepdims=True)).max(1)
    return top


def _area(told: list[float], photos: list[Told]) -> Figure:
    """Area under the ROC curve: how often a stamped photo is given more than one without."""
    scores, true = np.array(told), np.array([one.overlay > 0.5 for one in photos])

    def measure(rows: np.ndarray) -> float:
        yes, no = scores[rows][true[rows]], scores[rows][~true[rows]]
        if not len(yes) or not len(no):
            return float("nan")
        return float((yes[:, None] > no[None]).mean() + 0.5 * (yes[:, None] == no[None]).mean())

    return figure([one.group for one in photos], measure)


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
