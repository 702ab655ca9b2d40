"""A quick look at a network while it trains: the few figures that say whether it still learns, on held-back groups."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import torch

from carprep.carnet.examples import VIEWS
from carprep.carnet.network import CarNet
from carprep.carnet.pack import Pack, Packed
from carprep.models.letterbox import letterbox

BY_HAND = (
    "yard",
    "redcars",
    "indian512",
    "sides",
    "nocar",
    "carparts",
)  # sources whose views were labelled by one rule
EXACT = ("carmask", "street")


@torch.no_grad()  # type: ignore[untyped-decorator]
def quick_look(network: CarNet, packed: Pack, device: str) -> dict[str, float]:
    """IoU on exact masks at the network's size, view accuracy (close calls count), facing accuracy."""
    network.eval()
    score: dict[str, list[float]] = defaultdict(list)
    for batch in _alike([item for item in packed.items if item.validation], packed):
        inputs = np.stack([letterbox(packed.pixels(item))[0] for item in batch]).transpose(0, 3, 1, 2)
        answers = network(torch.from_numpy(np.ascontiguousarray(inputs)).to(device).float())
        found = (answers.alpha > 0).cpu().numpy()
        views, left = answers.views.argmax(1).cpu().numpy(), (answers.left > 0).cpu().numpy()
        for i, item in enumerate(batch):
            example = item.example
            if example.source in EXACT:
                truth = letterbox(packed.alpha(item)[..., None].repeat(3, 2))[0][..., 0]
                truth = (truth > 127) & (inputs[i].transpose(1, 2, 0) != 114).any(-1)
                union = (found[i] | truth).sum()
                score[f"iou_{example.source}"].append((found[i] & truth).sum() / max(union, 1))
            if example.views is not None:
                kind = "view" if example.source in BY_HAND else f"view_{example.source}"
                score[kind].append(VIEWS[views[i]] in example.close)
                if "none" in example.close and len(example.close) == 1:
                    score["none"].append(VIEWS[views[i]] == "none")
            if example.left is not None and "partial" not in example.close:
                score["facing"].append(left[i] == (example.left > 0.5))
    return {name: round(float(np.mean(values)), 4) for name, values in sorted(score.items())}


def _alike(items: list[Packed], packed: Pack) -> list[list[Packed]]:
    """Batches of at most 32 whose inputs have one shape."""
    shapes: dict[tuple[int, ...], list[Packed]] = defaultdict(list)
    for item in items:
        shapes[letterbox(packed.pixels(item))[0].shape].append(item)
    return [same[i : i + 32] for same in shapes.values() for i in range(0, len(same), 32)]
