"""Composites to measure on: cars with exact masks from held-back photos, on the grounds of other held-back photos."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from carprep.carnet.batches import Batches
from carprep.carnet.pack import Pack, Packed, is_exact
from carprep.photo import RGB

SEED = 20_261_124
FRAMES = ((192, 256), (160, 256), (256, 256))  # height, width


def composites(packed: Pack, held: Sequence[Packed], count: int) -> Iterator[tuple[RGB, np.ndarray, str]]:
    """Pixels uint8 (H, W, 3), truth bool (H, W), and the car's group; the same ones every time."""
    cars = [item for item in held if item.clean and is_exact(item) and item.example.source != "drawn"]
    if not cars:
        return
    batches = Batches(packed, held, SEED)
    for number in range(count):
        random = np.random.default_rng([SEED, number])
        item = cars[number % len(cars)]
        sample = batches.composed(item, FRAMES[number % len(FRAMES)], random)
        if (sample.alpha > 127).mean() > 0.02:
            yield sample.pixels, sample.alpha > 127, item.example.group
