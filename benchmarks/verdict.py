"""Is the validator valid? How often does it see a difference where there is none, and how often planted junk?

Usage: verdict.py aa|power CARS-32.ZIP WORK [REPEATS]. Trainings are cut short, since there are hundreds: 8 maps, and
8,000 images and 300 fakes. What lies in WORK is gone on with.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import torch
from common import table

from carprep import files
from carprep.doctor import machine
from carprep.draw.key import Kind
from carprep.draw.photo import planted, random_pose
from carprep.verdict.judgement import PASS, SAME, WORSE, outcome
from carprep.verdict.rulers import rulers
from carprep.verdict.statistics import kid_difference
from carprep.verdict.trainings import Job, Trained, is_done, one, read
from carprep.verdict.validate import Settings
from torch_datasets import IndianCars

# so small a network, so shortly trained, collapses in one of six runs without augmentation
SETTINGS = Settings.quick(maps=8, images=8_000, fakes=300, augment="diffaugment")
HELD, SEEDS = 100, 3
JUNK = (Kind.BANNER, Kind.NO_CAR, Kind.CHECKERBOARD, Kind.CUT_OFF, Kind.EXACT_COPY)
SHARES = (0.1, 0.3, 0.5)


def trained(name: str, pixels: np.ndarray, rows: list[np.ndarray], first_seed: int, work: Path) -> list[Trained]:
    """Train on each seed's rows; arms with other `first_seed` share none."""
    path = work / f"{name}.npy"
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, pixels)
    sha256 = files.sha256_of(path)
    jobs = [
        Job(name, seed, SETTINGS.config("CURATED", first_seed + seed).to_toml(), path, sha256, tuple(map(int, own)),
            SETTINGS.fakes, "", "cpu", work / f"{name}-{seed}", early=0)
        for seed, own in enumerate(rows)
    ]  # fmt: skip
    for job in jobs:
        if not is_done(job):
            one(job)
    return [read(job) for job in jobs]


def compared(these: list[Trained], those: list[Trained], held: dict[str, np.ndarray]):
    """The differences by both rulers; None where a training failed."""
    if any(each.trouble for each in (*these, *those)):
        return None
    return tuple(
        kid_difference([each.features[ruler] for each in these], [each.features[ruler] for each in those], held[ruler])
        for ruler in ("carnet", "shapes")
    )


def junk(count: int, clean: np.ndarray, seed: int) -> np.ndarray:
    """Banners, streets, checkerboards, cut-off cars, and copies; uint8 (count, 3, S, S)."""
    rng, side, made = np.random.default_rng([seed, 11]), clean.shape[2], []
    for number in range(count):
        kind = JUNK[number % len(JUNK)]
        if kind is Kind.EXACT_COPY:
            made.append(clean[rng.integers(len(clean))])
            continue
        photo = planted(kind, random_pose(rng, 128)).pixels
        scale = side / max(photo.shape[:2])
        small = cv2.resize(photo, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        square = np.full((side, side, 3), 255, np.uint8)
        top, left = ((side - length) // 2 for length in small.shape[:2])
        square[top : top + small.shape[0], left : left + small.shape[1]] = small
        made.append(square.transpose(2, 0, 1))
    return np.stack(made)


def main() -> None:
    """Print the table that was asked for."""
    what, cars, work = sys.argv[1], IndianCars(sys.argv[2], "all").tensor().numpy(), Path(sys.argv[3])
    repeats = int(sys.argv[4]) if len(sys.argv) > 4 else {"aa": 40, "power": 10}[what]
    torch.set_num_threads(1)
    counts: dict[str, Counter[str]] = {}
    for repeat in range(repeats):
        order = np.random.default_rng([repeat, 3]).permutation(len(cars))
        held = {r.name: r.measure(torch.from_numpy(cars[order[:HELD]])) for r in rulers()}
        rest = order[HELD:]
        half = cars[rest[: len(rest) // 2]], cars[rest[len(rest) // 2 :]]
        if what == "aa":
            every = np.arange(len(rest) // 2)
            a, b = (
                trained(f"{side}-{repeat}", half[number], [every] * SEEDS, 10 * repeat + 5 * number, work)
                for number, side in enumerate("ab")
            )
            pair = compared(a, b, held)
            counts.setdefault("A/A", Counter())[outcome({"B": pair})[0] if pair else "INVALID"] += 1
        else:
            _power(repeat, half[0], held, work, counts)
        rows = [[name, *(str(found[key]) for key in (PASS, SAME, WORSE, "INVALID"))] for name, found in counts.items()]
        table(f"{repeat + 1} repeats, {SETTINGS.maps} maps, {SETTINGS.images:,} images, {SEEDS} seeds ({machine()})",
              ("case", PASS, SAME, WORSE, "INVALID"), rows)  # fmt: skip


def _power(
    repeat: int, clean: np.ndarray, held: dict[str, np.ndarray], work: Path, counts: dict[str, Counter[str]]
) -> None:
    """CURATED is `clean`; RENDERED is that and junk; RENDERED-k a draw from it."""
    curated = trained(f"clean-{repeat}", clean, [np.arange(len(clean))] * SEEDS, 10 * repeat, work)
    for share in SHARES:
        mixed = np.concatenate([clean, junk(round(len(clean) * share / (1 - share)), clean, repeat)])
        some = [np.random.default_rng([repeat, seed]).permutation(len(mixed))[: len(clean)] for seed in range(SEEDS)]
        name = f"{share:.0%}".rstrip("%")
        rendered = trained(f"all{name}-{repeat}", mixed, [np.arange(len(mixed))] * SEEDS, 10 * repeat + 3, work)
        fewer = trained(f"k{name}-{repeat}", mixed, some, 10 * repeat + 6, work)
        pairs = {
            rival: compared(curated, runs, held) for rival, runs in (("RENDERED", rendered), ("RENDERED-k", fewer))
        }
        found = "INVALID" if None in pairs.values() else outcome(pairs)[0]
        counts.setdefault(f"{name} % junk", Counter())[found] += 1


if __name__ == "__main__":
    main()
