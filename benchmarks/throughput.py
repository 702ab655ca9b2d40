"""How far is a build from the decode limit, and how much faster than the script a user would write?

    python benchmarks/throughput.py [--count 2000]

The limit: the same bytes through Pillow's `draft` decoding alone, in the same number of processes. The peer: the glue
script of the field's notebooks: full decode, perceptual hash, resize, zip, in one process. Both run interleaved with
ours, on distinct photos, and every command is timed as a whole; start-up is reported apart.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

from common import WORKERS, Timed, carprep, make_heap, table, timed

from carprep.doctor import machine

ROUNDS = 3

LIMIT = """
import io, sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from PIL import Image

def decode(path):
    image = Image.open(io.BytesIO(Path(path).read_bytes()))
    scale = 512 / max(image.size)
    image.draft("RGB", (int(image.width * scale), int(image.height * scale)))
    image.load()

if __name__ == "__main__":
    paths = sorted(map(str, Path(sys.argv[1]).glob("*.jpg")))
    with ProcessPoolExecutor(int(sys.argv[2])) as pool:
        list(pool.map(decode, paths, chunksize=8))
"""

GLUE = """
import io, sys, zipfile
from pathlib import Path
import imagehash
from PIL import Image

seen = set()
with zipfile.ZipFile(sys.argv[2], "w") as archive:
    for number, path in enumerate(sorted(Path(sys.argv[1]).glob("*.jpg"))):
        image = Image.open(path).convert("RGB")
        seen.add(str(imagehash.phash(image)))
        data = io.BytesIO()
        image.resize((64, 64), Image.LANCZOS).save(data, "PNG")
        archive.writestr(f"{number}.png", data.getvalue())
"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=2000)
    count = parser.parse_args().count
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        heap = make_heap(work / "raw", count)
        one = make_heap(work / "one", 1)
        (work / "limit.py").write_text(LIMIT)
        (work / "glue.py").write_text(GLUE)
        ours, limit, glue = [], [], []
        for _ in range(ROUNDS):
            ours.append(timed(_build(heap, work)))
            limit.append(timed([sys.executable, work / "limit.py", heap, str(WORKERS)]))
        glue.append(timed([sys.executable, work / "glue.py", heap, work / "glue.zip"]))
        start = min((timed(_build(one, work)) for _ in range(ROUNDS)), key=lambda t: t.wall)
        limit_start = timed([sys.executable, work / "limit.py", one, str(WORKERS)])
        help_cpu = min(timed(carprep("--help")).cpu for _ in range(5))
    _print(count, ours, limit, glue, start, limit_start, help_cpu)


def _build(heap: Path, work: Path) -> list[str | Path]:
    options = ("--no-cache", "--look", "none", "--same", "none", "--workers", str(WORKERS))
    return carprep("build", heap, "--size", "64", "--zip", work / "cars.zip", *options)


def _print(
    count: int, ours: list[Timed], limit: list[Timed], glue: list[Timed], start: Timed, limit_start: Timed, help_: float
) -> None:
    our_wall, limit_wall = statistics.median(t.wall for t in ours), statistics.median(t.wall for t in limit)
    glue_wall = glue[0].wall
    running, bare = count / (our_wall - start.wall), count / (limit_wall - limit_start.wall)
    print(machine())
    table(
        f"{count} photos, {WORKERS} workers (median of {ROUNDS}; the glue script once)",
        ("what", "seconds", "photos/s", "ratio", "goal"),
        [
            ("Pillow draft alone, without start-up (the limit)", f"{limit_wall:.2f}", f"{bare:.0f}", "", ""),
            ("carprep build --look none, without start-up", f"{our_wall - start.wall:.2f}", f"{running:.0f}",
             f"{running / bare:.2f} of the limit", "at least 0.5"),
            ("carprep build --look none, whole command", f"{our_wall:.2f}", f"{count / our_wall:.0f}", "", ""),
            ("glue script, one process, whole command", f"{glue_wall:.2f}", f"{count / glue_wall:.0f}",
             f"we: {glue_wall / our_wall:.1f} x", "at least 5 x"),
            ("start-up (a build of one photo)", f"{start.wall:.2f}", "", "", ""),
            ("carprep --help, CPU seconds", f"{help_:.2f}", "", "", "at most 0.35"),
        ],
    )  # fmt: skip


if __name__ == "__main__":
    main()
