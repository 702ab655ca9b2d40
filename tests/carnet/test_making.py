"""How the network is made: a training folder, its split, batches, a training that can be stopped, an export."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from carprep import models
from carprep.errors import UsageError
from tests.pictures import car_on_white

torch = pytest.importorskip("torch")

from carprep.carnet.batches import Batches  # noqa: E402
from carprep.carnet.examples import example, read, views_at, write  # noqa: E402
from carprep.carnet.export import export  # noqa: E402
from carprep.carnet.network import CarNet, Shape  # noqa: E402
from carprep.carnet.pack import pack  # noqa: E402
from carprep.carnet.relabel import relabel  # noqa: E402
from carprep.carnet.train import Config, load, train  # noqa: E402

TINY = Shape(widths=(4, 8, 8, 8, 8), depths=(1, 1, 1, 1), features=16)
CONFIG = Config(steps=4, batch=4, warm=2, small_until=0.5, shape=TINY)


@pytest.fixture(scope="module")
def heap(tmp_path_factory) -> Path:
    """A training folder as a user would make one: photos, some masks, labels.csv."""
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


@pytest.fixture(scope="module")
def checkpoint(heap, tmp_path_factory) -> Path:
    return train(heap, tmp_path_factory.mktemp("run"), CONFIG, 1, None, "cpu")


@pytest.mark.parametrize(
    ("degrees", "view"),
    [(0, "front"), (30, "front-side"), (90, "side"), (135, "rear-side"), (180, "rear"), (270, "side")],
)  # fmt: skip
def test_an_angle_becomes_a_view(degrees, view):
    chances = dict(zip(models.looker.View, views_at(degrees), strict=True))

    assert max(chances, key=chances.get) == view
    assert sum(chances.values()) == pytest.approx(1)


def test_the_nose_points_left_below_180_degrees():
    assert example({"file": "a", "angle": "90"}, "here").left == 1.0
    assert example({"file": "a", "angle": "270"}, "here").left == 0.0
    assert example({"file": "a", "angle": "0"}, "here").left is None


def test_a_close_call_shares_the_probability_and_counts_as_right():
    told = example({"file": "a", "view": "front", "near": "front-side"}, "here")

    assert told.close == ("front", "front-side")
    assert told.views[0] > told.views[1] > 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("file,view\na.jpg,sideways\n", "line 2: 'sideways' is not a valid View"),
        ("file,view,colour\na.jpg,front,red\n", "unknown column colour"),
        ("view\nfront\n", "no column file"),
        ("file,facing\na.jpg,up\n", "line 2: the facing is 'up'"),
        ("file\n", "lists no photo"),
    ],
)
def test_a_wrong_list_is_one_line_that_names_the_place(tmp_path, text, words):
    (tmp_path / "labels.csv").write_text(text)
    with pytest.raises(UsageError, match=words):
        read(tmp_path)


def test_a_folder_without_a_list_or_without_photos_is_refused(tmp_path):
    with pytest.raises(UsageError, match=r"cannot read the list of labels"):
        read(tmp_path)
    (tmp_path / "labels.csv").write_text("file\nnothing.jpg\n")
    with pytest.raises(UsageError, match="can be decoded"):
        pack(tmp_path)


def test_a_group_is_never_on_both_sides_of_the_split(heap):
    sides: dict[str, set[bool]] = {}
    for item in pack(heap).items:
        sides.setdefault(item.example.group, set()).add(item.validation)

    assert all(len(side) == 1 for side in sides.values())
    assert set.union(*sides.values()) == {True, False}


def test_photos_that_resemble_each_other_are_one_group_mirrored_ones_too(tmp_path):
    picture = np.asarray(car_on_white(1))
    for name, pixels in (("a", picture), ("b", picture[:, ::-1]), ("c", 255 - picture)):
        cv2.imwrite(str(tmp_path / f"{name}.png"), pixels)
    (tmp_path / "labels.csv").write_text("file\na.png\nb.png\nc.png\n")
    a, b, c = (item.example.group for item in pack(tmp_path).items)

    assert a == b != c


def test_a_batch_is_settled_by_seed_and_number(heap):
    packed = pack(heap)
    one, same, other = (Batches(packed, packed.items, seed, 4)[3] for seed in (1, 1, 2))

    assert all(torch.equal(one[key], same[key]) for key in one)
    assert one["pixels"].shape != other["pixels"].shape or not torch.equal(one["pixels"], other["pixels"])


def test_mirroring_turns_left_into_right(heap):
    packed = pack(heap)
    items = [item for item in packed.items if item.example.left == 1.0]
    lefts = torch.cat([Batches(packed, items, 1, 8)[n]["left"] for n in range(6)])

    assert 0.25 < lefts.mean() < 0.75


def test_a_training_that_was_stopped_goes_on_to_the_same_network(heap, checkpoint, tmp_path, monkeypatch):
    from carprep.carnet import train as module

    saves = []
    save = module._save

    def stop(state, *rest):
        save(state, *rest)
        saves.append(state.step)
        if len(saves) == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(module, "SAVED_EVERY", 2)
    monkeypatch.setattr(module, "_save", stop)
    with pytest.raises(KeyboardInterrupt):
        train(heap, tmp_path, CONFIG, 1, None, "cpu")
    again = train(heap, tmp_path, CONFIG, 1, None, "cpu")

    assert saves == [2, 4]
    straight, resumed = load(checkpoint)["averaged"], load(again)["averaged"]
    assert all(torch.equal(straight[name], resumed[name]) for name in straight)


def test_a_checkpoint_of_other_settings_is_not_gone_on_with(heap, checkpoint):
    with pytest.raises(UsageError, match="other settings or photos"):
        train(heap, checkpoint.parent, replace(CONFIG, steps=9), 1, None, "cpu")


def test_a_file_that_is_no_checkpoint_is_one_line(tmp_path):
    (tmp_path / "checkpoint.pt").write_bytes(b"nothing")
    with pytest.raises(UsageError, match="is no checkpoint"):
        load(tmp_path / "checkpoint.pt")


def test_an_export_answers_as_the_network_in_torch_does(heap, checkpoint, tmp_path):
    from carprep.carnet.train import load_network
    from carprep.models.carnet import Network

    about = export(checkpoint, heap, tmp_path / "own.onnx")
    pixels = np.random.default_rng(0).integers(0, 256, (2, 64, 96, 3), dtype=np.uint8)
    found = Network(tmp_path / "own.onnx")(pixels)
    with torch.no_grad():
        straight = load_network(checkpoint)(torch.from_numpy(pixels).permute(0, 3, 1, 2).float())

    assert np.abs(found.alpha - torch.sigmoid(straight.alpha).numpy()).max() < 0.01
    assert about["training_list_sha256"] and about["git"]


def test_an_exported_network_is_a_looker(heap, checkpoint, tmp_path):
    export(checkpoint, heap, tmp_path / "own.onnx")
    models.check_look(f"carnet:{tmp_path / 'own.onnx'}")
    seen = models.load(f"carnet:{tmp_path / 'own.onnx'}")(np.asarray(car_on_white(1)))

    assert seen.alpha.shape == (180, 240) and sum(seen.views.values()) == pytest.approx(1, abs=1e-4)


def test_better_masks_are_drawn_for_photos_without_an_exact_one_only(heap, checkpoint, tmp_path):
    count = relabel(heap, checkpoint, tmp_path, 1)
    unknown = [e for e in read(heap) if not e.mask and "none" not in e.close]

    assert count == len(unknown) > 0


def test_a_network_answers_at_any_size_in_whole_blocks():
    answer = CarNet(TINY).eval()(torch.zeros(2, 3, 64, 160))

    assert answer.alpha.shape == (2, 64, 160) and answer.views.shape == (2, 7) and answer.left.shape == (2,)
