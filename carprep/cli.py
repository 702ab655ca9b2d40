"""The command line: parse, call, print. Everything heavy is imported inside the command that needs it."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from carprep.commands import proving, relations, training
from carprep.commands.options import (
    BUILD,
    FAILED,
    HOUSE,
    PROVE,
    TRAIN,
    WRONG_CALL,
    CacheFolder,
    Json,
    Set,
    Workers,
    count,
    print_json,
)
from carprep.errors import CarprepError, UsageError
from carprep.version import VERSION

if TYPE_CHECKING:
    from carprep.recipe import Recipe
    from carprep.report import Report

app = typer.Typer(
    name="carprep",
    help="Turn a heap of car photos into a small clean training set.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
cache_app = typer.Typer(help="The memory of what was measured.", no_args_is_help=True)
app.add_typer(cache_app, name="cache", rich_help_panel=HOUSE)


class _Interrupted(BaseException):
    """Ctrl-C or a polite kill; our own, since the command-line library turns KeyboardInterrupt into exit 1."""

    def __init__(
        self, status: int, words: str = "what was measured is kept, run the same command again to go on"
    ) -> None:
        super().__init__(words)
        self.status = status


def main() -> None:
    """Run the command line; errors become one line and an exit status."""
    # Arrow's own allocator holds on to what it once had: 20 MB more for every 10,000 photos
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    try:
        app()
    except _Interrupted as interrupted:
        _say(f"interrupted; {interrupted}")
        sys.exit(interrupted.status)
    except CarprepError as error:
        _say(str(error))
        sys.exit(WRONG_CALL if isinstance(error, UsageError) else FAILED)


@app.command(rich_help_panel=BUILD)
def build(
    raw: Annotated[Path, typer.Argument(metavar="RAW", help="Folder, zip or tar of photos.", show_default=False)],
    zip: Annotated[
        Path,
        typer.Option("--zip", help="Zip to write; ledger and contact sheets lie beside it.", show_default=False),
    ],
    size: Annotated[
        list[int] | None,
        typer.Option("--size", help="Side of the square, px; may be given twice. Default: 64."),
    ] = None,
    views: Annotated[
        str | None,
        typer.Option(help="Views to keep: front, front-side, side, rear-side, rear, any. Default: front,front-side."),
    ] = None,
    face: Annotated[
        str | None,
        typer.Option(help="keep, left or right: mirror so that every car looks that way. Default: keep."),
    ] = None,
    background: Annotated[str | None, typer.Option(help="white or keep. Default: white.")] = None,
    look: Annotated[
        str | None,
        typer.Option(help="Who finds the car: carnet, carnet:FILE, border, rembg:NAME or none. Default: carnet."),
    ] = None,
    device: Annotated[
        str | None, typer.Option(help="cpu or cuda: where carnet runs; part of the recipe. Default: cpu.")
    ] = None,
    same: Annotated[
        str | None, typer.Option(help="What counts as one picture: copy, burst, recolour or none. Default: copy.")
    ] = None,
    margin: Annotated[
        float | None, typer.Option(help="White round the car's box, share of its longer side. Default: 0.06.")
    ] = None,
    enlarge: Annotated[
        float | None, typer.Option(help="How far a small car may be enlarged; 1 is never. Default: 1.")
    ] = None,
    split: Annotated[float | None, typer.Option(help="Share held out (split holdout), by hash. Default: 0.")] = None,
    detail: Annotated[
        int | None, typer.Option(help="Longest side of a cutout, px; for outputs above 512. Default: 512.")
    ] = None,
    overrides: Annotated[
        Path | None,
        typer.Option(help="CSV photo,word,other,note: a person's keep, drop, same or different, above every decision."),
    ] = None,
    holdout_zip: Annotated[Path | None, typer.Option(help="Write held-out pictures to a zip of their own.")] = None,
    recipe: Annotated[Path | None, typer.Option(help="TOML with every setting; options given here win.")] = None,
    save_recipe: Annotated[Path | None, typer.Option(help="Write the settings of this build as TOML.")] = None,
    fetch: Annotated[
        bool, typer.Option("--fetch", help="Allow rembg to download the weights that --look names.")
    ] = False,
    workers: Workers = None,
    cache: CacheFolder = None,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Measure everything anew, remember nothing.")] = False,
    verify: Annotated[
        bool, typer.Option("--verify", help="Read every file again, even where size and times are the same.")
    ] = False,
    limit: Annotated[int | None, typer.Option(help="Let only the first N photos in.")] = None,
    strict: Annotated[
        bool,
        typer.Option("--strict", help="Refuse a split where one group of related photos is above 20 % of the set."),
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Decide and print the funnel; write nothing.")] = False,
    json: Json = False,
) -> None:
    """Turn a heap of car photos into a training set.

    Example: carprep build raw/ --size 64 --zip cars.zip
    """
    from carprep import models
    from carprep.engines.local import LocalEngine

    if cache is not None and no_cache:
        raise UsageError("--cache and --no-cache exclude each other")
    if strict and recipe is None and not split:
        raise UsageError("--strict goes with --split: it refuses to split where one group decides it alone")
    wishes = {
        "sizes": tuple(size) if size else None, "views": _views(views), "face": face, "background": background,
        "look": look, "device": device, "same": same, "margin": margin, "enlarge": enlarge,
        "split": split, "detail": detail,
    }  # fmt: skip
    settings = _recipe(recipe, wishes, overrides)
    models.check_look(settings.look, settings.device, fetch)
    if save_recipe is not None:
        _save_recipe(save_recipe, settings, raw)
    with LocalEngine(count(workers)) as engine:
        if not zip.exists() and raw.exists():
            engine.start()  # there is work to do, so the workers load while this process does
        from carprep.pipeline import NothingKept
        from carprep.pipeline import build as run
        from carprep.progress import console

        try:
            with console() as progress:
                report = run(
                    raw, zip, settings, holdout_zip=holdout_zip, engine=engine, cache=cache, keep_cache=not no_cache,
                    dry_run=dry_run, limit=limit, verify=verify, strict=strict, progress=progress,
                )  # fmt: skip
        except NothingKept as nothing:
            _print_report(nothing.report, json)
            raise
    _print_report(report, json)


@app.command(rich_help_panel=BUILD)
def explain(
    cars: Set,
    photo: Annotated[
        str,
        typer.Argument(metavar="PHOTO", help="Its key, its path in the zip, or 12 hex digits of its sha256."),
    ],
    json: Json = False,
) -> None:
    """Say what happened to one photo, and on what evidence.

    Example: carprep explain cars.zip yard/0042.jpg
    """
    from carprep.explain import find, in_words
    from carprep.pack import ledger

    read = ledger.read(cars)
    row = find(read, photo)
    if json:
        print_json(read.row(row))
        return
    for line in in_words(read, row):
        typer.echo(line)


@app.command(rich_help_panel=BUILD)
def funnel(cars: Set, json: Json = False) -> None:
    """Print the summary of a build again.

    Example: carprep funnel cars.zip
    """
    from carprep.pack import ledger
    from carprep.report import Funnel

    counted = Funnel.from_json(ledger.read(cars).about["funnel"])
    if json:
        print_json(counted.to_json())
        return
    for line in counted.lines():
        typer.echo(line)


app.command(rich_help_panel=BUILD)(relations.duplicates)
app.command(rich_help_panel=BUILD)(relations.compare)


@app.command(rich_help_panel=BUILD)
def look(
    photos: Annotated[
        list[Path],
        typer.Argument(
            metavar="PHOTO|FOLDER…", help="Photos, and folders of photos.", show_default=False, readable=False
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder to write to; it is made.", show_default=False)],
    look: Annotated[str, typer.Option(help="Who looks: carnet, carnet:FILE, border, rembg:NAME or none.")] = "carnet",
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    workers: Workers = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Look at only the first N photos.")] = None,
    json: Json = False,
) -> None:
    """Show what a looker sees: per photo its alpha and a side-by-side picture, and look.csv.

    Example: carprep look raw/ --out seen/
    """
    from carprep.look import look as run
    from carprep.progress import console

    try:
        with console() as progress:
            looked = run(photos, out, look, device, workers=count(workers), limit=limit, progress=progress)
    except _Interrupted as interrupted:
        raise _Interrupted(interrupted.status, f"what was seen so far is in {out}") from None
    if json:
        print_json(looked.to_json())
        return
    unreadable = f", {looked.errors} of them with an error" if looked.errors else ""
    typer.echo(f"{len(looked.rows)} photo{'s' if len(looked.rows) != 1 else ''}{unreadable}: {looked.table}")


app.command(rich_help_panel=BUILD)(relations.check)
for _command in (training.plan, training.train, training.sample, training.curves, training.runs, training.export):
    app.command(rich_help_panel=TRAIN)(_command)
for _proof in (proving.score, proving.validate):
    app.command(rich_help_panel=PROVE)(_proof)


@app.command(rich_help_panel=HOUSE)
def doctor(
    cache: CacheFolder = None,
    fetch: Annotated[
        str | None, typer.Option("--fetch", help="Download weights that a ruler needs first: inception (95 MB).")
    ] = None,
    json: Json = False,
) -> None:
    """Check this machine, and say what to do about each shortfall.

    Example: carprep doctor
    """
    if fetch is not None:
        from carprep.weights import fetch as download

        _say(f"{fetch}: {download(fetch, cache)}")
    from carprep.doctor import examine

    findings = examine(cache)
    if json:
        print_json({"findings": [vars(finding) for finding in findings]})
    else:
        for finding in findings:
            typer.echo(finding.line)
    if any(finding.state == "wrong" for finding in findings):
        raise typer.Exit(FAILED)


@app.command(rich_help_panel=HOUSE)
def draw(
    folder: Annotated[Path, typer.Argument(metavar="RAW", help="Folder to make.", show_default=False)],
    count: Annotated[int, typer.Option(min=1, max=100_000, help="How many files.")] = 200,
    seed: Annotated[int, typer.Option(min=0, help="Another seed draws another heap.")] = 0,
    side: Annotated[int, typer.Option(min=64, max=2048, help="About the shorter side of the photos, px.")] = 256,
) -> None:
    """Draw a messy heap of sample photos, with a key of what is planted where (RAW/.carprep/key.csv).

    Example: carprep draw raw/ --count 200
    """
    from carprep.draw.heap import draw_heap
    from carprep.progress import console

    with console() as progress:
        drawn = draw_heap(folder, count, seed, side, progress)
    typer.echo(f"{len(drawn)} files in {folder}; what is planted where: {folder / '.carprep' / 'key.csv'}")


@cache_app.command("prune")
def cache_prune(
    days: Annotated[
        int, typer.Option(min=0, help="Forget what no build used for so many days; 0 forgets everything.")
    ] = 30,
    cache: CacheFolder = None,
) -> None:
    """Forget photos that no build used lately, and give the space back.

    Example: carprep cache prune --days 30
    """
    from carprep import cache as memory
    from carprep.compiled import forget_others

    folder = cache or memory.default_folder()
    before = memory.size_of(folder).bytes
    forgotten = memory.prune(folder, days)
    forget_others()
    typer.echo(
        f"forgot {forgotten:,} photos and gave back {(before - memory.size_of(folder).bytes) / 1e6:,.1f} MB in {folder}"
    )


@app.callback(invoke_without_command=True)
def _root(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    if version:
        typer.echo(f"carprep {VERSION}")
        raise typer.Exit


def _recipe(path: Path | None, wishes: dict[str, Any], overrides: Path | None) -> Recipe:
    from dataclasses import replace

    from carprep.recipe import Recipe

    recipe = Recipe.read(path) if path else Recipe()
    recipe = replace(recipe, **{name: value for name, value in wishes.items() if value is not None})
    return recipe.with_words(overrides) if overrides else recipe


def _views(views: str | None) -> Sequence[str] | None:
    from carprep.recipe import views_from

    return None if views is None else views_from(views.split(","))


def _save_recipe(path: Path, recipe: Recipe, raw: Path) -> None:
    from carprep import files
    from carprep.pack.outputs import outside

    outside(raw, path, str(path))
    files.write_text(path, recipe.to_toml())


def _print_report(report: Report, as_json: bool) -> None:
    if as_json:
        print_json(report.to_json())
        return
    for line in report.lines():
        typer.echo(line)


def _say(words: str) -> None:
    sys.stderr.write(f"carprep: {words}\n")


def _interrupt(number: int, frame: object) -> None:
    signal.signal(number, signal.SIG_IGN)  # a second Ctrl-C must not cut the tidying short
    raise _Interrupted(128 + number)
