"""Lay one thumbnail over another: the crop, border and change of light that best turn the one into the other.

Forward-additive Gauss-Newton on grey pictures (Lucas & Kanade 1981; Baker & Matthews 2004) with robust weights, so that
a banner or a badge that only one of them has does not pull.
"""

from __future__ import annotations

import numpy as np

from carprep.compiled import compiled

UPRIGHT = 6  # unknowns: scale and shift along x, the same along y, gain, offset
TURNED = 8  # and how x leans with y, and y with x
ENOUGH = 2e-4  # of the side; a shorter step is a hundredth of a pixel
LONGEST = 0.1  # of the side; slopes hold nearby only


@compiled
def grey(picture: np.ndarray) -> np.ndarray:
    """uint8 (H, W, 3) to float32 (H, W), BT.601."""
    height, width, _ = picture.shape
    out = np.empty((height, width), np.float32)
    for y in range(height):
        for x in range(width):
            red, green, blue = picture[y, x, 0], picture[y, x, 1], picture[y, x, 2]
            out[y, x] = np.float32(0.299) * red + np.float32(0.587) * green + np.float32(0.114) * blue
    return out


@compiled
def halved(picture: np.ndarray) -> np.ndarray:
    """float32 (2H, 2W) to (H, W) by averaging."""
    out = np.empty((picture.shape[0] // 2, picture.shape[1] // 2), np.float32)
    for y in range(out.shape[0]):
        for x in range(out.shape[1]):
            above = picture[2 * y, 2 * x] + picture[2 * y, 2 * x + 1]
            below = picture[2 * y + 1, 2 * x] + picture[2 * y + 1, 2 * x + 1]
            out[y, x] = (above + below) * np.float32(0.25)
    return out


@compiled
def gradient(picture: np.ndarray) -> np.ndarray:
    """Central differences a pixel, float32 (2, H, W): along x, along y."""
    height, width = picture.shape
    out = np.zeros((2, height, width), np.float32)
    for y in range(height):
        for x in range(width):
            left, right = max(0, x - 1), min(width - 1, x + 1)
            above, below = max(0, y - 1), min(height - 1, y + 1)
            out[0, y, x] = (picture[y, right] - picture[y, left]) / np.float32(right - left)
            out[1, y, x] = (picture[below, x] - picture[above, x]) / np.float32(below - above)
    return out


@compiled
def sample(picture: np.ndarray, x: float, y: float) -> float:
    """Bilinear value at a place in pixels; the edge goes on outside."""
    x, y = min(max(x, 0.0), picture.shape[1] - 1.001), min(max(y, 0.0), picture.shape[0] - 1.001)
    left, top = int(x), int(y)
    along, down = x - left, y - top
    upper = picture[top, left] * (1 - along) + picture[top, left + 1] * along
    lower = picture[top + 1, left] * (1 - along) + picture[top + 1, left + 1] * along
    return upper * (1 - down) + lower * down


@compiled
def refine(one: np.ndarray, other: np.ndarray, where: np.ndarray, unknowns: int, rounds: int, scale: float) -> None:
    """Improve a placement in place.

    Args:
        one, other: float32 grey (N, N).
        where: float64 (8,): u' = where[0] * u + where[1] + where[6] * v and v' = where[2] * v + where[3] + where[7] * u
            take a place in `one` to its place in `other`, as shares of the side; other = where[4] * one + where[5] in
            grey levels.
        unknowns: how many of these to find: `UPRIGHT`, or `TURNED`.
        rounds: of Gauss-Newton.
        scale: grey levels; pixels that are off by more count little.
    """
    side = one.shape[0]
    slope = gradient(other)
    normal, right, row = np.zeros((unknowns, unknowns)), np.zeros(unknowns), np.zeros(TURNED)
    for _ in range(rounds):
        normal[:], right[:] = 0, 0
        for y in range(side):
            v = (y + 0.5) / side
            for x in range(side):
                u = (x + 0.5) / side
                there_x = (where[0] * u + where[1] + where[6] * v) * side - 0.5
                there_y = (where[2] * v + where[3] + where[7] * u) * side - 0.5
                if min(there_x, there_y) < -0.5 or max(there_x, there_y) > side - 0.5:
                    continue
                here = float(one[y, x])
                off = sample(other, there_x, there_y) - where[4] * here - where[5]
                weight = 1 / (1 + (off / scale) ** 2) ** 2
                along, down = sample(slope[0], there_x, there_y) * side, sample(slope[1], there_x, there_y) * side
                row[0], row[1], row[2], row[3], row[4], row[5] = along * u, along, down * v, down, -here, -1.0
                row[6], row[7] = along * v, down * u
                for i in range(unknowns):
                    right[i] -= weight * row[i] * off
                    for j in range(i + 1):
                        normal[i, j] += weight * row[i] * row[j]
        if _step(normal, right, where) < ENOUGH:
            return


@compiled
def _step(normal: np.ndarray, right: np.ndarray, where: np.ndarray) -> float:
    """Solve and move; how far it moved, as a share of the side, or 0 where there is no answer."""
    unknowns = len(right)
    for i in range(unknowns):
        normal[i, i] = normal[i, i] * 1.0001 + 1e-6  # a plain picture has no unique answer
        for j in range(i):
            normal[j, i] = normal[i, j]
    change = np.linalg.solve(normal, right)
    for i in range(unknowns):
        if not np.isfinite(change[i]):
            return 0.0
    far = np.abs(change[:4]).max()
    limit = min(1.0, LONGEST / max(1e-9, far))
    for i in range(unknowns):
        where[i] += change[i] * limit
    return far
