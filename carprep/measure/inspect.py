"""Measure what tells a usable photo from a poor one; judge nothing."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from carprep.photo import RGB, Facts

SIDE = 256  # px; sharpness depends on scale, so it is always taken at this one
RING = 0.03  # share of the shorter side that counts as border
WHITE = 245
PLAIN = 24  # of 255; JPEG noise and a soft light stay within it
SAME = 8  # of 255
BAR_DARK = 20  # of 255; JPEG leaves black bars at up to about 12
BAR_LEAST = 0.03  # share of the side; less is a dark edge, no bar


def inspect(small: RGB, thumb: RGB) -> Facts:
    """Scores of a whole photo: sharpness, light, border, bars; see `facts.SCHEMA`.

    Args:
        small: uint8 sRGB (H, W, 3), the photo as `scaled` makes it.
        thumb: the same squashed to a small square, as `fingerprint` makes it.
    """
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
    mean, deviation = cv2.meanStdDev(grey)
    ring = _ring(small)
    return {
        "sharpness": round(float(cv2.meanStdDev(cv2.Laplacian(grey, cv2.CV_32F))[1].item()) ** 2, 3),
        "exposure": round(mean.item() / 255, 4),
        "contrast": round(deviation.item() / 255, 4),
        "uniform": _share_near_median(thumb.reshape(-1, 1, 3), SAME),
        "border_white": _share(ring, (WHITE, WHITE, WHITE), (255, 255, 255)),
        "border_plain": _share_near_median(ring, PLAIN),
        "checkerboard": checkerboard(grey),
        **bars(grey),
    }


def checkerboard(grey: np.ndarray) -> float:
    """How much of the outermost tenth repeats like a painted checkerboard, 0 to 1.

    A pixel counts where it equals the one two squares on and differs from the one a square on, both along the
    border and across; the square's side is the one, of 3 to 24 px, for which most pixels count.
    """
    deep = max(8, min(grey.shape) // 10)
    if not _two_light_greys(np.concatenate([grey[:deep], grey[-deep:]])):
        return 0.0  # spares the search in nearly every photo
    strips = [grey[:deep], grey[-deep:], grey[:, :deep].T, grey[:, -deep:].T]
    return round(max(_repeats(strips, square) for square in range(3, 25)), 4)


def _two_light_greys(ends: np.ndarray) -> bool:
    """Whether two separate light levels share the upper and lower end of a picture between them."""
    levels = cv2.calcHist([ends], [0], None, [32], [0, 256]).ravel() / ends.size
    levels = np.convolve(levels, (1, 1, 1), "same")
    first = int(levels.argmax())
    levels[max(0, first - 2) : first + 3] = 0
    second = int(levels.argmax())
    return bool(levels[second] > 0.2 and min(first, second) >= 20)


def _repeats(strips: list[np.ndarray], square: int) -> float:
    hits = [_repeat(strip.astype(np.int16), square) for strip in strips if strip.shape[1] > 4 * square]
    return float(np.mean(hits)) if hits else 0.0


def _repeat(strip: np.ndarray, square: int) -> float:
    here, next_one, after = strip[:, : -2 * square], strip[:, square:-square], strip[:, 2 * square :]
    along = (abs(here - after) <= SAME) & (abs(here - next_one) > SAME)
    return float(along.mean())


def bars(grey: np.ndarray) -> dict[str, float]:
    """Black bars at the four edges, as shares of the side; 0 where there is none."""
    dark = (grey <= BAR_DARK).view(np.uint8)
    dark_rows = cv2.reduce(dark, 1, cv2.REDUCE_SUM, dtype=cv2.CV_32S).ravel() > 0.98 * grey.shape[1]
    dark_columns = cv2.reduce(dark, 0, cv2.REDUCE_SUM, dtype=cv2.CV_32S).ravel() > 0.98 * grey.shape[0]
    found = {
        "bar_top": _run(dark_rows),
        "bar_bottom": _run(dark_rows[::-1]),
        "bar_left": _run(dark_columns),
        "bar_right": _run(dark_columns[::-1]),
    }
    return {name: (round(share, 4) if BAR_LEAST <= share < 0.5 else 0.0) for name, share in found.items()}


def _run(dark: np.ndarray) -> float:
    return float(np.argmin(dark)) / len(dark) if not dark.all() else 1.0


def scaled(pixels: RGB) -> RGB:
    """A picture with its longest side at 256 px, made smaller or larger."""
    height, width = pixels.shape[:2]
    scale = SIDE / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    # down to half size linear interpolation sees every pixel, in a fifth of the time of area averaging
    how = cv2.INTER_LINEAR if scale >= 0.5 else cv2.INTER_AREA
    return np.asarray(cv2.resize(pixels, size, interpolation=how), np.uint8)


def _ring(pixels: RGB) -> np.ndarray:
    """Every few pixels of the border, uint8 (N, 1, 3)."""
    deep = max(1, round(RING * min(pixels.shape[:2])))
    skip = max(1, max(pixels.shape[:2]) // 128)
    parts = (
        pixels[:deep, ::skip],
        pixels[-deep:, ::skip],
        pixels[deep:-deep:skip, :deep],
        pixels[deep:-deep:skip, -deep:],
    )
    return np.concatenate([part.reshape(-1, 1, 3) for part in parts])


def _share_near_median(colours: np.ndarray, near: int) -> float:
    middle = len(colours) // 2
    median = np.partition(colours, middle, axis=0)[middle, 0].astype(int)
    return _share(colours, (median - near).tolist(), (median + near).tolist())


def _share(colours: np.ndarray, lowest: Sequence[float], highest: Sequence[float]) -> float:
    """Share of the colours, uint8 (N, 1, 3), that lie between two in each channel."""
    return round(cv2.countNonZero(cv2.inRange(colours, tuple(lowest), tuple(highest))) / max(1, len(colours)), 4)
