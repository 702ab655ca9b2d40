"""A car's surface as flat quadrilaterals, each with the part of the car that it belongs to."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from carprep.draw.car import Car, Shape


class Part(IntEnum):
    """What a face belongs to; paint and shading depend on it."""

    BODY = 0
    WINDOWS = 1  # the sides of the greenhouse
    ROOF = 2  # its top: roof, windscreen, rear window
    TYRE = 3
    RIM = 4
    MIRROR = 5


@dataclass(frozen=True)
class Mesh:
    """Faces in metres: x forward from the car's middle, y to its left, z up from the ground.

    Attributes:
        faces: float64 (F, 4, 3).
        parts: int64 (F,).
    """

    faces: np.ndarray
    parts: np.ndarray


STATIONS = 56  # cross-sections along the body


def mesh(car: Car) -> Mesh:
    """The whole surface of a car."""
    shape = car.shape
    pieces = [
        (_body(shape), Part.BODY),
        *zip(_greenhouse(shape), (Part.WINDOWS, Part.ROOF), strict=True),
        (_mirrors(shape), Part.MIRROR),
    ]
    for x, y in wheels(shape):
        tyre, rim = _wheel(x, y, radius(shape), tyre_width(shape))
        pieces += [(tyre, Part.TYRE), (rim, Part.RIM)]
    faces = np.concatenate([piece for piece, _ in pieces])
    parts = np.concatenate([np.full(len(piece), part) for piece, part in pieces])
    return Mesh(faces, parts)


def radius(shape: Shape) -> float:
    """A wheel's, m."""
    return 0.195 * shape.height + 0.05


def tyre_width(shape: Shape) -> float:
    """A tyre's, m."""
    return 0.12 * shape.width


def wheels(shape: Shape) -> list[tuple[float, float]]:
    """The wheels' outer centres on the ground plane: (x, y)."""
    front, back = shape.length * 0.30, -shape.length * 0.305
    side = shape.width * 0.485
    return [(x, y) for x in (front, back) for y in (side, -side)]


def belt_height(shape: Shape, x: np.ndarray) -> np.ndarray:
    """Height of the body's upper edge along the car, m; x in metres from its middle."""
    knots = [0, shape.rear, shape.rear + 0.08, shape.cowl, 0.93, 1]
    heights = [shape.boot - 0.05, shape.boot, shape.belt, shape.belt + 0.01, shape.bonnet + 0.02, shape.bonnet - 0.08]
    return np.interp(x / shape.length + 0.5, knots, heights)


def half_width(shape: Shape, x: np.ndarray) -> np.ndarray:
    """Half the body's width along the car, m."""
    u = np.abs(2 * x / shape.length)
    return shape.width / 2 * (1 - 0.04 * u**2 - 0.16 * u**9)


def roof_height(shape: Shape, x: np.ndarray) -> np.ndarray:
    """Height of the roof along the car, m; the belt's where there is none."""
    back, front = shape.roof
    knots = [shape.rear, back, (back + front) / 2, front, shape.cowl]
    belt = belt_height(shape, x)
    top = np.interp(x / shape.length + 0.5, knots, [0, 0.95, 1, 0.97, 0])
    return belt + top * (shape.height - belt)


def _body(shape: Shape) -> np.ndarray:
    u = np.sin(np.linspace(-np.pi / 2, np.pi / 2, STATIONS))  # closer together at nose and tail, where it bends
    x = u * shape.length / 2
    bend = np.sqrt(np.clip(1 - (np.clip(np.abs(u) - 0.9, 0, None) / 0.1) ** 2, 0, 1))
    width = half_width(shape, x) * (0.90 + 0.10 * bend)
    low = shape.clearance + 0.10 * (1 - bend) + 0.03 * np.abs(u) ** 4
    high = belt_height(shape, x) - 0.07 * (1 - bend)
    across = np.array([0.80, 0.96, 1.0, 1.0, 0.985, 0.93, 0.80, 0.45, 0.0])
    up = np.array([0.0, 0.07, 0.30, 0.52, 0.78, 0.94, 1.0, 1.02, 1.03])
    ring_y = np.concatenate([across, -across[-2::-1]])
    ring_z = np.concatenate([up, up[-2::-1]])
    rings = np.stack(
        [
            np.repeat(x[:, None], len(ring_y), 1),
            width[:, None] * ring_y,
            low[:, None] + (high - low)[:, None] * ring_z,
        ],
        axis=2,
    )
    half = len(across)
    caps = [_cap(rings[end], half) for end in (0, -1)]
    floor = _strip(np.stack([rings[:, 0], rings[:, -1]], axis=1))
    return np.concatenate([_strip(rings), *caps, floor])


def _cap(ring: np.ndarray, half: int) -> np.ndarray:
    left, right = ring[:half], ring[::-1][:half]
    return np.stack([left[:-1], left[1:], right[1:], right[:-1]], axis=1)


def _strip(rings: np.ndarray) -> np.ndarray:
    """Quadrilaterals between neighbouring rings of points, float64 (S, P, 3) -> (F, 4, 3)."""
    quads = np.stack([rings[:-1, :-1], rings[1:, :-1], rings[1:, 1:], rings[:-1, 1:]], axis=2)
    return quads.reshape(-1, 4, 3)


def _greenhouse(shape: Shape) -> tuple[np.ndarray, np.ndarray]:
    x = (np.linspace(shape.rear, shape.cowl, 40) - 0.5) * shape.length
    belt, roof = belt_height(shape, x) - 0.02, roof_height(shape, x)
    share = (roof - belt) / (shape.height - belt)
    base = half_width(shape, x) * 0.94
    top = base * (1 - 0.24 * share)

    def ring(width: np.ndarray, height: np.ndarray) -> np.ndarray:
        return np.stack([x, width, height], axis=1)

    edge = belt + (roof - belt) * 0.93
    sides = []
    for sign in (1, -1):
        rows = [belt, belt + (edge - belt) * 0.5, edge]
        widths = [base, (base + top) / 2 + 0.015 * share, top]
        rings = np.stack([ring(sign * w, z) for w, z in zip(widths, rows, strict=True)], axis=1)
        sides.append(_strip(rings if sign > 0 else rings[:, ::-1]))
    across = np.array([1.0, 0.93, 0.6, 0.0, -0.6, -0.93, -1.0])
    drop = np.array([1.0, 0.25, 0.05, 0.0, 0.05, 0.25, 1.0])
    rings = np.stack([ring(top * a, roof - (roof - edge) * d) for a, d in zip(across, drop, strict=True)], axis=1)
    return np.concatenate(sides), _strip(rings)


def _mirrors(shape: Shape) -> np.ndarray:
    x = (shape.cowl - 0.5) * shape.length - 0.42
    z = float(belt_height(shape, np.array([x]))[0]) + 0.08
    width = float(half_width(shape, np.array([x]))[0])
    boxes = [_box((x, sign * (width + 0.07), z), (0.07, 0.11, 0.075)) for sign in (1, -1)]
    return np.concatenate(boxes)


def _box(centre: tuple[float, float, float], half: tuple[float, float, float]) -> np.ndarray:
    corners = np.array([[i, j, k] for i in (-1, 1) for j in (-1, 1) for k in (-1, 1)]) * half + centre
    sides = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    return np.stack([corners[list(side)] for side in sides])


def _wheel(x: float, y: float, size: float, thick: float) -> tuple[np.ndarray, np.ndarray]:
    """Tread and tyre wall, and the rim's disc, which stands a little inside the wall."""
    turn = np.linspace(0, 2 * np.pi, 33)
    sign = np.sign(y)

    def ring(share: float, depth: float) -> np.ndarray:
        return np.stack(
            [x + size * share * np.cos(turn), np.full_like(turn, y - sign * depth), size + size * share * np.sin(turn)],
            1,
        )

    tread = _strip(np.stack([ring(1, thick), ring(1, 0.03)], axis=1))
    wall = _strip(np.stack([ring(1, 0.03), ring(0.9, 0), ring(0.70, 0.01)], axis=1))
    disc = _strip(np.stack([ring(0.70, 0.012), ring(0.001, 0.03)], axis=1))
    return np.concatenate([tread, wall]), disc
