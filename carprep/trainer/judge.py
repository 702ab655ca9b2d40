"""How good a generator is at one moment: pictures, score against the holdout, memorisation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from carprep.trainer.alarms import Alarm, memorised
from carprep.trainer.chance import seed_of
from carprep.trainer.config import Config
from carprep.trainer.features import features
from carprep.trainer.metrics import Features, fid, kid, precision_recall
from carprep.trainer.reals import Reals, as_bytes

CHUNK = 128  # pictures drawn at a time
SHOWN = 64  # of a grid
LEAST = 10  # held-out pictures; fewer give no score


@torch.inference_mode()  # type: ignore[untyped-decorator]
def generate(network: nn.Module, z: Tensor, views: Tensor) -> Tensor:
    """Pictures of latents, uint8 (N, 3, S, S) on the processor."""
    training = network.training
    network.eval()
    parts = [as_bytes(network(z[i : i + CHUNK], views[i : i + CHUNK])).cpu() for i in range(0, len(z), CHUNK)]
    network.train(training)
    return torch.cat(parts)


def latents(config: Config, count: int, purpose: str, device: torch.device, seed: int | None = None) -> Tensor:
    """The same latents for the same seed and purpose, whatever the device: float32 (count, z)."""
    seed = config.seed if seed is None else seed
    generator = torch.Generator().manual_seed(seed_of(purpose, seed))
    return torch.randn(count, config.z, generator=generator).to(device)


def views_like(labels: Tensor, count: int, device: torch.device) -> Tensor:
    """Views in the proportion of the reals', int64 (count,)."""
    if not len(labels):
        return torch.zeros(count, dtype=torch.int64, device=device)
    ordered = labels.cpu().sort().values
    return ordered[torch.arange(count) * len(ordered) // count].to(device)


@dataclass
class Judge:
    """Scores samples against held-out pictures; their features are taken once."""

    config: Config
    train: Features
    holdout: Features
    labels: Tensor

    @classmethod
    def of(cls, config: Config, reals: Reals, holdout: Reals | None) -> Judge | None:
        """A judge; None without held-out pictures."""
        if holdout is None:
            return None
        train = features(config.features, reals.some(config.score_fakes))
        held = features(config.features, holdout.some(config.score_fakes))
        return cls(config, train, held, reals.labels)

    def score(self, network: nn.Module, device: torch.device) -> tuple[dict[str, Any], list[Alarm]]:
        """Figures of the generator at this moment, and the alarm of memorisation where it is due."""
        count = self.config.score_fakes
        z = latents(self.config, count, "score", device)
        fakes = features(self.config.features, generate(network, z, views_like(self.labels, count, device)))
        estimate = kid(fakes, self.holdout)
        precision, recall = precision_recall(self.holdout, fakes)
        figures = {
            "features": self.config.features,
            "kid": estimate.value,
            "kid_low": estimate.low,
            "kid_high": estimate.high,
            "fid": fid(fakes, self.holdout),
            "precision": precision,
            "recall": recall,
        }
        alarm = memorised(fakes, self.train, self.holdout)
        return figures, [alarm] if alarm else []
