"""The lookers together: on drawn and real cars, by name, and rembg's real loading code on a tiny network."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from carprep import models
from carprep.errors import UsageError
from carprep.measure.decode import decode
from carprep.measure.task import Limits
from carprep.models.border import Border
from carprep.models.guided import refine
from carprep.photo import Reason
from tests.test_render import disc

LIMITS = Limits(10**8, 10**8, 100)


def test_border_on_drawn_cars_agrees_with_their_exact_masks(tmp_path):
    from PIL import Image

    from carprep.draw.heap import draw_heap
    from carprep.draw.key import Kind

    shares = []
    for planted in draw_heap(tmp_path / "raw", 30, seed=3, side=160, workers=2):
        if planted.kind is not Kind.GOOD or planted.colour in ("white", "silver"):  # white on white is lost to it
            continue
        seen = Border()(decode((tmp_path / "raw" / planted.key).read_bytes(), 512, LIMITS).pixels)
        if seen.alpha is not None:
            mask = np.asarray(Image.open(tmp_path / "raw" / ".carprep" / planted.mask)) > 127
            found = seen.alpha > 0.5
            shares.append((found & mask).sum() / (found | mask).sum())

    assert len(shares) >= 6
    assert np.median(shares) > 0.85  # a shadow's core is taken for tyre


def test_border_keeps_most_cars_on_white_whole_and_refuses_everyday_scenes(photos):
    def look(path):
        return Border()(decode(path.read_bytes(), 512, LIMITS).pixels)

    with (photos / "labels" / "views.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["sure"] == "1"]
    white = [row["file"] for row in rows if row["file"].startswith("indian512") and row["background"] == "white"][:60]
    scenes = [row["file"] for row in rows if row["file"].startswith("nocar") and row["view"] == "none"][:60]

    assert sum(look(photos / name).alpha is not None for name in white) >= 0.85 * len(white)
    assert sum(look(photos / name).alpha is not None for name in scenes) <= 0.05 * len(scenes)


def test_the_guided_filter_brings_a_coarse_edge_onto_the_photos_edge():
    picture, mask = disc()
    coarse = np.roll(mask, 4, axis=1)
    fine = refine(coarse, picture)

    assert ((fine > 0.5) != (mask > 0.5)).mean() < 0.3 * ((coarse > 0.5) != (mask > 0.5)).mean()


@pytest.mark.parametrize("name", ["carnet9", "rembg", "rembg:", "rembg:withoutbg", "rembg:atlascloud", "rembg:sam", ""])
def test_an_unknown_looker_is_refused_with_the_list_of_those_there_are(name):
    if name.startswith("rembg:"):
        pytest.importorskip("rembg.sessions")
    with pytest.raises(UsageError, match=r"choose"):
        models.check_look(name)


# --- rembg: real sessions on a network made here --------------------------------------------------------------------


@pytest.fixture
def weights(tmp_path, monkeypatch):
    """A home for rembg's models, and a function that puts a tiny network there under u2netp's name."""
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("rembg.sessions")
    from carprep.models import rembg

    monkeypatch.setenv("U2NET_HOME", str(tmp_path))
    monkeypatch.setenv("REMBG_HOME", str(tmp_path))
    models.load.cache_clear()

    def make(scale: float, offset: float) -> None:
        """Answer `sigmoid(scale * mean of the normalised colours + offset)` for each pixel."""
        helper = onnx.helper
        kernel = onnx.numpy_helper.from_array(np.full((1, 3, 1, 1), scale / 3, np.float32), "kernel")
        bias = onnx.numpy_helper.from_array(np.array([offset], np.float32), "bias")
        nodes = [
            helper.make_node("Conv", ["input", "kernel", "bias"], ["raw"]),
            helper.make_node("Sigmoid", ["raw"], ["output"]),
        ]
        shape_in = helper.make_tensor_value_info("input", onnx.TensorProto.FLOAT, [1, 3, 320, 320])
        shape_out = helper.make_tensor_value_info("output", onnx.TensorProto.FLOAT, [1, 1, 320, 320])
        graph = helper.make_graph(nodes, "tiny", [shape_in], [shape_out], [kernel, bias])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
        folder = tmp_path / "models" / "u2netp"
        folder.mkdir(parents=True, exist_ok=True)
        onnx.save(model, folder / "u2netp.onnx")

    yield make
    rembg._sha256.cache_clear()
    models.load.cache_clear()


def bright_square() -> np.ndarray:
    picture = np.full((200, 300, 3), 20, np.uint8)
    picture[60:140, 100:200] = 250
    return picture


def test_a_rembg_model_is_found_by_rembgs_own_resolver_loaded_and_asked(weights):
    weights(scale=8.0, offset=0.0)
    models.check_look("rembg:u2netp")
    seen = models.load("rembg:u2netp")(bright_square())

    assert seen.reason is None
    assert seen.alpha.shape == (200, 300)
    assert seen.alpha[100, 150] > 0.9 and seen.alpha[20, 20] < 0.1


def test_a_constant_answer_is_no_car_and_not_a_full_mask(weights):
    weights(scale=0.0, offset=0.0)
    seen = models.load("rembg:u2netp")(bright_square())

    assert (seen.alpha, seen.reason) == (None, Reason.NO_CAR)


def test_an_answer_that_is_nowhere_sure_is_no_car(weights):
    weights(scale=0.3, offset=-3.0)
    seen = models.load("rembg:u2netp")(bright_square())

    assert (seen.alpha, seen.reason) == (None, Reason.NO_CAR)
    assert "sure" in seen.detail


def test_the_identity_changes_with_the_weights(weights):
    weights(scale=8.0, offset=0.0)
    first = models.identity("rembg:u2netp")
    weights(scale=9.0, offset=0.0)

    assert models.identity("rembg:u2netp") != first


def test_missing_weights_are_one_line_that_names_file_folder_and_alternatives(weights, tmp_path):
    with pytest.raises(UsageError) as error:
        models.check_look("rembg:u2netp")

    for part in ("u2netp.onnx", str(tmp_path), "--fetch", "--look border"):
        assert part in str(error.value)
    assert "\n" not in str(error.value)
