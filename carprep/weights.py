"""Weights of others that a user may ask for; nothing is ever downloaded without being asked."""

from __future__ import annotations

import hashlib
import urllib.error
import urllib.request
from pathlib import Path

from carprep import cache, files
from carprep.errors import RunError, UsageError

NAME = "weights-inception-2015-12-05-6726825d.pth"
# TensorFlow's network of 2015-12-05, which FID and KID are measured with, as torch-fidelity publishes it: a state dict
URLS = {"inception": f"https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/{NAME}"}
SHA256 = {"inception": "6726825d"}  # how the file's sha256 begins, as its name says
TIMEOUT, CHUNK = 30, 1 << 20  # seconds; bytes


def path_of(name: str, folder: Path | None = None) -> Path:
    """Where fetched weights lie; `folder` is the cache's, None the default one."""
    return (folder or cache.default_folder()) / "weights" / URLS[name].rsplit("/", 1)[1]


def check(name: str, path: Path) -> None:
    """Whether a file is the published one, by its sha256.

    Raises:
        UsageError: it is not, or cannot be read.
    """
    try:
        digest = files.sha256_of(path)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {files.reason_of(error)}") from error
    if not digest.startswith(SHA256[name]):
        raise UsageError(
            f"{path} is not {path_of(name).name} (its sha256 begins {digest[:8]}); get it with "
            f"carprep doctor --fetch {name}. A TorchScript file of that network is code and is not run"
        )


def fetch(name: str, folder: Path | None = None) -> Path:
    """Download weights into the cache, unless they are there.

    Raises:
        UsageError: there are none of that name.
        RunError: no network, or another file came.
    """
    if name not in URLS:
        raise UsageError(f"--fetch knows {', '.join(URLS)}, not {name!r}")
    path = path_of(name, folder)
    if not path.exists():
        download(URLS[name], path, SHA256[name])
    return path


def download(url: str, path: Path, sha256: str) -> None:
    """Download a file, all of it or nothing.

    Args:
        sha256: how its digest must begin, hex.

    Raises:
        RunError: no network, or another file came.
    """
    whole = hashlib.sha256()
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT) as answer, files.written(path) as file:
            while chunk := answer.read(CHUNK):
                whole.update(chunk)
                file.write(chunk)
            if not whole.hexdigest().startswith(sha256):
                raise RunError(f"{url} gave another file: its sha256 begins {whole.hexdigest()[:8]}, not {sha256}")
    except urllib.error.URLError as error:
        raise RunError(f"cannot fetch {url}: {error.reason}; get it another way and name its path") from error
    except TimeoutError as error:
        raise RunError(f"cannot fetch {url}: no answer within {TIMEOUT} s; try again") from error
