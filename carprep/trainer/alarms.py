"""What goes wrong in trainings, told from their own figures: an alarm each, with its reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from torch import Tensor

from carprep.trainer.config import Config
from carprep.trainer.losses import won_below
from carprep.trainer.metrics import Features, nearest

WATCHED = ("d_loss", "g_loss", "d_gradient", "g_gradient")
WILD = 1e6  # a loss or gradient that no training comes back from; healthy ones stay under a thousand
WON_STEPS = 300  # for so long the discriminator's loss must stay below its preset's limit
EARLY = 500  # steps, and 10 epochs: before that a generator may draw nearly the same everywhere
EARLY_EPOCHS = 10
SAME = 0.3  # of the reals' per-pixel deviation
BLANK = 0.1  # of the reals' share of pixels that are not white
WHITE = 250  # of 255
NEAR = 0.05  # the quantile of the holdout's distances below which a sample is too near
MANY = 0.25  # of the samples that near: five times what chance gives


@dataclass(frozen=True)
class Alarm:
    """One alarm: its name and its reason."""

    name: str
    reason: str


@dataclass
class Watch:
    """Watches a run; remembers how long the discriminator has been winning."""

    config: Config
    won_steps: int = 0
    reals: dict[str, float] = field(default_factory=dict)

    def window(self, line: dict[str, Any], steps: int) -> list[Alarm]:
        """Look at a line of metrics over so many steps."""
        bad = [name for name in WATCHED if name in line and line[name] is None]
        if bad:
            return [Alarm("nan", f"{', '.join(bad)} is no number; lower the rates, or leave bf16")]
        wild = [name for name in WATCHED if abs(line.get(name, 0)) > WILD]
        if wild:
            return [Alarm("diverged", f"{', '.join(wild)} is above {WILD:,.0f}; lower the rates")]
        limit = won_below(self.config)
        lost = line.get("d_loss")
        self.won_steps = self.won_steps + steps if lost is not None and lost < limit else 0
        if self.won_steps >= WON_STEPS:
            self.won_steps = 0
            reason = f"the discriminator's loss has been below {limit} for {WON_STEPS} steps: it tells every fake, "
            return [
                Alarm("d-won", reason + "and the generator learns nothing; try --augment diffaugment, or more pictures")
            ]
        return []

    def samples(self, fakes: Tensor, reals: Tensor, step: int, pictures: int) -> list[Alarm]:
        """Look at samples from the fixed latents, uint8 (N, 3, S, S), beside as many reals."""
        if step < max(EARLY, EARLY_EPOCHS * pictures / self.config.batch):
            return []
        alarms = []
        blank, content = not_white(fakes), not_white(reals)
        if blank < BLANK * content:
            alarms.append(
                Alarm("white-out", f"{blank:.1%} of the samples' pixels are not white, of the reals' {content:.1%}")
            )
        elif spreads := collapsed(fakes, reals):
            words = f"the samples differ by {spreads[0]:.1f} grey levels, the reals by {spreads[1]:.1f}"
            alarms.append(Alarm("collapse", words))
        return alarms


def spread_of(pixels: Tensor) -> float:
    """Mean over pixels of the deviation over pictures, grey levels."""
    return float(pixels.float().std(0).mean())


def collapsed(fakes: Tensor, reals: Tensor) -> tuple[float, float] | None:
    """The spreads of both, where the fakes are nearly one picture; None where they are not."""
    spread, of = spread_of(fakes), spread_of(reals)
    return (spread, of) if spread < SAME * of else None


def not_white(pixels: Tensor) -> float:
    """Share of pixels with a channel below white."""
    return float((pixels.amin(1) < WHITE).float().mean())


def memorised(fakes: Features, train: Features, holdout: Features) -> Alarm | None:
    """Whether samples are nearer to their nearest training picture than held-out pictures are to theirs."""
    limit = float(np.quantile(nearest(holdout, train)[1], NEAR))
    share = float((nearest(fakes, train)[1] < limit).mean())
    if share < MANY:
        return None
    reason = (
        f"{share:.0%} of the samples are nearer to a training picture than {1 - NEAR:.0%} of the held-out pictures are"
    )
    return Alarm("memorisation", reason)


def first_of_each(alarms: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The first alarm of each name, for a summary."""
    seen: dict[str, dict[str, Any]] = {}
    for alarm in alarms:
        seen.setdefault(alarm["alarm"], alarm)
    return list(seen.values())
