"""The guided filter, which brings a coarse mask's edge onto the photo's own edge."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from carprep.photo import RGB, Alpha

LIKE = 0.05  # of 1: mean colours nearer than this give no line to look along


@dataclass(frozen=True)
class Edge:
    """What is known of a coarse mask's edge.

    Attributes:
        radius: px of the coarse mask; about as far as its outline may be off.
        smooth: variance of the picture, of [0, 1] squared, below which it counts as flat.
        veil: share at either end of the soft edge that becomes 0 or 1, under a half: a guided filter leaves a veil of
            a few per cent far around.
    """

    radius: float
    smooth: float
    veil: float


def refine(alpha: Alpha, pixels: RGB, radius: int = 8, smooth: float = 1e-3) -> Alpha:
    """Bring a mask's edge onto the photo's own edge (guided filter; He, Sun & Tang 2010).

    The guide is the one channel in which inside and outside differ most: a red car on a green lawn has no edge in grey.

    Args:
        alpha: float32 (H, W) in [0, 1].
        pixels: uint8 sRGB (H, W, 3), the guide.
        radius: px; about as far as the edge may be off.
        smooth: variance of the guide, of [0, 1] squared, below which it counts as flat.

    Returns:
        float32 (H, W) in [0, 1].
    """
    guide = _guide(alpha, pixels)
    mean_guide, mean_alpha = _box(guide, radius), _box(alpha, radius)
    variance = _box(guide * guide, radius) - mean_guide**2
    slope = (_box(guide * alpha, radius) - mean_guide * mean_alpha) / (variance + smooth)
    offset = mean_alpha - slope * mean_guide
    return np.asarray(np.clip(_box(slope, radius) * guide + _box(offset, radius), 0, 1), np.float32)


def onto(pixels: RGB, coarse: np.ndarray, edge: Edge) -> Alpha:
    """A mask that was found on a smaller picture, at this picture's size and on its edges.

    Args:
        pixels: uint8 sRGB (H, W, 3).
        coarse: float32 or bool (h, w), of the same scene.
        edge: how far its outline may be off, and how soft it may stay.

    Returns:
        float32 (H, W) in [0, 1].
    """
    size = pixels.shape[1], pixels.shape[0]
    alpha = cv2.resize(np.ascontiguousarray(coarse, np.float32), size, interpolation=cv2.INTER_LINEAR)
    radius = max(2, round(edge.radius * pixels.shape[1] / coarse.shape[1]))
    fine = refine(np.asarray(alpha, np.float32), pixels, radius, edge.smooth)
    return np.asarray(np.clip((fine - edge.veil) / (1 - 2 * edge.veil), 0, 1), np.float32)


def _guide(alpha: Alpha, pixels: RGB) -> np.ndarray:
    """The picture along the line from the outside's mean colour to the inside's: float32 (H, W), about [0, 1]."""
    image = pixels.astype(np.float32) / 255
    inside, outside = (
        cv2.mean(image, weight) for weight in ((alpha > 0.5).astype(np.uint8), (alpha <= 0.5).astype(np.uint8))
    )
    line = np.array(inside[:3], np.float32) - np.array(outside[:3], np.float32)
    length = float(np.linalg.norm(line))
    if length < LIKE:
        return cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255
    return np.asarray(image @ (line / length), np.float32)


def _box(values: np.ndarray, radius: int) -> np.ndarray:
    return cv2.blur(values, (2 * radius + 1, 2 * radius + 1), borderType=cv2.BORDER_REPLICATE)
