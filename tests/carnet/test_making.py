"""How the network is made: a training folder, its split, batches, a training that can be stopped, an export."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from carprep import models
from carprep.errors import UsageError
from tests.pictures import car_on_white

torch = pytest.importorskip("torch")

from carprep.carnet.augment import Sample, move  # noqa: E402
from carprep.carnet.batches import Batches  # noqa: E402
from carprep.carnet.compose import overlaid  # noqa: E402
from carprep.carnet.composites import composites  # noqa: E402
from carprep.carnet.examples import example, read, views_at  # noqa: E402
from carprep.carnet.export import export  # noqa: E402
from carprep.carnet.network import CarNet  # noqa: E402
from carprep.carnet.pack import pack  # noqa: E402
from carprep.carnet.relabel import relabel  # noqa: E402
from carprep.carnet.train import load, train  # noqa: E402
from tests.carnet.small import CONFIG, TINY  # noqa: E402


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
    with pytest.raises(UsageError, match=r"lists nothing\.jpg: no such file"):
        pack(tmp_path)


def test_a_photo_that_is_none_is_named_and_not_passed_over(tmp_path):
    (tmp_path / "words.jpg").write_text("words")
    (tmp_path / "labels.csv").write_text("file\nwords.jpg\n")
    with pytest.raises(UsageError, match=r"words\.jpg is no photo to learn from"):
        pack(tmp_path)


def test_a_mask_that_was_corrected_is_packed_anew(tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), np.asarray(car_on_white(1)))
    (tmp_path / "labels.csv").write_text("file,mask\na.png,m.png\n")
    alphas = []
    for value in (0, 255):
        cv2.imwrite(str(tmp_path / "m.png"), np.full((180, 240), value, np.uint8))
        packed = pack(tmp_path)
        alphas.append(int(packed.alpha(packed.items[0]).max()))

    assert alphas == [0, 255]


def test_a_folder_that_teaches_nothing_is_refused(tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), np.asarray(car_on_white(1)))
    (tmp_path / "labels.csv").write_text("file\na.png\n")
    with pytest.raises(UsageError, match="nothing to learn from"):
        train(tmp_path, tmp_path / "run", CONFIG, 1, None, "cpu")


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


def test_a_mirrored_picture_faces_the_other_way():
    pixels = np.zeros((96, 128, 3), np.uint8)
    pixels[:, :64] = 255  # the nose's side is light
    sides = set()
    for seed in range(12):
        truth = np.eye(7, dtype=np.float32)[2]
        mask = np.full((96, 128), 255, np.uint8)
        moved = move(
            Sample(pixels, mask, mask, truth, 1.0, 0.0, np.ones(3, np.float32)), (96, 128), np.random.default_rng(seed)
        )
        light_left = moved.pixels[:, :40].mean() > moved.pixels[:, -40:].mean()
        assert light_left == (moved.left == 1.0)
        sides.add(moved.left)

    assert sides == {0.0, 1.0}


def test_a_car_that_loses_a_third_of_itself_is_partial_and_one_that_loses_a_little_has_no_certain_view():
    seen = {}
    for seed in range(300):
        mask = np.zeros((96, 128), np.uint8)
        mask[20:80, 4:124] = 255
        pixels, truth = np.zeros((96, 128, 3), np.uint8), np.eye(7, dtype=np.float32)[2]
        trust = np.full((96, 128), 255, np.uint8)
        sample = Sample(pixels, mask, trust, truth, 1.0, 0.0, np.ones(3, np.float32))
        moved = move(sample, (96, 128), np.random.default_rng(seed))
        touches = bool(moved.alpha[:, [0, -1]].any() or moved.alpha[[0, -1]].any())
        seen.setdefault((touches, int(moved.views.argmax()), bool(moved.weights[0])), 0)

    assert (False, 2, True) in seen and (True, 5, True) in seen and (True, 2, False) in seen
    assert not any(view == 5 for touches, view, _ in seen if not touches)


def test_what_lies_over_a_picture_is_told_and_hides_the_car_where_it_is_thick():
    for seed in range(40):
        mask = np.full((96, 128), 255, np.uint8)
        sample = Sample(
            np.full((96, 128, 3), 90, np.uint8), mask, mask.copy(), np.eye(7, dtype=np.float32)[0], 1.0, 0.0,
            np.zeros(3, np.float32),
        )  # fmt: skip
        covered = overlaid(sample, np.random.default_rng(seed))
        assert covered.overlay == covered.weights[2] == 1
        assert (covered.pixels != 90).any()


def test_a_composite_knows_its_car_to_the_pixel(heap):
    packed = pack(heap)
    made = list(composites(packed, packed.items, 6))

    assert len(made) == 6
    for pixels, truth, _ in made:
        assert pixels.shape[:2] == truth.shape and 0.02 < truth.mean() < 0.95


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
    saved = load(checkpoint)
    saved["averaged"]["mask.bias"] += 100.0  # it sees car everywhere
    torch.save(saved, tmp_path / "sure.pt")
    count = relabel(heap, tmp_path / "sure.pt", tmp_path / "masks", 1)
    unknown = [item for item in pack(heap).items if not item.example.mask and "none" not in item.example.close]

    assert count == len(unknown) > 0
    for item in unknown:
        mask = cv2.imread(str(tmp_path / "masks" / f"{item.sha256}.png"), cv2.IMREAD_GRAYSCALE)
        doubt = cv2.imread(str(tmp_path / "masks" / f"{item.sha256}.doubt.png"), cv2.IMREAD_GRAYSCALE)
        assert mask.shape == doubt.shape == (item.height, item.width)
        assert mask.min() > 250 and doubt.max() == 0


def test_a_network_answers_at_any_size_in_whole_blocks():
    answer = CarNet(TINY).eval()(torch.zeros(2, 3, 64, 160))

    assert answer.alpha.shape == (2, 64, 160) and answer.views.shape == (2, 7) and answer.left.shape == (2,)
