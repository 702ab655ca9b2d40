"""Measure one photo: decode, inspect, fingerprint, look, cut out. A pure function of its bytes and a few settings."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from carprep import models
from carprep.cache import Measured, Pictures
from carprep.errors import BadPhoto
from carprep.measure.colour import paint
from carprep.measure.cutout import Main, cut, main_car, uncut, whole
from carprep.measure.decode import Decoded, decode
from carprep.measure.fingerprint import fingerprint, thumbnail
from carprep.measure.inspect import inspect, scaled
from carprep.measure.parts import Part
from carprep.measure.task import Settings
from carprep.models.guided import Edge, onto
from carprep.models.looker import Seen
from carprep.photo import RGB, Facts, Reason

EDGE = Edge(3.0, 1e-3, 0.2)  # of the first, smaller decoding's outline


def measure(data: bytes, sha256: str, settings: Settings) -> Measured:
    """Everything about one photo's bytes.

    Args:
        data: the bytes of the file.
        sha256: theirs, hex.
        settings: what to measure it with.
    """
    try:
        decoded = decode(data, settings.detail, settings.limits)
    except BadPhoto as bad:
        return Measured(sha256, {"bytes": len(data)}, b"", Pictures(None, None, None), bad.reason, bad.detail)
    # seeded by the photo, not by what came before it: the same photo gives the same pixels in any order
    cv2.setRNGSeed(int(sha256[:7], 16))
    small = scaled(decoded.pixels)
    thumb = thumbnail(small)
    facts: dict[str, float | int | str | None] = {
        "width": decoded.width,
        "height": decoded.height,
        "format": decoded.format,
        "mode": decoded.mode,
        "bytes": len(data),
        **inspect(small, thumb),
    }
    found, pictures = _find(data, decoded, facts, settings)
    facts.update(found)
    facts.update(fingerprint(small, _car(facts)))
    return Measured(sha256, facts, thumb.tobytes(), pictures)


def _car(facts: Facts) -> Part | None:
    """The car's box as shares of the photo; None where no car was cut out."""
    if facts.get("found") != "car":
        return None
    left, top, wide, high = (float(facts[f"car_{name}"] or 0) for name in ("left", "top", "width", "height"))
    width, height = float(facts["width"] or 1), float(facts["height"] or 1)
    return left / width, top / height, (left + wide) / width, (top + high) / height


def _find(data: bytes, decoded: Decoded, facts: Facts, settings: Settings) -> tuple[Facts, Pictures]:
    """Ask the looker, and cut out what it found."""
    if settings.look == "none":
        return _frame(decoded), whole(decoded.pixels, settings.detail)
    seen = seen_in(decoded, facts, settings)
    told = _told(seen)
    main = None if seen.alpha is None else main_car(seen.alpha)
    if main is None:
        return {**told, "found": seen.reason or Reason.NO_CAR}, uncut(decoded.pixels, settings.detail)
    pixels, main = _closer(data, decoded, main, settings)
    scale = decoded.width / pixels.shape[1]
    box = main.box
    return {
        **told,
        **main.facts,
        "found": "car",
        "car_left": round(box.left * scale, 2),
        "car_top": round(box.top * scale, 2),
        "car_width": round(box.width * scale, 2),
        "car_height": round(box.height * scale, 2),
        "colour": paint(box.of(pixels), box.of(main.alpha)),
    }, cut(pixels, main, settings.detail)


def seen_in(decoded: Decoded, facts: Facts, settings: Settings) -> Seen:
    """What the looker sees between the photo's black bars; its alpha is of the decoded photo's shape."""
    rows, columns = _without_bars(decoded.pixels, facts)
    seen = models.load(settings.look, settings.device)(np.ascontiguousarray(decoded.pixels[rows, columns]))
    if seen.alpha is None:
        return seen
    alpha = np.zeros(decoded.pixels.shape[:2], np.float32)
    alpha[rows, columns] = seen.alpha
    return replace(seen, alpha=alpha)


def _frame(decoded: Decoded) -> Facts:
    return {
        "found": "frame",
        "car_left": 0.0,
        "car_top": 0.0,
        "car_width": float(decoded.width),
        "car_height": float(decoded.height),
        "car_share": 1.0,
    }


def _without_bars(pixels: RGB, facts: Facts) -> tuple[slice, slice]:
    """The part between black bars; they are no ground, and a looker would take them for one."""
    height, width = pixels.shape[:2]
    top, bottom, left, right = (float(facts[f"bar_{side}"] or 0) for side in ("top", "bottom", "left", "right"))
    rows = slice(_inward(top, height), height - _inward(bottom, height))
    columns = slice(_inward(left, width), width - _inward(right, width))
    return rows, columns


def _inward(share: float, side: int) -> int:
    # one pixel in a hundred more: the bar's edge is soft
    return min(side // 2 - 1, round((share + 0.01) * side)) if share else 0


def _told(seen: Seen) -> dict[str, float | str | None]:
    views = {} if seen.views is None else {view.column: round(float(p), 5) for view, p in seen.views.items()}
    p_left = None if seen.p_left is None else round(float(seen.p_left), 5)
    unsure = None if seen.unsure is None else round(float(seen.unsure), 5)
    return {**views, "p_left": p_left, "car_unsure": unsure, "found_detail": seen.detail}


def _closer(data: bytes, decoded: Decoded, main: Main, settings: Settings) -> tuple[RGB, Main]:
    """A small car in a large photo: decode again, larger, so that its crop has the detail that the photo has."""
    have = main.box.longer
    larger = min(max(decoded.width, decoded.height), settings.detail * settings.detail // have, 8 * settings.detail)
    if have * 2 > settings.detail or larger <= max(decoded.pixels.shape) * 1.25:
        return decoded.pixels, main
    pixels = decode(data, larger, settings.limits).pixels
    found = main_car(onto(pixels, main.alpha, EDGE))
    return (pixels, found) if found else (decoded.pixels, main)
