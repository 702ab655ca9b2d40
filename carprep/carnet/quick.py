"""A quick look at a network while it trains: the few figures that say whether it still learns, on held-back groups."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from carprep.carnet.answers import asked
from carprep.carnet.examples import VIEWS
from carprep.carnet.network import CarNet
from carprep.carnet.pack import Pack, is_exact
from carprep.carnet.scores import iou
from carprep.models.letterbox import letterbox

NOT_BY_HAND = ("orient", "turn", "drawn")  # sources whose views come from folders, turntables and drawings


def quick_look(network: CarNet, packed: Pack, device: str) -> dict[str, float]:
    """IoU on exact masks at the network's size, view accuracy (close calls count), facing accuracy."""
    score: dict[str, list[float]] = defaultdict(list)
    for batch, answers in asked(network, packed, [item for item in packed.items if item.validation], device):
        found = (answers.alpha > 0).cpu().numpy()
        views, left = answers.views.argmax(1).cpu().numpy(), (answers.left > 0).cpu().numpy()
        for i, item in enumerate(batch):
            example = item.example
            if is_exact(item):
                truth = letterbox(packed.alpha(item)[..., None].repeat(3, 2))[0][..., 0]
                score[f"iou_{example.source}"].append(iou(found[i], truth > 127))
            if example.views is not None:
                kind = f"view_{example.source}" if example.source in NOT_BY_HAND else "view"
                score[kind].append(VIEWS[views[i]] in example.close)
                if example.close == ("none",):
                    score["none"].append(VIEWS[views[i]] == "none")
            if example.left is not None and "partial" not in example.close:
                score["facing"].append(left[i] == (example.left > 0.5))
    return {name: round(float(np.mean(values)), 4) for name, values in sorted(score.items())}
