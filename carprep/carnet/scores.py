"""How good an answer is: overlap, boundary, calibration, and how sure a mean is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

BOUNDARY_SIDE, BOUNDARY_OFF = 256, 2  # px: outlines are compared at this size, and may be off by so much
BINS = 15  # of equal mass, for the calibration error
RESAMPLES = 1000  # of the bootstrap
LEVEL = 0.95
TEMPERATURES = np.exp(np.linspace(np.log(0.4), np.log(4.0), 121))


@dataclass(frozen=True)
class Figure:
    """A measured figure with its interval (bootstrap over groups; Efron 1979).

    Attributes:
        value, low, high: the figure, and the ends of its 95 % interval; NaN where nothing was measured.
        count: of how many photos.
    """

    value: float
    low: float
    high: float
    count: int

    def __str__(self) -> str:
        if not self.count:
            return "-"
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}] n={self.count}"


def iou(found: np.ndarray, truth: np.ndarray) -> float:
    """Intersection over union of two masks, bool (H, W); 1 where both are empty."""
    union = int((found | truth).sum())
    return float((found & truth).sum() / union) if union else 1.0


def boundary_f(found: np.ndarray, truth: np.ndarray) -> float:
    """F-score of two outlines within 2 px at 256 px (Perazzi et al. 2016); bool (H, W)."""
    scale = BOUNDARY_SIDE / max(truth.shape)
    size = max(1, round(truth.shape[1] * scale)), max(1, round(truth.shape[0] * scale))
    one, other = (
        _outline(cv2.resize(m.astype(np.uint8) * 255, size, interpolation=cv2.INTER_AREA) > 127) for m in (found, truth)
    )
    if not one.any() or not other.any():
        return float(one.any() == other.any())
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * BOUNDARY_OFF + 1,) * 2)
    near_one, near_other = (cv2.dilate(line.astype(np.uint8), disc) > 0 for line in (one, other))
    precision, recall = (one & near_other).sum() / one.sum(), (other & near_one).sum() / other.sum()
    return float(2 * precision * recall / max(precision + recall, 1e-9))


def _outline(mask: np.ndarray) -> np.ndarray:
    # the photo's own edge is no outline: a car that leaves the frame has none there
    return np.asarray(mask & (cv2.erode(mask.astype(np.uint8), np.ones((3, 3), np.uint8), borderValue=1) == 0))


def calibration_error(chances: np.ndarray, right: np.ndarray, bins: int = BINS) -> float:
    """Expected calibration error of the top answer, in bins of equal mass (Nguyen & O'Connor 2015).

    Args:
        chances: float (N,), what the top answer was given.
        right: bool (N,), whether it was right.
    """
    order = np.argsort(chances, kind="stable")
    parts = np.array_split(order, min(bins, len(order)))
    gaps = [len(part) * abs(float(chances[part].mean()) - float(right[part].mean())) for part in parts if len(part)]
    return float(sum(gaps) / max(len(order), 1))


def temperature(logits: np.ndarray, truth: np.ndarray) -> float:
    """What logits must be divided by, so that what is said with 80 % is right in 80 % (Guo et al. 2017); 1 for none.

    Args:
        logits: float (N, C).
        truth: float (N, C), probabilities.
    """
    if not len(logits):
        return 1.0
    losses = [_cross_entropy(logits / t, truth) for t in TEMPERATURES]
    return float(TEMPERATURES[int(np.argmin(losses))])


def _cross_entropy(logits: np.ndarray, truth: np.ndarray) -> float:
    top = logits - logits.max(1, keepdims=True)
    return float(-(truth * (top - np.log(np.exp(top).sum(1, keepdims=True)))).sum(1).mean())


def figure(groups: Sequence[str], measure: Callable[[np.ndarray], float], seed: int = 0) -> Figure:
    """A measure of all photos, and its interval over resampled groups.

    Args:
        groups: of each photo; those of one group are drawn together.
        measure: from indices of photos, int (M,), to a figure; NaN where it is of nothing.
    """
    if not groups:
        return Figure(np.nan, np.nan, np.nan, 0)
    names, members = np.unique(np.asarray(groups), return_inverse=True)
    rows = [np.flatnonzero(members == number) for number in range(len(names))]
    random = np.random.default_rng(seed)
    drawn = [np.concatenate([rows[i] for i in random.integers(0, len(rows), len(rows))]) for _ in range(RESAMPLES)]
    values = np.array([measure(picked) for picked in drawn])
    low, high = np.nanquantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Figure(measure(np.arange(len(groups))), float(low), float(high), len(groups))


def mean_of(values: Sequence[float] | np.ndarray) -> Callable[[np.ndarray], float]:
    """The mean as a measure for `figure`."""
    array = np.asarray(values, np.float64)
    return lambda picked: float(array[picked].mean())


def median_of(values: Sequence[float] | np.ndarray) -> Callable[[np.ndarray], float]:
    """The median as a measure for `figure`."""
    array = np.asarray(values, np.float64)
    return lambda picked: float(np.median(array[picked]))
