"""What is asked of a worker, and what it answers: light enough for the asking process, which decodes nothing."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from carprep import files, models
from carprep.cache import Measured, reader
from carprep.photo import Reason
from carprep.recipe import Recipe

VERSION = 8  # counts up when a measurement changes, so that older ones are made again


@dataclass(frozen=True)
class Limits:
    """What a file may be before it is decoded; see the recipe."""

    bytes: int
    pixels: int
    frames: int


@dataclass(frozen=True)
class Settings:
    """The part of a recipe that measuring depends on; with versions and weights it is the cache's key."""

    look: str
    detail: int
    limits: Limits
    device: str = "cpu"

    @classmethod
    def of(cls, recipe: Recipe) -> Settings:
        """The settings in a recipe."""
        limits = Limits(recipe.max_bytes, recipe.max_pixels, recipe.max_frames)
        return cls(recipe.look, recipe.detail, limits, recipe.device)

    def identity(self, versions: dict[str, str]) -> bytes:
        """16 bytes that differ wherever a measurement could differ."""
        plain = {
            **asdict(self),
            "measure": VERSION,
            "looker": models.identity(self.look, self.device),
            "versions": versions,
        }
        return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).digest()[:16]


@dataclass(frozen=True)
class Task:
    """One photo to measure: either a path on the disk, or the bytes themselves."""

    key: str
    index: int = 0  # its row
    path: bytes = b""
    data: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Done:
    """What became of a task: `measured` is None where the cache knows this photo already, or it could not be read.

    Attributes:
        sha256: of the bytes; None where they could not be read.
        reason, detail: why they could not be read.
    """

    sha256: str | None
    measured: Measured | None = None
    reason: Reason | None = None
    detail: str = ""


@dataclass(frozen=True)
class Measurer:
    """Measures photos in a worker process: reads, asks the cache, measures what it does not know."""

    settings: Settings
    identity: bytes
    cache: Path

    def __call__(self, task: Task) -> Done:
        """Measure one photo; a photo's own faults come back as its reason."""
        try:
            data = task.data if task.data is not None else files.read_bytes(task.path, self.settings.limits.bytes)
        except FileNotFoundError:
            return Done(None, None, Reason.VANISHED, "gone since it was listed")
        except OSError as error:
            return Done(None, None, Reason.UNREADABLE, f"the file cannot be read: {files.reason_of(error)}")
        if data is None:
            return Done(None, None, Reason.TOO_LARGE, f"more than {self.settings.limits.bytes:,} bytes")
        from carprep.measure.photo import measure  # pulls OpenCV, which the asking process can do without

        sha256 = hashlib.sha256(data).hexdigest()
        if reader(self.cache).knows(sha256, self.identity):
            return Done(sha256)
        return Done(sha256, measure(data, sha256, self.settings))
