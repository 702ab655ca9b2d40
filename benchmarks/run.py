"""Run every benchmark, one after the other: what `make bench` does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

NAMES = ("throughput", "lookers", "duplicates", "rerun", "memory", "codecs", "training")


def main() -> None:
    """Run them all; the first that fails ends it."""
    for name in NAMES:
        subprocess.run([sys.executable, Path(__file__).with_name(f"{name}.py")], check=True)


if __name__ == "__main__":
    main()
