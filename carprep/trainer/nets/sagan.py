"""SAGAN (Zhang et al. 2018): residual networks under spectral norm (Miyato et al. 2018), with self-attention."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import spectral_norm

from carprep.trainer.config import Config
from carprep.trainer.nets.dcgan import widths


def attends_at(config: Config) -> int:
    """The plane's side at which attention pays (the paper: 32 px of 128): half of the picture, at most 32."""
    return min(32, config.size // 2)


class Attention(nn.Module):
    """Every place looks at every other; begins as nothing (gamma 0) and grows in."""

    def __init__(self, maps: int) -> None:
        super().__init__()
        self.query, self.key = _conv(maps, max(1, maps // 8), 1), _conv(maps, max(1, maps // 8), 1)
        self.value, self.out = _conv(maps, max(1, maps // 2), 1), _conv(max(1, maps // 2), maps, 1)
        self.gamma = nn.Parameter(torch.zeros(()))

    def forward(self, plane: Tensor) -> Tensor:
        """(N, C, H, W) to the same."""
        query = self.query(plane).flatten(2)
        key = functional.max_pool2d(self.key(plane), 2).flatten(2)
        value = functional.max_pool2d(self.value(plane), 2).flatten(2)
        weights = torch.softmax(query.transpose(1, 2) @ key, -1)  # (N, HW, HW/4)
        seen = (value @ weights.transpose(1, 2)).unflatten(2, tuple(plane.shape[2:]))
        return plane + self.gamma * self.out(seen)


class _Up(nn.Module):
    def __init__(self, wide: int, narrow: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.BatchNorm2d(wide), nn.BatchNorm2d(narrow)
        self.conv1, self.conv2, self.skip = _conv(wide, narrow, 3), _conv(narrow, narrow, 3), _conv(wide, narrow, 1)

    def forward(self, plane: Tensor) -> Tensor:
        inner = functional.interpolate(torch.relu(self.norm1(plane)), scale_factor=2.0)
        inner = self.conv2(torch.relu(self.norm2(self.conv1(inner))))
        skip: Tensor = functional.interpolate(self.skip(plane), scale_factor=2.0)
        return skip + inner


class _Down(nn.Module):
    def __init__(self, narrow: int, wide: int, first: bool) -> None:
        super().__init__()
        self.first = first
        self.conv1, self.conv2, self.skip = _conv(narrow, wide, 3), _conv(wide, wide, 3), _conv(narrow, wide, 1)

    def forward(self, plane: Tensor) -> Tensor:
        inner = plane if self.first else torch.relu(plane)
        inner = functional.avg_pool2d(self.conv2(torch.relu(self.conv1(inner))), 2)
        skip: Tensor = self.skip(functional.avg_pool2d(plane, 2))
        return skip + inner


class Generator(nn.Module):
    """Latent vectors to pictures."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        planes, side = widths(config), 4
        self.first = spectral_norm(nn.Linear(config.z, planes[0] * 16))
        blocks: list[nn.Module] = []
        for wide, narrow in pairwise([*planes, planes[-1]]):
            blocks.append(_Up(wide, narrow))
            side *= 2
            if side == attends_at(config):
                blocks.append(Attention(narrow))
        self.blocks = nn.Sequential(*blocks, nn.BatchNorm2d(planes[-1]), nn.ReLU(True), _conv(planes[-1], 3, 3))

    def forward(self, z: Tensor, views: Tensor) -> Tensor:
        """(N, z) to (N, 3, S, S) in [-1, 1]."""
        return torch.tanh(self.blocks(self.first(z).unflatten(1, (-1, 4, 4))))


class Discriminator(nn.Module):
    """Pictures to one logit each."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        planes, side = widths(config)[::-1], config.size
        blocks: list[nn.Module] = []
        for number, (narrow, wide) in enumerate(pairwise([3, *planes])):
            blocks.append(_Down(narrow, wide, first=number == 0))
            side //= 2
            if side == attends_at(config):
                blocks.append(Attention(wide))
        self.blocks, self.last = nn.Sequential(*blocks), spectral_norm(nn.Linear(planes[-1], 1))

    def forward(self, pictures: Tensor, views: Tensor) -> Tensor:
        """(N, 3, S, S) to (N,)."""
        seen = torch.relu(self.blocks(pictures)).sum((2, 3))
        logits: Tensor = self.last(seen).squeeze(1)
        return logits


def _conv(inner: int, outer: int, side: int) -> nn.Module:
    return spectral_norm(nn.Conv2d(inner, outer, side, padding=side // 2))
