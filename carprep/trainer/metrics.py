"""How near two sets of pictures are, on any features given as arrays (N, F): KID, FID, precision and recall."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Features = NDArray[np.float64]  # (N, F)


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float

    @property
    def words(self) -> str:
        """For people; a negative one is explained."""
        said = f"{self.value:.4f} [{self.low:.4f}, {self.high:.4f}]"
        if self.value < 0:
            said += " (below zero is chance: the estimate is unbiased, so two equal sets are as often below as above)"
        return said


def kid(one: Features, other: Features) -> Estimate:
    """Kernel inception distance (Binkowski et al. 2018): unbiased squared MMD, kernel (x.y / F + 1)^3, all pairs.

    Args:
        one, other: float (M, F) and (N, F), at least 3 each.

    Returns:
        The estimate, with an interval from the jackknife over pictures (each left out once; a bootstrap would repeat
        pictures and put k(x, x) among the pairs).

    Raises:
        ValueError: too few rows, or other widths.
    """
    _check(one, other, 3)
    m, n = len(one), len(other)
    within_one, within_other, across = kernel(one, one), kernel(other, other), kernel(one, other)
    np.fill_diagonal(within_one, 0)
    np.fill_diagonal(within_other, 0)
    sum_one, sum_other, sum_across = within_one.sum(), within_other.sum(), across.sum()
    value = sum_one / (m * (m - 1)) + sum_other / (n * (n - 1)) - 2 * sum_across / (m * n)
    less_one = (
        (sum_one - 2 * within_one.sum(1)) / ((m - 1) * (m - 2))
        + sum_other / (n * (n - 1))
        - 2 * (sum_across - across.sum(1)) / ((m - 1) * n)
    )
    less_other = (
        sum_one / (m * (m - 1))
        + (sum_other - 2 * within_other.sum(1)) / ((n - 1) * (n - 2))
        - 2 * (sum_across - across.sum(0)) / (m * (n - 1))
    )
    variance = (m - 1) * less_one.var() + (n - 1) * less_other.var()
    reach = 1.96 * math.sqrt(variance)
    return Estimate(float(value), float(value - reach), float(value + reach))


def kernel(one: Features, other: Features) -> Features:
    """KID's kernel of all pairs, (x.y / F + 1)^3, (M, N)."""
    return np.asarray((one @ other.T / one.shape[1] + 1) ** 3)


def fid(one: Features, other: Features) -> float:
    """Frechet distance of two Gaussians (Heusel et al. 2017), biased upwards for small sets.

    tr sqrt(S1 S2) is the nuclear norm of Xc Yc^T / sqrt((m-1)(n-1)): no matrix root, so fewer rows than features do
    no harm.
    """
    _check(one, other, 2)
    centred = [np.asarray(part - part.mean(0)) / math.sqrt(len(part) - 1) for part in (one, other)]
    # rows beyond the width add nothing: R of QR has the same products
    short = [np.asarray(np.linalg.qr(part, mode="r")) if len(part) > part.shape[1] else part for part in centred]
    root = np.linalg.norm(short[0] @ short[1].T, "nuc")
    means = float(((one.mean(0) - other.mean(0)) ** 2).sum())
    return float(means + (centred[0] ** 2).sum() + (centred[1] ** 2).sum() - 2 * root)


def precision_recall(reals: Features, fakes: Features, k: int = 3) -> tuple[float, float]:
    """Share of fakes within the reals' manifold, and of reals within the fakes' (Kynkaanniemi et al. 2019)."""
    _check(reals, fakes, k + 1)
    across = distances(reals, fakes)
    reach_reals, reach_fakes = (np.sort(distances(part, part), 1)[:, k] for part in (reals, fakes))
    precision = (across <= reach_reals[:, None]).any(0).mean()
    recall = (across <= reach_fakes[None]).any(1).mean()
    return float(precision), float(recall)


def density_coverage(reals: Features, fakes: Features, k: int = 5) -> tuple[float, float]:
    """How often reals' neighbourhoods hold a fake, and the share that hold one at all (Naeem et al. 2020)."""
    within = neighbours(reals, fakes, k)
    return float(within.sum() / (k * len(fakes))), float(within.any(1).mean())


def neighbours(reals: Features, fakes: Features, k: int = 5) -> NDArray[np.bool_]:
    """Which fakes lie in the neighbourhood of each real, as far as its k-th nearest other real; bool (N, M)."""
    _check(reals, fakes, k + 1)
    return np.asarray(distances(reals, fakes) <= np.sort(distances(reals, reals), 1)[:, k][:, None])


def authenticity(fakes: Features, train: Features) -> float:
    """Share of fakes farther from their nearest training picture than that is from its own (Alaa et al. 2022)."""
    _check(fakes, train, 2)
    rows, far = nearest(fakes, train)
    own = np.sort(distances(train, train), 1)[:, 1]
    return float((far > own[rows]).mean())


def nearest(asked: Features, among: Features) -> tuple[NDArray[np.int64], Features]:
    """Row in `among` that is nearest to each of `asked`, and how far it is."""
    far = distances(asked, among)
    rows = far.argmin(1)
    return rows, np.asarray(far[np.arange(len(asked)), rows])


def distances(one: Features, other: Features) -> Features:
    """Euclidean, (M, N)."""
    squared = (one**2).sum(1)[:, None] + (other**2).sum(1)[None] - 2 * one @ other.T
    return np.asarray(np.sqrt(np.maximum(squared, 0)))


def _check(one: Features, other: Features, least: int) -> None:
    if min(len(one), len(other)) < least or one.ndim != 2 or one.shape[1:] != other.shape[1:]:
        raise ValueError(f"features must be (N, F) with one F and at least {least} rows: {one.shape}, {other.shape}")
