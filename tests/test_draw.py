"""Drawn heaps: the same bytes for the same seed, and a key that tells the truth."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from carprep.draw.car import PAINTS
from carprep.draw.drawing import view_of
from carprep.draw.heap import draw_heap, kinds
from carprep.draw.key import Kind, read_key
from carprep.errors import UsageError
from carprep.photo import View


@pytest.fixture(scope="module")
def heap(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("drawn") / "raw"
    draw_heap(folder, 96, side=128, workers=2)
    return folder


def every(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def of_kind(folder: Path, kind: Kind):
    return [planted for planted in read_key(folder).values() if planted.kind is kind]


def opened(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB")).astype(float)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(tmp_path):
    draw_heap(tmp_path / "a", 14, seed=5, side=64, workers=1)
    draw_heap(tmp_path / "b", 14, seed=5, side=64, workers=2)
    draw_heap(tmp_path / "c", 14, seed=6, side=64, workers=1)

    assert every(tmp_path / "a") == every(tmp_path / "b") != every(tmp_path / "c")


def test_the_key_names_every_file_and_no_other(heap):
    files = {str(path.relative_to(heap)) for path in heap.rglob("*") if path.is_file() and ".carprep" not in path.parts}

    assert files == set(read_key(heap)) and len(files) == 96


def test_at_least_half_are_good_and_every_kind_is_there(heap):
    good = [planted for planted in read_key(heap).values() if planted.kind in (Kind.GOOD, Kind.BUSY)]

    assert len(good) >= 48
    assert {planted.kind for planted in read_key(heap).values()} == set(Kind)


@pytest.mark.parametrize("count", [1, 3, 12, 40, 200])
def test_any_count_gives_that_many_with_the_most_telling_kinds_first(count):
    drawn = kinds(count)

    assert len(drawn) == count
    assert drawn[0] is Kind.GOOD
    if count >= 12:
        assert Kind.EXACT_COPY in drawn and Kind.MIRRORED_COPY in drawn


@pytest.mark.parametrize(
    ("degrees", "view"),
    [(0, (View.FRONT, "none")), (355, (View.FRONT, "none")), (45, (View.FRONT_SIDE, "left")), (90, (View.SIDE, "left")),
     (135, (View.REAR_SIDE, "left")), (180, (View.REAR, "none")), (225, (View.REAR_SIDE, "right")),
     (270, (View.SIDE, "right")), (315, (View.FRONT_SIDE, "right"))],
)  # fmt: skip
def test_an_angle_is_a_view(degrees, view):
    assert view_of(degrees) == view


def test_the_nose_points_where_the_key_says(heap):
    # headlamps are near white and tail lamps red: their centres tell the nose's side on painted cars
    right = 0
    for planted in of_kind(heap, Kind.GOOD):
        if planted.view != "side" or planted.colour in ("white", "silver", "red", "orange", "brown"):
            continue
        pixels, mask = opened(heap / planted.key), opened(heap / ".carprep" / planted.mask)[..., 0] > 250
        red = mask & (pixels[..., 0] > 130) & (pixels[..., 1] < 70) & (pixels[..., 2] < 80)
        if red.sum() > 5:
            tail = np.nonzero(red)[1].mean() > np.nonzero(mask)[1].mean()
            assert tail == (planted.facing == "left")
            right += 1
    assert right or not [p for p in of_kind(heap, Kind.GOOD) if p.view == "side" and p.colour in ("blue", "green")]


def test_masks_are_exact_on_white(heap):
    for planted in of_kind(heap, Kind.GOOD):
        pixels, mask = opened(heap / planted.key), opened(heap / ".carprep" / planted.mask)[..., 0]
        assert pixels.shape[:2] == mask.shape
        upper = slice(0, mask.shape[0] // 3)  # shadows lie lower
        ground = pixels[0, 0]
        if (ground > 250).all():
            outside = pixels[upper][mask[upper] == 0]
            assert len(outside) == 0 or abs(outside - 255).mean() < 3


def test_a_mirrored_copy_is_the_mirror_and_an_exact_one_has_the_same_bytes(heap):
    for planted in of_kind(heap, Kind.EXACT_COPY):
        assert (heap / planted.key).read_bytes() == (heap / planted.original).read_bytes()
    for planted in of_kind(heap, Kind.MIRRORED_COPY):
        assert abs(opened(heap / planted.key) - opened(heap / planted.original)[:, ::-1]).mean() < 4


def test_a_recolour_has_the_same_mask_and_another_paint(heap):
    for planted in of_kind(heap, Kind.RECOLOUR):
        source = read_key(heap)[planted.original]
        assert planted.colour != source.colour and planted.colour in PAINTS
        masks = [opened(heap / ".carprep" / one.mask) for one in (planted, source)]
        assert np.array_equal(*masks)


def test_defects_are_what_they_say(heap):
    for planted in of_kind(heap, Kind.TRUNCATED):
        with pytest.raises(OSError, match="truncated"), Image.open(heap / planted.key) as image:
            image.load()
    for planted in of_kind(heap, Kind.PALETTE):
        with Image.open(heap / planted.key) as image:
            assert (image.format, image.mode) == ("PNG", "P") and planted.key.endswith(".jpg")
    for planted in of_kind(heap, Kind.ROTATED):
        with Image.open(heap / planted.key) as image:
            assert image.getexif()[0x0112] in (3, 6, 8)


def test_a_folder_with_a_users_files_is_refused_and_stays_as_it_is(tmp_path):
    (tmp_path / "mine.jpg").write_bytes(b"precious")
    with pytest.raises(UsageError, match="did not draw"):
        draw_heap(tmp_path, 3, side=64, workers=1)

    assert every(tmp_path) == {"mine.jpg": hashlib.sha256(b"precious").hexdigest()}


def test_drawing_again_replaces_the_earlier_heap(tmp_path):
    draw_heap(tmp_path / "raw", 9, side=64, workers=1)
    draw_heap(tmp_path / "raw", 4, side=64, workers=1)

    assert len(read_key(tmp_path / "raw")) == 4
    assert len([path for path in (tmp_path / "raw").rglob("*.jpg") if ".carprep" not in path.parts]) <= 4
