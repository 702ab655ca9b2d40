"""Bytes to upright sRGB pixels, at no more detail than asked for; says plainly what it will not decode."""

from __future__ import annotations

import contextlib
import io
import struct
import warnings
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module

import cv2
import numpy as np
from PIL import Image, ImageCms, ImageFile, UnidentifiedImageError

from carprep.errors import BadPhoto
from carprep.measure.task import Limits
from carprep.photo import RGB, Reason

# A closed list: Pillow also opens formats that start other programs (EPS) or carry no picture.
FORMATS = (
    "JPEG",
    "PNG",
    "WEBP",
    "GIF",
    "BMP",
    "DIB",
    "TIFF",
    "AVIF",
    "PPM",
    "JPEG2000",
    "ICO",
)  # JPEG opens MPO too
# what Pillow's decoders raise on broken bytes, found by feeding them broken bytes
BROKEN = (
    OSError, SyntaxError, ValueError, TypeError, KeyError, IndexError, AttributeError, EOFError, OverflowError,
    ZeroDivisionError, AssertionError, NotImplementedError, RuntimeError, MemoryError, struct.error, zlib.error,
    Image.DecompressionBombError, ImageCms.PyCMSError,
)  # fmt: skip
ORIENTATION = 0x0112  # the EXIF tag
# orientation -> how to bring the stored picture upright (EXIF 2.3, table 6)
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
ARCHIVES = {
    b"PK\x03\x04": "zip",
    b"PK\x05\x06": "zip",
    b"Rar!": "rar",
    b"7z\xbc\xaf\x27\x1c": "7z",
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
}
PICTURES = {
    b"\xff\xd8\xff": "JPEG",
    b"\x89PNG": "PNG",
    b"GIF8": "GIF",
    b"BM": "BMP",
    b"II*\x00": "TIFF",
    b"MM\x00*": "TIFF",
}
HEIF_BRANDS = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1")


@dataclass(frozen=True)
class Decoded:
    """A decoded photo.

    Attributes:
        pixels: uint8 sRGB (H, W, 3), upright; its longest side is at most the side asked for.
        width, height: of the photo as it came in, upright, px.
        format: Pillow's name of the file format.
        mode: Pillow's name of the pixel format in the file.
    """

    pixels: RGB
    width: int
    height: int
    format: str
    mode: str


def decode(data: bytes, side: int, limits: Limits) -> Decoded:
    """Decode a photo so that its longest side is at most `side` px; never enlarges.

    Raises:
        BadPhoto: unsupported, too-large, nested-archive or unreadable, with words.
    """
    if len(data) > limits.bytes:
        raise BadPhoto(Reason.TOO_LARGE, f"more than {limits.bytes:,} bytes")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of odd metadata; we judge by the pixels
        image = _identified(data)
        try:
            _guard(image, limits)
            return _decoded(image, side)
        except BROKEN as error:
            raise BadPhoto(Reason.UNREADABLE, f"a broken {image.format}: {_words(error)}") from error


def _identified(data: bytes) -> ImageFile.ImageFile:
    if not data:
        raise BadPhoto(Reason.UNREADABLE, "an empty file")
    try:
        with _no_pixel_limit():  # our own guard comes next, with a reason
            return Image.open(io.BytesIO(data), formats=_formats())
    except BROKEN as error:
        raise _unidentified(data, error) from error


def _unidentified(data: bytes, error: BaseException) -> BadPhoto:
    head = data[:16]
    for magic, name in ARCHIVES.items():
        if head.startswith(magic):
            return BadPhoto(Reason.NESTED_ARCHIVE, f"a {name} archive")
    if data[257:262] == b"ustar":
        return BadPhoto(Reason.NESTED_ARCHIVE, "a tar archive")
    if head[4:8] == b"ftyp" and head[8:12] in HEIF_BRANDS:
        return BadPhoto(Reason.UNSUPPORTED, "HEIC; to read it: pip install pillow-heif")
    if head[4:8] == b"ftyp" and head[8:12] in (b"avif", b"avis"):
        return BadPhoto(Reason.UNREADABLE, "a broken AVIF, or this Pillow reads none")
    kind = "WEBP" if head[:4] == b"RIFF" and head[8:12] == b"WEBP" else _picture(head)
    if kind:
        words = "its header cannot be read" if isinstance(error, UnidentifiedImageError) else _words(error)
        return BadPhoto(Reason.UNREADABLE, f"a broken {kind}: {words}")
    return BadPhoto(Reason.UNSUPPORTED, "no picture of a kind that we read")


def _picture(head: bytes) -> str | None:
    return next((name for magic, name in PICTURES.items() if head.startswith(magic)), None)


def _guard(image: ImageFile.ImageFile, limits: Limits) -> None:
    width, height = image.size
    if width * height > limits.pixels:
        raise BadPhoto(Reason.TOO_LARGE, f"{width} x {height} px are more than {limits.pixels:,}")
    if min(width, height) < 1:
        raise BadPhoto(Reason.UNREADABLE, f"{width} x {height} px")
    # a JPEG has one frame, and MPO's count may lie
    if image.format not in ("JPEG", "MPO") and getattr(image, "n_frames", 1) > limits.frames:
        raise BadPhoto(Reason.TOO_LARGE, f"more than {limits.frames} frames")


def _decoded(image: ImageFile.ImageFile, side: int) -> Decoded:
    width, height = image.size
    mode, kind = image.mode, image.format or ""
    scale = min(1.0, side / max(width, height))
    if kind in ("JPEG", "MPO"):
        # asks libjpeg for 1/2, 1/4 or 1/8 of the coefficients; never smaller than the size given
        image.draft(None, (max(1, int(width * scale)), max(1, int(height * scale))))
    with _no_pixel_limit():
        image.load()
    turn = UPRIGHT.get(_orientation(image))
    pixels = _fit(_to_rgb(image), max(1, round(width * scale)), max(1, round(height * scale)))
    if turn is not None:
        pixels = np.asarray(Image.fromarray(pixels).transpose(turn))
    if turn in (UPRIGHT[5], UPRIGHT[6], UPRIGHT[7], UPRIGHT[8]):
        width, height = height, width
    return Decoded(np.ascontiguousarray(pixels), width, height, kind, mode)


def _orientation(image: ImageFile.ImageFile) -> int:
    try:
        return int(image.getexif().get(ORIENTATION, 1))
    except BROKEN:
        return 1  # broken EXIF is no reason to lose a photo that decodes


def _to_rgb(image: Image.Image) -> RGB:
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return _grey_to_rgb(np.asarray(image))
    if image.has_transparency_data:
        return _over_white(np.asarray(image.convert("RGBA")))
    profile = image.info.get("icc_profile")
    transform = _to_srgb(profile, image.mode) if profile and image.mode in ("RGB", "CMYK", "L") else None
    if transform is not None:
        image = ImageCms.applyTransform(image, transform) or image
    return np.asarray(image if image.mode == "RGB" else image.convert("RGB"))


def _grey_to_rgb(grey: np.ndarray) -> RGB:
    """High-depth grey to 8 bit: 16-bit counts by 257, floats in [0, 1] by 255, larger values by their maximum."""
    values = np.nan_to_num(grey.astype(np.float64))
    top = values.max(initial=0)
    if grey.dtype.kind == "f":
        full = 1.0 if top <= 1 else 255.0 if top <= 255 else top
    else:
        full = 255.0 if grey.dtype == np.int32 and top <= 255 else max(65535.0, top)
    eight = np.clip(values * (255 / full), 0, 255).round().astype(np.uint8)
    return np.repeat(eight[..., None], 3, axis=2)


def _over_white(rgba: np.ndarray) -> RGB:
    """Blend straight RGBA over white, in sRGB values as browsers do; exactly 255 where alpha is 0."""
    alpha = rgba[..., 3:].astype(np.uint16)
    blended = rgba[..., :3] * alpha + 255 * (255 - alpha)
    return ((blended + 127) // 255).astype(np.uint8)


@lru_cache(maxsize=8)  # a heap has a handful of cameras
def _to_srgb(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """From a picture's own colours to sRGB; None where its profile is sRGB already, or broken."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if mode == "RGB" and "sRGB" in (ImageCms.getProfileDescription(source) or ""):
            return None
        return ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")
    except BROKEN:
        return None


def _fit(pixels: RGB, width: int, height: int) -> RGB:
    have = pixels.shape[1]
    if (width, height) == (have, pixels.shape[0]):
        return pixels
    # between half and whole size, linear interpolation sees every source pixel and costs a third of area averaging
    how = cv2.INTER_LINEAR if width * 2 > have else cv2.INTER_AREA
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=how), np.uint8)


@contextlib.contextmanager
def _no_pixel_limit() -> Iterator[None]:
    before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = before


@lru_cache(maxsize=1)
def _formats() -> tuple[str, ...]:
    """Our formats as far as this Pillow has them; HEIC where the extra package is installed."""
    with contextlib.suppress(ImportError):
        import pillow_heif  # optional

        pillow_heif.register_heif_opener()
    # one by one: Image.init() would load fifty plug-ins that we never ask, a tenth of a second in each worker
    Image.preinit()
    for plugin in ("Avif", "Ico", "Jpeg2K", "Mpo", "Tiff", "WebP"):
        with contextlib.suppress(ImportError):
            import_module(f"PIL.{plugin}ImagePlugin")
    return tuple(name for name in (*FORMATS, "HEIF") if name in Image.OPEN)


def _words(error: BaseException) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 120 else text[:119] + "…"
