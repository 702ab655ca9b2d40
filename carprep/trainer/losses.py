"""What discriminator and generator are taught, each loss a small object."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from carprep.trainer.config import Config

Network = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Parted:
    """A loss whose parts on reals and on fakes know nothing of each other.

    Attributes:
        real, fake: what the discriminator pays, of its logits (N,).
        generator: what the generator pays.
        won: the discriminator's loss below which it has won; an alarm when it stays there.
    """

    real: Callable[[Tensor], Tensor]
    fake: Callable[[Tensor], Tensor]
    generator: Callable[[Tensor], Tensor]
    won: float


def _towards(target: float) -> Callable[[Tensor], Tensor]:
    return lambda logits: functional.binary_cross_entropy_with_logits(logits, torch.full_like(logits, target))


def _near(target: float) -> Callable[[Tensor], Tensor]:
    return lambda logits: (logits - target).square().mean()


def _minus_mean(logits: Tensor) -> Tensor:
    return -logits.mean()


BCE = Parted(_towards(1.0), _towards(0.0), _towards(1.0), won=0.01)
LEAST_SQUARES = Parted(_near(1.0), _near(0.0), _near(1.0), won=0.005)  # Mao et al. 2017
HINGE = Parted(  # Lim & Ye 2017
    lambda logits: torch.relu(1 - logits).mean(), lambda logits: torch.relu(1 + logits).mean(), _minus_mean, won=0.01
)
RELATIVISTIC_WON = 0.005  # as Parted.won


def relativistic(winner: Tensor, loser: Tensor) -> Tensor:
    """How far `winner` is from being told above `loser`, pair by pair (Jolicoeur-Martineau 2018)."""
    return functional.softplus(loser - winner).mean()


def gradient_penalty(logits: Tensor, pictures: Tensor) -> Tensor:
    """Squared length of the gradient at the pictures (Mescheder et al. 2018): R1 on reals, R2 on fakes."""
    (gradient,) = torch.autograd.grad(logits.sum(), pictures, create_graph=True)
    return gradient.square().sum((1, 2, 3)).mean()


def parted(config: Config) -> Parted | None:
    """The preset's loss; None where it compares reals with fakes, or is no game."""
    losses = {"dcgan": BCE, "dcgan-joint": BCE, "lsgan": LEAST_SQUARES, "sagan": HINGE}
    return losses.get(config.preset)


def won_below(config: Config) -> float:
    """The discriminator's loss below which it has won; 0 where there is no such thing."""
    loss = parted(config)
    return loss.won if loss else RELATIVISTIC_WON if config.preset == "best" else 0.0
