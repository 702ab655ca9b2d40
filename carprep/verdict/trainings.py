"""The trainings of all arms and seeds, side by side, each in one process with one thread."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import signal
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from carprep import files
from carprep.errors import AlarmStop, RunError, UsageError
from carprep.progress import Progress
from carprep.trainer import Config, train
from carprep.trainer.alarms import collapsed
from carprep.trainer.judge import generate, latents, views_like
from carprep.trainer.metrics import Features
from carprep.trainer.sample import load
from carprep.verdict.rulers import rulers

QUARTERS = 4  # checkpoints of a run at which it is scored
SPREAD = 500  # pictures whose spread is compared
GRID = 36  # fakes that are shown


class Pictures(torch.utils.data.Dataset[tuple[Tensor, int]]):
    """Pictures in memory as the trainer takes them."""

    classes = ("unknown",)
    metadata = ()
    transforms = None

    def __init__(self, pixels: Tensor) -> None:
        self._pixels, self.side, self.targets = pixels, int(pixels.shape[2]), [0] * len(pixels)

    def __len__(self) -> int:
        """How many."""
        return len(self._pixels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        """float32 (3, S, S) in [-1, 1] and 0."""
        return self._pixels[index].float() / 127.5 - 1, 0

    def pixels(self, indices: Sequence[int]) -> Tensor:
        """uint8 (B, 3, S, S)."""
        return self._pixels[list(indices)]

    def tensor(self) -> Tensor:
        """uint8 (N, 3, S, S)."""
        return self._pixels


@dataclass(frozen=True)
class Job:
    """One training.

    Attributes:
        pixels: .npy of the arm's stack, uint8 (N, 3, S, S); sha256: of that file; rows: which of the pictures.
        fakes, early: how many are drawn at the end, and at each checkpoint before; 0 for none there.
        ruler: as of `rulers`.
    """

    arm: str
    seed: int
    config: str
    pixels: Path
    sha256: str
    rows: tuple[int, ...]
    fakes: int
    ruler: str
    device: str
    folder: Path
    early: int

    @property
    def identity(self) -> str:
        """One hash over all that the training depends on."""
        drawn = self.fakes, self.early, self.ruler
        told = (self.arm, self.seed, self.config, self.sha256, self.rows, drawn)
        return hashlib.sha256(repr(told).encode()).hexdigest()


@dataclass(frozen=True)
class Trained:
    """What a training left.

    Attributes:
        features: of the fakes by ruler, at the end.
        early: of a few fakes by ruler and step, at each checkpoint; at the last of all of them.
        grid: uint8 (GRID, 3, S, S).
        trouble: why it cannot be compared; empty where it can.
        alarms: names of all that rang.
    """

    arm: str
    seed: int
    features: dict[str, Features]
    early: dict[str, dict[int, Features]]
    grid: np.ndarray
    trouble: str
    alarms: tuple[str, ...]


def run(jobs: Sequence[Job], workers: int, progress: Progress) -> list[Trained]:
    """Make all trainings; those that an earlier call finished are read, those that it began go on.

    Raises:
        RunError: a process died, twice for the same training.
    """
    context = multiprocessing.get_context("spawn")  # torch's threads do not survive a fork
    tries = dict.fromkeys(range(len(jobs)), 0)
    todo = [number for number, job in enumerate(jobs) if not is_done(job)]
    progress("train", len(jobs) - len(todo), len(jobs))
    while todo:
        pool = ProcessPoolExecutor(workers, context, initializer=_worker)
        waiting = {pool.submit(one, jobs[number]): number for number in todo}
        try:
            while waiting:
                done, _ = wait(waiting, return_when=FIRST_COMPLETED)
                for future in done:
                    number = waiting.pop(future)
                    future.result()
                    todo.remove(number)
                    progress("train", len(jobs) - len(todo), len(jobs))
        except multiprocessing.ProcessError as error:
            raise RunError(f"a training failed: {error}") from error
        except (RuntimeError, OSError) as error:  # BrokenProcessPool: killed, or out of memory
            tries[number] += 1
            if tries[number] > 1:
                raise RunError(
                    f"the training of {jobs[number].arm}, seed {jobs[number].seed}, died twice ({error}); "
                    "fewer --workers take less memory; the same command goes on"
                ) from error
        finally:
            _end(pool)
    return [read(job) for job in jobs]


def _worker() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends them
    torch.set_num_threads(1)


def _end(pool: ProcessPoolExecutor) -> None:
    """Stop at once: what a training had written is there, and it goes on from that."""
    for process in list((pool._processes or {}).values()):
        process.terminate()
    pool.shutdown(wait=True, cancel_futures=True)


def one(job: Job) -> None:
    """Train, draw, measure, write, where `is_done` said no; what ends the training itself is its result."""
    config = Config.from_toml(job.config)
    pixels = torch.from_numpy(np.load(job.pixels, mmap_mode="r")[list(job.rows)])
    folder, trouble = job.folder / "run", ""
    alarms: tuple[str, ...] = ()
    resume = (folder / "checkpoints" / "latest.pt").exists()
    try:
        result = train(Pictures(pixels), config, folder, resume=resume, device=job.device)
        alarms = tuple(sorted({str(line["alarm"]) for line in result.alarms}))
    except AlarmStop as error:  # a full disk or a lack of memory is none of the training's, and ends the whole
        trouble = str(error)
    measures = rulers(job.ruler)
    found: dict[str, np.ndarray] = {}
    if not trouble:
        for path in sorted((folder / "checkpoints").glob("[0-9]*.pt")):
            if job.early and int(path.stem) < config.steps:
                fakes = fakes_of(path, job.early, job.device)
                for ruler in measures:
                    found[f"early/{ruler.name}/{int(path.stem)}"] = ruler.measure(fakes).astype(np.float32)
        fakes = fakes_of(folder / "checkpoints" / "latest.pt", job.fakes, job.device)
        for ruler in measures:
            found[f"features/{ruler.name}"] = ruler.measure(fakes).astype(np.float32)
        found["grid"] = fakes[:GRID].numpy()
        trouble = _collapsed(fakes, pixels)
    about = {"trouble": trouble, "alarms": list(alarms)}
    with files.written(job.folder / "features.npz") as file:
        np.savez(file, **found)  # type: ignore[arg-type]
    files.write_text(job.folder / "done.json", json.dumps(about))


def fakes_of(checkpoint: Path, count: int, device: str) -> Tensor:
    """Fakes of a checkpoint's averaged generator, uint8 (N, 3, S, S)."""
    trained, where = load(checkpoint), torch.device(device)
    z = latents(trained.config, count, "score", where)
    views = views_like(torch.zeros(1, dtype=torch.int64), count, where)
    return generate(trained.generator.to(where), z, views)


def _collapsed(fakes: Tensor, reals: Tensor) -> str:
    spreads = collapsed(fakes[:SPREAD], reals[:SPREAD])
    if spreads is None:
        return ""
    return (
        f"collapsed: its pictures differ by {spreads[0]:.1f} of 255, those that it was trained on by {spreads[1]:.1f}"
    )


def is_done(job: Job) -> bool:
    """Whether this very training was finished by an earlier call; its folder is this training's from now on.

    Raises:
        UsageError: another one lies there: on other pictures, or with other settings.
    """
    _claim(job)
    return (job.folder / "done.json").exists()


def _claim(job: Job) -> None:
    path = job.folder / "job"
    if not path.exists():
        files.write_text(path, job.identity)
    elif path.read_text(encoding="utf-8") != job.identity:
        raise UsageError(
            f"{job.folder} holds a training on other pictures: RAW, the accepted photos or carprep have changed since; "
            "choose another --out"
        )


def read(job: Job) -> Trained:
    """What a finished training left."""
    about: dict[str, Any] = json.loads((job.folder / "done.json").read_text())
    features: dict[str, Features] = {}
    early: dict[str, dict[int, Features]] = {}
    with np.load(job.folder / "features.npz") as found:
        for name, values in found.items():
            kind, *rest = name.split("/")
            if kind == "features":
                features[rest[0]] = values.astype(np.float64)
                early.setdefault(rest[0], {})[Config.from_toml(job.config).steps] = features[rest[0]]
            elif kind == "early":
                early.setdefault(rest[0], {})[int(rest[1])] = values.astype(np.float64)
        grid = found["grid"] if "grid" in found else np.zeros((0, 3, 8, 8), np.uint8)
    return Trained(job.arm, job.seed, features, early, grid, about["trouble"], tuple(about["alarms"]))
