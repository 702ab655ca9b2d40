"""The arms: the same photos, taken as they are, only rendered, and curated; each a stack of pictures of one size."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from carprep.decide.words import NO_PICTURE
from carprep.errors import UsageError
from carprep.ingest.raw import list_raw
from carprep.pack import ledger as ledgers
from carprep.photo import CLASSES
from carprep.pipeline import build
from carprep.progress import Progress
from carprep.recipe import Recipe, Word, is_hash, read_words
from carprep.report import Report
from carprep.trainer.metrics import Features
from torch_datasets import IndianCars

RAW, RENDERED, RENDERED_K, AUTO_K, CURATED = "RAW", "RENDERED", "RENDERED-k", "AUTO-k", "CURATED"
ARMS = (RAW, RENDERED, RENDERED_K, AUTO_K, CURATED)
QUICK = (RENDERED, RENDERED_K, CURATED)
LEAST, FEW, MOST, SHARE = 50, 100, 1000, 0.2  # held-out pictures: refused below, warned of below, drawn at most


@dataclass(frozen=True)
class Stack:
    """Pictures of one size.

    Attributes:
        pixels: uint8 (N, 3, S, S).
        keys: the photo that each was made from.
        about: what metadata.jsonl says of each.
    """

    pixels: Tensor
    keys: tuple[str, ...]
    about: tuple[Mapping[str, object], ...]

    @classmethod
    def read(cls, path: Path) -> Stack:
        """All pictures of a zip that carprep built."""
        cars = IndianCars(path, "all")
        return cls(cars.tensor(), tuple(str(row["key"]) for row in cars.metadata), tuple(cars.metadata))

    def of(self, keys: set[str]) -> Stack:
        """Those made from some photos."""
        rows = [row for row, key in enumerate(self.keys) if key in keys]
        return Stack(self.pixels[rows], tuple(self.keys[r] for r in rows), tuple(self.about[r] for r in rows))

    def __len__(self) -> int:
        """How many."""
        return len(self.keys)


@dataclass(frozen=True)
class Arms:
    """What is compared.

    Attributes:
        stacks: RENDERED, CURATED and, where it was asked for, RAW, without what is held out.
        held: the held-out pictures, rendered as in CURATED; groups: of related photos, one name for each of them.
        judge: who accepted the held-out photos.
        reasons: how many photos CURATED left out, by reason.
    """

    stacks: dict[str, Stack]
    held: Stack
    groups: tuple[str, ...]
    judge: str
    reasons: dict[str, int]

    @property
    def k(self) -> int:
        """How many are curated."""
        return len(self.stacks[CURATED])

    def rows(self, arm: str, seed: int, features: Callable[[], Features]) -> np.ndarray:
        """Which pictures of its stack an arm trains on with a seed; RENDERED-k draws others with each.

        Args:
            features: of RENDERED, for AUTO-k.
        """
        count = len(self.stacks[stack_of(arm)])
        if arm == RENDERED_K:
            return np.sort(np.random.default_rng([seed, 7]).permutation(count)[: self.k])
        if arm == AUTO_K:
            return np.sort(densest(features(), self.k))
        return np.arange(count)


def stack_of(arm: str) -> str:
    """The stack that an arm's pictures are of."""
    return RENDERED if arm in (RENDERED_K, AUTO_K) else arm


def densest(features: Features, count: int) -> np.ndarray:
    """Rows of highest density under one Gaussian, as instance selection takes them (DeVries et al. 2020)."""
    centred = features - features.mean(0)
    covariance = centred.T @ centred / max(1, len(features) - 1)
    # fewer pictures than features leave directions without spread: a tenth of the mean spread in all
    covariance += np.eye(len(covariance)) * 0.1 * np.trace(covariance) / len(covariance)
    distance = (centred * np.linalg.solve(covariance, centred.T).T).sum(1)
    return np.argsort(distance, kind="stable")[:count]


def make_arms(
    cars: Path, raw: Path, size: int, names: Sequence[str], folder: Path, *, accepted: Path | None,
    workers: int | None, cache: Path | None, progress: Progress,
) -> Arms:  # fmt: skip
    """Build each arm once, and hold pictures out by group before anything is compared.

    Args:
        accepted: CSV with the columns photo,word: photos that a person keeps; None takes the recipe's own words, where
            there are few the zip's own holdout, and where that has fewer than 100, a part of what was curated.

    Raises:
        UsageError: the zip has no ledger, RAW is another, or there are too few pictures.
    """
    ledger = ledgers.read(cars)
    recipe = replace(Recipe.from_toml(str(ledger.about["recipe"]), f"the ledger of {cars}"), sizes=(size,), split=0.0)
    rows = ledger.table.select(["key", "sha256", "kept", "reason", "group", "split"]).to_pylist()
    kept = {row["key"]: row["sha256"] for row in rows if row["kept"]}
    _same_raw(cars, raw, sorted(set(kept) - {origin.key for origin in list_raw(raw).origins}))
    unreadable = set(map(str, NO_PICTURE))
    readable = tuple(Word(row["key"], "keep") for row in rows if row["reason"] not in unreadable)
    every = replace(recipe, words=readable, same="none", views=CLASSES)

    def built(name: str, recipe: Recipe) -> Report:
        return build(raw, folder / f"{name.lower()}.zip", recipe, workers=workers, cache=cache, progress=progress)

    rendered = built(RENDERED, every)
    now = {row["key"]: row["sha256"] for row in rendered.ledger.table.select(["key", "sha256"]).to_pylist()}
    _same_raw(cars, raw, [key for key, sha256 in kept.items() if now.get(key) != sha256])
    there = {row["key"] for row in rows}  # what was laid into RAW after the set was built is not what it was built from
    stacks = {RENDERED: Stack.read(rendered.zips[size]).of(there)}
    # the same rendering, so the set's own photos are a part of it; its thresholds for another size do not count
    stacks[CURATED] = stacks[RENDERED].of(set(kept))
    if RAW in names:
        stacks[RAW] = Stack.read(built(RAW, replace(every, look="none", face="keep")).zips[size]).of(there)
    group = {row["key"]: row["group"] or row["key"] for row in rows}
    held, judge = _held(recipe, accepted, rows, group, stacks)
    groups = {group[key] for key in held}
    left = {key for key in group if group[key] not in groups}
    reasons: dict[str, int] = {}
    for row in rows:
        if not row["kept"]:
            reasons[row["reason"]] = reasons.get(row["reason"], 0) + 1
    stack = stacks[RENDERED].of(held)
    return Arms({name: each.of(left) for name, each in stacks.items()}, stack,
                tuple(group[key] for key in stack.keys), judge, reasons)  # fmt: skip


def _held(
    recipe: Recipe, accepted: Path | None, rows: Sequence[Mapping[str, Any]], group: Mapping[str, str],
    stacks: Mapping[str, Stack],
) -> tuple[set[str], str]:  # fmt: skip
    """Which photos are held out, and who accepted them."""
    keys, judge = _accepted(recipe, accepted, rows, set(stacks[RENDERED].keys))
    own = {row["key"] for row in rows if row["kept"] and row["split"] == "holdout"}
    if not keys and len(own) >= FEW:
        return own, f"{judge}; they are the zip's own holdout"
    return hold_out(keys or sorted(stacks[CURATED].keys), group), judge


def hold_out(accepted: Sequence[str], group: Mapping[str, str]) -> set[str]:
    """Photos to hold out: whole groups by hash, until there are enough; never more than half of what is accepted.

    Raises:
        UsageError: so few would be held out that nothing could be told.
    """
    wanted = min(max(FEW, round(SHARE * len(accepted))), MOST, len(accepted) // 2)
    if wanted < LEAST:
        raise UsageError(
            f"{len(accepted)} pictures are too few for a verdict: half of them are held out, and {LEAST} are the least "
            "to compare with; carprep score tells figures without one"
        )
    by_group: dict[str, list[str]] = {}
    for key in accepted:
        by_group.setdefault(group[key], []).append(key)
    held: set[str] = set()
    for name in sorted(by_group, key=lambda name: hashlib.sha256(name.encode()).digest()):
        if len(held) + len(by_group[name]) <= wanted:
            held.update(by_group[name])
    if len(held) < LEAST:
        raise UsageError("the set is a few large groups of related photos, which cannot be parted: no verdict")
    return held


def _same_raw(cars: Path, raw: Path, gone: Sequence[str]) -> None:
    """Refuse where photos that the zip holds are not in RAW as they were."""
    if gone:
        raise UsageError(
            f"{cars} was not built from {raw}: {len(gone)} of its photos are not there or have changed, for example "
            f"{gone[0]}; name the folder that it was built from, or build again"
        )


def _accepted(
    recipe: Recipe, path: Path | None, rows: Sequence[Mapping[str, Any]], there: set[str]
) -> tuple[list[str], str]:
    """The photos that a person keeps, by key or sha256; none where too few are named, and then the set's own count."""
    wanted = [word.photo for word in (read_words(path) if path else recipe.words) if word.word == "keep"]
    whole, short = set(wanted), tuple(photo.lower() for photo in wanted if is_hash(photo))
    keys = sorted(
        row["key"]
        for row in rows
        if row["key"] in there
        and (row["key"] in whole or (short and row["sha256"] is not None and row["sha256"].startswith(short)))
    )
    if path and len(keys) < 2 * LEAST:
        raise UsageError(f"{path} keeps {len(keys)} photos that are there; {2 * LEAST} are the least")
    if len(keys) >= 2 * LEAST:
        return keys, f"a person, in {path}" if path else "a person, in the recipe's words"
    return [], "the curation itself: no person's word was given, so the target is its own"
