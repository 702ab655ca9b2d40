"""Faces to pixels: a pinhole camera, nearer faces over farther ones, and for each pixel where on the car it lies."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from carprep.draw.mesh import Mesh


@dataclass(frozen=True)
class Camera:
    """A pinhole camera that looks at the car.

    Attributes:
        eye: its place, m, in the car's axes.
        right, up, ahead: unit vectors of the picture.
        zoom: px per unit of slope.
        middle: the picture's centre, px.
    """

    eye: np.ndarray
    right: np.ndarray
    up: np.ndarray
    ahead: np.ndarray
    zoom: float
    middle: tuple[float, float]

    def project(self, points: np.ndarray) -> np.ndarray:
        """Pixels of points, float64 (..., 3) -> (..., 2)."""
        away = points - self.eye
        depth = away @ self.ahead
        x = away @ self.right / depth * self.zoom + self.middle[0]
        y = -(away @ self.up) / depth * self.zoom + self.middle[1]
        return np.stack([x, y], axis=-1)


@dataclass(frozen=True)
class Hits:
    """What each pixel of a picture sees.

    Attributes:
        face: int32 (H, W), the face's number; -1 where there is none.
        where: float64 (N, 3), the seen points of the hit pixels, row by row, in the car's axes, m.
        normal: float64 (N, 3), unit normals towards the camera, smoothed within a part.
        part: int64 (N,).
        toward: float64 (N, 3), unit vectors to the camera.
    """

    face: np.ndarray
    where: np.ndarray
    normal: np.ndarray
    part: np.ndarray
    toward: np.ndarray


def camera(mesh: Mesh, degrees: float, elevation: float, distance: float, side: int, fill: float) -> Camera:
    """A camera that sees the whole car.

    Args:
        degrees: 0 sees the front, 90 the flank with the nose to the left, 180 the rear, 270 the nose to the right.
        elevation: height of the eye above the ground, m.
        distance: from the car's middle, m.
        side: of the square picture, px.
        fill: share of the side that the car's longer side takes.
    """
    turn = np.radians(degrees)
    target = np.array([0.0, 0.0, mesh.faces[..., 2].max() / 2])
    eye = np.array([np.cos(turn) * distance, np.sin(turn) * distance, elevation])
    ahead = (target - eye) / np.linalg.norm(target - eye)
    right = np.cross(ahead, [0, 0, 1.0])
    right /= np.linalg.norm(right)
    plain = Camera(eye, right, np.cross(right, ahead), ahead, 1.0, (0.0, 0.0))
    seen = plain.project(mesh.faces.reshape(-1, 3))
    low, high = seen.min(axis=0), seen.max(axis=0)
    zoom = side * fill / float((high - low).max())
    middle = side / 2 - zoom * (low + high) / 2
    return Camera(eye, right, plain.up, ahead, zoom, (float(middle[0]), float(middle[1])))


def cast(mesh: Mesh, camera: Camera, side: int) -> Hits:
    """Which face each pixel sees, and where."""
    order, normals = _visible(mesh, camera)
    corners = camera.project(mesh.faces)
    face = np.full((side, side), -1, np.int32)
    points = np.round(corners * 16).astype(np.int32)  # 4 fractional bits
    for number in order:
        cv2.fillConvexPoly(face, points[number], int(number), cv2.LINE_8, 4)
    rows, columns = np.nonzero(face >= 0)
    seen = face[rows, columns]
    rays = (
        camera.ahead
        + ((columns + 0.5 - camera.middle[0]) / camera.zoom)[:, None] * camera.right
        - ((rows + 0.5 - camera.middle[1]) / camera.zoom)[:, None] * camera.up
    )
    normal, base = normals[seen], mesh.faces[seen, 0]
    slope = np.einsum("ij,ij->i", rays, normal)
    slope = np.where(np.abs(slope) < 1e-3, -1e-3, slope)
    reach = np.einsum("ij,ij->i", base - camera.eye, normal) / slope
    where = camera.eye + rays * np.clip(reach, 0.1, 60)[:, None]
    toward = -rays / np.linalg.norm(rays, axis=1)[:, None]
    smooth = _smoothed(face, normal, mesh.parts[seen], rows, columns)
    return Hits(face, where, smooth, mesh.parts[seen], toward)


def _visible(mesh: Mesh, camera: Camera) -> tuple[np.ndarray, np.ndarray]:
    """Faces from far to near, and all faces' normals turned to the camera."""
    faces = mesh.faces
    normals = np.cross(faces[:, 2] - faces[:, 0], faces[:, 3] - faces[:, 1])
    length = np.linalg.norm(normals, axis=1)
    normals /= np.maximum(length, 1e-12)[:, None]
    centres = faces.mean(axis=1)
    towards = np.einsum("ij,ij->i", normals, camera.eye - centres)
    normals *= np.where(towards < 0, -1.0, 1.0)[:, None]
    distance = np.linalg.norm(centres - camera.eye, axis=1)
    order = np.argsort(-distance, kind="stable")
    return order[length[order] > 1e-9], normals


def _smoothed(
    face: np.ndarray, normal: np.ndarray, part: np.ndarray, rows: np.ndarray, columns: np.ndarray
) -> np.ndarray:
    """Blur the normals within each part, so that flat faces shade like a curved panel."""
    out = normal.copy()
    half = (face.shape[0] + 1) // 2, (face.shape[1] + 1) // 2
    for name in np.unique(part):
        own = part == name
        y, x = rows[own] // 2, columns[own] // 2  # a blurred normal needs no more
        image = np.zeros((*half, 4), np.float32)
        image[y, x, :3], image[y, x, 3] = normal[own], 1
        blurred = cv2.GaussianBlur(image, (0, 0), half[0] / 110)[y, x]
        out[own] = blurred[:, :3] / np.maximum(blurred[:, 3:], 1e-6)
    return np.asarray(out / np.maximum(np.linalg.norm(out, axis=1), 1e-9)[:, None])
