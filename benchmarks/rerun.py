"""How long does a second run take when nothing changed, and one that only decides anew?

python benchmarks/rerun.py [--count 10000]
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from common import Timed, carprep, make_heap, table, timed

from carprep.doctor import machine

SIDE = 320  # px; only the number of files matters here


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=10_000)
    count = parser.parse_args().count
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        heap = make_heap(work / "raw", count, SIDE)

        def build(*options: str) -> Timed:
            where = ("--zip", work / "cars.zip", "--cache", work / "cache", "--look", "none", "--same", "none")
            return timed(carprep("build", heap, *where, *options))

        first = build()
        again = min((build() for _ in range(3)), key=lambda t: t.wall)
        decided = build("--margin", "0.1", "--dry-run")
        rendered = build("--margin", "0.1")
    print(machine())
    rows = [
        ("first run", f"{first.wall:.2f}", ""),
        ("second run, nothing changed", f"{again.wall:.2f}", "at most 2"),
        ("another margin, dry run", f"{decided.wall:.2f}", ""),
        ("another margin, all rendered anew", f"{rendered.wall:.2f}", ""),
    ]
    table(f"{count:,} files", ("what", "seconds", "goal"), rows)


if __name__ == "__main__":
    main()
