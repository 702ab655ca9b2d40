"""What the second look's measures mean: copy, mirrored copy, recolour, burst, or different; each limit with its reason.

Found on 608 pairs labelled by eye among the pairs of 2,852 real photos that have near codes (`labels/pairs.csv`), of
which 187 are one exposure, and on made copies; see `benchmarks/duplicates.py --quality`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from carprep.decide.measures import COLOUR, DETAIL, GAIN, GREY, MIRRORED, MOVED, SCALE, SEEN, SIDE, STRUCTURE

HALF = 0.5 * SIDE  # px of the thumbnail times px of the photo: where half a pixel of a photo lies in its thumbnail
STEADY = 0.05  # px of the thumbnail; what JPEG and rounding move
PER_SCALE = 8.0  # more is allowed where one had to be enlarged to lie over the other,
PER_LIGHT = 1.0  # and where the light differs, since highlights that were cut off change their shape
MOST_COLOUR = 14.5  # of 255, in the worst fifth of what is shown: few tinted copies have more, few other paints less
MOST_MOVED = 0.6  # times what sampling alone may move: 98 of 100 real copies have less, nine of ten bursts more
LEAST_STRUCTURE = 0.96  # real copies have 0.97 and more, other cars up to 0.94
GREY_STRUCTURE = 0.98  # where colour cannot tell, structure must be beyond doubt
LEAST_DETAIL = 2.0  # grey levels; in less there is nothing to recognise
RECOLOUR_STRUCTURE = 0.85  # of a recolour; the painted parts change their contrast
BURST_STRUCTURE = 0.8  # of a burst: a moved camera shifts the near against the far
BURST_MOVED = 0.9  # px of 64
BELOW_ONE = 0.9999  # the score of 1 is for the same bytes or pixels
BURST_COLOUR = 20.0  # of 255; people and clouds move


class Kind(IntEnum):
    """How two pictures relate; the order is the order of nearness."""

    COPY = 0  # one exposure or render, however it was re-encoded, resized, cropped, framed, stamped or lightened
    MIRRORED = 1  # the same, left and right exchanged
    RECOLOUR = 2  # the same render or photo in another paint
    BURST = 3  # the same car in the same place, another shot
    DIFFERENT = 4

    @property
    def words(self) -> str:
        """As tables and ledgers have it."""
        return "mirrored copy" if self is Kind.MIRRORED else self.name.lower()


COPIES = (Kind.COPY, Kind.MIRRORED)


def shown(score: float) -> str:
    """A score in words: cut, not rounded, since 1 says that the bytes or pixels are the same."""
    return f"{int(score * 1000) / 1000:.3f}"


@dataclass(frozen=True)
class Judged:
    """Kinds and scores of pairs.

    Attributes:
        kind: int8 (P,) of `Kind`.
        score: float32 (P,) in [0, 1]: how far the fine structure agrees where it agrees least; 1 is pixel for pixel.
    """

    kind: np.ndarray
    score: np.ndarray


@dataclass(frozen=True)
class Limits:
    """What is asked of copies, for each pair.

    Attributes:
        structure: float64 (P,), least agreement of the fine structure.
        moved: float64 (P,), px of 64 at most.
        colour: of 255 at most.
    """

    structure: np.ndarray
    moved: np.ndarray
    colour: float = MOST_COLOUR


def limits(measures: np.ndarray, sides: np.ndarray) -> Limits:
    """What is asked of each pair, were it a copy; arguments as of `judge`."""
    scale = np.maximum(measures[:, SCALE], 1e-3)
    stretch = np.maximum(scale, 1 / scale) - 1
    light = np.abs(np.log(np.maximum(measures[:, GAIN], 1e-3)))
    moved = (STEADY + HALF / np.maximum(sides, 1)) * (MOST_MOVED + PER_SCALE * stretch + PER_LIGHT * light)
    return Limits(np.where(measures[:, GREY] > 0, GREY_STRUCTURE, LEAST_STRUCTURE), moved)


def judge(measures: np.ndarray, sides: np.ndarray) -> Judged:
    """Name what `look` measured.

    Args:
        measures: float32 (P, 12) of `carprep.decide.measures.MEASURES`.
        sides: float64 (P,), shorter side of the smaller photo of each pair, px.
    """
    structure, colour, moved = measures[:, STRUCTURE], measures[:, COLOUR], measures[:, MOVED]
    asked = limits(measures, sides)
    seen = (measures[:, SEEN] > 0) & (measures[:, DETAIL] >= LEAST_DETAIL)
    copy = seen & (structure >= asked.structure) & (moved <= asked.moved) & (colour <= asked.colour)
    recolour = seen & ~copy & (structure >= RECOLOUR_STRUCTURE) & (colour > MOST_COLOUR)
    burst = seen & ~copy & ~recolour & (structure >= BURST_STRUCTURE)
    burst &= (moved <= np.maximum(BURST_MOVED, asked.moved)) & (colour <= BURST_COLOUR)
    kind = np.full(len(measures), Kind.DIFFERENT, np.int8)
    kind[burst], kind[recolour], kind[copy] = Kind.BURST, Kind.RECOLOUR, Kind.COPY
    kind[copy & (measures[:, MIRRORED] > 0)] = Kind.MIRRORED
    return Judged(kind, np.clip(structure, 0, BELOW_ONE).astype(np.float32))
