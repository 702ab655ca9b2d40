"""Resume is exact: a stop, a kill and a resume leave no trace, to the last bit."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from carprep import files
from carprep.errors import UsageError
from carprep.trainer import checkpoint, train
from carprep.trainer.checkpoint import digest
from carprep.trainer.config import PRESETS
from carprep.trainer.record import read, without_clock
from carprep.trainer.sample import load
from tests.trainer.small import both, config, make_set, tensors

CHECKOUT = Path(__file__).parents[2]
EVERYTHING = {"conditional": "view", "augment": "diffaugment", "mirror": True, "ema": True}
RUNS = {**{preset: (preset, {}) for preset in PRESETS}, "best with everything": ("best", EVERYTHING)}


@pytest.fixture(scope="module")
def cars(tmp_path_factory) -> Path:
    return make_set(tmp_path_factory.mktemp("set") / "cars.zip")


def lines(run: Path) -> list[dict]:
    return without_clock(read(run / "metrics.jsonl"))


@pytest.mark.parametrize("name", RUNS)
def test_a_stop_within_a_window_leaves_no_trace(name, cars, tmp_path):
    preset, wishes = RUNS[name]
    data, held = both(cars)
    train(data, config(preset, 44, **wishes), tmp_path / "straight", holdout=held, device="cpu")
    train(data, config(preset, 25, **wishes), tmp_path / "parts", holdout=held, device="cpu")
    train(data, config(preset, 44, **wishes), tmp_path / "parts", holdout=held, device="cpu", resume=True)

    assert digest(tensors(tmp_path / "straight")) == digest(tensors(tmp_path / "parts"))
    assert digest(tensors(tmp_path / "straight", "best.pt")) == digest(tensors(tmp_path / "parts", "best.pt"))
    assert lines(tmp_path / "straight") == lines(tmp_path / "parts")
    assert sorted(p.name for p in (tmp_path / "straight").rglob("*")) == sorted(
        p.name for p in (tmp_path / "parts").rglob("*")
    )


def test_a_kill_leaves_no_trace(cars, tmp_path):
    data, held = both(cars)
    train(data, config("dcgan", 60), tmp_path / "straight", holdout=held, device="cpu")
    train(data, config("dcgan", 12), tmp_path / "killed", holdout=held, device="cpu")
    command = [sys.executable, "-m", "carprep", "train", "--resume", tmp_path / "killed", "--device", "cpu", "--steps"]
    process = subprocess.Popen([*map(str, command), "1000000"], cwd=CHECKOUT, stderr=subprocess.DEVNULL)
    while len(read(tmp_path / "killed" / "metrics.jsonl")) < 4:
        time.sleep(0.02)
        assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.wait()
    after = checkpoint.load(tmp_path / "killed" / "checkpoints" / "latest.pt")["step"]
    assert 12 <= after < 60
    subprocess.run([*map(str, command), "60"], cwd=CHECKOUT, check=True, capture_output=True, env=os.environ)

    assert digest(tensors(tmp_path / "straight")) == digest(tensors(tmp_path / "killed"))
    assert lines(tmp_path / "straight") == lines(tmp_path / "killed")


def test_a_run_that_has_reached_its_total_says_so(cars, tmp_path):
    data, held = both(cars)
    said: list[str] = []
    train(data, config("vae", 3), tmp_path / "run", holdout=held)
    before = (tmp_path / "run" / "metrics.jsonl").read_bytes()
    result = train(data, config("vae", 3), tmp_path / "run", holdout=held, resume=True, say=said.append)

    assert result.step == result.total == 3 and "has made its 3 steps" in said[0]
    assert (tmp_path / "run" / "metrics.jsonl").read_bytes() == before


def test_other_settings_other_pictures_and_a_run_that_is_there_are_refused(cars, tmp_path):
    data, _ = both(cars)
    train(data, config("vae", 2), tmp_path / "run")

    with pytest.raises(UsageError, match="there is a run in"):
        train(data, config("vae", 2), tmp_path / "run")
    with pytest.raises(UsageError, match="other settings"):
        train(data, config("vae", 4, seed=1), tmp_path / "run", resume=True)
    other, _ = both(make_set(tmp_path / "other.zip", 41))
    with pytest.raises(UsageError, match="other pictures"):
        train(other, config("vae", 4), tmp_path / "run", resume=True)


def test_a_damaged_checkpoint_is_told(cars, tmp_path):
    data, _ = both(cars)
    train(data, config("vae", 2), tmp_path / "run")
    path = tmp_path / "run" / "checkpoints" / "latest.pt"
    saved = path.read_bytes()
    path.write_bytes(saved[: len(saved) // 2])

    with pytest.raises(UsageError, match="no checkpoint, or is damaged"):
        checkpoint.load(path)
    with pytest.raises(UsageError, match="there is no checkpoint"):
        checkpoint.load(tmp_path / "none.pt")


def test_fine_tuning_takes_weights_and_refuses_those_that_do_not_fit(cars, tmp_path):
    data, _ = both(cars)
    train(data, config("dcgan", 2), tmp_path / "first")
    train(data, config("lsgan", 1, dropout=0.0), tmp_path / "tuned", init=tmp_path / "first")

    assert tensors(tmp_path / "tuned")["step"] == 1
    with pytest.raises(UsageError, match="--maps 4"):
        train(data, config("dcgan", 1, maps=8), tmp_path / "other", init=tmp_path / "first")


def test_disk_use_is_bounded(cars, tmp_path):
    data, _ = both(cars)
    train(data, config("vae", 30, keep_every=5, keep=2), tmp_path / "run")

    assert sorted(p.name for p in (tmp_path / "run" / "checkpoints").iterdir()) == [
        "000025.pt",
        "000030.pt",
        "latest.pt",
    ]


def test_two_processes_do_not_train_one_run(cars, tmp_path):
    data, _ = both(cars)
    train(data, config("dcgan", 5), tmp_path / "run", device="cpu")

    with files.held(tmp_path / "run", "the run"), pytest.raises(UsageError, match="another process is at work"):
        train(data, config("dcgan", 9), tmp_path / "run", device="cpu", resume=True)
    assert train(data, config("dcgan", 9), tmp_path / "run", device="cpu", resume=True).step == 9


def test_a_full_disk_is_one_line_and_the_last_checkpoint_stays(cars, tmp_path):
    script = (
        "import resource, sys; from pathlib import Path\n"
        "from tests.trainer.small import both, config; from carprep.trainer import train\n"
        "from carprep.errors import RunError\n"
        f"data = both(Path({str(cars)!r}))[0]\n"
        "train(data, config('dcgan', 7), sys.argv[1], device='cpu')\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))\n"
        "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "try:\n"
        "    train(data, config('dcgan', 14), sys.argv[1], device='cpu', resume=True)\n"
        "except RunError as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, tmp_path / "run"], capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
    )  # fmt: skip

    assert done.returncode == 0, done.stderr[-2000:]
    assert "cannot write" in done.stdout and "file too large" in done.stdout
    assert load(tmp_path / "run").step == 7


def test_an_empty_checkpoint_is_damaged(cars, tmp_path):
    train(both(cars)[0], config("dcgan", 3), tmp_path / "run", device="cpu")
    (tmp_path / "run" / "checkpoints" / "latest.pt").write_bytes(b"")

    with pytest.raises(UsageError, match="is no checkpoint, or is damaged"):
        load(tmp_path / "run")
