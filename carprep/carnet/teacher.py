"""Pseudo-masks from a general segmentation network (DeepLab v3, Chen et al. 2017; PASCAL VOC classes; a .tflite file).

It is a teacher for photos without a mask, and the peer that evaluation stands us beside. Its terms are its authors'
(Apache-2.0); it is used beside the project and never shipped.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from carprep.errors import UsageError
from carprep.photo import RGB, Alpha

SIDE = 513  # px, the network's own input
CAR, BUS = 7, 6  # VOC classes; it takes many vans for buses
MARGIN = 0.15  # round the car's box, share of its longer side, on the second, closer look


class Teacher:
    """The network, on one thread."""

    def __init__(self, path: Path) -> None:
        """Load it.

        Raises:
            UsageError: ai-edge-litert is missing, or there is no such file.
        """
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ImportError as error:
            raise UsageError("the teacher needs LiteRT: pip install ai-edge-litert") from error
        if not path.is_file():
            raise UsageError(f"there is no teacher at {path}")
        self._interpreter: Any = Interpreter(model_path=str(path), num_threads=1)
        self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]["index"]
        self._output = self._interpreter.get_output_details()[0]["index"]

    def __call__(self, pixels: RGB) -> Alpha:
        """One look at the whole picture, letterboxed.

        Args:
            pixels: uint8 sRGB (H, W, 3).

        Returns:
            float32 (H, W), 0 or 1 before scaling: every car in it, neighbours too.
        """
        height, width = pixels.shape[:2]
        scale = SIDE / max(height, width)
        size = max(1, round(width * scale)), max(1, round(height * scale))
        canvas = np.full((SIDE, SIDE, 3), 127, np.uint8)
        canvas[: size[1], : size[0]] = cv2.resize(
            pixels, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        )
        self._interpreter.set_tensor(self._input, canvas[None])
        self._interpreter.invoke()
        classes = np.squeeze(self._interpreter.get_tensor(self._output))[: size[1], : size[0]]
        mask = np.isin(classes, (CAR, BUS)).astype(np.float32)
        return np.asarray(cv2.resize(mask, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)

    def closely(self, pixels: RGB) -> Alpha:
        """Three looks averaged: the whole picture, then the largest car close up and mirrored. Shaped as `__call__`'s.

        Where the looks differ the answer is between 0 and 1: nobody knows there.
        """
        first = self(pixels)
        count, _, stats, _ = cv2.connectedComponentsWithStats((first > 0.5).astype(np.uint8), connectivity=8)
        if count < 2:
            return first
        left, top, width, height, _ = stats[1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())]
        margin = int(MARGIN * max(width, height))
        rows = slice(max(0, top - margin), top + height + margin)
        columns = slice(max(0, left - margin), left + width + margin)
        crop = np.ascontiguousarray(pixels[rows, columns])
        near = (self(crop) + self(np.ascontiguousarray(crop[:, ::-1]))[:, ::-1]) / 2
        answer = first.copy()
        answer[rows, columns] = (first[rows, columns] + 2 * near) / 3
        return answer
