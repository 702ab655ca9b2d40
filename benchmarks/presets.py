"""Which preset draws the best cars from the same set after the same number of images?

Usage: presets.py CARS.ZIP RUNS [IMAGES [MAPS]]. Trains each preset with several seeds, one after the other, into RUNS;
what is there already goes on or is taken as it is. The set needs a holdout.
"""

from __future__ import annotations

import statistics
import sys
from pathlib import Path
from typing import Any

import torch
from common import table
from scipy.stats import t as student

from carprep.doctor import machine
from carprep.trainer import Config, train
from carprep.trainer.record import NAME, read
from torch_datasets import IndianCars

SEEDS, BATCH = range(5), 64
REACH = student.ppf(0.975, len(SEEDS) - 1) / len(SEEDS) ** 0.5  # of a 95 % interval, in deviations over seeds
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "dcgan": ("dcgan", {}),
    "dcgan-aug": ("dcgan", {"augment": "diffaugment"}),
    "sagan": ("sagan", {}),
    "sagan-aug": ("sagan", {"augment": "diffaugment"}),  # hinge + spectral norm with what `best` has around it
    "best": ("best", {}),
}


def score(cars: str, case: str, seed: int, images: int, maps: int, folder: Path) -> dict[str, Any]:
    """The last score of a run, which is made first if it is not there."""
    preset, wishes = CASES[case]
    pictures, steps = IndianCars(cars), images // BATCH
    mirror = {"mirror": False} if pictures.facing else {}
    config = Config.of(
        preset, size=pictures.side, seed=seed, steps=steps, maps=maps, batch=BATCH, sample_every=steps // 4,
        score_every=steps // 4, score_fakes=1000, keep=0, **wishes, **mirror,
    )  # fmt: skip
    there = (folder / "checkpoints" / "latest.pt").exists()
    train(pictures, config, folder, holdout=IndianCars(cars, "holdout"), resume=there, say=print)
    return [line for line in read(folder / NAME) if "kid" in line][-1]


def main() -> None:
    """Print the table."""
    cars, runs = sys.argv[1], Path(sys.argv[2])
    images, maps = (int(sys.argv[i]) if len(sys.argv) > i else default for i, default in ((3, 64_000), (4, 24)))
    torch.set_num_threads(1)
    rows = []
    scores = {}
    for seed in SEEDS:  # seed by seed, so that a part of it is a table of fewer seeds
        for case in CASES:
            scores[case, seed] = score(cars, case, seed, images, maps, runs / f"{case}-{seed}")
    for case in CASES:
        values = [scores[case, seed] for seed in SEEDS]
        kids = [value["kid"] for value in values]
        reach = REACH * statistics.stdev(kids)
        means = [statistics.mean(value[name] for value in values) for name in ("fid", "precision", "recall")]
        rows.append([case, f"{statistics.mean(kids):.2f}", f"± {reach:.2f}", ", ".join(f"{kid:.2f}" for kid in kids),
                     f"{means[0]:.0f}", f"{means[1]:.2f}", f"{means[2]:.2f}"])  # fmt: skip
    for rival in ("sagan", "sagan-aug", "best"):
        gaps = [scores[rival, seed]["kid"] - scores["dcgan", seed]["kid"] for seed in SEEDS]
        reach = REACH * statistics.stdev(gaps)
        print(f"{rival} - dcgan, paired by seed: {statistics.mean(gaps):+.2f} ± {reach:.2f}")
    header = ("preset", "KID[carnet]", "95 % over seeds", "each", "FID[carnet]", "precision", "recall")
    table(f"After {images:,} images, {maps} maps, batch {BATCH} ({machine()})", header, rows)


if __name__ == "__main__":
    main()
