"""List and read an archive: zip, or tar with any compression that Python's tarfile knows. Nothing is unpacked."""

from __future__ import annotations

import os
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from lzma import LZMAError

from carprep.errors import UsageError
from carprep.files import Stamp
from carprep.ingest.listing import Listing, Origin, is_hidden, key_of, leaves, name_of, unique
from carprep.photo import Reason

BROKEN = (tarfile.TarError, zipfile.BadZipFile, zlib.error, LZMAError, EOFError, OSError, ValueError)
UNREADABLE = (
    *BROKEN,
    RuntimeError,
    NotImplementedError,
)  # zipfile's words for encrypted and oddly packed members


def list_archive(root: bytes) -> Listing:
    """Every file in an archive.

    Raises:
        UsageError: it is no archive, or so damaged that its members cannot be listed to the end.
    """
    lister = _list_zip if zipfile.is_zipfile(root) else _list_tar
    hidden: set[str] = set()
    origins: list[Origin] = []
    try:
        origins.extend(lister(root, hidden))
    except tarfile.ReadError as error:
        if not origins and "unexpected end" not in str(error):
            raise UsageError(f"{name_of(root)} is neither a folder nor a zip or tar archive") from error
        raise _damaged(root, error) from error
    except BROKEN as error:
        raise _damaged(root, error) from error
    return Listing(root, unique(origins), hidden_folders=len(hidden))


def read_members(root: bytes, members: set[int], at_most: int) -> Iterator[tuple[int, bytes | str | None]]:
    """The bytes of these members, in the archive's own order.

    Yields:
        The member's number with its bytes, None where there are more than `at_most`, or words on why it is unreadable.
    """
    yield from (_read_zip if zipfile.is_zipfile(root) else _read_tar)(root, members, at_most)


def _damaged(root: bytes, error: BaseException) -> UsageError:
    return UsageError(f"the archive {name_of(root)} is damaged ({error}); fetch or pack it again")


def _origin(root: bytes, number: int, stamp: Stamp, name: str, reason: Reason | None, detail: str) -> Origin:
    if leaves(name):
        reason, detail = Reason.UNSUPPORTED, "its path leads out of the archive"
    key = key_of(os.fsencode(name.replace("\\", "/"))).lstrip("/") or "?"
    return Origin(key.removeprefix("./"), b"%b/%d" % (root, number), stamp, number, reason, detail)


def _hidden(name: str, hidden: set[str]) -> bool:
    folders = name.split("/")[:-1]
    if is_hidden(folders):
        first = next(i for i, folder in enumerate(folders) if is_hidden([folder]))
        hidden.add("/".join(folders[: first + 1]))
        return True
    return False


def _list_zip(root: bytes, hidden: set[str]) -> Iterator[Origin]:
    stamp = Stamp.of(os.stat(root))
    with zipfile.ZipFile(os.fsdecode(root)) as archive:
        for number, info in enumerate(archive.infolist()):
            if info.is_dir() or _hidden(info.filename, hidden):
                continue
            problem: tuple[Reason | None, str] = (None, "")
            if stat.S_ISLNK(info.external_attr >> 16):
                problem = Reason.UNSUPPORTED, "a link inside an archive; it is not followed"
            elif info.flag_bits & 1:
                problem = Reason.UNREADABLE, "encrypted"
            yield _origin(root, number, stamp, info.filename, *problem)


def _list_tar(root: bytes, hidden: set[str]) -> Iterator[Origin]:
    stamp = Stamp.of(os.stat(root))
    for number, info in _walk_tar(root):
        if info.isdir() or _hidden(info.name, hidden):
            continue
        problem: tuple[Reason | None, str] = (None, "")
        if info.issym() or info.islnk():
            problem = Reason.UNSUPPORTED, "a link inside an archive; it is not followed"
        elif not info.isreg():
            problem = Reason.UNSUPPORTED, "a pipe or device, no file"
        yield _origin(root, number, stamp, info.name, *problem)


def _walk_tar(root: bytes) -> Iterator[tuple[int, tarfile.TarInfo]]:
    with tarfile.open(os.fsdecode(root), "r:*") as archive:
        yield from _members(archive)


def _members(archive: tarfile.TarFile) -> Iterator[tuple[int, tarfile.TarInfo]]:
    number = 0
    while (info := archive.next()) is not None:
        yield number, info
        archive.members = []  # type: ignore[attr-defined] # tarfile remembers every member: a million of them is a gigabyte
        number += 1


def _read_zip(root: bytes, members: set[int], at_most: int) -> Iterator[tuple[int, bytes | str | None]]:
    with zipfile.ZipFile(os.fsdecode(root)) as archive:
        infos = archive.infolist()
        for number in sorted(members, key=lambda n: infos[n].header_offset):
            try:
                with archive.open(infos[number]) as file:
                    data = file.read(at_most + 1)
            except UNREADABLE as error:
                yield number, str(error)
            else:
                yield number, data if len(data) <= at_most else None


def _read_tar(root: bytes, members: set[int], at_most: int) -> Iterator[tuple[int, bytes | str | None]]:
    with tarfile.open(os.fsdecode(root), "r:*") as archive:
        for number, info in _members(archive):
            if number not in members:
                continue
            if info.size > at_most:
                yield number, None
                continue
            try:
                file = archive.extractfile(info)
                yield number, file.read() if file else "no file"
            except UNREADABLE as error:
                yield number, str(error)
