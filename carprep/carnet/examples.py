"""What there is to learn from: a folder of photos with `labels.csv`, one row a photo, in one format.

Columns (all but `file` may be missing or empty):

file      the photo's path below the folder
view      front, front-side, side, rear-side, rear, partial, none
near      a second view that was a close call; the two share the probability
sure      0 where the labeller hesitated
angle     degrees, instead of a view: 0 front, 90 flank with the nose to the left, 180 rear, 270 flank to the right
facing    left, right or none
overlay   none, or what is laid over the photo: text, watermark, banner, bars, checkerboard
mask      a mask picture's path below the folder: 255 the main car, all else not the car
doubt     a second mask picture: 255 where nobody knows
weight    how far the view is to be believed, 0 to 1
group     photos of one car or one series; they are never split between training and validation
source    a name for where it comes from, by which the figures are told apart
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from carprep import files
from carprep.errors import UsageError
from carprep.photo import View

VIEWS = tuple(View)
COLUMNS = (
    "file", "view", "near", "sure", "angle", "facing", "overlay", "mask", "doubt", "weight", "group", "source",
)  # fmt: skip
FRONT, FLANK, SOFT = 5.0, 19.0, 4.0  # degrees: a front's reach, a flank's reach, and how soft both borders are


@dataclass(frozen=True)
class Example:
    """One photo with what is known of it.

    Attributes:
        file: its path below the folder.
        views: probability of each view in the order of `View`, or None where nobody said.
        left: 1 nose to the left, 0 to the right, None where it has no side or nobody said.
        overlay: whether something is laid over it; None where nobody said.
        mask, doubt: paths of mask pictures, or empty.
        close: the views that count as right.
    """

    file: str
    views: tuple[float, ...] | None = None
    left: float | None = None
    overlay: float | None = None
    mask: str = ""
    doubt: str = ""
    weight: float = 1.0
    group: str = ""
    source: str = ""
    close: tuple[str, ...] = ()


def read(folder: Path) -> list[Example]:
    """The examples of a folder, in the order of its `labels.csv`.

    Raises:
        UsageError: no such folder or file, an unknown column or word; the line is named.
    """
    path = folder / "labels.csv"
    rows = csv.DictReader(io.StringIO(files.read_text(path, "list of labels")))
    unknown = sorted(set(rows.fieldnames or ()) - set(COLUMNS))
    if unknown or "file" not in (rows.fieldnames or ()):
        wrong = f"has the unknown column {', '.join(unknown)}" if unknown else "has no column file"
        raise UsageError(f"{path} {wrong}; it may have {', '.join(COLUMNS)}")
    examples = [example(row, f"{path}, line {rows.line_num}") for row in rows]
    if not examples:
        raise UsageError(f"{path} lists no photo")
    return examples


def example(row: Mapping[str, str | None], where: str) -> Example:
    """One row of `labels.csv`.

    Raises:
        UsageError: a word that does not fit.
    """
    told = {column: (row.get(column) or "").strip() for column in COLUMNS}
    try:
        views, close = _views(told)
        return Example(
            file=told["file"],
            views=views,
            left=_left(told),
            overlay=None if not told["overlay"] else float(told["overlay"] != "none"),
            mask=told["mask"],
            doubt=told["doubt"],
            weight=float(told["weight"] or 1),
            group=told["group"],
            source=told["source"] or "own",
            close=close,
        )
    except ValueError as error:
        raise UsageError(f"{where}: {error}") from error


def _views(told: Mapping[str, str]) -> tuple[tuple[float, ...] | None, tuple[str, ...]]:
    if told["angle"]:
        views = views_at(float(told["angle"]))
        return views, tuple(str(view) for view, p in zip(VIEWS, views, strict=True) if p > 0)
    if not told["view"]:
        return None, ()
    view, near = View(told["view"]), View(told["near"]) if told["near"] else None
    chances = dict.fromkeys(VIEWS, 0.0)
    chances[view] = 0.7 if near else 0.85 if told["sure"] == "0" else 1.0
    if near:
        chances[near] += 0.3
    elif told["sure"] == "0":
        for other in VIEWS:
            chances[other] += 0.15 / len(VIEWS)
    close = (str(view), str(near)) if near else (str(view),)
    return tuple(chances.values()), close


def views_at(degrees: float) -> tuple[float, ...]:
    """Probability of each view at an angle, for a car of 4.4 by 1.8 m seen from afar; soft at the borders."""
    angle = degrees % 360
    off_axis = min(angle, 360 - angle)  # 0 front, 180 rear
    front, rear = _ramp(FRONT - off_axis), _ramp(FRONT - (180 - off_axis))
    side = _ramp(FLANK - abs(90 - off_axis))
    oblique = max(0.0, 1 - front - rear - side)
    ahead = oblique if off_axis < 90 else 0.0
    return front, ahead, side, oblique - ahead, rear, 0.0, 0.0


def _ramp(inside: float) -> float:
    return float(np.clip(0.5 + inside / (2 * SOFT), 0, 1))


def _left(told: Mapping[str, str]) -> float | None:
    if told["angle"]:
        angle = float(told["angle"]) % 360
        off_axis = min(angle, 360 - angle)
        return float(angle < 180) if FRONT < off_axis < 180 - FRONT else None
    if told["facing"] not in ("", "left", "right", "none"):
        raise ValueError(f"the facing is {told['facing']!r}; it must be left, right or none")
    return {"left": 1.0, "right": 0.0}.get(told["facing"])


def write(path: Path, rows: Iterator[Mapping[str, object]]) -> None:
    """Write a `labels.csv`."""
    text = io.StringIO()
    table = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    files.write_text(path, text.getvalue())
