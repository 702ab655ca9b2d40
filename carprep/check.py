"""Static checks of a finished set: its zips and its ledger, without the photos it was made from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from carprep.check_zip import SHOWN, Check, Zip, pictures
from carprep.errors import UsageError
from carprep.pack import ledger as ledgers
from carprep.recipe import Recipe


def check(path: Path) -> list[Check]:
    """Check a set: its pictures, and its zips against the ledger.

    Args:
        path: the zip, one size's zip, or the ledger; all zips that the ledger names are checked.

    Raises:
        UsageError: a zip is missing or none.
    """
    try:
        ledger = ledgers.read(path)
    except UsageError as error:
        if path.name.endswith(ledgers.SUFFIX) or not path.is_file():
            raise
        one = Zip(path)
        missing = Check("the set has its ledger", "warning", f"{error}; zip and photos cannot be compared")
        return [missing, *pictures(one, None, set()), _copies([one])]
    rows = [row for batch in ledger.table.to_batches(max_chunksize=4096) for row in batch.to_pylist()]
    zips = [Zip(each) for each in _zips(path, sorted(ledger.about.get("zips", {})))]
    recipe = _recipe(str(ledger.about["recipe"]))
    by_hand = {row["key"] for row in rows if row["by_hand"]}
    found = [_groups(rows), _chains(rows)]
    for one in zips:
        kept_by_hand = {str(row.get("file_name")) for row in one.rows if row.get("key") in by_hand}
        found += [_members(one, rows), *pictures(one, recipe, kept_by_hand)]
    return [*found, _copies(zips)]


def _recipe(text: str) -> Recipe | None:
    """The recipe that the ledger tells; None where another version of carprep wrote it."""
    try:
        return Recipe.from_toml(text)
    except UsageError:
        return None


def _zips(path: Path, names: list[str]) -> list[Path]:
    """The zips to check: those that the ledger names; or the one that the user named, where it has another name now."""
    if not names:
        raise UsageError(f"the ledger of {path} names no zip: nothing was kept")
    sizes = any(name.startswith(f"{path.stem}-") for name in names)  # cars.zip stands for cars-64.zip and cars-128.zip
    if path.name in names or path.name.endswith(ledgers.SUFFIX) or (sizes and not path.exists()):
        return [path.parent / name for name in names]
    return [path]


def _groups(rows: list[dict[str, Any]]) -> Check:
    """No group of copies, mirrored copies, bursts and recolours is parted by the split."""
    splits: dict[str, set[str]] = {}
    for row in rows:
        if row["kept"] and row["group"] is not None:
            splits.setdefault(row["group"], set()).add(row["split"])
    parted = sorted(group for group, found in splits.items() if len(found) > 1)
    name = "no group of related photos is in two splits"
    if parted:
        return Check(name, "failed", f"{len(parted)} are, those of {', '.join(parted[:SHOWN])}")
    return Check(name, "passed", f"{len(splits):,} groups")


def _chains(rows: list[dict[str, Any]]) -> Check:
    """Every duplicate names a photo that is kept."""
    kept = {row["key"] for row in rows if row["kept"]}
    duplicates = [row for row in rows if row["reason"] == "duplicate"]
    bad = [row["key"] for row in duplicates if row["duplicate_of"] not in kept]
    name = "every duplicate is one of a photo that is kept"
    if bad:
        return Check(name, "failed", f"{len(bad)} are not: {', '.join(bad[:SHOWN])}")
    return Check(name, "passed", f"{len(duplicates):,} duplicates")


def _members(one: Zip, rows: list[dict[str, Any]]) -> Check:
    """The zip holds what the ledger says, to the byte, in the split that the ledger says."""
    by_key: Mapping[str, dict[str, Any]] = {row["key"]: row for row in rows}
    known = {row[column] for row in rows for column in row if column.startswith("member_sha256")}
    bad = list(_wrong(one, by_key, known))
    name = f"{one.name} agrees with the ledger"
    if bad:
        return Check(name, "failed", f"{len(bad)} pictures do not: {', '.join(bad[:SHOWN])}")
    return Check(name, "passed", f"{len(one.rows):,} pictures")


def _wrong(one: Zip, by_key: Mapping[str, dict[str, Any]], known: set[str | None]) -> Iterator[str]:
    listed = set()
    for row in one.rows:
        member, told = row["file_name"], by_key.get(row["key"])
        listed.add(member)
        same = told is not None and told["kept"] and (told["split"], told["group"]) == (row["split"], row["group"])
        if not same or one.hashes.get(member) not in known:
            yield member
    yield from sorted(set(one.hashes) - listed)


def _copies(zips: list[Zip]) -> Check:
    """No two pictures of different splits are the same bytes."""
    splits: dict[str, set[str]] = {}
    for one in zips:
        for row in one.rows:
            splits.setdefault(one.hashes.get(row["file_name"], ""), set()).add(row["split"])
    parted = [sha256 for sha256, found in splits.items() if len(found) > 1]
    name = "no picture is in two splits"
    if parted:
        return Check(name, "failed", f"{len(parted)} are, for example sha256 {parted[0][:12]}")
    return Check(name, "passed", f"{len(splits):,} different pictures")
