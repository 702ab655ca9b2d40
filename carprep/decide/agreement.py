"""How far two thumbnails agree that lie over each other: block by block, in fine structure, in place and in colour.

A copy agrees in all three everywhere but under a banner or stamp; a recolour in structure alone; of a burst the
structure is there but has moved, the near against the far; another car of the same model agrees in none.
"""

from __future__ import annotations

import numpy as np

from carprep.compiled import compiled
from carprep.decide.align import gradient, sample
from carprep.decide.measures import (
    COLOUR,
    COVER,
    DETAIL,
    GAIN,
    GREY,
    MOVED,
    SCALE,
    SIDE,
    SPREAD,
    STRUCTURE,
    TYPICAL,
)
from carprep.measure.parts import CHROMA, COLOURLESS

BLOCK = 8  # px; 8 x 8 blocks
BLOCKS = SIDE // BLOCK
FLOOR = 4.0  # grey levels squared: a block with less variance is plain, and agrees with a plain one
RADIUS = 3  # px; fine structure is what differs from the mean of 7 x 7 px
RIM = 1.0  # px; there a border that only one of them has shines through
BLURS = 12  # light ones; as many as bring a picture to half its size
ALIKE = 3.0  # times the variance; a picture of half the size has about a third in its blocks
FULL = 252.0  # of 255
BRIGHT = 240.0  # grey level; beyond it light that was cut off looks like structure that moved
STRAY = 20.0  # grey levels; what is off by more says little of the light
LEAST_LIT = 0.1  # share of the picture that must be darker than white to tell the light by it
WORST_COLOUR, WORST_MOVED = 0.2, 0.3  # share of the blocks in which a stamp or a retouch may be
FULL_WEIGHT = 6.0  # grey levels; a block with more structure counts no more than others


@compiled
def measure(
    one: np.ndarray,
    other: np.ndarray,
    frames: np.ndarray,
    first: np.ndarray,
    flip: int,
    place: np.ndarray,
    answer: np.ndarray,
) -> None:
    """Fill in the answer, float32 (12,), about two thumbnails, uint8 (64, 64, 3), that lie over each other.

    Args:
        frames: float32 (2, 4), what lies inside the plain border of each: left, top, right, bottom, as shares.
        first: float32 (64, 64), the grey of the one.
        flip: whether the other is mirrored.
        place: float64 (8,), as `carprep.decide.align.refine` left it.
    """
    there, inside = _laid(other, flip, place)
    second = grey_of(there)
    light = _light(first, second, inside, place[4], place[5])
    for y in range(SIDE):
        for x in range(SIDE):
            if not inside[y, x]:
                second[y, x] = place[4] * first[y, x] + place[5]
    without_colour = _colourless(one) or _colourless(other)
    fine, other_fine = _as_sharp(_blurred(first, 0.25), _blurred(second, 0.25), inside, place[4])
    slope = gradient(fine)
    like, weight, detail = np.zeros(BLOCKS**2), np.full(BLOCKS**2, -1.0), np.zeros(BLOCKS**2)
    colour, moved = np.zeros(BLOCKS**2), np.zeros(BLOCKS**2)
    shown = _shown(frames, flip, place)
    for block in range(BLOCKS**2):
        top, left = block // BLOCKS * BLOCK, block % BLOCKS * BLOCK
        part = slice(top, top + BLOCK), slice(left, left + BLOCK)
        count = inside[part].sum()
        if 2 * count < BLOCK * BLOCK:
            shown[block] = -1
            continue
        like[block], weight[block], detail[block] = _like(fine[part], other_fine[part], inside[part], count)
        bright = np.maximum(first[part], second[part])
        moved[block] = _moved(
            fine[part], other_fine[part], slope[0][part], slope[1][part], bright, inside[part], place[4], count
        )
        if without_colour:
            colour[block] = abs(_off(first[part], second[part], inside[part], light)) / count
        else:
            for channel in range(3):
                off = _off(one[part][:, :, channel], there[part][:, :, channel], inside[part], light)
                colour[block] = max(colour[block], abs(off) / count)
    answer[STRUCTURE], answer[TYPICAL] = _weakest(like, weight)
    answer[COLOUR], answer[SPREAD] = _worst(colour, shown, WORST_COLOUR)
    answer[MOVED], _ = _worst(moved, weight, WORST_MOVED)
    covered = inside.mean()
    answer[COVER] = min(covered, covered * abs(place[0] * place[2]))
    answer[DETAIL] = np.sqrt(detail.sum() / SIDE**2)
    answer[GREY] = without_colour
    answer[GAIN] = light[0]
    answer[SCALE] = np.sqrt(abs(place[0] * place[2]))


@compiled
def _light(
    first: np.ndarray, second: np.ndarray, inside: np.ndarray, gain: float, offset: float
) -> tuple[float, float]:
    """Gain and offset of the light, by robust regression where neither is as light as can be.

    The placement's own are found with a white ground in sight, which is as white in a lightened copy. They serve the
    structure, which a white car has little of but its edge against that ground; these serve the colours.
    """
    for _ in range(4):
        n, x, y, xx, xy = 1e-9, 0.0, 0.0, 0.0, 0.0
        for v in range(SIDE):
            for u in range(SIDE):
                here, there = first[v, u], second[v, u]
                if inside[v, u] and max(here, there) < BRIGHT:
                    weight = 1 / (1 + ((there - gain * here - offset) / STRAY) ** 2) ** 2
                    n, x, y = n + weight, x + weight * here, y + weight * there
                    xx, xy = xx + weight * here * here, xy + weight * here * there
        spread = xx / n - (x / n) ** 2
        if n < LEAST_LIT * SIDE**2 or spread < STRAY**2:
            break
        gain = min(max((xy / n - x / n * y / n) / spread, 0.4), 2.5)
        offset = (y - gain * x) / n
    return gain, offset


@compiled
def _like(fine: np.ndarray, other: np.ndarray, inside: np.ndarray, count: int) -> tuple[float, float, float]:
    """Of a block: correlation of the structure, its weight, and how much structure both have."""
    aa, bb, ab = 0.0, 0.0, 0.0
    for y in range(BLOCK):
        for x in range(BLOCK):
            if inside[y, x]:
                aa += fine[y, x] * fine[y, x]
                bb += other[y, x] * other[y, x]
                ab += fine[y, x] * other[y, x]
    # where only one of them has structure, it must not count as agreeing
    least = 0.1 * max(aa, bb)
    both = np.sqrt(max(aa, least) * max(bb, least))
    like = (ab + count * FLOOR) / (both + count * FLOOR)
    return like, min(1.0, np.sqrt(max(aa, bb) / count) / FULL_WEIGHT), min(aa, bb)


@compiled
def _moved(
    fine: np.ndarray,
    other: np.ndarray,
    along: np.ndarray,
    down: np.ndarray,
    bright: np.ndarray,
    inside: np.ndarray,
    gain: float,
    count: int,
) -> float:
    """The shift, px, that best explains how a block differs (Lucas & Kanade), damped where little shows it."""
    xx, yy, xy, xt, yt = count * FLOOR, count * FLOOR, 0.0, 0.0, 0.0
    for y in range(BLOCK):
        for x in range(BLOCK):
            if inside[y, x] and bright[y, x] < BRIGHT:
                right, low, late = along[y, x], down[y, x], other[y, x] / gain - fine[y, x]
                xx, yy, xy = xx + right * right, yy + low * low, xy + right * low
                xt, yt = xt + right * late, yt + low * late
    determinant = xx * yy - xy * xy
    return np.hypot(yy * xt - xy * yt, xx * yt - xy * xt) / determinant


@compiled
def _off(here: np.ndarray, there: np.ndarray, inside: np.ndarray, light: tuple[float, float]) -> float:
    """Sum over a block of how far a value is from what the other's light makes of it."""
    total = 0.0
    for y in range(BLOCK):
        for x in range(BLOCK):
            off = there[y, x] - light[0] * here[y, x] - light[1]
            # what is as light as can be may have been lighter
            full = (here[y, x] >= FULL and off > 0) or (there[y, x] >= FULL and off < 0)
            if inside[y, x] and not full:
                total += off
    return total


@compiled
def _colourless(picture: np.ndarray) -> bool:
    """Whether a picture is grey all over; a silver car on white still has its lamps."""
    coloured = 0
    for y in range(SIDE):
        for x in range(SIDE):
            red, green, blue = int(picture[y, x, 0]), int(picture[y, x, 1]), int(picture[y, x, 2])
            coloured += max(red, green, blue) - min(red, green, blue) > CHROMA
    return coloured < COLOURLESS * SIDE**2


@compiled
def _laid(other: np.ndarray, flip: int, place: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The other picture in the places of the first: float32 (64, 64, 3), and where there is any, its rim left out."""
    out, inside = np.zeros((SIDE, SIDE, 3), np.float32), np.zeros((SIDE, SIDE), np.bool_)
    source = other[:, ::-1] if flip else other[:, :]
    for y in range(SIDE):
        for x in range(SIDE):
            along = place[0] * (x + 0.5) + place[1] * SIDE + place[6] * (y + 0.5) - 0.5
            down = place[2] * (y + 0.5) + place[3] * SIDE + place[7] * (x + 0.5) - 0.5
            if min(along, down, x, y) < RIM or max(along, down, x, y) > SIDE - 1 - RIM:
                continue
            inside[y, x] = True
            for channel in range(3):
                out[y, x, channel] = sample(source[:, :, channel], along, down)
    return out, inside


@compiled
def grey_of(picture: np.ndarray) -> np.ndarray:
    """float32 (H, W, 3) to float32 (H, W), BT.601."""
    return (
        picture[:, :, 0] * np.float32(0.299)
        + picture[:, :, 1] * np.float32(0.587)
        + picture[:, :, 2] * np.float32(0.114)
    )


@compiled
def _as_sharp(first: np.ndarray, second: np.ndarray, inside: np.ndarray, gain: float) -> tuple[np.ndarray, np.ndarray]:
    """The fine structure of both, the sharper one blurred until it has no more of it than the other.

    One of them may have been smaller once, or was enlarged to be laid over the other.
    """
    fine, other_fine = fine_structure(first, RADIUS), fine_structure(second, RADIUS)
    for _ in range(BLURS):
        ratio = _ratio(fine, other_fine, inside, gain)
        if ratio < 0.98:
            first = _blurred(first, 0.06)
            fine = fine_structure(first, RADIUS)
        elif ratio > 1.02:
            second = _blurred(second, 0.06)
            other_fine = fine_structure(second, RADIUS)
        else:
            break
    return fine, other_fine


@compiled
def _ratio(fine: np.ndarray, other_fine: np.ndarray, inside: np.ndarray, gain: float) -> float:
    """Variance of the second's fine structure over the first's, in those blocks where they may be the same thing."""
    mine, its = 0.0, 0.0
    for by in range(BLOCKS):
        for bx in range(BLOCKS):
            here, there = 1e-9, 1e-9
            for y in range(by * BLOCK, by * BLOCK + BLOCK):
                for x in range(bx * BLOCK, bx * BLOCK + BLOCK):
                    if inside[y, x]:
                        here += (fine[y, x] * gain) ** 2
                        there += other_fine[y, x] ** 2
            if 1 / ALIKE < here / there < ALIKE:  # else a banner's letters, or something that only one of them has
                mine, its = mine + here, its + there
    return its / mine if mine > 0 else 1.0


@compiled
def _blurred(picture: np.ndarray, beside: float) -> np.ndarray:
    """Averaged with its neighbours along both sides; `beside` is the weight of each."""
    across = np.empty((SIDE, SIDE), np.float32)
    for y in range(SIDE):
        for x in range(SIDE):
            left, right = max(0, x - 1), min(SIDE - 1, x + 1)
            across[y, x] = picture[y, x] + beside * (picture[y, left] - 2 * picture[y, x] + picture[y, right])
    out = np.empty((SIDE, SIDE), np.float32)
    for y in range(SIDE):
        above, below = max(0, y - 1), min(SIDE - 1, y + 1)
        for x in range(SIDE):
            out[y, x] = across[y, x] + beside * (across[above, x] - 2 * across[y, x] + across[below, x])
    return out


@compiled
def fine_structure(picture: np.ndarray, radius: int) -> np.ndarray:
    """What differs from the mean of the neighbourhood, which ends at the picture's edge."""
    side = picture.shape[0]
    sums = np.zeros((side + 1, side + 1))
    for y in range(side):
        row = 0.0
        for x in range(side):
            row += picture[y, x]
            sums[y + 1, x + 1] = sums[y, x + 1] + row
    out = np.empty((side, side), np.float32)
    for y in range(side):
        top, bottom = max(0, y - radius), min(side, y + radius + 1)
        for x in range(side):
            left, right = max(0, x - radius), min(side, x + radius + 1)
            total = sums[bottom, right] - sums[top, right] - sums[bottom, left] + sums[top, left]
            out[y, x] = picture[y, x] - total / ((bottom - top) * (right - left))
    return out


@compiled
def _weakest(like: np.ndarray, weight: np.ndarray) -> tuple[float, float]:
    """Agreement of the weakest quarter and of the middle block, by weight; the better of: all of it, without the
    uppermost fifth, without the lowest: a banner may lie over one of those."""
    best, middle = -1.0, -1.0
    for cut in range(3):
        first, last = (0, BLOCKS) if cut == 0 else (2, BLOCKS) if cut == 1 else (0, BLOCKS - 2)
        part, heavy = like[first * BLOCKS : last * BLOCKS], weight[first * BLOCKS : last * BLOCKS]
        quarter = _quantile(part, heavy, 0.25)
        if quarter > best:
            best, middle = quarter, _quantile(part, heavy, 0.5)
    return best, middle


@compiled
def _quantile(values: np.ndarray, weight: np.ndarray, share: float) -> float:
    order = np.argsort(values)
    total = np.maximum(weight, 0.0).sum()
    passed = 0.0
    for n in order:
        passed += max(0.0, weight[n])
        if weight[n] > 0 and passed >= share * total:
            return values[n]
    return -1.0


@compiled
def _worst(values: np.ndarray, weight: np.ndarray, share: float) -> tuple[float, float]:
    """The value that only `share` of the blocks exceed, by weight, and the middle one; the better of the same three."""
    best, middle = 1e9, 1e9
    for cut in range(3):
        first, last = (0, BLOCKS) if cut == 0 else (2, BLOCKS) if cut == 1 else (0, BLOCKS - 2)
        part, heavy = values[first * BLOCKS : last * BLOCKS], weight[first * BLOCKS : last * BLOCKS]
        if heavy.max() <= 0:
            continue
        worst = _quantile(part, heavy, 1 - share)
        if worst < best:
            best, middle = worst, _quantile(part, heavy, 0.5)
    return best, middle


@compiled
def _shown(frames: np.ndarray, flip: int, place: np.ndarray) -> np.ndarray:
    """Weight of each block, 1 or 0: whether it shows what lies inside the border of either picture."""
    out = np.zeros(BLOCKS**2)
    mine, its = frames[0], frames[1]
    left, right = (1 - its[2], 1 - its[0]) if flip else (its[0], its[2])
    for block in range(BLOCKS**2):
        u, v = (block % BLOCKS + 0.5) / BLOCKS, (block // BLOCKS + 0.5) / BLOCKS
        there_u = place[0] * u + place[1] + place[6] * v
        there_v = place[2] * v + place[3] + place[7] * u
        here = mine[0] <= u <= mine[2] and mine[1] <= v <= mine[3]
        there = left <= there_u <= right and its[1] <= there_v <= its[3]
        out[block] = here or there
    return out
