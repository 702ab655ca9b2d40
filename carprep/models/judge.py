"""Whether a mask can be a car's: a cut-out that took the floor along, or lost part of the car, is refused.

The limits were set by eye on 400 studio photos, and on masks known to the pixel; they lean towards refusing, since a
photo left out costs less than half a car in the training set.
"""

from __future__ import annotations

import cv2
import numpy as np

from carprep.models.ground import FITS, GRADED, STEP, Ground, steps

LEAST, MOST = 0.02, 0.92  # share of the photo that a car may fill
SOLID = 0.78  # area over that of the convex hull; cars have 0.8 to 0.98, spilt masks less
CRUMB, WHOLE = 0.015, 0.35  # of the main blob's area: a smaller piece is a crumb, a larger one another car
WISPS, WISPS_GRADED = 0.04, 0.0125  # share of it that is thinner than THIN; hills and beams of light are
THIN = 0.12  # of the car's height; mirrors, aerials and spoilers are thinner and make up 0.01 of it
STRANGE = 0.11  # area of what else is no ground, of the car's; on a graded ground that is a landscape, not a logo
BITE = 0.3  # of the car's height: a deeper dent from below is a wheel or a bumper that went with the ground
EDGED = 0.915  # share of the upper outline that lies on an edge of the photo; less is cut through a white bonnet
RUNS_OUT = 0.12  # of the photo's height: a strip of wall or floor does, a car that just touches the side does not
PURE = 98.0  # Lab lightness from which the ground is pure white, where there is neither wall nor floor
TYRE = 14.0  # Lab lightness of the ground below which tyres cannot be told from it


def fault(mask: np.ndarray, lab: np.ndarray, ground: Ground) -> str:
    """What makes a mask no car's; empty where nothing does.

    Args:
        mask: bool (H, W).
        lab: float32 CIE Lab (H, W, 3).
    """
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    if count < 2:
        return "nothing is left once the shadow is taken off"
    areas = stats[:, cv2.CC_STAT_AREA].astype(float)
    areas[0] = 0
    main = labels == int(areas.argmax())
    share = areas.max() / mask.size
    if not LEAST <= share <= MOST:
        return f"what stands out fills {share:.1%} of the photo"
    if (dark := float(np.median(ground.lab[..., 0]))) < TYRE:
        return f"the ground is as dark as tyres: lightness {dark:.0f} of 100"
    # a white car on white falls into pieces; crumbs and logos do not count, and two whole cars are judged later
    pieces = np.isin(labels, np.flatnonzero((areas > CRUMB * areas.max()) & (areas < WHOLE * areas.max()))) | main
    solid = pieces.sum() / max(1.0, cv2.contourArea(cv2.convexHull(cv2.findNonZero(pieces.astype(np.uint8)))))
    if solid < SOLID:
        return f"what stands out is in pieces or frayed: {solid:.0%} of its hull"
    runs_out = max(float(main[:, columns].any(axis=1).mean()) for columns in (slice(2), slice(-2, None)))
    if runs_out > RUNS_OUT and np.median(ground.lab[..., 0]) < PURE:
        return f"what stands out runs into the photo's side over {runs_out:.0%} of its height"
    return _spilt(mask, main, ground) or _bitten(main, lab)


def _spilt(mask: np.ndarray, main: np.ndarray, ground: Ground) -> str:
    graded = ground.spread > GRADED
    across = max(3, int(THIN * _height(main))) | 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (across, across))
    wisps = 1 - cv2.morphologyEx(main.astype(np.uint8), cv2.MORPH_OPEN, disc).sum() / main.sum()
    if wisps > (WISPS_GRADED if graded else WISPS):
        return f"wisps hang on what stands out: {wisps:.1%} of it"
    outside = cv2.dilate(mask.astype(np.uint8), np.ones((7, 7), np.uint8)) == 0
    strange = (outside & ~ground.reached & (ground.distance > FITS)).sum() / main.sum()
    if graded and strange > STRANGE:
        return f"the ground is a landscape: what is strange in it is {strange:.0%} of the car"
    return ""


def _bitten(main: np.ndarray, lab: np.ndarray) -> str:
    bite = _bite(main)
    if bite > BITE:
        return f"a dent from below is {bite:.0%} of its height"
    edged = _edged(main, lab)
    if edged < EDGED:
        return f"only {edged:.0%} of its upper outline lies on an edge"
    return ""


def _height(main: np.ndarray) -> int:
    return int(np.ptp(np.flatnonzero(main.any(axis=1)))) + 1


def _bite(main: np.ndarray) -> float:
    """Depth of the deepest dent in the lower half, as a share of the height; dents at the frame do not count."""
    outlines, _ = cv2.findContours(main.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    outline = max(outlines, key=cv2.contourArea)
    corners = np.sort(cv2.convexHull(outline, returnPoints=False).reshape(-1))[::-1]
    dents = cv2.convexityDefects(outline, corners.reshape(-1, 1).astype(np.int32)) if len(corners) > 3 else None
    if dents is None:
        return 0.0
    points = outline.reshape(-1, 2)
    middle = int(np.flatnonzero(main.any(axis=1))[0]) + _height(main) / 2
    inner = (points[:, 0] > 1) & (points[:, 0] < main.shape[1] - 2) & (points[:, 1] > middle)
    depths = [depth / 256 for _, _, deepest, depth in dents.reshape(-1, 4) if inner[deepest]]
    return max(depths, default=0.0) / _height(main)


def _edged(main: np.ndarray, lab: np.ndarray) -> float:
    square = np.ones((3, 3), np.uint8)
    outline = main & (cv2.erode(main.astype(np.uint8), square, borderValue=1) == 0)
    top = int(np.flatnonzero(main.any(axis=1))[0])
    outline[top + int(0.6 * _height(main)) :] = False
    outline[:2] = outline[:, :2] = outline[:, -2:] = False
    edges = cv2.dilate(steps(lab), square) > STEP
    return float(edges[outline].mean()) if outline.any() else 1.0
