"""The second look: are two thumbnails one picture? In machine code, each step only on what the one before left open.

A glance at how the two lie over each other by the codes that matched; a placement refined at 16, 32 and 64 px; then
block by block, whether the fine structure agrees and whether the colours do. What it measures is listed in
`carprep.decide.measures`; what follows from that is decided in `carprep.decide.relation`.
"""

from __future__ import annotations

import numpy as np

from carprep.compiled import compiled
from carprep.decide.agreement import fine_structure, measure
from carprep.decide.align import TURNED, UPRIGHT, grey, halved, refine, sample
from carprep.decide.measures import MEASURES, MIRRORED, SEEN, STRUCTURE
from carprep.decide.probe import ones

COVERED = 0.45  # least share of either picture that must lie on the other: a crop of 15 % on each side leaves 0.49
FRAME = -2  # which of a picture's boxes is what lies inside its border
PLACES = 4  # ways to lay one over the other that are tried: the nearest codes', where they differ
APART = 0.03  # of the side; placements nearer than this lead to the same one
GLANCE = 0.45  # least correlation of the fine structure at 16 px to look closer; copies have 0.6 and more,
CLOSER = 0.7  # at 32 px; copies 0.8, nine of ten others that have near codes less
ALMOST = 0.955  # structure above which nothing needs to be turned,
HARDLY = 0.1  # and below which it would not help
LEAST_LEAN = 0.008  # of the side; half a degree
PER_STRETCH = 1.5  # less is asked where one has to be enlarged to lie over the other


@compiled
def look(
    pairs: np.ndarray,
    thumbs: np.ndarray,
    slots: np.ndarray,
    straight: np.ndarray,
    mirrored: np.ndarray,
    boxes: np.ndarray,
    radius: int,
) -> np.ndarray:
    """Measure how the two pictures of each pair relate.

    Args:
        pairs: int32 (P, 2), rows of the arrays below.
        thumbs: uint8 (slots, 64, 64, 3).
        slots: int64 (N,), where a picture's thumbnail lies.
        straight, mirrored: uint64 (N, codes); 0 is no code.
        boxes: float32 (N, codes, 4), the part of the picture each code is of: left, top, right, bottom, as shares.
        radius: bits.

    Returns:
        float32 (P, 12), see `MEASURES`; `seen` is 0 where no two codes are near or the glance was enough.
    """
    answers = np.zeros((len(pairs), len(MEASURES)), np.float32)
    for n in range(len(pairs)):
        one, other = pairs[n]
        places, flips = _placements(straight, mirrored, boxes, one, other, radius)
        frames = np.stack((boxes[one, FRAME], boxes[other, FRAME]))
        _look(thumbs[slots[one]], thumbs[slots[other]], frames, places, flips, answers[n])
    return answers


@compiled
def _look(
    one: np.ndarray, other: np.ndarray, frames: np.ndarray, places: np.ndarray, flips: np.ndarray, answer: np.ndarray
) -> None:
    if len(places) == 0:
        return
    first, second = grey(one), grey(other)
    small = halved(first)
    smaller = halved(small)
    best, chosen = 0.0, -1
    for n in range(len(places)):
        turned = _turned(second, flips[n])
        turned_small = halved(turned)
        turned_smaller = halved(turned_small)
        refine(smaller, turned_smaller, places[n], UPRIGHT, 5, 30.0)
        if _likeness(smaller, turned_smaller, places[n]) < GLANCE - PER_STRETCH * _stretch(places[n]):
            continue
        refine(small, turned_small, places[n], UPRIGHT, 5, 20.0)
        like = _likeness(small, turned_small, places[n]) - CLOSER + PER_STRETCH * _stretch(places[n])
        if like > best:
            best, chosen = like, n
    if chosen < 0:
        return
    turned = _turned(second, flips[chosen])
    refine(first, turned, places[chosen], UPRIGHT, 16, 25.0)
    measure(one, other, frames, first, flips[chosen], places[chosen], answer)
    if ALMOST > answer[STRUCTURE] > HARDLY:
        _turn(one, other, frames, first, turned, flips[chosen], places[chosen], answer)
    answer[MIRRORED], answer[SEEN] = flips[chosen], 1


@compiled
def _turn(
    one: np.ndarray,
    other: np.ndarray,
    frames: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    flip: int,
    place: np.ndarray,
    answer: np.ndarray,
) -> None:
    """See whether the pictures agree if one of them is turned by a few degrees; only then keep what that measures."""
    leaning, measured = place.copy(), answer.copy()
    refine(first, second, leaning, TURNED, 16, 25.0)
    if max(abs(leaning[6]), abs(leaning[7])) < LEAST_LEAN:
        return
    measure(one, other, frames, first, flip, leaning, measured)
    if measured[STRUCTURE] > max(ALMOST, answer[STRUCTURE]):
        answer[:] = measured


@compiled
def _placements(
    straight: np.ndarray, mirrored: np.ndarray, boxes: np.ndarray, one: int, other: int, radius: int
) -> tuple[np.ndarray, np.ndarray]:
    """The placements that near codes suggest, nearest first, without those that another one is like."""
    places, flips = np.zeros((PLACES, TURNED)), np.zeros(PLACES, np.int64)
    count = 0
    for distance in range(0, radius + 1):
        for flip in range(2):
            for k in range(straight.shape[1]):
                for m in range(straight.shape[1]):
                    if count == PLACES or _bits(straight, mirrored, one, k, other, m, flip) != distance:
                        continue
                    _between(boxes[one, k], boxes[other, m], flip, places[count])
                    flips[count] = flip
                    known = False
                    for n in range(count):
                        if flips[n] == flip and np.abs(places[n, :4] - places[count, :4]).max() < APART:
                            known = True
                    count += not known
    return places[:count], flips[:count]


@compiled
def _bits(straight: np.ndarray, mirrored: np.ndarray, one: int, k: int, other: int, m: int, flip: int) -> int:
    if straight[one, k] == 0 or straight[other, m] == 0:
        return 64
    if not flip:
        return int(ones(straight[one, k] ^ straight[other, m]))
    # a mirrored code has its own median, so the two directions may differ by a bit or two
    return int(min(ones(straight[one, k] ^ mirrored[other, m]), ones(mirrored[one, k] ^ straight[other, m])))


@compiled
def _between(here: np.ndarray, there: np.ndarray, flip: int, place: np.ndarray) -> None:
    left, right = (1 - there[2], 1 - there[0]) if flip else (there[0], there[2])
    place[0] = (right - left) / (here[2] - here[0])
    place[1] = left - place[0] * here[0]
    place[2] = (there[3] - there[1]) / (here[3] - here[1])
    place[3] = there[1] - place[2] * here[1]
    place[4:] = 0
    place[4] = 1


@compiled
def _turned(picture: np.ndarray, flip: int) -> np.ndarray:
    return picture[:, ::-1].copy() if flip else picture


@compiled
def _stretch(place: np.ndarray) -> float:
    scale = max(1e-3, np.sqrt(abs(place[0] * place[2])))
    return max(scale, 1 / scale) - 1


@compiled
def _likeness(first: np.ndarray, second: np.ndarray, place: np.ndarray) -> float:
    """Correlation of the fine structure where the two overlap; -1 where they hardly do."""
    side = first.shape[0]
    one, other = fine_structure(first, side // 16), fine_structure(second, side // 16)
    count, a, b, aa, bb, ab = 0, 0.0, 0.0, 0.0, 0.0, 0.0
    for y in range(side):
        down = (place[2] * (y + 0.5) + place[3] * side) - 0.5
        for x in range(side):
            along = (place[0] * (x + 0.5) + place[1] * side) - 0.5
            if along < -0.5 or along > side - 0.5 or down < -0.5 or down > side - 0.5:
                continue
            here, there = float(one[y, x]), sample(other, along, down)
            count += 1
            a, b, aa, bb, ab = a + here, b + there, aa + here * here, bb + there * there, ab + here * there
    share = count / side**2
    if share < COVERED or share * abs(place[0] * place[2]) < COVERED:
        return -1.0
    aa, bb, ab = aa / count - (a / count) ** 2, bb / count - (b / count) ** 2, ab / count - a / count * b / count
    return ab / np.sqrt(max(aa * bb, 1e-9))
