"""The network: an encoder of plain 3x3 residual blocks, a light decoder for the mask, and a head for what is seen.

Plain convolutions, because a step of training takes a third of the time that depthwise ones take on a CPU, at about
the same time for an answer (measured; see CARNET.md).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from carprep.carnet.examples import VIEWS
from carprep.models.letterbox import GREY


@dataclass(frozen=True)
class Shape:
    """How large the network is; written into the checkpoint and the exported file."""

    widths: tuple[int, ...] = (16, 32, 64, 128, 192)  # channels at 1/2, 1/4, 1/8, 1/16 and 1/32 of the input
    depths: tuple[int, ...] = (2, 2, 3, 2)  # residual blocks at 1/4 to 1/32
    features: int = 256  # numbers that describe a photo, before the heads


@dataclass(frozen=True)
class Answers:
    """What the network says of a batch, all float32, all logits but the features.

    Attributes:
        alpha: (N, H, W), the main car.
        views: (N, 7), in the order of `View`.
        left: (N,), that the nose points to the left.
        overlay: (N,), that something is laid over the photo.
        features: (N, F).
    """

    alpha: Tensor
    views: Tensor
    left: Tensor
    overlay: Tensor
    features: Tensor


class CarNet(nn.Module):
    """uint8-ranged RGB, float32 (N, 3, H, W) in [0, 255], H and W multiples of 32 -> `Answers`."""

    def __init__(self, shape: Shape = Shape()) -> None:
        super().__init__()
        self.shape = shape
        w = shape.widths
        self.stem = _convolution(3, w[0], 3, stride=2)
        self.stages = nn.ModuleList(
            nn.Sequential(
                Block(w[i], w[i + 1], stride=2), *(Block(w[i + 1], w[i + 1]) for _ in range(shape.depths[i] - 1))
            )
            for i in range(4)
        )
        self.context = nn.Linear(w[4], w[4])
        self.ups = nn.ModuleList(nn.Conv2d(w[i + 1], w[i], 1) for i in range(4))
        self.laterals = nn.ModuleList(nn.Conv2d(w[i], w[i], 1) for i in range(4))
        self.merges = nn.ModuleList(_convolution(w[i], w[i], 3) for i in range(4))
        self.mask = nn.Conv2d(w[0], 4, 3, padding=1)
        self.describe = nn.Sequential(nn.Linear(2 * w[4] + 4 * w[3], shape.features), nn.ReLU())
        self.drop = nn.Dropout(0.2)
        self.heads = nn.Linear(shape.features, len(VIEWS) + 2)

    def forward(self, pixels: Tensor) -> Answers:
        """One pass; see the class."""
        x = self.stem((pixels - GREY) / 58.0)  # so that the letterbox is nothing
        skips = [x]  # at 1/2, 1/4, 1/8, 1/16
        for stage in self.stages:
            x = stage(x)
            skips.append(x)
        deep = skips.pop()
        everywhere = functional.relu(self.context(deep.mean((2, 3))))  # what all of the photo shows
        deep = deep + everywhere[:, :, None, None]
        x, middle = deep, deep
        for level in (3, 2, 1, 0):
            larger = functional.interpolate(self.ups[level](x), scale_factor=2.0, mode="nearest")
            x = self.merges[level](larger + self.laterals[level](skips[level]))
            if level == 3:
                middle = x
        alpha = functional.pixel_shuffle(self.mask(x), 2)[:, 0]
        features = self.describe(torch.cat([deep.mean((2, 3)), deep.amax((2, 3)), _over_car(middle, alpha)], 1))
        heads = self.heads(self.drop(features))
        return Answers(alpha, heads[:, :-2], heads[:, -2], heads[:, -1], features)


class Block(nn.Module):
    """Two 3x3 convolutions with a shortcut (He et al. 2016)."""

    def __init__(self, before: int, after: int, stride: int = 1) -> None:
        super().__init__()
        self.first = _convolution(before, after, 3, stride)
        self.second = nn.Sequential(nn.Conv2d(after, after, 3, padding=1, bias=False), nn.BatchNorm2d(after))
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1:
            self.shortcut = nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(before, after, 1))

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(self.second(self.first(x)) + self.shortcut(x))


def _convolution(before: int, after: int, side: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, after, side, stride, side // 2, bias=False), nn.BatchNorm2d(after), nn.ReLU(inplace=True)
    )


def _over_car(features: Tensor, alpha: Tensor) -> Tensor:
    """Means over the car, and how they differ between its left and right, top and bottom: (N, 4 C).

    The nose's side is a difference between two sides, which a mean over the photo cannot see.
    """
    car = torch.sigmoid(functional.avg_pool2d(alpha.detach()[:, None], 16))  # (N, 1, h, w)
    car = car + 0.02  # where no car is found, the whole photo counts
    car = car / car.sum((2, 3), keepdim=True)
    height, width = features.shape[2:]
    x = torch.arange(width, dtype=features.dtype, device=features.device)[None, None, None]
    y = torch.arange(height, dtype=features.dtype, device=features.device)[None, None, :, None]
    x, y = x - (car * x).sum((2, 3), keepdim=True), y - (car * y).sum((2, 3), keepdim=True)
    spread_x = (car * x * x).sum((2, 3), keepdim=True).sqrt() + 0.5
    spread_y = (car * y * y).sum((2, 3), keepdim=True).sqrt() + 0.5
    mean = (car * features).sum((2, 3))
    across = (car * (x / spread_x) * features).sum((2, 3))
    along = (car * (y / spread_y) * features).sum((2, 3))
    around = features.mean((2, 3))
    return torch.cat([mean, across, along, around], 1)
