"""`score` on planted cases: two halves of one set, noise, copies, and one picture over and over."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from carprep.draw.heap import draw_heap
from carprep.errors import UsageError
from carprep.pipeline import build
from carprep.recipe import Recipe
from carprep.trainer import Config, train
from carprep.verdict.score import score
from torch_datasets import IndianCars


@pytest.fixture(scope="module")
def pixels(tmp_path_factory) -> np.ndarray:
    folder = tmp_path_factory.mktemp("score")
    draw_heap(folder / "raw", 300, side=128)
    recipe = Recipe(sizes=(32,), views=("front", "front-side", "side"))
    build(folder / "raw", folder / "cars.zip", recipe, cache=folder / "cache")
    cars = IndianCars(folder / "cars.zip").tensor().numpy()
    return cars[np.random.default_rng(0).permutation(len(cars))]


def zipped(path: Path, pixels: np.ndarray, held: int = 0) -> Path:
    """A set of these pictures; the last ones are held out."""
    with zipfile.ZipFile(path, "w") as archive:
        lines = []
        for number, picture in enumerate(pixels):
            data = io.BytesIO()
            Image.fromarray(picture.transpose(1, 2, 0)).save(data, "PNG")
            archive.writestr(f"{number:06d}.png", data.getvalue())
            split = "holdout" if number >= len(pixels) - held else "train"
            lines.append(json.dumps({"file_name": f"{number:06d}.png", "split": split}) + "\n")
        archive.writestr("metadata.jsonl", "".join(lines))
    return path


def test_two_halves_of_one_set_are_no_different(pixels, tmp_path):
    half = len(pixels) // 2
    told = score(zipped(tmp_path / "a.zip", pixels[:half]), zipped(tmp_path / "b.zip", pixels[half:]))

    assert all(kid.low <= 0 <= kid.high for kid in told.kid.values())
    assert told.figures["fid"] < 2 * told.figures["fid_floor"]
    assert not told.warnings and not told.memory  # nothing is held out, so nothing to compare distances with


def test_noise_is_far_off(pixels, tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, pixels.shape, np.uint8)
    told = score(zipped(tmp_path / "a.zip", pixels), zipped(tmp_path / "noise.zip", noise))

    assert all(kid.low > 0 for kid in told.kid.values())
    assert told.figures["coverage"] < 0.1


def test_copies_are_called_memorised_and_one_picture_collapsed(pixels, tmp_path):
    cars = zipped(tmp_path / "cars.zip", pixels, held=40)
    copies = np.clip(pixels[: len(pixels) - 40].astype(int) + 1, 0, 255).astype(np.uint8)
    one = np.repeat(pixels[:1], 100, axis=0)

    assert any("memorised" in words for words in score(cars, zipped(tmp_path / "copies.zip", copies)).warnings)
    assert any("collapsed" in words for words in score(cars, zipped(tmp_path / "one.zip", one)).warnings)
    fresh = score(cars, zipped(tmp_path / "fresh.zip", pixels[-40:]))
    assert not fresh.warnings


def test_a_run_is_drawn_from_and_too_few_or_other_sizes_are_refused(pixels, tmp_path):
    cars = zipped(tmp_path / "cars.zip", pixels, held=40)
    settings = Config.of("dcgan", size=32, maps=4, batch=8, steps=2)
    train(IndianCars(cars), settings, tmp_path / "run", device="cpu")

    assert score(cars, tmp_path / "run", count=30).fakes == 30
    with pytest.raises(UsageError, match="20 are the least"):
        score(cars, zipped(tmp_path / "few.zip", pixels[:5]))
    large = torch.nn.functional.interpolate(torch.from_numpy(pixels[:30]), scale_factor=2).numpy()
    with pytest.raises(UsageError, match="one size is needed"):
        score(cars, zipped(tmp_path / "large.zip", large))


def test_the_command_prints_one_json_object(pixels, tmp_path):
    cars = zipped(tmp_path / "cars.zip", pixels[:60])
    command = [sys.executable, Path(__file__).parents[2] / "cli.py", "score", cars, "--fakes", cars, "--json"]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=True)

    assert set(json.loads(done.stdout)["kid"]) == {"carnet", "shapes"}
