"""Grounds for drawn cars: studios, painted checkerboards, streets; and a car put onto one, with its shadow."""

from __future__ import annotations

import cv2
import numpy as np

from carprep.draw.drawing import Drawn
from carprep.photo import RGB, Alpha


def white(width: int, height: int) -> RGB:
    """Pure white."""
    return np.full((height, width, 3), 255, np.uint8)


def studio(width: int, height: int, random: np.random.Generator) -> RGB:
    """A plain wall that runs softly into a plain floor, in any light colour, lit from the middle."""
    grey = random.uniform(150, 245)
    tone = np.clip(grey + random.uniform(-14, 14, 3), 0, 255)
    y, x = np.mgrid[0:height, 0:width] / np.array([height, width])[:, None, None]
    light = 1 - random.uniform(0, 0.10) * ((x - 0.5) ** 2 + (y - 0.45) ** 2) * 2
    floor = 1 / (1 + np.exp(-(y - random.uniform(0.55, 0.7)) * 25))
    return _bytes(tone * (light * (1 - random.uniform(0.02, 0.12) * floor))[..., None])


def checkerboard(width: int, height: int, square: int) -> RGB:
    """The painted sign of transparency that web cut-outs carry: two light greys, `square` px each."""
    y, x = np.mgrid[0:height, 0:width] // square
    grey = np.where((x + y) % 2, 204, 255)
    return np.repeat(grey[..., None], 3, axis=2).astype(np.uint8)


def street(width: int, height: int, random: np.random.Generator) -> RGB:
    """A busy place: sky, houses with windows, trees, a road with markings, and grain over everything."""
    horizon = int(height * random.uniform(0.42, 0.55))
    picture = np.empty((height, width, 3), np.float32)
    down = np.linspace(0, 1, horizon)[:, None, None]
    picture[:horizon] = np.array([120, 165, 215]) * (1 - down) + np.array([215, 225, 235]) * down
    depth = np.linspace(0, 1, height - horizon)[:, None, None]
    picture[horizon:] = np.array([125, 125, 122]) * (1 - depth) + np.array([85, 86, 90]) * depth
    _houses(picture, horizon, random)
    _trees(picture, horizon, random)
    kerb = horizon + max(2, height // 40)
    picture[horizon:kerb] = (160, 158, 150)
    for x in range(-width // 8, width, max(8, width // 5)):
        upper, lower = height - height // 9, height - height // 12
        corners = [(x, upper), (x + width // 9, upper), (x + width // 8, lower), (x + 4, lower)]
        cv2.fillPoly(picture, [np.array(corners, np.int32)], (205, 203, 195))
    return _bytes(picture + random.normal(0, 5, (height, width, 1)))


def _houses(picture: np.ndarray, horizon: int, random: np.random.Generator) -> None:
    x, width = 0, picture.shape[1]
    while x < width:
        wide, high = int(width * random.uniform(0.12, 0.3)), int(horizon * random.uniform(0.35, 0.85))
        wall = tuple(float(v) for v in random.uniform(90, 220, 3))
        cv2.rectangle(picture, (x, horizon - high), (x + wide, horizon), wall, -1)
        step = max(6, wide // 5)
        for wx in range(x + step // 2, x + wide - step // 2, step):
            for wy in range(horizon - high + step // 2, horizon - step // 2, step):
                shade = float(random.uniform(40, 120))
                cv2.rectangle(picture, (wx, wy), (wx + step // 2, wy + step // 2), (shade, shade, shade + 15), -1)
        x += wide + int(width * random.uniform(0, 0.08))


def _trees(picture: np.ndarray, horizon: int, random: np.random.Generator) -> None:
    height, width = picture.shape[:2]
    for _ in range(int(random.integers(1, 4))):
        x, size = int(random.uniform(0, width)), height * random.uniform(0.08, 0.16)
        cv2.line(picture, (x, horizon), (x, int(horizon - size)), (80, 60, 45), max(2, width // 90))
        for _ in range(40):
            centre = int(x + random.normal(0, size * 0.5)), int(horizon - size * 1.6 + random.normal(0, size * 0.45))
            green = float(random.uniform(70, 150))
            cv2.circle(picture, centre, max(2, int(size * 0.25)), (green * 0.5, green, green * 0.4), -1)


def place(ground: RGB, car: Drawn, left: int, top: int, shadow: float = 0.8) -> tuple[RGB, Alpha]:
    """Put a drawn car onto a ground.

    Args:
        ground: uint8 sRGB (H, W, 3).
        car: what to put there; what lies outside the ground is cut off.
        left, top: of the car's square in the ground, px; may be negative.
        shadow: how dark its shadow is, 0 to 1.

    Returns:
        The picture, uint8 sRGB (H, W, 3), and the car's exact mask, float32 (H, W).
    """
    move = np.array([[1, 0, left], [0, 1, top]], np.float32)
    size = ground.shape[1], ground.shape[0]

    def moved(layer: np.ndarray) -> np.ndarray:
        return cv2.warpAffine(layer, move, size, flags=cv2.INTER_NEAREST)

    alpha, dark = moved(car.alpha), moved(car.shadow)
    floor = ground * (1 - shadow * dark[..., None])
    return _bytes(floor * (1 - alpha[..., None]) + moved(car.colour) * alpha[..., None]), alpha


def bars(picture: RGB, share: float) -> RGB:
    """Black bars above and below, each that share of the height."""
    high = round(picture.shape[0] * share)
    out = picture.copy()
    out[:high] = out[-high:] = 0
    return out


def banner(picture: RGB, words: str) -> RGB:
    """A dealer's banner over the lower edge, with words in it."""
    out = picture.copy()
    height, width = out.shape[:2]
    cv2.rectangle(out, (0, height - height // 9), (width, height), (24, 48, 110), -1)
    cv2.putText(out, words, (width // 30, height - height // 32), cv2.FONT_HERSHEY_SIMPLEX, height / 520,
                (250, 250, 250), max(1, height // 260), cv2.LINE_AA)  # fmt: skip
    return out


def _bytes(values: np.ndarray) -> RGB:
    return np.clip(values + 0.5, 0, 255).astype(np.uint8)
