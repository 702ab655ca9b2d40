"""The zip that training reads: StyleGAN's layout and Hugging Face's imagefolder in one, the same bytes every time."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from carprep import files
from carprep.photo import CLASSES, View

EPOCH = (1980, 1, 1, 0, 0, 0)  # the first date a zip can hold; the real one would change the bytes
PER_FOLDER = 1000  # as StyleGAN's dataset tool has it


def member_name(number: int) -> str:
    """The path of a picture in the zip: 00000/img00000000.png, a thousand to a folder."""
    name = f"{number:08d}"
    return f"{name[:5]}/img{name}.png"


@dataclass
class _Open:
    archive: zipfile.ZipFile
    labels: list[tuple[str, str]] = field(default_factory=list)  # member, view
    lines: list[str] = field(default_factory=list)


class Archives:
    """The zips of one build while they are written: one a size, a split apart, or both."""

    def __init__(self, open_: Mapping[tuple[int, str], _Open]) -> None:
        self._open = open_

    def add(self, size: int, part: str, member: str, png: bytes, about: Mapping[str, Any]) -> str:
        """Add one picture; its sha256, hex.

        Args:
            part: which zip of that size.
            about: the picture's line in metadata.jsonl; `view` is its class.
        """
        target = self._open[size, part]
        _write(target.archive, member, png)
        target.labels.append((member, about.get("view") or ""))
        line = json.dumps({"file_name": member, **about}, ensure_ascii=False, separators=(",", ":"))
        target.lines.append(line)
        return hashlib.sha256(png).hexdigest()

    def finish(self) -> None:
        """Write what describes the pictures; members stay sorted, since pictures' names start with digits."""
        for target in self._open.values():
            _write(target.archive, "dataset.json", dataset_json(target.labels).encode())
            _write(target.archive, "metadata.jsonl", "".join(line + "\n" for line in target.lines).encode())


def dataset_json(labels: Sequence[tuple[str, str]]) -> str:
    """What StyleGAN's readers want: each member with the number of its class, or null where views are unknown."""
    if not labels or any(view not in CLASSES for _, view in labels):
        return '{"labels": null}'
    numbered = [[member, CLASSES.index(View(view))] for member, view in labels]
    return json.dumps({"labels": numbered})


@contextmanager
def writing(paths: Mapping[tuple[int, str], Path]) -> Iterator[Archives]:
    """Zips that appear under their names, all together, only when the block ends well."""
    with ExitStack() as stack:
        handles: dict[tuple[int, str], BinaryIO] = {
            key: stack.enter_context(files.written(path)) for key, path in paths.items()
        }
        # stored, not deflated: PNGs do not shrink, and a trainer reads a stored member straight
        open_ = {key: _Open(zipfile.ZipFile(handle, "w", zipfile.ZIP_STORED)) for key, handle in handles.items()}
        try:
            archives = Archives(open_)
            yield archives
            archives.finish()
        finally:
            for target in open_.values():
                target.archive.close()


def _write(archive: zipfile.ZipFile, member: str, data: bytes) -> None:
    info = zipfile.ZipInfo(member, EPOCH)
    info.create_system = 3  # Unix, on every system
    info.external_attr = 0o644 << 16
    archive.writestr(info, data)
