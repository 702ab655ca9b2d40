"""Intervals of differences: how sure one may be that one arm draws better than another."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from carprep.trainer.metrics import Features, kernel

LEVEL = 0.95
POWER = 0.8  # of the smallest visible difference: one that large is seen in four of five runs


@dataclass(frozen=True)
class Difference:
    """A paired difference, this arm less that one; negative where this one is better.

    Attributes:
        value, low, high: the mean over seeds with its 95 % interval.
        visible: the smallest true difference that such a run sees in four of five times.
        seeds: how many.
    """

    value: float
    low: float
    high: float
    visible: float
    seeds: int

    @property
    def better(self) -> bool:
        """Whether the whole interval lies below zero."""
        return self.high < 0

    @property
    def worse(self) -> bool:
        """Whether the whole interval lies above zero."""
        return self.low > 0

    @property
    def words(self) -> str:
        """For people."""
        return f"{self.value:+.3f} [{self.low:+.3f}, {self.high:+.3f}]"

    def to_json(self) -> dict[str, float]:
        """Plain values."""
        return dict(vars(self))


def kid_difference(
    these: Sequence[Features], those: Sequence[Features], held: Features, groups: Sequence[str] | None = None
) -> Difference:
    """KID(these, held) - KID(those, held), paired by seed.

    The held-out set's own term cancels, so the difference is linear in the held-out pictures. Over seeds (and the fakes
    drawn for each) Student's t; over held-out pictures the variance of their mean; both are added. With one seed the
    fakes' share comes from the jackknife over fakes instead. Never a bootstrap: repeated pictures would put k(x, x)
    among the pairs.

    Args:
        these, those: features (M, F) of the fakes of each seed, in the order of the seeds.
        held: features (N, F) of the held-out pictures.
        groups: of related pictures among those, a name each; a group counts as one draw. None: each is on its own.

    Raises:
        ValueError: not as many seeds on both sides, or none.
    """
    if len(these) != len(those) or not these:
        raise ValueError(f"{len(these)} seeds against {len(those)}")
    values, slopes = [], []
    for one, other in zip(these, those, strict=True):
        slope = 2 * (kernel(other, held).mean(0) - kernel(one, held).mean(0))
        values.append(_within(one) - _within(other) + slope.mean())
        slopes.append(slope)
    seeds = len(values)
    of_held, free = _of_mean(np.mean(slopes, 0), groups)
    of_seeds = np.var(values, ddof=1) / seeds if seeds > 1 else _spread(these[0], held) + _spread(those[0], held)
    return _interval(float(np.mean(values)), float(of_seeds), seeds - 1 if seeds > 1 else len(these[0]) - 1,
                     of_held, free, seeds)  # fmt: skip


def _of_mean(values: NDArray[np.float64], groups: Sequence[str] | None) -> tuple[float, int]:
    """Variance of a mean whose values come in groups, and its degrees of freedom."""
    own = np.unique(groups, return_inverse=True)[1] if groups is not None else np.arange(len(values))
    sums = np.bincount(own, values - values.mean())
    return float(len(sums) / (len(sums) - 1) * np.square(sums).sum() / len(values) ** 2), len(sums) - 1


def _within(fakes: Features) -> float:
    """Mean kernel of a set with itself, off the diagonal."""
    pairs, count = kernel(fakes, fakes), len(fakes)
    np.fill_diagonal(pairs, 0)
    return float(pairs.sum() / (count * (count - 1)))


def _spread(fakes: Features, held: Features) -> float:
    """The variance that KID has from its fakes.

    The jackknife's, less what it counts twice: the part that no single picture explains (Efron and Stein 1981).
    """
    count, pairs = len(fakes), kernel(fakes, fakes)
    np.fill_diagonal(pairs, 0)
    sums, means = pairs.sum(1), kernel(fakes, held).mean(1)
    less_one = (sums.sum() - 2 * sums) / ((count - 1) * (count - 2)) - 2 * (means.sum() - means) / (count - 1)
    own = sums / (count - 1)
    rest = pairs - own[:, None] - own[None] + own.mean()
    np.fill_diagonal(rest, 0)
    unexplained = float(2 * np.square(rest).sum() / (count * (count - 1)) / count**2)
    return max(0.0, float((count - 1) * less_one.var()) - unexplained)


def mean_difference(these: Sequence[float], those: Sequence[float]) -> Difference:
    """Of any figure, paired by seed, Student's t over seeds alone.

    Raises:
        ValueError: fewer than two seeds.
    """
    gaps = np.array(these) - np.array(those)
    if len(gaps) < 2:
        raise ValueError("an interval over seeds needs two of them")
    return _interval(float(gaps.mean()), float(gaps.var(ddof=1) / len(gaps)), len(gaps) - 1, 0.0, 1, len(gaps))


def _interval(value: float, one: float, one_free: int, other: float, other_free: int, seeds: int) -> Difference:
    """Two independent parts of variance with their degrees of freedom, by Welch and Satterthwaite."""
    variance = one + other
    if variance <= 0:
        return Difference(value, value, value, 0.0, seeds)
    free = variance**2 / (one**2 / one_free + other**2 / other_free)
    error = math.sqrt(variance)
    reach = float(student.ppf((1 + LEVEL) / 2, free)) * error
    visible = reach + float(student.ppf(POWER, free)) * error
    return Difference(value, value - reach, value + reach, visible, seeds)
