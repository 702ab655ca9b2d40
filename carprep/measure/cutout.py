"""The car's crop with its alpha, at one scale whatever sizes are asked for; this is what the cache holds.

Codec, measured on 512 px crops (benchmarks/codecs.py): JPEG at quality 92 without chroma subsampling takes 1.6 ms to
write and 1.4 ms to read at 64 KB, and is off by 0.4 of 255 (RMS) once scaled to 64 px; PNG takes 13 and 5.5 ms at
269 KB, lossless WebP 116 and 4 ms at 174 KB, lossy WebP 22 and 3 ms at 40 KB. So colour is JPEG; alpha, which is smooth
and must be exact at 0 and 1, is PNG.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np

from carprep.cache import Pictures
from carprep.measure.matting import foreground
from carprep.photo import RGB, Alpha

QUALITY = 92  # of a car's crop
PLAIN_QUALITY = 86  # of a photo as it came, which was a JPEG of about that quality already
SOLID = 0.5  # alpha above it is car when blobs are told apart
EDGE = 0.1  # alpha below it is no part of the box: a faint veil must not make the car smaller
CONTEXT = 2  # times the detail that the photo round the car may have
RIM = 2  # px at the photo's edge within which the car touches it


@dataclass(frozen=True)
class Box:
    """A box in the pixels of a picture: left and top inside, right and bottom outside."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        return self.right - self.left

    @property
    def height(self) -> int:
        return self.bottom - self.top

    @property
    def longer(self) -> int:
        return max(self.width, self.height)

    def grown(self, share: float, shape: tuple[int, ...]) -> Box:
        """A square about this box with so much of its longer side round it, as far as the picture goes."""
        half = self.longer * (0.5 + share)
        x, y = (self.left + self.right) / 2, (self.top + self.bottom) / 2
        return Box(
            max(0, int(x - half)), max(0, int(y - half)),
            min(shape[1], int(x + half + 1)), min(shape[0], int(y + half + 1)),
        )  # fmt: skip

    def of(self, picture: np.ndarray) -> np.ndarray:
        """The part of a picture inside this box."""
        return picture[self.top : self.bottom, self.left : self.right]


@dataclass(frozen=True)
class Main:
    """The main car of a mask.

    Attributes:
        alpha: float32 (H, W): the mask without stray blobs.
        box: where alpha is not negligible.
        facts: car_share, car_touch, car_stray, car_soft.
    """

    alpha: Alpha
    box: Box
    facts: Mapping[str, float]


def main_car(alpha: Alpha) -> Main | None:
    """Keep the largest blob of a mask and what softly belongs to it; None where there is none.

    Args:
        alpha: float32 (H, W) in [0, 1].
    """
    count, labels, stats, _ = cv2.connectedComponentsWithStats((alpha > SOLID).astype(np.uint8), connectivity=8)
    if count < 2:
        return None
    areas = stats[1:, cv2.CC_STAT_AREA]
    order = np.argsort(-areas, kind="stable")
    biggest = int(order[0]) + 1
    stray = float(areas[order[1]] / areas[order[0]]) if count > 2 else 0.0
    # soft edges reach a few pixels beyond the solid part: aerials, mirrors, spokes
    reach = max(3, max(alpha.shape) // 64) | 1
    near = cv2.dilate((labels == biggest).astype(np.uint8), np.ones((reach, reach), np.uint8))
    kept = np.where(near > 0, alpha, 0).astype(np.float32)
    rows, columns = np.flatnonzero((kept > EDGE).any(axis=1)), np.flatnonzero((kept > EDGE).any(axis=0))
    box = Box(int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
    return Main(kept, box, _facts(kept, box, stray))


def _facts(alpha: Alpha, box: Box, stray: float) -> dict[str, float]:
    solid = alpha > SOLID
    edge = (
        solid[:RIM].any(axis=0),
        solid[-RIM:].any(axis=0),
        solid[:, :RIM].any(axis=1),
        solid[:, -RIM:].any(axis=1),
    )
    covered = float((alpha > EDGE).sum())
    return {
        "car_share": round(float(alpha.mean()), 5),
        "car_touch": round(sum(int(side.sum()) for side in edge) / (2 * (box.width + box.height)), 4),
        "car_stray": round(stray, 4),
        "car_soft": round(float(((alpha > EDGE) & (alpha < 1 - EDGE)).sum()) / max(covered, 1), 4),
    }


def cut(pixels: RGB, main: Main, detail: int) -> Pictures:
    """Encode the car's crop and the whole photo round it, the crop's longest side at most `detail` px.

    Args:
        pixels: uint8 sRGB (H, W, 3), of the same shape as the main car's alpha.
        detail: px.
    """
    scale = min(1.0, detail / main.box.longer)
    around = min(scale, CONTEXT * detail / max(pixels.shape))
    return Pictures(
        colour=_jpeg(_scaled(_clean(pixels, main), scale)),
        alpha=_png(_scaled((main.box.of(main.alpha) * 255 + 0.5).astype(np.uint8), scale)),
        context=_jpeg(_scaled(pixels, around), PLAIN_QUALITY),
    )


def _clean(pixels: RGB, main: Main) -> RGB:
    # a little of the ground round the box belongs in the estimate of its colour
    around = main.box.grown(0.1, pixels.shape)
    clean = foreground(around.of(pixels), around.of(main.alpha))
    left, top = main.box.left - around.left, main.box.top - around.top
    return clean[top : top + main.box.height, left : left + main.box.width]


def whole(pixels: RGB, detail: int) -> Pictures:
    """Encode the whole frame as the cutout."""
    return Pictures(_jpeg(_scaled(pixels, min(1.0, detail / max(pixels.shape))), PLAIN_QUALITY), None, None)


def uncut(pixels: RGB, detail: int) -> Pictures:
    """Encode a photo in which no car was found: only what lies round one, in case a person wants it kept."""
    return Pictures(None, None, _jpeg(_scaled(pixels, min(1.0, detail / max(pixels.shape))), PLAIN_QUALITY))


def _scaled(picture: np.ndarray, scale: float) -> np.ndarray:
    if scale >= 1:
        return picture
    size = max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale))
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)


def _jpeg(colour: np.ndarray, quality: int = QUALITY) -> bytes:
    full_chroma = (cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444)
    flags = [cv2.IMWRITE_JPEG_QUALITY, quality, *full_chroma]
    return bytes(cv2.imencode(".jpg", cv2.cvtColor(colour, cv2.COLOR_RGB2BGR), flags)[1])


def _png(grey: np.ndarray) -> bytes:
    return bytes(cv2.imencode(".png", grey, [cv2.IMWRITE_PNG_COMPRESSION, 3])[1])
