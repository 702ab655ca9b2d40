"""Check this machine: versions, models, graphics processors, cache and disk, and what to do about each shortfall."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from carprep import cache, files
from carprep.engines.local import processors
from carprep.errors import CarprepError
from carprep.versions import OPENCV, of

LOW_DISK = 5e9  # bytes; a cache takes about 0.1 MB a photo, so this is 50,000 photos


@dataclass(frozen=True)
class Finding:
    """One thing looked at.

    Attributes:
        state: ok, note (nothing is broken, but something could be had) or wrong.
        name, found: what was looked at, and what it is.
        advice: what to do; empty where nothing needs doing.
    """

    state: str
    name: str
    found: str
    advice: str = ""

    @property
    def line(self) -> str:
        """One line for the terminal."""
        mark = {"ok": "ok   ", "note": "note ", "wrong": "WRONG"}[self.state]
        return f"{mark} {self.name}: {self.found}" + (f" -> {self.advice}" if self.advice else "")


def examine(folder: Path | None = None) -> list[Finding]:
    """Look at everything; `folder` is the cache's, None the default one."""
    folder = folder or cache.default_folder()
    return [*_python(), *_libraries(), *_models(), *_graphics(), *_cache(folder), *_disk(folder)]


def machine() -> str:
    """This machine in words, for beside a figure: processor, how many, Python."""
    told = Path("/proc/cpuinfo")
    lines = told.read_text().splitlines() if told.exists() else []
    model = next((line.split(":")[1].strip() for line in lines if "model name" in line), platform.machine())
    return f"{model}, {processors()} processors, Python {platform.python_version()}"


def _python() -> Iterator[Finding]:
    yield Finding("ok", "Python", f"{platform.python_version()}, {processors()} processors")


def _libraries() -> Iterator[Finding]:
    for name in ("numpy", "pillow", "imagehash", "pyarrow", "typer"):
        yield _library(name)
    found = [(name, of(name)) for name in OPENCV if of(name)]
    words = ", ".join(f"{name} {version}" for name, version in found)
    if not found:
        yield Finding("wrong", "OpenCV", "missing", "pip install opencv-python-headless")
    elif len(found) > 1:
        names = " ".join(name for name, _ in found)
        advice = f"they overwrite each other: pip uninstall -y {names}; pip install opencv-python-headless"
        yield Finding("wrong", "OpenCV", words, advice)
    else:
        yield Finding("ok", "OpenCV", words)
    heif = of("pillow-heif")
    yield Finding(
        "ok" if heif else "note",
        "HEIC",
        heif or "not read",
        "" if heif else "for phones' photos: pip install pillow-heif",
    )


def _library(name: str) -> Finding:
    version = of(name)
    return Finding("ok", name, version) if version else Finding("wrong", name, "missing", f"pip install {name}")


def _models() -> Iterator[Finding]:
    yield _carnet()
    yield Finding("ok", "looker border", "needs no weights")
    yield Finding("ok", "looker none", "needs no weights")
    if of("rembg") is None:
        yield Finding("note", "lookers rembg:NAME", "rembg is not installed", 'for them: pip install "carprep[rembg]"')
        return
    from carprep.models import rembg

    for name, model in rembg.MODELS.items():
        yield _rembg(name, model.licence)


def _carnet() -> Finding:
    from carprep.models import carnet

    try:
        about = carnet.Network(carnet.BUNDLED).about
    except CarprepError as error:
        return Finding("wrong", "looker carnet", str(error))
    size = carnet.BUNDLED.stat().st_size / 1e6
    return Finding(
        "ok", "looker carnet", f"bundled, {size:.1f} MB, made by carprep {about['version']} ({about['git']})"
    )


def _rembg(name: str, licence: str) -> Finding:
    from carprep.models import rembg

    try:
        path = rembg.find(name)
    except CarprepError as error:
        return Finding("note", f"looker rembg:{name}", str(error))
    if path is None:
        return Finding("note", f"looker rembg:{name}", "no weights", f"carprep build … --look rembg:{name} --fetch")
    return Finding("ok", f"looker rembg:{name}", f"{path} ({licence})")


def _graphics() -> Iterator[Finding]:
    yield _onnxruntime()
    if find_spec("torch") is None:
        yield Finding("note", "torch", "not installed", "to train on a set: pip install torch torchvision")
        return
    import torch

    seen = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    advice = "" if seen else "training runs on the processor; for a GPU install its driver and a CUDA build of torch"
    found = f"{torch.__version__}, sees {', '.join(seen) or 'no GPU'}"
    yield Finding("ok" if seen else "note", "torch", found, advice)


def _onnxruntime() -> Finding:
    plain, gpu = of("onnxruntime"), of("onnxruntime-gpu")
    if plain and gpu:
        advice = (
            "they overwrite each other: pip uninstall -y onnxruntime onnxruntime-gpu, then install the one you want"
        )
        return Finding("wrong", "onnxruntime", f"{plain}, and onnxruntime-gpu {gpu}", advice)
    if not (plain or gpu):
        return Finding("wrong", "onnxruntime", "missing", "pip install onnxruntime")
    from carprep.models.carnet import SWAP, check_device

    try:
        check_device("cuda")
    except CarprepError:
        return Finding("ok", "onnxruntime", f"{plain or gpu}, on the processor (for --device cuda: {SWAP})")
    return Finding("ok", "onnxruntime", f"{plain or gpu}, built for GPUs: --device cuda can be tried")


def _cache(folder: Path) -> Iterator[Finding]:
    if not folder.exists():
        yield Finding("ok", "cache", f"{folder}, empty")
        return
    try:
        size = cache.size_of(folder)
        if not os.access(folder, os.W_OK):
            yield Finding(
                "wrong",
                "cache",
                f"{folder} cannot be written to",
                "choose another with --cache, or set XDG_CACHE_HOME",
            )
            return
    except (CarprepError, OSError) as error:
        words = files.reason_of(error) if isinstance(error, OSError) else str(error)
        yield Finding("wrong", "cache", words, f"remove {folder}: it only costs measuring again")
        return
    yield Finding(
        "ok",
        "cache",
        f"{folder}, {size.photos:,} photos, {size.bytes / 1e6:,.0f} MB (carprep cache prune makes it smaller)",
    )


def _disk(folder: Path) -> Iterator[Finding]:
    exists = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(exists).free
    advice = "" if free > LOW_DISK else "free some space, or put the cache elsewhere with --cache"
    yield Finding("ok" if free > LOW_DISK else "note", "disk of the cache", f"{free / 1e9:,.1f} GB free", advice)
