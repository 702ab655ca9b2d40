"""The looker `border`: no weights; for plain grounds only, and it says so where the ground is not plain.

The ground is followed inwards from the photo's border (`ground.py`); what it does not reach starts GrabCut (Rother,
Kolmogorov & Blake 2004), which finds the outline. The outline is then judged: a cut-out that is not a car's is refused.
"""

from __future__ import annotations

import cv2
import numpy as np

from carprep.models.ground import FITS, GRADED, Ground, find_ground, reaches_border
from carprep.models.guided import Edge, onto
from carprep.models.judge import fault
from carprep.models.looker import Seen
from carprep.models.shadow import without_shadow
from carprep.photo import RGB, Reason

IDENTITY = "border/2"  # goes up with every change that may give another alpha
SIDE = 256  # px, longest; GrabCut's time grows with the pixels, and the edge is refined afterwards
PLAIN, PLAIN_GRADED = 0.80, 0.95  # share of the border that must fit; on a graded ground the rest is hills, not car
STANDS_OUT = 11.0  # Lab distance from which a pixel is no ground
EDGE = Edge(2.5, 1e-4, 0.15)  # GrabCut's outline is off by a pixel or two
ROUNDS = 3  # of GrabCut; more move the edge by less than a pixel
OPEN = 0.35  # of its rim: a patch of the ground's colour that is nearer to the ground than that is no bodywork
LEAST = 0.01  # share of the photo that must stand out before there is anything to cut


class Border:
    """Finds whatever stands out from a plain ground. Knows no views."""

    identity = IDENTITY

    def __call__(self, pixels: RGB) -> Seen:
        """Look at one picture, uint8 sRGB (H, W, 3)."""
        small = _small(pixels)
        lab = cv2.cvtColor(small.astype(np.float32) / 255, cv2.COLOR_RGB2Lab)
        ground = find_ground(lab)
        if ground.fits < (PLAIN_GRADED if ground.spread > GRADED else PLAIN):
            return Seen(None, Reason.BAD_CUTOUT, f"the ground is not plain: {ground.fits:.0%} of the border fits it")
        stands_out = (ground.distance > STANDS_OUT) & ~ground.reached
        if stands_out.mean() < LEAST:
            return Seen(None, Reason.NO_CAR, f"{stands_out.mean():.1%} of it stands out from the ground")
        mask = _cut(small, lab, ground, stands_out)
        bad = fault(mask, lab, ground)
        return Seen(None, Reason.BAD_CUTOUT, bad) if bad else Seen(onto(pixels, mask, EDGE))


def _small(pixels: RGB) -> RGB:
    scale = min(1.0, SIDE / max(pixels.shape[:2]))
    size = max(8, round(pixels.shape[1] * scale)), max(8, round(pixels.shape[0] * scale))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)


def _cut(small: RGB, lab: np.ndarray, ground: Ground, stands_out: np.ndarray) -> np.ndarray:
    """GrabCut from what stands out; bool (H, W)."""
    start = np.full(stands_out.shape, cv2.GC_PR_BGD, np.uint8)
    start[stands_out] = cv2.GC_PR_FGD
    start[_eroded(stands_out & (ground.distance > 2.5 * STANDS_OUT))] = cv2.GC_FGD
    start[ground.reached] = cv2.GC_BGD
    if not (start & 1).any():
        return np.zeros(start.shape, bool)
    cv2.setRNGSeed(0)  # GrabCut's clusters start at random, from a state that the thread's earlier photos left
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(np.ascontiguousarray(small[..., ::-1]), start, (0, 0, 0, 0), *models, ROUNDS, cv2.GC_INIT_WITH_MASK)
    whole = _filled(_opened(((start & 1) > 0) | _enclosed(ground, stands_out)))
    return _opened(without_shadow(whole, lab, ground))


def _enclosed(ground: Ground, stands_out: np.ndarray) -> np.ndarray:
    """Pixels of the ground's colour that the ground does not reach: a white car's doors on white; bool (H, W)."""
    rows = np.flatnonzero(stands_out.any(axis=1))
    alike = _opened((ground.distance < FITS) & ~ground.reached, 5)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(alike.astype(np.uint8), connectivity=4)
    round_about = cv2.dilate(labels.astype(np.float32), np.ones((7, 7), np.uint8)).astype(int)
    round_about[labels > 0] = 0
    open_to = np.bincount(round_about[ground.reached], minlength=count)
    around = np.maximum(np.bincount(round_about.ravel(), minlength=count), 1)
    held = open_to / around < OPEN
    held &= stats[:, cv2.CC_STAT_TOP] < rows[0] + 0.6 * (rows[-1] - rows[0])  # lower, it is floor between the wheels
    held[0] = False
    return np.asarray(held[labels], bool)


def _eroded(mask: np.ndarray) -> np.ndarray:
    return cv2.erode(mask.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0


def _opened(mask: np.ndarray, side: int = 3) -> np.ndarray:
    """Without threads and crumbs: kerbs, reflections' rims, shadow's edges."""
    return cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, np.ones((side, side), np.uint8)) > 0


def _filled(mask: np.ndarray) -> np.ndarray:
    """With the holes that the ground's colour left inside: windows, white doors on white."""
    closed = cv2.morphologyEx(np.pad(mask, 4).astype(np.uint8), cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))[4:-4, 4:-4]
    return ~reaches_border(closed == 0)
