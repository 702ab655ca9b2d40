"""A photo into the network's input, and the network's answer back onto the photo."""

from __future__ import annotations

import cv2
import numpy as np

from carprep.photo import RGB, Alpha

SIDE = 256  # px, the input's longer side
BLOCK = 32  # px: the input's sides are multiples of it, since the network halves five times
GREY = 114  # of what lies round the photo


def letterbox(pixels: RGB, side: int = SIDE) -> tuple[RGB, tuple[int, int, int, int]]:
    """Scale a photo to `side` px and put it on grey, no larger than the network needs.

    Args:
        pixels: uint8 sRGB (H, W, 3).

    Returns:
        uint8 (h, w, 3), h and w multiples of 32 of at most `side`; and the photo's place in it: left, top, width,
        height.
    """
    (height, width), inner = boxed_shape(pixels.shape[:2], side), _inner(pixels.shape[:2], side)
    canvas = np.full((height, width, 3), GREY, np.uint8)
    left, top = (width - inner[0]) // 2, (height - inner[1]) // 2
    shrinks = side < max(pixels.shape[:2])
    small = cv2.resize(pixels, inner, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    canvas[top : top + inner[1], left : left + inner[0]] = small
    return canvas, (left, top, *inner)


def boxed_shape(shape: tuple[int, ...], side: int = SIDE) -> tuple[int, int]:
    """Height and width of the input that a photo of this height and width becomes."""
    width, height = _inner(shape, side)
    return -(-height // BLOCK) * BLOCK, -(-width // BLOCK) * BLOCK


def _inner(shape: tuple[int, ...], side: int) -> tuple[int, int]:
    """Width and height of the scaled photo."""
    scale = side / max(shape)
    return max(1, round(shape[1] * scale)), max(1, round(shape[0] * scale))


def inside(plane: np.ndarray, place: tuple[int, int, int, int]) -> np.ndarray:
    """The photo's part of a plane of the network's input size."""
    left, top, width, height = place
    return plane[top : top + height, left : left + width]


def unbox(plane: np.ndarray, place: tuple[int, int, int, int], shape: tuple[int, int]) -> Alpha:
    """A plane of the network's input size back to the photo's shape (H, W), float32."""
    inner = np.ascontiguousarray(inside(plane, place), np.float32)
    return np.asarray(cv2.resize(inner, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR), np.float32)
