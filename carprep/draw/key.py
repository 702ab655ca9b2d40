"""What is planted where in a drawn heap: the ground truth of demo and tests."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from pathlib import Path

from carprep import files
from carprep.errors import UsageError

HIDDEN = ".carprep"  # a build passes hidden folders over
NAME = "key.csv"


class Kind(StrEnum):
    """What is special about a drawn file."""

    GOOD = "good"  # one whole car on a plain ground
    EXACT_COPY = "exact-copy"  # the same bytes under another name
    NEAR_COPY = "near-copy"  # smaller and at a lower quality
    MIRRORED_COPY = "mirrored-copy"
    RECOLOUR = "recolour"  # the same car and pose in another paint: no copy
    BUSY = "busy"  # on a street
    TRUNCATED = "truncated"
    PALETTE = "palette"  # a palette PNG named .jpg
    TRANSPARENT = "transparent"  # a PNG with an alpha channel
    CHECKERBOARD = "checkerboard"  # painted transparency
    BARS = "bars"  # black bars above and below
    ROTATED = "rotated"  # upright only by its EXIF orientation
    ONE_COLOUR = "one-colour"
    BLURRED = "blurred"
    TINY = "tiny"  # a car of about 40 px
    CUT_OFF = "cut-off"
    SEVERAL = "several-cars"
    NO_CAR = "no-car"  # a street without one
    BANNER = "banner"
    TEXT = "text"  # words in a file named .jpg
    EMPTY_FILE = "empty-file"
    ARCHIVE = "archive"
    CMYK = "cmyk"
    GREY = "grey"
    SIXTEEN_BIT = "sixteen-bit"
    WEBP = "webp"
    ANIMATED = "animated"
    NAMED = "named"  # a good one under a name that breaks careless tools


@dataclass(frozen=True)
class Planted:
    """One file of a drawn heap.

    Attributes:
        key: its path in the heap, `/`-separated.
        kind: what is special about it.
        view, facing: how the car stands; empty where there is none.
        colour: its paint.
        original: of a copy or recolour, the key of what it was made from.
        angle: degrees; 0 front, 90 flank with the nose to the left.
        mask: where the exact mask of the upright photo lies below `.carprep`; empty where there is none.
    """

    key: str
    kind: Kind
    view: str = ""
    facing: str = ""
    colour: str = ""
    original: str = ""
    angle: float = 0.0
    mask: str = ""


def write_key(folder: Path, planted: Sequence[Planted]) -> None:
    """Write the key of a heap."""
    text = io.StringIO()
    writer = csv.DictWriter(text, [f.name for f in fields(Planted)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(one) for one in planted)
    files.write_text(folder / HIDDEN / NAME, text.getvalue())


def read_key(folder: Path) -> dict[str, Planted]:
    """The key of a drawn heap, by file.

    Raises:
        UsageError: the folder is no drawn heap.
    """
    path = folder / HIDDEN / NAME
    if not path.is_file():
        raise UsageError(f"{folder} is no drawn heap: it has no {HIDDEN}/{NAME}")
    rows = csv.DictReader(io.StringIO(files.read_text(path, "key")))
    return {row["key"]: _planted(row) for row in rows}


def _planted(row: dict[str, str]) -> Planted:
    return Planted(
        row["key"],
        Kind(row["kind"]),
        row["view"],
        row["facing"],
        row["colour"],
        row["original"],
        float(row["angle"]),
        row["mask"],
    )
