"""Versions of what a result's bytes depend on; read from the packages' metadata, so that nothing heavy is imported."""

from __future__ import annotations

import platform
from functools import lru_cache
from importlib import metadata

from carprep.version import VERSION

# what touches pixels or bytes; opencv has several distributions of the one module
LIBRARIES = ("imagehash", "numpy", "pillow", "pyarrow", "scipy")  # onnxruntime is in a looker's identity
OPENCV = (
    "opencv-python-headless",
    "opencv-python",
    "opencv-contrib-python-headless",
    "opencv-contrib-python",
)


@lru_cache(maxsize=1)
def versions() -> dict[str, str]:
    """Name to version: carprep, Python, and the libraries that decode, scale, hash and encode."""
    found = {"carprep": VERSION, "python": platform.python_version(), "machine": platform.machine()}
    for name in (*LIBRARIES, *OPENCV):
        version = of(name)
        if version:
            found[name] = version
    return found


def of(package: str) -> str | None:
    """The version of an installed package; None where it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
