"""What all tests share: a place to build in, the real photos where they are, and a warning where they are not."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import carprep
from carprep.report import Report


@dataclass
class Bench:
    """A folder to build from, and one to build into, with a cache of their own."""

    root: Path
    raw: Path = field(init=False)
    zip: Path = field(init=False)
    cache: Path = field(init=False)

    def __post_init__(self) -> None:
        self.raw, self.zip, self.cache = self.root / "raw", self.root / "out" / "cars.zip", self.root / "cache"
        self.raw.mkdir()

    def add(self, key: str, data: bytes) -> Path:
        """Put a file into RAW."""
        path = self.raw / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path

    def build(self, raw: Path | None = None, zip: Path | None = None, /, **options: Any) -> Report:
        """Build with one worker, without a looker, unless told otherwise."""
        settings = {name: options.pop(name) for name in list(options) if name in carprep.Recipe.__dataclass_fields__}
        recipe = carprep.Recipe(**{"look": "none", "enlarge": 4.0, **settings})
        options = {"workers": 1, "cache": self.cache, **options}
        return carprep.build(raw or self.raw, zip or self.zip, recipe, **options)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """An empty RAW, and where to build it."""
    return Bench(tmp_path)


@pytest.fixture(scope="session")
def photos() -> Path:
    """The real photos; tests that need them are skipped where they are not."""
    folder = Path(os.environ.get("CARPREP_PHOTOS") or Path(__file__).parents[2] / "shared" / "photos")
    if not folder.is_dir():
        pytest.skip(f"no real photos: neither CARPREP_PHOTOS nor {folder}")
    return folder


@pytest.fixture
def one_thread():
    """Torch on one thread, here and in the processes that a test starts."""
    import torch

    before, told = torch.get_num_threads(), os.environ.get("OMP_NUM_THREADS")
    torch.set_num_threads(1)
    os.environ["OMP_NUM_THREADS"] = "1"  # for the processes that a test starts
    yield
    torch.set_num_threads(before)
    if told is None:
        del os.environ["OMP_NUM_THREADS"]
    else:
        os.environ["OMP_NUM_THREADS"] = told
