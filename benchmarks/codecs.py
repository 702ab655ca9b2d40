"""Which codec for the cutouts in the cache? Time, size, and error after scaling down, on one core.

python benchmarks/codecs.py
"""

from __future__ import annotations

import time
from collections.abc import Callable
from io import BytesIO

import cv2
import numpy as np
from common import photos_folder, table
from PIL import Image

from carprep.doctor import machine

COUNT = 40
FINE, HALF = cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420


def jpeg(quality: int, chroma: int) -> Callable[[np.ndarray], bytes]:
    flags = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, chroma]
    return lambda pixels: cv2.imencode(".jpg", pixels, flags)[1].tobytes()


def other(suffix: str, *flags: int) -> Callable[[np.ndarray], bytes]:
    return lambda pixels: cv2.imencode(suffix, pixels, list(flags))[1].tobytes()


CODECS = {
    "JPEG 92, full chroma": jpeg(92, FINE),
    "JPEG 92, half chroma": jpeg(92, HALF),
    "JPEG 85, half chroma": jpeg(85, HALF),
    "PNG level 1": other(".png", cv2.IMWRITE_PNG_COMPRESSION, 1),
    "WebP 90": other(".webp", cv2.IMWRITE_WEBP_QUALITY, 90),
    "WebP lossless": other(".webp", cv2.IMWRITE_WEBP_QUALITY, 101),
}


def main() -> None:
    """Measure and print."""
    cv2.setNumThreads(1)
    sources = sorted((photos_folder() / "bench").glob("*.jpg"))[:COUNT]
    crops = [_crop(source.read_bytes()) for source in sources]
    rows = [(name, *_measured(encode, crops)) for name, encode in CODECS.items()]
    print(machine())
    table("512 px crops", ("codec", "write ms", "read ms", "KB", "RMS at 64 px", "RMS at 128 px"), rows)


def _crop(data: bytes) -> np.ndarray:
    image = Image.open(BytesIO(data)).convert("RGB")
    image.thumbnail((512, 512), Image.Resampling.LANCZOS)
    return np.ascontiguousarray(np.asarray(image)[..., ::-1])


def _measured(encode: Callable[[np.ndarray], bytes], crops: list[np.ndarray]) -> tuple[str, ...]:
    encode(crops[0])
    start = time.perf_counter()
    files = [encode(crop) for crop in crops]
    written = time.perf_counter()
    back = [cv2.imdecode(np.frombuffer(file, np.uint8), cv2.IMREAD_COLOR) for file in files]
    read = time.perf_counter()
    errors = [np.mean([_error(one, two, side) for one, two in zip(crops, back, strict=True)]) for side in (64, 128)]
    each = 1000 / len(crops)
    size = np.mean([len(file) for file in files]) / 1000
    return (
        f"{(written - start) * each:.1f}", f"{(read - written) * each:.1f}", f"{size:.0f}",
        f"{errors[0]:.2f}", f"{errors[1]:.2f}",
    )  # fmt: skip


def _error(one: np.ndarray, other_: np.ndarray, side: int) -> float:
    small = [cv2.resize(p, (side, side), interpolation=cv2.INTER_AREA).astype(float) for p in (one, other_)]
    return float(np.sqrt(np.mean((small[0] - small[1]) ** 2)))


if __name__ == "__main__":
    main()
