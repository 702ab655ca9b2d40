"""One car, drawn: colour, exact mask, and the shadow it casts on the floor."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from carprep.draw.car import Car
from carprep.draw.mesh import Mesh, mesh
from carprep.draw.paint import shade
from carprep.draw.raster import Camera, camera, cast
from carprep.photo import RGB, Alpha, View

FINE = 2  # pixels drawn for each pixel of the picture, each way; averaging them is the antialiasing


@dataclass(frozen=True)
class Drawn:
    """A drawn car.

    Attributes:
        colour: uint8 sRGB (S, S, 3), straight; its own colour also under partial alpha.
        alpha: float32 (S, S) in [0, 1], the car without its shadow, exact.
        shadow: float32 (S, S) in [0, 1], how much light the floor loses.
    """

    colour: RGB
    alpha: Alpha
    shadow: Alpha


def draw_car(car: Car, degrees: float, side: int, fill: float = 0.82, elevation: float = 1.5) -> Drawn:
    """Draw a car.

    Args:
        degrees: 0 front, 90 flank with the nose to the left, 180 rear, 270 flank with the nose to the right.
        side: of the square picture, px.
        fill: share of the side that the car's longer side takes.
        elevation: height of the camera above the ground, m.
    """
    solid = mesh(car)
    view = camera(solid, degrees, elevation, 8.5, side * FINE, fill)
    hits = cast(solid, view, side * FINE)
    seen = hits.face >= 0
    fine = np.zeros((*seen.shape, 4), np.float32)
    fine[seen, :3], fine[seen, 3] = shade(car, hits), 1
    small = np.asarray(cv2.resize(fine, (side, side), interpolation=cv2.INTER_AREA), np.float32)
    alpha = small[..., 3]
    colour = small[..., :3] / np.maximum(alpha, 1e-6)[..., None]
    return Drawn(np.clip(colour + 0.5, 0, 255).astype(np.uint8), alpha, _shadow(car, solid, view, side))


def view_of(degrees: float) -> tuple[View, str]:
    """The view and the facing at an angle, for a car of 4.4 by 1.8 m seen from afar."""
    angle = degrees % 360
    off_axis = min(angle, 360 - angle)
    nose = "left" if angle < 180 else "right"
    if off_axis <= 5:
        return View.FRONT, "none"
    if off_axis >= 175:
        return View.REAR, "none"
    if abs(off_axis - 90) <= 19:
        return View.SIDE, nose
    return (View.FRONT_SIDE if off_axis < 90 else View.REAR_SIDE), nose


def _shadow(car: Car, solid: Mesh, view: Camera, side: int) -> Alpha:
    """A soft shadow about the car's footprint, darkest under the middle."""
    shape = car.shape
    turn = np.linspace(0, 2 * np.pi, 48)
    round_ = np.sign(np.cos(turn)) * np.abs(np.cos(turn)) ** 0.4, np.sign(np.sin(turn)) * np.abs(np.sin(turn)) ** 0.4
    layers = []
    for grow, blur, dark in ((1.06, 40, 0.35), (0.97, 90, 0.55)):
        x, y = round_[0] * shape.length / 2 * grow, round_[1] * shape.width / 2 * grow
        floor = np.stack([x, y, np.zeros_like(x)], axis=1)
        image = np.zeros((side, side), np.float32)
        cv2.fillPoly(image, [np.round(view.project(floor) / FINE * 16).astype(np.int32)], dark, cv2.LINE_AA, 4)
        layers.append(cv2.GaussianBlur(image, (0, 0), side / blur))
    return np.asarray(np.clip(layers[0] + layers[1], 0, 1), np.float32)
