"""Static checks of a finished set: its zips and its ledger, without the photos it was made from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from carprep.check_zip import SHOWN, Check, Zip, pictures, told
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
        if path.name.endswith(ledgers.SUFFIX):
            raise
        if not path.is_file():
            raise UsageError(f"there is no zip {path}") from error
        one = Zip(path)
        missing = Check("the set has its ledger", "warning", f"{error}; zip and photos cannot be compared")
        return [missing, *pictures(one, None, set()), _copies([one], None)]
    rows = [row for batch in ledger.table.to_batches(max_chunksize=4096) for row in batch.to_pylist()]
    zips = [Zip(each) for each in _zips(path, sorted(ledger.about.get("zips", {})))]
    recipe = _recipe(str(ledger.about["recipe"]))
    by_hand = {row["key"] for row in rows if row["by_hand"]}
    found = [_groups(rows), _chains(rows)]
    for one in zips:
        kept_by_hand = {str(row.get("file_name")) for row in one.rows if row.get("key") in by_hand}
        found += [_members(one, rows), *pictures(one, recipe, kept_by_hand)]
    return [*found, _copies(zips, recipe)]


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
    bad = list(_wrong(one, {row["key"]: row for row in rows}))
    name = f"{one.name} agrees with the ledger"
    if bad:
        return Check(name, "failed", f"{len(bad)} pictures do not: {', '.join(bad[:SHOWN])}")
    return Check(name, "passed", f"{len(one.rows):,} pictures")


def _wrong(one: Zip, by_key: Mapping[str, dict[str, Any]]) -> Iterator[str]:
    listed = set()
    for row in one.rows:
        member, known = row["file_name"], by_key.get(row["key"])
        listed.add(member)
        same = known is not None and known["kept"] and (known["split"], known["group"]) == (row["split"], row["group"])
        hashes = [value for column, value in (known or {}).items() if column.startswith("member_sha256")]  # one a size
        if not same or one.hashes.get(member) not in hashes:
            yield member
    yield from sorted(set(one.hashes) - listed)


def _copies(zips: list[Zip], recipe: Recipe | None) -> Check:
    """No two pictures are the same bytes, within a split or across."""
    name = "no picture is in the set twice"
    if recipe is not None and recipe.same == "none":
        return Check(name, "skipped", "the recipe keeps copies (--same none)")
    places: dict[str, list[str]] = {}
    for one in zips:
        for member, sha256 in one.hashes.items():
            places.setdefault(sha256, []).append(f"{one.name}/{member}")
    twice = [" = ".join(found) for found in places.values() if len(found) > 1]
    return told(name, twice, f"{len(places):,} different pictures")
