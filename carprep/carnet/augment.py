"""One training picture from the pack: moved, mirrored, cropped, recoloured, spoilt."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from carprep.carnet.examples import VIEWS
from carprep.models.letterbox import GREY
from carprep.photo import RGB, View

WHOLE = [VIEWS.index(view) for view in VIEWS if view not in (View.PARTIAL, View.NONE)]
PARTIAL, NONE = VIEWS.index(View.PARTIAL), VIEWS.index(View.NONE)
CLIPPED, CUT = 0.08, 0.28  # shares of the car outside the frame: up to the first it is whole, from the second partial


@dataclass
class Sample:
    """A picture with its truth; what is unknown has weight 0.

    Attributes:
        pixels: uint8 sRGB (H, W, 3).
        alpha: uint8 (H, W).
        trust: uint8 (H, W); 0 where nobody knows.
        views: float32 (7,), probabilities.
        left, overlay: 0 to 1.
        weights: float32 (3,): of the view, the facing, the overlay.
    """

    pixels: RGB
    alpha: np.ndarray
    trust: np.ndarray
    views: np.ndarray
    left: float
    overlay: float
    weights: np.ndarray


def move(sample: Sample, frame: tuple[int, int], random: np.random.Generator) -> Sample:
    """Fit a sample into a frame (height, width), somewhat moved, scaled, turned, squashed, perhaps mirrored."""
    height, width = sample.alpha.shape
    matrix, mirrored = _matrix((height, width), frame, _centre(sample.alpha), random)
    size = (frame[1], frame[0])
    shrinks = abs(np.linalg.det(matrix[:, :2])) < 0.3
    source = cv2.GaussianBlur(sample.pixels, (0, 0), 0.8) if shrinks else sample.pixels
    pixels = cv2.warpAffine(source, matrix, size, flags=cv2.INTER_LINEAR, borderValue=(GREY,) * 3)
    alpha = cv2.warpAffine(sample.alpha, matrix, size, flags=cv2.INTER_LINEAR)
    # what lies outside the photo is no car, and that is certain where any of the mask is known
    outside = 255 if sample.trust.any() else 0
    trust = cv2.warpAffine(sample.trust, matrix, size, flags=cv2.INTER_NEAREST, borderValue=outside)
    moved = Sample(
        np.asarray(pixels, np.uint8), alpha, trust, sample.views, sample.left, sample.overlay, sample.weights.copy()
    )
    if mirrored:
        moved.left = 1 - moved.left
    before = float(sample.alpha.sum(dtype=np.float64)) * abs(float(np.linalg.det(matrix[:, :2])))
    return _cropped(moved, before)


def _centre(alpha: np.ndarray) -> tuple[float, float]:
    """The car's centre, or the photo's."""
    moments = cv2.moments(alpha[::4, ::4])
    if moments["m00"] < 255 * 20:
        return alpha.shape[1] / 2, alpha.shape[0] / 2
    return 4 * moments["m10"] / moments["m00"], 4 * moments["m01"] / moments["m00"]


def _matrix(
    shape: tuple[int, int], frame: tuple[int, int], centre: tuple[float, float], random: np.random.Generator
) -> tuple[np.ndarray, bool]:
    fit = min(frame[0] / shape[0], frame[1] / shape[1])
    gentle = random.random() < 0.45  # as it will be used: the whole photo, letterboxed
    zoom = np.exp(random.normal(0, 0.04) if gentle else random.uniform(-0.45, 0.42))
    squash = np.exp(random.normal(0, 0.22 if random.random() < 0.2 else 0.04))
    angle = np.deg2rad(random.normal(0, 6 if random.random() < 0.08 else 1.5))
    mirrored = bool(random.random() < 0.5)
    scale = fit * zoom * np.array([np.sqrt(squash), 1 / np.sqrt(squash)])
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    linear = turn * scale[None] * np.array([[-1.0 if mirrored else 1.0, 1.0]])
    middle = np.array([shape[1] / 2, shape[0] / 2])
    # closer crops look for the car rather than for the photo's middle
    towards = random.uniform(0, 1) if zoom > 1 else 0.0
    at = middle * (1 - towards) + np.array(centre) * towards
    jitter = random.normal(0, 0.02 if gentle else 0.08, 2) * np.array([frame[1], frame[0]])
    offset = np.array([frame[1] / 2, frame[0] / 2]) + jitter - linear @ at
    return np.concatenate([linear, offset[:, None]], 1).astype(np.float32), mirrored


def _cropped(sample: Sample, before: float) -> Sample:
    """A whole car that lost a part of itself is partial; one that lost a little has no certain view."""
    whole = float(sample.views[WHOLE].sum())
    if before <= 0 or whole < 0.5 or sample.weights[0] == 0:
        return sample
    lost = 1 - float(sample.alpha.sum(dtype=np.float64)) / before
    if lost > CUT:
        sample.views = np.eye(len(VIEWS), dtype=np.float32)[PARTIAL]
    elif lost > CLIPPED:
        sample.weights[0] = 0
    return sample


def spoil(sample: Sample, random: np.random.Generator) -> Sample:
    """Other light, other cameras, other codecs."""
    pixels: np.ndarray = _toned(sample.pixels, random)
    if random.random() < 0.12:
        pixels = cv2.GaussianBlur(pixels, (0, 0), random.uniform(0.4, 1.4))
    if random.random() < 0.12:
        factor = random.uniform(0.35, 0.8)
        small = cv2.resize(pixels, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
        pixels = cv2.resize(small, (pixels.shape[1], pixels.shape[0]), interpolation=cv2.INTER_LINEAR)
    if random.random() < 0.15:
        noise = random.normal(0, random.uniform(2, 10), pixels.shape[:2]).astype(np.int16)
        pixels = np.clip(pixels.astype(np.int16) + noise[..., None], 0, 255).astype(np.uint8)
    if random.random() < 0.2:
        _, data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, int(random.integers(25, 85))])
        pixels = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR))
    sample.pixels = np.asarray(pixels, np.uint8)
    return sample


def _toned(pixels: RGB, random: np.random.Generator) -> RGB:
    """Brightness, contrast, gamma and white balance as one table for each channel; now and then grey."""
    ramp = np.linspace(0, 1, 256)
    gamma, contrast, light = (
        np.exp(random.normal(0, 0.25)), np.exp(random.normal(0, 0.18)), random.normal(0, 0.06),
    )  # fmt: skip
    curve = (np.power(ramp, gamma) - 0.5) * contrast + 0.5 + light
    table = np.stack([curve * np.exp(random.normal(0, 0.06)) for _ in range(3)], -1)
    toned = cv2.LUT(pixels, np.clip(table * 255, 0, 255).astype(np.uint8)[None])
    if random.random() < 0.3:
        grey = cv2.cvtColor(toned, cv2.COLOR_RGB2GRAY)[..., None].repeat(3, 2)
        much = 1.0 if random.random() < 0.25 else random.uniform(-0.5, 0.9)
        toned = cv2.addWeighted(toned, 1 - much, grey, much, 0)
    elif random.random() < 0.3:
        # another paint: hues turned as far as they go round
        hsv = cv2.cvtColor(toned, cv2.COLOR_RGB2HSV)
        hsv[..., 0] = (hsv[..., 0].astype(np.int16) + int(random.integers(180))) % 180
        toned = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)
    return np.asarray(toned, np.uint8)


def edged(sample: Sample) -> Sample:
    """Make the outline count for more than the middle of the car and the far ground, which are soon learnt."""
    kernel = np.ones((7, 7), np.uint8)
    near = cv2.dilate(sample.alpha, kernel) - cv2.erode(sample.alpha, kernel) > 64
    sample.trust = np.where(near, sample.trust, (sample.trust * 0.35).astype(np.uint8)).astype(np.uint8)
    return sample
