"""Train the network on a training folder.

    python -m carprep.carnet.train heap/ --out run/

The folder holds photos and a `labels.csv` (see `carprep.carnet.examples`). The run can be stopped at any time; the same
command goes on from its last checkpoint. The same folder and the same settings give the same network on one machine.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from torch import Tensor
from torch.nn import functional
from torch.utils.data import DataLoader

from carprep import files
from carprep.allocator import keep_memory
from carprep.carnet.batches import Batches, has_bfloat16, teaches
from carprep.carnet.command import run
from carprep.carnet.network import Answers, CarNet, Shape
from carprep.carnet.pack import Pack, pack
from carprep.carnet.quick import quick_look
from carprep.errors import UsageError


@dataclass(frozen=True)
class Config:
    """Everything that settles a run, beside the training folder."""

    steps: int = 24_000
    seed: int = 1
    batch: int = 32
    rate: float = 2e-3  # AdamW's peak; 4e-3 diverged now and then
    decay: float = 0.03
    warm: int = 400  # steps up to the peak
    small_until: float = 0.5  # share of the run at three quarters of the size: twice as quick, and most is learnt there
    average: float = 0.999  # of the weights' moving average, which is what is exported
    start: str = ""  # sha256 of the checkpoint whose weights it began with
    shape: Shape = field(default_factory=Shape)


@dataclass
class State:
    """A run at one moment."""

    network: CarNet
    averaged: CarNet
    optimizer: torch.optim.Optimizer
    git: str
    step: int = 0


def train(folder: Path, out: Path, config: Config, threads: int, start: Path | None, device: str) -> Path:
    """Train, or go on training; returns the checkpoint's path.

    Args:
        start: a checkpoint whose weights are taken to begin with.

    Raises:
        UsageError: nothing to learn from, or `out` holds a checkpoint of other settings.
    """
    torch.set_num_threads(threads)
    keep_memory()
    if start is not None:
        config = replace(config, start=files.sha256_of(start) if start.is_file() else str(start))
    packed = pack(folder)
    out.mkdir(parents=True, exist_ok=True)
    path = out / "checkpoint.pt"
    state = _begin(config, start, device)
    if path.exists():
        _restore(state, path, config, packed)
    began = time.monotonic()
    first = state.step
    for step, batch in _batches(packed, config, state.step):
        rate = _rate(step, config)
        for group in state.optimizer.param_groups:
            group["lr"] = rate
        torch.manual_seed(config.seed * 1_000_003 + step)  # dropout, the same after a stop
        losses = learn(state, batch, device)
        _average(state, config.average)
        state.step = step + 1
        if state.step % SAID_EVERY == 0:
            pace = (time.monotonic() - began) / (state.step - first)
            _say(out, {"step": state.step, "rate": rate, "pace": round(pace, 3), **losses})
        if state.step % SAVED_EVERY == 0 or state.step == config.steps:
            _save(state, path, config, packed, folder)
        if state.step % LOOKED_EVERY == 0 or state.step == config.steps:
            _say(out, {"step": state.step, **quick_look(state.averaged, packed, device)})
    return path


def learn(state: State, batch: dict[str, Tensor], device: str) -> dict[str, float]:
    """One step of the optimizer; returns the losses."""
    batch = {key: value.to(device, non_blocking=True) for key, value in batch.items()}
    pixels = batch["pixels"].float().contiguous(memory_format=torch.channels_last)  # (B, 3, H, W)
    state.network.train()
    with torch.autocast(device, torch.bfloat16, enabled=has_bfloat16(device)):
        answers = state.network(pixels)
    losses = loss(answers, batch)
    total = losses["mask"] + 0.5 * losses["view"] + 0.3 * losses["facing"] + 0.1 * losses["overlay"]
    state.optimizer.zero_grad(set_to_none=True)
    total.backward()
    torch.nn.utils.clip_grad_norm_(state.network.parameters(), 5.0)
    state.optimizer.step()
    return {name: round(float(value.detach()), 4) for name, value in losses.items()}


def loss(answers: Answers, batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """What is wrong with the answers, each part over what is known."""
    alpha, trust = batch["alpha"].float() / 255, batch["trust"].float() / 255
    pixelwise = functional.binary_cross_entropy_with_logits(answers.alpha.float(), alpha, reduction="none")
    entropy = (pixelwise * trust).sum() / trust.sum().clamp_min(1)
    found = torch.sigmoid(answers.alpha.float())
    # soft IoU (Rahman & Wang 2016), where a car is known to be
    both = (found * alpha * trust).sum((1, 2))
    either = ((found + alpha - found * alpha) * trust).sum((1, 2))
    known = ((alpha * trust).sum((1, 2)) > 30).float()
    overlap = ((1 - both / either.clamp_min(1)) * known).sum() / known.sum().clamp_min(1)
    views, facing, overlay = batch["weights"].T
    logits = answers.views.float()
    target = 0.97 * batch["views"] + 0.03 / logits.shape[1]
    view = (functional.cross_entropy(logits, target, reduction="none") * views).sum() / views.sum().clamp_min(1)
    return {
        "mask": entropy + 0.5 * overlap,
        "view": view,
        "facing": _binary(answers.left, batch["left"], facing),
        "overlay": _binary(answers.overlay, batch["overlay"], overlay),
    }


def _binary(logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    each = functional.binary_cross_entropy_with_logits(logits.float(), target, reduction="none")
    return (each * weight).sum() / weight.sum().clamp_min(1)


def _begin(config: Config, start: Path | None, device: str) -> State:
    torch.manual_seed(config.seed)
    network = CarNet(config.shape)
    if start is not None:
        network.load_state_dict(load(start)["averaged"])
    network = network.to(device, memory_format=torch.channels_last)
    averaged = CarNet(config.shape).to(device, memory_format=torch.channels_last)
    averaged.load_state_dict(network.state_dict())
    bare = [p for p in network.parameters() if p.ndim < 2]  # biases and batch norms: decay does them no good
    rest = [p for p in network.parameters() if p.ndim >= 2]
    groups = [{"params": rest, "weight_decay": config.decay}, {"params": bare, "weight_decay": 0.0}]
    return State(network, averaged.eval(), torch.optim.AdamW(groups, lr=config.rate), _git())


def load(path: Path) -> dict[str, Any]:
    """A checkpoint as it was saved.

    Raises:
        UsageError: it is none.
    """
    try:
        return dict(torch.load(path, map_location="cpu", weights_only=True))
    except Exception as error:  # torch raises whatever its unpickler meets
        raise UsageError(f"{path} is no checkpoint: {str(error).splitlines()[0]}") from error


def load_network(path: Path) -> CarNet:
    """A checkpoint's averaged network, ready to answer."""
    saved = load(path)
    told = json.loads(saved["shape"])
    network = CarNet(Shape(tuple(told["widths"]), tuple(told["depths"]), told["features"]))
    network.load_state_dict(saved["averaged"])
    network.eval().to(memory_format=torch.channels_last)
    return network


def _restore(state: State, path: Path, config: Config, packed: Pack) -> None:
    saved = load(path)
    if saved["config"] != json.dumps(asdict(config)) or saved["pack"] != packed.sha256:
        raise UsageError(f"{path} was made with other settings or photos; choose another --out, or remove it")
    state.network.load_state_dict(saved["network"])
    state.averaged.load_state_dict(saved["averaged"])
    state.optimizer.load_state_dict(saved["optimizer"])
    state.step, state.git = int(saved["step"]), str(saved["git"])


def _save(state: State, path: Path, config: Config, packed: Pack, folder: Path) -> None:
    saved = {
        "network": state.network.state_dict(),
        "averaged": state.averaged.state_dict(),
        "optimizer": state.optimizer.state_dict(),
        "step": state.step,
        "config": json.dumps(asdict(config)),
        "shape": json.dumps(asdict(config.shape)),
        "pack": packed.sha256,
        "labels": files.sha256_of(folder / "labels.csv"),
        "git": state.git,
    }
    with files.written(path) as file:
        torch.save(saved, file)


def _git() -> str:
    """The code that a run began with; unknown outside a checkout."""
    if not (Path(__file__).parents[2] / ".git").exists() or shutil.which("git") is None:
        return "unknown"
    told = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=False,
    )
    return told.stdout.strip() or "unknown"


def _batches(packed: Pack, config: Config, start: int) -> Iterator[tuple[int, dict[str, Tensor]]]:
    items = [item for item in packed.items if not item.validation]
    if not any(teaches(item) for item in items):
        raise UsageError("there is nothing to learn from: no photo outside the validation split has a view or a mask")
    middle = int(config.steps * config.small_until)
    for scale, low, high in ((0.75, start, middle), (1.0, max(start, middle), config.steps)):
        if low < high:
            batches = Batches(packed, items, config.seed, config.batch, scale)
            loader = DataLoader(
                batches,
                batch_size=None,
                sampler=range(low, high),
                num_workers=WORKERS,
                prefetch_factor=4,
                multiprocessing_context=FRESH,
            )
            yield from enumerate(loader, low)


SAID_EVERY, SAVED_EVERY, LOOKED_EVERY = 100, 500, 2000  # steps
# a fork of a process with threads (OpenCV, torch, onnxruntime) can wait for ever for one of their locks
FRESH = "spawn"
WORKERS = 2 if (os.cpu_count() or 1) > 2 else 1


def _rate(step: int, config: Config) -> float:
    if step < config.warm:
        return config.rate * (step + 1) / config.warm
    gone = (step - config.warm) / max(1, config.steps - config.warm)
    return config.rate * (0.01 + 0.99 * 0.5 * (1 + float(torch.cos(torch.tensor(gone * torch.pi)))))


@torch.no_grad()  # type: ignore[untyped-decorator]
def _average(state: State, much: float) -> None:
    much = min(much, (1 + state.step) / (10 + state.step))  # the first steps are not worth remembering
    for mean, new in zip(state.averaged.state_dict().values(), state.network.state_dict().values(), strict=True):
        if mean.dtype.is_floating_point:
            mean.lerp_(new, 1 - much)
        else:
            mean.copy_(new)


def _say(out: Path, line: dict[str, Any]) -> None:
    with (out / "log.jsonl").open("a") as log:
        log.write(json.dumps(line) + "\n")
    typer.echo(" ".join(f"{key} {value}" for key, value in line.items()))


def main(
    folder: Annotated[Path, typer.Argument(help="Training folder with labels.csv.")],
    out: Annotated[Path, typer.Option(help="Folder for checkpoint and log.")],
    steps: Annotated[int, typer.Option(help="Steps of the optimizer.")] = Config.steps,
    seed: Annotated[int, typer.Option(help="Settles everything that is random.")] = Config.seed,
    rate: Annotated[float, typer.Option(help="Peak of the learning rate.")] = Config.rate,
    small_until: Annotated[float, typer.Option(help="Share of the run at three quarters of the size.")] = (
        Config.small_until
    ),
    start: Annotated[Path | None, typer.Option(help="Checkpoint to begin with, such as one of another run.")] = None,
    threads: Annotated[int, typer.Option(help="Threads of the network.")] = max(1, (os.cpu_count() or 2) - 1),
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
) -> None:
    """Train CarNet on a training folder.

    Example: python -m carprep.carnet.train heap/ --out run/
    """
    config = replace(Config(), steps=steps, seed=seed, rate=rate, small_until=small_until)
    from carprep.carnet.export import export, needs_onnx  # here, since it imports this module

    needs_onnx()  # now, not after the training
    checkpoint = train(folder, out, config, threads, start, device)
    export(checkpoint, folder, out / "carnet.onnx")
    typer.echo(f"{out / 'carnet.onnx'}: use it with --look carnet:{out / 'carnet.onnx'}")


if __name__ == "__main__":
    run(main)
