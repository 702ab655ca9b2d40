"""A car as numbers: body, proportions, paint. Everything else is drawn from these."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# sRGB of the ten paints that carprep tells apart
PAINTS = {
    "white": (240, 240, 238),
    "silver": (178, 182, 186),
    "grey": (104, 108, 112),
    "black": (26, 27, 30),
    "red": (186, 20, 28),
    "orange": (232, 98, 20),
    "yellow": (240, 196, 24),
    "green": (34, 118, 62),
    "blue": (24, 74, 168),
    "brown": (98, 62, 40),
}
COMMON = np.array([4, 3, 2.5, 2, 4, 2, 2, 2, 4, 1.5])  # how often each is drawn


@dataclass(frozen=True)
class Shape:
    """A kind of body, lengths in metres; x runs from the tail (0) to the nose (1) in shares of the length.

    Attributes:
        length, width, height: of the whole car.
        clearance: of the sills above the ground.
        belt: height of the side windows' lower edge.
        bonnet, boot: height of the bonnet's front edge and of the boot's rear edge.
        cowl, rear: where windscreen and rear window meet the body, share of the length.
        roof: where the roof starts at the back and ends in front, shares of the length.
    """

    name: str
    length: float
    width: float
    height: float
    clearance: float
    belt: float
    bonnet: float
    boot: float
    cowl: float
    rear: float
    roof: tuple[float, float]


SHAPES = (
    Shape("hatchback", 3.75, 1.70, 1.50, 0.20, 0.95, 0.78, 0.96, 0.75, 0.03, (0.12, 0.58)),
    Shape("saloon", 4.45, 1.76, 1.45, 0.18, 0.93, 0.74, 0.95, 0.72, 0.10, (0.28, 0.55)),
    Shape("suv", 4.35, 1.84, 1.68, 0.28, 1.10, 0.95, 1.10, 0.73, 0.02, (0.08, 0.58)),
    Shape("van", 4.30, 1.80, 1.78, 0.20, 1.05, 0.88, 1.05, 0.83, 0.01, (0.05, 0.66)),
    Shape("coupe", 4.30, 1.80, 1.32, 0.15, 0.88, 0.68, 0.90, 0.68, 0.08, (0.33, 0.50)),
)


@dataclass(frozen=True)
class Car:
    """One car.

    Attributes:
        shape: its body.
        paint: name of its paint, one of `PAINTS`.
        tint: its paint's sRGB, uint8 range, a little off the name's own.
        lamps: 0 narrow, 1 tall, 2 round.
        grille: 0 bars, 1 mesh, 2 none.
        spokes: of each rim.
        rim: brightness of the rims, 0 to 1.
        plate: sRGB of the number plate.
        two_tone: whether the roof is black.
    """

    shape: Shape
    paint: str
    tint: tuple[float, float, float]
    lamps: int
    grille: int
    spokes: int
    rim: float
    plate: tuple[int, int, int]
    two_tone: bool


def random_car(random: np.random.Generator, paint: str | None = None) -> Car:
    """Any car; with `paint` in that one."""
    base = SHAPES[int(random.integers(len(SHAPES)))]
    grow = 1 + random.uniform(-0.05, 0.05, 3)
    shape = Shape(
        base.name,
        base.length * grow[0],
        base.width * grow[1],
        base.height * grow[2],
        base.clearance * random.uniform(0.9, 1.1),
        base.belt * grow[2],
        base.bonnet * grow[2] * random.uniform(0.96, 1.04),
        base.boot * grow[2] * random.uniform(0.97, 1.03),
        base.cowl + random.uniform(-0.02, 0.02),
        base.rear,
        (base.roof[0] + random.uniform(-0.02, 0.02), base.roof[1] + random.uniform(-0.03, 0.02)),
    )
    names = list(PAINTS)
    drawn = names[int(random.choice(len(names), p=COMMON / COMMON.sum()))]
    details = random.integers(3), random.integers(3), random.integers(5, 11), random.uniform(0.45, 0.85)
    plate = (250, 250, 245) if random.random() < 0.7 else (245, 205, 60)
    car = Car(shape, drawn, (0, 0, 0), int(details[0]), int(details[1]), int(details[2]), float(details[3]), plate,
              bool(random.random() < 0.2))  # fmt: skip
    return repainted(car, paint or drawn, random)


def repainted(car: Car, paint: str, random: np.random.Generator) -> Car:
    """The same car in another paint."""
    values = {name: getattr(car, name) for name in car.__dataclass_fields__}
    tint = np.clip(np.array(PAINTS[paint]) + random.uniform(-7, 7, 3), 0, 255)
    return Car(**{**values, "paint": paint, "tint": (float(tint[0]), float(tint[1]), float(tint[2]))})
