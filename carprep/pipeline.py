"""The main job: ingest → measure → decide → render → pack.

Not named build.py: a module of that name would hide the function `carprep.build`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from carprep import models
from carprep.cache import Cache, opened
from carprep.compiled import source_digest
from carprep.decide.all import decide
from carprep.decide.duplicates import Deduplicated
from carprep.decide.related import Seen
from carprep.decide.splits import largest_group
from carprep.decide.table import Known, Table, gather
from carprep.engines.local import LocalEngine
from carprep.errors import RunError, UsageError
from carprep.files import Stamp
from carprep.ingest.archive import read_members
from carprep.ingest.listing import Listing
from carprep.ingest.raw import list_raw
from carprep.measure.task import Done, Measurer, Settings, Task
from carprep.pack.outputs import Outputs, outside
from carprep.pack.set import Set
from carprep.photo import Reason
from carprep.progress import Progress, silent
from carprep.recipe import LARGE_GROUP, Recipe
from carprep.report import Report
from carprep.versions import of, versions


class NothingKept(RunError):
    """Every photo was left out; `report` has the funnel."""

    def __init__(self, report: Report) -> None:
        super().__init__("no photo was kept, so there is no zip")
        self.report = report


def build(
    raw: Path | str,
    zip: Path | str,
    recipe: Recipe | None = None,
    *,
    holdout_zip: Path | str | None = None,
    workers: int | None = None,
    engine: LocalEngine | None = None,
    cache: Path | str | None = None,
    keep_cache: bool = True,
    dry_run: bool = False,
    limit: int | None = None,
    verify: bool = False,
    strict: bool = False,
    progress: Progress = silent,
) -> Report:
    """Turn a heap of car photos into a training set.

    Args:
        raw: a folder, zip or tar.
        zip: the zip to write; with several sizes one for each, cars-64.zip and cars-128.zip.
        recipe: every setting of the result; None takes the defaults.
        holdout_zip: write the held-out pictures to a zip of their own.
        workers: processes; None takes one for each processor. The result does not depend on it.
        engine: who does the work, where that runs already; it is closed at the end. None starts `workers` processes.
        cache: the folder that remembers measurements; None takes the XDG default.
        keep_cache: False measures everything anew and remembers nothing.
        dry_run: decide, and write nothing.
        limit: let only the first so many photos in, by key.
        verify: read every file again, even those whose size and times did not change.
        strict: refuse to split where one group of related photos is more than a fifth of the set.
        progress: called with the stage, how many are done, and of how many.

    Returns:
        The report: funnel, ledger, and where the files lie.

    Raises:
        UsageError: the call was wrong; nothing was done.
        NothingKept: every photo was left out; its `report` says why.
        RunError: the run failed; files of an earlier run are as they were.
    """
    raw, recipe = Path(raw), recipe or Recipe()
    _check(recipe, workers, limit)
    if cache is not None and keep_cache:
        outside(raw, Path(cache), "the cache")
    outputs = Outputs.plan(raw, Path(zip), Path(holdout_zip) if holdout_zip else None, recipe, dry_run)
    listing = list_raw(raw)
    complete = limit is None or limit >= len(listing.origins)
    listing = listing.first(limit)
    with ExitStack() as stack:
        store = stack.enter_context(opened(Path(cache) if cache else None, keep=keep_cache))
        engine = stack.enter_context(engine or LocalEngine(workers))
        table = measured(listing, recipe, store, engine, verify=verify, progress=progress)
        found = _decided(table, recipe, store, listing, complete, progress)
        table = found.table
        _balance(listing, table)
        if strict:
            _refuse_large_groups(table, recipe)
        listing = replace(listing, origins=())  # a million of them is a gigabyte, and the table has their keys
        result = Set(table, recipe, listing, limit, found.waiting)
        if dry_run:
            return result.report()
        if not table.wanted.any():
            raise NothingKept(result.record(outputs, store.folder))
        return result.unchanged(outputs) or result.write(outputs, store.folder, engine, progress)


def measured(
    listing: Listing, recipe: Recipe, store: Cache, engine: LocalEngine, *, verify: bool, progress: Progress
) -> Table:
    """Measure what the cache does not know, and gather the facts of all photos."""
    settings = Settings.of(recipe)
    identity = settings.identity(versions())
    hashes = _known(listing, store, identity, verify)
    problems: dict[int, tuple[Reason | None, str]] = {}
    measurer = Measurer(settings, identity, store.folder)
    todo = [i for i, origin in enumerate(listing.origins) if hashes[i] is None and origin.reason is None]
    tasks = _tasks(listing, todo, settings.limits.bytes, problems)
    for count, answer in enumerate(engine.map(measurer, tasks), 1):
        index = answer.task.index
        done = answer.result or Done(None, None, Reason.UNREADABLE, "the decoder crashed on it, twice")
        hashes[index] = done.sha256
        if done.sha256 is None:
            problems[index] = (done.reason, done.detail)
        else:
            _remember(store, listing.origins[index].path, listing.origins[index].stamp, done, identity)
        progress("measure", count, len(todo))
    return gather(_rows(listing, hashes, problems, store, identity))


def _decided(
    table: Table, recipe: Recipe, store: Cache, listing: Listing, complete: bool, progress: Progress
) -> Deduplicated:
    """Decide, with the help of what second looks at this RAW measured before."""
    settings = Settings.of(recipe).identity(versions())
    told = (settings, listing.root, recipe.copy_distance, source_digest(), (of("numba") or "").encode())
    name = hashlib.sha256(b"%b %b %d %b %b" % told).hexdigest()  # all that a second look depends on
    known = store.second_looks(name[:16])
    found = decide(table, recipe, store.thumbs(), complete, Seen(**known) if known else None, progress)
    if found.seen.names.tobytes() != (known["names"].tobytes() if known else b""):
        store.keep_second_looks(name[:16], vars(found.seen))
    return found


def _refuse_large_groups(table: Table, recipe: Recipe) -> None:
    row, share = largest_group(table)
    if recipe.split and share > LARGE_GROUP:
        raise RunError(
            f"{share:.0%} of the set are one group of related photos, which a split cannot part: "
            f"{table.keys[row]} and others; nothing was written"
        )


def _check(recipe: Recipe, workers: int | None, limit: int | None) -> None:
    if workers is not None and workers < 1:
        raise UsageError("workers must be at least 1")
    if limit is not None and limit < 1:
        raise UsageError("--limit must be at least 1")
    models.check_look(recipe.look, recipe.device)
    if recipe.face != "keep" and not models.knows_views(recipe.look):
        raise UsageError(f"--face {recipe.face} needs a looker that tells facing; {recipe.look} does not")


def _known(listing: Listing, store: Cache, identity: bytes, verify: bool) -> list[str | None]:
    """The sha256 of every photo that need not be opened: unchanged on the disk, and measured like this before."""
    stamps = {} if verify else store.stamps(listing.root)
    hashes: list[str | None] = []
    for origin in listing.origins:
        stamp, sha256 = stamps.get(origin.path, (None, ""))
        same = stamp is not None and stamp == origin.stamp and store.knows(sha256, identity)
        hashes.append(sha256 if same else None)
    return hashes


def _tasks(
    listing: Listing, todo: list[int], at_most: int, problems: dict[int, tuple[Reason | None, str]]
) -> Iterator[Task]:
    """One task for each photo: a worker opens files itself, archives are read here, in their own order."""
    members = {}
    for index in todo:
        origin = listing.origins[index]
        if origin.member is None:
            yield Task(origin.key, index, origin.path)
        else:
            members[origin.member] = index
    for member, data in read_members(listing.root, set(members), at_most) if members else ():
        index = members[member]
        if isinstance(data, bytes):
            yield Task(listing.origins[index].key, index, data=data)
        elif data is None:
            problems[index] = Reason.TOO_LARGE, f"more than {at_most:,} bytes"
        else:
            problems[index] = Reason.UNREADABLE, f"the archive's member cannot be read: {data}"


def _remember(store: Cache, path: bytes, stamp: Stamp | None, done: Done, identity: bytes) -> None:
    if stamp is not None and done.sha256 is not None:
        store.remember(path, stamp, done.sha256)
    if done.measured is not None:
        store.add(done.measured, identity)


def _rows(
    listing: Listing,
    hashes: list[str | None],
    problems: dict[int, tuple[Reason | None, str]],
    store: Cache,
    identity: bytes,
) -> Iterator[Known]:
    stale = []
    for index, (origin, row) in enumerate(zip(listing.origins, store.rows(hashes, identity), strict=True)):
        if row is None:
            reason, detail = problems.get(index, (origin.reason, origin.detail))
            if reason is None:
                raise RunError(f"{origin.key} was measured, but the cache has lost it; run again")
            yield Known(origin.key, hashes[index], -1, {}, reason, detail)
            continue
        stale.append((row.slot, row.used))
        yield Known(origin.key, hashes[index], row.slot, row.facts, row.reason, row.detail)
    store.touch(stale)


def _balance(listing: Listing, table: Table) -> None:
    """Nothing disappears: as many rows out as files in, under the same keys."""
    if [origin.key for origin in listing.origins] != list(table.keys):
        raise RunError(f"{len(listing.origins)} photos went in, {len(table)} came out: a bug of carprep, please report")
    bare = table.wanted & (table.slots < 0)
    if bare.any():
        raise RunError(f"{table.keys[int(bare.argmax())]} was kept without a picture: a bug of carprep, please report")
