"""What a looker sees: for each photo its alpha, a side-by-side picture and a row; nothing is decided."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from carprep import files, models
from carprep.engines.local import LocalEngine
from carprep.errors import UsageError
from carprep.ingest.listing import Origin, key_of
from carprep.ingest.raw import list_raw
from carprep.measure.task import Settings
from carprep.pack.outputs import outside
from carprep.progress import Progress, silent
from carprep.recipe import Recipe
from carprep.show import COLUMNS, Row, Show, Shown

TABLE = "look.csv"
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
    files.write_text(out / TABLE, _table(rows))  # from here on the folder is known for one of ours
    try:
        with LocalEngine(workers) as engine:
            for count, answer in enumerate(engine.map(show, tasks), 1):
                crashed = Row(file=answer.task.file, error="the decoder crashed on it, twice")
                rows.append(answer.result if answer.result is not None else crashed)
                progress("look", count, len(tasks))
    finally:  # also where it is interrupted: what was seen is kept
        files.write_text(out / TABLE, _table(rows))
    return Looked(tuple({column: row.get(column, "") for column in COLUMNS} for row in rows), out / TABLE)


def _tasks(paths: Sequence[Path], out: Path, limit: int | None) -> list[Shown]:
    found = [task for path in paths for task in _below(path, out)][:limit]
    try:
        out.mkdir(parents=True, exist_ok=True)
        if any(out.iterdir()) and not (out / TABLE).exists():
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
        if path.resolve().parent == out.resolve():
            raise UsageError(f"--out would write beside {path}, and might write over it; choose another folder")
        yield Shown(key_of(os.fsencode(path)), os.fsencode(path), out)
        return
    outside(path, out, "--out")
    for origin in list_raw(path).origins:
        yield Shown(_file(path, origin), origin.path, out, error=origin.detail)


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
