"""Does the trainer's quick step learn what the tutorial's plain one learns?

The first steps in fp32 must agree to a tolerance; after that rounding drives any two trainings apart, so whole runs are
compared by their scores over seeds. Usage: parity.py CARS.ZIP [IMAGES]; a set of 32 px is quickest.
"""

from __future__ import annotations

import statistics
import sys
from pathlib import Path

import torch
from common import table
from tutorial import Tutorial

from carprep.doctor import machine
from carprep.trainer.chance import Stream, draw, seed_of
from carprep.trainer.config import Config
from carprep.trainer.judge import Judge
from carprep.trainer.machine import Team, prepare
from carprep.trainer.reals import Reals, reals_of
from carprep.trainer.run import begin
from carprep.trainer.steps import step as learn
from torch_datasets import IndianCars

FIRST, SEEDS, BATCH, MAPS = 10, (0, 1, 2), 64, 16
TOLERANCE = 1e-3  # relative, of the losses of the first steps
CPU = torch.device("cpu")


def both(config: Config, reals: Reals, steps: int) -> tuple[list[float], torch.nn.Module, torch.nn.Module]:
    """Train both side by side on one stream; the relative gaps of D's loss in the first steps, and both generators."""
    team = Team(config, CPU)
    run, tutorial = begin(config, Path(), {}, reals.count, team, CPU), Tutorial(config, CPU)
    stream, gaps = Stream(reals.count, config.seed), []
    for step in range(steps):
        torch.manual_seed(seed_of("step", config.seed, step))
        draws = draw(config, config.batch, CPU)
        pictures, views = reals.batch(stream.indices(step, config.batch))
        told = learn(run.state, pictures, views, draws)
        run.state.step += 1
        plain = tutorial.step(pictures, draws.z)
        if step < FIRST:
            gaps.append(abs(float(told[0]) / plain[0] - 1))
    return gaps, run.state.generator, tutorial.generator


def main() -> None:
    """Print both tables."""
    cars, images = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 40_000
    train, held = IndianCars(cars), IndianCars(cars, "holdout")
    rows, gaps = [], []
    for seed in SEEDS:
        config = Config.of("dcgan", size=train.side, maps=MAPS, batch=BATCH, ema=False, seed=seed, steps=1)
        prepare(config, CPU)
        reals = reals_of(train, CPU)
        judge = Judge.of(config, reals, reals_of(held, CPU))
        assert judge is not None, "the set needs a holdout"
        first, *generators = both(config, reals, images // BATCH)
        gaps.append(first)
        scores = [judge.score(generator, CPU)[0] for generator in generators]
        rows.append([seed, *(f"{score['kid']:.3f}" for score in scores)])
    for column, name in ((1, "carprep"), (2, "tutorial")):
        values = [float(row[column]) for row in rows]
        print(f"{name}: mean {statistics.mean(values):.3f}, deviation over seeds {statistics.stdev(values):.3f}")
    table(f"KID[carnet] after {images:,} images, {MAPS} maps, {train.side} px ({machine()})",
          ("seed", "carprep", "tutorial"), [[str(cell) for cell in row] for row in rows])  # fmt: skip
    worst = [max(each[step] for each in gaps) for step in range(FIRST)]
    table(f"Relative gap of D's loss, fp32 (at most {TOLERANCE} wanted)", ("step", "worst of the seeds"),
          [[str(step), f"{gap:.1e}"] for step, gap in enumerate(worst)])  # fmt: skip


if __name__ == "__main__":
    main()
