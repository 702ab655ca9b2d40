"""Commands that prove a set: score, validate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from carprep.commands.options import CacheFolder, Device, Json, needs_torch, print_json
from carprep.commands.options import count as processes

Cars = Annotated[Path, typer.Argument(metavar="CARS.ZIP", help="The set that carprep build made.")]
Features = Annotated[
    str,
    typer.Option(help="A third ruler: inception (as fetched by doctor), inception:PATH or dinov2:PATH."),
]


def validate(
    cars: Cars,
    against: Annotated[Path, typer.Option(help="RAW, the heap that the set was built from.", show_default=False)],
    out: Annotated[Path, typer.Option(help="Folder for verdict.html, verdict.json and the runs.")] = Path("verdict"),
    quick: Annotated[
        bool, typer.Option("--quick", help="32 px, 16 maps, three arms, three seeds: minutes on two processors.")
    ] = False,
    accepted: Annotated[
        Path | None,
        typer.Option(help="CSV photo,word: photos that a person keeps; the held-out ones are drawn from them."),
    ] = None,
    preset: Annotated[str | None, typer.Option(help="Preset of the trainer. Default: dcgan.")] = None,
    size: Annotated[int | None, typer.Option(help="Side of the pictures, px. Default: 64; 32 with --quick.")] = None,
    maps: Annotated[int | None, typer.Option(help="Feature maps. Default: 64; 16 with --quick.")] = None,
    seeds: Annotated[
        int | None, typer.Option(help="Trainings of each arm, at least 3. Default: 5; 3 with --quick.")
    ] = None,
    images: Annotated[
        int | None, typer.Option(min=100, help="Images seen by each training. Default: 1,000,000; 60,000 with --quick.")
    ] = None,
    features: Features = "",
    device: Device = "auto",
    workers: Annotated[int | None, typer.Option(help="Trainings side by side. Default: 2.")] = None,
    cache: CacheFolder = None,
    json: Json = False,
) -> None:
    """Train on the set and on the heap it came from, and say whether the set is better.

    Exit status: 0 PASS, 3 NO DIFFERENCE or WORSE, 4 INVALID.

    Example: carprep validate cars.zip --against raw/ --quick
    """
    needs_torch()
    from carprep.progress import console
    from carprep.verdict.validate import Settings
    from carprep.verdict.validate import validate as prove

    asked = {"preset": preset, "size": size, "maps": maps, "seeds": seeds, "images": images}
    wishes: dict[str, Any] = {name: value for name, value in asked.items() if value is not None}
    settings = (Settings.quick if quick else Settings)(features=features, device=device, **wishes)
    with console() as progress:
        verdict = prove(cars, against, out, settings, accepted=accepted, workers=processes(workers) or 2, cache=cache,
                        progress=progress, say=lambda words: typer.echo(f"carprep: {words}", err=True))  # fmt: skip
    if json:
        typer.echo((out / "verdict.json").read_text(encoding="utf-8"), nl=False)
    else:
        typer.echo(verdict.name)
        for reason in verdict.reasons:
            typer.echo(f"- {reason}")
        for arm, gap in next(iter(verdict.differences.values()), {}).items():
            typer.echo(f"smallest difference from {arm} that this run could have seen: {gap.visible:.3f}")
        typer.echo(f"page: {out / 'verdict.html'}")
    raise typer.Exit(verdict.status)


def score(
    cars: Cars,
    fakes: Annotated[
        Path, typer.Option(help="A run of the trainer, or a folder or zip of pictures.", show_default=False)
    ],
    count: Annotated[int, typer.Option(min=20, help="Pictures to draw from a run.")] = 2000,
    features: Features = "",
    device: Annotated[str, typer.Option(help="Where a run draws: cpu or cuda.")] = "cpu",
    json: Json = False,
) -> None:
    """Measure fakes against a set: KID, FID, precision, recall, density, coverage, memorisation.

    Example: carprep score cars.zip --fakes runs/dcgan
    """
    needs_torch()
    from carprep.verdict.score import score as measure

    told = measure(cars, fakes, features=features, count=count, device=device)
    if json:
        print_json(told.to_json())
        return
    for line in told.lines:
        typer.echo(line)
