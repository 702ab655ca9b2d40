"""A convolutional VAE (Kingma & Welling 2013): DCGAN's planes, two heads, a linear latent."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from carprep.trainer.config import Config
from carprep.trainer.nets.dcgan import widths


class Generator(nn.Module):
    """The decoder: latent vectors to pictures."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        planes = widths(config)
        self.first = nn.Linear(config.z, planes[0] * 16)
        layers: list[nn.Module] = [nn.BatchNorm2d(planes[0]), nn.ReLU(True)]
        for wide, narrow in pairwise(planes):
            layers += [nn.ConvTranspose2d(wide, narrow, 4, 2, 1, bias=False), nn.BatchNorm2d(narrow), nn.ReLU(True)]
        self.layers = nn.Sequential(*layers, nn.ConvTranspose2d(planes[-1], 3, 4, 2, 1), nn.Tanh())

    def forward(self, z: Tensor, views: Tensor) -> Tensor:
        """(N, z) to (N, 3, S, S) in [-1, 1]."""
        pictures: Tensor = self.layers(self.first(z).unflatten(1, (-1, 4, 4)))
        return pictures


class Encoder(nn.Module):
    """Pictures to the mean and the log-variance of their latent."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        planes = widths(config)[::-1]
        layers: list[nn.Module] = [nn.Conv2d(3, planes[0], 4, 2, 1), nn.LeakyReLU(0.2, True)]
        for narrow, wide in pairwise(planes):
            layers += [nn.Conv2d(narrow, wide, 4, 2, 1, bias=False), nn.BatchNorm2d(wide), nn.LeakyReLU(0.2, True)]
        self.layers = nn.Sequential(*layers, nn.Flatten())
        self.mean, self.log_variance = (nn.Linear(planes[-1] * 16, config.z) for _ in range(2))

    def forward(self, pictures: Tensor, views: Tensor) -> tuple[Tensor, Tensor]:
        """(N, 3, S, S) to two of (N, z)."""
        seen = self.layers(pictures)
        return self.mean(seen), self.log_variance(seen)
