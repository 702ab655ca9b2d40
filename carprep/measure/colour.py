"""The car's paint, out of a closed list of ten."""

from __future__ import annotations

import cv2
import numpy as np

from carprep.photo import RGB, Alpha

COLOURS = ("white", "silver", "grey", "black", "red", "orange", "yellow", "green", "blue", "brown")
SIDE = 96  # px; a paint needs no detail
CHROMATIC = 13.0  # Lab chroma; clear coat on a white car reflects the sky with up to about 12
ENOUGH = 0.18  # share of the car; lamps and plates stay below it
# upper end of the hue's span in degrees of Lab, anti-clockwise from magenta-red; dark orange is brown
HUES = ((50.0, "red"), (72.0, "orange"), (105.0, "yellow"), (195.0, "green"), (315.0, "blue"), (360.0, "red"))
BROWN_BELOW, BROWN_DULL = 46.0, 46.0  # Lab lightness and chroma; the same hue above either is orange
BODY = (0.35, 0.85)  # of the box from above: below the windows, above the tyres


def paint(pixels: RGB, alpha: Alpha) -> str | None:
    """Name the paint of the car under a mask.

    Args:
        pixels: uint8 sRGB (H, W, 3).
        alpha: float32 (H, W) in [0, 1].

    Returns:
        One of `COLOURS`; None where the mask is empty.
    """
    scale = min(1.0, SIDE / max(alpha.shape))
    size = max(1, round(alpha.shape[1] * scale)), max(1, round(alpha.shape[0] * scale))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    mask = cv2.resize(alpha, size, interpolation=cv2.INTER_AREA) > 0.9
    rows = np.flatnonzero(mask.any(axis=1))
    if not len(rows):
        return None
    first, last = (rows[0] + round(share * (rows[-1] + 1 - rows[0])) for share in BODY)
    mask[:first] = mask[max(last, first + 1) :] = False
    if not mask.any():
        return None
    lightness, a, b = (channel[mask] for channel in cv2.split(cv2.cvtColor(small, cv2.COLOR_RGB2Lab)))
    chroma = np.hypot(a, b)
    strong = chroma > CHROMATIC
    if strong.mean() >= ENOUGH:
        return _hue(a[strong], b[strong], lightness[strong], chroma[strong])
    return _grey(lightness)


def _hue(a: np.ndarray, b: np.ndarray, lightness: np.ndarray, chroma: np.ndarray) -> str:
    degrees = np.degrees(np.arctan2(b, a)) % 360
    names = np.searchsorted([end for end, _ in HUES], degrees)
    votes = np.bincount(names, weights=chroma, minlength=len(HUES))
    votes[0] += votes[-1]  # red lies on both sides of 0 degrees
    votes[-1] = 0
    winner = int(votes.argmax())
    own = names == winner
    dull = np.median(chroma[own]) < BROWN_DULL
    if HUES[winner][1] in ("orange", "yellow") and dull and np.median(lightness[own]) < BROWN_BELOW:
        return "brown"
    return HUES[winner][1]


def _grey(lightness: np.ndarray) -> str:
    # lamps are bright and gaps dark on every car: the paint is between
    level = float(np.quantile(lightness, 0.65))
    return "white" if level > 75 else "silver" if level > 56 else "grey" if level > 28 else "black"
