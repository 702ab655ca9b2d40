"""What a looker sees: for each photo its alpha, a side-by-side picture and a row; nothing is decided."""

from __future__ import annotations

import csv
import fcntl
import io
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from carprep import files, models
from carprep.engines.local import LocalEngine
from carprep.errors import UsageError
from carprep.ingest.listing import Origin, key_of
from carprep.ingest.raw import list_raw
from carprep.measure.task import Settings
from carprep.progress import Progress, silent
from carprep.recipe import Recipe
from carprep.show import COLUMNS, Row, Show, Shown

TABLE = "look.csv"
LOCK = ".look.lock"
LONGEST = 150  # bytes of a name: file systems take 255, and endings and temporary names need some


@dataclass(frozen=True)
class Looked:
    """What came of a look.

    Attributes:
        rows: one for each photo, in the order of the paths and keys; text, as in `look.csv`.
        table: where `look.csv` lies.
    """

    rows: tuple[Row, ...]
    table: Path

    @property
    def errors(self) -> int:
        """How many photos could not be looked at."""
        return sum(bool(row["error"]) for row in self.rows)

    def to_json(self) -> dict[str, object]:
        """Plain values, as `--json` prints them: numbers as numbers, the box as a list, null where nothing is known."""
        return {"table": str(self.table), "rows": [_typed(row) for row in self.rows]}


def _typed(row: Row) -> dict[str, object]:
    typed: dict[str, object] = {}
    for column, text in row.items():
        if not text:
            typed[column] = None
        elif column == "box":
            typed[column] = [int(number) for number in text.split()]
        elif column.startswith("p_") or column == "milliseconds":
            typed[column] = float(text)
        else:
            typed[column] = text
    return typed


def look(
    paths: Sequence[Path],
    out: Path,
    name: str = Recipe.look,
    device: str = Recipe.device,
    *,
    workers: int | None = None,
    limit: int | None = None,
    progress: Progress = silent,
) -> Looked:
    """Show what a looker sees in photos.

    Args:
        paths: photos, and folders of photos.
        out: the folder to write to; it and its parents are made.
        name, device: the looker, and where it runs.
        workers: processes; None takes one for each processor.
        limit: look at only the first so many photos.

    Returns:
        The rows, and where they were written: `STEM.alpha.png` and `STEM.jpg` lie beside `look.csv`.

    Raises:
        UsageError: no such path or looker, or `out` cannot be written to, or holds other files.
        RunError: the disk is full.
    """
    models.check_look(name, device)
    tasks = _tasks(paths, out, limit)
    show = Show(Settings.of(Recipe(look=name, device=device)))
    rows: list[Row] = []
    if not (out / TABLE).exists():
        files.write_text(out / TABLE, _table(rows))  # from here on the folder is known for one of ours
    try:
        with _alone(out), LocalEngine(workers) as engine:
            for count, answer in enumerate(engine.map(show, tasks), 1):
                crashed = Row(file=answer.task.file, error="the decoder crashed on it, twice")
                rows.append(answer.result if answer.result is not None else crashed)
                progress("look", count, len(tasks))
    finally:  # also where it is interrupted: what was seen is told
        if rows:
            files.write_text(out / TABLE, _table(rows))
    return Looked(tuple({column: row.get(column, "") for column in COLUMNS} for row in rows), out / TABLE)


def _tasks(paths: Sequence[Path], out: Path, limit: int | None) -> list[Shown]:
    found = [task for path in paths for task in _below(path, out)][:limit]
    try:
        out.mkdir(parents=True, exist_ok=True)
        if any(out.iterdir()) and not _is_ours(out / TABLE):
            raise UsageError(f"{out} holds other files; choose a new folder for --out")
    except OSError as error:
        raise files.writing_error(out, error) from error
    files.sweep(out / TABLE)
    return list(_named(found))


def _below(path: Path, out: Path) -> Iterator[Shown]:
    if not path.is_dir():
        try:
            path.stat()
        except OSError as error:
            raise UsageError(f"cannot look at {path}: {files.reason_of(error)}") from error
        _not_beside(os.fsencode(path), out)
        yield Shown(key_of(os.fsencode(path)), os.fsencode(path), out)
        return
    if path.resolve() in (out.resolve(), *out.resolve().parents):
        raise UsageError(f"--out would lie in {path}, whose photos are looked at; choose another folder")
    for origin in list_raw(path).origins:
        _not_beside(origin.path, out)
        yield Shown(_file(path, origin), origin.path, out, error=origin.detail)


def _not_beside(photo: bytes, out: Path) -> None:
    """Refuse to write where a photo lies, also one behind a link: its name may be that of a picture."""
    if os.path.dirname(os.path.realpath(photo)) == os.fsencode(out.resolve()):  # noqa: PTH120 (bytes)
        raise UsageError(f"--out would write beside {key_of(photo)}, and might write over it; choose another folder")


def _is_ours(table: Path) -> bool:
    return table.is_file() and table.read_bytes().startswith(_table([]).encode())


@contextmanager
def _alone(out: Path) -> Iterator[None]:
    """One look at a time into a folder."""
    try:
        opened = (out / LOCK).open("w")
    except OSError as error:
        raise files.writing_error(out / LOCK, error) from error
    with opened as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UsageError(
                f"another carprep look is writing to {out}; wait for it, or choose another folder"
            ) from error
        yield


def _file(folder: Path, origin: Origin) -> str:
    return f"{key_of(os.fsencode(folder)).rstrip('/')}/{origin.key}"


def _named(tasks: Iterable[Shown]) -> Iterator[Shown]:
    """Flat names; one that is taken gets a number. Upper and lower case are one, as on some disks."""
    taken: set[str] = set()
    for task in tasks:
        stem = _short(PurePosixPath(task.file).stem) or "photo"
        name, count = stem, 1
        while name.lower() in taken:
            count += 1
            name = f"{stem}-{count}"
        taken.add(name.lower())
        yield replace(task, stem=name)


def _short(stem: str) -> str:
    return stem.encode()[:LONGEST].decode(errors="ignore")


def _table(rows: Sequence[Row]) -> str:
    text = io.StringIO()
    table = csv.DictWriter(text, COLUMNS, restval="", lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    return text.getvalue()
