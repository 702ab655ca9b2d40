"""The Inception v3 of 2015-12-05 that published FID and KID are measured with, from torch-fidelity's state dict."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models import inception

from carprep import weights
from carprep.errors import UsageError
from carprep.trainer.metrics import Features

SIDE, CLASSES, CHUNK = 299, 1008, 32


def load(path: Path) -> Callable[[Tensor], Features]:
    """The network as a measure: uint8 (N, 3, S, S) to float64 (N, 2048), the pool3 features.

    Raises:
        UsageError: no such file, another file, or one of code.
    """
    weights.check("inception", path)
    network = Network()
    network.load_state_dict(_state(path))
    return measure(network.eval())


def _state(path: Path) -> dict[str, Any]:
    try:
        state = torch.load(path, weights_only=True, map_location="cpu")
    except Exception as error:  # torch's loader raises whatever the bytes lead it to
        raise UsageError(f"{path} is no state dict: weights only are read, and no code") from error
    return dict(state)


def measure(network: nn.Module) -> Callable[[Tensor], Features]:
    """A loaded network as a ruler."""

    def features(pixels: Tensor) -> Features:
        with torch.inference_mode():
            parts = [network(pixels[i : i + CHUNK]).double().numpy() for i in range(0, len(pixels), CHUNK)]
        return np.concatenate(parts)

    return features


class Network(inception.Inception3):
    """As published: TensorFlow's resize, averages that leave the padding out, a maximum in the last block."""

    def __init__(self) -> None:
        super().__init__(num_classes=CLASSES, aux_logits=False, transform_input=False, init_weights=False)
        self.Mixed_5b, self.Mixed_5c, self.Mixed_5d = _A(192, 32), _A(256, 64), _A(288, 64)
        self.Mixed_6b, self.Mixed_6c = _C(768, 128), _C(768, 160)
        self.Mixed_6d, self.Mixed_6e = _C(768, 160), _C(768, 192)
        self.Mixed_7b, self.Mixed_7c = _E(1280), _E(2048, last=True)

    def forward(self, pixels: Tensor) -> Tensor:
        """uint8 (N, 3, S, S) to float32 (N, 2048)."""
        plane = (resized(pixels.float()) - 128) / 128
        for name in ("Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3", "maxpool1", "Conv2d_3b_1x1", "Conv2d_4a_3x3",
                     "maxpool2", "Mixed_5b", "Mixed_5c", "Mixed_5d", "Mixed_6a", "Mixed_6b", "Mixed_6c", "Mixed_6d",
                     "Mixed_6e", "Mixed_7a", "Mixed_7b", "Mixed_7c"):  # fmt: skip
            plane = getattr(self, name)(plane)
        return plane.mean((2, 3))


def resized(pictures: Tensor, side: int = SIDE) -> Tensor:
    """Bilinear as TensorFlow 1 did it: the corner's pixel, and not its middle, stays where it is."""
    small = pictures.shape[2]
    place = torch.arange(side) * (small / side)
    low = place.floor().long()
    share = place - low
    high = (low + 1).clamp(max=small - 1)
    rows = pictures[:, :, low] * (1 - share)[:, None] + pictures[:, :, high] * share[:, None]
    return rows[..., low] * (1 - share) + rows[..., high] * share


def _average(plane: Tensor) -> Tensor:
    return functional.avg_pool2d(plane, 3, stride=1, padding=1, count_include_pad=False)


class _A(inception.InceptionA):
    def _forward(self, x: Tensor) -> list[Tensor]:
        double = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return [self.branch1x1(x), self.branch5x5_2(self.branch5x5_1(x)), double, self.branch_pool(_average(x))]

    def __init__(self, wide: int, pool: int) -> None:
        super().__init__(wide, pool_features=pool)


class _C(inception.InceptionC):
    def _forward(self, x: Tensor) -> list[Tensor]:
        one = self.branch7x7_3(self.branch7x7_2(self.branch7x7_1(x)))
        two = x
        for number in range(1, 6):
            two = getattr(self, f"branch7x7dbl_{number}")(two)
        return [self.branch1x1(x), one, two, self.branch_pool(_average(x))]

    def __init__(self, wide: int, inner: int) -> None:
        super().__init__(wide, channels_7x7=inner)


class _E(inception.InceptionE):
    def __init__(self, wide: int, last: bool = False) -> None:
        super().__init__(wide)
        self.last = last

    def _forward(self, x: Tensor) -> list[Tensor]:
        one = self.branch3x3_1(x)
        two = self.branch3x3dbl_2(self.branch3x3dbl_1(x))
        pooled = functional.max_pool2d(x, 3, stride=1, padding=1) if self.last else _average(x)
        return [
            self.branch1x1(x),
            torch.cat([self.branch3x3_2a(one), self.branch3x3_2b(one)], 1),
            torch.cat([self.branch3x3dbl_3a(two), self.branch3x3dbl_3b(two)], 1),
            self.branch_pool(pooled),
        ]
