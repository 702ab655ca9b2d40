"""The guided filter, which brings a coarse mask's edge onto the photo's own edge."""

from __future__ import annotations

import cv2
import numpy as np

from carprep.photo import RGB, Alpha


def refine(alpha: Alpha, pixels: RGB, radius: int = 8, smooth: float = 1e-3) -> Alpha:
    """Bring a mask's edge onto the photo's own edge (He, Sun & Tang 2010, with a grey guide).

    Args:
        alpha: float32 (H, W) in [0, 1].
        pixels: uint8 sRGB (H, W, 3), the guide.
        radius: px; about as far as the edge may be off.
        smooth: variance of the guide, of [0, 1] squared, below which it counts as flat.

    Returns:
        float32 (H, W) in [0, 1].
    """
    guide = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255
    mean_guide, mean_alpha = _box(guide, radius), _box(alpha, radius)
    variance = _box(guide * guide, radius) - mean_guide**2
    slope = (_box(guide * alpha, radius) - mean_guide * mean_alpha) / (variance + smooth)
    offset = mean_alpha - slope * mean_guide
    return np.asarray(np.clip(_box(slope, radius) * guide + _box(offset, radius), 0, 1), np.float32)


def _box(values: np.ndarray, radius: int) -> np.ndarray:
    return cv2.blur(values, (2 * radius + 1, 2 * radius + 1), borderType=cv2.BORDER_REPLICATE)
