"""The reference trainer: DCGAN, LSGAN, SAGAN, VAE and a small modern GAN on a set that carprep built (needs torch).

    from carprep.trainer import Config, train
    train(IndianCars("cars.zip"), Config.of("dcgan", size=64), "runs/dcgan")

It knows the set's pictures and classes, and nothing of how they were made.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from carprep.trainer.config import Config
    from carprep.trainer.loop import train

__all__ = ["Config", "train"]

_HOMES = {"Config": "carprep.trainer.config", "train": "carprep.trainer.loop"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'carprep.trainer' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
