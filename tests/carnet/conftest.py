"""A small training folder and a network trained on it, made once. Nothing here imports torch before it is asked for."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.pictures import car_on_white


@pytest.fixture(scope="session")
def heap(tmp_path_factory) -> Path:
    """A training folder as a user would make one: photos, some masks, labels.csv."""
    from carprep.carnet.examples import write

    folder = tmp_path_factory.mktemp("heap")
    rows = []
    for number in range(24):
        name = f"{number:02d}"
        photo = np.asarray(car_on_white(number, paint=(10 * number, 255 - 10 * number, 30)))
        cv2.imwrite(str(folder / f"{name}.jpg"), photo[..., ::-1])
        cv2.imwrite(str(folder / f"{name}.mask.png"), (photo.min(2) < 250).astype(np.uint8) * 255)
        row = {"file": f"{name}.jpg", "view": ("front", "side", "none")[number % 3], "group": f"car{number // 2}"}
        rows.append(row | ({"mask": f"{name}.mask.png", "facing": "left"} if number % 2 else {}))
    write(folder / "labels.csv", iter(rows))
    return folder


@pytest.fixture(scope="session")
def checkpoint(heap, tmp_path_factory) -> Path:
    """Of a training of four steps."""
    from carprep.carnet.train import train
    from tests.carnet.small import CONFIG

    return train(heap, tmp_path_factory.mktemp("run"), CONFIG, 1, None, "cpu")
