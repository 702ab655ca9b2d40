"""Which photos belong together: shots of one car, press series, copies. They must not be split between two sides."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from carprep.photo import RGB

ALIKE = 11.0  # mean difference of the descriptions, 0-255, below which two photos are of one series
SIDE = 8  # px of the thumbnails that are compared


def describe(pixels: RGB) -> np.ndarray:
    """A photo in few numbers: an 8 x 8 thumbnail in Lab, float32 (192,)."""
    small = cv2.resize(pixels, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2Lab), np.float32).ravel()


def grouped(names: Sequence[str], given: Sequence[str], descriptions: np.ndarray) -> list[str]:
    """A group's name for each photo; the given one where there is one.

    The rest are joined to the first photo that they resemble, mirrored or not (leader clustering; Hartigan 1975).

    Args:
        names: of the photos, unique.
        given: groups that are known, else empty.
        descriptions: float32 (N, 192), from `describe`.
    """
    mirrored = descriptions.reshape(-1, SIDE, SIDE, 3)[:, :, ::-1].reshape(len(descriptions), -1)
    leaders = np.zeros((0, descriptions.shape[1]), np.float32)
    led: list[str] = []
    groups = []
    for name, known, plain, turned in zip(names, given, descriptions, mirrored, strict=True):
        group = known or _led_by(leaders, led, (plain, turned)) or name
        if not known and group == name:
            leaders = np.concatenate([leaders, plain[None]])
            led.append(name)
        groups.append(group)
    return groups


def _led_by(leaders: np.ndarray, led: Sequence[str], ways: tuple[np.ndarray, np.ndarray]) -> str:
    """The closest leader's name; empty where none is close."""
    apart = np.minimum(*(np.abs(leaders - way).mean(1) for way in ways))
    return led[int(apart.argmin())] if apart.min(initial=np.inf) < ALIKE else ""
