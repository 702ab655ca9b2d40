"""Of which parts of a photo there are codes; apart from how they are made, so that deciding needs no OpenCV."""

from __future__ import annotations

from collections.abc import Sequence

THUMB = 64  # px; a plate's place, a wheel's spokes and a wing mirror can be told, for 12 KB a photo
CHROMA = 8  # of 255; what JPEG leaves in a grey picture is less
COLOURLESS = 0.003  # share of pixels with more; a photo has as many, its lamps at least, a grey one none
Part = tuple[float, float, float, float]  # left, top, right and bottom, as shares of the photo
# parts whose place is known: whole, four nested centres (crops), all but the lowest and the uppermost (banners)
FIXED: Sequence[Part] = (
    (0, 0, 1, 1),
    (0.025, 0.025, 0.975, 0.975),
    (0.05, 0.05, 0.95, 0.95),
    (0.075, 0.075, 0.925, 0.925),
    (0.1, 0.1, 0.9, 0.9),
    (0, 0, 1, 0.82),
    (0, 0.18, 1, 1),
)
# and the part inside a plain border, and the car's box
PARTS = (
    "the whole", "the inner 95 %", "the inner 90 %", "the inner 85 %", "the inner 80 %", "the upper 82 %",
    "the lower 82 %", "what lies inside the border", "the car",
)  # fmt: skip
CODES = len(PARTS)
NO_CODE = "0" * 16  # half of a code's bits are ones, so none is this
TRIM = ("trim_left", "trim_top", "trim_right", "trim_bottom")
