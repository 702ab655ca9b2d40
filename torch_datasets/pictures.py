"""From a picture's bytes to pixels: 8-bit RGB, square, transparency over white."""

from __future__ import annotations

import io
import struct

import numpy as np
from PIL import Image

from torch_datasets.storage import BadSet, Storage

HEADER = 33  # bytes of a PNG up to the end of its first chunk
SIGNATURE = b"\x89PNG\r\n\x1a\n"


def side_of(storage: Storage, name: str) -> int:
    """The side of a picture, px, from its header alone.

    Raises:
        BadSet: it is no picture, not square, or of more than 8 bits.
    """
    head = storage.read(name, HEADER)
    if head.startswith(SIGNATURE) and len(head) == HEADER:
        width, height, depth = struct.unpack(">IIB", head[16:25])
    else:
        picture = _open(storage, name)
        (width, height), depth = picture.size, 16 if picture.mode[0] in "IF" else 8
    if depth > 8:
        raise BadSet(f"{name} in {storage.root} has more than 8 bits a channel: out of range; save it as 8-bit RGB")
    if width != height:
        raise BadSet(f"{name} in {storage.root} is {width} x {height} px and not square; carprep build makes squares")
    return int(width)


def pixels_of(storage: Storage, name: str, side: int) -> np.ndarray:
    """The pixels of a picture, uint8 (side, side, 3).

    Raises:
        BadSet: it is broken, or of another size.
    """
    picture = picture_of(storage, name)
    if picture.size != (side, side):
        raise BadSet(
            f"{name} in {storage.root} is {picture.width} x {picture.height} px, the first one {side} x {side}"
        )
    return np.asarray(picture)


def picture_of(storage: Storage, name: str) -> Image.Image:
    """The picture as 8-bit RGB; what is transparent is white.

    Raises:
        BadSet: it is broken.
    """
    picture = _open(storage, name)
    try:
        if picture.has_transparency_data:
            over = picture.convert("RGBA")
            white = Image.new("RGBA", over.size, "white")
            return Image.alpha_composite(white, over).convert("RGB")
        return picture.convert("RGB")
    except (OSError, SyntaxError, ValueError) as error:  # Pillow reports a bad PNG as SyntaxError
        raise BadSet(f"{name} in {storage.root} is a broken picture: {error}") from error


def _open(storage: Storage, name: str) -> Image.Image:
    try:
        return Image.open(io.BytesIO(storage.read(name)))
    except (OSError, SyntaxError, ValueError) as error:
        if isinstance(error, BadSet):
            raise
        raise BadSet(f"{name} in {storage.root} is no picture that can be read") from error
