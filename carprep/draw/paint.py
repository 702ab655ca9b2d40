"""What each point of a car looks like: paint, glass, lamps, grille, plates, wheels, and the light on them."""

from __future__ import annotations

import numpy as np

from carprep.draw.car import Car
from carprep.draw.mesh import Part, belt_height, radius, roof_height, wheels
from carprep.draw.raster import Hits

LIGHT = np.array([0.35, 0.5, 0.8]) / np.linalg.norm([0.35, 0.5, 0.8])
RUBBER, PLASTIC, GLASS, GAP = (24, 24, 26), (38, 39, 42), (38, 54, 68), (14, 14, 16)
CHROME, AMBER, CLEAR, RED = (205, 208, 212), (240, 150, 40), (238, 244, 250), (190, 16, 24)


def shade(car: Car, hits: Hits) -> np.ndarray:
    """Colours of the hit pixels, float64 (N, 3), 0 to 255."""
    colour = np.tile(np.array(car.tint), (len(hits.where), 1))
    gloss = np.full(len(colour), 0.35)
    for part, dress in ((Part.BODY, _body), (Part.WINDOWS, _windows), (Part.ROOF, _roof), (Part.RIM, _rim)):
        own = hits.part == part
        colour[own], gloss[own] = dress(car, hits.where[own], hits.normal[own], colour[own], gloss[own])
    tyre = hits.part == Part.TYRE
    colour[tyre], gloss[tyre] = RUBBER, 0.03
    return _lit(colour, gloss, hits)


def _lit(colour: np.ndarray, gloss: np.ndarray, hits: Hits) -> np.ndarray:
    """Diffuse light from above, and a reflected surrounding of bright sky over a darker ground."""
    diffuse = np.clip(hits.normal @ LIGHT, 0, 1)
    below = np.clip(0.5 + 0.5 * hits.normal[:, 2], 0, 1)
    facing = np.einsum("ij,ij->i", hits.normal, hits.toward)
    reflected = 2 * facing[:, None] * hits.normal - hits.toward
    sky = 1 / (1 + np.exp(-12 * (reflected[:, 2] - 0.12)))
    surrounding = (60 + 190 * sky * (0.75 + 0.25 * reflected[:, 2].clip(0, 1)))[:, None]
    fresnel = gloss * (0.35 + 0.65 * (1 - facing.clip(0, 1)) ** 3)
    glint = gloss * 120 * np.clip(reflected @ LIGHT, 0, 1) ** 40
    dark = 0.55 + 0.45 * np.clip(hits.where[:, 2] / 0.5, 0, 1)  # less light reaches what is near the ground
    base = colour * ((0.50 + 0.46 * diffuse + 0.22 * below) * dark)[:, None]
    light = base * (1 - fresnel[:, None]) + surrounding * fresnel[:, None] + glint[:, None]
    return np.asarray(np.clip(light, 0, 255))


def _body(
    car: Car, where: np.ndarray, normal: np.ndarray, colour: np.ndarray, gloss: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    shape, (x, y, z) = car.shape, where.T
    ahead, wide = x / shape.length + 0.5, np.abs(y)

    def put(mask: np.ndarray, paint: tuple[int, int, int], shine: float) -> None:
        colour[mask], gloss[mask] = paint, shine

    put(z < shape.clearance + (0.16 if shape.name == "suv" else 0.07), PLASTIC, 0.05)
    _doors(car, where, put)
    _front(car, (ahead, y, z), normal, put)
    _back(car, (ahead, y, z), normal, put)
    arch = radius(shape) * 1.13
    for wheel, _ in wheels(shape)[::2]:
        away = np.hypot(x - wheel, z - radius(shape))
        put((away < arch) & (wide > shape.width * 0.36), GAP, 0.0)
        rim = (away >= arch) & (away < arch + 0.035) & (wide > shape.width * 0.36)
        if shape.name == "suv":
            put(rim, PLASTIC, 0.05)
    return colour, gloss


def _doors(car: Car, where: np.ndarray, put) -> None:  # type: ignore[no-untyped-def]
    shape, (x, y, z) = car.shape, where.T
    flank = np.abs(y) > shape.width * 0.42
    belt = belt_height(shape, x)
    high = flank & (z > shape.clearance + 0.12) & (z < belt)
    seams = [(shape.cowl - 0.5) * shape.length - 0.30, 0.02 * shape.length, -0.22 * shape.length]
    for number, seam in enumerate(seams):
        put(high & (np.abs(x - seam) < 0.008), GAP, 0.0)
        if number:
            handle = (np.abs(x - seam - 0.16) < 0.09) & (np.abs(z - belt + 0.13) < 0.018)
            put(high & handle, GAP, 0.2)
    put(flank & (np.abs(z - shape.clearance - 0.20) < 0.006) & (x > seams[2]) & (x < seams[0]), GAP, 0.1)


def _front(car: Car, at: tuple[np.ndarray, np.ndarray, np.ndarray], normal: np.ndarray, put) -> None:  # type: ignore[no-untyped-def]
    shape, (ahead, y, z) = car.shape, at
    wide, nose = np.abs(y) / (shape.width / 2), ahead > 0.955
    top, low = shape.bonnet - 0.06, shape.clearance
    tall = top - low
    up = (z - low) / tall
    if car.grille < 2:
        mesh = nose & (wide < 0.48) & (up > 0.52) & (up < 0.84)
        put(mesh, GAP, 0.1)
        pattern = np.sin(z * 160) if car.grille == 0 else np.sin(z * 170) * np.sin(y * 170)
        put(mesh & (pattern > 0.55), CHROME, 0.3)
        put(nose & (np.abs(up - 0.86) < 0.015) & (wide < 0.5), CHROME, 0.5)
    put(nose & (wide < 0.72) & (up > 0.10) & (up < 0.30), PLASTIC, 0.05)
    put(nose & (wide < 0.29) & (up > 0.34) & (up < 0.46), car.plate, 0.05)
    digits = np.sin(y * 95 + 1.3) + np.sin(y * 41) > 0.35
    put(nose & (wide < 0.24) & (up > 0.365) & (up < 0.435) & digits, (30, 30, 36), 0.0)
    put(nose & (np.hypot(y, (z - low - 0.70 * tall)) < 0.055), CHROME, 0.6)
    lamp = _lamp(car, wide, up, ahead)
    put(lamp, CLEAR, 0.25)
    put(lamp & (np.sin(y * 55) * np.sin(z * 60) > 0.45), (150, 165, 185), 0.5)
    put((ahead > 0.93) & (np.abs(wide - 0.78) < 0.07) & (np.abs(up - 0.2) < 0.05), CLEAR, 0.2)


def _lamp(car: Car, wide: np.ndarray, up: np.ndarray, along: np.ndarray) -> np.ndarray:
    """Where the headlamps are, `along` being 1 at the nose."""
    if car.lamps == 2:
        return (along > 0.93) & (np.hypot((wide - 0.72) * 1.0, (up - 0.74) * 0.62) < 0.15)
    low, high = ((0.62, 0.84), (0.55, 0.92))[car.lamps]
    slope = 0.10 * (wide - 0.5)
    return (along > 0.90) & (wide > 0.50) & (up > low + slope) & (up < high + slope)


def _back(car: Car, at: tuple[np.ndarray, np.ndarray, np.ndarray], normal: np.ndarray, put) -> None:  # type: ignore[no-untyped-def]
    shape, (ahead, y, z) = car.shape, at
    wide, tail = np.abs(y) / (shape.width / 2), ahead < 0.04
    low = shape.clearance
    up = (z - low) / (shape.boot - low)
    put(tail & (wide < 0.9) & (up < 0.22), PLASTIC, 0.05)
    put(tail & (np.abs(up - 0.93) < 0.012) & (wide < 0.6), GAP, 0.1)
    put(tail & (wide < 0.29) & (up > 0.50) & (up < 0.62), car.plate, 0.05)
    digits = np.sin(y * 95 + 0.4) + np.sin(y * 43) > 0.35
    put(tail & (wide < 0.24) & (up > 0.525) & (up < 0.595) & digits, (30, 30, 36), 0.0)
    put(tail & (np.abs(up - 0.67) < 0.02) & (wide < 0.33), CHROME, 0.5)
    low_edge = (0.62, 0.50, 0.66)[car.lamps]
    lamp = (ahead < 0.075) & (wide > 0.58) & (up > low_edge) & (up < 0.92)
    put(lamp, RED, 0.35)
    put(lamp & (up < low_edge + 0.09), AMBER, 0.3)
    put(lamp & (np.abs(wide - 0.68) < 0.05) & (up > low_edge + 0.1) & (up < low_edge + 0.17), CLEAR, 0.3)


def _windows(
    car: Car, where: np.ndarray, normal: np.ndarray, colour: np.ndarray, gloss: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    shape, (x, _, z) = car.shape, where.T
    belt, roof = belt_height(shape, x), roof_height(shape, x)
    start, end = ((share - 0.5) * shape.length for share in (shape.rear + 0.05, shape.cowl - 0.02))
    pane = (z > belt + 0.02) & (z < belt + (roof - belt) * 0.86) & (x > start) & (x < end)
    for pillar, wide in ((0.02 * shape.length, 0.045), (-0.22 * shape.length, 0.05)):
        pane &= np.abs(x - pillar) > wide
    colour[pane], gloss[pane] = GLASS, 0.9
    if car.two_tone:
        top = ~pane & (z > belt + 0.1)
        colour[top] = PLASTIC
    return colour, gloss


def _roof(
    car: Car, where: np.ndarray, normal: np.ndarray, colour: np.ndarray, gloss: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    shape, (x, y, z) = car.shape, where.T
    ahead = x / shape.length + 0.5
    if car.two_tone:
        colour[:], gloss[:] = PLASTIC, 0.4
    belt = belt_height(shape, x)
    share = (z - belt) / np.maximum(shape.height - belt, 0.1)
    narrow = np.abs(y) < shape.width / 2 * (0.94 - 0.24 * share) * 0.90
    for front, edge in ((True, shape.roof[1]), (False, shape.roof[0])):
        beyond = ahead > edge + 0.005 if front else ahead < edge - 0.005
        pane = beyond & narrow & (share > (0.06 if front else 0.14)) & (share < 0.92)
        colour[pane], gloss[pane] = GLASS, 0.9
    return colour, gloss


def _rim(
    car: Car, where: np.ndarray, normal: np.ndarray, colour: np.ndarray, gloss: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    shape, (x, _, z) = car.shape, where.T
    size = radius(shape)
    centre = np.where(x > 0, wheels(shape)[0][0], wheels(shape)[2][0])
    away = np.hypot(x - centre, z - size) / size
    turn = np.arctan2(z - size, x - centre)
    metal = np.array([215, 218, 222]) * car.rim
    colour[:], gloss[:] = GAP, 0.05
    spoke = (np.cos(turn * car.spokes) > 0.15) | (away > 0.60) | (away < 0.16)
    colour[spoke], gloss[spoke] = metal, 0.3
    colour[away < 0.07] = PLASTIC
    return colour, gloss
