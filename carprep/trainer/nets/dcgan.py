"""DCGAN's two networks (Radford et al. 2015), and LSGAN's, which are the same but for their start and dropout."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from carprep.trainer.config import VIEWS, Config

MOST = 16  # times `maps`: wider planes cost more than they give


def widths(config: Config) -> list[int]:
    """Feature maps from the 4 px plane up to the one of half the size."""
    halvings = config.size.bit_length() - 3  # 64 px: 4, 8, 16, 32
    return [config.maps * min(2**i, MOST) for i in reversed(range(halvings))]


class Generator(nn.Module):
    """Latent vectors to pictures: a transposed convolution doubles the side each time."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        planes = widths(config)
        self.embed = nn.Embedding(VIEWS, config.z) if config.conditional == "view" else None
        layers: list[nn.Module] = [
            nn.ConvTranspose2d(config.z * (2 if self.embed else 1), planes[0], 4, 1, 0, bias=False),
            nn.BatchNorm2d(planes[0]),
            nn.ReLU(True),
        ]
        for wide, narrow in pairwise(planes):
            layers += [nn.ConvTranspose2d(wide, narrow, 4, 2, 1, bias=False), nn.BatchNorm2d(narrow), nn.ReLU(True)]
        self.layers = nn.Sequential(*layers, nn.ConvTranspose2d(planes[-1], 3, 4, 2, 1, bias=False), nn.Tanh())
        start(self, config)

    def forward(self, z: Tensor, views: Tensor) -> Tensor:
        """(N, z) and (N,) to (N, 3, S, S) in [-1, 1]."""
        if self.embed is not None:
            z = torch.cat([z, self.embed(views)], 1)
        pictures: Tensor = self.layers(z[:, :, None, None])
        return pictures


class Discriminator(nn.Module):
    """Pictures to one logit each (per view where it is told the view)."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        planes = widths(config)[::-1]
        layers: list[nn.Module] = [nn.Conv2d(3, planes[0], 4, 2, 1, bias=False), nn.LeakyReLU(0.2, True)]
        for narrow, wide in pairwise(planes):
            layers += [nn.Conv2d(narrow, wide, 4, 2, 1, bias=False), nn.BatchNorm2d(wide), nn.LeakyReLU(0.2, True)]
            if config.dropout:
                layers.append(nn.Dropout2d(config.dropout))
        heads = VIEWS if config.conditional == "view" else 1
        self.layers = nn.Sequential(*layers, nn.Conv2d(planes[-1], heads, 4, 1, 0, bias=False))
        start(self, config)

    def forward(self, pictures: Tensor, views: Tensor) -> Tensor:
        """(N, 3, S, S) and (N,) to (N,)."""
        return chosen(self.layers(pictures).flatten(1), views)


def chosen(logits: Tensor, views: Tensor) -> Tensor:
    """The logit of each picture's view (Mescheder et al. 2018): (N, K) to (N,)."""
    return logits.squeeze(1) if logits.shape[1] == 1 else logits.gather(1, views[:, None]).squeeze(1)


def start(network: nn.Module, config: Config) -> None:
    """First weights: N(0, 0.02), batch norm's scale N(1, 0.02) (Radford); for LSGAN He et al. 2015."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            if config.preset == "lsgan":
                nn.init.kaiming_normal_(module.weight, a=0.2, nonlinearity="leaky_relu")
            else:
                nn.init.normal_(module.weight, 0.0, 0.02)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1.0, 0.02)
            nn.init.zeros_(module.bias)
