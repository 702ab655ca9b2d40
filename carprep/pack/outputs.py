"""Where a build's files go, checked before any work is done."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from carprep import files
from carprep.errors import UsageError
from carprep.pack.ledger import beside, path_of, sized
from carprep.recipe import Recipe

TRAIN, HOLDOUT = "train", "holdout"


@dataclass(frozen=True)
class Outputs:
    """The files of one build.

    Attributes:
        zips: (size in px, which part) to the zip; the part is `holdout` where that is written apart.
        ledger, sheet, left_out: the files beside it.
    """

    zips: Mapping[tuple[int, str], Path]
    ledger: Path
    sheet: Path
    left_out: Path

    @classmethod
    def plan(cls, raw: Path, zip_path: Path, holdout: Path | None, recipe: Recipe, dry_run: bool = False) -> Outputs:
        """Name the files, make their folders, and sweep away what killed runs left there; a dry run only names them.

        Raises:
            UsageError: a file would lie in RAW or over it, two would have one name, or a folder cannot be written to.
        """
        if holdout is not None and not recipe.split:
            raise UsageError("--holdout-zip needs --split: how large a share to hold out, for example --split 0.1")
        zips = {(size, TRAIN): sized(zip_path, size, recipe.sizes) for size in recipe.sizes}
        if holdout is not None:
            zips |= {(size, HOLDOUT): sized(holdout, size, recipe.sizes) for size in recipe.sizes}
        outputs = cls(zips, path_of(zip_path), beside(zip_path, ".sheet.jpg"), beside(zip_path, ".left-out.jpg"))
        outputs._check(raw)
        if not dry_run:
            outputs._prepare()
        return outputs

    @property
    def all(self) -> list[Path]:
        """Every file."""
        return [*self.zips.values(), self.ledger, self.sheet, self.left_out]

    def part(self, split: str) -> str:
        """Which zip a split's pictures go to."""
        return split if any(part == split for _, part in self.zips) else TRAIN

    def _check(self, raw: Path) -> None:
        source, taken = raw.resolve(), [path.resolve() for path in self.all]
        for path in taken:
            if path == source or source in path.parents:
                raise UsageError(
                    f"{path.name} would lie in {raw}, where the next build would find it; put it elsewhere"
                )
            if path.is_dir():
                raise UsageError(f"cannot write {path}: it is a folder")
        if len(set(taken)) < len(taken):
            raise UsageError("two of the files to write have the same name; choose another --zip or --holdout-zip")

    def _prepare(self) -> None:
        for folder in sorted({path.parent for path in self.all}):
            _probe(folder)
        for path in self.all:
            files.sweep(path)


def outside(raw: Path, path: Path, name: str) -> None:
    """Refuse to write into RAW, or over it.

    Raises:
        UsageError: the path lies there.
    """
    source, path = raw.resolve(), path.resolve()
    if path == source or source in path.parents:
        raise UsageError(f"{name} would lie in {raw}, where the next build would find it; put it elsewhere")


def _probe(folder: Path) -> None:
    """Find out now, not after an hour of work, that a folder cannot be written to."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UsageError(f"cannot write to {folder}: {files.reason_of(error)}") from error
