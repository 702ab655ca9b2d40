"""Does memory stay flat? Peak of the summed PSS of all processes of a build, for a thousand photos and for 20,000.

    python benchmarks/memory.py [--counts 1000 20000] [--looks none border]

PSS counts a page that several processes share once among them, so the sum is what the build really takes.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
import time
from pathlib import Path

import psutil
from common import WORKERS, carprep, make_heap, table

from carprep.doctor import machine

SIDE = 640  # px; small enough to make twenty thousand, large enough to be decoded like a photo
CEILING = 700e6  # bytes


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--counts", type=int, nargs="+", default=[1000, 20000])
    parser.add_argument("--looks", nargs="+", default=["none", "border"])
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        heap = make_heap(work / "raw", max(options.counts), SIDE)
        for look in options.looks:
            peaks = []
            for count in options.counts:
                peak, seconds = _peak(heap, work, look, count)
                peaks.append(peak)
                ratio = f"{peak / peaks[0]:.2f}"
                rows.append((look, f"{count:,}", f"{peak / 1e6:.0f} MB", ratio, f"{seconds:.0f} s"))
    print(machine())
    header = ("look", "photos in", "peak PSS", "of the first", "time")
    table(
        f"Memory of a build, {WORKERS} workers (goal: at most 1.20 of the first, and under {CEILING / 1e6:.0f} MB)",
        header,
        rows,
    )


def _peak(heap: Path, work: Path, look: str, count: int) -> tuple[float, float]:
    options = ("--no-cache", "--look", look, "--same", "none", "--workers", str(WORKERS), "--limit", str(count))
    command = carprep("build", heap, "--zip", work / "cars.zip", *options)
    start = time.perf_counter()
    process = subprocess.Popen([str(part) for part in command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    peak = 0.0
    while process.poll() is None:
        peak = max(peak, _pss(psutil.Process(process.pid)))
        time.sleep(0.1)
    return peak, time.perf_counter() - start


def _pss(process: psutil.Process) -> float:
    total = 0.0
    try:
        for one in (process, *process.children(recursive=True)):
            total += one.memory_full_info().pss
    except psutil.Error:
        return 0.0  # a process ended while we looked
    return total


if __name__ == "__main__":
    main()
