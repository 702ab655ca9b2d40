"""List a folder: every file below it, links to files once, links to folders and hidden folders not at all."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator

from carprep.files import Stamp, reason_of
from carprep.ingest.listing import Listing, Origin, key_of, unique
from carprep.photo import Reason


def list_folder(root: bytes) -> Listing:
    """Everything below a folder.

    Raises:
        OSError: the folder itself cannot be opened.
    """
    walk = _Walk(root)
    origins = unique(walk.below(root))
    return Listing(root, origins, walk.folder_links, walk.hidden_folders)


class _Walk:
    def __init__(self, root: bytes) -> None:
        self.root = root
        self.folder_links = 0
        self.hidden_folders = 0

    def below(self, root: bytes) -> Iterator[Origin]:
        folders = [root]
        while folders:
            folder = folders.pop()
            try:
                entries = list(os.scandir(folder))
            except OSError as error:
                if folder == root:
                    raise
                # what lies in it cannot be counted, but that something is missing must show
                yield Origin(
                    self._key(folder) + "/",
                    folder,
                    None,
                    None,
                    Reason.UNREADABLE,
                    _words(error, "the folder"),
                )
                continue
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    if entry.name.startswith(b"."):
                        self.hidden_folders += 1
                    else:
                        folders.append(entry.path)
                else:
                    yield from self._file(entry)

    def _file(self, entry: os.DirEntry[bytes]) -> Iterator[Origin]:
        key = self._key(entry.path)
        try:
            status = entry.stat()
        except OSError as error:
            yield Origin(key, entry.path, None, None, *_lost(entry, error))
            return
        if stat.S_ISDIR(status.st_mode):
            self.folder_links += 1
        elif stat.S_ISREG(status.st_mode):
            yield Origin(key, entry.path, Stamp.of(status))
        else:
            yield Origin(key, entry.path, None, None, Reason.UNSUPPORTED, "a pipe, socket or device, no file")

    def _key(self, path: bytes) -> str:
        return key_of(path[len(self.root.rstrip(b"/")) + 1 :])


def _lost(entry: os.DirEntry[bytes], error: OSError) -> tuple[Reason, str]:
    if error.errno == errno.ENOENT:
        return Reason.VANISHED, "a link to nothing" if entry.is_symlink() else "gone since it was listed"
    if error.errno == errno.ELOOP:
        return Reason.VANISHED, "a link that leads round in a circle"
    return Reason.UNREADABLE, _words(error, "the file")


def _words(error: OSError, what: str) -> str:
    return f"{what} cannot be opened: {reason_of(error)}"
