"""A cutout becomes a square picture: letterboxed, never distorted, antialiased, on exactly white."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image

from carprep.cache import Pictures
from carprep.photo import RGB

TINY = 1e-6  # px; what floating point makes of nothing
RINGING = 4  # of 255: what Lanczos makes of nothing, a few pixels off an edge
REDUCE_TO = 2.0  # times the wanted size, at least; Lanczos still sees enough, and decoding is 3x quicker


@dataclass(frozen=True)
class Frame:
    """How a square is filled.

    Attributes:
        size: side of the square, px.
        margin: white round the content, share of its longer side.
        mirror: flip left and right.
    """

    size: int
    margin: float
    mirror: bool


@dataclass(frozen=True)
class _Part:
    """What a square is about, in the pixels of an encoded picture; may be fractions."""

    left: float
    top: float
    width: float
    height: float


def on_white(pictures: Pictures, frame: Frame) -> RGB:
    """The car on white.

    Args:
        pictures: an encoded cutout; without alpha its whole colour is shown.

    Returns:
        uint8 sRGB (size, size, 3); exactly 255 outside the car.
    """
    if pictures.colour is None:
        raise ValueError("there is no cutout to render")
    colour, factor = _decoded(pictures.colour, None, frame)
    if pictures.alpha is not None:
        alpha = Image.open(io.BytesIO(pictures.alpha))
        colour.putalpha(alpha.reduce(factor) if factor > 1 else alpha)
    return _letterboxed(colour, None, factor, frame)


def in_context(pictures: Pictures, box: tuple[float, float, float, float] | None, frame: Frame) -> RGB:
    """The photo round the car, on its own ground; white where the photo ends.

    Args:
        box: the car's left, top, width and height as shares of the photo's sides; None shows the whole photo.
    """
    encoded = pictures.context or pictures.colour
    if encoded is None:
        raise ValueError("there is no photo to render")
    width, height = Image.open(io.BytesIO(encoded)).size
    part = _Part(box[0] * width, box[1] * height, box[2] * width, box[3] * height) if box else None
    colour, factor = _decoded(encoded, part, frame)
    return _letterboxed(colour, part, factor, frame)


def _letterboxed(picture: Image.Image, part: _Part | None, factor: int, frame: Frame) -> RGB:
    """Resample the square about a part in one step, so that no side is rounded and nothing is distorted.

    Args:
        picture: RGB or RGBA, decoded at 1/factor of its size.
        part: what the square is about, in pixels of the full size; None is the whole picture.
    """
    whole = _Part(0, 0, picture.width * factor, picture.height * factor)
    about = part or whole
    side = max(about.width, about.height) * (1 + 2 * frame.margin) / factor
    left = (about.left + about.width / 2) / factor - side / 2
    top = (about.top + about.height / 2) / factor - side / 2
    # a canvas that holds both the picture and the square; none where the square ends with the picture, or the white
    # beyond would be filtered into its edge
    x = max(0, math.ceil(max(-left, left + side - picture.width) - TINY))
    y = max(0, math.ceil(max(-top, top + side - picture.height) - TINY))
    size = picture.width + 2 * x, picture.height + 2 * y
    canvas = Image.new("RGBA", size, (255, 255, 255, 0)) if picture.mode == "RGBA" else Image.new("RGB", size, "white")
    canvas.paste(picture, (x, y))
    corner = max(0.0, left + x), max(0.0, top + y)
    box = (*corner, min(size[0], corner[0] + side), min(size[1], corner[1] + side))
    # Pillow resizes RGBA with premultiplied colour, so nothing bleeds in from where alpha is 0
    square = canvas.resize((frame.size, frame.size), Image.Resampling.LANCZOS, box)
    if frame.mirror:
        square = square.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    pixels = _over_white(np.asarray(square)) if square.mode == "RGBA" else np.array(square)
    step = frame.size / side
    return _white_outside(
        pixels, (-left * step, (picture.width - left) * step), (-top * step, (picture.height - top) * step), frame
    )


def _white_outside(pixels: RGB, across: tuple[float, float], down: tuple[float, float], frame: Frame) -> RGB:
    """Exactly white beyond the picture's edges, where the filter's ringing leaves 250 to 254."""
    first, last = across if not frame.mirror else (frame.size - across[1], frame.size - across[0])
    pixels[:, : max(0, math.floor(first))] = pixels[:, max(0, math.ceil(last)) :] = 255
    pixels[: max(0, math.floor(down[0]))] = pixels[max(0, math.ceil(down[1])) :] = 255
    return pixels


def _over_white(rgba: np.ndarray) -> RGB:
    alpha = rgba[..., 3:].astype(np.uint32)
    alpha[alpha <= RINGING] = 0
    return ((rgba[..., :3] * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)


def _decoded(encoded: bytes, part: _Part | None, frame: Frame) -> tuple[Image.Image, int]:
    """A JPEG decoded at 1/1, 1/2, 1/4 or 1/8, and which: no larger than the square needs."""
    image = Image.open(io.BytesIO(encoded))
    width, height = image.size
    longest = max(part.width, part.height) if part else max(width, height)
    least = min(1.0, frame.size * REDUCE_TO / longest)
    image.draft(None, (max(1, int(width * least)), max(1, int(height * least))))
    image.load()
    sizes = {factor: (-(-width // factor), -(-height // factor)) for factor in (1, 2, 4, 8)}
    return image, next(factor for factor, size in sizes.items() if size == image.size)


def png(pixels: RGB) -> bytes:
    """Encode uint8 sRGB (H, W, 3) as PNG.

    At 64 px OpenCV's default level is 6 % larger than level 6, in a third of its time.
    """
    return bytes(cv2.imencode(".png", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))[1])
