"""Take the car's shadow off its mask: floor made darker without another hue, below the car and between its wheels."""

from __future__ import annotations

import cv2
import numpy as np

from carprep.models.ground import HUE, Ground, lightness_steps, reaches_border

FLOOR = 0.62  # of the mask's height, from its top: below it lie tyres and what they cast
CORE = 0.30  # of the ground's lightness: darker is tyre, underbody, or a shadow's core, which cannot be told from them
SOFT = 22.0  # Lab lightness lost in two pixels at a shadow's rim; bodywork and tyres lose more
CLIMB = 0.14  # of the mask's height that a shadow's soft rim may be high
LIT = 0.5  # of the ground's lightness, from which floor seen below the car is lit
STRIP = 0.08  # of the mask's height: lower strips that lie loose under the car are a shadow's core


def without_shadow(mask: np.ndarray, lab: np.ndarray, ground: Ground) -> np.ndarray:
    """A mask without the shadow: bool (H, W).

    Args:
        mask: bool (H, W).
        lab: float32 CIE Lab (H, W, 3).
    """
    rows = np.flatnonzero(mask.any(axis=1))
    if not len(rows):
        return mask
    top, height = int(rows[0]), int(rows[-1] - rows[0] + 1)
    floor = top + round(FLOOR * height)
    share = lab[..., 0] / np.maximum(ground.lab[..., 0], 1)
    neutral = np.linalg.norm((lab - ground.lab)[..., 1:], axis=2) < HUE
    kept = mask & ~_rim(mask, lab[..., 0], neutral & (share > CORE) & (share < 1.05), floor, round(CLIMB * height))
    kept &= ~_seen_below(kept, neutral & (share > LIT) & (lightness_steps(lab) < SOFT), floor)
    kept = _without_strips(kept, floor, max(3, round(STRIP * height)))
    outside = reaches_border(np.pad(~kept, 1, constant_values=True))[1:-1, 1:-1]
    return np.asarray(mask & ~outside, bool)  # bright lines in a dark sill are no floor


def _rim(mask: np.ndarray, lightness: np.ndarray, shade: np.ndarray, floor: int, climb: int) -> np.ndarray:
    """From below, column by column: as long as it only gets darker and no outline is crossed."""
    gone = np.zeros_like(mask)
    last = lightness[-1].copy()
    left = np.zeros(mask.shape[1], int)
    below = np.zeros(mask.shape[1], bool)
    for y in range(len(mask) - 1, floor, -1):
        here = mask[y]
        left[here & ~below] = climb
        drop = last - lightness[y]
        left[~(here & shade[y] & (drop > -2) & (drop < SOFT))] = 0
        gone[y] = here & (left > 0)
        left -= 1
        below, last = here, lightness[y]
    return gone


def _seen_below(mask: np.ndarray, lit: np.ndarray, floor: int) -> np.ndarray:
    """Lit floor between the wheels: wide, smooth, and below the body; rims are round, bumpers reach above the floor."""
    low = lit.copy()
    low[:floor] = False
    low[:, ~mask.any(axis=0)] = False
    _, labels, stats, _ = cv2.connectedComponentsWithStats(low.astype(np.uint8), connectivity=4)
    width = np.ptp(np.flatnonzero(mask.any(axis=0))) if mask.any() else 0
    wide = (stats[:, cv2.CC_STAT_WIDTH] > 1.6 * stats[:, cv2.CC_STAT_HEIGHT]) & (stats[:, 2] > 0.1 * width)
    wide &= stats[:, cv2.CC_STAT_TOP] > floor
    wide[0] = False
    return np.asarray(wide[labels], bool)


def _without_strips(mask: np.ndarray, floor: int, least: int) -> np.ndarray:
    opened = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, np.ones((least, 1), np.uint8)) > 0
    kept = mask.copy()
    kept[floor:] &= opened[floor:]
    return kept
