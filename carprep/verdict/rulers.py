"""Rulers: what pictures are measured with. Two at least, since CarNet also decided what was kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from carprep import weights
from carprep.errors import UsageError
from carprep.trainer.features import features as trainers
from carprep.trainer.metrics import Features

Measure = Callable[[Tensor], Features]
SIDE = 64  # px, at which shapes and colours are looked at
CELLS, BINS = 8, 9  # cells along a side, directions (Dalal & Triggs 2005)
SHADES = 4  # steps of each colour channel
FILES = ("inception", "dinov2")  # networks from a file that the user names


@dataclass(frozen=True)
class Ruler:
    """One ruler.

    Attributes:
        name: as printed, KID[name].
        measure: uint8 (N, 3, S, S) to float64 (N, F).
        independent: whether it took no part in curation.
    """

    name: str
    measure: Measure
    independent: bool


def rulers(extra: str = "") -> tuple[Ruler, ...]:
    """CarNet's features, shapes and colours; and a network of the user's where one is named.

    Args:
        extra: inception (as fetched), inception:PATH or dinov2:PATH; empty for none.

    Raises:
        UsageError: no such ruler, no such file, or not the file that it must be.
    """
    own = (
        Ruler("carnet", lambda pixels: trainers("carnet", pixels), independent=False),
        Ruler("shapes", shapes, independent=True),
    )
    if not extra or extra == "carnet":
        return own
    name, _, path = extra.partition(":")
    if name == "inception" and not path:
        path = str(weights.path_of(name))  # where carprep doctor --fetch inception puts it
    if name not in FILES or not path:
        raise UsageError(
            f"--features must be inception, inception:PATH or dinov2:PATH, not {extra!r}; carnet and shapes are always"
        )
    if name == "inception":
        from carprep.verdict.inception import load
    else:
        from carprep.verdict.dinov2 import load
    return (*own, Ruler(name, load(Path(path)), independent=True))


def shapes(pixels: Tensor) -> Features:
    """Histograms of oriented gradients and of colours: no weights, no part in curation.

    Args:
        pixels: uint8 (N, 3, S, S).

    Returns:
        float64 (N, 8 * 8 * 9 + 64), both parts with the same length on average.
    """
    pictures = pixels.permute(0, 2, 3, 1).cpu().numpy()
    return np.stack([_shape(cv2.resize(one, (SIDE, SIDE), interpolation=cv2.INTER_AREA)) for one in pictures])


def _shape(picture: NDArray[np.uint8]) -> NDArray[np.float64]:
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255
    down, right = cv2.Sobel(grey, cv2.CV_32F, 0, 1), cv2.Sobel(grey, cv2.CV_32F, 1, 0)
    strength = np.hypot(down, right)
    direction = (np.arctan2(down, right) % np.pi / np.pi * BINS).astype(int) % BINS
    place = np.arange(SIDE) * CELLS // SIDE
    cell = (place[:, None] * CELLS + place[None]) * BINS
    histogram = np.bincount((cell + direction).ravel(), strength.ravel(), CELLS * CELLS * BINS)
    # Hellinger: the length is 1, and no edge outweighs all others
    edges = np.sqrt(histogram / (histogram.sum() + 1e-6))
    shade = (picture.astype(int) * SHADES // 256) @ np.array([SHADES * SHADES, SHADES, 1])
    colours = np.sqrt(np.bincount(shade.ravel(), minlength=SHADES**3) / SIDE**2)
    # KID's kernel divides by the width: so the parts weigh alike and a picture's length is its width's root
    return np.asarray(np.concatenate([edges, colours]) * np.sqrt((len(edges) + len(colours)) / 2))
