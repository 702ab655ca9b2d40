"""The looker border: what it cuts out, what it refuses, and that it never changes its mind."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import pytest

from carprep import models
from carprep.models.border import Border
from carprep.photo import Reason

SHAPE = (300, 400)


@dataclass(frozen=True)
class Drawn:
    """A picture and the exact mask of the car in it, bool (H, W)."""

    picture: np.ndarray
    mask: np.ndarray


def grey(height: int, width: int, lightness: np.ndarray | float) -> np.ndarray:
    return np.repeat(np.broadcast_to(np.asarray(lightness, float), (height, width))[..., None], 3, 2)


def graded() -> np.ndarray:
    """A lamp behind the car: bright in the middle, dark in the corners."""
    y, x = np.mgrid[-1 : 1 : SHAPE[0] * 1j, -1 : 1 : SHAPE[1] * 1j]
    return grey(*SHAPE, 235 - 70 * (x**2 + y**2) / 2)


def checkerboard() -> np.ndarray:
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]] // 12
    return grey(*SHAPE, np.where((x + y) % 2, 204.0, 255.0))


GROUNDS = {
    "white": grey(*SHAPE, 255),
    "grey": grey(*SHAPE, 150),
    "blue": np.full((*SHAPE, 3), (90.0, 130.0, 190.0)),
    "graded": graded(),
    "checkerboard": checkerboard(),
}


def car(ground: np.ndarray, paint: tuple[int, int, int] = (170, 25, 30), shadow: float = 0.35) -> Drawn:
    height, width = ground.shape[:2]
    body = np.zeros((height, width), np.uint8)
    cv2.rectangle(body, (width // 6, height // 2), (width * 5 // 6, height * 3 // 4), 1, -1)
    cv2.ellipse(body, (width // 2, height // 2), (width // 4, height // 5), 0, 180, 360, 1, -1)
    mask = body.copy()
    for x in (width // 3, width * 2 // 3):
        cv2.circle(mask, (x, height * 3 // 4), height // 12, 1, -1)
    shade = np.zeros((height, width), np.float32)
    cv2.ellipse(shade, (width // 2, height * 5 // 6), (width * 2 // 5, height // 24), 0, 0, 360, shadow, -1)
    picture = ground * (1 - cv2.GaussianBlur(shade, (0, 0), 6)[..., None])
    picture[mask > 0] = (25, 25, 27)
    picture[body > 0] = paint
    return Drawn(np.clip(picture, 0, 255).astype(np.uint8), mask > 0)


def overlap(alpha: np.ndarray, mask: np.ndarray) -> float:
    found = alpha > 0.5
    return float((found & mask).sum() / (found | mask).sum())


@pytest.mark.parametrize("name", GROUNDS)
def test_a_car_is_cut_from_a_plain_ground_without_its_shadow(name):
    drawn = car(GROUNDS[name])
    seen = Border()(drawn.picture)

    assert seen.reason is None, seen.detail
    assert overlap(seen.alpha, drawn.mask) > 0.95


def test_alpha_has_the_shape_of_the_picture_and_lies_in_0_to_1():
    seen = Border()(car(GROUNDS["grey"]).picture)

    assert (seen.alpha.shape, seen.alpha.dtype) == (SHAPE, np.float32)
    assert seen.alpha.min() == 0 and seen.alpha.max() == 1


def test_it_knows_no_views():
    assert Border()(car(GROUNDS["grey"]).picture).views is None
    assert not models.knows_views("border")


def test_a_white_body_inside_its_outline_is_kept_on_a_white_ground():
    drawn = car(GROUNDS["white"], (255, 255, 255), shadow=0)
    outline = drawn.mask & ~(cv2.erode(drawn.mask.astype(np.uint8), np.ones((7, 7))) > 0)
    drawn.picture[outline] = (120, 120, 120)

    assert overlap(Border()(drawn.picture).alpha, drawn.mask) > 0.95


def test_a_logo_in_the_corner_does_not_join_the_car():
    drawn = car(GROUNDS["white"])
    cv2.putText(drawn.picture, "logo", (10, 30), cv2.FONT_HERSHEY_SIMPLEX, 0.8, (40, 60, 160), 2)
    alpha = Border()(drawn.picture).alpha
    _, labels = cv2.connectedComponents((alpha > 0.5).astype(np.uint8))

    assert labels[180, 200] not in labels[:40, :100][alpha[:40, :100] > 0.5]
    assert overlap(np.where(labels == labels[180, 200], alpha, 0), drawn.mask) > 0.95


@pytest.mark.parametrize("side", ["left", "bottom"])
def test_a_car_cut_by_the_frame_is_not_taken_for_ground(side):
    drawn = car(GROUNDS["white"])
    cut = np.s_[:, 90:] if side == "left" else np.s_[:215]
    seen = Border()(np.ascontiguousarray(drawn.picture[cut]))

    assert seen.alpha is not None, seen.detail
    assert overlap(seen.alpha, drawn.mask[cut]) > 0.93


def test_a_ground_that_is_not_plain_is_refused_with_what_was_measured():
    noise = np.random.default_rng(0).uniform(0, 255, (12, 16, 3)).astype(np.float32)
    seen = Border()(car(cv2.resize(noise, SHAPE[::-1])).picture)

    assert (seen.alpha, seen.reason) == (None, Reason.BAD_CUTOUT)
    assert "the ground is not plain: " in seen.detail and "%" in seen.detail


def test_hills_behind_the_car_are_refused():
    ground = grey(*SHAPE, np.linspace(240, 150, SHAPE[0])[:, None])
    ground[110:160] = (60, 80, 60)

    assert Border()(car(ground).picture).reason is Reason.BAD_CUTOUT


def test_a_black_ground_is_refused_for_it_eats_the_tyres():
    assert Border()(car(grey(*SHAPE, 8), shadow=0).picture).reason is Reason.BAD_CUTOUT


@pytest.mark.parametrize("name", GROUNDS)
def test_an_empty_ground_is_no_car(name):
    seen = Border()(GROUNDS[name].astype(np.uint8))

    assert (seen.alpha, seen.reason) == (None, Reason.NO_CAR), seen.detail


@pytest.mark.parametrize("shape", [(1, 1), (3, 400), (400, 3), (9, 9)])
def test_a_tiny_picture_is_an_answer_and_not_a_crash(shape):
    assert Border()(np.full((*shape, 3), 200, np.uint8)).alpha is None


def test_the_same_pixels_give_the_same_alpha_bit_for_bit_whatever_came_before():
    drawn, other = car(GROUNDS["graded"]), car(GROUNDS["blue"], (20, 160, 60))
    first = Border()(drawn.picture).alpha
    for _ in range(3):
        Border()(other.picture)

    assert np.array_equal(Border()(drawn.picture).alpha, first)


def test_its_identity_is_known_without_loading_it():
    assert models.identity("border") == models.load("border").identity


def test_on_real_photos_it_keeps_whole_cars_and_refuses_everyday_scenes(photos):
    def look(path):
        return Border()(cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB))

    shares = []
    for path in sorted((photos / "carmask").glob("*.jpg"))[::2]:
        seen = look(path)
        if seen.alpha is not None:
            shares.append(overlap(seen.alpha, cv2.imread(str(path.with_suffix(".mask.png")), 0) > 127))
    scenes = sorted((photos / "nocar").glob("*.jpg"))[::3]

    assert len(shares) >= 10 and np.mean(shares) > 0.88
    assert sum(look(path).alpha is not None for path in scenes) <= 0.03 * len(scenes)
