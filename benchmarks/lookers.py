"""What does a photo cost in a whole build with carnet, beside the teacher and a rembg session?

    python benchmarks/lookers.py [--count 200]

Every command is timed as a whole, in turn, one process each: `carprep build` with `--look carnet` and `none`, with any
rembg model whose weights are on this machine, and a script that decodes each photo and asks the teacher
(DeepLab v3 with MobileNet v2, 513 px, LiteRT on one thread; needs `pip install ai-edge-litert`).
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from common import carprep, make_heap, photos_folder, table, timed

from carprep.doctor import machine

ROUNDS = 3
ASK_TEACHER = """
import sys
from pathlib import Path
from carprep.carnet.teacher import Teacher
from carprep.measure.decode import decode
from carprep.measure.task import Limits

teacher = Teacher(Path(sys.argv[2]))
for path in sorted(Path(sys.argv[1]).glob("*.jpg")):
    teacher(decode(path.read_bytes(), 512, Limits(10**9, 10**9, 10)).pixels)
"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=200)
    count = parser.parse_args().count
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        heap = make_heap(folder / "heap", count)
        commands: dict[str, list[str | Path]] = {
            f"build --look {look}": _build(heap, folder, look) for look in ("carnet", "none", *_rembg())
        }
        if find_spec("ai_edge_litert") is not None:
            from carprep.carnet.masks import TEACHER

            model = photos_folder() / TEACHER
            commands["decode + teacher"] = [sys.executable, "-c", ASK_TEACHER, str(heap), str(model)]
        seconds: dict[str, list[float]] = {who: [] for who in commands}
        for _ in range(ROUNDS):
            for who, command in commands.items():
                seconds[who].append(timed(command).wall)
    own = statistics.median(seconds["build --look carnet"])
    rows = [
        (who, f"{1e3 * statistics.median(took) / count:.1f} ms", f"{statistics.median(took) / own:.2f}", "")
        for who, took in seconds.items()
    ]
    print(machine())
    title = f"{count} photos, one process (median of {ROUNDS})"
    table(title, ("command", "a photo", "times carnet's", "goal"), rows)
    if not _rembg():
        print("no rembg model has its weights on this machine: not timed")


def _build(heap: Path, folder: Path, look: str) -> list[str | Path]:
    zip_path = folder / f"{look.replace(':', '-')}.zip"
    return [
        *carprep("build", str(heap), "--zip", str(zip_path), "--look", look, "--workers", "1", "--no-cache"),
        "--views", "any", "--same", "none", "--size", "64",
    ]  # fmt: skip


def _rembg() -> list[str]:
    try:
        from carprep.models import rembg

        return [f"rembg:{name}" for name in rembg.MODELS if rembg.find(name) is not None]
    except Exception:  # not installed
        return []


if __name__ == "__main__":
    main()
