"""The DCGAN training that tutorials print, for comparison.

Default layout, unfused Adam, sigmoid before the loss, `.item()` for each figure, D not frozen while G learns. Networks,
start and latents are carprep's, so that only the way differs.
"""

from __future__ import annotations

import torch
from torch import Tensor

from carprep.trainer.chance import seed_of
from carprep.trainer.config import Config
from carprep.trainer.nets import networks


class Tutorial:
    """A run of it."""

    def __init__(self, config: Config, device: torch.device) -> None:
        torch.manual_seed(seed_of("weights", config.seed))
        self.config, self.device = config, device
        self.generator, self.discriminator = (network.to(device) for network in networks(config))
        self.learns_g, self.learns_d = (
            torch.optim.Adam(network.parameters(), lr=config.rate_g, betas=(config.beta1, config.beta2))
            for network in (self.generator, self.discriminator)
        )
        self.loss = torch.nn.BCELoss()

    def step(self, real: Tensor, z: Tensor) -> tuple[float, float, float, float]:
        """Learn from one batch in [-1, 1]; D's loss, G's loss, D(x), D(G(z))."""
        views = torch.zeros(len(real), dtype=torch.int64, device=self.device)
        bf16 = torch.autocast(self.device.type, torch.bfloat16, enabled=self.config.precision == "bf16")
        self.discriminator.zero_grad()
        label = torch.full((len(real),), 1.0, device=self.device)
        with bf16:
            told = self.discriminator(real, views)
        told = torch.sigmoid(told.float())
        loss_real = self.loss(told, label)
        loss_real.backward()
        with bf16:
            fake = self.generator(z, views)
            told_fake = self.discriminator(fake.detach(), views)
        label.fill_(0.0)
        loss_fake = self.loss(torch.sigmoid(told_fake.float()), label)
        loss_fake.backward()
        self.learns_d.step()
        self.generator.zero_grad()
        label.fill_(1.0)
        with bf16:
            again = self.discriminator(fake, views)
        loss_g = self.loss(torch.sigmoid(again.float()), label)
        loss_g.backward()
        self.learns_g.step()
        return (loss_real + loss_fake).item(), loss_g.item(), told.mean().item(), torch.sigmoid(told_fake).mean().item()
