"""Copies: the best of each picture is kept, and every one left out is itself a copy of the one that is kept.

Hash distance alone ruins car sets: on hand-labelled pairs, weighted as they occur, pHash distance <= 4 has precision
0.10 (dealer yards) and 0.54 (scraped red cars). So near codes only propose; a second look at the thumbnails decides
(`carprep.decide.related`), and a person's word on a pair stands above both.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from carprep.decide.groups import groups
from carprep.decide.prints import Prints, prints_of
from carprep.decide.related import Related, Seen, relate
from carprep.decide.relation import COPIES, Kind, shown
from carprep.decide.table import Table
from carprep.decide.words import pairs_of
from carprep.measure.parts import COLOURLESS, TRIM
from carprep.photo import Reason
from carprep.progress import Progress, silent
from carprep.recipe import Recipe

# what --same takes for one picture
ONE_PICTURE: Mapping[str, tuple[Kind, ...]] = {
    "none": (),
    "copy": COPIES,
    "burst": (*COPIES, Kind.BURST),
    "recolour": (*COPIES, Kind.RECOLOUR),
}
OVERLAYS = ("checkerboard", "bar_top", "bar_bottom", "bar_left", "bar_right")
SIZE_STEP = 1.1  # times the area
SHARP_STEP = 2.0  # times the variance; JPEG's ringing or a stamp alone make 1.5
MOST_WHITE = 0.5  # share of the photo's edge that is white; above it what is plain is no frame
TOUCH_STEP = 0.03  # share of the outline on the photo's edge
BY_HAND = "a person said that they are one picture"
# of two photos with the same pixels the one whose file lost least
FORMATS = ("PNG", "TIFF", "BMP", "DIB", "PPM", "WEBP", "JPEG2000", "AVIF", "HEIF", "JPEG", "MPO", "GIF", "ICO")


@dataclass(frozen=True)
class Deduplicated:
    """What came of it.

    Attributes:
        table: with copies left out, relations and groups filled in.
        seen: what second looks measured, for the next time.
        looked: how many pairs were looked at this time.
        waiting: pictures that share a code with so many others that they were not compared with all of them.
    """

    table: Table
    seen: Seen
    looked: int = 0
    waiting: int = 0


@dataclass(frozen=True)
class Link:
    """One of a photo's relations."""

    other: int  # row
    kind: Kind
    score: float
    words: str


def drop_duplicates(
    table: Table,
    recipe: Recipe,
    thumbs: np.ndarray,
    known: Seen | None = None,
    complete: bool = True,
    progress: Progress = silent,
) -> Deduplicated:
    """Leave out every copy of a better photo that is kept.

    Args:
        table: only photos without a reason take part: one that is left out shadows nobody.
        thumbs: uint8 (slots, 64, 64, 3), by the table's slots.
        known: what second looks measured before.
        complete: whether the table holds all of RAW.
        progress: told how many codes were searched, of how many.

    Raises:
        UsageError: a person's word on a pair matches no photo.
    """
    judged = pairs_of(table, recipe, complete)
    rows = best_first(table)
    if len(rows) < 2:
        return Deduplicated(table, Seen.nothing())
    prints = prints_of(table, rows)
    rank = np.full(len(table), len(table))
    rank[rows] = np.arange(len(rows))
    wanted = table.wanted
    said = {pair: word for pair, word in judged.items() if wanted[list(pair)].all()}
    related = relate(
        prints,
        thumbs,
        recipe.copy_distance,
        rank[prints.rows],
        known or Seen.nothing(),
        _of_pictures(said, prints),
        ONE_PICTURE[recipe.same] or COPIES,
        progress,
    )
    links = _links(prints, related, said)
    twins = _twins(table, rows)
    table = _leave_out(table, recipe, rows, rank, links, twins, said)
    bonds = ((row, link.other) for row, some in links.items() for link in some)
    table = replace(table, groups=groups(rows, [*bonds, *twins.items()], len(table)))
    return Deduplicated(table, related.seen, related.looked, related.waiting)


def best_first(table: Table) -> np.ndarray:
    """Rows still wanted, best first.

    A person's word, then colour, size, sharpness, overlay (a painted checkerboard, black bars), car least cut off,
    border, format and bytes, key.
    Size and sharpness count in steps: a box that is a pixel wider, or a stamp's sharp letters, must not decide.
    """
    rows = np.flatnonzero(table.wanted)
    size = _steps(table.numbers("car_width") * table.numbers("car_height"), SIZE_STEP)
    overlay = sum(np.nan_to_num(table.numbers(name)) for name in OVERLAYS)
    columns = (
        rows,  # rows lie in the order of their keys
        -np.nan_to_num(table.numbers("bytes"))[rows],  # of one format the file that kept more
        _format_ranks(table)[rows],
        np.round(_border(table), 2)[rows],
        np.round(np.nan_to_num(table.numbers("car_touch")) / TOUCH_STEP)[rows],
        np.round(overlay, 2)[rows],
        -_steps(table.numbers("sharpness_inside"), SHARP_STEP)[rows],
        -size[rows],
        (table.numbers("coloured") < COLOURLESS)[rows],  # a grey copy lost more than a smaller one
        ~table.by_hand[rows],
    )
    return rows[np.lexsort(columns)]


def _border(table: Table) -> np.ndarray:
    """The share of each photo that is a frame of one colour; white is a ground, of which a studio shot has much."""
    left, top, right, bottom = (table.numbers(name) for name in TRIM)
    coloured = np.nan_to_num(table.numbers("border_white")) < MOST_WHITE
    return np.asarray(np.nan_to_num(1 - (right - left) * (bottom - top)) * coloured)


def _steps(values: np.ndarray, step: float) -> np.ndarray:
    return np.asarray(np.round(np.log(np.fmax(values, 1e-6)) / np.log(step)))


def _format_ranks(table: Table) -> np.ndarray:
    ranks = {name: rank for rank, name in enumerate(FORMATS)}
    return np.array([ranks.get(name, len(FORMATS)) for name in table.texts("format")], np.int64)


def _of_pictures(said: Mapping[tuple[int, int], str], prints: Prints) -> dict[tuple[int, int], str]:
    """A person's words on pairs of photos as words on pairs of pictures, the lower first."""
    pictures = {row: number for number, row in enumerate(prints.rows.tolist())}
    return {
        (min(pictures[one], pictures[other]), max(pictures[one], pictures[other])): word
        for (one, other), word in said.items()
        if one in pictures and other in pictures
    }


def _links(prints: Prints, related: Related, judged: Mapping[tuple[int, int], str]) -> dict[int, list[Link]]:
    """Each photo's relations, by its row; both of a pair have it, but for what a person said is different."""
    links: dict[int, list[Link]] = defaultdict(list)
    rows = prints.rows[related.pairs].tolist()
    for (one, other), kind, score in zip(rows, related.kind.tolist(), related.score.tolist(), strict=True):
        if (min(one, other), max(one, other)) not in judged:
            words = "same pixels" if score == 1.0 else f"{Kind(kind).words}, score {shown(score)}"
            links[one].append(Link(other, Kind(kind), score, words))
            links[other].append(Link(one, Kind(kind), score, words))
    for (one, other), word in judged.items():
        if word == "same":
            links[one].append(Link(other, Kind.COPY, 1.0, BY_HAND))
            links[other].append(Link(one, Kind.COPY, 1.0, BY_HAND))
    return links


def _twins(table: Table, rows: np.ndarray) -> dict[int, int]:
    """Of photos with the same bytes all but the best, and which one that is."""
    best: dict[str, int] = {}
    firsts = {row: best.setdefault(table.hashes[row], row) for row in rows.tolist()}
    return {row: first for row, first in firsts.items() if row != first}


def _leave_out(
    table: Table,
    recipe: Recipe,
    rows: np.ndarray,
    rank: np.ndarray,
    links: Mapping[int, Sequence[Link]],
    twins: Mapping[int, int],
    judged: Mapping[tuple[int, int], str],
) -> Table:
    """Go from the best to the worst: who is one picture with a photo that was kept is left out."""
    kinds = ONE_PICTURE[recipe.same]
    duplicate_of = table.duplicate_of.copy()
    nearest: dict[int, Link] = {}
    parted: dict[int, list[int]] = defaultdict(list)  # by the best with their bytes: those that a person parted from it
    for row in rows.tolist():
        # only those that are kept count: a copy of a copy is judged by itself, so chains cannot grow
        better = [link for link in links.get(row, ()) if rank[link.other] < rank[row] and duplicate_of[link.other] < 0]
        if row in twins:
            first = twins[row]
            alike = _as_its_twins(row, [first, *parted[first]], duplicate_of, nearest, judged)
            better += alike
            parted[first] += [] if alike else [row]
        if not better:
            continue
        better.sort(key=lambda link: (link.words != BY_HAND, -link.score, rank[link.other]))
        same = [link for link in better if link.kind in kinds]
        nearest[row] = (same or better)[0]
        if same and not table.by_hand[row]:
            duplicate_of[row] = same[0].other
    left = duplicate_of >= 0
    words = {row: nearest[row].words for row in np.flatnonzero(left).tolist()}
    return replace(
        table.mark(left, Reason.DUPLICATE, words), duplicate_of=duplicate_of, **_columns(len(table), nearest)
    )


def _as_its_twins(
    row: int,
    twins: Sequence[int],
    duplicate_of: np.ndarray,
    nearest: Mapping[int, Link],
    judged: Mapping[tuple[int, int], str],
) -> list[Link]:
    """What holds for photos with the same bytes holds for this one, unless a person said that it does not."""
    links = []
    for twin in twins:
        link = nearest[twin] if duplicate_of[twin] >= 0 else Link(twin, Kind.COPY, 1.0, "same bytes")
        if judged.get((min(row, link.other), max(row, link.other))) != "different":
            links.append(link)
    return links


def _columns(count: int, nearest: Mapping[int, Link]) -> dict[str, Any]:
    related_to, relations = np.full(count, -1, np.int64), np.full(count, "", object)
    scores = np.full(count, np.nan)
    for row, link in nearest.items():
        related_to[row], relations[row], scores[row] = link.other, link.kind.words, round(link.score, 4)
    return {"related_to": related_to, "relations": relations, "relation_scores": scores}
