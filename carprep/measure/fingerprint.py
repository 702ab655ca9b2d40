"""What a photo is recognised by: perceptual hashes, straight and mirrored, and a small colour thumbnail."""

from __future__ import annotations

import cv2
import imagehash
import numpy as np
from PIL import Image

from carprep.photo import RGB, Facts

THUMB = 32  # px; enough to tell paints and plates' places, and 3 KB a photo
GREY = 32  # px; what the hash works on


def fingerprint(small: RGB) -> tuple[Facts, bytes]:
    """Hashes as facts, and the thumbnail: uint8 sRGB (32, 32, 3), the photo squashed to a square.

    Args:
        small: uint8 sRGB (H, W, 3), the whole photo at about 256 px.
    """
    grey = cv2.resize(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), (GREY, GREY), interpolation=cv2.INTER_AREA)
    thumb = cv2.resize(small, (THUMB, THUMB), interpolation=cv2.INTER_AREA)
    facts = {"phash": _phash(grey), "phash_mirrored": _phash(grey[:, ::-1])}
    return facts, np.ascontiguousarray(thumb).tobytes()


def _phash(grey: np.ndarray) -> str:
    """The 64-bit DCT hash of the `imagehash` library as 16 hex digits."""
    return str(imagehash.phash(Image.fromarray(np.ascontiguousarray(grey))))
