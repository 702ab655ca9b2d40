"""How good a network is, on the groups that training held back: one table, with intervals and with its peers.

    python -m carprep.carnet.evaluate heap/ --model carnet.onnx

Nothing is chosen here. The split is by the hash of the group's name, so it stays the same while the photos do.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import typer

from carprep import files
from carprep.carnet import viewing
from carprep.carnet.command import run
from carprep.carnet.composites import composites
from carprep.carnet.pack import LIMITS, Pack, Packed, grey, is_exact, pack
from carprep.carnet.peers import Cutter, cutters
from carprep.carnet.scores import Figure, boundary_f, figure, iou, mean_of, median_of
from carprep.doctor import machine
from carprep.errors import UsageError
from carprep.measure.decode import decode
from carprep.models.carnet import BUNDLED, Network
from carprep.photo import RGB, View

TALL = 1 << 20  # px: no photo is longer, so that masks are compared at their own size
TIMED = 60  # photos
GPU_BATCH = 64
MASKED_VIEWS = {View.FRONT, View.REAR}  # carparts' masks miss roof and pillars, so that only these mean something


@dataclass(frozen=True)
class Case:
    """A picture whose mask is known.

    Attributes:
        pixels: uint8 sRGB (H, W, 3).
        truth: bool (H, W).
        group: pictures of one group are resampled together.
    """

    pixels: RGB
    truth: np.ndarray
    group: str


def masks(packed: Pack, folder: Path, peers: dict[str, Cutter], count: int) -> Iterator[tuple[str, str, str, Figure]]:
    """Rows: set, who, what, figure."""
    held = [item for item in packed.items if item.validation]
    exact = [item for item in held if is_exact(item)]
    sources = sorted({item.example.source for item in exact})
    sets = {source: [_case(item, folder) for item in exact if item.example.source == source] for source in sources}
    sets["composites"] = [Case(*made) for made in composites(packed, held, count)]
    parts = [i for i in held if i.example.source == "carparts" and set(i.example.close) & MASKED_VIEWS]
    sets["carparts front, rear"] = [_case(item, folder, parts=True) for item in parts]
    for name, cases in sets.items():
        groups = [case.group for case in cases]
        for who, cut in peers.items():
            found = [cut(case.pixels) > 0.5 for case in cases]
            overlaps = [iou(f, case.truth) for f, case in zip(found, cases, strict=True)]
            outlines = [boundary_f(f, case.truth) for f, case in zip(found, cases, strict=True)]
            yield name, who, "mean IoU", figure(groups, mean_of(overlaps))
            yield name, who, "median IoU", figure(groups, median_of(overlaps))
            yield name, who, "boundary F", figure(groups, mean_of(outlines))


def _case(item: Packed, folder: Path, parts: bool = False) -> Case:
    pixels = decode((folder / item.example.file).read_bytes(), TALL, LIMITS).pixels
    path = folder / item.example.mask
    if parts:
        path = (folder / item.example.file).with_suffix(".filled.png")
    mask = grey(path)
    size = pixels.shape[1], pixels.shape[0]
    return Case(pixels, cv2.resize(mask, size, interpolation=cv2.INTER_AREA) > 127, item.example.group)


def speed(packed: Pack, peers: dict[str, Cutter]) -> Iterator[tuple[str, str, str, Figure]]:
    """Milliseconds a photo on one thread, in turn, so that a noisy machine is noisy for all."""
    cv2.setNumThreads(1)
    items = [item for item in packed.items if item.validation][:TIMED]
    photos = [packed.pixels(item) for item in items]
    times: dict[str, list[float]] = {who: [] for who in peers}
    for pixels in photos:
        for who, cut in peers.items():
            began = time.perf_counter()
            cut(_at_256(pixels))
            times[who].append(1e3 * (time.perf_counter() - began))
    own = np.array(times["carnet"])
    groups = [str(number) for number in range(len(photos))]
    for who, took in times.items():
        median = figure(groups, median_of(took))
        yield "speed", who, "ms a photo (median)", median
        yield "speed", who, "times carnet's", figure(groups, median_of(np.array(took) / own))


def on_gpu(model: Path) -> Iterator[tuple[str, str, str, Figure]]:
    """Milliseconds a photo in batches of 64 on a GPU; nothing where there is none."""
    try:
        network = Network(model, "cuda")
    except UsageError:
        return
    inputs = np.zeros((GPU_BATCH, 192, 256, 3), np.uint8)
    network(inputs)  # the first one makes its plans
    took = []
    for _ in range(TIMED):
        began = time.perf_counter()
        network(inputs)
        took.append(1e3 * (time.perf_counter() - began) / GPU_BATCH)
    groups = [str(number) for number in range(TIMED)]
    yield "speed", "carnet, GPU", f"ms a photo in batches of {GPU_BATCH}", figure(groups, median_of(took))


def _at_256(pixels: RGB) -> RGB:
    scale = 256 / max(pixels.shape[:2])
    size = max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)


def evaluate(model: Path, folder: Path, count: int, alone: bool) -> list[tuple[str, str, str, Figure]]:
    """Every figure: set, who, what, value with interval.

    Args:
        count: how many composites.
        alone: leave the peers out.
    """
    packed, peers = pack(folder), dict(cutters(model, alone))
    rows = list(masks(packed, folder, peers, count))
    rows += [("views", "carnet", what, value) for what, value in viewing.figures(Network(model), packed, folder)]
    return [*rows, *speed(packed, peers), *on_gpu(model)]


def table(rows: Sequence[tuple[str, str, str, Figure]]) -> str:
    """Aligned text, one figure a line."""
    head = ("set", "who", "what", "value [95 % interval]")
    cells = [head, *((*row[:3], str(row[3])) for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(4)]
    return "\n".join(
        "  ".join(f"{word:<{width}}" for word, width in zip(line, widths, strict=True)).rstrip() for line in cells
    )


def main(
    folder: Annotated[Path, typer.Argument(help="Training folder; its held-back groups are looked at.")],
    model: Annotated[Path, typer.Option(help="ONNX file.")] = BUNDLED,
    composed: Annotated[int, typer.Option(help="How many composites.")] = 200,
    alone: Annotated[bool, typer.Option("--alone", help="Leave the peers out.")] = False,
    figures: Annotated[Path | None, typer.Option(help="Write the figures as JSON, too; for export.")] = None,
) -> None:
    """Print how good a network is, beside its peers.

    Example: python -m carprep.carnet.evaluate heap/ --model carnet.onnx
    """
    rows = evaluate(model, folder, composed, alone)
    typer.echo(f"{model.name} on {machine()}")
    typer.echo(table(rows))
    if figures is not None:
        told = [{"set": a, "who": b, "what": c, **vars(value)} for a, b, c, value in rows]
        files.write_text(figures, json.dumps(told, indent=1))


if __name__ == "__main__":
    run(main)
