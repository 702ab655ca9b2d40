"""Commands about training: plan, train, sample, curves, runs, export."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from carprep.commands.options import Device, Json, needs_torch, print_json
from carprep.errors import UsageError

if TYPE_CHECKING:
    from carprep.trainer.config import Config

Cars = Annotated[Path, typer.Argument(metavar="CARS.ZIP", help="The set: zip, or folder of equal squares.")]
RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run, or one of its checkpoints.")]
Preset = Annotated[str, typer.Option(help="dcgan, dcgan-joint, lsgan, sagan, vae or best.")]
Steps = Annotated[int | None, typer.Option(min=1, help="Steps of the run in all, also on --resume.")]
Epochs = Annotated[int | None, typer.Option(min=1, help="Epochs of the run in all. Default: the preset's.")]
Batch = Annotated[int | None, typer.Option(help="Pictures to a step. Default: the preset's.")]
Maps = Annotated[int | None, typer.Option(help="Feature maps of the widest plane; half of them train 4 x as fast.")]
Latent = Annotated[int | None, typer.Option("--z", help="Numbers the generator starts from.")]
Conditional = Annotated[str | None, typer.Option(help="view: tell the generator which view to draw; or none.")]
Precision = Annotated[str | None, typer.Option(help="auto, fp32, tf32 or bf16.")]
Augment = Annotated[str | None, typer.Option(help="diffaugment or none. Default: the preset's.")]


def train(
    cars: Annotated[
        Path | None, typer.Argument(metavar="[CARS.ZIP]", help="The set; with --resume it is the run's own.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the run. Default: runs/PRESET.")] = None,
    preset: Preset = "dcgan",
    steps: Steps = None,
    epochs: Epochs = None,
    resume: Annotated[Path | None, typer.Option(help="Go on with the run in this folder.")] = None,
    init: Annotated[Path | None, typer.Option(help="Begin with the weights of this run: fine-tuning.")] = None,
    batch: Batch = None,
    maps: Maps = None,
    z: Latent = None,
    augment: Augment = None,
    mirror: Annotated[
        bool | None,
        typer.Option(
            "--mirror/--no-mirror", help="Flip half of the reals. Default: the preset's; off where all face one way."
        ),
    ] = None,
    conditional: Conditional = None,
    ema: Annotated[bool | None, typer.Option("--ema/--no-ema", help="Average the generator's weights.")] = None,
    seed: Annotated[int | None, typer.Option(help="Settles everything that is random.")] = None,
    device: Device = "auto",
    precision: Precision = None,
    graph: Annotated[
        bool | None, typer.Option("--graph/--no-graph", help="On a GPU, replay each step as one CUDA graph (default).")
    ] = None,
    compile: Annotated[
        bool | None,
        typer.Option("--compile/--no-compile", help="torch.compile; where it does not work, go on without."),
    ] = None,
    holdout: Annotated[
        Path | None, typer.Option(help="Zip of held-out pictures. Default: the set's own split holdout.")
    ] = None,
    features: Annotated[str | None, typer.Option(help="What scores are measured with: carnet or pixels.")] = None,
    window: Annotated[int | None, typer.Option(help="Steps to a line of metrics.jsonl.")] = None,
    sample_every: Annotated[int | None, typer.Option(help="Steps between two grids.")] = None,
    score_every: Annotated[int | None, typer.Option(help="Steps between two scores.")] = None,
    save_every: Annotated[int | None, typer.Option(help="Steps between two writings of latest.pt.")] = None,
    keep: Annotated[int | None, typer.Option(help="Numbered checkpoints to keep.")] = None,
    keep_every: Annotated[int | None, typer.Option(help="Steps between two numbered checkpoints.")] = None,
    on_alarm: Annotated[str | None, typer.Option(help="warn or stop.")] = None,
    tensorboard: Annotated[bool, typer.Option("--tensorboard", help="Write for tensorboard too.")] = False,
    json: Json = False,
) -> None:
    """Train a reference network on a set, and leave curves, samples, checkpoints and a page.

    Example: carprep train cars.zip --preset dcgan --out runs/dcgan
    """
    needs_torch()
    wishes = {
        "batch": batch, "maps": maps, "z": z, "augment": augment, "mirror": mirror, "conditional": conditional,
        "ema": ema, "seed": seed, "precision": precision, "features": features, "window": window,
        "sample_every": sample_every, "score_every": score_every, "save_every": save_every, "keep": keep,
        "keep_every": keep_every, "graph": graph, "compile": compile,
    }  # fmt: skip
    wishes = {name: value for name, value in wishes.items() if value is not None}
    if steps is not None and epochs is not None:
        raise UsageError("--steps and --epochs both say how long the run is; name one of them")
    if resume is not None:
        if wishes or init or out:
            named = [
                f"--{name.replace('_', '-')}"
                for name in (*wishes, *(["init"] if init else []), *(["out"] if out else []))
            ]
            raise UsageError(f"--resume goes on with the run as it is; {', '.join(named)} cannot change")
        cars, config, out = _resumed(resume, cars, steps, epochs, on_alarm)
    elif cars is None:
        raise UsageError("name a set, CARS.ZIP, or a run to go on with, --resume RUN")
    else:
        lasts = {"steps": steps, "epochs": epochs, "on_alarm": on_alarm}
        config = _config(cars, preset, {**wishes, **{n: v for n, v in lasts.items() if v is not None}})
        out = out or Path("runs") / preset
    _go(cars, config, out, resume is not None, init, device, holdout, tensorboard, json)


def _go(
    cars: Path, config: Config, out: Path, resume: bool, init: Path | None, device: str, holdout: Path | None,
    tensorboard: bool, json: bool,
) -> None:  # fmt: skip
    from carprep.progress import console
    from carprep.trainer import train as run
    from torch_datasets import IndianCars

    pictures = IndianCars(cars)
    held = (
        IndianCars(holdout, "all") if holdout else IndianCars(cars, "holdout") if "holdout" in pictures.splits else None
    )
    with console() as progress, _asked_to_stop() as asked:
        result = run(
            pictures, config, out, holdout=held, resume=resume, init=init, device=device, stop=lambda: bool(asked),
            progress=progress, say=_say, tensorboard=tensorboard,
        )  # fmt: skip
    if json:
        print_json({**vars(result), "folder": str(result.folder)})
    else:
        for line in _told(result, held is not None):
            typer.echo(line)
    if asked and result.step < result.total:
        _say(f"interrupted at step {result.step:,}; carprep train --resume {out} goes on")
        raise typer.Exit(128 + asked[0])


def _told(result: Any, held: bool) -> Iterator[str]:
    from carprep.trainer.metrics import Estimate

    yield f"{result.step:,} of {max(result.step, result.total):,} steps: {result.folder / 'run.html'}"
    for name, figures in (("best", result.best), ("now", result.score)):
        if figures:
            estimate = Estimate(figures["kid"], figures["kid_low"], figures["kid_high"])
            yield f"{name}: KID[{figures['features']}] {estimate.words} at step {figures['step']:,}"
    if not held:
        yield "no score: the set has no holdout; carprep build --split 0.1 holds some out"


def plan(
    cars: Cars,
    preset: Preset = "dcgan",
    steps: Steps = None,
    epochs: Epochs = None,
    batch: Batch = None,
    maps: Maps = None,
    augment: Augment = None,
    z: Latent = None,
    conditional: Conditional = None,
    precision: Precision = None,
    device: Device = "auto",
    out: Annotated[Path, typer.Option(help="Where the run would lie; its disk is looked at.")] = Path("runs"),
    json: Json = False,
) -> None:
    """Say what a training would take: steps, layers, time, memory, disk; a few steps are timed.

    Example: carprep plan cars.zip --preset lsgan
    """
    needs_torch()
    from carprep.trainer.machine import device_of
    from carprep.trainer.plan import plan as make
    from torch_datasets import IndianCars

    wishes = {"steps": steps, "epochs": epochs, "batch": batch, "maps": maps, "augment": augment, "z": z,
              "conditional": conditional, "precision": precision}  # fmt: skip
    config = _config(cars, preset, {name: value for name, value in wishes.items() if value is not None})
    pictures, where = IndianCars(cars), device_of(device)
    _say(f"timing a few steps of {config.preset} on {where}; wide networks on a processor take a minute")
    made = make(config, len(pictures), where, out)
    if json:
        print_json(made.to_json())
        return
    for line in _plan_lines(made, config, len(pictures), str(where)):
        typer.echo(line)


def _plan_lines(made: Any, config: Config, pictures: int, device: str) -> Iterator[str]:
    yield f"{'':2} {'layer':<44} {'kind':<16} {'maps':>5} {'side':>5} {'field':>6} {'parameters':>11}"
    for layer in made.layers:
        side = f"{layer.side} px" if layer.side else ""
        field = f"{layer.field} px" if layer.field else ""
        maps = layer.maps or ""
        named = f"{layer.network:2} {layer.name:<44} {layer.kind:<16}"
        yield f"{named} {maps:>5} {side:>5} {field:>6} {layer.parameters:>11,}"
    from carprep.progress import span

    epochs = made.images / pictures
    yield f"steps      {made.steps:,} of {config.batch}: {made.images:,} images, {epochs:,.0f} epochs of {pictures:,}"
    yield f"time       {span(made.seconds)} on {device} ({made.seconds_per_step * 1000:,.0f} ms a step, timed now)"
    yield f"memory     {made.memory / 1e9:.1f} GB; the pictures are {made.place}"
    yield f"disk       {made.disk / 1e9:.2f} GB of {made.disk_free / 1e9:.0f} GB free"
    yield f"parameters {made.parameters:,}"
    for words in made.advice:
        yield f"advice     {words}"


def sample(
    run: RunFolder,
    out: Annotated[Path, typer.Option(help="FILE.png for a grid, FILE.zip or a folder for single pictures.")],
    count: Annotated[int, typer.Option(min=1, max=1_000_000, help="How many.")] = 64,
    seed: Annotated[int, typer.Option(min=0, help="Another seed draws others.")] = 0,
    interpolate: Annotated[int, typer.Option(min=0, max=64, help="Steps from each to the next: a row each.")] = 0,
    view: Annotated[
        str | None, typer.Option(help="Only this view, of a run that was trained with --conditional view.")
    ] = None,
    device: Device = "cpu",
) -> None:
    """Draw pictures with a trained generator.

    Example: carprep sample runs/dcgan --count 64 --seed 7 --out grid.png
    """
    needs_torch()
    from carprep.progress import console
    from carprep.trainer.machine import device_of
    from carprep.trainer.sample import load
    from carprep.trainer.sample import sample as draw
    from torch_datasets.labels import VIEWS

    trained = load(run)
    if view is not None and trained.config.conditional != "view":
        raise UsageError(f"{run} was trained without --conditional view; it draws any view")
    if view is not None and view not in VIEWS:
        raise UsageError(f"--view must be one of {', '.join(VIEWS)}")
    number = VIEWS.index(view) if view else None
    with console() as progress:
        drawn = draw(
            trained, count, seed, out, interpolate=interpolate, view=number, device=device_of(device), progress=progress
        )
    typer.echo(f"{drawn:,} pictures of step {trained.step:,}: {out}")


def export(
    run: RunFolder,
    out: Annotated[Path, typer.Option(help="File to write.")],
    to: Annotated[str, typer.Option(help="onnx, torch, exported or torchscript.")] = "onnx",
    what: Annotated[str, typer.Option(help="generator, discriminator or both.")] = "generator",
) -> None:
    """Write a trained network for others: input z (N, z), output image (N, 3, S, S) in [-1, 1].

    Example: carprep export runs/dcgan --to onnx --out generator.onnx
    """
    needs_torch()
    from carprep.trainer.export import export as write
    from carprep.trainer.sample import load

    for path in write(load(run), to, what, out, _say):
        typer.echo(f"{path}: {path.stat().st_size:,} bytes")


def runs(
    folder: Annotated[Path, typer.Argument(metavar="RUNS", help="Folder with runs in it.")] = Path("runs"),
    json: Json = False,
) -> None:
    """Compare runs in one table, the best first.

    Example: carprep runs runs/
    """
    needs_torch()
    from carprep.trainer.compare import COLUMNS, table
    from carprep.trainer.compare import runs as find

    rows = find(folder)
    if json:
        print_json({"runs": [dict(zip(COLUMNS, row.cells, strict=True)) for row in rows]})
        return
    for line in table(rows):
        typer.echo(line)


def curves(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run.")],
    first: Annotated[int, typer.Option("--from", min=0, help="First step.")] = 0,
    last: Annotated[int, typer.Option("--to", min=0, help="Last step; 0 is the end.")] = 0,
) -> None:
    """Draw curves and animation of a stretch of a run again.

    Example: carprep curves runs/dcgan --from 500 --to 2000
    """
    needs_torch()
    from carprep.trainer.config import Config
    from carprep.trainer.page import write_curves
    from carprep.trainer.pictures import animate
    from carprep.trainer.record import NAME, read
    from carprep.trainer.run import CONFIG, samples

    if not (run / CONFIG).exists():
        raise UsageError(f"there is no run {run}")
    config, lines = Config.read(run / CONFIG), read(run / NAME)
    if last and last < first:
        raise UsageError(f"--to {last} is before --from {first}")
    steps = [line["step"] for line in lines if first <= line["step"] <= (last or line["step"])]
    if not steps:
        there = f"has steps up to {lines[-1]['step']:,}" if lines else "has no figures yet"
        raise UsageError(f"{run} {there}: there is nothing to draw; curves and animation are as they were")
    write_curves(run / "curves.png", lines, config, first, last)
    frames = [path for path in samples(run) if first <= int(path.stem) <= max(steps)]
    animate(run / "animation.gif", frames)
    written = f", {len(frames)} frames: {run / 'animation.gif'}" if frames else "; no samples there, so no animation"
    typer.echo(f"steps {min(steps):,} to {max(steps):,}: {run / 'curves.png'}{written}")


def _resumed(
    run: Path, cars: Path | None, steps: int | None, epochs: int | None, on_alarm: str | None
) -> tuple[Path, Config, Path]:
    """The set, the settings and the folder of a run that is to go on."""
    from dataclasses import replace

    from carprep.trainer import checkpoint
    from carprep.trainer.config import Config
    from carprep.trainer.run import find

    if not run.is_dir():
        raise UsageError(f"there is no run {run}")
    saved = checkpoint.load(find(run))
    config = Config.from_toml(saved["config"])
    if epochs is not None:
        config = replace(config, epochs=epochs, steps=0)
    if steps is not None:
        config = replace(config, steps=steps)
    if on_alarm is not None:
        config = replace(config, on_alarm=on_alarm)
    path = cars or Path(saved["set"]["path"])
    if not saved["set"]["path"] or not path.exists():
        raise UsageError(f"the set of {run} is no longer at {path}; name it: carprep train CARS.ZIP --resume {run}")
    return path, Config.from_toml(config.to_toml()), run


def _config(cars: Path, preset: str, wishes: dict[str, Any]) -> Config:
    """A preset for this set: its size, and no mirroring where a build made all cars face one way."""
    from carprep.trainer.config import Config
    from torch_datasets import IndianCars

    pictures = IndianCars(cars)
    if pictures.facing:
        wishes = {"mirror": False, **wishes}
    if wishes.get("conditional") == "view" and pictures.classes == ["unknown"]:
        raise UsageError(f"--conditional view needs views, and {cars} has none: build with --look carnet")
    return Config.of(preset, size=pictures.side, **wishes)


@contextmanager
def _asked_to_stop() -> Iterator[list[int]]:
    """Ctrl-C and a polite kill end the run after the step that is being made, with a checkpoint."""
    asked: list[int] = []
    before = {
        number: signal.signal(number, lambda n, frame: asked.append(n)) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _say(words: str) -> None:
    typer.echo(f"carprep: {words}", err=True)
