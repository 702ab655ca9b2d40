"""The ledger: one row for each photo that went in, as Parquet beside the zip."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from carprep import files
from carprep.decide.table import FACTS
from carprep.errors import UsageError
from carprep.photo import Photo, Reason

SUFFIX = ".ledger.parquet"
DECIDED = pa.schema(
    [
        ("key", pa.string()),
        ("sha256", pa.string()),  # of the file's bytes; null where they could not be read
        ("kept", pa.bool_()),
        ("reason", pa.string()),  # null where kept
        ("detail", pa.string()),
        ("by_hand", pa.bool_()),
        ("view", pa.string()),  # null where the looker knows none
        ("facing", pa.string()),  # left, right or none, as in the photo; null where the looker knows none
        ("mirrored", pa.bool_()),  # whether the picture in the zip is flipped
        ("colour", pa.string()),
        ("duplicate_of", pa.string()),  # the kept photo's key
        ("related_to", pa.string()),  # key of the better photo that it is most like; the same where it is a duplicate
        ("relation", pa.string()),  # copy, mirrored copy, recolour or burst; null where it is like none
        ("relation_score", pa.float64()),  # how far the fine structure agrees, 0 to 1; 1 for the same bytes or pixels
        ("group", pa.string()),  # key of the best of all that it is related to, also through others; null where alone
        ("member", pa.string()),  # path in the zip
        ("member_sha256", pa.string()),  # of the picture's bytes, in the zip of the largest size
        ("split", pa.string()),  # train or holdout; null where left out
        ("source", pa.string()),
        ("author", pa.string()),
        ("licence", pa.string()),
    ]
)
PRINTS = ("codes", "codes_mirrored", "pixels")  # long, and of use only to the search for duplicates
SCORES = pa.schema([field for field in FACTS if field.name not in (*DECIDED.names, *PRINTS)])
# what names a photo comes first, its size next, the scores after
SCHEMA = pa.schema([*DECIDED, *SCORES])


@dataclass(frozen=True)
class Ledger:
    """A ledger in memory: its rows by key, and what the file says of its making.

    Attributes:
        table: the columns of `SCHEMA`.
        about: `recipe` (TOML), `versions`, `zips` (file name to sha256 and size), `digest`, `funnel`.
    """

    table: pa.Table
    about: Mapping[str, Any]

    def __len__(self) -> int:
        """How many photos went in."""
        return int(self.table.num_rows)

    def __getitem__(self, key: str) -> Photo:
        """One photo, whose facts are all its other columns.

        Raises:
            KeyError: no photo of that key went in.
        """
        row = self.find("key", key)
        if row is None:
            raise KeyError(key)
        return photo(self.row(row))

    def __iter__(self) -> Iterator[Photo]:
        """All photos, in the order of their keys."""
        for batch in self.table.to_batches(max_chunksize=1024):
            yield from map(photo, batch.to_pylist())

    def find(self, column: str, value: str) -> int | None:
        """The first row with this value in a column; None where there is none."""
        row = self.table[column].combine_chunks().index(value).as_py()
        return None if row < 0 else int(row)

    def row(self, index: int) -> dict[str, Any]:
        """One row as a plain dictionary."""
        return dict(self.table.slice(index, 1).to_pylist()[0])


def photo(row: Mapping[str, Any]) -> Photo:
    """A ledger's row as the value that flows through the rooms."""
    facts = {name: value for name, value in row.items() if name not in ("key", "reason", "detail")}
    reason = Reason(row["reason"]) if row["reason"] else None
    return Photo(row["key"], facts, reason, row["detail"] or "")


def write(path: Path, table: pa.Table, about: Mapping[str, Any]) -> None:
    """Write a ledger, all of it or none of it; the same ledger gives the same bytes."""
    metadata = {f"carprep.{name}": json.dumps(value, sort_keys=True) for name, value in about.items()}
    with files.written(path) as file:
        pq.write_table(table.replace_schema_metadata(metadata), file, compression="zstd", store_schema=True)


def read(path: Path) -> Ledger:
    """Read the ledger of a zip, of one of its sizes, or by its own name.

    Raises:
        UsageError: there is none, or the file is none.
    """
    found = next((candidate for candidate in candidates(path) if candidate.is_file()), None)
    if found is None:
        raise UsageError(
            f"there is no ledger {candidates(path)[0]}; it is written beside the zip by carprep build, "
            "for a --holdout-zip beside the main zip"
        )
    told = about(found)
    return Ledger(_read_table(found), told)


def about(path: Path) -> dict[str, Any]:
    """What a ledger says of its making, without reading its rows.

    Raises:
        UsageError: there is no ledger there.
    """
    try:
        metadata = pq.read_schema(path).metadata or {}
        told = {
            name.decode().removeprefix("carprep."): json.loads(value)
            for name, value in metadata.items()
            if name.startswith(b"carprep.")
        }
    except (pa.ArrowException, OSError, ValueError) as error:
        raise UsageError(f"{path} is no ledger of carprep: {str(error).splitlines()[0]}") from error
    if not {"recipe", "funnel"} <= told.keys():
        raise UsageError(f"{path} is no ledger of carprep")
    return told


def _read_table(path: Path) -> pa.Table:
    try:
        return pq.read_table(path, partitioning=None)
    except (pa.ArrowException, OSError) as error:
        raise UsageError(f"{path} is damaged: {str(error).splitlines()[0]}") from error


def path_of(zip_path: Path) -> Path:
    """Where the ledger of a zip lies: cars.zip -> cars.ledger.parquet."""
    return beside(zip_path, SUFFIX)


def beside(zip_path: Path, suffix: str) -> Path:
    """A file beside a zip: cars.zip -> cars + suffix."""
    name = zip_path.name
    if not name:
        raise UsageError(f"{str(zip_path)!r} names no file")
    return zip_path.with_name((name[:-4] if name.lower().endswith(".zip") else name) + suffix)


def sized(zip_path: Path, size: int, sizes: tuple[int, ...]) -> Path:
    """Where one size's zip lies: cars.zip, or cars-64.zip where there are several."""
    return zip_path if len(sizes) == 1 else beside(zip_path, f"-{size}.zip")


def candidates(path: Path) -> list[Path]:
    """Where the ledger may be that a user means: by its own name, by the zip's, by a size's."""
    if path.name.endswith(SUFFIX):
        return [path]
    own = path_of(path)
    stem, dash, size = own.name.removesuffix(SUFFIX).rpartition("-")
    return [own, own.with_name(stem + SUFFIX)] if dash and size.isdigit() else [own]
