"""The networks of each preset."""

from __future__ import annotations

from torch import nn

from carprep.trainer.config import Config
from carprep.trainer.nets import best, dcgan, sagan, vae


def networks(config: Config) -> tuple[nn.Module, nn.Module]:
    """A preset's generator and its discriminator (for the VAE: decoder and encoder)."""
    match config.preset:
        case "sagan":
            return sagan.Generator(config), sagan.Discriminator(config)
        case "vae":
            return vae.Generator(config), vae.Encoder(config)
        case "best":
            return best.Generator(config), best.Discriminator(config)
        case _:
            return dcgan.Generator(config), dcgan.Discriminator(config)
