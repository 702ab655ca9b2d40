"""Clean edges: the car's own colour under partial alpha."""

from __future__ import annotations

import cv2
import numpy as np

from carprep.photo import RGB, Alpha

RADII = (90, 6)  # px of the two passes, as Forte (2021) has them for pictures of about 500 px


def foreground(pixels: RGB, alpha: Alpha) -> RGB:
    """The car's own colour under partial alpha, free of the old ground (blur-fusion twice; Forte 2021).

    Args:
        pixels: uint8 sRGB (H, W, 3).
        alpha: float32 (H, W) in [0, 1].

    Returns:
        uint8 sRGB (H, W, 3); equal to `pixels` where alpha is 1.
    """
    image = pixels.astype(np.float32)
    alpha3 = alpha[..., None]
    front, ground = image, image
    for radius in RADII:
        front, ground = _blur_fusion(image, front, ground, alpha3, radius)
    return np.where(alpha3 >= 1, pixels, np.clip(front + 0.5, 0, 255).astype(np.uint8))


def _blur_fusion(
    image: np.ndarray, front: np.ndarray, ground: np.ndarray, alpha: np.ndarray, radius: int
) -> tuple[np.ndarray, np.ndarray]:
    """One pass: blurred estimates of both layers, then what the picture itself leaves to explain."""
    blurred_alpha = _box(alpha, radius)[..., None]
    smooth_front = _box(front * alpha, radius) / (blurred_alpha + 1e-5)
    smooth_ground = _box(ground * (1 - alpha), radius) / (1 - blurred_alpha + 1e-5)
    rest = image - alpha * smooth_front - (1 - alpha) * smooth_ground
    return np.clip(smooth_front + alpha * rest, 0, 255), smooth_ground


def _box(values: np.ndarray, radius: int) -> np.ndarray:
    return cv2.blur(values, (2 * radius + 1, 2 * radius + 1), borderType=cv2.BORDER_REPLICATE)
