"""How two photos relate, the way a build sees it, and why; for two photos, or for a table of pairs."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from carprep import files, models
from carprep.cache import opened
from carprep.decide import measures as of
from carprep.decide.candidates import share_near_code
from carprep.decide.duplicates import best_first
from carprep.decide.prints import Prints, prints_of
from carprep.decide.related import Looker
from carprep.decide.relation import Kind, Limits, judge, limits
from carprep.decide.table import Table
from carprep.engines.local import LocalEngine
from carprep.errors import UsageError
from carprep.ingest.listing import Listing, Origin, key_of
from carprep.measure.parts import PARTS
from carprep.pipeline import measured
from carprep.progress import Progress, silent
from carprep.recipe import Recipe

COLUMNS = ("kind", "score", "candidate")
NOT_NEAR = 65  # bits: no two codes to compare


@dataclass(frozen=True)
class Compared:
    """What two photos are to each other.

    Attributes:
        one, other: their paths.
        kind: copy, mirrored copy, recolour, burst or different; empty where one of them cannot be read.
        score: how far the fine structure agrees, 0 to 1; 1 is the same bytes or pixels, 0 that nobody looked.
        candidate: whether a build would have looked at this pair at all.
        better: the path of the one that a build would keep.
        why: the evidence, in plain words, a line each.
    """

    one: str
    other: str
    kind: str
    score: float
    candidate: bool
    better: str = ""
    why: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain values, as `--json` prints them."""
        return {**vars(self), "score": round(self.score, 4), "why": list(self.why)}


def compare(
    pairs: Sequence[tuple[Path, Path]],
    recipe: Recipe | None = None,
    *,
    workers: int | None = None,
    cache: Path | None = None,
    keep_cache: bool = True,
    progress: Progress = silent,
) -> list[Compared]:
    """Compare pairs of photos as a build does; a photo in several pairs is measured once.

    Args:
        pairs: paths of photos.
        recipe: its looker, its detail and its `copy_distance` count.
        workers, cache, keep_cache, progress: as of a build.

    Raises:
        UsageError: there is no such photo, or the call was wrong.
    """
    recipe = recipe or Recipe()
    models.check_look(recipe.look, recipe.device)
    listing = _listing(pairs)
    with opened(cache, keep=keep_cache) as store, LocalEngine(workers) as engine:
        table = measured(listing, recipe, store, engine, verify=True, progress=progress)
        return list(_compared(pairs, table, store.thumbs(), recipe))


def _listing(pairs: Sequence[tuple[Path, Path]]) -> Listing:
    paths = sorted({os.fsencode(path) for pair in pairs for path in pair})
    for path in paths:
        try:
            if not os.path.isfile(path) and os.stat(path):  # noqa: PTH113 (bytes)
                raise UsageError(f"{key_of(path)} is no file")
        except OSError as error:
            raise UsageError(f"cannot read the photo {key_of(path)}: {files.reason_of(error)}") from error
    return Listing(b"", tuple(Origin(key_of(path), os.path.abspath(path)) for path in paths))  # noqa: PTH100 (bytes)


def _compared(
    pairs: Sequence[tuple[Path, Path]], table: Table, thumbs: np.ndarray, recipe: Recipe
) -> Iterator[Compared]:
    rows = {key: row for row, key in enumerate(table.keys)}
    best = best_first(table)
    rank = {row: place for place, row in enumerate(best.tolist())}
    prints = prints_of(table, best) if len(best) else None
    pictures = {} if prints is None else {table.hashes[row]: n for n, row in enumerate(prints.rows.tolist())}
    found = [tuple(rows[key_of(os.fsencode(path))] for path in pair) for pair in pairs]
    asked = np.array(
        [sorted(pictures[table.hashes[row]] for row in pair) if set(pair) <= set(rank) else (0, 0) for pair in found],
        np.int32,
    ).reshape(-1, 2)
    told = _Evidence(prints, thumbs, recipe.copy_distance, asked) if prints is not None else None
    for number, (pair, (one, other)) in enumerate(zip(pairs, found, strict=True)):
        names = str(pair[0]), str(pair[1])
        broken = [row for row in (one, other) if row not in rank]
        if broken or told is None:
            yield Compared(*names, "", 0.0, False, why=tuple(f"{table.keys[r]}: {table.details[r]}" for r in broken))
            continue
        better = names[0] if rank[one] <= rank[other] else names[1]
        if table.hashes[one] == table.hashes[other]:
            yield Compared(*names, Kind.COPY.words, 1.0, True, better, ("the same bytes",))
            continue
        kind, score, candidate = told.verdict(number)
        yield Compared(*names, kind.words, score, candidate, better, tuple(told.words(number)))


class _Evidence:
    """Everything about some pairs of pictures, measured at once."""

    def __init__(self, prints: Prints, thumbs: np.ndarray, radius: int, pairs: np.ndarray) -> None:
        look = Looker(prints, thumbs, radius)
        self.prints, self.pairs, self.radius = prints, pairs, radius
        self.equal = prints.pixels[pairs[:, 0]] == prints.pixels[pairs[:, 1]]
        self.near = share_near_code(prints, pairs, radius)
        self.measures = look.measured(pairs)
        self.judged = judge(self.measures, look.sides(pairs))
        self.limits = limits(self.measures, look.sides(pairs))

    def verdict(self, number: int) -> tuple[Kind, float, bool]:
        """Kind, score, and whether a build would look at the pair."""
        if self.equal[number]:
            return Kind.COPY, 1.0, True
        return Kind(self.judged.kind[number]), float(self.judged.score[number]), bool(self.near[number])

    def words(self, number: int) -> Iterator[str]:
        """The evidence, a line each."""
        if self.equal[number]:
            yield "the same pixels, in another file"
            return
        yield self._codes(number)
        values = self.measures[number]
        if not self.near[number]:
            return
        if not values[of.SEEN]:
            yield "laid over each other their fine structure does not agree: a glance at 16 and 32 px was enough"
            return
        yield self._placed(values)
        yield from _agreement(values, self.limits, number)

    def _codes(self, number: int) -> str:
        bits, mine, its, turned = _nearest(self.prints, *self.pairs[number])
        if bits == NOT_NEAR:
            return "one of them is featureless, so it has no code: only the same bytes or pixels would make them copies"
        parts = f"{PARTS[mine]} of the one, {PARTS[its]} of the other" if mine != its else f"{PARTS[mine]} of both"
        nearest = (
            f"their nearest codes are {bits} bits of 64 apart ({parts}{', one of them mirrored' if turned else ''})"
        )
        verb = "so a build looks at the pair" if self.near[number] else "so a build does not look at the pair"
        return f"{nearest}; {self.radius} are near enough, {verb}"

    def _placed(self, values: np.ndarray) -> str:
        scale, share = values[of.SCALE], values[of.COVER]
        size = "the same size" if abs(scale - 1) < 0.02 else f"one {max(scale, 1 / scale):.2f} times as large"
        light = "" if abs(values[of.GAIN] - 1) < 0.05 else f", its light times {values[of.GAIN]:.2f}"
        mirrored = ", mirrored" if values[of.MIRRORED] else ""
        return f"laid over each other: {size}{mirrored}{light}; {share:.0%} of the less covered one is compared"


def _agreement(values: np.ndarray, limit: Limits, number: int) -> Iterator[str]:
    yield (
        f"fine structure: {values[of.STRUCTURE]:.3f} in the weakest quarter of the blocks; "
        f"a copy has at least {limit.structure[number]:.3f}"
    )
    yield (
        f"place: it lies {values[of.MOVED]:.2f} px of 64 elsewhere in the worst third; "
        f"in a copy of this size at most {limit.moved[number]:.2f}"
    )
    what = "light (one is grey all over)" if values[of.GREY] else "colour"
    yield f"{what}: {values[of.COLOUR]:.1f} of 255 off in the worst fifth; in a copy at most {limit.colour:g}"


def _nearest(prints: Prints, one: int, other: int) -> tuple[int, int, int, bool]:
    """Bits between the nearest codes, the part of each, and whether one is mirrored."""
    best = (NOT_NEAR, 0, 0, False)
    straight, mirrored = prints.straight, prints.mirrored
    for here, there, turned in (
        (straight[one], straight[other], False),
        (mirrored[one], straight[other], True),
        (straight[one], mirrored[other], True),
    ):
        bits = np.bitwise_count(here[:, None] ^ there[None, :]).astype(int)
        bits[(here == 0)[:, None] | (there == 0)[None, :]] = NOT_NEAR
        mine, its = divmod(int(bits.argmin()), bits.shape[1])
        best = min(best, (int(bits.min()), mine, its, turned))
    return best


@dataclass(frozen=True)
class Pairs:
    """A table of pairs.

    Attributes:
        columns: its own, in their order.
        rows: text, one dictionary a pair.
        paths: of each row's two photos.
    """

    columns: tuple[str, ...]
    rows: tuple[Mapping[str, str], ...]
    paths: tuple[tuple[Path, Path], ...]


def read_pairs(table: Path, root: Path | None = None) -> Pairs:
    """Read a CSV with the columns file_a and file_b, paths relative to `root` or else to the table's folder.

    Raises:
        UsageError: no such table, no such column, or an empty cell; the line is named.
    """
    reader = csv.DictReader(io.StringIO(files.read_text(table, "table of pairs")))
    missing = {"file_a", "file_b"} - set(reader.fieldnames or ())
    if missing:
        raise UsageError(
            f"{table} has no column {', '.join(sorted(missing))}; it needs file_a,file_b, separated by commas"
        )
    own = [column for column in COLUMNS if column in (reader.fieldnames or ())]
    if own and len(own) < len(COLUMNS):  # all three: an earlier judgement, to be made anew
        raise UsageError(f"{table} has a column {own[0]} of its own, which would be written over; rename it")
    if root is not None and not root.is_dir():
        raise UsageError(f"there is no folder {root}")
    rows, paths, folder = [], [], root or table.parent
    for row in reader:
        names = (row["file_a"] or "").strip(), (row["file_b"] or "").strip()
        if not all(names):
            raise UsageError(f"{table}, line {reader.line_num}: a photo is not named")
        rows.append({name: row[name] or "" for name in reader.fieldnames or ()})
        paths.append((folder / names[0], folder / names[1]))
    if not rows:
        raise UsageError(f"{table} has no pairs")
    return Pairs(tuple(reader.fieldnames or ()), tuple(rows), tuple(paths))


def write_judged(path: Path, pairs: Pairs, compared: Sequence[Compared]) -> None:
    """Write the table with its own columns, and kind, score and candidate."""
    text = io.StringIO()
    columns = [*(column for column in pairs.columns if column not in COLUMNS), *COLUMNS]
    table = csv.DictWriter(text, columns, lineterminator="\n")
    table.writeheader()
    for row, found in zip(pairs.rows, compared, strict=True):
        score = f"{found.score:.4f}" if found.kind else ""
        told = {"kind": found.kind, "score": score, "candidate": str(found.candidate).lower()}
        table.writerow({**row, **told})
    files.write_text(path, text.getvalue())
