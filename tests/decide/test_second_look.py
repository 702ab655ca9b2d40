"""The second look: made copies of drawn pictures are copies, other pictures are not, and the edits have their names."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from carprep.decide.prints import prints_of
from carprep.decide.related import Seen, relate
from carprep.decide.relation import Kind
from tests.decide.prints import Heap, picture


def jpeg(pixels: np.ndarray, quality: int) -> np.ndarray:
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, "JPEG", quality=quality)
    return np.asarray(Image.open(data))


def cropped(pixels: np.ndarray, share: float) -> np.ndarray:
    y, x = round(pixels.shape[0] * share), round(pixels.shape[1] * share)
    return pixels[y:-y, x:-x]


def framed(pixels: np.ndarray, share: float) -> np.ndarray:
    y, x = round(pixels.shape[0] * share), round(pixels.shape[1] * share)
    return cv2.copyMakeBorder(pixels, y, y, x, x, cv2.BORDER_CONSTANT, value=(255, 255, 255))


def bannered(pixels: np.ndarray) -> np.ndarray:
    out = pixels.copy()
    out[-round(0.15 * len(out)) :] = (200, 30, 40)
    return out


def turned(pixels: np.ndarray, degrees: float) -> np.ndarray:
    height, width = pixels.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1)
    return cv2.warpAffine(pixels, turn, (width, height), borderMode=cv2.BORDER_REPLICATE)


def scaled_light(pixels: np.ndarray, gain: float) -> np.ndarray:
    return np.clip(pixels * gain, 0, 255).astype(np.uint8)


EDITS = {
    "re-encoded": lambda p: jpeg(p, 30),
    "made smaller": lambda p: cv2.resize(p, None, fx=0.3, fy=0.3, interpolation=cv2.INTER_AREA),
    "cropped by 3 %": lambda p: cropped(p, 0.03),
    "cropped by 5 %": lambda p: cropped(p, 0.05),
    "cropped by 10 %": lambda p: cropped(p, 0.1),
    "framed by 5 %": lambda p: framed(p, 0.05),
    "bannered": bannered,
    "lightened": lambda p: scaled_light(p, 1.2),
    "darkened": lambda p: scaled_light(p, 0.8),
    "turned by 2 degrees": lambda p: turned(p, -2),
    "greyed": lambda p: np.repeat(cv2.cvtColor(p, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2),
}


def kind_of(one: np.ndarray, other: np.ndarray) -> tuple[Kind, float]:
    heap = Heap()
    heap.add("a", one)
    heap.add("b", other)
    table = heap.table()
    prints = prints_of(table, np.arange(2))
    related = relate(prints, heap.thumbs, 4, np.arange(2), Seen.nothing())
    return (Kind(related.kind[0]), float(related.score[0])) if len(related.kind) else (Kind.DIFFERENT, 0.0)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_an_edited_copy_is_a_copy_and_mirrored_a_mirrored_copy(edit, seed):
    one = picture(seed)
    other = np.ascontiguousarray(edit(one))

    assert kind_of(one, other)[0] is Kind.COPY
    assert kind_of(one, np.ascontiguousarray(other[:, ::-1]))[0] is Kind.MIRRORED


@pytest.mark.parametrize("seed", range(6))
def test_other_pictures_are_different(seed):
    assert kind_of(picture(seed), picture(seed + 100)) == (Kind.DIFFERENT, 0.0)


def test_the_same_structure_in_another_colour_is_a_recolour():
    one = picture(1)
    other = one.copy()
    middle = np.s_[90:270, 120:400]
    other[middle] = one[middle][..., ::-1]

    assert kind_of(one, other)[0] is Kind.RECOLOUR


def test_only_the_same_pixels_have_the_score_of_one():
    one = picture(2)

    assert kind_of(one, one.copy()) == (Kind.COPY, 1.0)
    assert 0.95 < kind_of(one, jpeg(one, 95))[1] < 1


def test_the_order_of_two_pictures_changes_nothing():
    one, other = picture(3), jpeg(cropped(picture(3), 0.05), 60)

    assert kind_of(one, other) == kind_of(other, one)


@pytest.mark.parametrize(
    "featureless",
    [
        np.full((360, 480, 3), 255, np.uint8),
        np.zeros((360, 480, 3), np.uint8),
        np.repeat(np.linspace(0, 255, 480).astype(np.uint8)[None, :, None], 360, axis=0).repeat(3, axis=2),
    ],
    ids=["white", "black", "gradient"],
)
def test_featureless_pictures_never_match_by_hash_alone(featureless):
    other = jpeg(
        np.clip(featureless.astype(int) + (1 if featureless.mean() < 200 else -1), 0, 255).astype(np.uint8), 70
    )

    assert kind_of(featureless, other)[0] is Kind.DIFFERENT
    assert kind_of(featureless, featureless.copy())[0] is Kind.COPY  # the same pixels are no guess
