"""Batches to learn from, each settled by the seed and its number alone, so that a run can stop and go on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
import torch
from torch import Tensor

from carprep.carnet.augment import Sample, edged, move, spoil
from carprep.carnet.compose import beside, over, overlaid, strip, synthetic_ground, without_car
from carprep.carnet.examples import VIEWS
from carprep.carnet.pack import Pack, Packed
from carprep.models.letterbox import BLOCK
from carprep.photo import View

# heights and widths of the batches' frames, as photos come: mostly 4:3 and 3:2 lying, some square, some standing
FRAMES = ((192, 256), (192, 256), (192, 256), (160, 256), (160, 256), (224, 256), (256, 256), (256, 192))
# how often a source is drawn from beside its number of photos; exact masks are few and precious
SHARES: Mapping[str, float] = {
    "yard": 0.27, "carparts": 0.07, "carmask": 0.13, "street": 0.13, "orient": 0.14, "turn": 0.04, "redcars": 0.05,
    "indian512": 0.025, "sides": 0.02, "nocar": 0.02, "bench": 0.015, "drawn": 0.03, View.NONE: 0.12,
}  # fmt: skip
OTHER = 0.5  # of a source that is not named above: photos of one's own
COMPOSED, ALONE, SEVERAL, WORDS = 0.3, 0.035, 0.2, 0.1  # shares of pictures


@dataclass
class Batches:
    """A sequence of batches, for a torch DataLoader with `batch_size=None`.

    Attributes:
        scale: of the frames; 0.75 is quicker, and enough to begin with.
    """

    pack: Pack
    items: Sequence[Packed]
    seed: int
    size: int = 32
    scale: float = 1.0
    _pools: list[list[Packed]] = field(default_factory=list, init=False)
    _odds: list[float] = field(default_factory=list, init=False)
    _clean: list[Packed] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        pools: dict[str, list[Packed]] = {}
        for item in self.items:
            if teaches(item):
                pools.setdefault(_pool(item), []).append(item)
        for name in sorted(pools):
            self._pools.append(pools[name])
            self._odds.append(SHARES.get(name, OTHER))
        self._clean = [item for item in self.items if item.clean]

    def __getitem__(self, number: int) -> dict[str, Tensor]:
        cv2.setNumThreads(1)
        random = np.random.default_rng([self.seed, number])
        height, width = FRAMES[int(random.integers(len(FRAMES)))]
        frame = _whole_blocks(height * self.scale), _whole_blocks(width * self.scale)
        return stacked([self._sample(frame, random) for _ in range(self.size)])

    def _sample(self, frame: tuple[int, int], random: np.random.Generator) -> Sample:
        item = self._draw(random)
        sample = move(self._load(item), frame, random)
        if random.random() < ALONE:
            sample = without_car(sample, self._ground(frame, random))
        elif item.clean and sample.alpha.any() and random.random() < COMPOSED:
            sample = self._over_another(sample, frame, random)
        if random.random() < WORDS:
            sample = overlaid(sample, random)
        return edged(spoil(sample, random))

    def composed(self, item: Packed, frame: tuple[int, int], random: np.random.Generator) -> Sample:
        """A car with a clean mask on another ground, perhaps with a neighbour; nothing else is done to it."""
        return self._over_another(move(self._load(item), frame, random), frame, random)

    def _over_another(self, sample: Sample, frame: tuple[int, int], random: np.random.Generator) -> Sample:
        ground = self._ground(frame, random)
        if random.random() < SEVERAL:
            ground = beside(ground, move(self._load(self._one(self._clean, random)), frame, random), random)
        return over(sample, ground, random)

    def _draw(self, random: np.random.Generator) -> Packed:
        odds = np.array(self._odds) / sum(self._odds)
        return self._one(self._pools[int(random.choice(len(odds), p=odds))], random)

    def _one(self, pool: Sequence[Packed], random: np.random.Generator) -> Packed:
        return pool[int(random.integers(len(pool)))]

    def _ground(self, frame: tuple[int, int], random: np.random.Generator) -> np.ndarray:
        for _ in range(4):
            if random.random() < 0.3:
                break
            item = self._draw(random)
            views = item.example.views
            empty = views is not None and views[VIEWS.index(View.NONE)] > 0.9 and item.example.source == "nocar"
            if not item.example.mask and not empty:
                continue
            part = strip(self.pack.pixels(item), self.pack.alpha(item), random)
            if part is not None:
                part = part[:, ::-1] if random.random() < 0.5 else part
                return _framed(part, frame)
        return synthetic_ground(frame, random)

    def _load(self, item: Packed) -> Sample:
        example = item.example
        views = np.zeros(len(VIEWS), np.float32) if example.views is None else np.array(example.views, np.float32)
        known = (example.views is not None, example.left is not None, example.overlay is not None)
        weights = np.array(known, np.float32) * np.array([example.weight, 1, 1], np.float32)
        return Sample(
            self.pack.pixels(item), self.pack.alpha(item), self.pack.trust(item), views,
            example.left or 0.0, example.overlay or 0.0, weights,
        )  # fmt: skip


def _framed(part: np.ndarray, frame: tuple[int, int]) -> np.ndarray:
    """A picture scaled and cut to fill a frame."""
    height, width = part.shape[:2]
    scale = max(frame[0] / height, frame[1] / width)
    size = max(frame[1], round(width * scale)), max(frame[0], round(height * scale))
    filled = cv2.resize(np.ascontiguousarray(part), size, interpolation=cv2.INTER_AREA)
    top, left = (filled.shape[0] - frame[0]) // 2, (filled.shape[1] - frame[1]) // 2
    return np.asarray(filled[top : top + frame[0], left : left + frame[1]], np.uint8)


def stacked(samples: Sequence[Sample]) -> dict[str, Tensor]:
    """Samples as tensors: pixels (B, 3, H, W) and alpha, trust (B, H, W) uint8; the rest float32."""
    pixels = np.stack([sample.pixels for sample in samples]).transpose(0, 3, 1, 2)
    return {
        "pixels": torch.from_numpy(np.ascontiguousarray(pixels)),
        "alpha": torch.from_numpy(np.stack([sample.alpha for sample in samples])),
        "trust": torch.from_numpy(np.stack([sample.trust for sample in samples])),
        "views": torch.from_numpy(np.stack([sample.views for sample in samples])),
        "left": torch.tensor([sample.left for sample in samples], dtype=torch.float32),
        "overlay": torch.tensor([sample.overlay for sample in samples], dtype=torch.float32),
        "weights": torch.from_numpy(np.stack([sample.weights for sample in samples])),
    }


def has_bfloat16(device: str) -> bool:
    """Whether half the bits are twice as quick: on a GPU, and on processors with matrix tiles."""
    return device == "cuda" or bool(torch.cpu._is_amx_tile_supported())


def _whole_blocks(side: float) -> int:
    return max(BLOCK, round(side / BLOCK) * BLOCK)


def _pool(item: Packed) -> str:
    # photos that are labelled none are few and of all kinds, whatever their source, and each kind must be known
    is_none = item.example.close == (View.NONE,) and item.example.source != "drawn"
    return View.NONE if is_none else item.example.source


def teaches(item: Packed) -> bool:
    """Whether there is anything to learn from a photo."""
    example = item.example
    return bool(example.mask) or example.views is not None
