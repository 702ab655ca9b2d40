"""What a photo is recognised by: perceptual hashes, straight and mirrored, and a small colour thumbnail."""

from __future__ import annotations

import cv2
import imagehash
import numpy as np
from PIL import Image

from carprep.photo import RGB, Facts

THUMB = 32  # px; enough to tell paints and plates' places, and 3 KB a photo
GREY = 128  # px; the hash works on 32 px, so Pillow's own filter has enough to average over


def fingerprint(pixels: RGB) -> tuple[Facts, bytes]:
    """Hashes as facts, and the thumbnail: uint8 sRGB (32, 32, 3), the photo squashed to a square."""
    grey = cv2.resize(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), (GREY, GREY), interpolation=cv2.INTER_AREA)
    thumb = cv2.resize(pixels, (THUMB, THUMB), interpolation=cv2.INTER_AREA)
    facts = {"phash": _phash(grey), "phash_mirrored": _phash(grey[:, ::-1])}
    return facts, np.ascontiguousarray(thumb).tobytes()


def _phash(grey: np.ndarray) -> str:
    """The 64-bit DCT hash of the `imagehash` library as 16 hex digits."""
    return str(imagehash.phash(Image.fromarray(np.ascontiguousarray(grey))))
