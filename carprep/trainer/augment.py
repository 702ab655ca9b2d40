"""DiffAugment (Zhao et al. 2020): reals and fakes are recoloured, moved and punched; gradients pass."""

from __future__ import annotations

import torch
from torch import Tensor

from carprep.trainer.chance import Warp

SHIFT = 1 / 8  # of the side, either way
HOLE = 1 / 2  # of the side


def diffaugment(pictures: Tensor, warp: Warp) -> Tensor:
    """Recolour, move and punch (B, 3, S, S) in [-1, 1]; what moves in is white, as the pictures' ground is."""
    return punched(moved(recoloured(pictures, warp.colour), warp.shift), warp.hole)


def recoloured(pictures: Tensor, colour: Tensor) -> Tensor:
    """Brightness by -0.5 to 0.5, saturation by 0 to 2, contrast by 0.5 to 1.5."""
    brightness, saturation, contrast = colour
    pictures = pictures + (brightness - 0.5)
    grey = pictures.mean(1, keepdim=True)
    pictures = (pictures - grey) * (saturation * 2) + grey
    middle = pictures.mean((1, 2, 3), keepdim=True)
    return (pictures - middle) * (contrast + 0.5) + middle


def moved(pictures: Tensor, shift: Tensor) -> Tensor:
    """Move by up to an eighth of the side, each its own way."""
    count, _, side, _ = pictures.shape
    far = max(1, round(side * SHIFT))
    down, right = (shift * (2 * far + 1)).long() - far  # (B,) each
    place = torch.arange(side, device=pictures.device)
    rows = (place[None] - down[:, None]).clamp(-1, side) + 1  # (B, S), into the padded plane
    columns = (place[None] - right[:, None]).clamp(-1, side) + 1
    padded = torch.nn.functional.pad(pictures, (1, 1, 1, 1), value=1.0)
    each = torch.arange(count, device=pictures.device)[:, None, None]
    return padded.permute(0, 2, 3, 1)[each, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def punched(pictures: Tensor, hole: Tensor) -> Tensor:
    """Grey out a square of half the side, which may reach over the edge."""
    side = pictures.shape[2]
    half = round(side * HOLE) // 2
    place = torch.arange(side, device=pictures.device)
    middle = (hole * (side + 1)).long()
    rows, columns = (((place[None] - m[:, None]) >= -half) & ((place[None] - m[:, None]) < half) for m in middle)
    return pictures * ~(rows[:, None, :, None] & columns[:, None, None, :])
