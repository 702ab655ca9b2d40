"""`carprep validate`: from a zip and its RAW to a verdict on the disk."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from carprep import check, files
from carprep.doctor import machine
from carprep.engines.local import processors
from carprep.errors import UsageError
from carprep.progress import Progress, silent, span
from carprep.trainer import Config
from carprep.trainer.machine import device_of
from carprep.trainer.metrics import Features
from carprep.trainer.plan import timed
from carprep.verdict import arms as armed
from carprep.verdict import page
from carprep.verdict.arms import ARMS, FEW, QUICK, Arms, make_arms, stack_of
from carprep.verdict.judgement import INVALID, Verdict, judge
from carprep.verdict.rulers import Ruler
from carprep.verdict.rulers import rulers as rulers_of
from carprep.verdict.trainings import Job, Trained, run

LEAST_SEEDS, HOUR, START = 3, 3600, 5.0  # START: seconds until a process has loaded torch
Say = Callable[[str], None]


@dataclass(frozen=True)
class Settings:
    """How the arms are compared.

    Attributes:
        arms: their names. size: px. seeds: how many. images: seen by each training. fakes, early: drawn by each at
            the end, and at each checkpoint before.
    """

    arms: tuple[str, ...] = ARMS
    preset: str = "dcgan"
    size: int = 64
    maps: int = 64
    batch: int = 64
    augment: str = "diffaugment"  # a million images are many epochs, and D would learn the pictures by heart
    seeds: int = 5
    images: int = 1_000_000
    fakes: int = 2000
    early: int = 250
    features: str = ""
    device: str = "auto"

    @classmethod
    def quick(cls, **wishes: Any) -> Settings:
        """Small enough for two processors and a coffee: 32 px, 16 maps, three arms, three seeds."""
        # batches of 16 take as long as those of 64 and make four times the steps. On 428 photos curated from 800 the
        # seeds' KID[carnet] then lay within 0.5 of each other, 1.2 below RENDERED's; before, within 2.1 and 0.6 below
        small = {"size": 32, "maps": 16, "batch": 16, "augment": "none", "seeds": 3, "images": 60_000}
        return cls(**{"arms": QUICK, **small, **wishes})

    def config(self, arm: str, seed: int) -> Config:
        """The training's settings: the same for every arm, but for the random numbers.

        Arms that shared their numbers would be equal to the bit where their pictures are, and tell nothing of chance.
        """
        quarter = max(1, -(-self.images // (4 * self.batch)))  # so that the last checkpoint is the end
        steps = 4 * quarter
        return Config.of(
            self.preset, size=self.size, maps=self.maps, batch=self.batch, steps=steps,
            seed=1000 * ARMS.index(arm) + seed, keep=4, keep_every=quarter,
            sample_every=quarter, mirror=False, augment=self.augment, window=50,
        )  # fmt: skip


def validate(
    cars: Path, raw: Path, out: Path, settings: Settings, *, accepted: Path | None = None, workers: int = 2,
    cache: Path | None = None, progress: Progress = silent, say: Say = print,
) -> Verdict:  # fmt: skip
    """Train on each arm and compare; a call that was cut off goes on where it was.

    Raises:
        UsageError: too few pictures, another RAW, settings that do not fit, or another verdict in `out`.
        RunError: a training's process died twice.
    """
    if settings.seeds < LEAST_SEEDS:
        raise UsageError(f"--seeds must be at least {LEAST_SEEDS}: with fewer, chance looks like a difference")
    rulers = rulers_of(settings.features)
    with files.held(out, "the verdict"):
        started = time.monotonic()
        _claim(out, cars, raw, settings, accepted)
        failed = [each.line for each in check.check(cars) if each.state == "failed"]
        if failed:
            verdict = Verdict(INVALID, tuple(f"the set fails its checks: {line}" for line in failed), {}, {}, {})
            _write(out, verdict, settings, None, [], started, {})
            return verdict
        made = make_arms(cars, raw, settings.size, settings.arms, out / "arms", accepted=accepted, workers=None,
                         cache=cache, progress=progress)  # fmt: skip
        for words in _words(made, settings):
            say(words)
        return _compared(made, rulers, settings, out, workers, started, progress, say)


def _compared(
    made: Arms, rulers: Sequence[Ruler], settings: Settings, out: Path, workers: int, started: float,
    progress: Progress, say: Say,
) -> Verdict:  # fmt: skip
    """Train, measure, judge, write."""
    measuring = time.monotonic()
    held = {ruler.name: ruler.measure(made.held.pixels) for ruler in rulers}
    for words in _pace(settings, workers, (time.monotonic() - measuring) / len(made.held)):
        say(words)
    stacks = {name: {r.name: r.measure(stack.pixels) for r in rulers} for name, stack in made.stacks.items()
              if name != armed.CURATED}  # fmt: skip
    place = {key: row for row, key in enumerate(made.stacks[armed.RENDERED].keys)}
    curated = [place[key] for key in made.stacks[armed.CURATED].keys]  # a part of RENDERED, so it is measured already
    stacks[armed.CURATED] = {name: values[curated] for name, values in stacks[armed.RENDERED].items()}
    own = stacks[armed.RENDERED][rulers[0].name]
    rows = {(arm, seed): made.rows(arm, seed, lambda: own) for arm in settings.arms for seed in range(settings.seeds)}
    runs = run(_jobs(made, rows, settings, out), workers, progress)
    trained_on = {arm: {name: values[rows[arm, 0]] for name, values in stacks[stack_of(arm)].items()}
                  for arm in settings.arms}  # fmt: skip
    kinds = {name: [str(row.get(name) or "") for row in made.held.about] for name in ("view", "colour")}
    verdict = judge(runs, trained_on, held, kinds, rulers, made.groups)
    _write(out, verdict, settings, made, runs, started, _neighbours(made, runs, rows, stacks, rulers[0].name))
    return verdict


def _claim(out: Path, cars: Path, raw: Path, settings: Settings, accepted: Path | None) -> None:
    """Mark the folder as this verdict's, so that what lies in it can be gone on with."""
    told = {**vars(settings), "cars": files.sha256_of(cars) if cars.is_file() else str(cars), "raw": str(raw.resolve()),
            "accepted": str(accepted or "")}  # fmt: skip
    text = json.dumps(told, indent=1) + "\n"
    path = out / "settings.json"
    if path.exists() and path.read_text(encoding="utf-8") != text:
        raise UsageError(f"there is another verdict in {out}, of other settings; choose another --out")
    files.write_text(path, text)


def _words(made: Arms, settings: Settings) -> Sequence[str]:
    runs = len(settings.arms) * settings.seeds
    lines = [
        f"{len(made.held)} pictures held out, accepted by {made.judge}",
        *(f"{name}: {len(stack):,} pictures" for name, stack in made.stacks.items()),
        f"{runs} trainings of {settings.images:,} images: {settings.preset}, {settings.size} px, {settings.maps} maps",
    ]
    missing = [arm for arm in ARMS if arm not in settings.arms]
    if missing:
        lines.append(
            f"small networks at {settings.size} px: they tell whether the selection helps, not what large ones reach, "
            f"and nothing of {' and '.join(missing)}"
        )
    if len(made.held) < FEW:
        lines.append(f"under {FEW} held-out pictures only large differences are seen; the verdict says how large")
    return lines


def _pace(settings: Settings, workers: int, measuring: float) -> Sequence[str]:
    """Without a GPU, what it will take.

    Args:
        measuring: seconds a picture with all rulers.
    """
    device = device_of(settings.device)
    if device.type != "cpu":
        return []
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # as each training will have
    config = settings.config(armed.CURATED, 0)
    seconds = timed(config, device)[0] * config.steps
    torch.set_num_threads(before)
    seconds += START + measuring * min(workers, processors()) * (settings.fakes + 3 * settings.early)
    seconds *= len(settings.arms) * settings.seeds / min(workers, processors())
    words = f"no GPU: the trainings take about {span(seconds)} here"
    return [words if seconds < HOUR else f"{words}; --quick takes minutes, fewer --maps and --images less"]


def _jobs(made: Arms, rows: dict[tuple[str, int], np.ndarray], settings: Settings, out: Path) -> list[Job]:
    hashes = {}
    for name, stack in made.stacks.items():
        path = out / "arms" / f"{name.lower()}.npy"
        with files.written(path) as file:
            np.save(file, stack.pixels.numpy())
        hashes[name] = files.sha256_of(path)
    device = str(device_of(settings.device))
    return [
        Job(arm, seed, settings.config(arm, seed).to_toml(), out / "arms" / f"{stack_of(arm).lower()}.npy",
            hashes[stack_of(arm)], tuple(int(row) for row in rows[arm, seed]), settings.fakes, settings.features,
            device, out / "runs" / f"{arm.lower()}-{seed}", settings.early)
        for seed in range(settings.seeds)
        for arm in settings.arms
    ]  # fmt: skip


def _neighbours(
    made: Arms, runs: Sequence[Trained], rows: dict[tuple[str, int], np.ndarray],
    stacks: dict[str, dict[str, Features]], ruler: str,
) -> dict[str, tuple[np.ndarray, np.ndarray]]:  # fmt: skip
    """For each arm some fakes of its first seed, and the training picture nearest to each; uint8 (n, 3, S, S) both."""
    from carprep.trainer.metrics import nearest

    found = {}
    for one in runs:
        if one.seed or one.trouble:
            continue
        own, shown = rows[one.arm, 0], one.grid[:12]
        near, _ = nearest(one.features[ruler][: len(shown)], stacks[stack_of(one.arm)][ruler][own])
        found[one.arm] = shown, made.stacks[stack_of(one.arm)].pixels[own[near]].numpy()
    return found


def _write(
    out: Path, verdict: Verdict, settings: Settings, made: Arms | None, runs: Sequence[Trained], started: float,
    neighbours: dict[str, tuple[np.ndarray, np.ndarray]],
) -> None:  # fmt: skip
    told = summary(verdict, settings, made, time.monotonic() - started)
    files.write_text(out / "verdict.json", json.dumps(told, indent=1, default=str) + "\n")
    files.write_text(out / "verdict.html", page.html(told, runs, neighbours))


def summary(verdict: Verdict, settings: Settings, made: Arms | None, seconds: float) -> dict[str, Any]:
    """What verdict.json says: plain values."""
    return {
        "verdict": verdict.name,
        "reasons": list(verdict.reasons),
        "settings": vars(settings),
        "held_out": {"pictures": len(made.held), "accepted_by": made.judge} if made else {},
        "left_out": made.reasons if made else {},
        "sets": {ruler: {arm: vars(value) for arm, value in arms.items()} for ruler, arms in verdict.sets.items()},
        "differences": {r: {arm: d.to_json() for arm, d in arms.items()} for r, arms in verdict.differences.items()},
        "arms": verdict.arms,
        "machine": machine(),
        "seconds": round(seconds),
    }
