"""What a network in torch answers to the photos of a training folder, for a quick look and for the calibration."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from carprep.carnet.examples import VIEWS
from carprep.carnet.network import Answers, CarNet
from carprep.carnet.pack import Pack, Packed
from carprep.models.letterbox import boxed_shape, letterbox

BATCH = 32


@dataclass(frozen=True)
class Answered:
    """Logits beside the truth, one row a photo.

    Attributes:
        views: float32 (N, 7) logits; `truth` float32 (N, 7) probabilities, NaN where nobody said.
        left: float32 (N,) logits; `left_truth` 0 or 1, NaN where it has no side or nobody said.
        sources: str (N,).
    """

    views: np.ndarray
    truth: np.ndarray
    left: np.ndarray
    left_truth: np.ndarray
    sources: np.ndarray


def answers(network: CarNet, packed: Pack) -> Answered:
    """Ask about the photos that are held back."""
    rows: list[tuple[np.ndarray, np.ndarray, float, float, str]] = []
    unknown = np.full(len(VIEWS), np.nan)
    for batch, found in asked(network, packed, [i for i in packed.items if i.validation]):
        for item, views, left in zip(batch, found.views.cpu().numpy(), found.left.cpu().numpy(), strict=True):
            example = item.example
            truth = unknown if example.views is None else np.array(example.views)
            side = np.nan if example.left is None or "partial" in example.close else example.left
            rows.append((views, truth, float(left), side, example.source))
    views, truths, lefts, sides, sources = zip(*rows, strict=True) if rows else ((),) * 5
    return Answered(
        np.array(views, np.float32).reshape(-1, len(VIEWS)), np.array(truths, np.float32).reshape(-1, len(VIEWS)),
        np.array(lefts, np.float32), np.array(sides, np.float32), np.array(sources, str),
    )  # fmt: skip


def asked(
    network: CarNet, packed: Pack, items: list[Packed], device: str = "cpu"
) -> Iterator[tuple[list[Packed], Answers]]:
    """Batches of photos whose inputs have one shape, with the answers."""
    network.eval()
    for batch in _alike(items):
        inputs = np.stack([letterbox(packed.pixels(item))[0] for item in batch])
        pixels = torch.from_numpy(np.ascontiguousarray(inputs.transpose(0, 3, 1, 2))).to(device).float()
        with torch.no_grad():
            yield batch, network(pixels)


def _alike(items: list[Packed]) -> list[list[Packed]]:
    shapes: dict[tuple[int, int], list[Packed]] = defaultdict(list)
    for item in items:
        shapes[boxed_shape((item.height, item.width))].append(item)
    return [same[i : i + BATCH] for same in shapes.values() for i in range(0, len(same), BATCH)]
