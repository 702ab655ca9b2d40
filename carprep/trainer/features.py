"""What scores are measured with: numbers for each picture, from a network that saw none of the training."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
from torch import Tensor

from carprep.engines.local import processors
from carprep.errors import UsageError
from carprep.trainer.metrics import Features

NAMES = ("carnet", "pixels")
SIDE = 256  # px: what CarNet was trained at
CHUNK = 16  # pictures to a call
SMALL = 16  # px: for `pixels`


def check(name: str) -> None:
    """Find out before any work whether there are such features.

    Raises:
        UsageError: there are none.
    """
    if name not in NAMES:
        raise UsageError(f"--features must be one of {', '.join(NAMES)}, not {name!r}")


def features(name: str, pixels: Tensor) -> Features:
    """The features of pictures.

    Args:
        name: carnet, the bundled network's; or pixels, 16 px thumbnails, quick and crude.
        pixels: uint8 (N, 3, S, S).

    Returns:
        float64 (N, F).
    """
    pictures = pixels.permute(0, 2, 3, 1).cpu().numpy()
    if name == "pixels":
        small = [cv2.resize(picture, (SMALL, SMALL), interpolation=cv2.INTER_AREA) for picture in pictures]
        return np.stack(small).reshape(len(small), -1).astype(np.float64) / 127.5 - 1
    from carprep.models.carnet import BUNDLED, Network

    chunks = [pictures[i : i + CHUNK] for i in range(0, len(pictures), CHUNK)]
    network = Network(BUNDLED)  # one thread a call, and calls leave Python's lock

    def look(chunk: np.ndarray) -> np.ndarray:
        large = [cv2.resize(picture, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC) for picture in chunk]
        return network(np.stack(large)).features

    with ThreadPoolExecutor(processors()) as pool:
        return np.concatenate(list(pool.map(look, chunks))).astype(np.float64)
