"""What the second look measures, by its place in the answer; apart from the machine code, which takes long to load."""

from __future__ import annotations

from carprep.measure.parts import THUMB

SIDE = THUMB  # px
MEASURES = (
    "structure",  # correlation of the fine structure in the weakest quarter of the blocks, -1 to 1
    "typical",  # the same in the middle block
    "colour",  # difference of colour in the worst fifth of the blocks inside either border, 0 to 255
    "spread",  # difference of colour in the middle block
    "moved",  # px of 64 by which the structure lies elsewhere, in the worst third of the structured blocks
    "covered",  # share of the less covered picture that lies on the other
    "detail",  # standard deviation of the fine structure, grey levels
    "grey",  # 1 where one of them has no colour at all, so that only the light was compared
    "gain",  # of the light
    "scale",  # of the second picture over the first: 0.8 where the second has a border of 12 % on each side
    "mirrored",  # 0 or 1
    "seen",  # 0 where the glance was enough, 1 where all was measured
)
STRUCTURE, TYPICAL, COLOUR, SPREAD, MOVED, COVER, DETAIL, GREY, GAIN, SCALE, MIRRORED, SEEN = range(len(MEASURES))
