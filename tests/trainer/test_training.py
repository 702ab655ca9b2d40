"""What a run leaves, what it refuses, and what each part of it promises."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from PIL import Image

from carprep.errors import RunError, UsageError
from carprep.trainer import Config, checkpoint, metrics, train
from carprep.trainer.alarms import Watch, memorised
from carprep.trainer.augment import diffaugment, moved
from carprep.trainer.chance import Stream, Warp
from carprep.trainer.config import PRESETS
from carprep.trainer.export import export
from carprep.trainer.judge import latents
from carprep.trainer.layers import layers_of
from carprep.trainer.nets import networks
from carprep.trainer.plan import largest_batch
from carprep.trainer.reals import reals_of
from carprep.trainer.record import read
from carprep.trainer.sample import between, load, sample
from tests.trainer.small import both, config, make_set
from torch_datasets import IndianCars

CHECKOUT = Path(__file__).parents[2]
CPU = torch.device("cpu")
gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


@pytest.fixture(scope="module")
def cars(tmp_path_factory) -> Path:
    return make_set(tmp_path_factory.mktemp("set") / "cars.zip")


@pytest.fixture(scope="module")
def runs(cars, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    data, held = both(cars)
    for preset in PRESETS:
        train(data, config(preset, 21), folder / preset, holdout=held, device="cpu")
    return folder


@pytest.mark.parametrize("preset", PRESETS)
def test_a_run_leaves_all_that_is_promised(preset, runs):
    run = runs / preset
    names = {path.relative_to(run).as_posix() for path in run.rglob("*") if path.is_file()}
    promised = {
        "config.toml", "metrics.jsonl", "curves.png", "run.html", "reals.png", "collage.png", "animation.gif",
        "samples/000000.png", "samples/000020.png", "samples/000021.png", "checkpoints/latest.pt",
        "checkpoints/best.pt", "checkpoints/000020.pt",
    }  # fmt: skip

    assert promised <= names and ("reconstructions.png" in names) == (preset == "vae")
    lines = read(run / "metrics.jsonl")
    assert [line["step"] for line in lines if "images_seen" in line] == [10, 20, 21]
    assert Config.read(run / "config.toml") == config(preset, 21)
    page = (run / "run.html").read_text()
    assert "KID[pixels]" in page and "http" not in page and "data:image/png;base64," in page


def test_d_real_is_a_probability_for_bce_and_windows_are_means(runs):
    windows = [line for line in read(runs / "dcgan" / "metrics.jsonl") if "images_seen" in line]

    assert all(0 < line["d_real"] < 1 and 0 < line["d_fake"] < 1 for line in windows)
    assert windows[0]["images_seen"] == 80 and windows[0]["d_gradient"] > 0


@pytest.mark.parametrize("preset", PRESETS)
def test_onnx_draws_what_torch_draws(preset, runs, tmp_path):
    trained = load(runs / preset)
    (path,) = export(trained, "onnx", "generator", tmp_path / "g.onnx", print)
    session = onnxruntime.InferenceSession(str(path))
    about = session.get_modelmeta().custom_metadata_map
    z = latents(trained.config, 5, "test", CPU)

    (drawn,) = session.run(["image"], {"z": z.numpy()})
    with torch.no_grad():
        expected = trained.generator(z, torch.zeros(5, dtype=torch.int64)).numpy()
    assert drawn.shape == (5, 3, 32, 32) and np.abs(drawn - expected).max() < 1e-4
    assert about["z"] == "8" and len(about["training_zip_sha256"]) == 64 and about["licences"] == "CC0-1.0"


def test_the_other_kinds_of_export_agree(runs, tmp_path):
    trained, said = load(runs / "best"), []
    z = latents(trained.config, 3, "test", CPU)
    with torch.no_grad():
        expected = trained.generator(z, torch.zeros(3, dtype=torch.int64))
    (exported,) = export(trained, "exported", "generator", tmp_path / "g.pt2", said.append)
    (script,) = export(trained, "torchscript", "generator", tmp_path / "g.ts", said.append)
    one, two = export(trained, "onnx", "both", tmp_path / "b.onnx", said.append)

    assert torch.allclose(torch.export.load(str(exported)).module()(z), expected, atol=1e-5)
    assert script.exists() and "deprecated" in said[0]
    assert (one.name, two.name) == ("b-generator.onnx", "b-discriminator.onnx")


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))


def test_a_sample_is_the_same_for_the_same_seed_and_comes_as_grid_zip_or_folder(runs, tmp_path):
    trained = load(runs / "dcgan")
    for name in ("a.png", "b.png", "c.zip", "d"):
        sample(trained, 6, 7, tmp_path / name)
    sample(trained, 6, 8, tmp_path / "other.png")
    sample(trained, 4, 7, tmp_path / "walk.png", interpolate=8)

    assert (
        (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes() != (tmp_path / "other.png").read_bytes()
    )
    assert pixels(tmp_path / "walk.png").shape == (4 * 34 + 2, 8 * 34 + 2, 3)
    with zipfile.ZipFile(tmp_path / "c.zip") as archive:
        first = Image.open(io.BytesIO(archive.read("00000/img00000000.png")))
    assert np.array_equal(np.asarray(first), pixels(tmp_path / "d" / "00000" / "img00000000.png"))
    with pytest.raises(UsageError, match="not an empty folder"):
        sample(trained, 6, 7, tmp_path / "d")


def test_interpolation_begins_at_each_latent_and_keeps_its_length():
    z = torch.randn(3, 50, generator=torch.Generator().manual_seed(1))
    path = between(z, 8)

    assert (
        path.shape == (24, 50) and torch.allclose(path[0], z[0], atol=1e-4) and torch.allclose(path[7], z[1], atol=1e-4)
    )
    assert path.norm(dim=1).min() > 0.8 * z.norm(dim=1).min()


class Normalised(torch.utils.data.Dataset):
    """Reals in another range, as notebooks make them."""

    def __init__(self, scale: float, shift: float) -> None:
        self.scale, self.shift = scale, shift

    def __len__(self) -> int:
        return 20

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        picture = torch.ones(3, 32, 32)
        picture[:, 8:24, 8:24] = index / 20  # in [0, 1]
        return picture * self.scale + self.shift, 0


WRONG = {
    "mean and deviation": (1 / 0.229, -0.485 / 0.229, "normalised by mean and deviation"),
    "left in [0, 1]": (1.0, 0.0, r"lie in \[0, 1\]"),
    "white below 1": (1.5, -1.0, "no picture reaches white"),
}


@pytest.mark.parametrize("name", WRONG)
def test_reals_out_of_range_are_refused_with_the_explanation(name, tmp_path):
    scale, shift, words = WRONG[name]

    with pytest.raises(UsageError, match=words) as refused:
        train(Normalised(scale, shift), config("dcgan", 2), tmp_path / "run")
    assert "[-1, 1] with white at exactly +1" in str(refused.value) and not (tmp_path / "run").exists()


def test_any_dataset_in_range_trains_and_resumes(tmp_path):
    result = train(Normalised(2.0, -1.0), config("dcgan", 4), tmp_path / "run")
    again = train(Normalised(2.0, -1.0), config("dcgan", 6), tmp_path / "run", resume=True)

    assert (result.step, again.step, result.best) == (4, 6, {})
    assert not (tmp_path / "run" / "checkpoints" / "best.pt").exists()


def test_batches_are_full_and_every_epoch_sees_every_picture_once():
    stream = Stream(505, seed=3)
    seen = torch.cat([stream.indices(step, 128) for step in range(12)])

    assert len(seen) == 12 * 128
    assert sorted(seen[:505].tolist()) == sorted(seen[505:1010].tolist()) == list(range(505))
    assert torch.equal(Stream(505, 3).indices(7, 128), stream.indices(7, 128))
    assert Config.of("dcgan", epochs=2).total(505) == 8


def test_diffaugment_moves_white_in_and_lets_gradients_through():
    pictures = torch.zeros(2, 3, 16, 16, requires_grad=True)
    far = torch.tensor([[0.999, 0.5], [0.5, 0.5]])  # the first two down, the second stays
    down = moved(pictures, far)
    warp = Warp(torch.full((3, 2, 1, 1, 1), 0.5), far, torch.full((2, 2), 0.5))
    shown = diffaugment(pictures, warp)

    assert (down[0, :, :2] == 1).all() and (down[0, :, 2:] == 0).all() and (down[1] == 0).all()
    shown.square().sum().backward()
    assert shown.shape == pictures.shape and pictures.grad is not None and torch.isfinite(pictures.grad).all()


def rows(count: int, shift: float = 0.0, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, 12)) + shift


def test_kid_is_near_zero_for_one_source_and_large_for_two():
    same, other = metrics.kid(rows(200), rows(150, seed=1)), metrics.kid(rows(200), rows(150, 1.0, seed=1))

    assert same.low < 0 < same.high and other.low > 0.1
    assert "chance" in metrics.Estimate(-0.1, -0.2, 0.0).words


def test_kids_interval_covers_the_truth_as_often_as_it_says():
    inside = sum(
        estimate.low <= 0 <= estimate.high
        for estimate in (metrics.kid(rows(60, seed=2 * i), rows(60, seed=2 * i + 1)) for i in range(200))
    )

    assert 180 <= inside <= 200


def test_fid_agrees_with_the_formula_and_works_with_few_rows():
    one, other = rows(400), rows(300, 0.5, seed=3) * 1.3
    s1, s2 = np.cov(one.T), np.cov(other.T)
    root = np.sqrt(np.linalg.eigvals(s1 @ s2).real.clip(0)).sum()
    expected = ((one.mean(0) - other.mean(0)) ** 2).sum() + np.trace(s1) + np.trace(s2) - 2 * root

    assert metrics.fid(one, other) == pytest.approx(expected, rel=1e-9)
    assert metrics.fid(rows(5), rows(6, seed=1)) > 0
    assert metrics.fid(one, one) == pytest.approx(0, abs=1e-9)


def test_precision_and_recall_tell_narrow_from_wide():
    precision, recall = metrics.precision_recall(rows(200), rows(200, seed=1) * 0.1)

    assert precision > 0.9 and recall < 0.3


def window(**figures: float | None) -> dict:
    return {
        "step": 10,
        "images_seen": 80,
        "d_loss": 0.7,
        "g_loss": 1.0,
        "d_gradient": 1.0,
        "g_gradient": 1.0,
        **figures,
    }


def test_each_alarm_fires_on_a_planted_failure_and_is_silent_on_a_healthy_one():
    watch = Watch(Config.of("dcgan", batch=8))
    reals = torch.randint(0, 256, (64, 3, 16, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    white, same = torch.full_like(reals, 255), reals[:1].expand(64, -1, -1, -1)

    assert watch.window(window(), 10) == [] == watch.samples(reals.flip(0), reals, 5000, 100)
    assert [alarm.name for alarm in watch.window(window(g_loss=None), 10)] == ["nan"]
    won = [watch.window(window(d_loss=0.001), 10) for _ in range(30)]
    assert [alarm.name for alarm in won[-1]] == ["d-won"] and won[-2] == []
    assert [alarm.name for alarm in watch.samples(white, reals, 5000, 100)] == ["white-out"]
    assert [alarm.name for alarm in watch.samples(same, reals, 5000, 100)] == ["collapse"]
    assert watch.samples(same, reals, 499, 100) == [] == watch.samples(same, reals, 600, 1000)
    train_rows, held = rows(100), rows(40, seed=1)
    copycat = memorised(train_rows[:50] + 0.01, train_rows, held)
    assert copycat is not None and copycat.name == "memorisation"
    assert memorised(rows(50, seed=2), train_rows, held) is None


def test_a_run_without_numbers_stops_and_keeps_the_last_good_checkpoint(cars, tmp_path):
    data, _ = both(cars)
    with pytest.raises(RunError, match="alarm nan"):
        train(data, config("best", 40, rate_g=1e30, rate_d=1e30), tmp_path / "bad")

    assert any(line.get("alarm") == "nan" for line in read(tmp_path / "bad" / "metrics.jsonl"))


def test_the_batch_that_fits_is_the_largest_halving_that_runs():
    def tried(batch: int) -> None:
        if batch > 20:
            raise torch.OutOfMemoryError("no")

    assert largest_batch(128, tried) == 16
    assert largest_batch(4, lambda batch: tried(99)) == 0


def test_dcgans_layers_are_the_papers():
    layers = list(layers_of(Config.of("dcgan")))
    discriminator = [(layer.side, layer.field) for layer in layers if layer.network == "D" and layer.side]

    generator = [(layer.side, layer.field) for layer in layers if layer.network == "G" and layer.side]

    assert discriminator == [(32, 4), (16, 10), (8, 22), (4, 46), (1, 64)]
    assert generator == [(4, 46), (8, 22), (16, 10), (32, 4), (64, 1)]
    assert sum(layer.parameters for layer in layers if layer.network == "G") == 3_576_704
    assert sum(layer.parameters for layer in layers if layer.network == "D") == 2_765_568


def test_two_processes_are_one(cars, tmp_path):
    script = tmp_path / "two.py"
    script.write_text(
        "import sys; from pathlib import Path\n"
        "from tests.trainer.small import both, config; from carprep.trainer import train\n"
        "if __name__ == '__main__':\n"
        f"    train(both(Path({str(cars)!r}))[0], config('best', 5), sys.argv[1], device='cpu')\n"
    )
    run = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", str(script)]
    for command, out in ((run, "two"), ([sys.executable, str(script)], "one")):
        environment = {**os.environ, "PYTHONPATH": str(CHECKOUT), "GLOO_SOCKET_IFNAME": "lo"}
        done = subprocess.run(
            [*command, str(tmp_path / out)], capture_output=True, text=True, check=False, env=environment
        )
        assert done.returncode == 0, done.stderr[-2000:]
    one, two = (load(tmp_path / name) for name in ("one", "two"))

    for a, b in zip(one.generator.state_dict().values(), two.generator.state_dict().values(), strict=True):
        assert torch.allclose(a, b, atol=1e-5)


@gpu
def test_a_gpu_trains_too(cars, tmp_path):
    data, held = both(cars)

    assert train(data, config("best", 20), tmp_path / "run", holdout=held, device="cuda").step == 20


@gpu
@pytest.mark.parametrize("preset", PRESETS)
def test_a_cuda_graph_does_what_single_launches_do(preset, cars, tmp_path):
    said: list[str] = []
    for name, graph in (("graph", True), ("eager", False)):
        made = config(preset, 20, graph=graph, precision="fp32", penalty_every=2)
        train(both(cars)[0], made, tmp_path / name, device="cuda", say=said.append)
    graph, eager = (load(tmp_path / name).generator.state_dict() for name in ("graph", "eager"))

    assert not said  # captured, and not fallen back
    for name, weights in graph.items():
        assert torch.allclose(weights.float(), eager[name].float(), atol=1e-3), name


@gpu
def test_a_run_with_a_cuda_graph_goes_on_after_a_stop(cars, tmp_path):
    train(both(cars)[0], config("lsgan", 30), tmp_path / "straight", device="cuda")
    train(both(cars)[0], config("lsgan", 15), tmp_path / "parts", device="cuda")
    train(both(cars)[0], config("lsgan", 30), tmp_path / "parts", device="cuda", resume=True)
    one, two = (load(tmp_path / name).generator.state_dict() for name in ("straight", "parts"))

    assert all(torch.allclose(one[name].float(), two[name].float(), atol=1e-3) for name in one)


def test_pictures_that_do_not_fit_in_memory_are_streamed_ahead_and_are_the_same(cars):
    resident = reals_of(both(cars)[0], CPU)
    streamed = replace(resident, pixels=None, place="streamed", dataset=IndianCars(cars, memory=0))
    stream = resident.stream(0)

    for step in range(6):
        pictures, views = streamed.batch(stream.indices(step, 8))
        # the next one, but once another than will be asked for
        streamed.ahead(stream.indices(step + (1 if step != 2 else 5), 8))
        expected, labels = resident.batch(stream.indices(step, 8))
        assert torch.equal(pictures, expected) and torch.equal(views, labels)
    streamed.close()


def test_a_compiler_that_is_not_there_is_said_and_done_without(cars, tmp_path):
    script = (
        "import sys; from pathlib import Path\n"
        "from tests.trainer.small import both, config; from carprep.trainer import train\n"
        f"train(both(Path({str(cars)!r}))[0], config('dcgan', 2, compile=True), sys.argv[1], device='cpu', say=print)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT), "CXX": "no-such-compiler"}
    environment["TORCHINDUCTOR_CACHE_DIR"] = str(tmp_path / "cache")
    done = subprocess.run(
        [sys.executable, "-c", script, tmp_path / "run"], capture_output=True, text=True, check=False, env=environment
    )

    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.startswith("torch.compile does not work here") and len(done.stdout.splitlines()) == 1
    assert load(tmp_path / "run").step == 2


def test_the_command_line_trains_samples_and_tells(cars, tmp_path):
    def carprep(*arguments: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, CHECKOUT / "cli.py", *map(str, arguments)], capture_output=True, text=True, check=False
        )

    small = ("--maps", "4", "--batch", "8", "--features", "pixels", "--device", "cpu")
    trained = carprep("train", cars, "--steps", "3", *small, "--out", tmp_path / "run")
    assert trained.returncode == 0 and "3 of 3 steps" in trained.stdout, trained.stderr
    again = carprep("train", "--resume", tmp_path / "run")
    assert again.returncode == 0 and "has made its 3 steps" in again.stderr
    before = (tmp_path / "run" / "curves.png").read_bytes()
    beyond = carprep("curves", tmp_path / "run", "--from", "500")
    assert beyond.returncode == 2 and "has steps up to 3" in beyond.stderr
    assert (tmp_path / "run" / "curves.png").read_bytes() == before
    twice = carprep("train", cars, "--steps", "3", "--epochs", "3", "--out", tmp_path / "other")
    assert twice.returncode == 2 and "name one of them" in twice.stderr and not (tmp_path / "other").exists()
    changed = carprep("train", "--resume", tmp_path / "run", "--seed", "2")
    assert changed.returncode == 2 and "--seed cannot change" in changed.stderr
    assert "dcgan" in carprep("runs", tmp_path).stdout
    planned = json.loads(carprep("plan", cars, "--steps", "3", "--maps", "4", "--batch", "8", "--json").stdout)
    assert planned["steps"] == 3 and planned["place"] == "resident"
    assert "2 frames" in carprep("curves", tmp_path / "run", "--from", "0", "--to", "3").stdout
    assert carprep("train", tmp_path / "none.zip").returncode == 2


def test_a_dataset_that_is_too_small_is_refused(tmp_path):
    with pytest.raises(UsageError, match="8 are the least"):
        reals_of([(torch.ones(3, 32, 32), 0)] * 3, CPU)


def test_a_generator_that_has_gone_white_still_gets_a_gradient_and_draws_in_range():
    generator, _ = networks(config("best", 1))
    with torch.no_grad():
        generator.last.bias.fill_(9.0)  # all white and far beyond
    z, views = torch.randn(2, 8), torch.zeros(2, dtype=torch.int64)

    generator(z, views).sum().backward()

    assert generator.last.bias.grad.abs().min() > 1
    assert generator(z, views).max() <= 1.0


def test_losses_that_run_away_ring(cars, tmp_path):
    wild = config("lsgan", 40, rate_g=1e6, rate_d=1e6, on_alarm="stop")

    with pytest.raises(RunError, match=r"alarm (diverged|nan)"):
        train(both(cars)[0], wild, tmp_path / "run", device="cpu")


def test_without_an_average_samples_come_from_the_generator_itself(cars, tmp_path):
    train(both(cars)[0], config("dcgan", 4, ema=False), tmp_path / "run", device="cpu")
    saved = checkpoint.load(tmp_path / "run" / "checkpoints" / "latest.pt")

    assert all(torch.equal(saved["average"][name], saved["generator"][name]) for name in saved["generator"])
