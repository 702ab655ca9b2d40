"""How fast is a training step beside the tutorial's, and an epoch of IndianCars beside ImageFolder?

The plain step is tutorial.py's, with the same networks, batch and picture stream. Each side runs in a process of its
own, in turn.
"""

from __future__ import annotations

import io
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from common import table
from PIL import Image
from torch.utils.data import DataLoader

from carprep.doctor import machine

CHECKOUT = Path(__file__).parents[1]
ROUNDS, STEPS, BATCH, PICTURES, SIDE = 3, 6, 128, 1500, 64


def ours(maps: int, device: str, precision: str) -> float:
    """Seconds a step of `carprep.trainer`, as its loop makes them."""
    from carprep.trainer.chance import draw, seed_of
    from carprep.trainer.config import Config
    from carprep.trainer.machine import Team, prepare
    from carprep.trainer.run import begin
    from carprep.trainer.stepper import stepper
    from torch_datasets.cars import in_range

    config, where = Config.of("dcgan", maps=maps, batch=BATCH, precision=precision), torch.device(device)
    prepare(config, where)
    team = Team(config, where)
    run = begin(config, Path(), {}, PICTURES, team, where)
    learn = stepper(run.state, team.share, team.size, print)
    pixels, views = _pixels().to(where), torch.zeros(BATCH, dtype=torch.int64, device=where)

    def once(number: int) -> None:
        torch.manual_seed(seed_of("step", 0, number))
        draws = draw(config, BATCH, where)
        run.record.add(learn(in_range(pixels[_indices(number).to(where)]), views, draws))
        run.state.step += 1

    return _timed(once, where)


def plain(maps: int, device: str, precision: str) -> float:
    """Seconds a step as tutorials write it, on resident pictures."""
    from tutorial import Tutorial

    from carprep.trainer.config import Config
    from carprep.trainer.machine import prepare

    config, where = Config.of("dcgan", maps=maps, batch=BATCH, precision=precision), torch.device(device)
    prepare(config, where)  # the same TF32
    tutorial, pixels = Tutorial(config, where), _pixels().to(where)

    def once(number: int) -> None:
        real = pixels[_indices(number).to(where)].float() / 127.5 - 1
        tutorial.step(real, torch.randn(BATCH, config.z, device=where))

    return _timed(once, where)


def epochs() -> tuple[float, float, float]:
    """Seconds of an epoch: IndianCars the first time, IndianCars after that, ImageFolder on the same files."""
    from torchvision import datasets, transforms

    from torch_datasets import IndianCars

    with tempfile.TemporaryDirectory() as folder:
        for number, pixels in enumerate(_pixels()):
            path = Path(folder) / "cars" / f"{number:06d}.png"
            path.parent.mkdir(exist_ok=True)
            data = io.BytesIO()
            Image.fromarray(pixels.permute(1, 2, 0).numpy()).save(data, "PNG")
            path.write_bytes(data.getvalue())
        change = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.5,) * 3, (0.5,) * 3)])
        peer, own = datasets.ImageFolder(folder, change), IndianCars(folder)
        first = _epoch(own)
        pairs = [(_epoch(own), _epoch(peer)) for _ in range(ROUNDS)]
    return first, statistics.median(a for a, _ in pairs), statistics.median(b for _, b in pairs)


def _epoch(dataset: torch.utils.data.Dataset) -> float:
    start = time.perf_counter()
    for _ in DataLoader(dataset, batch_size=BATCH, shuffle=True):
        pass
    return time.perf_counter() - start


def _pixels() -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    small = torch.randint(0, 256, (PICTURES, 3, 8, 8), generator=generator).float()
    return torch.nn.functional.interpolate(small, size=SIDE, mode="bilinear").to(torch.uint8)


def _indices(number: int) -> torch.Tensor:
    return torch.arange(number * BATCH, (number + 1) * BATCH) % PICTURES


def _timed(once: Callable[[int], None], device: torch.device) -> float:
    """Median seconds of a step; on a GPU of as many steps as fill a second, since single ones only queue."""
    warm, steps, each = (40, STEPS, 100) if device.type == "cuda" else (1, STEPS, 1)
    for number in range(warm):
        once(number)
    seconds = []
    for number in range(warm, warm + steps):
        _wait(device)
        start = time.perf_counter()
        for part in range(each):
            once(number * each + part)
        _wait(device)
        seconds.append((time.perf_counter() - start) / each)
    return statistics.median(seconds)


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


def _in_process(name: str, *arguments: object) -> float:
    command = [sys.executable, __file__, name, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=CHECKOUT)
    return float(json.loads(done.stdout.splitlines()[-1]))


def _steps(device: str, cases: list[tuple[int, str, str]]) -> list[list[str]]:
    """Rows of the table of steps; the two sides run in turn."""
    rows = []
    for maps, precision, goal in cases:
        # the goals compare with the tutorial in TF32 on a GPU, and with its fp32 elsewhere
        pairs = [
            (_in_process("ours", maps, device, precision), _in_process("plain", maps, device, "auto"))
            for _ in range(ROUNDS)
        ]
        own, peer = (statistics.median(side) for side in zip(*pairs, strict=True))
        ratios = [b / a for a, b in pairs]
        rows.append([f"{maps} maps, {precision}", f"{own:.4f} s", f"{peer:.4f} s",
                     f"{statistics.median(ratios):.2f} x", f"{min(ratios):.2f}-{max(ratios):.2f}", goal])  # fmt: skip
    return rows


def main() -> None:
    """Print the tables."""
    if len(sys.argv) == 5:
        name, maps, device, precision = sys.argv[1:]
        print(json.dumps({"ours": ours, "plain": plain}[name](int(maps), device, precision)))
        return
    header = ("what", "carprep", "tutorial", "ratio", "of the rounds", "goal")
    rows = _steps("cpu", [(16, "fp32", "1.2 x"), (64, "fp32", "1.2 x")])
    table(f"A DCGAN step, {SIDE} px, batch {BATCH}, processor ({machine()})", header, rows)
    if torch.cuda.is_available():
        rows = _steps("cuda", [(64, "tf32", "2 x"), (64, "bf16", "3 x")])
        table(f"A DCGAN step, {SIDE} px, batch {BATCH}, {torch.cuda.get_device_name()}", header, rows)
    else:
        print("\nA step on a GPU: there is none here, nothing was measured")
    first, later, peer = epochs()
    rows = [["first epoch", f"{first:.3f} s", f"{peer:.3f} s", f"{peer / first:.1f} x", "-"],
            ["later epochs", f"{later:.3f} s", f"{peer:.3f} s", f"{peer / later:.1f} x", "10 x"]]  # fmt: skip
    table(
        f"An epoch of {PICTURES:,} pictures of {SIDE} px in a DataLoader",
        ("what", "IndianCars", "ImageFolder", "ratio", "goal"),
        rows,
    )


if __name__ == "__main__":
    main()
