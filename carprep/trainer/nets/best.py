"""Residual networks without any norm, after R3GAN (Huang et al. 2024): pictures of a batch are apart."""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from carprep.trainer.config import VIEWS, Config
from carprep.trainer.nets.dcgan import chosen, widths

LEAK = 0.05  # of the gradient that passes the tanh however far it is saturated
GAIN = math.sqrt(2 / (1 + 0.2**2))  # keeps the variance through a leaky ReLU (He et al. 2015)


class _Block(nn.Module):
    """Adds to a plane what two convolutions make of it; the second begins as nothing (Zhang et al. 2019, Fixup)."""

    def __init__(self, maps: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = conv(maps, maps, 3, GAIN), conv(maps, maps, 3, 0.0)

    def forward(self, plane: Tensor) -> Tensor:
        inner = self.conv1(functional.leaky_relu(plane, 0.2))
        return plane + self.conv2(functional.leaky_relu(inner, 0.2))


class Generator(nn.Module):
    """Latent vectors to pictures."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        planes = widths(config)
        self.embed = nn.Embedding(VIEWS, config.z) if config.conditional == "view" else None
        self.first = nn.Linear(config.z * (2 if self.embed else 1), planes[0] * 16)
        self.narrow = nn.ModuleList(conv(a, b, 1, 1.0) for a, b in pairwise([*planes, planes[-1]]))
        self.blocks = nn.ModuleList(_Block(maps) for maps in (*planes, planes[-1]))
        self.last = conv(planes[-1], 3, 3, 1.0)

    def forward(self, z: Tensor, views: Tensor) -> Tensor:
        """(N, z) and (N,) to (N, 3, S, S) in [-1, 1]."""
        if self.embed is not None:
            z = torch.cat([z, self.embed(views)], 1)
        plane = self.blocks[0](self.first(z).unflatten(1, (-1, 4, 4)))
        for narrow, block in zip(self.narrow, self.blocks[1:], strict=True):
            plane = functional.interpolate(narrow(plane), scale_factor=2.0, mode="bilinear")
            plane = block(plane)
        drawn = self.last(functional.leaky_relu(plane, 0.2))
        # a set that is mostly white drives a generator to where all is white, and a tanh has no gradient there: some
        # of it is let through
        return torch.tanh(drawn) + LEAK * (drawn - drawn.detach())


class Discriminator(nn.Module):
    """Pictures to one logit each (per view where it is told the view)."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        planes = widths(config)[::-1]
        self.first = conv(3, planes[0], 3, 1.0)
        self.blocks = nn.ModuleList(_Block(maps) for maps in (planes[0], *planes))
        self.widen = nn.ModuleList(conv(a, b, 1, 1.0) for a, b in pairwise([planes[0], *planes]))
        self.last = nn.Linear(planes[-1] * 16, VIEWS if config.conditional == "view" else 1)

    def forward(self, pictures: Tensor, views: Tensor) -> Tensor:
        """(N, 3, S, S) and (N,) to (N,)."""
        plane = self.first(pictures)
        for block, widen in zip(self.blocks[:-1], self.widen, strict=True):
            plane = functional.avg_pool2d(widen(block(plane)), 2)
        plane = functional.leaky_relu(self.blocks[-1](plane), 0.2)
        return chosen(self.last(plane.flatten(1)), views)


def conv(inner: int, outer: int, side: int, gain: float) -> nn.Conv2d:
    """A convolution whose answers have `gain` squared times the variance of its input at first."""
    layer = nn.Conv2d(inner, outer, side, padding=side // 2)
    nn.init.normal_(layer.weight, 0.0, gain / math.sqrt(inner * side * side))
    nn.init.zeros_(layer.bias)
    return layer
