"""Fifty kinds of files that heaps are full of, and what must become of each: drawn here, none from elsewhere."""

from __future__ import annotations

import bz2
import gzip
import io
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator

import numpy as np
from PIL import Image, ImageCms

from carprep.photo import Reason
from tests.pictures import blobs, encoded

KEPT = None


def kinds() -> Iterator[tuple[str, bytes, Reason | None]]:
    """Name, bytes, and the reason it must be left out for (None: kept) with `--look none`."""
    seeds = iter(range(1000, 2000))

    def picture(**shape: int) -> Image.Image:
        return blobs(next(seeds), **shape)

    yield from _fine(picture)
    yield from _truncated(picture)
    yield from _lying(picture)
    yield from _no_pictures()


def _fine(picture) -> Iterator[tuple[str, bytes, Reason | None]]:  # type: ignore[no-untyped-def]
    yield "plain.jpg", encoded(picture()), KEPT
    yield "progressive.jpg", encoded(picture(), progressive=True), KEPT
    yield "grey.jpg", encoded(picture().convert("L")), KEPT
    yield "cmyk.jpg", encoded(picture().convert("CMYK")), KEPT
    yield "plain.png", encoded(picture(), "PNG"), KEPT
    yield "palette.png", encoded(picture().quantize(64), "PNG"), KEPT
    yield "palette-as.jpg", encoded(picture().quantize(64), "PNG"), KEPT
    yield "alpha.png", encoded(_with_alpha(picture()), "PNG"), KEPT
    yield "grey-alpha.png", encoded(_with_alpha(picture()).convert("LA"), "PNG"), KEPT
    yield "palette-alpha.png", encoded(picture().quantize(32), "PNG", transparency=0), KEPT
    yield "key-colour.png", encoded(picture(), "PNG", transparency=(1, 2, 3)), KEPT
    yield "sixteen.png", encoded(_sixteen(picture()), "PNG"), KEPT
    yield "one-bit.png", encoded(picture().convert("1"), "PNG"), KEPT
    yield "float.tiff", encoded(picture().convert("F"), "TIFF"), KEPT
    yield "plain.tiff", encoded(picture(), "TIFF", compression="tiff_lzw"), KEPT
    yield "sixteen.tiff", encoded(_sixteen(picture()), "TIFF"), KEPT
    yield "plain.bmp", encoded(picture(), "BMP"), KEPT
    yield "plain.webp", encoded(picture(), "WEBP"), KEPT
    yield "alpha.webp", encoded(_with_alpha(picture()), "WEBP"), KEPT
    yield "plain.avif", encoded(picture(), "AVIF"), KEPT
    yield "plain.jp2", encoded(picture(), "JPEG2000"), KEPT
    yield "plain.ppm", encoded(picture(), "PPM"), KEPT
    yield "plain.ico", encoded(picture(width=128, height=128), "ICO", sizes=[(128, 128)]), KEPT
    yield "animated.gif", _animated("GIF", picture), KEPT
    yield "animated.webp", _animated("WEBP", picture), KEPT
    yield "animated.png", _animated("PNG", picture), KEPT
    yield "several.mpo", _animated("MPO", picture), KEPT
    for orientation in range(1, 9):
        yield f"exif-{orientation}.jpg", encoded(picture(), exif=_exif(orientation)), KEPT
    yield "exif-nonsense.jpg", encoded(picture(), exif=_exif(77)), KEPT
    yield "exif-broken.jpg", encoded(picture(), exif=b"Exif\x00\x00II*\x00\xff\xff\xff\xff"), KEPT
    yield "icc-srgb.jpg", encoded(picture(), icc_profile=_profile()), KEPT
    yield "icc-broken.jpg", encoded(picture(), icc_profile=b"no profile"), KEPT
    yield "trailing.jpg", encoded(picture()) + b"trailing words" * 100, KEPT
    yield "SHOUTING.JPG", encoded(picture()), KEPT
    yield "no-suffix", encoded(picture()), KEPT
    yield "चित्र 🚗.jpg", encoded(picture()), KEPT


def _truncated(picture) -> Iterator[tuple[str, bytes, Reason | None]]:  # type: ignore[no-untyped-def]
    for kind in ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "AVIF", "JPEG2000"):
        whole = encoded(picture(), kind)
        yield f"half.{kind.lower()}", whole[: len(whole) // 2], Reason.UNREADABLE
    whole = encoded(picture())
    yield "head-only.jpg", whole[:20], Reason.UNREADABLE
    yield "last-bytes-missing.jpg", whole[:-300], Reason.UNREADABLE
    yield "empty.jpg", b"", Reason.UNREADABLE


def _lying(picture) -> Iterator[tuple[str, bytes, Reason | None]]:  # type: ignore[no-untyped-def]
    png = encoded(picture(), "PNG")
    yield "wrong-checksum.png", png[:60] + bytes([png[60] ^ 255]) + png[61:], Reason.UNREADABLE
    yield "claims-a-gigapixel.png", _claiming(40_000, 40_000), Reason.TOO_LARGE
    yield "claims-nothing.png", _claiming(0, 0), Reason.UNREADABLE
    yield "claims-more-than-it-has.png", _claiming(300, 300), Reason.UNREADABLE
    yield "film.gif", _film(), Reason.TOO_LARGE
    yield "one-pixel.png", encoded(Image.new("RGB", (1, 1), "red"), "PNG"), Reason.EMPTY
    yield "sliver.png", encoded(Image.new("RGB", (4000, 1), "red"), "PNG"), Reason.EMPTY
    yield "one-colour.jpg", encoded(Image.new("RGB", (300, 200), "teal")), Reason.EMPTY


def _no_pictures() -> Iterator[tuple[str, bytes, Reason | None]]:
    yield "notes.txt", b"two cars, one red", Reason.UNSUPPORTED
    yield "text-as.jpg", b"this is no picture", Reason.UNSUPPORTED
    yield "page.html", b"<!DOCTYPE html><html><body>404</body></html>", Reason.UNSUPPORTED
    yield (
        "drawing.svg",
        b'<svg xmlns="http://www.w3.org/2000/svg"><rect width="9" height="9"/></svg>',
        Reason.UNSUPPORTED,
    )
    yield "document.pdf", b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n", Reason.UNSUPPORTED
    yield "postscript.eps", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", Reason.UNSUPPORTED
    yield "film.mp4", b"\x00\x00\x00\x18ftypmp42" + bytes(40), Reason.UNSUPPORTED
    yield "phone.heic", b"\x00\x00\x00\x18ftypheic" + bytes(40), Reason.UNSUPPORTED
    yield "zeros.jpg", bytes(5000), Reason.UNSUPPORTED
    yield "noise.jpg", np.random.default_rng(0).bytes(5000), Reason.UNSUPPORTED
    yield "inner.zip", _zip(), Reason.NESTED_ARCHIVE
    yield "zip-as.jpg", _zip(), Reason.NESTED_ARCHIVE
    yield "inner.tar", _tar(), Reason.NESTED_ARCHIVE
    yield "inner.tar.gz", gzip.compress(_tar(), mtime=0), Reason.NESTED_ARCHIVE
    yield "inner.tar.bz2", bz2.compress(_tar()), Reason.NESTED_ARCHIVE
    yield "inner.7z", b"7z\xbc\xaf\x27\x1c" + bytes(40), Reason.NESTED_ARCHIVE
    yield "inner.rar", b"Rar!\x1a\x07\x00" + bytes(40), Reason.NESTED_ARCHIVE


def _with_alpha(image: Image.Image) -> Image.Image:
    image = image.convert("RGBA")
    image.putalpha(Image.radial_gradient("L").resize(image.size))
    return image


def _sixteen(image: Image.Image) -> Image.Image:
    return Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257)


def _animated(kind: str, picture) -> bytes:  # type: ignore[no-untyped-def]
    return encoded(picture(), kind, save_all=True, append_images=[picture() for _ in range(3)])


def _film() -> bytes:
    frames = [Image.new("P", (8, 8), i % 7) for i in range(1100)]
    return encoded(frames[0], "GIF", save_all=True, append_images=frames[1:], optimize=False)


def _exif(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def _profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def _claiming(width: int, height: int) -> bytes:
    """A PNG whose header claims a size, with the data of a small one."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(64))) + chunk(b"IEND", b"")
    )


def _zip() -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("inside.jpg", encoded(blobs(5)))
    return data.getvalue()


def _tar() -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        photo = encoded(blobs(6))
        info = tarfile.TarInfo("inside.jpg")
        info.size = len(photo)
        archive.addfile(info, io.BytesIO(photo))
    return data.getvalue()
