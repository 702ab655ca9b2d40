"""What a training will take, before it is begun: steps, layers, time, memory, disk; and the batch that fits."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from carprep.trainer.chance import draw
from carprep.trainer.config import Config
from carprep.trainer.layers import Layer, layers_of
from carprep.trainer.machine import Team, prepare
from carprep.trainer.reals import where
from carprep.trainer.record import memory
from carprep.trainer.run import begin
from carprep.trainer.stepper import stepper

WARM = {"cpu": 1, "cuda": 16}  # steps that are not timed; a GPU's first ones are captured
LEAST, MOST, LONG = 4, 64, 3.0  # steps that are timed; and seconds after which the least are enough
FEW, SCARCE = 2000, 100  # pictures


@dataclass(frozen=True)
class Plan:
    """What a run will take."""

    steps: int
    images: int
    layers: tuple[Layer, ...]
    parameters: int
    seconds_per_step: float
    memory: int  # bytes, the largest that was in use while timing
    place: str  # where the pictures lie
    disk: int  # bytes
    disk_free: int
    advice: tuple[str, ...]

    @property
    def seconds(self) -> float:
        """Of the whole run."""
        return self.seconds_per_step * self.steps

    def to_json(self) -> dict[str, Any]:
        """All of it, for --json."""
        return {**asdict(self), "seconds": self.seconds}


def plan(config: Config, pictures: int, device: torch.device, out: Path) -> Plan:
    """Time a few steps on noise, and add up the rest."""
    layers = tuple(layers_of(config))
    seconds, used = timed(config, device)
    steps = config.total(pictures)
    weights = sum(layer.parameters for layer in layers)
    # each checkpoint: generator, discriminator, average, and Adam's two moments
    checkpoint = 4 * 4 * weights
    samples = steps // config.sample_every * 64 * config.size**2 * 2
    disk = checkpoint * (2 + config.keep) + samples
    size = pictures * 3 * config.size**2
    free = shutil.disk_usage(next(path for path in (out, *out.absolute().parents) if path.exists())).free
    return Plan(steps, steps * config.batch, layers, weights, seconds, used, where(size, device), disk, free,
                tuple(_advice(config, pictures, seconds * steps, disk, free, device)))  # fmt: skip


def timed(config: Config, device: torch.device) -> tuple[float, int]:
    """Seconds a step on noise, and the most memory that was in use, bytes."""
    prepare(config, device)
    team = Team(config, device)
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        run = begin(replace(config, window=10), Path(), {}, 0, team, device)
        reals = torch.rand(config.batch, 3, config.size, config.size, device=device) * 2 - 1
        views = torch.zeros(config.batch, dtype=torch.int64, device=device)
        learn = stepper(run.state, team.share, team.size, lambda words: None)
        seconds: list[float] = []
        begun = time.perf_counter()
        for number in range(WARM[device.type] + MOST):
            _wait(device)
            started = time.perf_counter()
            learn(reals, views, draw(config, config.batch, device))
            run.state.step += 1
            _wait(device)
            if number >= WARM[device.type]:
                seconds.append(time.perf_counter() - started)
            if len(seconds) >= LEAST and time.perf_counter() - begun > LONG:
                break
        taken = sum(seconds) / len(seconds)
    return taken, memory(device)


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _advice(config: Config, pictures: int, seconds: float, disk: int, free: int, device: torch.device) -> Iterator[str]:
    if pictures < SCARCE:
        yield f"{pictures} pictures are few: expect the samples to repeat them"
    if pictures < FEW and config.augment == "none" and config.preset != "vae":
        yield f"with {pictures:,} pictures D learns them by heart: --augment diffaugment, or --preset best"
    if config.batch > pictures:
        yield f"a batch of {config.batch} holds the same picture twice: --batch {max(2, pictures // 2)}"
    if disk > free:
        yield f"the disk has {free / 1e9:.1f} GB free and this takes {disk / 1e9:.1f} GB: a smaller --keep"
    if seconds > 86_400 and device.type == "cpu":
        yield "on a processor this takes days: fewer --steps, half the --maps (a quarter of the time), or a GPU"


def is_memory(error: RuntimeError) -> bool:
    """Whether torch ran out of memory."""
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)


def lack_of_memory(config: Config, device: torch.device) -> str:
    """One line that names the batch that fits."""
    if device.type == "cuda":
        torch.cuda.empty_cache()

    def tried(batch: int) -> None:
        timed(replace(config, batch=batch), device)

    batch = largest_batch(config.batch, tried)
    if batch == 0:
        return f"out of memory at --batch {config.batch}, and at every smaller one; fewer --maps, or smaller pictures"
    return f"out of memory at --batch {config.batch}; --batch {batch} fits"


def largest_batch(above: int, tried: Callable[[int], None]) -> int:
    """The largest halving of a batch that a trial gets through without running out of memory; 0 where none does."""
    batch = above // 2
    while batch >= 2:
        try:
            tried(batch)
        except RuntimeError as error:
            if not is_memory(error):
                raise
            batch //= 2
        else:
            return batch
    return 0
