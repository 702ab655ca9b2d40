"""A training folder, decoded once into a few flat files that many threads can read at no cost: the pack."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from carprep import files
from carprep.carnet.examples import Example, read
from carprep.carnet.groups import describe, grouped
from carprep.errors import BadPhoto, UsageError
from carprep.measure.decode import decode
from carprep.measure.task import Settings
from carprep.photo import RGB, View
from carprep.recipe import Recipe

SIDE = 384  # px, longest; 1.5 times the network's input, so that a closer crop still has its edges
LIMITS = Settings.of(Recipe()).limits
VALIDATION = 0.18  # share of the groups held back, chosen by hash
TRUSTED, LIKELY = 255, 128  # how far a mask's pixel is to be believed: drawn by hand, or by another network
CLEAN = 0.985  # share of a photo whose mask is known, from which its car can be put on another ground
VERSION = 3


@dataclass(frozen=True)
class Packed:
    """One example inside the pack.

    Attributes:
        start: its first pixel's number in the pack's flat files.
        height, width: px.
        clean: whether a whole car is in its mask and (nearly) every pixel of it is known; see `CLEAN`.
        validation: whether it is held back.
        sha256: of the photo's bytes.
    """

    example: Example
    start: int
    height: int
    width: int
    clean: bool
    validation: bool
    sha256: str


class Pack:
    """The pack of a training folder: memory-mapped pixels, masks and trust."""

    def __init__(self, folder: Path) -> None:
        """Open it; see `pack` for making it."""
        self._folder = folder
        listed = json.loads(files.read_text(folder / "pack.json", "pack"))
        self.sha256: str = listed["sha256"]
        self.items = [
            Packed(_example(row.pop("example")), **row)  # one row a photo, written by `pack`
            for row in listed["items"]
        ]
        self._pixels = np.memmap(folder / "pack.pixels", np.uint8, "r").reshape(-1, 3)
        self._alpha = np.memmap(folder / "pack.alpha", np.uint8, "r")
        self._trust = np.memmap(folder / "pack.trust", np.uint8, "r")

    def __reduce__(self) -> tuple[type[Pack], tuple[Path]]:
        return Pack, (self._folder,)  # a process of a data loader opens the files itself; they are gigabytes

    def pixels(self, item: Packed) -> RGB:
        """uint8 sRGB (H, W, 3)."""
        return _cut(self._pixels, item).reshape(item.height, item.width, 3)

    def alpha(self, item: Packed) -> np.ndarray:
        """The main car, uint8 (H, W), 255 inside."""
        return _cut(self._alpha, item).reshape(item.height, item.width)

    def trust(self, item: Packed) -> np.ndarray:
        """How far each pixel of the mask is to be believed, uint8 (H, W); 0 where nobody knows."""
        return _cut(self._trust, item).reshape(item.height, item.width)


def is_exact(item: Packed) -> bool:
    """Whether its mask was drawn by hand, or known: nothing in it is in doubt."""
    return bool(item.example.mask) and not item.example.doubt


def pack(folder: Path, threads: int = 4) -> Pack:
    """Pack a training folder, or open its pack where it is of the same labels.

    Raises:
        UsageError: see `examples.read`; or a photo or mask that it lists is missing or no picture.
    """
    examples = read(folder)
    sha256 = _key(folder, examples)
    known = folder / "pack.json"
    if not known.exists() or json.loads(known.read_text())["sha256"] != sha256:
        _write(folder, examples, sha256, threads)
    return Pack(folder)


def _key(folder: Path, examples: Sequence[Example]) -> str:
    """What settles a pack: the list, and sizes and times of all that it names."""
    key = hashlib.sha256(f"{VERSION} {files.sha256_of(folder / 'labels.csv')}".encode())
    for example in examples:
        for name in filter(None, (example.file, example.mask, example.doubt)):
            try:
                status = (folder / name).stat()
            except OSError as error:
                raise UsageError(f"{folder / 'labels.csv'} lists {name}: {files.reason_of(error)}") from error
            key.update(f"{status.st_size} {status.st_mtime_ns} ".encode())
    return key.hexdigest()


def _write(folder: Path, examples: Sequence[Example], sha256: str, threads: int) -> None:
    items: list[Packed] = []
    descriptions: list[np.ndarray] = []
    start = 0
    with (
        files.written(folder / "pack.pixels") as pixels,
        files.written(folder / "pack.alpha") as alpha,
        files.written(folder / "pack.trust") as trust,
        ThreadPoolExecutor(threads) as pool,
    ):
        made = pool.map(lambda e: _planes(folder, e), examples)
        for example, (picture, mask, believed, digest) in zip(examples, made, strict=True):
            for file, plane in ((pixels, picture), (alpha, mask), (trust, believed)):
                file.write(np.ascontiguousarray(plane).tobytes())
            height, width = mask.shape
            items.append(Packed(example, start, height, width, _is_clean(example, mask, believed), False, digest))
            descriptions.append(describe(picture))
            start += height * width
    items = _split(items, np.stack(descriptions))
    files.write_text(folder / "pack.json", json.dumps({"sha256": sha256, "items": [asdict(item) for item in items]}))


def _is_clean(example: Example, mask: np.ndarray, believed: np.ndarray) -> bool:
    whole = View.PARTIAL not in example.close
    return bool(example.mask) and whole and bool(mask.any()) and float((believed > 0).mean()) > CLEAN


def _planes(folder: Path, example: Example) -> tuple[RGB, np.ndarray, np.ndarray, str]:
    path = folder / example.file
    try:
        data = path.read_bytes()
        pixels = decode(data, SIDE, LIMITS).pixels
    except OSError as error:
        raise UsageError(f"cannot read the photo {path}: {files.reason_of(error)}") from error
    except BadPhoto as bad:
        raise UsageError(f"{path} is no photo to learn from: {bad}; take it off the list") from bad
    size = pixels.shape[1], pixels.shape[0]
    alpha, trust = np.zeros(pixels.shape[:2], np.uint8), np.zeros(pixels.shape[:2], np.uint8)
    if example.mask:
        alpha = _plane(folder / example.mask, size)
        trust[:] = TRUSTED
        if example.doubt:
            doubt = _plane(folder / example.doubt, size)
            trust = np.where(doubt > 0, 0, LIKELY).astype(np.uint8)
    return pixels, alpha, trust, hashlib.sha256(data).hexdigest()


def grey(path: Path) -> np.ndarray:
    """A mask picture, uint8 (H, W).

    Raises:
        UsageError: it is none.
    """
    plane = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if plane is None:
        raise UsageError(f"{path} is no mask picture")
    return np.asarray(plane)


def _plane(path: Path, size: tuple[int, int]) -> np.ndarray:
    return np.asarray(cv2.resize(grey(path), size, interpolation=cv2.INTER_AREA), np.uint8)


def _split(items: Sequence[Packed], descriptions: np.ndarray) -> list[Packed]:
    groups = grouped([item.sha256 for item in items], [item.example.group for item in items], descriptions)
    return [
        replace(item, example=replace(item.example, group=group), validation=_held_back(group))
        for item, group in zip(items, groups, strict=True)
    ]


def _held_back(group: str) -> bool:
    return int(hashlib.sha256(group.encode()).hexdigest()[:8], 16) / 2**32 < VALIDATION


def _cut(flat: np.ndarray, item: Packed) -> np.ndarray:
    return np.asarray(flat[item.start : item.start + item.height * item.width])


def _example(row: dict[str, object]) -> Example:
    lists = {key: tuple(value) if isinstance(value, list) else value for key, value in row.items()}
    return Example(**lists)  # type: ignore[arg-type]
