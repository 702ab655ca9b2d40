"""Composites: a car with an exact mask on another ground, with a shadow, neighbours, banners and words."""

from __future__ import annotations

import cv2
import numpy as np

from carprep.carnet.augment import NONE, Sample
from carprep.carnet.examples import VIEWS
from carprep.photo import RGB

WORDS = (
    "FOR SALE",
    "2019",
    "14/03/2021 09:41",
    "www.cars.example",
    "Best price!",
    "SHOT ON PHONE",
    "call now",
    "No. 4711",
)


def synthetic_ground(frame: tuple[int, int], random: np.random.Generator) -> RGB:
    """A plain, graded, chequered or noisy ground; uint8 (H, W, 3)."""
    height, width = frame
    kind = random.integers(6)
    if kind <= 1:
        lot = random.random()  # white is what users have most, and a black frame must be known for nothing
        any_colour = tuple(int(v) for v in random.integers(0, 256, 3))
        plain = (255, 255, 255) if lot < 0.5 else (0, 0, 0) if lot < 0.65 else any_colour
        return np.full((height, width, 3), plain, np.uint8)
    if kind == 2:
        side = int(random.integers(4, 20))
        light, dark = random.integers(225, 256), random.integers(180, 225)
        squares = (np.add.outer(np.arange(height) // side, np.arange(width) // side) % 2).astype(bool)
        return np.where(squares[..., None], np.uint8(light), np.uint8(dark)).repeat(3, 2).astype(np.uint8)
    one, other = random.integers(0, 256, 3), random.integers(0, 256, 3)
    if random.random() < 0.6:
        other = np.clip(one + random.integers(-60, 60, 3), 0, 255)
    if kind == 3:  # wall and floor
        ground = np.zeros((height, width, 3), np.uint8)
        horizon = int(height * random.uniform(0.3, 0.8))
        ground[:horizon], ground[horizon:] = one, other
        return np.asarray(cv2.GaussianBlur(ground, (0, 0), random.uniform(0.5, 12)), np.uint8)
    if kind == 4:
        ramp = np.linspace(0, 1, height if random.random() < 0.7 else width)
        graded = one + (other - one) * ramp[:, None]
        tall = len(ramp) == height
        shape = (height, width, 3)
        return np.broadcast_to(graded[:, None] if tall else graded[None], shape).astype(np.uint8).copy()
    coarse = random.integers(0, 256, (int(random.integers(2, 12)), int(random.integers(2, 16)), 3)).astype(np.uint8)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def strip(pixels: RGB, alpha: np.ndarray, random: np.random.Generator) -> RGB | None:
    """A part of a photo beside, above or below its car; None where there is none worth having."""
    rows, columns = np.flatnonzero((alpha > 0).any(1)), np.flatnonzero((alpha > 0).any(0))
    if not len(rows):
        return pixels
    height, width = alpha.shape
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    parts = [pixels[:top], pixels[bottom:], pixels[:, :left], pixels[:, right:]]
    good = [part for part in parts if min(part.shape[:2]) > 0.18 * min(height, width)]
    return good[int(random.integers(len(good)))] if good else None


def over(sample: Sample, ground: RGB, random: np.random.Generator) -> Sample:
    """A framed sample's car over another ground of the frame's size, with a shadow."""
    shade = _shadow(sample.alpha, random) if random.random() < 0.7 else None
    below = ground.astype(np.float32)
    if shade is not None:
        below *= 1 - shade[..., None]
    # a cut-out keeps a rim of its old ground; half a pixel less hides it
    weight = cv2.GaussianBlur(sample.alpha, (0, 0), 0.7).astype(np.float32)[..., None] / 255
    weight = np.clip(weight * 1.3 - 0.25, 0, 1)
    sample.pixels = np.clip(sample.pixels * weight + below * (1 - weight) + 0.5, 0, 255).astype(np.uint8)
    sample.trust = np.where(sample.trust == 0, 0, 255).astype(np.uint8)
    return sample


def beside(ground: RGB, other: Sample, random: np.random.Generator) -> RGB:
    """Another framed car into a ground, off the middle, so that the main one will stand before it."""
    height, width = ground.shape[:2]
    shift = (1 if random.random() < 0.5 else -1) * random.uniform(0.3, 0.7) * width, random.normal(-0.04, 0.05) * height
    scale = random.uniform(0.55, 0.95)
    matrix = np.array(
        [[scale, 0, (1 - scale) * width / 2 + shift[0]], [0, scale, (1 - scale) * height / 2 + shift[1]]], np.float32
    )
    size = (width, height)
    pixels = cv2.warpAffine(other.pixels, matrix, size)
    weight = cv2.warpAffine(other.alpha, matrix, size).astype(np.float32)[..., None] / 255
    return np.asarray(pixels * weight + ground * (1 - weight), np.uint8)


def without_car(sample: Sample, ground: RGB) -> Sample:
    """A ground alone: no car, and that is certain."""
    sample.pixels = ground
    sample.alpha = np.zeros(ground.shape[:2], np.uint8)
    sample.trust = np.full(ground.shape[:2], 255, np.uint8)
    sample.views = np.eye(len(VIEWS), dtype=np.float32)[NONE]
    sample.weights = np.array([0.5, 0, 0], np.float32)  # a strip may hold a piece of another car
    return sample


def overlaid(sample: Sample, random: np.random.Generator) -> Sample:
    """Words, a watermark or a banner over the picture."""
    height, width = sample.alpha.shape
    words = WORDS[int(random.integers(len(WORDS)))]
    layer: np.ndarray = sample.pixels.copy()
    colour = tuple(int(v) for v in random.integers(0, 256, 3)) if random.random() < 0.5 else (255, 255, 255)
    banner = slice(0)
    size, thick = random.uniform(0.3, 1.1), int(random.integers(1, 3))
    if random.random() < 0.35:
        tall = int(height * random.uniform(0.06, 0.16))
        top = 0 if random.random() < 0.4 else height - tall
        layer[top : top + tall] = random.integers(0, 256, 3)
        banner = slice(top, top + tall)
        at = int(random.uniform(0.02, 0.4) * width), top + int(tall * 0.7)
        size = tall / 34
    else:
        at = int(random.uniform(0, 0.7) * width), int(random.uniform(0.08, 0.98) * height)
    face = (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_TRIPLEX)[int(random.integers(3))]
    layer = cv2.putText(layer, words, at, face, size, colour, thick, cv2.LINE_AA)
    strength = 1.0 if random.random() < 0.6 else random.uniform(0.3, 0.8)
    if strength == 1.0:
        sample.alpha[banner] = 0  # through a thin one the car still shows
    sample.pixels = np.asarray(cv2.addWeighted(layer, strength, sample.pixels, 1 - strength, 0), np.uint8)
    sample.overlay, sample.weights[2] = 1.0, 1.0
    return sample


def _shadow(alpha: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """What a car takes from the light on its floor: its lower part, flattened, moved and blurred; float32 (H, W)."""
    height, width = alpha.shape
    rows = np.flatnonzero((alpha > 127).any(1))
    if not len(rows):
        return np.zeros(alpha.shape, np.float32)
    bottom, tall = rows[-1], rows[-1] - rows[0]
    flat = random.uniform(0.08, 0.3)
    matrix = np.array([[1, random.normal(0, 0.15), 0], [0, flat, bottom * (1 - flat) + flat * 0.12 * tall]], np.float32)
    matrix[0, 2] = -matrix[0, 1] * bottom + random.normal(0, 0.03) * width
    cast = cv2.warpAffine(alpha, matrix, (width, height)).astype(np.float32) / 255
    return np.asarray(cv2.GaussianBlur(cast, (0, 0), random.uniform(1, 7)) * random.uniform(0.2, 0.85), np.float32)
