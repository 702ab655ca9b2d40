"""The one place that opens what lies on a disk: one way to read, one way to write so that no half file is seen."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import glob
import hashlib
import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from carprep.errors import RunError, UsageError

BLOCK = 1 << 20  # bytes read at a time where a file is only hashed
YOUNG = 5.0  # seconds in which a new temporary file is left alone


@dataclass(frozen=True, slots=True)
class Stamp:
    """What tells a file that did not change: its size and its two times, as the file system keeps them."""

    size: int
    mtime_ns: int
    ctime_ns: int

    @classmethod
    def of(cls, status: os.stat_result) -> Stamp:
        """The stamp in what `stat` says."""
        return cls(status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def read_bytes(path: str | bytes | Path, at_most: int) -> bytes | None:
    """The bytes of a regular file; None where it has more than `at_most`.

    Raises:
        OSError: it cannot be read; FileNotFoundError where it is gone.
    """
    # O_NONBLOCK: a pipe put in the file's place after it was listed must not hang the run
    with os.fdopen(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)), "rb") as file:
        data = file.read(at_most + 1)
    return None if len(data) > at_most else data


def read_text(path: Path, what: str) -> str:
    """The UTF-8 text of a file that the user named; `what` it is, for the message.

    Raises:
        UsageError: there is no such file, or it is no text.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"the {what} {path} is no UTF-8 text") from error
    except OSError as error:
        raise UsageError(f"cannot read the {what} {path}: {reason_of(error)}") from error


def sha256_of(path: Path) -> str:
    """The sha256 of a file, hex, read in blocks."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


@contextlib.contextmanager
def written(path: Path) -> Iterator[BinaryIO]:
    """A new file that takes the place of `path` only when the block ends well: all of it or none of it.

    Raises:
        UsageError: the folder cannot be written to.
        RunError: the disk is full, or broke while we wrote.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    except OSError as error:
        raise writing_error(path, error) from error
    part = Path(name)
    try:
        with os.fdopen(handle, "w+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # says that this part has a living writer
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.chmod(0o666 & ~_umask())  # mkstemp makes files private; a data set is to be shared
        part.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise writing_error(path, error) from error
    finally:
        part.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a small text file, all of it or none of it."""
    with written(path) as file:
        file.write(text.encode())


def append_text(path: Path, text: str) -> None:
    """Add to a text file.

    Raises:
        UsageError: it cannot be written to.
        RunError: the disk is full, or broke while we wrote.
    """
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise writing_error(path, error) from error


@contextlib.contextmanager
def held(folder: Path, what: str) -> Iterator[None]:
    """Hold a folder for one process at a time.

    Raises:
        UsageError: another process holds it, or it cannot be written to.
    """
    path = folder / ".lock"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = path.open("ab")
    except OSError as error:
        raise writing_error(path, error) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UsageError(f"another process is at work on {what} {folder}; wait for it, or end it") from error
        yield


def sweep(path: Path) -> None:
    """Remove what killed runs left while writing `path`: parts that no living process holds."""
    for part in path.parent.glob(f".{glob.escape(path.name)}.*.part"):
        # one that is seconds old may belong to a run that has not locked it yet
        with contextlib.suppress(OSError), part.open("rb") as file:
            if time.time() - part.stat().st_mtime > YOUNG:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                part.unlink(missing_ok=True)


def writing_error(path: Path, error: OSError) -> UsageError | RunError:
    """What to tell a user whose file could not be written: his to mend before (exit 2), or a failed run (exit 1)."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO):
        return RunError(f"cannot write {path}: {reason_of(error)}; nothing was changed, run again when mended")
    return UsageError(f"cannot write {path}: {reason_of(error)}")


def reason_of(error: OSError) -> str:
    """An operating system's error in its own words, without number and path."""
    return (error.strerror or str(error) or type(error).__name__).lower()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _sync_folder(folder: Path) -> None:
    # the rename itself must survive a power cut; some file systems refuse to sync a folder
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
