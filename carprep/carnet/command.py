"""What the commands `python -m carprep.carnet.…` share: errors become one line and an exit status, as in `carprep`."""

from __future__ import annotations

import sys
from collections.abc import Callable

import typer

from carprep.errors import CarprepError, UsageError


def run(main: Callable[..., None]) -> None:
    """Run a command."""
    try:
        typer.run(main)
    except CarprepError as error:
        sys.stderr.write(f"carprep.carnet: {error}\n")
        sys.exit(2 if isinstance(error, UsageError) else 1)
