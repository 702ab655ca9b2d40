"""`carprep score`: how near fakes are to a set, without training anything."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from carprep.errors import UsageError
from carprep.trainer.alarms import collapsed
from carprep.trainer.metrics import Estimate, kid
from carprep.trainer.run import CONFIG
from carprep.verdict.judgement import memorised, memory_tests, nearness
from carprep.verdict.rulers import rulers
from carprep.verdict.trainings import fakes_of
from torch_datasets import IndianCars

LEAST = 20  # pictures on either side


@dataclass(frozen=True)
class Score:
    """Figures of some fakes.

    Attributes:
        against: which pictures of the set they are compared with, and how many.
        fakes: how many.
        kid: by ruler.
        figures: fid, fid_floor, fid_pictures, precision, recall, density, coverage, by CarNet's features.
        memory: tests of memorisation; empty without a held-out split to compare distances with.
        warnings: what is wrong with the fakes, in words.
    """

    against: str
    fakes: int
    kid: dict[str, Estimate]
    figures: dict[str, float]
    memory: dict[str, float]
    warnings: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {**vars(self), "kid": {name: vars(value) for name, value in self.kid.items()}}

    @property
    def lines(self) -> list[str]:
        """For the terminal."""
        told = [f"{self.fakes:,} fakes against {self.against}"]
        told += [f"KID[{name}] {value.words}" for name, value in self.kid.items()]
        of = self.figures
        told.append(f"FID[carnet] {of['fid']:.1f}, of reals to other reals {of['fid_floor']:.1f}, "
                    f"both with {of['fid_pictures']:.0f} pictures")  # fmt: skip
        told.append(f"precision {of['precision']:.2f}  recall {of['recall']:.2f}  density {of['density']:.2f}  "
                    f"coverage {of['coverage']:.2f}")  # fmt: skip
        if self.memory:
            told.append(f"memorisation: {self.memory['near']:.0%} nearer than 95 % of the held-out, "
                        f"{self.memory['authentic']:.0%} authentic, z {self.memory['copying']:.1f}")  # fmt: skip
        return [*told, *(f"warning: {words}" for words in self.warnings)]


def score(cars: Path, fakes: Path, *, features: str = "", count: int = 2000, device: str = "cpu") -> Score:
    """Measure fakes against a set: its holdout where it has one, else all of it.

    Args:
        fakes: a run or a checkpoint of the trainer, or a folder or zip of pictures.
        count: how many to draw from a run.

    Raises:
        UsageError: no such set or fakes, too few pictures, or other sizes.
    """
    measures = rulers(features)
    every = IndianCars(cars, "all")
    held = "holdout" in every.splits and every.splits["holdout"] >= LEAST
    reals = IndianCars(cars, "holdout").tensor() if held else every.tensor()
    drawn = _fakes(fakes, count, device)
    for name, pixels in ((str(cars), reals), (str(fakes), drawn)):
        if len(pixels) < LEAST:
            raise UsageError(f"{name} has {len(pixels)} pictures; {LEAST} are the least for a score")
    if drawn.shape[2] != reals.shape[2]:
        raise UsageError(
            f"{fakes} has pictures of {drawn.shape[2]} px, {cars} of {reals.shape[2]} px; one size is needed"
        )
    one, other = ({ruler.name: ruler.measure(pixels) for ruler in measures} for pixels in (drawn, reals))
    first = measures[0].name
    memory: dict[str, float] = {}
    if held:
        memory = memory_tests(one[first], measures[0].measure(IndianCars(cars).tensor()), other[first])
    against = f"{len(reals):,} {'held-out pictures' if held else 'pictures'} of {cars.name}"
    kids = {ruler.name: kid(one[ruler.name], other[ruler.name]) for ruler in measures}
    figures = nearness(one[first], other[first])
    return Score(against, len(drawn), kids, figures, memory, tuple(_warnings(drawn, reals, memory)))


def _warnings(fakes: Tensor, reals: Tensor, memory: dict[str, float]) -> list[str]:
    found = []
    if spreads := collapsed(fakes, reals):
        found.append(f"collapsed: the fakes differ by {spreads[0]:.1f} of 255 a pixel, the reals by {spreads[1]:.1f}")
    if memory and memorised(memory):
        found.append("memorised: the fakes are nearer to the training pictures than new photos are")
    return found


def _fakes(path: Path, count: int, device: str) -> Tensor:
    if path.suffix == ".pt" or (path / CONFIG).exists():
        return fakes_of(path, count, device)
    return IndianCars(path, "all").tensor()
