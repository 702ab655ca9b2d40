"""What a photo is recognised by: perceptual hashes of several of its parts, straight and mirrored, and a thumbnail.

One code of the whole photo, searched at a radius wide enough for crops and borders, drowns in chance: so there are nine
codes, each searched within 4 bits. Measured on 300 photos with one edit each (re-encoded, cropped by up to 10 % on each
side, bordered, bannered, stamped, lightened, mirrored), at least 99 % of the copies share a near code with their
original, and 846 pairs of 2,852 real photos do, half of which are copies or bursts. The whole photo's code alone needs
16 bits for that, where 1 pair in 20 is near by chance. 256-bit codes (PDQ) were measured too: fewer pairs are near by
chance (328), but a crop of 3 % needs 50 bits, which no exact search finds in near-linear time, and one photo's codes
cost 4.9 ms; the second look at the thumbnails does what the other 192 bits would.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import cv2
import imagehash
import numpy as np
from PIL import Image

from carprep.measure.parts import CHROMA, FIXED, NO_CODE, THUMB, TRIM, Part
from carprep.photo import RGB, Facts

HASHED = 32  # px; what the hash is made of
LOW = 8  # rows and columns of low frequencies
TOLD = 4.0  # grey levels; a frequency below is JPEG noise or rounding, and its bit is chance
LEAST_TOLD = 24  # of 64 frequencies; gradients, flat pictures and soft blobs have fewer, and get no code
SHARP_SIDE = 128  # px, longest side of what is compared in sharpness: the car, where there is one
LEAST_SIDE = 24  # px of 256; a smaller part is enlarged noise
PLAIN = 24  # of 255; JPEG noise and a soft light stay within it
PLAIN_SHARE = 0.97  # of a line that is border
LEAST_TRIMMED = 0.25  # share of a side that must be left, or it is no border


def thumbnail(small: RGB) -> RGB:
    """A photo squashed to a square: uint8 sRGB (H, W, 3) of about 256 px -> (64, 64, 3)."""
    return np.asarray(cv2.resize(small, (THUMB, THUMB), interpolation=cv2.INTER_AREA), np.uint8)


def fingerprint(small: RGB, car: Part | None) -> Facts:
    """By what it is recognised, and by what copies are ranked: the facts from `phash` to `coloured` of `facts.SCHEMA`.

    Args:
        small: uint8 sRGB (H, W, 3), longest side 256 px.
        car: left, top, right and bottom of the car's box, as shares; None where no car was found.
    """
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
    inside = trimmed(small)
    parts = [*FIXED, inside if inside != FIXED[0] else None, car]
    straight, mirrored = _codes(grey, parts)
    return {
        "phash": _hex(imagehash.phash(Image.fromarray(_hashed(grey, FIXED[0]))).hash),
        "codes": straight,
        "codes_mirrored": mirrored,
        "pixels": hashlib.blake2b(np.array(small.shape).tobytes() + small.tobytes(), digest_size=16).hexdigest(),
        **dict(zip(TRIM, inside, strict=True)),
        "sharpness_inside": _sharpness(_part(grey, car or inside)),
        "coloured": _coloured(small),
    }


def trimmed(small: RGB) -> Part:
    """The part inside a border of one colour, as shares: left, top, right, bottom."""
    rim = max(1, min(small.shape[:2]) // 80)
    ring = np.concatenate(
        [part.reshape(-1, 3) for part in (small[:rim], small[-rim:], small[:, :rim], small[:, -rim:])]
    )
    median = np.median(ring, axis=0)
    plain = cv2.inRange(small, tuple(median - PLAIN), tuple(median + PLAIN)) > 0
    rows, columns = (_inside(plain.mean(axis=axis) < PLAIN_SHARE) for axis in (1, 0))
    if rows[1] - rows[0] < LEAST_TRIMMED or columns[1] - columns[0] < LEAST_TRIMMED:
        return FIXED[0]
    return round(columns[0], 4), round(rows[0], 4), round(columns[1], 4), round(rows[1], 4)


def _inside(lines: np.ndarray) -> tuple[float, float]:
    found = np.flatnonzero(lines)
    return (found[0] / len(lines), (found[-1] + 1) / len(lines)) if len(found) else (0.0, 0.0)


def _codes(grey: np.ndarray, parts: Sequence[Part | None]) -> tuple[str, str]:
    """The parts' codes one after the other, 16 hex digits each: straight, mirrored; `NO_CODE` where there is none."""
    there = [number for number, part in enumerate(parts) if part is not None and _large_enough(grey, part)]
    low = _low_frequencies(np.stack([_hashed(grey, parts[n] or FIXED[0]) for n in there]))
    mirror = np.where(np.arange(LOW) % 2, -1.0, 1.0)  # a mirrored picture's odd columns change their sign
    out = [[NO_CODE] * len(parts), [NO_CODE] * len(parts)]
    for codes, frequencies in zip(out, (low, low * mirror), strict=True):
        bits = frequencies > np.median(frequencies, axis=(1, 2), keepdims=True)
        for number, code, told in zip(there, bits, (np.abs(low) >= TOLD).sum(axis=(1, 2)), strict=True):
            if told >= LEAST_TOLD:
                codes[number] = _hex(code)
    return "".join(out[0]), "".join(out[1])


def _large_enough(grey: np.ndarray, part: Part) -> bool:
    height, width = grey.shape
    return bool(min((part[2] - part[0]) * width, (part[3] - part[1]) * height) >= min(LEAST_SIDE, *grey.shape))


def _hashed(grey: np.ndarray, part: Part) -> np.ndarray:
    return np.asarray(cv2.resize(_part(grey, part), (HASHED, HASHED), interpolation=cv2.INTER_AREA))


def _part(grey: np.ndarray, part: Part) -> np.ndarray:
    height, width = grey.shape
    left, right = round(part[0] * width), max(round(part[0] * width) + 1, round(part[2] * width))
    top, bottom = round(part[1] * height), max(round(part[1] * height) + 1, round(part[3] * height))
    return grey[top:bottom, left:right]


def _coloured(small: RGB) -> float:
    """Share of the pixels that have a colour; a silver car on white still has its lamps."""
    red, green, blue = cv2.split(np.ascontiguousarray(small[::2, ::2]))  # every other pixel tells as much
    spread = cv2.max(cv2.max(red, green), blue) - cv2.min(cv2.min(red, green), blue)
    return round(float((spread > CHROMA).mean()), 5)


def _sharpness(grey: np.ndarray) -> float:
    """Variance of the Laplacian over that of the picture: more light is not more sharpness. Without the edge."""
    scale = SHARP_SIDE / max(grey.shape)
    size = max(8, round(grey.shape[1] * scale)), max(8, round(grey.shape[0] * scale))
    picture = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    inner = cv2.Laplacian(picture, cv2.CV_32F)[2:-2, 2:-2]
    return round(float(inner.var()) / max(1.0, float(picture.var())), 4)


def _cosines() -> np.ndarray:
    """The first rows of the DCT-II, (8, 32): orthonormal but for the first, as `imagehash` has them."""
    k, n = np.arange(LOW)[:, None], np.arange(HASHED)
    return np.asarray(np.cos(np.pi * k * (2 * n + 1) / (2 * HASHED)) * np.sqrt(2 / HASHED))


COSINES = _cosines()


def _low_frequencies(pictures: np.ndarray) -> np.ndarray:
    return np.asarray(COSINES @ pictures.astype(np.float64) @ COSINES.T)


def _hex(bits: np.ndarray) -> str:
    return np.packbits(bits).tobytes().hex()
