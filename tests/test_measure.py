"""Measuring one photo: decoding lies, scores, fingerprints, colours."""

from __future__ import annotations

import contextlib

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps

from carprep.errors import BadPhoto
from carprep.measure.colour import COLOURS, paint
from carprep.measure.decode import decode
from carprep.measure.fingerprint import fingerprint, thumbnail
from carprep.measure.inspect import inspect, scaled
from carprep.measure.parts import CODES, NO_CODE, TRIM
from carprep.measure.photo import measure
from carprep.measure.task import Limits, Settings
from carprep.photo import Reason
from tests.pictures import blobs, car_on_white, encoded

LIMITS = Limits(bytes=10_000_000, pixels=10_000_000, frames=100)


def pixels_of(data: bytes, side: int = 512) -> np.ndarray:
    return decode(data, side, LIMITS).pixels


def off(one: np.ndarray, other: np.ndarray) -> float:
    return float(abs(one.astype(float) - other).mean())


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photo_stands_upright_whatever_its_exif_says(orientation):
    image = blobs(1, 200, 120)
    exif = Image.Exif()
    exif[0x0112] = orientation
    decoded = decode(encoded(image, quality=97, exif=exif), 512, LIMITS)
    tagged = image.copy()
    tagged.info["exif"] = exif.tobytes()
    upright = ImageOps.exif_transpose(Image.open(__import__("io").BytesIO(encoded(image, "PNG", exif=exif))))

    assert (decoded.width, decoded.height) == upright.size
    assert off(decoded.pixels, np.asarray(upright)) < 4


@pytest.mark.parametrize("kind", ["LA", "RGBA", "P"])
def test_what_is_transparent_becomes_white_and_never_black(kind):
    image = blobs(2).convert("RGBA")
    alpha = np.zeros((150, 200), np.uint8)
    alpha[50:100, 50:150] = 255
    image.putalpha(Image.fromarray(alpha))
    data = encoded(image.quantize(64) if kind == "P" else image.convert(kind), "PNG")
    pixels = pixels_of(data)

    assert (pixels[:40] == 255).all()
    assert (pixels[60:90, 60:140] != 255).any()


def test_a_palette_png_named_jpg_has_its_own_colours():
    image = blobs(3)

    assert off(pixels_of(encoded(image.quantize(256), "PNG")), np.asarray(image)) < 6


def test_cmyk_and_grey_and_sixteen_bit_look_alike():
    image = blobs(4)
    grey = np.asarray(image.convert("L"))
    sixteen = pixels_of(encoded(Image.fromarray(grey.astype(np.uint16) * 257), "PNG"))

    assert off(pixels_of(encoded(image.convert("CMYK"), quality=97)), np.asarray(image)) < 6
    assert off(pixels_of(encoded(image.convert("L"), quality=97)), grey[..., None]) < 3
    assert off(sixteen, grey[..., None]) < 1


def test_a_photo_in_another_colour_space_is_brought_to_srgb_and_a_broken_profile_is_passed_over():
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    # a profile of our own: sRGB with the primaries of red and blue changed over, under another name
    swapped = srgb.replace(b"rXYZ", b"tXYZ").replace(b"bXYZ", b"rXYZ").replace(b"tXYZ", b"bXYZ")
    swapped = swapped.replace("sRGB".encode("utf-16-be"), "test".encode("utf-16-be"))
    image = Image.new("RGB", (64, 64), (200, 60, 20))

    assert pixels_of(encoded(image, "PNG", icc_profile=srgb))[5, 5].tolist() == [200, 60, 20]
    assert pixels_of(encoded(image, "PNG", icc_profile=b"broken"))[5, 5].tolist() == [200, 60, 20]
    assert abs(pixels_of(encoded(image, "PNG", icc_profile=swapped))[5, 5].astype(int) - [20, 60, 200]).max() <= 3


def test_an_animation_gives_its_first_frame():
    first, second = Image.new("RGB", (80, 60), "red"), Image.new("RGB", (80, 60), "blue")

    assert pixels_of(encoded(first, "GIF", save_all=True, append_images=[second]))[30, 40].tolist() == [255, 0, 0]


def test_a_large_jpeg_is_decoded_small_and_keeps_its_true_size():
    decoded = decode(encoded(blobs(5, 1600, 1200)), 512, LIMITS)

    assert decoded.pixels.shape == (384, 512, 3)
    assert (decoded.width, decoded.height) == (1600, 1200)


def test_a_small_photo_is_never_enlarged():
    assert pixels_of(encoded(blobs(6, 90, 60))).shape == (60, 90, 3)


@pytest.mark.parametrize(
    ("data", "limits", "reason"),
    [
        (encoded(blobs(1)), Limits(100, 10**9, 9), Reason.TOO_LARGE),
        (encoded(blobs(1)), Limits(10**9, 1000, 9), Reason.TOO_LARGE),
        (encoded(blobs(1))[:900], Limits(10**9, 10**9, 9), Reason.UNREADABLE),
        (b"", Limits(10**9, 10**9, 9), Reason.UNREADABLE),
        (b"words", Limits(10**9, 10**9, 9), Reason.UNSUPPORTED),
        (b"PK\x03\x04zip", Limits(10**9, 10**9, 9), Reason.NESTED_ARCHIVE),
    ],
    ids=["bytes", "pixels", "truncated", "empty", "words", "zip"],
)
def test_what_cannot_be_decoded_says_why(data, limits, reason):
    with pytest.raises(BadPhoto) as bad:
        decode(data, 512, limits)

    assert bad.value.reason is reason and bad.value.detail


def test_no_bytes_at_all_can_make_decoding_fail_otherwise():
    random = np.random.default_rng(0)
    wholes = [encoded(blobs(7), kind) for kind in ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")]
    for trial in range(280):
        data = bytearray(wholes[trial % len(wholes)])
        for _ in range(int(random.integers(1, 30))):
            data[int(random.integers(len(data)))] = int(random.integers(256))
        with contextlib.suppress(BadPhoto):
            decode(bytes(data), 128, LIMITS)


# --- scores ---------------------------------------------------------------------------------------------------------


def scores(pixels: np.ndarray) -> dict[str, float]:
    small = scaled(pixels)
    return dict(inspect(small, thumbnail(small)))


def test_sharpness_falls_with_blur_and_hardly_with_size():
    pixels = np.asarray(blobs(8, 800, 600))
    sharp, soft = scores(pixels)["sharpness"], scores(cv2.GaussianBlur(pixels, (0, 0), 12))["sharpness"]
    small = scores(cv2.resize(pixels, (400, 300), interpolation=cv2.INTER_AREA))["sharpness"]

    assert soft < sharp / 20
    assert 0.6 < small / sharp < 1.7


def test_one_colour_is_uniform_and_a_white_border_is_white():
    assert scores(np.full((90, 120, 3), 77, np.uint8))["uniform"] == 1
    white = scores(np.asarray(car_on_white()))
    assert white["border_white"] == white["border_plain"] == 1
    assert white["uniform"] < 0.9
    assert scores(np.asarray(blobs(9)))["border_white"] < 0.5


@pytest.mark.parametrize("square", [8, 12, 20])
def test_a_painted_checkerboard_is_told_from_everything_else(square):
    y, x = np.mgrid[0:300, 0:400] // square
    board = np.repeat(np.where((x + y) % 2, 204, 255)[..., None], 3, 2).astype(np.uint8)
    board[80:220, 100:300] = (180, 20, 20)
    as_jpeg = pixels_of(encoded(Image.fromarray(board), quality=80))

    assert scores(as_jpeg)["checkerboard"] > 0.4
    assert scores(np.asarray(car_on_white()))["checkerboard"] == 0
    assert scores(np.asarray(blobs(10)))["checkerboard"] < 0.1


def test_black_bars_are_measured_where_they_are():
    pixels = np.asarray(blobs(11, 400, 300)).copy()
    pixels[pixels < 40] = 40
    pixels[:30] = pixels[-60:] = 0
    found = scores(pixels)

    assert found["bar_top"] == pytest.approx(0.1, abs=0.01)
    assert found["bar_bottom"] == pytest.approx(0.2, abs=0.01)
    assert found["bar_left"] == found["bar_right"] == 0


def test_hashes_are_the_imagehash_librarys_and_the_mirror_swaps_them():
    import imagehash

    pixels = np.asarray(blobs(12))
    small = scaled(pixels)
    facts = fingerprint(small, (0.2, 0.3, 0.8, 0.9))
    mirrored = fingerprint(np.ascontiguousarray(small[:, ::-1]), (0.2, 0.3, 0.8, 0.9))
    theirs = imagehash.phash(Image.fromarray(pixels))

    assert imagehash.hex_to_hash(facts["phash"]) - theirs <= 6
    assert facts["codes"][:16] == facts["phash"]  # our own transform, of all parts at once, gives the same bits
    assert facts["codes_mirrored"] == mirrored["codes"] and mirrored["codes_mirrored"] == facts["codes"]
    assert len(facts["codes"]) == 16 * CODES


@pytest.mark.parametrize(
    "flat",
    [np.full((150, 200, 3), 255), np.tile(np.arange(200)[None, :, None], (150, 1, 3)), np.zeros((150, 200, 3))],
    ids=["white", "gradient", "black"],
)
def test_a_featureless_picture_has_no_code(flat):
    facts = fingerprint(scaled(flat.astype(np.uint8)), None)

    assert set(facts["codes"]) == set(facts["codes_mirrored"]) == {"0"}


def test_a_plain_border_is_found_and_what_lies_inside_has_a_code_of_its_own():
    pixels = np.full((300, 400, 3), 255, np.uint8)
    pixels[30:240, 40:340] = np.asarray(blobs(3, 300, 210))
    facts = fingerprint(scaled(pixels), None)

    assert [facts[name] for name in TRIM] == pytest.approx([0.1, 0.1, 0.85, 0.8], abs=0.01)
    assert facts["codes"][-32:-16] != NO_CODE and facts["codes"][-16:] == NO_CODE  # no car was found


@pytest.mark.parametrize(
    ("rgb", "name"),
    [
        ((245, 245, 243), "white"), ((165, 168, 172), "silver"), ((100, 103, 106), "grey"), ((22, 22, 24), "black"),
        ((180, 20, 28), "red"), ((235, 100, 20), "orange"), ((240, 200, 30), "yellow"), ((30, 120, 60), "green"),
        ((25, 70, 170), "blue"), ((88, 58, 38), "brown"),
    ],
)  # fmt: skip
def test_ten_paints_are_told_apart(rgb, name):
    pixels = np.asarray(car_on_white(paint=rgb))
    alpha = (pixels != 255).any(axis=2).astype(np.float32)
    if name == "white":
        alpha = np.zeros((180, 240), np.float32)
        alpha[50:150, 40:200] = 1

    assert paint(pixels, alpha) == name
    assert name in COLOURS


def test_measuring_is_pure():
    settings = Settings("border", 512, LIMITS)
    data, other = encoded(car_on_white(1)), encoded(car_on_white(2))
    once = measure(data, "ab" * 32, settings)
    measure(other, "cd" * 32, settings)

    assert measure(data, "ab" * 32, settings) == once


def test_a_small_car_in_a_large_photo_is_cut_out_at_the_detail_that_it_has():
    from io import BytesIO

    big = Image.new("RGB", (3000, 2200), "white")
    big.paste(car_on_white(1, 900, 675), (1200, 900))
    measured = measure(encoded(big, quality=95), "ef" * 32, Settings("border", 512, LIMITS))

    assert measured.facts["found"] == "car"
    assert 560 < measured.facts["car_width"] < 700
    assert 500 <= Image.open(BytesIO(measured.pictures.colour)).width <= 512  # the closer look moves the edge a little
