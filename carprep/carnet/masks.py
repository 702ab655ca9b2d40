"""Masks for photos that nobody has drawn one for: from a plain ground where it is plain, else from the teacher."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from carprep import models
from carprep.carnet.pack import LIMITS, grey
from carprep.carnet.scores import iou
from carprep.carnet.teacher import Teacher
from carprep.measure.decode import decode
from carprep.photo import RGB

TEACHER = "teacher/deeplabv3_mnv2_pascal_quant.tflite"  # in the folder of development photos
SIDE = 512  # px, longest
AGREE = 0.90  # intersection over union of the plain ground's mask and the teacher's, above which the first is taken
BAND = 0.011  # of the photo's longer side: how far off the teacher's edge may be
LITTLE, MUCH = 0.01, 0.05  # shares of the photo: below the first there is no car, above the second there is one


def pseudo_mask(data: bytes, sha256: str, view: str, photos: Path, out: Path) -> tuple[str, str]:
    """Write a mask and a doubt below `out`; returns their paths there, both empty where nothing is known.

    Args:
        data, sha256: the photo's bytes, and theirs.
        view: what is known of it, or empty.
        photos: the development photos; the teacher lies there.
    """
    pixels = decode(data, SIDE, LIMITS).pixels
    taught = _taught(pixels, sha256, photos, out / "teacher")
    known = _known(pixels, taught, view)
    if known is None:
        return "", ""
    (out / "masks").mkdir(exist_ok=True)
    names = f"masks/{sha256}.png", f"masks/{sha256}.doubt.png"
    for name, plane in zip(names, known, strict=True):
        cv2.imwrite(str(out / name), plane)
    return names


def only_main(mask: str, sha256: str, out: Path) -> str:
    """Write a mask with the main car alone where one has the other cars too, in grey; returns its path below `out`."""
    (out / "masks").mkdir(exist_ok=True)
    plane = grey(out / mask)
    cv2.imwrite(str(out / f"masks/{sha256}.png"), (plane > 192).astype(np.uint8) * 255)
    return f"masks/{sha256}.png"


def _known(pixels: RGB, taught: np.ndarray, view: str) -> tuple[np.ndarray, np.ndarray] | None:
    share = float((taught > 0.5).mean())
    sure = np.zeros(taught.shape, np.uint8)
    if view == "none":
        return (sure, sure) if share < LITTLE else None
    if share < MUCH:
        return None
    plain = models.load("border")(pixels).alpha if view != "partial" else None
    if plain is not None and iou(plain > 0.5, taught > 0.5) > AGREE:
        return np.round(plain * 255).astype(np.uint8), sure
    car = _main(taught > 0.5)
    band = max(2, round(BAND * max(taught.shape)))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * band + 1, 2 * band + 1))
    edge = np.asarray(cv2.dilate(car.astype(np.uint8), kernel) - cv2.erode(car.astype(np.uint8), kernel)) > 0
    doubt = edge | (np.abs(taught - 0.5) < 0.45)
    return car.astype(np.uint8) * 255, doubt.astype(np.uint8) * 255


def _taught(pixels: RGB, sha256: str, photos: Path, kept: Path) -> np.ndarray:
    path = kept / f"{sha256}.png"
    if not path.exists():
        kept.mkdir(exist_ok=True)
        cv2.imwrite(str(path), np.round(_teacher(photos).closely(pixels) * 255).astype(np.uint8))
    answer = grey(path).astype(np.float32) / 255
    return np.asarray(cv2.resize(answer, (pixels.shape[1], pixels.shape[0]), interpolation=cv2.INTER_LINEAR))


@lru_cache(maxsize=1)
def _teacher(photos: Path) -> Teacher:
    return Teacher(photos / TEACHER)


def _main(mask: np.ndarray) -> np.ndarray:
    """The largest blob, its holes filled: the teacher leaves some where a window shows the ground."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    if count < 2:
        return mask
    blob = (labels == 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())).astype(np.uint8)
    outlines, _ = cv2.findContours(blob, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return np.asarray(cv2.drawContours(blob, outlines, -1, 1, cv2.FILLED) > 0)
