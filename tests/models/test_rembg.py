"""The lookers rembg:NAME: what is allowed, and that nothing is ever downloaded unasked. No network is loaded here."""

from __future__ import annotations

import sys

import pytest

from carprep import models
from carprep.errors import RunError, UsageError
from carprep.models import rembg

LOCAL_SINGLE_MASK = {"u2net", "u2netp", "silueta", "isnet-general-use", "birefnet-general"}
OUTSIDE = ["withoutbg", "atlascloud", "sam", "u2net_cloth_seg", "u2net_human_seg", "isnet-anime", "dis_custom"]


@pytest.fixture
def home(tmp_path, monkeypatch):
    """An empty home for rembg's models, and a download that counts instead of downloading."""
    pooch = pytest.importorskip("pooch")
    pytest.importorskip("rembg.sessions")
    monkeypatch.setenv("U2NET_HOME", str(tmp_path))
    monkeypatch.setenv("REMBG_HOME", str(tmp_path))
    asked = []

    def retrieve(url, *_, **__):
        asked.append(url)
        raise OSError("no network in tests")

    monkeypatch.setattr(pooch, "retrieve", retrieve)
    models.load.cache_clear()
    yield asked
    models.load.cache_clear()


def test_local_single_mask_models_are_on_the_list_each_with_its_licence():
    assert set(rembg.MODELS) >= LOCAL_SINGLE_MASK
    assert all(model.licence and model.what for model in rembg.MODELS.values())


@pytest.mark.parametrize("name", OUTSIDE)
def test_services_and_models_for_other_things_are_refused_with_the_list(name):
    with pytest.raises(UsageError, match="u2netp"):
        models.check_look(f"rembg:{name}", fetch=True)


def test_absent_weights_are_a_usage_error_and_no_download(home):
    with pytest.raises(UsageError, match="--fetch"):
        models.check_look("rembg:u2netp")

    assert home == []


def test_a_failed_download_is_one_line(home):
    with pytest.raises(RunError, match=r"could not download u2netp\.onnx") as error:
        models.check_look("rembg:u2netp", fetch=True)

    assert len(home) == 1 and "\n" not in str(error.value)


def test_a_file_of_ones_own_is_loaded_without_asking_the_network_even_where_its_checksum_differs(home, tmp_path):
    onnx = pytest.importorskip("onnx")
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        [helper.make_node("ReduceMean", ["input"], ["output"], axes=[1], keepdims=1)],
        "tiny",
        [helper.make_tensor_value_info("input", kind, [1, 3, 320, 320])],
        [helper.make_tensor_value_info("output", kind, [1, 1, 320, 320])],
    )
    folder = tmp_path / "models" / "u2netp"
    folder.mkdir(parents=True)
    opset = [helper.make_opsetid("", 13)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), folder / "u2netp.onnx")

    assert models.load("rembg:u2netp").identity == models.identity("rembg:u2netp")
    assert home == []


def test_without_the_package_the_line_says_what_to_install(monkeypatch):
    rembg._sessions.cache_clear()
    monkeypatch.setitem(sys.modules, "rembg.sessions", None)
    with pytest.raises(UsageError, match=r'pip install "carprep\[rembg\]"'):
        models.check_look("rembg:u2netp")
