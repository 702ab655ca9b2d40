"""Random numbers that follow from (seed, step) alone: a resumed run draws what the straight one would have drawn."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import torch
from torch import Tensor

from carprep.trainer.config import Config


def seed_of(*words: object) -> int:
    """A seed of 63 bits, the same for the same words, unlike for others."""
    return int.from_bytes(hashlib.sha256(repr(words).encode()).digest()[:8], "big") >> 1


@dataclass(frozen=True)
class Warp:
    """What DiffAugment does to each picture of a batch; all (B, …)."""

    colour: Tensor  # float32 (3, B, 1, 1, 1): brightness, saturation, contrast, each in [0, 1)
    shift: Tensor  # float32 (2, B) in [0, 1): down and right
    hole: Tensor  # float32 (2, B) in [0, 1): its place


@dataclass(frozen=True)
class Draws:
    """All random numbers of one step."""

    z: Tensor  # float32 (B, z)
    flip: Tensor  # bool (B, 1, 1, 1)
    warps: tuple[Warp, ...]  # for reals, for fakes, and for fakes as the generator is taught; none without augmentation

    def of(self, tensors: list[Tensor]) -> Draws:
        """The same draws in other tensors, in the order of `tensors_of`."""
        z, flip, *rest = tensors
        return Draws(z, flip, tuple(Warp(*rest[i : i + 3]) for i in range(0, len(rest), 3)))


def tensors_of(draws: Draws) -> list[Tensor]:
    """All tensors of a step's draws, in one order."""
    return [draws.z, draws.flip, *(tensor for w in draws.warps for tensor in (w.colour, w.shift, w.hole))]


def draw(config: Config, batch: int, device: torch.device) -> Draws:
    """Draw from the device's generator, which the caller has seeded."""
    z = torch.randn(batch, config.z, device=device)
    flip = torch.rand(batch, 1, 1, 1, device=device) < 0.5
    warps = tuple(_warp(batch, device) for _ in range(3)) if config.augment == "diffaugment" else ()
    return Draws(z, flip, warps)


def part(draws: Draws, rank: int, ranks: int) -> Draws:
    """One process's share of a batch's random numbers."""
    if ranks == 1:
        return draws
    size = len(draws.z) // ranks
    own = slice(rank * size, (rank + 1) * size)
    warps = tuple(Warp(w.colour[:, own], w.shift[:, own], w.hole[:, own]) for w in draws.warps)
    return Draws(draws.z[own], draws.flip[own], warps)


def _warp(batch: int, device: torch.device) -> Warp:
    return Warp(
        torch.rand(3, batch, 1, 1, 1, device=device),
        torch.rand(2, batch, device=device),
        torch.rand(2, batch, device=device),
    )


class Stream:
    """Which pictures each step sees: one permutation after the other, running on, so batches are full."""

    def __init__(self, pictures: int, seed: int) -> None:
        self.pictures, self.seed = pictures, seed
        self._epoch, self._order = -1, torch.empty(0, dtype=torch.int64)

    def indices(self, step: int, batch: int) -> Tensor:
        """int64 (batch,): the pictures of a step, counted from 0."""
        parts, at, left = [], step * batch, batch
        while left:
            epoch, place = divmod(at, self.pictures)
            taken = self._permutation(epoch)[place : place + left]
            parts.append(taken)
            at, left = at + len(taken), left - len(taken)
        return torch.cat(parts)

    def _permutation(self, epoch: int) -> Tensor:
        if epoch != self._epoch:
            generator = torch.Generator().manual_seed(seed_of("epoch", self.seed, epoch))
            self._epoch, self._order = epoch, torch.randperm(self.pictures, generator=generator)
        return self._order
