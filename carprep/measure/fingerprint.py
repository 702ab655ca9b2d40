"""What a photo is recognised by: perceptual hashes, straight and mirrored, and a small colour thumbnail."""

from __future__ import annotations

import cv2
import imagehash
import numpy as np
from PIL import Image

from carprep.photo import RGB, Facts

THUMB = 32  # px; enough to tell paints and plates' places, and 3 KB a photo


def thumbnail(small: RGB) -> RGB:
    """A photo squashed to a square: uint8 sRGB (H, W, 3) of about 256 px -> (32, 32, 3)."""
    return np.asarray(cv2.resize(small, (THUMB, THUMB), interpolation=cv2.INTER_AREA), np.uint8)


def fingerprint(thumb: RGB) -> Facts:
    """The 64-bit DCT hashes of the `imagehash` library, straight and mirrored, as 16 hex digits each.

    Args:
        thumb: uint8 sRGB (32, 32, 3); the hash works on 32 px, so this is all it would see of the photo.
    """
    grey = cv2.cvtColor(thumb, cv2.COLOR_RGB2GRAY)
    return {"phash": _phash(grey), "phash_mirrored": _phash(grey[:, ::-1])}


def _phash(grey: np.ndarray) -> str:
    found = imagehash.phash(Image.fromarray(np.ascontiguousarray(grey)))
    return np.packbits(found.hash).tobytes().hex()
