"""One step of each kind of training: the discriminator learns, then the generator; nothing waits for the device."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from carprep.trainer import losses
from carprep.trainer.augment import diffaugment
from carprep.trainer.average import Average
from carprep.trainer.chance import Draws
from carprep.trainer.config import Config

# what a step tells, in this order; see the README's table of metrics
MEASURED = ("d_loss", "g_loss", "d_real", "d_fake", "d_gradient", "g_gradient", "penalty", "reconstruction", "kld")
ABSENT = float("-inf")  # where a step has no such figure; NaN is a figure, and an alarm
Share = Callable[[Iterable[nn.Parameter]], None]


@dataclass
class State:
    """A run at one moment: networks, their optimisers, the average, and how many steps were made."""

    config: Config
    generator: nn.Module
    discriminator: nn.Module
    average: Average
    optimiser_g: torch.optim.Optimizer
    optimiser_d: torch.optim.Optimizer
    device: torch.device
    step: int = 0

    @property
    def images(self) -> int:
        """Seen so far."""
        return self.step * self.config.batch

    def autocast(self) -> torch.autocast:
        """bfloat16 inside the networks where the run wants it."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.config.precision == "bf16")


def alone(parameters: Iterable[nn.Parameter]) -> None:
    """Gradients of one process need no sharing."""


def step(state: State, reals: Tensor, views: Tensor, draws: Draws, share: Share = alone) -> Tensor:
    """Learn from one batch.

    Args:
        reals: float32 (B, 3, S, S) in [-1, 1]; views: int64 (B,).
        share: averages the gradients over processes.

    Returns:
        float32 (len(MEASURED),), on the device; ABSENT where there is no such figure.
    """
    state.average.reach(state.images)
    return body(state, reals, views, draws, share)


def penalised(state: State) -> bool:
    """Whether the step to be made has R1 and R2 in it: the two kinds of steps there are."""
    return state.config.penalty > 0 and state.step % state.config.penalty_every == 0


def body(state: State, reals: Tensor, views: Tensor, draws: Draws, share: Share = alone) -> Tensor:
    """`step` without what follows from the number of steps, so that a CUDA graph may hold it."""
    if state.config.mirror:
        reals = torch.where(draws.flip, reals.flip(3), reals)
    reals = reals.contiguous(memory_format=torch.channels_last)
    if state.config.preset == "vae":
        return _vae(state, reals, views, draws, share)
    return _game(state, reals, views, draws, share)


def _game(state: State, reals: Tensor, views: Tensor, draws: Draws, share: Share) -> Tensor:
    loss = losses.parted(state.config)
    with state.autocast():
        fakes = state.generator(draws.z, views)
    seen = [_shown(pictures, draws, i) for i, pictures in enumerate((reals, fakes.detach()))]
    state.optimiser_d.zero_grad(set_to_none=True)
    told = _teach_parted(state, loss, seen, views) if loss is not None else _teach_paired(state, seen, views)
    d_gradient = _learn(state.optimiser_d, state.discriminator, share)
    with _frozen(state.discriminator):
        shown = _shown(fakes, draws, 2)
        logits = judge(state, shown, views)
        if loss is not None:
            g_loss = loss.generator(logits)
        else:
            with torch.no_grad():
                real = judge(state, seen[0], views)
            g_loss = losses.relativistic(logits, real)
        state.optimiser_g.zero_grad(set_to_none=True)
        g_loss.backward()
    g_gradient = _learn(state.optimiser_g, state.generator, share)
    state.average.follow(state.generator)
    d_loss, d_real, d_fake, penalty = told
    none = torch.full_like(d_loss, ABSENT)
    return torch.stack([d_loss, g_loss.detach(), d_real, d_fake, d_gradient, g_gradient, penalty, none, none])


def _teach_parted(state: State, loss: losses.Parted, seen: list[Tensor], views: Tensor) -> tuple[Tensor, ...]:
    """Gradients of a loss of two parts; (loss, D(x), D(G(z)), penalty)."""
    parts, means = [], []
    joint = state.config.preset == "dcgan-joint"
    for pictures, part in zip(seen, (loss.real, loss.fake), strict=True):
        logits = judge(state, pictures, views)
        parts.append(part(logits))
        if not joint:
            parts[-1].backward()  # at once: the planes of the one need not wait in memory for the other
        means.append(_told(logits.detach(), loss))
    if joint:
        torch.stack(parts).sum().backward()
    d_loss = torch.stack(parts).detach().sum()
    return d_loss, *means, torch.full_like(d_loss, ABSENT)


def _teach_paired(state: State, seen: list[Tensor], views: Tensor) -> tuple[Tensor, ...]:
    """Gradients of the relativistic loss with R1 and R2; (loss without the penalty, D(x), D(G(z)), penalty)."""
    config = state.config
    due = penalised(state)
    seen = [pictures.detach().requires_grad_(due) for pictures in seen]
    real, fake = (judge(state, pictures, views) for pictures in seen)
    d_loss = losses.relativistic(real, fake)
    penalty = torch.full_like(d_loss, ABSENT)
    total = d_loss
    if due:
        penalty = losses.gradient_penalty(real, seen[0]) + losses.gradient_penalty(fake, seen[1])
        total = d_loss + penalty * (config.penalty / 2 * config.penalty_every)
    total.backward()
    return d_loss.detach(), real.detach().mean(), fake.detach().mean(), penalty.detach()


def _vae(state: State, reals: Tensor, views: Tensor, draws: Draws, share: Share) -> Tensor:
    with state.autocast():
        mean, log_variance = (part.float() for part in state.discriminator(reals, views))
        z = mean + draws.z * (log_variance / 2).exp()
        drawn = state.generator(z, views).float()
    reconstruction = functional.mse_loss(drawn, reals)
    # of the whole batch, per number of the pictures: so it weighs the same against the mean squared error at every size
    kld = -0.5 * (1 + log_variance - mean.square() - log_variance.exp()).sum() / reals.numel()
    loss = reconstruction + kld
    state.optimiser_g.zero_grad(set_to_none=True)
    state.optimiser_d.zero_grad(set_to_none=True)
    loss.backward()
    d_gradient = _learn(state.optimiser_d, state.discriminator, share)
    g_gradient = _learn(state.optimiser_g, state.generator, share)
    state.average.follow(state.generator)
    none = torch.full_like(loss.detach(), ABSENT)
    told = [none, loss.detach(), none, none, d_gradient, g_gradient, none, reconstruction.detach(), kld.detach()]
    return torch.stack(told)


def judge(state: State, pictures: Tensor, views: Tensor) -> Tensor:
    """The discriminator's logits, float32 (B,)."""
    with state.autocast():
        logits: Tensor = state.discriminator(pictures, views)
    return logits.float()


def _told(logits: Tensor, loss: losses.Parted) -> Tensor:
    """D(x) as it is shown: a probability for BCE, the raw answer for the others."""
    return (torch.sigmoid(logits) if loss is losses.BCE else logits).mean()


def _shown(pictures: Tensor, draws: Draws, number: int) -> Tensor:
    """The pictures as the discriminator sees them."""
    pictures = pictures.float()
    if draws.warps:
        pictures = diffaugment(pictures, draws.warps[number])
    return pictures.contiguous(memory_format=torch.channels_last)


def _learn(optimiser: torch.optim.Optimizer, network: nn.Module, share: Share) -> Tensor:
    """Take the step; the gradient's length."""
    share(network.parameters())
    gradients = [parameter.grad for parameter in network.parameters() if parameter.grad is not None]
    length: Tensor = torch.nn.utils.get_total_norm(gradients)
    optimiser.step()
    return length


@contextmanager
def _frozen(network: nn.Module):  # type: ignore[no-untyped-def]
    """Without gradients for the network's own weights: a twelfth of a DCGAN's step is saved."""
    network.requires_grad_(False)
    try:
        yield
    finally:
        network.requires_grad_(True)
