"""What all benchmarks share: photos, timing, and the table they print."""

from __future__ import annotations

import io
import os
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageOps

CHECKOUT = Path(__file__).parents[1]
WORKERS = 2


@dataclass(frozen=True)
class Timed:
    """Seconds of one command: by the clock, and of processors."""

    wall: float
    cpu: float


def photos_folder() -> Path:
    """The real photos; ends the program with a reason where they are not there."""
    folder = Path(os.environ.get("CARPREP_PHOTOS") or CHECKOUT.parent / "shared" / "photos")
    if not (folder / "bench").is_dir():
        sys.exit(f"no photos in {folder}: set CARPREP_PHOTOS to the folder that holds bench/; nothing was measured")
    return folder


def make_heap(folder: Path, count: int, side: int | None = None) -> Path:
    """Make so many distinct full-size JPEGs out of the benchmark photos: each a crop of its own, mirrored, re-encoded.

    Args:
        side: longest side, px; None leaves them as large as they are.
    """
    folder.mkdir(parents=True, exist_ok=True)
    sources = sorted((photos_folder() / "bench").glob("*.jpg"))
    with ProcessPoolExecutor() as pool:
        jobs = [(sources[i % len(sources)], folder / f"{i:06d}.jpg", i // len(sources), side) for i in range(count)]
        list(pool.map(_variant, jobs, chunksize=16))
    return folder


def _variant(job: tuple[Path, Path, int, int | None]) -> None:
    source, target, number, side = job
    image = Image.open(source).convert("RGB")
    width, height = image.size
    # the crop moves by a few pixels, so that no two files are the same; decoding costs the same for all
    x, y = 3 * (number % 8), 3 * (number // 8 % 8)
    image = image.crop((x, y, width - 24 + x, height - 24 + y))
    image = ImageOps.mirror(image) if number % 2 else image
    if side:
        image.thumbnail((side, side))
    data = io.BytesIO()
    image.save(data, "JPEG", quality=85 + number % 8)
    target.write_bytes(data.getvalue())


def timed(command: Sequence[str | Path]) -> Timed:
    """Run a command to its end; it must succeed."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))} failed:\n{done.stderr}")
    return Timed(wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def carprep(*arguments: str | Path) -> list[str | Path]:
    """The command line of this checkout."""
    return [sys.executable, CHECKOUT / "cli.py", *arguments]


def table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print one table."""
    widths = [max(len(str(row[i])) for row in (header, *rows)) for i in range(len(header))]
    print(f"\n{title}")
    for row in (header, ["-" * width for width in widths], *rows):
        print("  ".join(str(cell).ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
