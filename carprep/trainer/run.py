"""A run on disk: its folder, its state at a moment, and how that is written and taken back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from carprep import files
from carprep.errors import UsageError
from carprep.trainer import checkpoint
from carprep.trainer.alarms import Watch
from carprep.trainer.average import Average
from carprep.trainer.chance import seed_of
from carprep.trainer.config import Config
from carprep.trainer.machine import Team
from carprep.trainer.nets import networks
from carprep.trainer.record import Record
from carprep.trainer.steps import State

LATEST, BEST, CONFIG = "latest.pt", "best.pt", "config.toml"


@dataclass
class Run:
    """All of a training that is not the pictures.

    Attributes:
        best: the lowest score so far, its step, and what it was measured with; empty before the first.
        about: what the set says of itself.
    """

    folder: Path
    state: State
    record: Record
    watch: Watch
    about: dict[str, str]
    pictures: int
    best: dict[str, Any] = field(default_factory=dict)

    @property
    def config(self) -> Config:
        """The settings."""
        return self.state.config

    def checkpoint(self, name: str) -> Path:
        """Where a checkpoint of that name lies."""
        return self.folder / "checkpoints" / name

    def save(self, name: str = LATEST) -> None:
        """Write a checkpoint."""
        checkpoint.save(self.checkpoint(name), self.to_state())

    def keep_number(self) -> None:
        """Write a numbered checkpoint, and drop the oldest beyond `keep`."""
        if not self.config.keep:
            return
        self.save(f"{self.state.step:06d}.pt")
        for path in numbered(self.folder)[: -self.config.keep]:
            path.unlink(missing_ok=True)

    def to_state(self) -> dict[str, Any]:
        """Everything a resumed run needs: tensors and plain values."""
        state = self.state
        return {
            "config": state.config.to_toml(),
            "step": state.step,
            "generator": state.generator.state_dict(),
            "discriminator": state.discriminator.state_dict(),
            "average": state.average.network.state_dict(),
            "optimiser_g": state.optimiser_g.state_dict(),
            "optimiser_d": state.optimiser_d.state_dict(),
            "record": self.record.state(),
            "won_steps": self.watch.won_steps,
            "best": dict(self.best),
            "set": dict(self.about),
            "pictures": self.pictures,
            "threads": torch.get_num_threads(),
            "device": state.device.type,
            "torch": str(torch.__version__),
        }

    def restore(self, saved: Mapping[str, Any], writes: bool = True) -> list[str]:
        """Take a checkpoint's state; what may make the bits differ, in words.

        Raises:
            UsageError: it was made from other pictures.
        """
        if saved["pictures"] != self.pictures or saved["set"]["sha256"] != self.about["sha256"]:
            raise UsageError(
                f"{self.folder} was trained on other pictures, {saved['pictures']} of {saved['set']['set']}; "
                "name the same set, or start a new run with --init"
            )
        state = self.state
        for part in ("generator", "discriminator", "optimiser_g", "optimiser_d"):
            getattr(state, part).load_state_dict(saved[part])
        state.average.network.load_state_dict(saved["average"])
        state.step, self.best = int(saved["step"]), dict(saved["best"])
        self.watch.won_steps = int(saved["won_steps"])
        self.record.restore(saved["record"])
        if writes:
            self.record.cut(state.step)
            self._tidy()
        return list(_differences(saved, state.device))

    def _tidy(self) -> None:
        """Remove samples and checkpoints from beyond the step that the run goes on from."""
        for path in [*samples(self.folder), *numbered(self.folder)]:
            every = self.config.sample_every if path.suffix == ".png" else self.config.keep_every
            if int(path.stem) > self.state.step or int(path.stem) % every:
                path.unlink()
        best = self.checkpoint(BEST)
        if best.exists() and checkpoint.load(best)["step"] > self.state.step:
            best.unlink()
        for path in self.folder.glob("checkpoints/*.pt"):
            files.sweep(path)


def begin(config: Config, folder: Path, about: dict[str, str], pictures: int, team: Team, device: torch.device) -> Run:
    """A new run's networks, drawn from the seed alone, on the device."""
    torch.manual_seed(seed_of("weights", config.seed))
    generator, discriminator = networks(config)
    layout = torch.channels_last
    generator = team.whole(generator, device).to(device, memory_format=layout)
    discriminator = team.whole(discriminator, device).to(device, memory_format=layout)
    average = Average(generator, config.ema_half_life, config.batch, config.ema)
    learns_g = _adam(config, generator, config.rate_g, device)
    learns_d = _adam(config, discriminator, config.rate_d, device)
    state = State(config, generator, discriminator, average, learns_g, learns_d, device)
    return Run(folder, state, Record(folder, config.window, config.batch, device), Watch(config), about, pictures)


def take_weights(run: Run, source: Path) -> None:
    """Begin with the weights of an earlier run; optimisers stay fresh.

    Raises:
        UsageError: there are none, or they have other shapes.
    """
    saved = checkpoint.load(find(source))
    try:
        for part in ("generator", "discriminator"):
            getattr(run.state, part).load_state_dict(saved[part])
        run.state.average.network.load_state_dict(saved["average"])
    except RuntimeError as error:
        told = Config.from_toml(saved["config"])
        raise UsageError(
            f"the weights of {source} do not fit: they are of {told.preset}, {told.size} px, --maps {told.maps} and "
            f"--z {told.z}; choose the same"
        ) from error


def find(source: Path, name: str = LATEST) -> Path:
    """The checkpoint that a user means by a run's folder or a file.

    Raises:
        UsageError: there is none.
    """
    path = source / "checkpoints" / name if source.is_dir() else source
    if not path.is_file():
        raise UsageError(f"there is no checkpoint {path}")
    return path


def samples(folder: Path) -> list[Path]:
    """The grids of a run, by step."""
    return sorted((folder / "samples").glob("[0-9]*.png"))


def numbered(folder: Path) -> list[Path]:
    """The numbered checkpoints of a run, by step."""
    return sorted((folder / "checkpoints").glob("[0-9]*.pt"))


def _adam(config: Config, network: torch.nn.Module, rate: float, device: torch.device) -> torch.optim.Adam:
    return torch.optim.Adam(
        network.parameters(), lr=rate, betas=(config.beta1, config.beta2), fused=True, capturable=device.type == "cuda"
    )


def _differences(saved: Mapping[str, Any], device: torch.device) -> list[str]:
    pairs = [
        ("device", saved["device"], device.type),
        ("threads", saved["threads"], torch.get_num_threads() if device.type == "cpu" else saved["threads"]),
        ("torch", saved["torch"], str(torch.__version__)),
    ]
    return [
        f"{name} was {before} and is now {now}: the run goes on, but its bits will differ"
        for name, before, now in pairs
        if before != now
    ]
