"""What every looker promises: given pixels, say where the car is, and, where it can, how it stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from carprep.photo import Reason, View

if TYPE_CHECKING:
    from carprep.photo import RGB, Alpha


@dataclass(frozen=True)
class Seen:
    """What a looker saw in one photo.

    Attributes:
        alpha: float32 (H, W) in [0, 1], the shape of the pixels it was given; None where it found nothing to cut out.
        reason: why there is no alpha: `NO_CAR` (nothing there) or `BAD_CUTOUT` (something, but it cannot be told
            from its ground); None where there is one.
        detail: the evidence for the reason, in words.
        views: probability of each of the seven views, summing to 1; None where the looker knows no views.
        unsure: area beside and above the car in which the looker was unsure, over the car's; None where it cannot say.
        p_left: probability that the nose points to the left of the picture; None where it does not know.
    """

    alpha: Alpha | None
    reason: Reason | None = None
    detail: str = ""
    views: Mapping[View, float] | None = None
    p_left: float | None = None
    unsure: float | None = None


class Looker(Protocol):
    """Finds the car. Loaded by name, once per process, never at import."""

    @property
    def identity(self) -> str:
        """Name and version (or weights' sha256) that, with the pixels, settle the answer; part of the cache's key."""

    def __call__(self, pixels: RGB) -> Seen:
        """Look at one picture, uint8 sRGB (H, W, 3)."""
