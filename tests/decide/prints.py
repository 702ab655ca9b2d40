"""Tables of drawn pictures with their real prints, for the tests of what finds copies."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from carprep.decide.all import decide
from carprep.decide.duplicates import Deduplicated
from carprep.decide.related import Seen
from carprep.decide.table import Known, Table, gather
from carprep.measure.fingerprint import fingerprint, thumbnail
from carprep.measure.inspect import inspect, scaled
from carprep.measure.parts import Part
from carprep.recipe import Recipe
from tests.pictures import blobs

GOOD = {
    "found": "car", "found_detail": "", "car_left": 0.0, "car_top": 0.0, "car_share": 0.3, "car_touch": 0.0,
    "car_stray": 0.0, "car_soft": 0.05, "sharpness": 300.0, "uniform": 0.3, "format": "JPEG",
}  # fmt: skip


def picture(seed: int, width: int = 480, height: int = 360) -> np.ndarray:
    """A picture like no other seed's, with fine structure; uint8 (height, width, 3)."""
    soft = np.asarray(blobs(seed, width // 2, height // 2).resize((width, height), Image.Resampling.BICUBIC))
    grain = np.random.default_rng(seed).normal(0, 25, (height // 8, width // 8, 1))
    grain = np.asarray(Image.fromarray(grain[..., 0].astype(np.float32)).resize((width, height)))[..., None]
    return np.clip(soft + grain, 0, 255).astype(np.uint8)


@dataclass
class Heap:
    """Pictures in the making of a table: keys, pixels, and facts that differ from a good photo's."""

    pixels: dict[str, np.ndarray] = field(default_factory=dict)
    facts: dict[str, Mapping[str, object]] = field(default_factory=dict)
    hashes: dict[str, str] = field(default_factory=dict)

    def add(self, key: str, pixels: np.ndarray, sha256: str = "", car: Part | None = None, **facts: object) -> None:
        """Add a picture; its hash is its pixels' unless another one is given."""
        small = scaled(np.ascontiguousarray(pixels))
        height, width = pixels.shape[:2]
        box = {"car_width": width * 0.8, "car_height": height * 0.6}
        measured = {**inspect(small, thumbnail(small)), **fingerprint(small, car)}
        self.pixels[key] = pixels
        self.facts[key] = {"width": width, "height": height, **measured, **GOOD, **box, **facts}
        self.hashes[key] = sha256 or hashlib.sha256(key.encode() + pixels.tobytes()).hexdigest()

    def table(self) -> Table:
        """The table of facts, by key."""
        keys = sorted(self.pixels)
        return gather(Known(key, self.hashes[key], n, self.facts[key], None, "") for n, key in enumerate(keys))

    @property
    def thumbs(self) -> np.ndarray:
        """The thumbnails, by the table's slots."""
        return np.stack([thumbnail(scaled(np.ascontiguousarray(self.pixels[key]))) for key in sorted(self.pixels)])

    def decide(self, recipe: Recipe | None = None, known: Seen | None = None) -> Deduplicated:
        """Decide about all of them."""
        return deciding(self, recipe or Recipe(), known)

    def outcome(self, recipe: Recipe | None = None) -> dict[str, str]:
        """What became of each left-out key: the key that is kept instead."""
        table = self.decide(recipe).table
        return {
            key: table.keys[other]
            for key, other in zip(table.keys, table.duplicate_of.tolist(), strict=True)
            if other >= 0
        }


def deciding(heap: Heap, recipe: Recipe, known: Seen | None) -> Deduplicated:
    """Decide without asking for views."""
    return decide(heap.table(), recipe, heap.thumbs, known=known)
