"""The values that flow through the rooms: a photo, its facts, and the reasons to leave it out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

RGB: TypeAlias = "NDArray[np.uint8]"  # (H, W, 3), sRGB
Alpha: TypeAlias = "NDArray[np.float32]"  # (H, W), in [0, 1]; 1 keeps the pixel
Fact: TypeAlias = "float | int | str | None"
Facts: TypeAlias = Mapping[str, Fact]


class View(StrEnum):
    """How the car stands; the order of the first five is the order of the classes in dataset.json."""

    FRONT = "front"  # the flank takes less than about 1/6 of the visible width
    FRONT_SIDE = "front-side"
    SIDE = "side"
    REAR_SIDE = "rear-side"
    REAR = "rear"
    PARTIAL = "partial"  # a close-up, an interior, or more than about a fifth outside the frame
    NONE = "none"  # no single main car

    @property
    def column(self) -> str:
        """The name of the fact that holds its probability."""
        return f"p_{self.replace('-', '_')}"


FLANKLESS = (View.FRONT, View.REAR, View.NONE)  # views that show no flank: their nose points nowhere
CLASSES = (View.FRONT, View.FRONT_SIDE, View.SIDE, View.REAR_SIDE, View.REAR)


def facing_of(view: str, p_left: float) -> str:
    """left, right or none: the side of the picture towards which the nose of a car that is seen so points."""
    return "none" if view in FLANKLESS else "left" if p_left >= 0.5 else "right"


class Reason(StrEnum):
    """Why a photo was left out. Closed: the README's table is tested against it."""

    UNREADABLE = "unreadable"  # the bytes are a broken picture, or cannot be read at all
    UNSUPPORTED = "unsupported"  # the bytes are no picture of a kind that we decode
    TOO_LARGE = "too-large"  # more bytes, pixels or frames than the recipe allows
    NESTED_ARCHIVE = "nested-archive"  # an archive inside RAW: unpack it, or build it by itself
    VANISHED = "vanished"  # gone between listing and reading, or a link to nothing
    TOO_SMALL = "too-small"  # the car would have to be enlarged by more than the recipe allows
    BLURRED = "blurred"  # less sharp than the recipe asks for
    EMPTY = "empty"  # one colour all over
    NO_CAR = "no-car"  # the looker found no car
    SEVERAL_CARS = "several-cars"  # more than one car of about the same size
    CUT_OFF = "cut-off"  # a close-up, or the car leaves the frame
    WRONG_VIEW = "wrong-view"  # the car is seen from a side that the recipe does not want
    BAD_CUTOUT = "bad-cutout"  # the car could not be told from its ground
    DUPLICATE = "duplicate"  # a better copy of the same picture is kept
    DROPPED_BY_HAND = "dropped-by-hand"  # a person said so


@dataclass(frozen=True)
class Photo:
    """One photo on its way through the rooms.

    Attributes:
        key: its path inside RAW, `/`-separated, as the source spells it; never changes, never repeats.
        facts: what was measured; see `carprep.measure.facts.SCHEMA` for names, units and ranges.
        reason: why it is left out; None while it is wanted.
        detail: the evidence for the reason, in words.
    """

    key: str
    facts: Facts = field(default_factory=dict)
    reason: Reason | None = None
    detail: str = ""
