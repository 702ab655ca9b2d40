"""The looker `border`: no weights; for plain grounds only, and it says so where the ground is not plain.

The ground's colour is read off the photo's left and right edges, row by row, and carried across between them, so that
a studio's wall, horizon and floor are one model. What differs from it starts GrabCut (Rother, Kolmogorov & Blake
2004); a shadow, which is ground made darker without another hue, starts as ground.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from carprep.models.guided import refine
from carprep.models.looker import Seen
from carprep.photo import RGB, Alpha, Reason

SIDE = 224  # px, longest; GrabCut's time grows with the pixels, and the edge is refined afterwards
RING = 0.03  # share of the shorter side that is read as border
FITS = 9.0  # Lab distance within which a border pixel fits the ground model
ONE_COLOUR = 0.78  # share of the border within that distance of one colour, from which that is the whole model
PLAIN = 0.86  # share of the border that must fit; below it the ground is a scene
CALM = 70.0  # Lab distance that the ground's colour may wander down an edge; more is a scene
STANDS_OUT = 11.0  # Lab distance from which a pixel is no ground
SHADOW_HUE = 9.0  # Lab distance in colour alone, within which darker ground is shadow
SHADOW_DEEP = 55.0  # Lab lightness a shadow may take away; tyres take more
ROUNDS = 3  # of GrabCut; more move the edge by less than a pixel
LEAST, MOST = 0.02, 0.92  # share of the photo that a car may fill
SOLID = 0.76  # area over that of the convex hull; cars have 0.8 to 0.95, spilt masks less
RUNS_OUT = 0.12  # of the photo's height: a strip of wall or floor does, a car that just touches the edge does not
PURE = 98.0  # Lab lightness from which the ground is pure white, where there is neither wall nor floor
CRUMB, WHOLE = 0.015, 0.35  # of the main blob's area: a smaller piece is a crumb, a larger one another car


@dataclass(frozen=True)
class _Ground:
    """A model of the ground.

    Attributes:
        lab: its colour, Lab float32 (H, W, 3).
        other: a second colour, Lab float32 (3,): of a painted transparency checkerboard; else None.
        fits: share of the border that fits it.
        changes: how far the colour wanders down an edge, Lab distance; a studio's light 0 to 60, a scene 80 to 250.
    """

    lab: np.ndarray
    fits: float
    changes: float = 0.0
    other: np.ndarray | None = None

    def distance(self, lab: np.ndarray) -> np.ndarray:
        """How far each pixel is from the ground, or from the line between its two colours: float32 (H, W)."""
        if self.other is None:
            return np.asarray(np.linalg.norm(lab - self.lab, axis=2), np.float32)
        line = self.other - self.lab[0, 0]
        along = np.clip((lab - self.lab[:1, :1]) @ line / float(line @ line), 0, 1)
        return np.asarray(np.linalg.norm(lab - self.lab[:1, :1] - along[..., None] * line, axis=2), np.float32)


class Border:
    """Finds whatever stands out from a plain ground. Knows no views."""

    identity = "border/1"

    def __call__(self, pixels: RGB) -> Seen:
        """Look at one picture, uint8 sRGB (H, W, 3)."""
        small = _small(pixels)
        lab = cv2.cvtColor(small.astype(np.float32) / 255, cv2.COLOR_RGB2Lab)
        ground = _ground(lab)
        if ground.fits < PLAIN:
            return Seen(
                None, Reason.BAD_CUTOUT, f"the ground is not plain: {ground.fits:.0%} of the border fits one model"
            )
        if ground.changes > CALM:
            return Seen(
                None, Reason.BAD_CUTOUT, f"the ground is a scene: its colour wanders by {ground.changes:.0f} of 100"
            )
        difference = ground.distance(lab)
        stands_out = difference > STANDS_OUT
        if stands_out.mean() < LEAST / 2:
            return Seen(None, Reason.NO_CAR, f"{stands_out.mean():.1%} of it stands out from the ground")
        mask = _cut(small, lab, ground, difference)
        fault = _fault(mask, ground)
        if fault:
            return Seen(None, Reason.BAD_CUTOUT, fault)
        return Seen(_full_size(mask, pixels))


def _small(pixels: RGB) -> RGB:
    scale = min(1.0, SIDE / max(pixels.shape[:2]))
    size = max(8, round(pixels.shape[1] * scale)), max(8, round(pixels.shape[0] * scale))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)


def _ground(lab: np.ndarray) -> _Ground:
    """One colour where that explains the border, else the two side edges carried across."""
    deep = max(2, round(RING * min(lab.shape[:2])))
    sides = (lab[:deep], lab[:, :deep], lab[:, -deep:], lab[-deep:])
    ring = np.concatenate([side.reshape(-1, 3) for side in sides])
    middle = np.median(ring, axis=0).astype(np.float32)
    one = float((np.linalg.norm(ring - middle, axis=1) < FITS).mean())
    if one >= ONE_COLOUR:  # a car that fills the frame touches its edges: the rest of the border still tells
        return _Ground(np.broadcast_to(middle, lab.shape), 1.0)
    return _checkerboard(lab, ring) or _carried_across(lab, deep)


def _checkerboard(lab: np.ndarray, ring: np.ndarray) -> _Ground | None:
    """Two light greys that share the border about evenly; None where it is not so."""
    lighter = ring[:, 0] > np.quantile(ring[:, 0], 0.5) - 1
    one = np.median(ring[lighter], axis=0).astype(np.float32)
    far = np.linalg.norm(ring - one, axis=1) > FITS
    if not 0.25 < far.mean() < 0.75:
        return None
    other = np.median(ring[far], axis=0).astype(np.float32)
    greys = np.abs(np.stack([one, other])[:, 1:]).max() < 6 and min(one[0], other[0]) > 55
    ground = _Ground(np.broadcast_to(one, lab.shape), 1.0, 0.0, other)
    return ground if greys and (ground.distance(ring[None]) < FITS).mean() > ONE_COLOUR else None


def _carried_across(lab: np.ndarray, deep: int) -> _Ground:
    left, right = _edge(lab[:, :deep]), _edge(lab[:, -deep:])
    across = np.linspace(0, 1, lab.shape[1], dtype=np.float32)[None, :, None]
    model = left[:, None] * (1 - across) + right[:, None] * across
    near = np.linalg.norm(lab - model, axis=2) < FITS
    # the bottom counts half: shadows and cut-off wheels lie there
    shares = [near[:deep].mean(), near[:, :deep].mean(), near[:, -deep:].mean(), 0.5 + near[-deep:].mean() / 2]
    fits = float(np.mean(shares)) if min(shares) > 0.5 else float(min(shares))
    return _Ground(model, fits, (_wandering(left) + _wandering(right)) / 2)


def _wandering(edge: np.ndarray) -> float:
    return float(np.linalg.norm(np.diff(edge[::4], axis=0), axis=1).sum())


def _edge(strip: np.ndarray) -> np.ndarray:
    """The colour of a vertical strip, row by row, smoothed along it: float32 (H, 3)."""
    rows = np.median(strip, axis=1).astype(np.float32)
    window = max(5, len(rows) // 12) | 1
    padded = np.pad(rows, ((window // 2, window // 2), (0, 0)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, window, axis=0)
    return np.asarray(np.median(windows, axis=-1), np.float32)


def _cut(small: RGB, lab: np.ndarray, ground: _Ground, difference: np.ndarray) -> np.ndarray:
    """GrabCut from what stands out; bool (H, W)."""
    shadow = _shadow(lab, ground)
    start = np.full(difference.shape, cv2.GC_PR_BGD, np.uint8)
    start[(difference > STANDS_OUT) & ~shadow] = cv2.GC_PR_FGD
    start[_surely(difference > 2.5 * STANDS_OUT, shadow)] = cv2.GC_FGD
    # what matches the ground and hangs together with the border is ground, however much the car's colour is like it
    start[_reaches_border(difference < STANDS_OUT / 2)] = cv2.GC_BGD
    if not (start == cv2.GC_PR_FGD).any() and not (start == cv2.GC_FGD).any():
        return np.zeros(start.shape, bool)
    cv2.setRNGSeed(0)  # GrabCut's clusters start at random, from a state that the thread's earlier photos left
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(np.ascontiguousarray(small[..., ::-1]), start, (0, 0, 0, 0), *models, ROUNDS, cv2.GC_INIT_WITH_MASK)
    mask = (start == cv2.GC_FGD) | (start == cv2.GC_PR_FGD)
    return _filled(_opened(mask))


def _shadow(lab: np.ndarray, ground: _Ground) -> np.ndarray:
    """Ground made darker without another hue, smooth, and low down: bool (H, W)."""
    darker = ground.lab[..., 0] - lab[..., 0]
    hue = np.linalg.norm((lab - ground.lab)[..., 1:], axis=2)
    rough = cv2.morphologyEx(lab[..., 0], cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    rows = np.flatnonzero((ground.distance(lab) > STANDS_OUT).any(axis=1))
    # shadows lie on the floor: grey windows and roofs, which are high up, are no shadow
    floor = np.arange(len(lab))[:, None] > (rows[0] + 0.6 * (rows[-1] - rows[0]) if len(rows) else 0)
    return np.asarray(floor & (darker > 0) & (darker < SHADOW_DEEP) & (hue < SHADOW_HUE) & (rough < 8), bool)


def _surely(different: np.ndarray, shadow: np.ndarray) -> np.ndarray:
    return cv2.erode((different & ~shadow).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0


def _reaches_border(mask: np.ndarray) -> np.ndarray:
    _, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=4)
    rim = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    return np.isin(labels, np.setdiff1d(rim, [0]))


def _opened(mask: np.ndarray) -> np.ndarray:
    """Without threads and crumbs: kerbs, reflections' rims, shadow's edges."""
    return cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)) > 0


def _filled(mask: np.ndarray) -> np.ndarray:
    """With the holes that the ground's colour left inside: windows, white doors on white."""
    closed = cv2.morphologyEx(np.pad(mask, 4).astype(np.uint8), cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))[4:-4, 4:-4]
    return ~_reaches_border(closed == 0)


def _fault(mask: np.ndarray, ground: _Ground) -> str:
    """What makes a mask no car's; empty where nothing does."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    if count < 2:
        return "nothing is left once the shadow is taken off"
    areas = stats[:, cv2.CC_STAT_AREA].astype(float)
    areas[0] = 0
    share = areas.max() / mask.size
    if not LEAST <= share <= MOST:
        return f"what stands out fills {share:.1%} of the photo"
    edge = max(float(mask[:, columns].any(axis=1).mean()) for columns in (slice(2), slice(-2, None)))
    if edge > RUNS_OUT and ground.lab[..., 0].min() < PURE:
        return f"what stands out runs into the photo's side over {edge:.0%} of its height"
    # a white car on white falls into pieces; crumbs and logos do not count, and two whole cars are judged later
    main = labels == int(areas.argmax())
    pieces = np.isin(labels, np.flatnonzero((areas > CRUMB * areas.max()) & (areas < WHOLE * areas.max()))) | main
    solid = pieces.sum() / max(1.0, cv2.contourArea(cv2.convexHull(cv2.findNonZero(pieces.astype(np.uint8)))))
    return "" if solid >= SOLID else f"what stands out is in pieces or frayed: {solid:.0%} of its hull"


def _full_size(mask: np.ndarray, pixels: RGB) -> Alpha:
    size = pixels.shape[1], pixels.shape[0]
    coarse = cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_LINEAR)
    ratio = pixels.shape[1] / mask.shape[1]
    fine = refine(np.asarray(coarse, np.float32), pixels, max(2, round(2.5 * ratio)), 1e-4)
    return _sharpened(fine)


def _sharpened(alpha: Alpha) -> Alpha:
    """Ends of the soft edge made hard: a guided filter leaves a veil of a few per cent far around."""
    return np.asarray(np.clip((alpha - 0.15) / 0.7, 0, 1), np.float32)
