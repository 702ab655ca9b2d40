"""Better masks for photos that nobody has drawn one for, from a network that has learnt the exact ones.

    python -m carprep.carnet.relabel heap/ run/checkpoint.pt --out masks/

Six looks at each photo (three sizes, each also mirrored) are averaged; where they differ, or where an earlier mask
differs from an unsure answer, nobody knows. The next training then learns from these (`collect --relabel masks/`):
self-training (Xie et al. 2020), with the same network as its own teacher.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import torch
import typer
from torch.nn import functional

from carprep.carnet.batches import has_bfloat16
from carprep.carnet.command import run
from carprep.carnet.network import CarNet
from carprep.carnet.pack import TRUSTED, Pack, Packed, pack
from carprep.carnet.train import load_network
from carprep.models.letterbox import letterbox, unbox

SIDES = (224, 256, 320)  # px; the network answers at other sizes too, and errs in other ways there
SPREAD = 0.22  # standard deviation of the looks above which nobody knows
SURE = 0.9  # probability from which the network may contradict an earlier mask
LITTLE = 0.02  # share of the photo below which there is no car worth learning
BATCH = 32


def relabel(folder: Path, checkpoint: Path, out: Path, threads: int) -> int:
    """Write SHA256.png (the car, soft) and SHA256.doubt.png for each photo without an exact mask; returns how many."""
    torch.set_num_threads(threads)
    out.mkdir(parents=True, exist_ok=True)
    packed, network = pack(folder), load_network(checkpoint)
    unknown = [item for item in packed.items if _is_unknown(item, packed)]
    for start in range(0, len(unknown), BATCH):
        part = unknown[start : start + BATCH]
        for item, looks in zip(part, _looks(part, packed, network), strict=True):
            _write(item, looks, packed, out)
    return len(unknown)


def _is_unknown(item: Packed, packed: Pack) -> bool:
    """Whether the mask is a guess, or missing; a photo labelled none keeps what it has."""
    if item.example.close == ("none",):
        return False
    return not item.example.mask or int(packed.trust(item).max()) < TRUSTED


@torch.no_grad()  # type: ignore[untyped-decorator]
def _looks(items: Sequence[Packed], packed: Pack, network: CarNet) -> list[np.ndarray]:
    """Probabilities of the car at each photo's own size, float32 (6, H, W) a photo."""
    answers: list[list[np.ndarray]] = [[] for _ in items]
    for side in SIDES:
        boxed = [letterbox(packed.pixels(item), side) for item in items]
        for shape in sorted({inputs.shape for inputs, _ in boxed}):
            same = [i for i, (inputs, _) in enumerate(boxed) if inputs.shape == shape]
            found = _both_ways(network, np.stack([boxed[i][0] for i in same]))
            for i, planes in zip(same, found, strict=True):
                size = items[i].height, items[i].width
                answers[i] += [unbox(plane, boxed[i][1], size) for plane in planes]
    return [np.stack(planes) for planes in answers]


def _both_ways(network: CarNet, inputs: np.ndarray) -> np.ndarray:
    """Answers to the pictures and to their mirrored ones, turned back: float32 (N, 2, h, w)."""
    pixels = torch.from_numpy(inputs).permute(0, 3, 1, 2).float().contiguous(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16, enabled=has_bfloat16("cpu")):
        plain, mirrored = network(pixels).alpha, network(pixels.flip(3)).alpha.flip(2)
    return np.asarray(functional.sigmoid(torch.stack([plain, mirrored], 1).float()).numpy(), np.float32)


def _write(item: Packed, looks: np.ndarray, packed: Pack, out: Path) -> None:
    mean, spread = looks.mean(0), looks.std(0)
    if float((mean > 0.5).mean()) < LITTLE:
        return
    doubt = spread > SPREAD
    trust = packed.trust(item)
    if item.example.mask:
        # nobody knew near the earlier mask's edge; elsewhere it may only be contradicted by who is sure
        differs = (packed.alpha(item) > 127) != (mean > 0.5)
        doubt |= differs & (trust > 0) & (np.abs(mean - 0.5) < SURE - 0.5)
    cv2.imwrite(str(out / f"{item.sha256}.png"), np.round(mean * 255).astype(np.uint8))
    cv2.imwrite(str(out / f"{item.sha256}.doubt.png"), doubt.astype(np.uint8) * 255)


def main(
    folder: Annotated[Path, typer.Argument(help="Training folder.")],
    checkpoint: Annotated[Path, typer.Argument(help="Of a training.")],
    out: Annotated[Path, typer.Option(help="Folder for the masks.")],
    threads: Annotated[int, typer.Option(help="Threads of the network.")] = 1,
) -> None:
    """Draw better masks with a trained network.

    Example: python -m carprep.carnet.relabel heap/ run/checkpoint.pt --out masks/
    """
    typer.echo(f"{relabel(folder, checkpoint, out, threads)} photos looked at; masks in {out}")


if __name__ == "__main__":
    run(main)
