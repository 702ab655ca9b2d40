"""What several commands share: options, panels, exit statuses, and how they print."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer

from carprep.errors import UsageError

BUILD, TRAIN, PROVE, HOUSE = "Build", "Train", "Prove", "House"  # panels of --help
FAILED, WRONG_CALL, INVALID = 1, 2, 4  # exit statuses
MOST_WORKERS = 256

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout, and nothing else there.")]
CacheFolder = Annotated[
    Path | None, typer.Option("--cache", help="Folder of the cache. Default: $XDG_CACHE_HOME/carprep.")
]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")]
Set = Annotated[Path, typer.Argument(metavar="CARS.ZIP", help="The zip, one size's zip, or the ledger.")]
Workers = Annotated[int | None, typer.Option(help="Processes. Default: one for each processor.")]


def count(workers: int | None) -> int | None:
    """The number of workers that a user asked for.

    Raises:
        UsageError: it is out of range.
    """
    if workers is not None and not 1 <= workers <= MOST_WORKERS:
        raise UsageError(f"--workers must be 1 to {MOST_WORKERS}")
    return workers


def needs_torch() -> None:
    """Find out before any work whether torch is there.

    Raises:
        UsageError: it is not.
    """
    if find_spec("torch") is None or find_spec("torchvision") is None:
        raise UsageError('this needs torch: pip install "carprep[train]"')


def print_json(value: dict[str, Any]) -> None:
    """One JSON object on stdout."""
    typer.echo(json.dumps(value, ensure_ascii=False, default=str))
