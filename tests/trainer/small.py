"""A set of drawn squares, and a training so small that a test can wait for it."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

from carprep.trainer import Config
from carprep.trainer.checkpoint import load
from torch_datasets import IndianCars

CONFIG = {
    "size": 32, "maps": 4, "z": 8, "batch": 8, "window": 10, "sample_every": 20, "score_every": 20, "score_fakes": 24,
    "save_every": 7, "keep_every": 20, "features": "pixels",
}  # fmt: skip


def make_set(path: Path, count: int = 40, held: int = 12, side: int = 32) -> Path:
    """Coloured cars of a sort on white; the last ones are held out."""
    lines = []
    with zipfile.ZipFile(path, "w") as archive:
        for i in range(count):
            picture = Image.new("RGB", (side, side), "white")
            left = side // 8 + i % 5
            ImageDraw.Draw(picture).rectangle(
                (left, side // 3, left + side // 2, side * 2 // 3), (200, 5 * i % 256, 30)
            )
            data = io.BytesIO()
            picture.save(data, "PNG")
            name = f"00000/img{i:08d}.png"
            archive.writestr(name, data.getvalue())
            split = "holdout" if i >= count - held else "train"
            lines.append({"file_name": name, "split": split, "licence": "CC0-1.0"})
        archive.writestr(
            "dataset.json", json.dumps({"labels": [[line["file_name"], i % 5] for i, line in enumerate(lines)]})
        )
        archive.writestr("metadata.jsonl", "".join(json.dumps(line) + "\n" for line in lines))
    return path


def both(path: Path) -> tuple[IndianCars, IndianCars]:
    """The set's two splits."""
    return IndianCars(path), IndianCars(path, "holdout")


def config(preset: str, steps: int, **wishes: Any) -> Config:
    """A preset made small."""
    return Config.of(preset, steps=steps, **{**CONFIG, **wishes})


def tensors(run: Path, name: str = "latest.pt") -> dict[str, Any]:
    """A checkpoint, without what tells how long the run is to be."""
    saved = load(run / "checkpoints" / name)
    return {key: value for key, value in saved.items() if key != "config"}
