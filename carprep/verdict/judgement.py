"""From features to a verdict: PASS, NO DIFFERENCE, WORSE or INVALID, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import mannwhitneyu

from carprep.trainer.alarms import MANY, NEAR
from carprep.trainer.metrics import (
    Estimate,
    Features,
    authenticity,
    density_coverage,
    fid,
    kid,
    nearest,
    neighbours,
    precision_recall,
)
from carprep.verdict.arms import CURATED, RENDERED, RENDERED_K
from carprep.verdict.rulers import Ruler
from carprep.verdict.statistics import Difference, kid_difference, mean_difference
from carprep.verdict.trainings import Trained

PASS, SAME, WORSE, INVALID = "PASS", "NO DIFFERENCE", "WORSE", "INVALID"
STATUS = {PASS: 0, SAME: 3, WORSE: 3, INVALID: 4}
RIVALS = (RENDERED, RENDERED_K)  # that CURATED must beat
COPIED = -3.0  # standard deviations by which fakes are nearer to the training pictures than held-out pictures are
AUTHENTIC = 0.5  # share of authentic fakes under which they look copied


@dataclass(frozen=True)
class Verdict:
    """What came out.

    Attributes:
        name: PASS, NO DIFFERENCE, WORSE or INVALID.
        reasons: in plain words.
        differences: CURATED less each other arm, in KID, by ruler and arm.
        arms: figures of each arm.
        sets: the sets' own KID to the held-out pictures, by ruler and arm, without any training.
    """

    name: str
    reasons: tuple[str, ...]
    differences: dict[str, dict[str, Difference]]
    arms: dict[str, dict[str, Any]]
    sets: dict[str, dict[str, Estimate]]

    @property
    def status(self) -> int:
        """Exit status: 0 pass, 3 not better, 4 invalid."""
        return STATUS[self.name]


def outcome(
    pairs: Mapping[str, tuple[Difference, Difference]], coverage: Difference | None = None
) -> tuple[str, tuple[str, ...]]:
    """The verdict and its reasons.

    Args:
        pairs: rival to the difference by the first ruler and by the second, which must agree in sign.
        coverage: CURATED's coverage of the held-out pictures less RENDERED's: no one may win by narrowing the set.
    """
    reasons, better, worse = [], [], []
    for rival, (first, second) in pairs.items():
        agree = first.value * second.value > 0
        if first.better and agree:
            better.append(rival)
            reasons.append(f"better than {rival}: {first.words}, and the second ruler agrees: {second.words}")
        elif first.worse and agree:
            worse.append(rival)
            reasons.append(f"worse than {rival}: {first.words}, and the second ruler agrees: {second.words}")
        elif (first.better or first.worse) and not agree:
            reasons.append(f"against {rival} the two rulers disagree: {first.words} and {second.words}")
        else:
            reasons.append(f"no difference from {rival}: {first.words} has zero in it; {first.visible:.3f} was visible")
    narrower = coverage is not None and coverage.high < 0
    if coverage is not None:
        words = "covers less of" if narrower else "is not shown to cover less of"
        reasons.append(f"its generator {words} the held-out pictures than that of {RENDERED}: {coverage.words}")
    if worse:
        return WORSE, tuple(reasons)
    if len(better) == len(pairs) and not narrower:
        return PASS, tuple(reasons)
    return SAME, tuple(reasons)


def judge(
    runs: Sequence[Trained],
    stacks: Mapping[str, Mapping[str, Features]],
    held: Mapping[str, Features],
    kinds: Mapping[str, Sequence[str]],
    rulers: Sequence[Ruler],
    groups: Sequence[str] | None = None,
) -> Verdict:
    """Compare the arms.

    Args:
        runs: all trainings; every arm with the same seeds.
        stacks: features of what each arm was trained on with the first seed, by arm and ruler.
        held: features of the held-out pictures, by ruler.
        kinds: view and colour of each held-out picture; groups: of related ones, a name each.
    """
    by_arm: dict[str, list[Trained]] = {}
    for run in sorted(runs, key=lambda run: run.seed):
        by_arm.setdefault(run.arm, []).append(run)
    sets = {ruler.name: {arm: kid(stacks[arm][ruler.name], held[ruler.name]) for arm in by_arm} for ruler in rulers}
    trouble = [f"{run.arm}, seed {run.seed}: {run.trouble}" for run in runs if run.trouble]
    if trouble:
        return Verdict(INVALID, tuple(f"a training cannot be compared: {words}" for words in trouble), {}, {}, sets)
    first, second = rulers[0].name, next(ruler.name for ruler in rulers if ruler.independent)
    arms = {arm: figures(found, stacks[arm], held, kinds, rulers) for arm, found in by_arm.items()}
    differences = {
        ruler.name: {
            arm: kid_difference(_of(by_arm[CURATED], ruler.name), _of(found, ruler.name), held[ruler.name], groups)
            for arm, found in by_arm.items()
            if arm != CURATED
        }
        for ruler in rulers
    }
    pairs = {rival: (differences[first][rival], differences[second][rival]) for rival in RIVALS}
    coverage = mean_difference(arms[CURATED]["coverages"], arms[RENDERED]["coverages"])
    name, reasons = outcome(pairs, coverage)
    return Verdict(name, reasons, differences, arms, sets)


def _of(runs: Sequence[Trained], ruler: str) -> list[Features]:
    return [run.features[ruler] for run in runs]


def figures(
    runs: Sequence[Trained],
    train: Mapping[str, Features],
    held: Mapping[str, Features],
    kinds: Mapping[str, Sequence[str]],
    rulers: Sequence[Ruler],
) -> dict[str, Any]:
    """Everything told of one arm; means over seeds where nothing else is said."""
    first = rulers[0].name
    fakes, real = _of(runs, first), held[first]
    kids = {f"kid[{ruler.name}]": float(np.mean([kid(one, held[ruler.name]).value for one in _of(runs, ruler.name)]))
            for ruler in rulers}  # fmt: skip
    each = [nearness(one, real) for one in fakes]
    known = memory_tests(fakes[0], train[first], real)
    return {
        "pictures": len(train[first]),
        **kids,
        **{name: float(np.mean([one[name] for one in each])) for name in each[0]},
        "fid_pictures": int(each[0]["fid_pictures"]),
        "coverages": [one["coverage"] for one in each],
        "coverage_by": coverage_by(fakes[0], real, kinds),
        "memory": known,
        "memorised": memorised(known),
        "alarms": sorted({alarm for run in runs for alarm in run.alarms}),
        "curve": {ruler.name: _curve(runs, ruler.name, held[ruler.name]) for ruler in rulers[:2]},
    }


def nearness(fakes: Features, reals: Features) -> dict[str, float]:
    """fid, fid_floor and of how many pictures both are, fid_pictures; precision, recall, density, coverage."""
    distance, floor, count = fid_with_floor(fakes, reals)
    precision, recall = precision_recall(reals, fakes)
    density, coverage = density_coverage(reals, fakes)
    return {"fid": distance, "fid_floor": floor, "fid_pictures": float(count), "precision": precision,
            "recall": recall, "density": density, "coverage": coverage}  # fmt: skip


def fid_with_floor(fakes: Features, reals: Features) -> tuple[float, float, int]:
    """FID of n fakes to half of the reals, that of the reals' other half to the same, and n: so they compare."""
    half = len(reals) // 2
    order = np.random.default_rng(0).permutation(len(reals))
    one, other = reals[order[:half]], reals[order[half : 2 * half]]
    return fid(fakes[:half], one), fid(other, one), half


def coverage_by(fakes: Features, held: Features, kinds: Mapping[str, Sequence[str]]) -> dict[str, dict[str, float]]:
    """Share of the held-out pictures of each view and each colour that a fake comes near."""
    seen: NDArray[np.bool_] = np.asarray(neighbours(held, fakes).any(1))
    found: dict[str, dict[str, float]] = {}
    for kind, values in kinds.items():
        names = np.array([value or "unknown" for value in values])
        found[kind] = {str(name): float(seen[names == name].mean()) for name in sorted(set(names))}
    return found


def memory_tests(fakes: Features, train: Features, held: Features) -> dict[str, float]:
    """Three looks at memorisation, none of which decides alone.

    Returns:
        near: share of fakes nearer to a training picture than 95 % of the held-out ones are. authentic: share of fakes
        farther from their nearest training picture than that is from its own. copying: z of the rank test of distances
        to the training pictures, fakes against held-out; far below zero where fakes are nearer (Meehan et al. 2020).
    """
    far_fakes, far_held = nearest(fakes, train)[1], nearest(held, train)[1]
    test = mannwhitneyu(far_fakes, far_held, alternative="two-sided")
    m, n = len(far_fakes), len(far_held)
    z = (test.statistic - m * n / 2) / np.sqrt(m * n * (m + n + 1) / 12)
    near = float((far_fakes < np.quantile(far_held, NEAR)).mean())
    return {"near": near, "authentic": authenticity(fakes, train), "copying": float(z)}


def memorised(tests: Mapping[str, float]) -> bool:
    """Whether at least two of the three say so: none of them tells memorising from a poor fit by itself."""
    return (tests["near"] > MANY) + (tests["authentic"] < AUTHENTIC) + (tests["copying"] < COPIED) >= 2


def _curve(runs: Sequence[Trained], ruler: str, held: Features) -> dict[int, float]:
    """KID at each checkpoint, mean over seeds."""
    steps = sorted(runs[0].early.get(ruler, {}))
    return {step: float(np.mean([kid(run.early[ruler][step], held).value for run in runs])) for step in steps}
