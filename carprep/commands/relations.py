"""Commands about copies: compare, duplicates, check."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from carprep.commands.options import INVALID, CacheFolder, Json, Set, Workers, count, print_json
from carprep.errors import UsageError

if TYPE_CHECKING:
    from carprep.compare import Compared


def compare(
    photos: Annotated[
        list[Path] | None, typer.Argument(metavar="[A B]", help="Two photos.", show_default=False)
    ] = None,
    pairs: Annotated[
        Path | None, typer.Option(help="CSV with the columns file_a,file_b instead: a whole table of pairs.")
    ] = None,
    root: Annotated[
        Path | None, typer.Option(help="Folder the table's paths are relative to. Default: the table's own.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="CSV to write: the table with kind, score and candidate added.")
    ] = None,
    look: Annotated[str, typer.Option(help="Who looks: carnet, carnet:FILE, border, rembg:NAME or none.")] = "carnet",
    workers: Workers = None,
    cache: CacheFolder = None,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Measure everything anew, remember nothing.")] = False,
    json: Json = False,
) -> None:
    """Say how two photos relate, as a build sees it, and why.

    Example: carprep compare raw/a.jpg raw/b.jpg
    """
    if (pairs is None) == (not photos) or (photos and len(photos) != 2):
        raise UsageError("give two photos, or a table of pairs with --pairs")
    if pairs is None and (root is not None or out is not None):
        raise UsageError("--root and --out go with --pairs")
    if pairs is not None and out is None:
        raise UsageError("--pairs needs --out: the table to write")
    if pairs is not None and out is not None and pairs.resolve() == out.resolve():
        raise UsageError("--out would write over the table of --pairs; choose another name")
    from carprep.compare import compare, read_pairs, write_judged
    from carprep.progress import console
    from carprep.recipe import Recipe

    table = read_pairs(pairs, root) if pairs is not None else None
    asked = table.paths if table is not None else ((photos[0], photos[1]),) if photos else ()
    with console() as progress:
        found = compare(
            asked, Recipe(look=look), workers=count(workers), cache=cache, keep_cache=not no_cache, progress=progress
        )
    if table is not None and out is not None:
        write_judged(out, table, found)
        _print_table(found, out, json)
        return
    _print_pair(found[0], json)


def _print_pair(found: Compared, json: bool) -> None:
    if json:
        print_json(found.to_json())
        return
    from carprep.decide.relation import shown

    if not found.kind:
        raise UsageError(f"cannot compare: {found.why[0]}")
    typer.echo(f"{found.kind}, score {shown(found.score)}: {found.one} and {found.other}")
    for line in found.why:
        typer.echo(f"  {line}")
    if found.kind in ("copy", "mirrored copy"):
        typer.echo(f"  of the two a build keeps {found.better}, unless that has another fault")


def _print_table(found: list[Compared], out: Path, json: bool) -> None:
    kinds = Counter(pair.kind or "unreadable" for pair in found)
    if json:
        print_json({"table": str(out), "pairs": len(found), "kinds": dict(kinds)})
        return
    counts = ", ".join(f"{number:,} {kind}" for kind, number in kinds.most_common())
    typer.echo(f"{len(found):,} pair{'s' if len(found) != 1 else ''}: {counts}; {out}")
    broken = next((pair.why[0] for pair in found if not pair.kind), None)
    if broken is not None:
        typer.echo(f"not compared, first of {kinds['unreadable']}: {broken}", err=True)


def duplicates(
    cars: Set,
    page: Annotated[Path | None, typer.Option("--html", help="Write a page with the groups side by side.")] = None,
    raw: Annotated[
        Path | None, typer.Option(help="Folder the set was built from: for photos that the cache has forgotten.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Show at most so many groups.")] = 200,
    cache: CacheFolder = None,
    json: Json = False,
) -> None:
    """List the groups of related photos: copies that were left out, and bursts and recolours that were kept.

    Example: carprep duplicates cars.zip --html duplicates.html
    """
    from carprep import cache as memory
    from carprep import families
    from carprep.pack import ledger

    for folder in (raw, cache):
        if folder is not None and not folder.is_dir():
            raise UsageError(f"there is no folder {folder}")
    found = families.families(ledger.read(cars))
    if page is not None:
        missing = families.write_page(
            page, f"Duplicates in {cars.name}", found, limit, cache or memory.default_folder(), raw
        )
        if missing:
            typer.echo(f"{missing:,} pictures are missing on the page; name the photos' folder with --raw", err=True)
    if json:
        print_json({"groups": [family.to_json() for family in found]})
        return
    typer.echo(families.summary(found) + (f": {page}" if page is not None else ""))
    if page is None:
        for line in families.in_lines(found[:limit]):
            typer.echo(line)
        if len(found) > limit:
            typer.echo(f"\n({len(found) - limit:,} more groups; raise --limit)")


def check(cars: Set, json: Json = False) -> None:
    """Check a finished set: zip against ledger, and that no group of related photos is in two splits.

    Example: carprep check cars.zip
    """
    from carprep.check import check

    found = check(cars)
    if json:
        print_json({"checks": [vars(one) for one in found]})
    else:
        for one in found:
            typer.echo(one.line)
    if any(one.state == "failed" for one in found):
        raise typer.Exit(INVALID)
