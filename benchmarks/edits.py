"""Edits that people make to photos, as functions of pixels: the made copies of the duplicates' benchmark."""

from __future__ import annotations

import io
import itertools
from collections.abc import Callable, Sequence

import cv2
import numpy as np
from PIL import Image

Edit = Callable[[np.ndarray, np.random.Generator], np.ndarray]
BORDERS = ((255, 255, 255), (0, 0, 0), (200, 30, 30))


def jpeg(pixels: np.ndarray, quality: int) -> bytes:
    """The bytes of a JPEG."""
    with io.BytesIO() as file:
        Image.fromarray(np.ascontiguousarray(pixels)).save(file, "JPEG", quality=quality)
        return file.getvalue()


def made(pixels: np.ndarray, names: Sequence[str], seed: int) -> bytes:
    """A copy with these edits, one after the other, as a JPEG of quality 88."""
    random = np.random.default_rng(seed)
    for name in names:
        pixels = np.ascontiguousarray(EDITS[name](pixels, random))
    return jpeg(pixels, 88)


def _encoded(pixels: np.ndarray, random: np.random.Generator) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(jpeg(pixels, 30))))


def _sized(pixels: np.ndarray, random: np.random.Generator) -> np.ndarray:
    return cv2.resize(pixels, None, fx=0.3, fy=0.3, interpolation=cv2.INTER_AREA)


def _crop(share: float) -> Edit:
    def crop(pixels: np.ndarray, random: np.random.Generator) -> np.ndarray:
        y, x = round(pixels.shape[0] * share), round(pixels.shape[1] * share)
        return pixels[y:-y, x:-x]

    return crop


def _border(share: float) -> Edit:
    def border(pixels: np.ndarray, random: np.random.Generator) -> np.ndarray:
        y, x = round(pixels.shape[0] * share), round(pixels.shape[1] * share)
        colour = BORDERS[int(random.integers(len(BORDERS)))]
        return cv2.copyMakeBorder(pixels, y, y, x, x, cv2.BORDER_CONSTANT, value=colour)

    return border


def _banner(pixels: np.ndarray, random: np.random.Generator) -> np.ndarray:
    out = pixels.copy()
    height, width = out.shape[:2]
    tall, above = round(0.15 * height), bool(random.integers(2))
    colour = [int(value) for value in random.integers(0, 256, 3)]
    out[slice(0, tall) if above else slice(height - tall, height)] = colour
    ink = tuple(255 - value for value in colour)
    place = width // 20, tall * 2 // 3 if above else height - tall // 3
    cv2.putText(out, "www.cars.example", place, cv2.FONT_HERSHEY_SIMPLEX, max(0.3, tall / 45), ink, max(1, tall // 14))
    return out


def _watermark(pixels: np.ndarray, random: np.random.Generator) -> np.ndarray:
    stamped, size = pixels.copy(), pixels.shape[1] / 420
    place = pixels.shape[1] // 8, round(0.6 * pixels.shape[0])
    for ink, thick in (((255, 255, 255), 3), ((90, 90, 90), 1)):
        cv2.putText(
            stamped, "PHOTO STOCK", place, cv2.FONT_HERSHEY_DUPLEX, 1.3 * size, ink, max(1, round(thick * size))
        )
    return cv2.addWeighted(stamped, 0.5, pixels, 0.5, 0)


def _light(gain: float) -> Edit:
    return lambda pixels, random: np.clip(pixels.astype(np.float32) * gain, 0, 255).astype(np.uint8)


def _rotated(pixels: np.ndarray, random: np.random.Generator) -> np.ndarray:
    height, width = pixels.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), 2.0 if random.integers(2) else -2.0, 1)
    return cv2.warpAffine(pixels, turn, (width, height), borderMode=cv2.BORDER_REPLICATE)


def _grey(pixels: np.ndarray, random: np.random.Generator) -> np.ndarray:
    return np.repeat(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)


EDITS: dict[str, Edit] = {
    "re-encode q30": _encoded,
    "resize 0.3": _sized,
    "crop 3 %": _crop(0.03),
    "crop 5 %": _crop(0.05),
    "crop 10 %": _crop(0.10),
    "border 5 %": _border(0.05),
    "border 10 %": _border(0.10),
    "banner 15 %": _banner,
    "watermark": _watermark,
    "brightness +20 %": _light(1.2),
    "brightness -20 %": _light(0.8),
    "mirror": lambda pixels, random: pixels[:, ::-1],
    "rotate 2 degrees": _rotated,
    "grey": _grey,
}
# goal of recall for each; 0 is reported only
GOALS = {"crop 10 %": 0.85, "border 10 %": 0.85, "grey": 0.5, "rotate 2 degrees": 0.0}
# every two of ten edits; of a family (crops, borders, lights) the middle one
TEN = (
    "re-encode q30", "resize 0.3", "crop 5 %", "border 5 %", "banner 15 %", "watermark", "brightness +20 %", "mirror",
    "rotate 2 degrees", "grey",
)  # fmt: skip
PAIRS = tuple(itertools.combinations(TEN, 2))
PAIR_GOALS = {("crop 5 %", "mirror"): 0.85}
