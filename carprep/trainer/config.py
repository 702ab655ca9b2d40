"""Every setting of a training in one frozen value, with its reason beside it; presets; TOML in and out."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from carprep import files
from carprep.errors import UsageError
from carprep.photo import CLASSES
from carprep.toml import toml_value

SIZES = (32, 64, 128, 256)
VIEWS = len(CLASSES)  # classes of a run with `conditional = "view"`


@dataclass(frozen=True)
class Config:
    """All that settles a run, beside the pictures and the machine. `Config.of` fills in what a preset says."""

    preset: str = "dcgan"
    size: int = 64  # px, the pictures' side; the set's own
    z: int = 100  # numbers a generator starts from (Radford 2015)
    maps: int = 64  # feature maps of the widest plane; each halving of the side doubles them, up to 16 times
    batch: int = 128
    epochs: int = 200  # of the run in all; steps = ceil(epochs * pictures / batch)
    steps: int = 0  # of the run in all; 0: what `epochs` says
    seed: int = 0
    rate_g: float = 2e-4  # Adam's step size; 1e-3, Adam's own default, makes a DCGAN oscillate (Radford 2015)
    rate_d: float = 2e-4
    beta1: float = 0.5  # 0.9 averages over gradients of a network that has changed meanwhile
    beta2: float = 0.999
    dropout: float = 0.0  # in the discriminator
    penalty: float = 0.0  # gamma of R1 and R2, the squared gradients on reals and fakes
    penalty_every: int = 1  # steps; between them it is left out, and weighs as much more where it is in
    augment: str = "none"  # or diffaugment: the discriminator sees everything recoloured, moved and with holes
    mirror: bool = False  # flip half of the reals
    conditional: str = "none"  # or view: the generator is told which view to draw
    ema: bool = True  # samples come from a moving average of the generator's weights
    ema_half_life: int = 10_000  # images
    precision: str = "auto"  # fp32, tf32, bf16; auto is tf32 on a GPU and fp32 elsewhere
    graph: bool = True  # on one GPU a step is captured once and replayed as one CUDA graph
    compile: bool = False  # torch.compile; where it does not work the run goes on without
    window: int = 10  # steps to a line of metrics.jsonl
    sample_every: int = 200  # steps
    score_every: int = 1000  # steps
    score_fakes: int = 1000  # generated pictures a score is taken from
    features: str = "carnet"  # what scores are measured with
    save_every: int = 200  # steps between two writings of latest.pt
    keep: int = 2  # numbered checkpoints to keep, beside latest.pt and best.pt
    keep_every: int = 2000  # steps between two of them
    on_alarm: str = "warn"  # or stop

    @classmethod
    def of(cls, preset: str, **wishes: Any) -> Config:
        """A preset with some settings changed.

        Raises:
            UsageError: no such preset, or a setting out of range.
        """
        if preset not in PRESETS:
            raise UsageError(f"there is no preset {preset!r}; choose from {', '.join(PRESETS)}")
        config = replace(cls(preset=preset), **{**PRESETS[preset], **wishes})
        if "epochs" in wishes and "steps" not in wishes:
            config = replace(config, steps=0)
        _check(config)
        return config

    def total(self, pictures: int) -> int:
        """Steps of the whole run on so many pictures."""
        return self.steps or -(-self.epochs * pictures // self.batch)

    def to_toml(self) -> str:
        """As TOML, one setting a line."""
        return "".join(f"{name} = {toml_value(value)}\n" for name, value in asdict(self).items())

    @classmethod
    def from_toml(cls, text: str, name: str = "config.toml") -> Config:
        """Read what `to_toml` wrote.

        Raises:
            UsageError: no TOML, an unknown setting, or one out of range.
        """
        try:
            table: Mapping[str, Any] = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise UsageError(f"{name} is no TOML: {error}") from error
        kinds = {field.name: type(field.default) for field in fields(cls)}
        for key, value in table.items():
            if key not in kinds:
                raise UsageError(f"{name} has no setting {key}; it knows {', '.join(kinds)}")
            if type(value) is not kinds[key] and not (kinds[key] is float and type(value) is int):
                raise UsageError(f"{name}: {key} = {value!r} does not fit")
        config = cls(**table)
        _check(config)
        return config

    @classmethod
    def read(cls, path: Path) -> Config:
        """Read a config from a TOML file."""
        return cls.from_toml(files.read_text(path, "config"), str(path))

    def same_run(self, other: Config) -> bool:
        """Whether a checkpoint of the one can go on as the other: all is equal but how long it is to run."""
        return replace(self, steps=0, epochs=1, on_alarm="warn") == replace(other, steps=0, epochs=1, on_alarm="warn")


# What people have trained on this kind of set. Steps and epochs are the published ones.
PRESETS: dict[str, dict[str, Any]] = {
    # Radford, Metz & Chintala 2015, with the loss on logits (a sigmoid before it loses digits); real and fake batches
    # go through D and back one after the other, as batch norm wants it, then Adam takes one step
    "dcgan": {},
    # the same gradient taken on the summed loss in one way back: 128 px sets have been trained so
    "dcgan-joint": {"epochs": 1400},
    # Mao et al. 2017; beta1 was 0.9 there: with small batches its D then runs away from G and comes back in waves
    "lsgan": {"epochs": 2000, "batch": 64, "dropout": 0.25},
    # Zhang et al. 2018: rates of 1e-4 and 4e-4 instead of several D steps; no momentum, spectral norm takes its place.
    # The published run on this kind of set (FID 107) had neither the rates apart nor an average of the weights
    "sagan": {"epochs": 2000, "batch": 64, "rate_g": 1e-4, "rate_d": 4e-4, "beta1": 0.0, "beta2": 0.9, "z": 128},
    # Kingma & Welling 2013; the KL term per pixel, so that it weighs the same at every size
    "vae": {"epochs": 2000, "rate_g": 1e-3, "beta1": 0.9, "z": 128},
    # relativistic pairs with R1 and R2 (Huang et al. 2024, R3GAN), DiffAugment (Zhao et al. 2020): converges where
    # others circle, and a few hundred pictures do not run out
    "best": {
        "epochs": 2000,
        "batch": 64,
        "beta1": 0.0,
        "beta2": 0.99,
        "penalty": 1.0,
        "penalty_every": 4,
        "augment": "diffaugment",
        "mirror": True,
    },
}
CHOICES = {
    "augment": ("none", "diffaugment"),
    "conditional": ("none", "view"),
    "precision": ("auto", "fp32", "tf32", "bf16"),
    "on_alarm": ("warn", "stop"),
}
CONDITIONAL = ("dcgan", "dcgan-joint", "lsgan", "best")


def _check(config: Config) -> None:
    for name, allowed in CHOICES.items():
        if getattr(config, name) not in allowed:
            raise UsageError(f"--{name.replace('_', '-')} must be one of {', '.join(allowed)}")
    counts = ("z", "maps", "batch", "epochs", "window", "sample_every", "score_every", "save_every", "keep_every")
    small = next((name for name in counts if getattr(config, name) < 1), None)
    checks = [
        (config.size in SIZES, f"pictures of {config.size} px cannot be trained on: build 32, 64, 128 or 256"),
        (small is None, f"--{str(small).replace('_', '-')} must be at least 1"),
        (config.batch >= 2, "--batch must be at least 2"),
        (config.steps >= 0, "--steps must not be negative"),
        (0 <= config.seed < 2**31, "--seed must be 0 to 2,147,483,647"),
        (config.keep >= 0, "--keep must not be negative"),
        (config.score_fakes >= 10, "score_fakes must be at least 10"),
        (config.penalty >= 0 and config.penalty_every >= 1, "penalty must not be negative, penalty_every at least 1"),
        (0 <= config.dropout < 1, "dropout must be at least 0 and less than 1"),
        (config.rate_g > 0 and config.rate_d > 0, "rates must be above 0"),
        (config.conditional == "none" or config.preset in CONDITIONAL,
         f"--conditional view goes with the presets {', '.join(CONDITIONAL)}"),
    ]  # fmt: skip
    for holds, message in checks:
        if not holds:
            raise UsageError(message)
