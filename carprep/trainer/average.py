"""A moving average of the generator's weights: samples come from it, and they flicker less than the generator's."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

WARM = 0.05  # share of the images seen so far that the half-life may be: early weights are soon forgotten
STATISTICS = ("running_mean", "running_var")


class Average:
    """The average of a generator, always ready to draw (eval mode)."""

    def __init__(self, generator: nn.Module, half_life: int, batch: int, averages: bool = True) -> None:
        """Begin as a copy.

        Args:
            half_life: images after which a weight's share has halved.
            averages: False follows the generator without averaging.
        """
        self.network = copy.deepcopy(generator).eval().requires_grad_(False)
        self.half_life, self.batch, self.averages = half_life, batch, averages
        # how far the next step moves; a tensor, so that a CUDA graph reads it anew at each replay
        self.reach_of_step = torch.ones((), device=next(generator.parameters()).device)
        self._pairs: list[tuple[list[Tensor], list[Tensor]]] | None = None

    def decay(self, images: int) -> float:
        """What is kept of the average in one step, after so many images."""
        half_life = min(self.half_life, images * WARM)
        return 0.5 ** (self.batch / max(half_life, 1e-8)) if self.averages else 0.0

    def reach(self, images: int) -> None:
        """Settle how far the next `follow` moves, after so many images."""
        self.reach_of_step.fill_(1 - self.decay(images))

    @torch.no_grad()  # type: ignore[untyped-decorator]
    def follow(self, generator: nn.Module) -> None:
        """Move towards the generator after one of its steps, as far as `reach` said."""
        if self._pairs is None:
            self._pairs = self._sort(generator)
        (means, news), (old, fresh) = self._pairs
        if means:
            ways = torch._foreach_sub(news, means)
            torch._foreach_mul_(ways, self.reach_of_step)
            torch._foreach_add_(means, ways)
        for target, source in zip(old, fresh, strict=True):
            target.copy_(source)

    def _sort(self, generator: nn.Module) -> list[tuple[list[Tensor], list[Tensor]]]:
        """What is averaged, and what is copied: counters, and spectral norm's vectors, which must keep their length."""
        averaged: tuple[list[Tensor], list[Tensor]] = ([], [])
        copied: tuple[list[Tensor], list[Tensor]] = ([], [])
        own, parameters = self.network.state_dict(), dict(generator.named_parameters())
        for name, new in generator.state_dict().items():
            mixes = self.averages and (name in parameters or name.endswith(STATISTICS))
            for target, tensor in zip(averaged if mixes else copied, (own[name], new), strict=True):
                target.append(tensor)
        return [averaged, copied]
