"""The looker carnet: the bundled network, networks of one's own, and files that are none."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from carprep import models
from carprep.draw.heap import draw_heap
from carprep.draw.key import Kind
from carprep.errors import RunError, UsageError
from carprep.measure.decode import decode
from carprep.measure.task import Limits
from carprep.models import carnet
from carprep.models.carnet import BUNDLED, FORMAT, OUTPUTS, CarNet, Network
from carprep.models.letterbox import GREY, letterbox, unbox
from carprep.photo import CLASSES, Reason, View

LIMITS = Limits(10**8, 10**8, 100)
AHEAD = ("front", "front-side")


@pytest.fixture(scope="module")
def looker() -> CarNet:
    return CarNet()


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """Drawn whole cars: (pixels, exact mask, what is planted)."""
    raw = tmp_path_factory.mktemp("drawn") / "raw"
    heap = draw_heap(raw, 60, seed=11, side=256, workers=2)
    whole = [planted for planted in heap if planted.kind in (Kind.GOOD, Kind.BUSY)]
    return [
        (
            decode((raw / planted.key).read_bytes(), 512, LIMITS).pixels,
            np.asarray(Image.open(raw / ".carprep" / planted.mask)) > 127,
            planted,
        )
        for planted in whole
    ]


def test_the_bundled_file_is_small_and_says_how_it_was_made():
    about = Network(BUNDLED).about

    assert BUNDLED.stat().st_size <= 6_000_000
    assert about["format"] == FORMAT
    assert about["views"].split() == [str(view) for view in View]
    assert len(about["training_list_sha256"]) == 64
    assert {"version", "git", "config", "shape", "features", "temperatures", "figures"} <= set(about)


def test_an_answer_has_the_shapes_and_ranges_that_it_promises():
    network = Network(BUNDLED)
    answer = network(np.random.default_rng(0).integers(0, 256, (3, 192, 256, 3), dtype=np.uint8))

    assert answer.alpha.shape == (3, 192, 256) and 0 <= answer.alpha.min() <= answer.alpha.max() <= 1
    assert answer.views.shape == (3, 7) and np.allclose(answer.views.sum(1), 1, atol=1e-5)
    assert answer.left.shape == answer.overlay.shape == (3,)
    assert answer.features.shape == (3, int(network.about["features"]))
    assert all(part.dtype == np.float32 for part in vars(answer).values())


@pytest.mark.parametrize("colour", [0, 255], ids=["black", "white"])
def test_a_photo_of_one_colour_is_none_and_has_no_car_in_it(looker, colour):
    seen = looker(np.full((300, 400, 3), colour, np.uint8))

    assert max(seen.views, key=seen.views.get) is View.NONE
    assert (seen.alpha > 0.5).mean() < 0.01


def test_drawn_cars_are_cut_out(looker, drawn):
    overlaps = []
    for pixels, mask, _ in drawn:
        found = looker(pixels).alpha > 0.5
        overlaps.append((found & mask).sum() / (found | mask).sum())

    assert np.median(overlaps) > 0.93


def test_drawn_cars_are_told_front_from_rear_and_left_from_right(looker, drawn):
    right = {"ahead": [], "left": []}
    for pixels, _, planted in drawn:
        seen = looker(pixels)
        right["ahead"].append((seen.views[View.FRONT] + seen.views[View.FRONT_SIDE] > 0.5) == (planted.view in AHEAD))
        if planted.facing in ("left", "right"):
            right["left"].append((seen.p_left > 0.5) == (planted.facing == "left"))

    assert np.mean(right["ahead"]) > 0.85
    assert np.mean(right["left"]) > 0.9


def test_a_mirrored_photo_faces_the_other_way(looker, drawn):
    sided = [pixels for pixels, _, planted in drawn if planted.view == "side"][:6]
    turned = [looker(np.ascontiguousarray(pixels[:, ::-1])).p_left for pixels in sided]

    assert sided
    assert [looker(pixels).p_left > 0.5 for pixels in sided] == [p <= 0.5 for p in turned]


@pytest.mark.parametrize("shape", [(1, 1), (1, 900), (900, 1), (7, 33), (1200, 900)], ids=str)
def test_any_shape_of_photo_gets_an_alpha_of_its_own_shape(looker, shape):
    seen = looker(np.full((*shape, 3), 90, np.uint8))

    assert seen.alpha.shape == shape
    assert seen.alpha.dtype == np.float32 and np.isfinite(seen.alpha).all()


@pytest.mark.parametrize(("height", "width"), [(300, 400), (400, 300), (256, 256), (10, 1000)])
def test_a_letterbox_is_undone(height, width):
    y, x = np.mgrid[0:height, 0:width]
    plane = ((x / width + y / height) / 2 * 200).astype(np.uint8)
    boxed, place = letterbox(plane[..., None].repeat(3, 2))
    back = unbox(boxed[..., 0].astype(np.float32), place, (height, width))

    assert boxed.shape[0] % 32 == boxed.shape[1] % 32 == 0 and max(boxed.shape[:2]) <= 256
    assert np.abs(back - plane).mean() < 3
    outside = np.ones(boxed.shape[:2], bool)
    outside[place[1] : place[1] + place[3], place[0] : place[0] + place[2]] = False
    assert (boxed[outside] == GREY).all()


def test_the_same_photo_gives_the_same_answer_alone_and_in_a_batch():
    pixels = np.random.default_rng(1).integers(0, 256, (4, 128, 192, 3), dtype=np.uint8)
    network = Network(BUNDLED)

    assert np.allclose(network(pixels).views[2], network(pixels[2:3]).views[0], atol=1e-4)


def test_a_file_that_is_no_network_is_one_clear_line(tmp_path):
    (tmp_path / "cars.onnx").write_bytes(b"not a network")
    with pytest.raises(UsageError) as error:
        models.check_look(f"carnet:{tmp_path / 'cars.onnx'}")

    assert "cars.onnx is no network" in str(error.value) and "\n" not in str(error.value)


def test_a_cut_off_file_is_one_clear_line(tmp_path):
    (tmp_path / "half.onnx").write_bytes(BUNDLED.read_bytes()[: BUNDLED.stat().st_size // 2])
    with pytest.raises(UsageError, match=r"half\.onnx is no network"):
        models.check_look(f"carnet:{tmp_path / 'half.onnx'}")


def test_a_missing_file_is_named():
    with pytest.raises(UsageError, match=r"cannot read the network .*nowhere\.onnx: no such file"):
        models.check_look("carnet:nowhere.onnx")


def test_a_foreign_network_is_refused(tmp_path):
    onnx = pytest.importorskip("onnx")
    path = tmp_path / "foreign.onnx"
    onnx.save(_tiny(onnx), path)
    with pytest.raises(UsageError, match=r"foreign\.onnx is no CarNet of the format"):
        models.check_look(f"carnet:{path}")


def test_an_answer_that_is_no_number_stops_the_run_and_names_the_file(tmp_path):
    onnx = pytest.importorskip("onnx")
    path = tmp_path / "nan.onnx"
    model = onnx.load(BUNDLED)
    bias = next(tensor for tensor in model.graph.initializer if list(tensor.dims) == [len(View) + 2])
    bias.CopyFrom(onnx.numpy_helper.from_array(np.full(len(View) + 2, np.nan, np.float32), bias.name))
    onnx.save(model, path)
    with pytest.raises(RunError, match=r"nan\.onnx answers what is no number"):
        CarNet(path)(np.zeros((64, 64, 3), np.uint8))


def test_a_network_with_another_input_is_refused_in_one_line(tmp_path):
    onnx = pytest.importorskip("onnx")
    model = onnx.load(BUNDLED)
    model.graph.input[0].name = "pixelz"
    for node in model.graph.node:
        node.input[:] = ["pixelz" if name == "pixels" else name for name in node.input]
    onnx.save(model, tmp_path / "other.onnx")
    with pytest.raises(UsageError, match=r"other\.onnx is no CarNet of the format"):
        models.check_look(f"carnet:{tmp_path / 'other.onnx'}")


def test_the_identity_follows_the_files_bytes(tmp_path):
    copy, other = tmp_path / "copy.onnx", tmp_path / "other.onnx"
    copy.write_bytes(BUNDLED.read_bytes())
    other.write_bytes(BUNDLED.read_bytes() + b"\0")

    assert carnet.identity(copy, "cpu") == models.identity("carnet")
    assert carnet.identity(other, "cpu") != carnet.identity(copy, "cpu") != carnet.identity(copy, "cuda")


def test_cuda_without_a_gpu_says_what_to_install():
    import onnxruntime

    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this machine has a GPU")
    with pytest.raises(UsageError, match=r"pip install onnxruntime-gpu"):
        models.check_look("carnet", "cuda")


def test_a_device_is_for_carnet_alone():
    with pytest.raises(UsageError, match=r"for --look carnet"):
        models.check_look("border", "cuda")
    with pytest.raises(UsageError, match=r"--device must be"):
        models.check_look("carnet", "tpu")


def test_a_build_keeps_fronts_leaves_out_rears_and_faces_them_one_way(bench, drawn):
    for number, (pixels, _, planted) in enumerate(drawn):
        Image.fromarray(pixels).save(bench.raw / f"{number:03d}-{planted.view}.png")

    report = bench.build(look="carnet", face="left", same="none", enlarge=4.0)
    rows = report.ledger.table.to_pylist()
    kept = [row for row in rows if row["kept"]]
    ahead = [row["key"].split("-", 1)[1].split(".")[0] in AHEAD for row in kept]

    assert len(kept) >= 5
    assert np.mean(ahead) > 0.85
    assert all(row["mirrored"] == (row["facing"] == "right") for row in kept)
    assert any(row["reason"] == Reason.WRONG_VIEW for row in rows)


def test_the_same_photos_give_the_same_bytes_for_any_number_of_workers(bench, drawn):
    for number, (pixels, _, _) in enumerate(drawn[:8]):
        Image.fromarray(pixels).save(bench.raw / f"{number}.png")
    made = []
    for workers in (1, 2):
        bench.build(look="carnet", views=CLASSES, keep_cache=False, cache=None, workers=workers)
        made.append(bench.zip.read_bytes())
        bench.zip.unlink()

    assert made[0] == made[1]


def _tiny(onnx):
    """A network with our inputs and outputs that answers nonsense."""
    helper, kind = onnx.helper, onnx.TensorProto
    minus = onnx.numpy_helper.from_array(np.array([-1.0], np.float32), "minus")
    nodes = [helper.make_node("Identity", ["minus"], [name]) for name in OUTPUTS]
    outputs = [helper.make_tensor_value_info(name, kind.FLOAT, [1]) for name in OUTPUTS]
    pixels = helper.make_tensor_value_info("pixels", kind.UINT8, ["n", "h", "w", 3])
    graph = helper.make_graph(nodes, "tiny", [pixels], outputs, [minus])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


def test_what_is_unsure_away_from_the_outline_is_counted_and_the_outline_itself_is_not():
    alpha = np.zeros((100, 160), np.float32)
    alpha[30:70, 40:120] = 1
    soft = alpha.copy()
    soft[28:30, 40:120] = 0.4
    piece = alpha.copy()
    piece[35:50, 130:150] = 0.3
    below = alpha.copy()
    below[75:90, 60:100] = 0.3

    assert carnet.unsure(alpha) == carnet.unsure(soft) == carnet.unsure(below) == 0
    assert carnet.unsure(piece) == pytest.approx(300 / 3200)
    assert carnet.unsure(np.zeros((10, 10), np.float32)) == 0


def test_a_small_piece_apart_from_the_car_is_dropped_and_a_second_car_is_not():
    alpha = np.zeros((100, 200), np.float32)
    alpha[30:70, 20:100] = 1
    alpha[40:50, 150:160] = 1
    crumb = carnet._without_crumbs(alpha)
    alpha[30:70, 130:180] = 1

    assert crumb[45, 155] == 0 and crumb[50, 60] == 1
    assert carnet._without_crumbs(alpha)[50, 150] == 1
