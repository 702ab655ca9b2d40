"""What lies in RAW: every file is one origin, in an order that does not depend on the disk's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath, PureWindowsPath

from carprep.files import Stamp
from carprep.photo import Reason


@dataclass(frozen=True, slots=True)
class Origin:
    """Where one photo comes from.

    Attributes:
        key: its path inside RAW, `/`-separated; unique in a listing.
        path: where its bytes lie: a path on the disk, or the archive's path, `/`, and the member's number.
        stamp: the file's (or the archive's) stamp when it was listed.
        member: its number in the archive; None for a file of a folder.
        reason, detail: why it need not be opened at all; None where it should be.
    """

    key: str
    path: bytes
    stamp: Stamp | None = None
    member: int | None = None
    reason: Reason | None = None
    detail: str = ""


@dataclass(frozen=True)
class Listing:
    """All origins of RAW by key, and what was passed over without a row."""

    root: bytes
    origins: tuple[Origin, ...]
    folder_links: int = 0
    hidden_folders: int = 0

    def first(self, limit: int | None) -> Listing:
        """The same listing with at most so many origins."""
        return self if limit is None else replace(self, origins=self.origins[:limit])


def key_of(name: bytes) -> str:
    """A name in any script as text that every format can hold; bytes that are no UTF-8 are written as \\xNN."""
    return name.decode("utf-8", "backslashreplace")


def is_hidden(folders: Iterable[str]) -> bool:
    """Whether one of these folder names starts with a dot."""
    return any(folder.startswith(".") and folder not in (".", "..") for folder in folders)


def leaves(name: str) -> bool:
    """Whether an archive member's name is absolute or climbs out of the archive, on any system."""
    windows = PureWindowsPath(name)
    return PurePosixPath(name).is_absolute() or bool(windows.drive or windows.root) or ".." in windows.parts


def unique(origins: Iterable[Origin]) -> tuple[Origin, ...]:
    """Sort by key; a key that comes again gets #2, #3 … so that each names one row."""
    return tuple(_numbered(sorted(origins, key=lambda o: (o.key, o.member or 0, o.path))))


def _numbered(origins: Iterable[Origin]) -> Iterator[Origin]:
    taken: dict[str, int] = {}
    for origin in origins:
        count = taken[origin.key] = taken.get(origin.key, 0) + 1
        yield origin if count == 1 else replace(origin, key=f"{origin.key}#{count}")


def name_of(path: bytes) -> str:
    """A path on the disk, for a message."""
    return str(Path(key_of(path)))
