"""Static checks of one zip's pictures and of the files that describe them; no torch, no ledger needed."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from carprep.errors import UsageError
from carprep.photo import CLASSES
from carprep.recipe import Recipe

SHOWN = 3  # pictures named where a check fails
OFF_CENTRE = 1.5  # px: a box of whole pixels round a car that was placed at fractions of one


@dataclass(frozen=True)
class Check:
    """One check.

    Attributes:
        name: what must hold.
        state: passed, failed, skipped or warning.
        words: what was counted, what is wrong, or why it was skipped.
    """

    name: str
    state: str
    words: str

    @property
    def line(self) -> str:
        """One line for the terminal."""
        return f"{self.state:<7} {self.name}: {self.words}"


def told(name: str, bad: Sequence[str], good: str) -> Check:
    """Passed, with what was counted; or failed, with some of what is wrong."""
    if bad:
        return Check(name, "failed", f"{len(bad)} do not: {', '.join(bad[:SHOWN])}")
    return Check(name, "passed", good)


@dataclass(frozen=True)
class Looked:
    """What was seen of one picture; `off_centre`: how far its car's box is off the middle, px."""

    mode: str
    size: tuple[int, int]
    white_edge: bool
    off_centre: float


class Zip:
    """The pictures of one zip: what metadata.jsonl says of each, the sha256 of its bytes, and what it looks like."""

    def __init__(self, path: Path) -> None:
        self.name = path.name
        self.hashes: dict[str, str] = {}
        self.looked: dict[str, Looked] = {}
        self.broken: list[str] = []
        try:
            with zipfile.ZipFile(path) as archive:
                self.rows = [json.loads(line) for line in archive.read("metadata.jsonl").decode().splitlines()]
                self.labels: Any = json.loads(archive.read("dataset.json")).get("labels")
                for member in (name for name in archive.namelist() if name.endswith(".png")):
                    self._add(member, archive)
        except FileNotFoundError as error:
            raise UsageError(f"there is no zip {path}") from error
        except (OSError, KeyError, ValueError, AttributeError, zipfile.BadZipFile) as error:
            raise UsageError(f"{path} is no zip of carprep: {error.args[0] if error.args else error}") from error

    def _add(self, member: str, archive: zipfile.ZipFile) -> None:
        try:
            data = archive.read(member)
        except (zipfile.BadZipFile, zlib.error):  # the bytes are not those that were written
            self.broken.append(member)
            self.hashes[member] = ""
            return
        self.hashes[member] = hashlib.sha256(data).hexdigest()
        try:
            with Image.open(io.BytesIO(data)) as picture:
                self.looked[member] = _look(picture.mode, np.asarray(picture.convert("RGB")))
        except (OSError, SyntaxError, ValueError):  # Pillow reports a bad PNG as SyntaxError
            self.broken.append(member)


def _look(mode: str, pixels: np.ndarray) -> Looked:
    drawn: NDArray[np.bool_] = pixels.min(2) < 255
    edge = bool(drawn[[0, -1]].any() or drawn[:, [0, -1]].any())
    off = 0.0
    for axis in (0, 1):
        places = np.flatnonzero(np.any(drawn, axis))
        if len(places):
            off = max(off, abs((places[0] + places[-1]) / 2 - (len(drawn) - 1) / 2))
    return Looked(mode, (pixels.shape[1], pixels.shape[0]), not edge, off)


def pictures(one: Zip, recipe: Recipe | None, by_hand: set[str]) -> Iterator[Check]:
    """Sizes, range, white border, centred cars, layouts.

    Args:
        recipe: what the set was built with; None where nobody knows.
        by_hand: members that a person's word kept, which may be whole photos.
    """
    sizes = sorted({looked.size for looked in one.looked.values()})
    bad = [name for name, looked in one.looked.items() if looked.size != sizes[0] or looked.size[0] != looked.size[1]]
    yield told(f"pictures of {one.name} open and are squares of one size", [*one.broken, *bad],
               f"{len(one.looked):,} of {sizes[0][0] if sizes else 0} px")  # fmt: skip
    bad = [name for name, looked in one.looked.items() if looked.mode != "RGB"]
    yield told(f"pictures of {one.name} are 8-bit RGB, so 0 to 255 is -1 to +1", bad, f"{len(one.looked):,}")
    asked = {name: looked for name, looked in one.looked.items() if name not in by_hand}
    edged = [name for name, looked in asked.items() if not looked.white_edge]
    moved = [name for name, looked in asked.items() if looked.off_centre > OFF_CENTRE]
    for name, why, bad in (
        (f"in {one.name} the border is exactly white", _no_border(recipe), edged),
        (f"in {one.name} cars are in the middle", _no_box(recipe), moved),
    ):
        yield Check(name, "skipped", why) if why else told(name, bad, f"{len(asked):,}")
    yield _stylegan(one)
    yield _hugging_face(one)
    yield _licences(one)


def _no_box(recipe: Recipe | None) -> str:
    """Why cars need not stand in the middle; empty where they must."""
    if recipe is None:
        return "without a ledger nobody knows what the border should be"
    if recipe.background != "white":
        return f"the recipe keeps the background ({recipe.background})"
    if recipe.look == "none":
        return "the recipe finds no car (--look none): whole photos reach the edge"
    return ""


def _no_border(recipe: Recipe | None) -> str:
    """Why the border need not be white; empty where it must."""
    if recipe is not None and recipe.margin < 0.02 and not _no_box(recipe):
        return f"the recipe leaves no margin ({recipe.margin:g})"
    return _no_box(recipe)


def _stylegan(one: Zip) -> Check:
    name = f"{one.name} is laid out as StyleGAN reads it"
    if one.labels is None:
        return Check(name, "passed", "dataset.json has no labels, since views are unknown")
    if not isinstance(one.labels, list) or not all(isinstance(pair, list) and len(pair) == 2 for pair in one.labels):
        return Check(name, "failed", "the labels of dataset.json are no list of [picture, number]")
    bad = [str(member) for member, label in one.labels
           if member not in one.hashes or type(label) is not int or not 0 <= label < len(CLASSES)]  # fmt: skip
    missing = sorted(set(one.hashes) - {member for member, _ in one.labels})
    return told(name, [*bad, *missing], f"{len(one.labels):,} labels")


def _hugging_face(one: Zip) -> Check:
    listed = [str(row.get("file_name")) for row in one.rows]
    bad = [*(name for name in listed if name not in one.hashes), *sorted(set(one.hashes) - set(listed))]
    doubled = sorted(name for name, count in Counter(listed).items() if count > 1)
    return told(f"{one.name} is laid out as Hugging Face's imagefolder", [*bad, *doubled], f"{len(listed):,} lines")


def _licences(one: Zip) -> Check:
    name = f"pictures of {one.name} with a known source have a licence"
    known = [row for row in one.rows if row.get("source")]
    if not known:
        return Check(name, "skipped", "no source is known: the photos came from a folder, not from carprep scrape")
    return told(name, [str(row["file_name"]) for row in known if not row.get("licence")], f"{len(known):,}")
