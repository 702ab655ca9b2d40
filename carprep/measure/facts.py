"""The names, types and meanings of all facts: one closed list, so that a table of facts always has the same columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

# name -> (kind, meaning); every fact may be missing (None), for a photo that could not be measured that far
SCHEMA: Final[Mapping[str, tuple[type, str]]] = {
    "width": (int, "of the photo as it came in, upright, px"),
    "height": (int, "of the photo as it came in, upright, px"),
    "format": (str, "file format by content, Pillow's name"),
    "mode": (str, "pixel format in the file, Pillow's name"),
    "bytes": (int, "size of the file"),
    "sharpness": (float, "variance of the Laplacian of the grey picture, longest side 256 px"),
    "exposure": (float, "mean grey, 0 to 1"),
    "contrast": (float, "standard deviation of grey, 0 to 0.5"),
    "uniform": (float, "share of the picture within 8 of 255 of its median colour"),
    "border_white": (float, "share of the outermost 3 % that is white (245 and more in each channel)"),
    "border_plain": (float, "share of the outermost 3 % within 24 of 255 of its median colour"),
    "checkerboard": (
        float,
        "share of the outermost 10 % that repeats like a painted transparency checkerboard",
    ),
    "bar_top": (float, "share of the height that is a black bar at the top"),
    "bar_bottom": (float, "share of the height that is a black bar at the bottom"),
    "bar_left": (float, "share of the width that is a black bar at the left"),
    "bar_right": (float, "share of the width that is a black bar at the right"),
    "phash": (str, "64-bit perceptual hash of the `imagehash` library, hex"),
    "codes": (str, "such hashes of nine parts of the photo, 16 hex digits each, zeros where there is none"),
    "codes_mirrored": (str, "the same of the mirrored picture"),
    "pixels": (str, "hash of the upright pixels at 256 px, hex"),
    "trim_left": (float, "left edge of what lies inside a plain border, share of the width"),
    "trim_top": (float, "top edge, share of the height"),
    "trim_right": (float, "right edge, share of the width"),
    "trim_bottom": (float, "bottom edge, share of the height"),
    "sharpness_inside": (
        float,
        "variance of the Laplacian over that of the picture, of the car (else inside the plain border) at 128 px",
    ),
    "coloured": (float, "share of the pixels whose channels differ by more than 8 of 255"),
    "found": (str, "what the looker said: car, frame (whole frame asked for), no-car or bad-cutout"),
    "found_detail": (str, "the looker's evidence, in words"),
    "p_front": (float, "probability of the view"),
    "p_front_side": (float, "probability of the view"),
    "p_side": (float, "probability of the view"),
    "p_rear_side": (float, "probability of the view"),
    "p_rear": (float, "probability of the view"),
    "p_partial": (float, "probability of the view"),
    "p_none": (float, "probability of the view"),
    "p_left": (float, "probability that the nose points to the left"),
    "car_left": (float, "left edge of the car's box in the photo as it came in, upright, px"),
    "car_top": (float, "top edge, px"),
    "car_width": (float, "width of the car's box, px"),
    "car_height": (float, "height of the car's box, px"),
    "car_share": (float, "car's share of the photo"),
    "car_touch": (float, "share of the car's box, by its perimeter, where the car lies on the photo's edge"),
    "car_stray": (float, "area of the next-largest blob over the car's"),
    "car_soft": (float, "share of the cut-out that is neither car nor ground (alpha 0.1 to 0.9)"),
    "car_unsure": (float, "area beside and above the car in which the looker was unsure, over the car's"),
    "colour": (str, "the car's paint, out of ten"),
}
