"""The plain ground behind a car: its colour as a smooth surface, and how far it reaches in from the photo's border."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

RING = 0.03  # share of the shorter side that is read as border
FITS = 9.0  # Lab distance within which a pixel has the ground's colour; JPEG noise is 1 to 4
STEP, GRADED_STEP = 8.0, 11.0  # Lab range in 3 x 3 pixels that only an outline has; on a plain and on a graded ground
CLEAN, CLEAN_STEP = 3.0, 5.0  # spread of a ground that is one colour, and the range there: white cars on white
HUE = 8.0  # Lab distance in colour alone within which lighter or darker ground is still ground
DARKEST, LIGHTER = 0.35, 35.0  # share of the lightness that a shadow leaves; Lab lightness that a lamp may add
GRADED = 12.0  # Lab distance over which a ground's colour goes, from which it is graded
GAP = 5  # px; a way in that is narrower is a gap in the outline of a white car on white
CORNER = 6  # px that the ground goes into corners narrower than that: beside aerials, roof rails and mirrors
ORDERS = (0, 1, 2, 2)  # of the polynomial, round by round: from what most of the border shares to its shading
HOPELESS = 0.65  # share of the border that is roughly like the surface; below it the ground is a scene at once
SAMPLES = 6000  # pixels that a surface is fitted through; more change it by less than the noise
FINAL_ORDER = 4  # once the ground inside is known too; studios' lamps make rings


@dataclass(frozen=True)
class Ground:
    """What is known of the ground.

    Attributes:
        lab: its colour at each pixel, Lab float32 (H, W, 3).
        distance: how far each pixel's colour is from it, Lab float32 (H, W).
        reached: bool (H, W); pixels that hang together with the border without crossing an outline.
        fits: share of the border that is ground; the bottom side, where cars and shadows end, counts half.
        spread: how far its colours go from their median, Lab distance; a plain ground 0 to 12, a lit one 12 to 40.
    """

    lab: np.ndarray
    distance: np.ndarray
    reached: np.ndarray
    fits: float
    spread: float


def find_ground(lab: np.ndarray) -> Ground:
    """Read the ground off the border and follow it inwards.

    Args:
        lab: float32 CIE Lab, (H, W, 3), longest side about 256 px.
    """
    deep = max(2, round(RING * min(lab.shape[:2])))
    ring = _ring(lab.shape[:2], deep)
    board = _checkerboard(lab, lab[ring])
    if board is not None:
        model, distance = board
        reached = _hangs_together(distance < FITS)
    else:
        model = _surface(lab, ring, ORDERS)
        like = float((np.linalg.norm((lab - model)[ring], axis=1) < 3 * FITS).mean())
        if like < HOPELESS:
            return Ground(model, np.zeros(lab.shape[:2], np.float32), np.zeros(lab.shape[:2], bool), like, 0.0)
        smooth = steps(lab) < _outline(_spread(model[ring]))
        reached = _reach(lab, model, smooth)
        if reached.sum() > ring.sum():
            model = _surface(lab, reached, (FINAL_ORDER,) * 2, model)
            reached = _reach(lab, model, smooth)
        distance = np.linalg.norm(lab - model, axis=2)
    explained = reached | (distance < FITS)
    sides = (explained[:deep], explained[:, :deep], explained[:, -deep:], explained[-deep:])
    fits = float(np.average([side.mean() for side in sides], weights=(1, 1, 1, 0.5)))
    spread = _spread(lab[reached]) if reached.any() else 100.0
    return Ground(model, np.asarray(distance, np.float32), reached, fits, spread)


def _spread(colours: np.ndarray) -> float:
    return float(np.quantile(np.linalg.norm(colours - np.median(colours, axis=0), axis=1), 0.9))


def _outline(spread: float) -> float:
    if spread < CLEAN:
        return CLEAN_STEP
    return GRADED_STEP if spread > GRADED else STEP


def _ring(shape: tuple[int, ...], deep: int) -> np.ndarray:
    ring = np.ones(shape, bool)
    ring[deep:-deep, deep:-deep] = False
    return ring


def _surface(
    lab: np.ndarray, where: np.ndarray, orders: tuple[int, ...], start: np.ndarray | None = None
) -> np.ndarray:
    """A polynomial in x and y through the colours at `where`, deaf to a minority of others: float32 (H, W, 3)."""
    terms = _terms(lab.shape[0], lab.shape[1])
    at = np.flatnonzero(where)[:: max(1, int(where.sum()) // SAMPLES)]
    colours, places = lab.reshape(-1, 3)[at], terms.reshape(-1, terms.shape[2])[at]
    fitted = np.broadcast_to(np.median(colours, axis=0), colours.shape) if start is None else start.reshape(-1, 3)[at]
    for order in orders:
        some = places[:, : (order + 1) * (order + 2) // 2]
        away = np.linalg.norm(colours - fitted, axis=1) / FITS
        weighted = some.T / (1 + away**4)  # a car that leaves the frame, and a logo, weigh next to nothing
        normal = weighted @ some + 1e-3 * np.eye(some.shape[1], dtype=np.float32)
        factors = np.linalg.solve(normal, weighted @ colours)
        fitted = some @ factors
    return np.asarray(terms[..., : len(factors)] @ factors, np.float32)


@lru_cache(maxsize=4)
def _terms(height: int, width: int) -> np.ndarray:
    """The polynomial's terms at each pixel, low orders first: float32 (H, W, 15)."""
    y, x = (np.vander(np.linspace(-1, 1, side), FINAL_ORDER + 1, increasing=True) for side in (height, width))
    powers = [(i, order - i) for order in range(FINAL_ORDER + 1) for i in range(order + 1)]
    return np.stack([y[:, j, None] * x[None, :, i] for i, j in powers], axis=-1).astype(np.float32)


def steps(lab: np.ndarray) -> np.ndarray:
    """The largest change of any of the three within 3 x 3 pixels: float32 (H, W)."""
    calm = cv2.GaussianBlur(lab, (0, 0), 0.7)
    return np.asarray(cv2.morphologyEx(calm, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)).max(axis=2), np.float32)


def lightness_steps(lab: np.ndarray) -> np.ndarray:
    """The change of lightness within 3 x 3 pixels: float32 (H, W)."""
    return np.asarray(cv2.morphologyEx(lab[..., 0], cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)), np.float32)


def _reach(lab: np.ndarray, model: np.ndarray, smooth: np.ndarray) -> np.ndarray:
    off = lab - model
    hue = np.linalg.norm(off[..., 1:], axis=2)
    shaded = (hue < HUE) & (lab[..., 0] > DARKEST * model[..., 0]) & (off[..., 0] < LIGHTER)
    return _hangs_together((shaded | (np.linalg.norm(off, axis=2) < FITS)) & smooth)


def _hangs_together(passable: np.ndarray) -> np.ndarray:
    """The part of a mask that the border reaches by ways of at least GAP px: bool (H, W)."""
    square = np.ones((GAP, GAP), np.uint8)
    padded = cv2.copyMakeBorder(passable.astype(np.uint8), GAP, GAP, GAP, GAP, cv2.BORDER_REPLICATE)
    wide = cv2.morphologyEx(padded, cv2.MORPH_ERODE, square)
    reached = cv2.dilate(reaches_border(wide > 0).astype(np.uint8), square)
    for _ in range(CORNER):
        reached = cv2.dilate(cv2.bitwise_and(reached, padded), np.ones((3, 3), np.uint8))
    return np.asarray(cv2.bitwise_and(reached, padded)[GAP:-GAP, GAP:-GAP] > 0, bool)


def reaches_border(mask: np.ndarray) -> np.ndarray:
    """The part of a mask that hangs together with the picture's border: bool (H, W)."""
    _, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=4)
    rim = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    return np.isin(labels, np.setdiff1d(rim, [0]))


def _checkerboard(lab: np.ndarray, ring: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Two light greys that share the border about evenly: one of them, and the distance from the line between them."""
    lighter = ring[:, 0] > np.quantile(ring[:, 0], 0.5) - 1
    one = np.median(ring[lighter], axis=0).astype(np.float32)
    far = np.linalg.norm(ring - one, axis=1) > FITS
    if not 0.25 < far.mean() < 0.75:
        return None
    other = np.median(ring[far], axis=0).astype(np.float32)
    if np.abs(np.stack([one, other])[:, 1:]).max() > 6 or min(one[0], other[0]) < 55:
        return None
    line = other - one

    def distance(colours: np.ndarray) -> np.ndarray:
        along = np.clip((colours - one) @ line / float(line @ line), 0, 1)
        return np.asarray(np.linalg.norm(colours - one - along[..., None] * line, axis=-1), np.float32)

    if (distance(ring) < FITS).mean() < 0.72:
        return None
    return np.broadcast_to(one, lab.shape), distance(lab)
