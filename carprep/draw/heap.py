"""A messy heap of drawn photos, as they come from the web, and a key that says what is planted where."""

from __future__ import annotations

import io
import shutil
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from carprep import files
from carprep.draw.key import HIDDEN, Kind, Planted, write_key
from carprep.draw.photo import Pose, Shot, planted, random_pose, recoloured, shoot
from carprep.engines.local import LocalEngine
from carprep.errors import RunError, UsageError
from carprep.photo import RGB
from carprep.progress import Progress, silent

# one of each in every forty files, the most telling first, so that a small heap has those
SPECIAL = tuple(kind for kind in Kind if kind not in (Kind.GOOD, Kind.BUSY))
CYCLE = 72  # files after which the special kinds come again
STORED = {
    3: Image.Transpose.ROTATE_180,
    6: Image.Transpose.ROTATE_90,
    8: Image.Transpose.ROTATE_270,
}


@dataclass(frozen=True)
class _Job:
    """One file to draw: its number settles everything but its kind."""

    number: int
    kind: Kind
    seed: int
    side: int


@dataclass(frozen=True)
class _File:
    planted: Planted
    data: bytes
    mask: bytes  # PNG; empty where there is none


def draw_heap(
    folder: Path,
    count: int = 200,
    seed: int = 0,
    side: int = 256,
    progress: Progress = silent,
    workers: int | None = None,
) -> list[Planted]:
    """Draw a heap of so many files, the same bytes for the same seed; the key lies in a hidden folder.

    Args:
        folder: made where it is not there; an earlier drawn heap in it is replaced.
        side: about the shorter side of the photos, px.
        workers: processes; None takes one for each processor.

    Raises:
        UsageError: the folder holds files that carprep did not draw.
    """
    _clear(folder)
    jobs = [_Job(number, kind, seed, side) for number, kind in enumerate(kinds(count))]
    drawn = []
    with LocalEngine(workers) as engine:
        for answer in engine.map(draw_file, jobs):
            if answer.result is None:
                raise RunError(f"drawing file {answer.task.number} crashed a worker, twice")
            drawn.append(_save(folder, answer.result))
            progress("draw", len(drawn), count)
    write_key(folder, drawn)
    return drawn


def kinds(count: int) -> list[Kind]:
    """What each of so many files is: at least half of them good, the special ones spread among them."""
    special = [SPECIAL[i % len(SPECIAL)] for i in range(_specials(count))]
    out = [Kind.BUSY if number % 9 == 8 else Kind.GOOD for number in range(count)]
    for i, kind in enumerate(special):
        # from the end of the first gap on: a copy comes after what it is a copy of
        out[1 + i * (count - 1) // max(1, len(special))] = kind
    return out


def _specials(count: int) -> int:
    return min(count // 3, len(SPECIAL) * -(-count // CYCLE))


def draw_file(job: _Job) -> _File:
    """Draw one file."""
    if job.kind in (Kind.EXACT_COPY, Kind.NEAR_COPY, Kind.MIRRORED_COPY, Kind.RECOLOUR):
        return _copy(job)
    shot = planted(job.kind, _pose(job))
    name, data = _encoded(job, shot)
    return _file(job, name, data, shot)


def _pose(job: _Job) -> Pose:
    # seeded by its own number: no file depends on how many there are
    pose = random_pose(np.random.default_rng([job.seed, job.number]), job.side)
    if job.kind in (Kind.CUT_OFF, Kind.SEVERAL, Kind.BLURRED, Kind.TINY):
        return replace(pose, ground="white")
    return pose


def _copy(job: _Job) -> _File:
    """A copy or recolour of the good file just before, which is always drawn alike."""
    source = replace(job, number=job.number - 1, kind=Kind.GOOD)
    pose = _pose(source)
    shot = shoot(pose) if job.kind is not Kind.RECOLOUR else shoot(recoloured(pose))
    name, data = _encoded(source, shot)
    if job.kind is Kind.NEAR_COPY:
        size = round(shot.pixels.shape[1] * 0.7), round(shot.pixels.shape[0] * 0.7)
        small = np.asarray(cv2.resize(shot.pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
        mask = np.asarray(cv2.resize(shot.mask, size, interpolation=cv2.INTER_AREA), np.float32)
        shot, data = replace(shot, pixels=small, mask=mask), _jpeg(small, quality=55)
    if job.kind is Kind.MIRRORED_COPY:
        flipped = np.ascontiguousarray(shot.pixels[:, ::-1])
        turned = replace(shot.pose, degrees=round(-shot.pose.degrees % 360, 1))
        shot, data = Shot(flipped, np.ascontiguousarray(shot.mask[:, ::-1]), turned), _jpeg(flipped, quality=88)
    return replace_original(_file(job, f"again/{job.number:05d}.jpg", data, shot), name)


def replace_original(file: _File, original: str) -> _File:
    """The same file with the key of what it was made from."""
    return replace(file, planted=replace(file.planted, original=original))


def _file(job: _Job, name: str, data: bytes, shot: Shot) -> _File:
    bare = job.kind in (Kind.NO_CAR, Kind.ONE_COLOUR, Kind.TEXT, Kind.EMPTY_FILE, Kind.ARCHIVE)
    view, facing = ("", "") if bare else shot.view
    mask = "" if bare else f"masks/{job.number:05d}.png"
    about = Planted(name, job.kind, view, facing, "" if bare else shot.pose.car.paint, "", shot.pose.degrees, mask)
    return _File(about, data, b"" if bare else _png(np.round(shot.mask * 255).astype(np.uint8)))


def _encoded(job: _Job, shot: Shot) -> tuple[str, bytes]:
    """The name and bytes of a file: most are JPEGs in a few folders, some lie about what they are."""
    stem = f"{('web', 'web', 'dealer', 'phone/2024')[job.number % 4]}/{job.number:05d}"
    if job.kind in FORMS:
        suffix, form = FORMS[job.kind]
        return stem + suffix, form(shot, job)
    if job.kind is Kind.NAMED:
        return f"web/लाल कार 🚗 {job.number}.JPG", _jpeg(shot.pixels)
    return stem + (".jpeg" if job.number % 11 == 3 else ".jpg"), _jpeg(shot.pixels, quality=85 + job.number % 11)


def _jpeg(pixels: RGB, **options: Any) -> bytes:
    return _saved(Image.fromarray(pixels), "JPEG", **options)


def _png(pixels: np.ndarray) -> bytes:
    return _saved(Image.fromarray(pixels), "PNG")


def _saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    data = io.BytesIO()
    image.save(data, kind, **options)
    return data.getvalue()


def _rotated(shot: Shot, job: _Job) -> bytes:
    orientation = (6, 8, 3)[job.number % 3]
    exif = Image.Exif()
    exif[0x0112] = orientation
    return _saved(Image.fromarray(shot.pixels).transpose(STORED[orientation]), "JPEG", quality=90, exif=exif)


def _transparent(shot: Shot, job: _Job) -> bytes:
    image = Image.fromarray(shot.pixels)
    image.putalpha(Image.fromarray(np.round(shot.mask * 255).astype(np.uint8)))
    return _saved(image, "PNG")


def _sixteen_bit(shot: Shot, job: _Job) -> bytes:
    grey = np.asarray(Image.fromarray(shot.pixels).convert("L")).astype(np.uint16) * 257
    return _saved(Image.fromarray(grey), "PNG")


def _animated(shot: Shot, job: _Job) -> bytes:
    first = Image.fromarray(shot.pixels).quantize(128)
    second = Image.fromarray(np.ascontiguousarray(shot.pixels[:, ::-1])).quantize(128)
    return _saved(first, "GIF", save_all=True, append_images=[second], duration=300)


def _archive(shot: Shot, job: _Job) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr(zipfile.ZipInfo("more.jpg", (1980, 1, 1, 0, 0, 0)), _jpeg(shot.pixels))
    return data.getvalue()


def _truncated(shot: Shot, job: _Job) -> bytes:
    whole = _jpeg(shot.pixels)
    return whole[: len(whole) // 2]


FORMS: dict[Kind, tuple[str, Callable[[Shot, _Job], bytes]]] = {
    Kind.PALETTE: (".jpg", lambda shot, job: _saved(Image.fromarray(shot.pixels).quantize(64), "PNG")),
    Kind.TRANSPARENT: (".png", _transparent),
    Kind.TRUNCATED: (".jpg", _truncated),
    Kind.ROTATED: (".jpg", _rotated),
    Kind.CMYK: (".jpg", lambda shot, job: _saved(Image.fromarray(shot.pixels).convert("CMYK"), "JPEG", quality=90)),
    Kind.GREY: (".jpg", lambda shot, job: _saved(Image.fromarray(shot.pixels).convert("L"), "JPEG", quality=90)),
    Kind.SIXTEEN_BIT: (".png", _sixteen_bit),
    Kind.WEBP: (".webp", lambda shot, job: _saved(Image.fromarray(shot.pixels), "WEBP", quality=88)),
    Kind.ANIMATED: (".gif", _animated),
    Kind.TEXT: (".jpg", lambda shot, job: b"<html><body>403 Forbidden</body></html>\n"),
    Kind.EMPTY_FILE: (".jpg", lambda shot, job: b""),
    Kind.ARCHIVE: (".zip", _archive),
    Kind.ONE_COLOUR: (".png", lambda shot, job: _png(shot.pixels)),
}


def _save(folder: Path, file: _File) -> Planted:
    targets = [(folder / file.planted.key, file.data)]
    if file.mask:
        targets.append((folder / HIDDEN / file.planted.mask, file.mask))
    for path, data in targets:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        except OSError as error:
            raise files.writing_error(path, error) from error
    return file.planted


def _clear(folder: Path) -> None:
    """Make room: an earlier drawn heap goes, anything else stays and is refused."""
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"cannot draw into {folder}: it is a file")
    mark = folder / HIDDEN / "drawn"
    if folder.is_dir() and any(folder.iterdir()):
        if not mark.exists():
            raise UsageError(f"{folder} holds files that carprep did not draw; name a new folder")
        for path in _contents(folder):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    files.write_text(mark, "this folder was drawn by carprep; drawing again replaces everything in it\n")


def _contents(folder: Path) -> Iterator[Path]:
    return iter(sorted(folder.iterdir()))
