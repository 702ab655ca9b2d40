"""Drawn cars to learn from: exact masks and angles, and the only examples that anybody can make anywhere."""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from carprep.draw.key import Kind
from carprep.draw.photo import planted, random_pose

SEED = 20_240_711  # far from the seeds that tests and examples use
SIDE = 288  # px, about the photo's height
# how often each kind is drawn; most are whole cars, whose angle is free
KINDS = (
    *[Kind.GOOD] * 9, *[Kind.BUSY] * 6, Kind.CHECKERBOARD, Kind.CUT_OFF, Kind.CUT_OFF, Kind.SEVERAL, Kind.NO_CAR,
    Kind.ONE_COLOUR, Kind.BANNER,
)  # fmt: skip
VIEWS = {Kind.CUT_OFF: "partial", Kind.SEVERAL: "none", Kind.NO_CAR: "none", Kind.ONE_COLOUR: "none"}


def draw(out: Path, count: int, pool: Executor) -> list[dict[str, object]]:
    """Draw photos with masks below `out`/drawn; returns their rows of `labels.csv`."""
    (out / "drawn").mkdir(parents=True, exist_ok=True)
    return list(pool.map(_one, [(out, number) for number in range(count)], chunksize=8))


def _one(job: tuple[Path, int]) -> dict[str, object]:
    out, number = job
    name = f"drawn/{number:05d}"
    random = np.random.default_rng([SEED, number])
    kind = KINDS[int(random.integers(len(KINDS)))]
    pose = random_pose(random, SIDE)
    degrees = pose.degrees if random.random() < 0.5 else round(float(random.uniform(0, 360)), 1)
    pose = replace(pose, degrees=degrees, seed=int(random.integers(1 << 31)))
    row: dict[str, object] = {"file": f"{name}.jpg", "source": "drawn", "group": f"drawn-{number}", "weight": 0.7}
    if kind in VIEWS:
        row |= {"view": VIEWS[kind]}
    else:
        row |= {"angle": degrees}
    if kind is not Kind.SEVERAL:
        row |= {"mask": f"{name}.mask.png"}
    if not (out / f"{name}.jpg").exists():
        shot = planted(kind, pose)
        cv2.imwrite(str(out / f"{name}.mask.png"), np.round(shot.mask * 255).astype(np.uint8))
        cv2.imwrite(str(out / f"{name}.jpg"), shot.pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])
    return row
