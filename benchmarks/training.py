"""How fast is a training step beside the tutorial's, and an epoch of IndianCars beside ImageFolder?

The plain step is the DCGAN that tutorials print: default memory layout, unfused Adam, `.item()` for each figure, D not
frozen while G learns; the same networks, batch and picture stream. Each side runs in a process of its own, in turn.
"""

from __future__ import annotations

import io
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from common import table
from PIL import Image
from torch.utils.data import DataLoader

from carprep.doctor import machine

CHECKOUT = Path(__file__).parents[1]
ROUNDS, STEPS, BATCH, PICTURES, SIDE = 3, 6, 128, 1500, 64


def ours(maps: int) -> float:
    """Seconds a step of `carprep.trainer`."""
    from carprep.trainer.chance import draw, seed_of
    from carprep.trainer.config import Config
    from carprep.trainer.machine import Team, prepare
    from carprep.trainer.run import begin
    from carprep.trainer.steps import step
    from torch_datasets.cars import in_range

    config, cpu = Config.of("dcgan", maps=maps, batch=BATCH), torch.device("cpu")
    prepare(config, cpu)
    run = begin(config, Path(), {}, PICTURES, Team(config, cpu), cpu)
    pixels, views = _pixels(), torch.zeros(BATCH, dtype=torch.int64)

    def once(number: int) -> None:
        torch.manual_seed(seed_of("step", 0, number))
        draws = draw(config, BATCH, cpu)
        run.record.add(step(run.state, in_range(pixels[_indices(number)]), views, draws))
        run.state.step += 1

    return _timed(once)


def plain(maps: int) -> float:
    """Seconds a step as tutorials write it."""
    from carprep.trainer.config import Config
    from carprep.trainer.nets import networks

    config = Config.of("dcgan", maps=maps, batch=BATCH)
    torch.manual_seed(0)
    generator, discriminator = networks(config)
    learns_g, learns_d = (
        torch.optim.Adam(network.parameters(), lr=2e-4, betas=(0.5, 0.999)) for network in (generator, discriminator)
    )
    loss, pixels, views = torch.nn.BCELoss(), _pixels(), torch.zeros(BATCH, dtype=torch.int64)

    def once(number: int) -> None:
        real = pixels[_indices(number)].float() / 127.5 - 1
        discriminator.zero_grad()
        label = torch.full((BATCH,), 1.0)
        told = torch.sigmoid(discriminator(real, views))
        loss_real = loss(told, label)
        loss_real.backward()
        fake = generator(torch.randn(BATCH, config.z), views)
        label.fill_(0.0)
        loss_fake = loss(torch.sigmoid(discriminator(fake.detach(), views)), label)
        loss_fake.backward()
        learns_d.step()
        generator.zero_grad()
        label.fill_(1.0)
        again = torch.sigmoid(discriminator(fake, views))
        loss_g = loss(again, label)
        loss_g.backward()
        learns_g.step()
        (loss_real + loss_fake).item(), loss_g.item(), told.mean().item(), again.mean().item()

    return _timed(once)


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


def _timed(once) -> float:
    once(0)
    seconds = []
    for number in range(1, STEPS + 1):
        start = time.perf_counter()
        once(number)
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def _in_process(name: str, maps: int) -> float:
    command = [sys.executable, __file__, name, str(maps)]
    return float(json.loads(subprocess.run(command, capture_output=True, text=True, check=True, cwd=CHECKOUT).stdout))


def main() -> None:
    """Print the two tables."""
    if len(sys.argv) == 3:
        print(json.dumps({"ours": ours, "plain": plain}[sys.argv[1]](int(sys.argv[2]))))
        return
    rows = []
    for maps in (16, 64):
        pairs = [(_in_process("ours", maps), _in_process("plain", maps)) for _ in range(ROUNDS)]
        own, peer = (statistics.median(side) for side in zip(*pairs, strict=True))
        ratios = [b / a for a, b in pairs]
        rows.append([f"dcgan, {maps} maps", f"{own:.3f} s", f"{peer:.3f} s", f"{statistics.median(ratios):.2f} x",
                     f"{min(ratios):.2f} to {max(ratios):.2f}", "1.2 x"])  # fmt: skip
    header = ("what", "carprep", "tutorial", "ratio", "of the rounds", "goal")
    table(f"A step, {SIDE} px, batch {BATCH}, processor ({machine()})", header, rows)
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
