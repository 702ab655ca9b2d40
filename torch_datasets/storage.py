"""Where a set's files lie: a zip or a folder, read the same way, from any process."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path
from typing import Any

from carprep.errors import UsageError

PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".bmp")


class BadSet(UsageError, ValueError):
    """The set cannot be used; the message names the member and says what to do."""


class Storage:
    """The files of a zip or folder by name; its handle is opened anew in each process and never pickled."""

    def __init__(self, root: Path) -> None:
        """Look at what lies there.

        Raises:
            BadSet: there is no such zip or folder, or it is no zip.
        """
        self.root = root
        self._archive: zipfile.ZipFile | None = None
        self._process = 0
        self._folder = root.is_dir()
        if not root.exists():
            raise BadSet(f"there is no zip or folder {root}")
        self.names = self._list()

    @property
    def pictures(self) -> list[str]:
        """Names of the pictures, sorted."""
        return sorted(name for name in self.names if name.lower().endswith(PICTURES))

    def read(self, name: str, at_most: int = -1) -> bytes:
        """The bytes of a member, or only the first ones.

        Raises:
            BadSet: it is missing or damaged.
        """
        try:
            if self._folder:
                with (self.root / name).open("rb") as file:
                    return file.read(at_most)
            with self._open().open(name) as member:
                return member.read(at_most)
        except (OSError, KeyError, zipfile.BadZipFile, EOFError) as error:
            raise BadSet(f"{name} in {self.root} cannot be read: {_words(error)}") from error

    def close(self) -> None:
        """Close the handle; the next read opens it again."""
        if self._archive is not None and self._process == os.getpid():
            self._archive.close()
        self._archive = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_archive": None}

    def __del__(self) -> None:
        if getattr(self, "_archive", None) is not None:
            self.close()

    def _open(self) -> zipfile.ZipFile:
        # two processes that share a handle share its position, so a forked worker needs one of its own
        if self._archive is None or self._process != os.getpid():
            self._archive, self._process = zipfile.ZipFile(self.root), os.getpid()
        return self._archive

    def _list(self) -> set[str]:
        if self._folder:
            found = (Path(base, name) for base, _, names in os.walk(self.root) for name in names)
            files = (path.relative_to(self.root) for path in found)
            return {path.as_posix() for path in files if not any(part.startswith(".") for part in path.parts)}
        try:
            return {name for name in self._open().namelist() if not name.endswith("/")}
        except (OSError, zipfile.BadZipFile) as error:
            raise BadSet(f"{self.root} is no zip: {_words(error)}") from error


def _words(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error).strip("'\"") or type(error).__name__).lower()
