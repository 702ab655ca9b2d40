"""RAW is a folder, a zip or a tar: say which, list it, and find what is wrong with it before anything is done."""

from __future__ import annotations

import os
from pathlib import Path

from carprep.errors import UsageError
from carprep.files import reason_of
from carprep.ingest.archive import list_archive
from carprep.ingest.folder import list_folder
from carprep.ingest.listing import Listing


def list_raw(raw: Path) -> Listing:
    """Everything in RAW, sorted by key.

    Raises:
        UsageError: there is no such thing, it is no folder or archive, it cannot be opened, or nothing is in it.
    """
    try:
        root = os.fsencode(raw.resolve(strict=True))
        listing = list_folder(root) if raw.is_dir() else list_archive(root)
    except FileNotFoundError as error:
        raise UsageError(f"there is no folder or archive {raw}") from error
    except (OSError, RuntimeError) as error:  # Python below 3.13 reports a loop of links as RuntimeError
        words = reason_of(error) if isinstance(error, OSError) else "it is a link that leads round in a circle"
        raise UsageError(f"cannot open {raw}: {words}") from error
    if not listing.origins:
        raise UsageError(f"there is no file in {raw}")
    return listing
