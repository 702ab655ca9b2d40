"""What pictures are recognised by, as arrays: one row for each picture, however many photos have its bytes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from carprep.decide.table import Table
from carprep.measure.parts import CODES, FIXED, NO_CODE, TRIM

NAME_DIGITS = 16  # hex digits of the sha256 that name a picture here: no accidental twins below a hundred million
BLANK = NO_CODE * CODES


@dataclass(frozen=True)
class Prints:
    """Pictures in the order of their hashes, so that nothing depends on where the photos lie.

    Attributes:
        names: uint64 (N,), ascending; the start of each picture's sha256.
        rows: int64 (N,), of the best photo with these bytes.
        straight, mirrored: uint64 (N, 9); 0 is no code.
        boxes: float32 (N, 9, 4), the part that each code is of: left, top, right, bottom, as shares of the photo.
        slots: int64 (N,), where the thumbnail lies.
        sides: float64 (N,), shorter side of the photo, px.
        pixels: uint64 (N,), equal where the upright pixels are.
    """

    names: np.ndarray
    rows: np.ndarray
    straight: np.ndarray
    mirrored: np.ndarray
    boxes: np.ndarray
    slots: np.ndarray
    sides: np.ndarray
    pixels: np.ndarray

    def __len__(self) -> int:
        """How many pictures."""
        return len(self.names)


def prints_of(table: Table, rows: np.ndarray) -> Prints:
    """Gather the prints of some photos.

    Args:
        rows: int64, the best first: it stands for all with the same bytes.
    """
    names = np.array([int(table.hashes[row][:NAME_DIGITS], 16) for row in rows], np.uint64)
    names, first = np.unique(names, return_index=True)
    rows = rows[first]
    return Prints(
        names,
        rows,
        _codes(table.texts("codes")[rows]),
        _codes(table.texts("codes_mirrored")[rows]),
        _boxes(table, rows),
        table.slots[rows],
        np.fmin(table.numbers("width")[rows], table.numbers("height")[rows]),
        _numbers(table.texts("pixels")[rows]),
    )


def _codes(texts: np.ndarray) -> np.ndarray:
    data = bytes.fromhex("".join(text or BLANK for text in texts))
    return np.frombuffer(data, ">u8").reshape(-1, CODES).astype(np.uint64)


def _numbers(texts: np.ndarray) -> np.ndarray:
    return np.array([int((text or "0")[:NAME_DIGITS], 16) for text in texts], np.uint64)


def _boxes(table: Table, rows: np.ndarray) -> np.ndarray:
    boxes = np.empty((len(rows), CODES, 4), np.float32)
    boxes[:, : len(FIXED)] = FIXED
    boxes[:, -2] = np.stack([table.numbers(name)[rows] for name in TRIM], axis=1)
    left, top, wide, high = (table.numbers(f"car_{name}")[rows] for name in ("left", "top", "width", "height"))
    width, height = table.numbers("width")[rows], table.numbers("height")[rows]
    boxes[:, -1] = np.stack([left / width, top / height, (left + wide) / width, (top + high) / height], axis=1)
    empty = ~((boxes[..., 2] > boxes[..., 0]) & (boxes[..., 3] > boxes[..., 1]))  # also where a number is missing
    boxes[empty] = FIXED[0]
    return boxes
