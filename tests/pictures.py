"""Pictures for tests: drawn from a seed, different enough from each other to be no copies."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image


def blobs(seed: int, width: int = 200, height: int = 150) -> Image.Image:
    """A picture of soft coloured blobs with hard edges: sharp, not empty, and like no other seed's."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    pixels = np.empty((height, width, 3))
    pixels[:] = random.integers(0, 256, 3)
    for _ in range(12):
        cx, cy, radius = random.integers(0, width), random.integers(0, height), random.integers(12, 60)
        pixels[(x - cx) ** 2 + (y - cy) ** 2 < radius**2] = random.integers(0, 256, 3)
    return Image.fromarray(pixels.astype(np.uint8))


def car_on_white(
    seed: int = 0, width: int = 240, height: int = 180, paint: tuple[int, int, int] = (190, 20, 30)
) -> Image.Image:
    """A box on two wheels on white, with a little texture so that it counts as sharp."""
    random = np.random.default_rng(seed)
    pixels = np.full((height, width, 3), 255, np.uint8)
    left, right = int(width * 0.15) + int(random.integers(0, 8)), int(width * 0.85)
    pixels[int(height * 0.45) : int(height * 0.75), left:right] = paint
    pixels[int(height * 0.28) : int(height * 0.45), int(width * 0.3) : int(width * 0.65)] = (40, 50, 60)
    pixels[int(height * 0.5) : int(height * 0.55), left : left + 12] = (250, 250, 160)
    y, x = np.mgrid[0:height, 0:width]
    for cx in (width * 0.3, width * 0.7):
        pixels[(x - cx) ** 2 + (y - height * 0.75) ** 2 < (height * 0.1) ** 2] = (20, 20, 20)
    return Image.fromarray(pixels)


def encoded(image: Image.Image, kind: str = "JPEG", **options: object) -> bytes:
    """The bytes of a picture in a file format."""
    data = io.BytesIO()
    image.save(data, kind, **({"quality": 92} if kind == "JPEG" and "quality" not in options else {}), **options)
    return data.getvalue()


def fill(folder: Path, count: int, first: int = 0) -> Path:
    """Write so many different JPEGs into a folder, a third of them into subfolders."""
    for number in range(first, first + count):
        path = folder / (f"sub{number % 2}/" if number % 3 == 0 else "") / f"{number:05d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded(blobs(number)))
    return folder
