"""From a cutout to a square: never distorted, antialiased, on exactly white."""

from __future__ import annotations

import numpy as np
import pytest

from carprep.measure.cutout import Box, cut, main_car, uncut, whole
from carprep.measure.matting import foreground
from carprep.render.square import Frame, in_context, on_white
from tests.pictures import blobs


def disc(width: int = 300, height: int = 220, radius: int = 80) -> tuple[np.ndarray, np.ndarray]:
    """A red disc on green with an antialiased exact mask."""
    y, x = np.mgrid[0:height, 0:width]
    alpha = np.clip(radius + 0.5 - np.hypot(x - width / 2, y - height / 2), 0, 1).astype(np.float32)
    pixels = alpha[..., None] * [200, 30, 30] + (1 - alpha[..., None]) * [30, 160, 40]
    return pixels.round().astype(np.uint8), alpha


def disc_pictures(**shape: int):
    pixels, alpha = disc(**shape)
    main = main_car(alpha)
    assert main is not None
    return cut(pixels, main, 512)


@pytest.mark.parametrize("size", [32, 64, 100, 128, 256])
def test_a_circle_stays_a_circle_and_lies_in_the_middle(size):
    square = on_white(disc_pictures(), Frame(size, 0.06, False))
    dark = 255 - square[..., 1].astype(float)  # red on white: green tells the shape
    y, x = np.mgrid[0:size, 0:size] + 0.5
    weight = dark / dark.sum()
    cx, cy = (weight * x).sum(), (weight * y).sum()
    wide, high = np.sqrt((weight * (x - cx) ** 2).sum()), np.sqrt((weight * (y - cy) ** 2).sum())

    assert square.shape == (size, size, 3)
    assert abs(wide / high - 1) < 0.01
    assert abs(cx - size / 2) < 0.35 and abs(cy - size / 2) < 0.35
    assert wide * 4 == pytest.approx(size / 1.12, rel=0.03)  # a disc's radius is twice its standard deviation


def test_the_ground_is_exactly_white_and_none_of_the_old_one_is_left():
    square = on_white(disc_pictures(), Frame(64, 0.1, False)).astype(int)

    assert (square[:3] == 255).all() and (square[:, :3] == 255).all()
    assert (square[..., 1] - square[..., 0]).max() <= 6  # nowhere greener than red: no green halo


def test_the_margin_is_white_round_the_longer_side():
    pictures = disc_pictures()
    tight = on_white(pictures, Frame(100, 0.0, False))
    wide = on_white(pictures, Frame(100, 0.5, False))

    assert (tight[50] < 250).any(axis=1).sum() >= 98
    assert (wide[50] < 250).any(axis=1).sum() == pytest.approx(50, abs=2)


def test_mirroring_is_exact():
    pictures = whole(np.asarray(blobs(3)), 512)

    assert np.array_equal(on_white(pictures, Frame(64, 0, True)), on_white(pictures, Frame(64, 0, False))[:, ::-1])


def test_a_wide_frame_is_letterboxed_with_white_bars():
    square = on_white(whole(np.full((100, 400, 3), 80, np.uint8), 512), Frame(64, 0.0, False))

    assert (square[:22] == 255).all() and (square[-22:] == 255).all()
    assert abs(square[32].astype(int) - 80).max() <= 2  # also in the first and last column


def test_the_context_shows_the_old_ground_round_the_car_and_white_beyond_the_photo():
    pixels, alpha = disc()
    main = main_car(alpha)
    pictures = cut(pixels, main, 512)
    box = (main.box.left / 300, main.box.top / 220, main.box.width / 300, main.box.height / 220)
    square = in_context(pictures, box, Frame(64, 0.5, False)).astype(int)

    assert (square[0] == 255).all()  # 220 px high, 322 are shown
    assert abs(square[32, 4] - [30, 160, 40]).max() < 12
    assert abs(square[32, 32] - [200, 30, 30]).max() < 12


def test_a_photo_without_a_car_is_kept_whole():
    square = in_context(uncut(np.asarray(blobs(4)), 512), None, Frame(64, 0.0, False))

    assert (square[32] != 255).any()


def test_the_cutouts_longest_side_is_the_detail():
    from io import BytesIO

    from PIL import Image

    big = disc_pictures(width=1400, height=1300, radius=600)

    assert max(Image.open(BytesIO(big.colour)).size) == 512
    assert Image.open(BytesIO(big.alpha)).size == Image.open(BytesIO(big.colour)).size


def test_edges_lose_the_old_grounds_colour_as_in_the_reference():
    pymatting = pytest.importorskip("pymatting", reason="the reference for edge colours")
    _, alpha = disc()
    soft = np.clip((alpha - 0.5) * 0.2 + 0.5, 0, 1) * (alpha > 0) + (alpha >= 1) * 0.4
    soft = np.clip(soft, 0, 1).astype(np.float32)
    mixed = (soft[..., None] * [200, 30, 30] + (1 - soft[..., None]) * [30, 160, 40]).round().astype(np.uint8)
    edge = (soft > 0.2) & (soft < 0.95)
    ours = foreground(mixed, soft)[edge].astype(float)
    theirs = pymatting.estimate_foreground_ml(mixed / 255.0, soft.astype(np.float64))[edge] * 255
    naive = abs(mixed[edge].astype(float) - [200, 30, 30]).mean()

    assert abs(ours - [200, 30, 30]).mean() < 0.25 * naive
    assert abs(ours - theirs).mean() < 0.25 * naive


def test_stray_blobs_are_dropped_and_measured():
    _, alpha = disc()
    alpha[5:15, 5:25] = 1
    main = main_car(alpha)

    assert main.alpha[:30, :40].max() == 0
    assert 0 < main.facts["car_stray"] < 0.02
    assert main.facts["car_touch"] == 0


def test_a_car_on_the_edge_touches_it():
    alpha = np.zeros((100, 200), np.float32)
    alpha[40:, 50:150] = 1

    assert main_car(alpha).facts["car_touch"] == pytest.approx(100 / 320, abs=0.01)


def test_an_empty_mask_is_no_car():
    assert main_car(np.zeros((50, 50), np.float32)) is None


def test_a_box_knows_its_part():
    assert Box(1, 2, 5, 9).of(np.zeros((20, 20))).shape == (7, 4)
