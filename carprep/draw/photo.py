"""One drawn photo: which car, how it stands, on which ground; the same for the same seed and number."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from carprep.draw import scene
from carprep.draw.car import PAINTS, Car, random_car, repainted
from carprep.draw.drawing import draw_car, view_of
from carprep.draw.key import Kind
from carprep.photo import RGB, Alpha

# degrees on the left-facing side, well clear of the borders between views; fronts are what people collect
ANGLES = ((0, 2), (24, 62), (24, 62), (24, 62), (80, 100), (118, 156), (178, 180))
GROUNDS = ("white", "white", "studio", "studio")


@dataclass(frozen=True)
class Pose:
    """Everything that a drawn photo is made from.

    Attributes:
        width, height: px.
        degrees: 0 front, 90 flank with the nose to the left.
        fill: share of the photo that the car takes.
        ground: white, studio, checkerboard or street.
        seed: of the ground's details.
    """

    car: Car
    width: int
    height: int
    degrees: float
    elevation: float
    fill: float
    ground: str
    seed: int


@dataclass(frozen=True)
class Shot:
    """A drawn photo: uint8 sRGB (H, W, 3), its exact mask float32 (H, W), and how the car in it stands."""

    pixels: RGB
    mask: Alpha
    pose: Pose

    @property
    def view(self) -> tuple[str, str]:
        """View and facing."""
        view, facing = view_of(self.pose.degrees)
        return str(view), facing


def random_pose(random: np.random.Generator, side: int) -> Pose:
    """A good photo's pose: one whole car on a plain ground."""
    low, high = ANGLES[int(random.integers(len(ANGLES)))]
    degrees = float(random.uniform(low, high)) * (1 if random.random() < 0.5 else -1)
    height = int(side * random.uniform(0.9, 1.3))
    return Pose(
        car=random_car(random),
        width=int(height * random.uniform(1.25, 1.6)),
        height=height,
        degrees=round(degrees % 360, 1),
        elevation=float(random.uniform(1.1, 2.2)),
        fill=float(random.uniform(0.70, 0.84)),
        ground=GROUNDS[int(random.integers(len(GROUNDS)))],
        seed=int(random.integers(1 << 31)),
    )


def shoot(pose: Pose, shift: tuple[float, float] = (0.0, 0.0)) -> Shot:
    """Draw a photo, its car off the middle by shares of width and height."""
    pixels, mask = add_car(ground(pose), pose, shift)
    return Shot(pixels, mask, pose)


def add_car(onto: RGB, pose: Pose, shift: tuple[float, float] = (0.0, 0.0)) -> tuple[RGB, Alpha]:
    """Put a pose's car into a picture, off the middle by shares of its width and height."""
    side = max(pose.width, pose.height)
    # seen from the end a car is about as high as wide, so the photo's height is what it must fit
    end_on = abs((pose.degrees + 90) % 180 - 90) < 15
    fill = pose.fill * (pose.height if end_on else min(side, 1.25 * pose.height)) / side
    car = draw_car(pose.car, pose.degrees, side, fill, pose.elevation)
    left = (pose.width - side) // 2 + round(shift[0] * pose.width)
    top = (pose.height - side) // 2 + round(shift[1] * pose.height)
    return scene.place(onto, car, left, top, 0.8 if pose.ground != "checkerboard" else 0.25)


def ground(pose: Pose) -> RGB:
    """The ground of a pose, without the car."""
    random = np.random.default_rng(pose.seed)
    if pose.ground == "street":
        return scene.street(pose.width, pose.height, random)
    if pose.ground == "studio":
        return scene.studio(pose.width, pose.height, random)
    if pose.ground == "checkerboard":
        return scene.checkerboard(pose.width, pose.height, max(6, pose.height // 32))
    return scene.white(pose.width, pose.height)


def planted(kind: Kind, pose: Pose) -> Shot:
    """Draw a photo with what is special about its kind, as far as that is in the picture and not in the file."""
    random = np.random.default_rng(pose.seed + 1)
    blank = np.zeros((pose.height, pose.width), np.float32)
    match kind:
        case Kind.BUSY:
            return shoot(replace(pose, ground="street"))
        case Kind.CHECKERBOARD:
            return shoot(replace(pose, ground="checkerboard"))
        case Kind.TINY:
            return shoot(replace(pose, fill=44 / pose.width))
        case Kind.CUT_OFF:
            side = 0.45 if random.random() < 0.5 else -0.45
            return shoot(replace(pose, fill=1.25), (side, 0.05))
        case Kind.SEVERAL:
            return _two(pose, random)
        case Kind.NO_CAR:
            street = replace(pose, ground="street")
            return Shot(ground(street), blank, street)
        case Kind.ONE_COLOUR:
            return Shot(np.full((*blank.shape, 3), random.integers(0, 256, 3), np.uint8), blank, pose)
    return _spoilt(kind, shoot(pose), random)


def recoloured(pose: Pose) -> Pose:
    """The same pose with the car in a clearly other paint."""
    random = np.random.default_rng(pose.seed + 2)
    far = [paint for paint in PAINTS if _apart(paint, pose.car.paint) > 120]
    return replace(pose, car=repainted(pose.car, far[int(random.integers(len(far)))], random))


def _apart(one: str, other: str) -> float:
    return float(np.linalg.norm(np.array(PAINTS[one], float) - PAINTS[other]))


def _spoilt(kind: Kind, shot: Shot, random: np.random.Generator) -> Shot:
    if kind is Kind.BARS:
        return replace(shot, pixels=scene.bars(shot.pixels, 0.08))
    if kind is Kind.BANNER:
        return replace(shot, pixels=scene.banner(shot.pixels, f"BEST PRICE  No. {int(random.integers(1000, 9999))}"))
    if kind is Kind.BLURRED:
        blurred = cv2.GaussianBlur(shot.pixels, (0, 0), max(shot.pixels.shape) / 70)
        return replace(shot, pixels=np.asarray(blurred, np.uint8))
    return shot


def _two(pose: Pose, random: np.random.Generator) -> Shot:
    small = replace(pose, fill=0.40)
    other = replace(small, car=random_car(random))
    pixels, mask = add_car(ground(small), small, (-0.25, 0.0))
    pixels, second = add_car(pixels, other, (0.25, 0.0))
    return Shot(pixels, np.maximum(mask, second), small)
