"""torch_datasets.IndianCars: in range, no unpacking, the members named where a set is wrong."""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader

from carprep.errors import UsageError
from torch_datasets import BadSet, IndianCars


def png(side: int = 16, colour: tuple[int, ...] = (255, 0, 0), mode: str = "RGB", height: int | None = None) -> bytes:
    out = io.BytesIO()
    picture = Image.new(mode, (side, height or side), "white" if mode == "RGB" else colour)
    if mode == "RGB":
        picture.paste(colour, (4, 4, side - 4, side - 4))
    picture.save(out, "PNG")
    return out.getvalue()


def make(path: Path, members: dict[str, bytes], labels: object = "absent", lines: list[dict] | None = None) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
        if labels != "absent":
            archive.writestr("dataset.json", json.dumps({"labels": labels}))
        if lines is not None:
            archive.writestr("metadata.jsonl", "".join(json.dumps(line) + "\n" for line in lines))
    return path


def cars(count: int = 5) -> dict[str, bytes]:
    return {f"00000/img{i:08d}.png": png(colour=(40 * i, 10, 0)) for i in range(count)}


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    names = list(cars())
    lines = [
        {"file_name": name, "split": "holdout" if i == 4 else "train", "colour": "red"} for i, name in enumerate(names)
    ]
    return make(tmp_path / "cars.zip", cars(), [[name, i % 2] for i, name in enumerate(names)], lines)


def test_white_is_exactly_one_and_black_exactly_minus_one(labelled):
    image, view = IndianCars(labelled)[0]

    assert image.dtype == torch.float32 and image.shape == (3, 16, 16) and view == 0
    assert image[:, 0, 0].tolist() == [1.0, 1.0, 1.0]
    assert image[0, 8, 8] == -1.0 and image.abs().max() == 1.0


def test_splits_targets_classes_and_metadata(labelled):
    train, held, every = (IndianCars(labelled, split) for split in ("train", "holdout", "all"))

    assert (len(train), len(held), len(every)) == (4, 1, 5)
    assert train.targets == [0, 1, 0, 1] and train.classes[:2] == ["front", "front-side"]
    assert train.class_to_idx["rear"] == 4 and held.metadata[0]["split"] == "holdout"
    assert "holdout" in repr(held) and "16 px" in repr(held)


def test_without_views_every_target_is_zero_and_without_a_split_all_is_train(tmp_path):
    plain = IndianCars(make(tmp_path / "a.zip", cars(), None))

    assert plain.classes == ["unknown"] and plain.targets == [0] * 5 and plain.split == "train"


def test_a_folder_of_squares_is_a_set_too(tmp_path):
    for name, data in cars(3).items():
        (tmp_path / "set" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "set" / name).write_bytes(data)

    assert len(IndianCars(tmp_path / "set")) == 3


def test_a_transform_gets_the_pil_picture_as_in_torchvision(labelled):
    seen = IndianCars(labelled, transform=lambda picture: picture.size, target_transform=lambda view: -view)

    assert seen[1] == ((16, 16), -1)
    assert IndianCars(labelled, transforms=lambda picture, view: (picture.mode, view))[1] == ("RGB", 1)


def test_batches_workers_and_the_whole_tensor_agree(labelled):
    train = IndianCars(labelled)
    whole = train.tensor()
    images, views = next(iter(DataLoader(train, batch_size=4, num_workers=2, multiprocessing_context="spawn")))

    assert whole.dtype == torch.uint8 and whole.shape == (4, 3, 16, 16)
    assert torch.equal(images, whole.float() / 127.5 - 1) and views.tolist() == train.targets
    assert [image.shape for image, _ in train.__getitems__([3, 0, -1])] == [(3, 16, 16)] * 3
    assert torch.equal(IndianCars(labelled, memory=0)[2][0], train[2][0])


def test_pickling_carries_no_handle_and_no_pixels(labelled):
    train = IndianCars(labelled)
    before = len(pickle.dumps(train))
    image = train[0][0]
    again = pickle.loads(pickle.dumps(train))

    assert len(pickle.dumps(train)) == before
    assert torch.equal(again[0][0], image)


def test_transparency_is_white_and_grey_is_rgb(tmp_path):
    members = {"a.png": png(colour=(9, 9, 9, 0), mode="RGBA"), "b.png": png(colour=(128,), mode="L")}
    both = IndianCars(make(tmp_path / "a.zip", members)).tensor()

    assert both[0].min() == 255 and both[1].unique().tolist() == [128]


def test_a_foreign_set_with_more_classes_has_numbers_for_names(tmp_path):
    names = list(cars(2))
    foreign = IndianCars(make(tmp_path / "a.zip", cars(2), [[names[0], 7], [names[1], 0]]))

    assert foreign.classes == [str(n) for n in range(8)] and foreign.targets == [7, 0]


def deep() -> bytes:
    out = io.BytesIO()
    Image.fromarray(np.full((16, 16), 40_000, np.uint16)).save(out, "PNG")
    return out.getvalue()


NAMES = list(cars(2))
WRONG = {
    "mixed sizes": ({**cars(2), "x.png": png(32)}, "absent", "x.png"),
    "not square": ({**cars(2), "x.png": png(16, height=20)}, "absent", "x.png"),
    "out of range": ({**cars(2), "x.png": deep()}, "absent", "x.png"),
    "no picture": ({**cars(2), "x.png": b"words"}, "absent", "x.png"),
    "no picture at all": ({"readme.txt": b"words"}, "absent", "no picture"),
    "a missing member": (cars(2), [[NAMES[0], 0], [NAMES[1], 0], ["gone.png", 1]], "gone.png"),
    "an unlabelled member": (cars(2), [[NAMES[0], 0]], NAMES[1]),
    "a label that is none": (cars(2), [[NAMES[0], 0], [NAMES[1], [0.5]]], NAMES[1]),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_set_is_refused_and_the_member_named(name, tmp_path):
    members, labels, words = WRONG[name]

    with pytest.raises(BadSet, match=words):
        IndianCars(make(tmp_path / "cars.zip", members, labels))


def test_what_is_no_set_is_said(tmp_path, labelled):
    (tmp_path / "words.zip").write_text("words")

    with pytest.raises(BadSet, match=r"words\.zip is no zip"):
        IndianCars(tmp_path / "words.zip")
    with pytest.raises(BadSet, match="there is no zip or folder"):
        IndianCars(tmp_path / "nowhere.zip")
    with pytest.raises(UsageError, match="split must be one of"):
        IndianCars(labelled, "test")
    with pytest.raises(ValueError, match="no picture of the split holdout, but 2 of train"):
        IndianCars(make(tmp_path / "b.zip", cars(2)), "holdout")


def test_a_picture_that_breaks_behind_its_header_is_named(tmp_path):
    broken = IndianCars(make(tmp_path / "cars.zip", {**cars(2), "x.png": png()[:50]}))

    with pytest.raises(BadSet, match=r"x\.png"):
        broken.tensor()
