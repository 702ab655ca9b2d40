"""Whom evaluation compares: our network, the teacher, `border`, and any rembg model whose weights are here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from carprep import models
from carprep.carnet.collect import photos_folder
from carprep.carnet.masks import TEACHER
from carprep.carnet.teacher import Teacher
from carprep.errors import CarprepError
from carprep.models.carnet import CarNet
from carprep.models.looker import Looker
from carprep.photo import RGB, Alpha

Cutter = Callable[[RGB], Alpha]  # uint8 (H, W, 3) -> float32 (H, W); all 0 where it refuses


def cutters(model: Path, alone: bool) -> Mapping[str, Cutter]:
    """By name; who is not to be had here is left out, and where it is `alone` all others are."""
    found: dict[str, Cutter] = {"carnet": _asked(CarNet(model))}
    if alone:
        return found
    try:
        teacher = Teacher(photos_folder() / TEACHER)
    except CarprepError:
        pass  # no development photos, or no LiteRT
    else:
        found |= {"teacher": teacher, "teacher, 3 looks": teacher.closely}
    found["border"] = _asked(models.load("border"))
    for name in _rembg():
        found[f"rembg:{name}"] = _asked(models.load(f"rembg:{name}"))
    return found


def _asked(looker: Looker) -> Cutter:
    def cut(pixels: RGB) -> Alpha:
        alpha = looker(pixels).alpha
        return np.zeros(pixels.shape[:2], np.float32) if alpha is None else alpha

    return cut


def _rembg() -> list[str]:
    try:
        from carprep.models import rembg

        return [name for name in rembg.MODELS if rembg.find(name) is not None]
    except CarprepError:
        return []  # not installed
